"""Where configuration files lie, how they are read, and the error that names what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from fusion.contract import FusionError


class ConfigError(FusionError):
    """The command line or a YAML file asks for something that does not exist."""


def conf_dir() -> Path:
    """The package's configuration files: ``fusion/conf`` in a wheel, ``conf`` beside ``fusion`` in the tree."""
    here = Path(__file__).resolve().parent.parent
    return here / "conf" if (here / "conf").is_dir() else here.parent / "conf"


def roots(user_dir: Path | None) -> list[Path]:
    """Folders that configuration is read from, the package's first, as Hydra searches them."""
    return [conf_dir()] if user_dir is None else [conf_dir(), user_dir]


def find(group: str, name: str, user_dir: Path | None) -> Path | None:
    """A group's file; the package's before the user's, as Hydra takes it."""
    places = (root / group / f"{name}.yaml" for root in roots(user_dir))
    return next((place for place in places if place.is_file()), None)


def read(path: Path) -> dict[str, Any]:
    """A YAML file's content; remembered until the file changes.

    Raises:
        ConfigError: it is no YAML, naming file and line.
    """
    try:
        return _parsed(path, path.stat().st_mtime_ns)
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}, line {line}: is not written in UTF-8. Save it as UTF-8.") from error
    except yaml.YAMLError as error:
        told = " ".join(str(error).replace('in "<unicode string>", ', "").split())
        raise ConfigError(f"{path}: is no YAML ({told}).") from error


@lru_cache(maxsize=256)
def _parsed(path: Path, changed: int) -> dict[str, Any]:
    del changed  # part of the key: an edited file is read again
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    text = path.read_text(encoding="utf-8")
    if text.startswith("\ufeff"):  # before which Hydra does not see what package the file is of
        raise ConfigError(f"{path}: begins with a byte order mark. Save it as UTF-8 without one.")
    content = yaml.load(text, Loader=loader)  # noqa: S506 — both are safe loaders
    return content if isinstance(content, dict) else {}


def names(group: str, user_dir: Path | None) -> list[str]:
    """Choices of a group, by the names of its files."""
    return sorted({file.stem for root in roots(user_dir) for file in (root / group).glob("*.yaml")})


def merged(base: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Mappings merged at any depth; `more` counts."""
    made = dict(base)
    for key, value in more.items():
        old = made.get(key)
        made[key] = merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return made


def broken_files(user_dir: Path | None) -> list[str]:
    """What is wrong with each file that is no YAML."""
    problems = []
    for file in (file for root in roots(user_dir) for file in sorted(root.rglob("*.yaml"))):
        try:
            read(file)
        except ConfigError as error:
            problems.append(str(error))
    return problems
