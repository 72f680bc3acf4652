"""Which levels of a pyramid show the slide: labels kept as a level, and levels padded to whole tiles, do not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image

LARGEST_TILE = 1 << 26
"""Pixels of a tile: it is decoded whole, and a few kilobytes can be a tile of gigabytes."""

Size = tuple[int, int]


def fits(size: Size, whole: Size, *, slack: int = 1) -> bool:
    """Whether a level of `size` can be the `whole` reduced by one factor, sides rounded by up to `slack` pixels."""
    low = max(side / (part + slack) for side, part in zip(whole, size, strict=True))
    high = min(side / max(part - slack, 1e-9) for side, part in zip(whole, size, strict=True))
    return low <= high


def sound_levels(sizes: Sequence[Size], factors: Sequence[float]) -> dict[int, float]:
    """Level → its factor, of the levels that show the whole slide by one factor.

    Args:
        sizes: width and height of each level, level 0 first.
        factors: what the reader takes each level to be reduced by. Where that is not the mean of what the sizes say,
            the file itself says it, and a level may be padded beyond it (Philips).
    """
    whole = sizes[0]
    kept = {0: 1.0}
    for level, (size, factor) in enumerate(zip(sizes, factors, strict=True)):
        if not level:
            continue
        guessed = (whole[0] / size[0] + whole[1] / size[1]) / 2
        if fits(size, whole) or (
            abs(factor - guessed) > 1e-3 * guessed
            and all(part * factor >= side - factor for side, part in zip(whole, size, strict=True))
        ):
            kept[level] = factor
    return kept


def several(count: int) -> str:
    """A clause on a file that holds more than one slide, or planes of one: which is meant, nobody says."""
    return (
        f"a TIFF of {count} pictures of slide size: several slides, focal planes or time points. Save each slide, and "
        "the plane that is in focus, as a file of its own"
    )


class SoundLevels:
    """A slide of OpenSlide's interface with some of its levels left out.

    Args:
        slide: the slide.
        kept: levels to keep with their factors, of `sound_levels`.
    """

    def __init__(self, slide: Any, kept: dict[int, float]) -> None:
        self._slide = slide
        self._kept = list(kept)
        self.level_count = len(kept)
        self.level_downsamples = tuple(kept.values())
        width, height = slide.dimensions
        self.level_dimensions = tuple(
            # The part of a padded level that is slide.
            (min(size[0], max(1, round(width / factor))), min(size[1], max(1, round(height / factor))))
            for size, factor in ((slide.level_dimensions[level], factor) for level, factor in kept.items())
        )

    @property
    def dimensions(self) -> Size:
        """Width and height of level 0 in pixels."""
        return self._slide.dimensions  # type: ignore[no-any-return]

    @property
    def properties(self) -> Any:
        """As the file states them."""
        return self._slide.properties

    def get_best_level_for_downsample(self, downsample: float) -> int:
        """The coarsest sound level that is no coarser than asked for, as OpenSlide's."""
        fine = [level for level, factor in enumerate(self.level_downsamples) if factor <= downsample]
        return fine[-1] if fine else 0

    def read_region(self, location: Size, level: int, size: Size) -> Image:
        """As OpenSlide's: `location` in pixels of level 0, `size` in pixels of the level."""
        return self._slide.read_region(location, self._kept[level], size)  # type: ignore[no-any-return]

    def close(self) -> None:
        """Close the file."""
        self._slide.close()
