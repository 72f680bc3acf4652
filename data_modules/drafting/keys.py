"""Names in the cohort for the files of a folder: short, plain, once each."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import PurePosixPath

from data_modules.patient_ids import bare_name

_SHARED = 8


def plain_key(text: str) -> str:
    """Lower-case letters, digits and ``_``, beginning with a letter."""
    key = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_") or "table"
    return key if key[0].isalpha() else f"t_{key}"


def keys_of(files: Sequence[str]) -> dict[str, str]:
    """File → key: its name less endings, and less what all names of its folder begin or end with."""
    folders: dict[str, list[str]] = {}
    for file in files:
        folders.setdefault(str(PurePosixPath(file).parent), []).append(file)
    made: dict[str, str] = {}
    taken: set[str] = set()
    numbers: dict[str, int] = {}  # of 100,000 files of one name, each is counted on from the one before
    for names in folders.values():
        stems = {name: bare_name(PurePosixPath(name).name) for name in names}
        before = _beginning(list(stems.values())) if len(stems) > 2 else ""
        after = _beginning([stem[::-1] for stem in stems.values()])[::-1] if len(stems) > 2 else ""
        for name, stem in stems.items():
            short = stem.removeprefix(before) if len(before) >= _SHARED else stem
            short = short.removesuffix(after) if len(before) >= _SHARED and len(short) > len(after) else short
            key = plain_key(short)
            made[name], numbers[key] = _numbered(key, taken, numbers.get(key, 1))
            taken.add(made[name])
    return made


def _beginning(texts: Sequence[str]) -> str:
    """What all texts begin with."""
    low, high = min(texts), max(texts)
    same = next((at for at, letter in enumerate(low) if high[at : at + 1] != letter), len(low))
    return low[:same]


def unused(key: str, taken: Collection[str]) -> str:
    """`key`, or `key` with a number where it is taken already."""
    return _numbered(key, taken, 1)[0]


def _numbered(key: str, taken: Collection[str], number: int) -> tuple[str, int]:
    """The first of ``key``, ``key_2``, … from `number` on that is not taken, and its number."""
    made = key if number == 1 else f"{key}_{number}"
    while made in taken:
        number += 1
        made = f"{key}_{number}"
    return made, number
