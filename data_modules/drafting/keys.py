"""Names in the cohort for the files of a folder: short, plain, once each."""

from __future__ import annotations

import re
from collections.abc import Sequence
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
    for names in folders.values():
        stems = {name: bare_name(PurePosixPath(name).name) for name in names}
        before = _beginning(list(stems.values())) if len(stems) > 2 else ""
        after = _beginning([stem[::-1] for stem in stems.values()])[::-1] if len(stems) > 2 else ""
        for name, stem in stems.items():
            short = stem.removeprefix(before) if len(before) >= _SHARED else stem
            short = short.removesuffix(after) if len(before) >= _SHARED and len(short) > len(after) else short
            made[name] = unused(plain_key(short), made.values())
    return made


def _beginning(texts: Sequence[str]) -> str:
    """What all texts begin with."""
    low, high = min(texts), max(texts)
    same = next((at for at, letter in enumerate(low) if high[at : at + 1] != letter), len(low))
    return low[:same]


def unused(key: str, taken: object) -> str:
    """`key`, or `key` with a number where it is taken already."""
    others, number, made = set(taken), 2, key  # type: ignore[call-overload]
    while made in others:
        made, number = f"{key}_{number}", number + 1
    return made
