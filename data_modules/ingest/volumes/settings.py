"""How volumes are scaled and placed; what of it a user sets is explained in conf/modality/volumes.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from fusion.contract import Count, Positive, Range, Settings

Triple = tuple[int, int, int]
Crop = Literal["foreground", "mask", "brightest", "none"]
Scanner = Literal["mr", "ct"]

Spacing = Annotated[float, Range(low=0.1, high=20)]
"""Millimetres between voxels."""


@dataclass(frozen=True, kw_only=True)
class GridSettings(Settings):
    """The grid that every patient's volumes are brought to.

    Attributes:
        spacing: millimetres between voxels: to the right, to anterior, to superior.
        size: voxels along each axis.
        patch: voxels of a patch; divides `size`.
        crop: what the grid is centred on: the box of the ``mask``, of the ``foreground``, of the ``brightest``
            connected piece of the reference sequence (after contrast: the enhancing lesion, more often than not), or
            the middle of the volume (``none``).
    """

    spacing: tuple[Spacing, Spacing, Spacing] = (1.0, 1.0, 1.0)
    size: tuple[Count, Count, Count] = (64, 64, 64)
    patch: tuple[Count, Count, Count] = (16, 16, 16)
    crop: Crop = "foreground"

    @property
    def patches(self) -> Triple:
        """Patches along each axis."""
        x, y, z = (size // patch for size, patch in zip(self.size, self.patch, strict=True))
        return x, y, z

    def conflicts(self) -> list[str]:
        """A grid that does not fall into whole patches."""
        if any(size % patch for size, patch in zip(self.size, self.patch, strict=True)):
            return [f"size {list(self.size)} is no multiple of patch {list(self.patch)}."]
        return []


@dataclass(frozen=True, kw_only=True)
class Intensity(Settings):
    """How numbers of a scanner become numbers for a network.

    Attributes:
        kind: ``ct``: Hounsfield units from `window` to [0, 1]. ``mr``: (x - mean) / standard deviation of the
            foreground, cut at ±`clip`; MR has no unit.
        window: lowest and highest Hounsfield unit.
        clip: in standard deviations.
    """

    kind: Scanner
    window: tuple[float, float] = (-160.0, 240.0)
    clip: Positive = 5.0

    def conflicts(self) -> list[str]:
        """A window that ends where it begins, or before."""
        if self.window[0] < self.window[1]:
            return []
        return [f"window is {list(self.window)}. Give the lowest and the highest Hounsfield unit."]
