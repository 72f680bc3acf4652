"""Command lines of ``key=value``, as the commands of this room take them."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from fusion.contract import FusionError

MENDABLE = 2
"""Exit code for what the user can mend."""

_OF_THE_MACHINE = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ENOSPC, errno.EDQUOT}
)
"""Errors of a place to write to that are no defects."""


def answered(
    arguments: Sequence[str] | None, doc: str | None, run: Callable[[list[str]], int], *, resumable: bool = False
) -> int:
    """A command's exit code: 0 for its help, `MENDABLE` for what the user can mend, else what `run` gives.

    Args:
        arguments: of the command line; None takes the process's.
        doc: its help, written where nothing or ``--help`` is given.
        run: arguments → exit code.
        resumable: whether Ctrl-C is answered by saying so, with code 130; else it is left to Python.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    if not given or {"-h", "--help"} & set(given):
        sys.stdout.write(doc or "")
        return 0
    try:
        return run(given)
    except FusionError as error:
        sys.stderr.write(f"{error}\n")
        return MENDABLE
    except OSError as error:
        if error.filename is None or error.errno not in _OF_THE_MACHINE:
            raise
        sys.stderr.write(f"{error.filename}: {error.strerror}. Free or open it, or set output=<another folder>.\n")
        return MENDABLE
    except KeyboardInterrupt:
        if not resumable:
            raise
        sys.stderr.write("\nInterrupted. Give the same command again: it goes on.\n")
        return 130


def asked_keys(arguments: Sequence[str], defaults: Mapping[str, Any], *, texts: Collection[str] = ()) -> dict[str, Any]:
    """Each key with what the command line gives it, read as YAML, or its default.

    Args:
        arguments: of the command line.
        defaults: key → value where it is not given.
        texts: keys whose value is taken as it is written: paths, regular expressions.

    Raises:
        FusionError: an unknown key, one without a value, or a value that is no YAML.
    """
    import yaml

    asked = dict(defaults)
    for text in arguments:
        key, equals, value = text.partition("=")
        if not equals or key not in asked:
            raise FusionError(f"{text!r}: the keys are {', '.join(asked)}, each as key=value.")
        if key in texts:
            asked[key] = value
            continue
        try:
            asked[key] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise FusionError(f"{text!r} cannot be read; lists are written data=[clinical,maf].") from error
    return asked


def whole_number(asked: Mapping[str, Any], key: str, what: str, *, least: int) -> int:
    """A key's number.

    Raises:
        FusionError: it is none, or less than `least`.
    """
    value = asked[key]
    if type(value) is not int or value < least:
        raise FusionError(f"{key}={value}: give {what}, {least} or more.")
    return value


def is_true(asked: Mapping[str, Any], key: str) -> bool:
    """A key's yes or no.

    Raises:
        FusionError: it is neither.
    """
    if type(asked[key]) is not bool:
        raise FusionError(f"{key}={asked[key]}: give true or false.")
    return bool(asked[key])


def words(asked: Mapping[str, Any], key: str, known: Sequence[str]) -> list[str]:
    """A key's word, or list of words, each once and in order.

    Raises:
        FusionError: there is none, or one is not of `known`.
    """
    given = [asked[key]] if isinstance(asked[key], str) else asked[key]
    if not isinstance(given, list) or not given:
        raise FusionError(f"{key}: give one of {', '.join(known)}, or several: {key}=[{','.join(known[:2])}].")
    unknown = [one for one in given if one not in known]
    if unknown:
        raise FusionError(f"{key}: {unknown[0]} is none of {', '.join(known)}.")
    return list(dict.fromkeys(given))
