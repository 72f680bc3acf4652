"""A root that a generator wrote, perhaps that of an earlier version: is it the one asked for, and what does it lack."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from data_modules.errors import CohortError, Problem
from fusion.contract import Progress, some

SETTINGS = ("patients", "seed", "interaction")
"""Of a cohort, that its generator takes."""


def complete(
    cohort: str,
    stamp: Path,
    files: Sequence[Path],
    settings: Mapping[str, object],
    generator: Callable[..., object],
    progress: Progress,
) -> None:
    """Let the generator add `files` that an earlier version did not write.

    Args:
        cohort: its name.
        stamp: of the root, with the settings it was written with.
        files: of its tables.
        settings: asked for.
        generator: see `CohortFiles`.
        progress: of the generator.

    Raises:
        CohortError: the root was written with other settings.
    """
    written = json.loads(stamp.read_text(encoding="utf-8"))
    other = [
        f"{key}={written.get(key)!r}, not {value!r}" for key, value in settings.items() if written.get(key) != value
    ]
    if other:
        what = f"{stamp.parent.absolute()} was written with {some(other)}"
        remedy = "Set cohort.root to another folder for these settings, or to null"
        raise CohortError(cohort, [Problem(what=what, remedy=remedy)])
    # A stamp that does not tell how the root was written may stand beside files of one's own: nothing is written there.
    if written.keys() >= set(SETTINGS) and not all(file.is_file() for file in files):
        generator(stamp.parent, progress=progress, **{key: written[key] for key in SETTINGS})
