"""How many tiles of a patient are drawn in training.

Of a slide of which two tiles in a hundred tell the outcome, a draw of 24 shows none in six epochs of ten; the label
then teaches what is not there. So by default small bags are drawn whole, and of large ones some hundreds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from fusion.contract import FusionError

Tiles = int | Literal["auto"] | None
"""A number; ``auto``, by size; None for all."""

LEAST = {"embeddings": 512, "tiles": 256}
"""What ``auto`` draws at least, by kind: pixels are encoded, and their gradients kept, at every step."""

SHARE = 0.1
"""Of a bag, what it draws at least."""

MOST = {"embeddings": 2048, "tiles": 256}
"""What it draws at most, for memory."""


def check_tiles(tiles: Tiles, *, key: str = "tiles_per_patient") -> Tiles:
    """What may be asked for.

    Args:
        tiles: the value of
        key: below ``datamodule``.

    Raises:
        FusionError: it is neither a number above 0, auto nor null.
    """
    if tiles is None or tiles == "auto" or (isinstance(tiles, int) and not isinstance(tiles, bool) and tiles > 0):
        return tiles
    raise FusionError(f"datamodule.{key} is {tiles!r}; set a number above 0, auto (by size) or null (all).")


def drawn(size: int, tiles: Tiles, *, kind: str) -> int:
    """How many of a bag of `size` tokens are drawn.

    Args:
        size: of the bag.
        tiles: what was asked for.
        kind: ``tiles`` or ``embeddings``.
    """
    if tiles is None:
        return size
    if tiles == "auto":
        tiles = max(LEAST[kind], min(int(np.ceil(SHARE * size)), MOST[kind]))
    return min(size, int(tiles))


def sampling(sizes: Sequence[int], tiles: Tiles, *, kind: str) -> dict[str, float | int]:
    """What training sees of its patients' bags: a record for arm.json.

    Args:
        sizes: tokens of each patient who has any.
        tiles: what was asked for.
        kind: of the bags.

    Returns:
        patients; the median numbers of tiles there are and are drawn an epoch; the mean and the lowest share drawn.
    """
    numbers = [drawn(size, tiles, kind=kind) for size in sizes]
    shares = [number / size for number, size in zip(numbers, sizes, strict=True)]
    return {
        "patients": len(sizes),
        "tiles": float(np.median(sizes)),
        "drawn": float(np.median(numbers)),
        "share": float(np.mean(shares)),
        "lowest_share": float(min(shares)),
    }
