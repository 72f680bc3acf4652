"""Why slides do not open, told by what mends it."""

from __future__ import annotations

from collections.abc import Sequence

from data_modules.ingest.slides.slide_facts import EnlargedError, ResolutionError, SlideError
from fusion.contract import some


def opening_problems(errors: Sequence[SlideError], *, total: int, key: str) -> list[str]:
    """Sentences for `check`; each remedy mends what its sentence tells of.

    Args:
        errors: of slides that were opened.
        total: how many slides there are.
        key: of the modality, e.g. ``modality.slides``.
    """
    silent = [error for error in errors if isinstance(error, ResolutionError) and error.silent]
    odd = [error for error in errors if isinstance(error, ResolutionError) and not error.silent]
    coarse = [error for error in errors if isinstance(error, EnlargedError)]
    broken = [error for error in errors if not isinstance(error, ResolutionError | EnlargedError)]
    problems = []
    if silent:
        problems.append(
            f"{key}: {len(silent)} of {total} slides have no usable resolution: {some(silent)}. Set {key}.mpp to a "
            "number for all that say none, or to a mapping of file name to microns per pixel; or "
            f"{key}.objective_power to true, where they say their objective."
        )
    if odd:
        problems.append(
            f"{key}: {len(odd)} of {total} slides have a resolution that cannot be: {some(odd)}. Set {key}.mpp to a "
            "mapping of file name to microns per pixel, which overrules what these slides say (a number does not)."
        )
    if coarse:
        problems.append(
            f"{key}: {len(coarse)} of {total} slides are too coarse: {some(coarse)}. Set {key}.tile.mpp to "
            f"{max(error.mpp for error in coarse):.4g} or more; correct {key}.mpp by a mapping of file name to microns "
            f"per pixel, if they say the wrong one; or leave them out of {key}.files."
        )
    if broken:
        problems.append(
            f"{key}: {len(broken)} of {total} slides cannot be read: {some(broken)}. "
            f"Copy them again, or leave them out of {key}.files."
        )
    return problems
