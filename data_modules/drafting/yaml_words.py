"""Values and comments as YAML has them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import yaml

from fusion.contract import some

OPEN = "???"
FILL = f"'{OPEN}'"
"""What is left to fill, in quotes: inside braces YAML takes a question mark for something else."""

WIDTH = 150


def scalar(value: object) -> str:
    """A value on one line, quoted where YAML would take it for another kind."""
    if value in (OPEN, FILL):
        return FILL
    style = '"' if isinstance(value, str) and not value.isprintable() else None  # a line break as \\n
    text = yaml.safe_dump(value, default_flow_style=True, default_style=style, width=10**6, allow_unicode=True).strip()
    text = text.removesuffix("\n...").strip()
    # Inside braces and brackets these end a plain word.
    plain = isinstance(value, str) and text == value
    return f"'{value}'" if plain and any(sign in text for sign in ",[]{}") else text


def sequence(values: Iterable[object]) -> str:
    """``[a, b]``."""
    return f"[{', '.join(scalar(value) for value in values)}]"


def mapping(pairs: dict[str, str]) -> str:
    """``{a: 1, b: ???}``; values are YAML already."""
    return f"{{{', '.join(f'{key}: {value}' for key, value in pairs.items())}}}"


def with_comment(line: str, comment: str, *, at: int = 0) -> str:
    """A line with a comment behind it, cut where it is very long; line breaks would end it."""
    told = one_line(comment)
    told = told if len(told) <= WIDTH else f"{told[: WIDTH - 1]}…"
    return f"{line:<{at}}  # {told}" if told else line


def many(count: int, noun: str) -> str:
    """``1 file``, ``2 files``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def by_reason(left: Mapping[str, str]) -> list[str]:
    """Files that are left out, a sentence a reason: ``b.csv and 2 more: is empty``.

    Args:
        left: file → why.
    """
    reasons: dict[str, list[str]] = {}
    for file, why in left.items():
        reasons.setdefault(why, []).append(file)
    return [f"{some(files, 1)}: {why}" for why, files in reasons.items()]


def comments(lines: Sequence[str], *, indent: int = 0) -> list[str]:
    """Lines that are comments alone."""
    return [f"{' ' * indent}# {_printable(line)}" for line in lines]


def one_line(text: str) -> str:
    """Text of a file's on one line, single spaces between words."""
    return " ".join(_printable(text).split())


def _printable(text: str) -> str:
    """Without what would end a comment, or what no YAML may hold."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
