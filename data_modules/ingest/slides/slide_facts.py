"""A slide to ingest, what it says of itself, and which files on disk it consists of."""

from __future__ import annotations

import glob
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_modules.ingest.slides.dicom_slide import is_dicom, series_files
from data_modules.ingest.slides.ome import UNKNOWN_UNIT
from data_modules.ingest.slides.settings import TileSettings
from fusion.contract import FusionError

_MPP_RANGE = (0.05, 20.0)  # outside, a resolution tag is a default (72 dpi is 353) or a slip
_MPP = ("openslide.mpp-x", "openslide.mpp-y")
_OBJECTIVE = 10.0  # microns per pixel times power, of usual cameras and scanners: 0.5 at 20×
_FAR = 3.0  # by what factor cameras and adapters depart from it at most
_ENLARGED = 1.1 + 1e-6  # 0.55 microns are still called 20×


class SlideError(FusionError):
    """One slide cannot be used; the message names it."""


class ResolutionError(SlideError):
    """Nobody knows a slide's microns per pixel; `silent` where it says nothing, so that a default would count."""

    def __init__(self, message: str, *, silent: bool = False) -> None:
        super().__init__(message)
        self.silent = silent


class EnlargedError(SlideError):
    """A slide is coarser than the tiles that are asked for; `mpp` is its own."""

    def __init__(self, message: str, *, mpp: float) -> None:
        super().__init__(message)
        self.mpp = mpp


@dataclass(frozen=True, kw_only=True)
class SlideFacts:
    """What a slide says of itself. `mpp` is microns per pixel of level 0, `width` and `height` are its pixels."""

    file: str
    mpp: float
    width: int
    height: int
    vendor: str


@dataclass(frozen=True, kw_only=True)
class SlideRequest:
    """A slide to ingest.

    Attributes:
        path: the file, or one of its files.
        mpp: microns per pixel, whatever the slide says.
        default_mpp: where it says nothing.
        name: how messages and results call it; its file's name, unless another has that too.
        by_objective: whether a slide that says no more than its objective's power is taken at its word.
    """

    path: Path
    mpp: float | None = None
    default_mpp: float | None = None
    name: str = ""
    by_objective: bool = False

    @property
    def label(self) -> str:
        """How messages call it."""
        return self.name or self.path.name

    @property
    def files(self) -> list[Path]:
        """All files that hold its pixels, `path` first: DICOM and MIRAX slides are of several files."""
        path = self.path
        if path.suffix.lower() == ".mrxs":
            return [path, *sorted(item for item in path.with_suffix("").glob("*") if item.is_file())]
        if path.suffix.lower() in (".vms", ".vmu"):
            return [path, *sorted(item for item in path.parent.glob(f"{glob.escape(path.stem)}*") if item != path)]
        return series_files(path) if is_dicom(path) else [path]


def resolution(properties: Any, request: SlideRequest) -> float:
    """Microns per pixel of level 0.

    Raises:
        ResolutionError: nobody says it, or what is said cannot be.
    """
    name = request.label
    if request.mpp is not None:
        told = [request.mpp]
    else:
        told = [float(properties[key]) for key in _MPP if key in properties]
        power = float(properties.get("openslide.objective-power") or 0)
        if not told and request.by_objective and power > 0:
            told = [_OBJECTIVE / power]
        if not told and request.default_mpp is None:
            raise ResolutionError(
                f"{name} does not say its microns per pixel{_instead(properties, power)}", silent=True
            )
        if told and power > 0 and not 1 / _FAR < told[0] * power / _OBJECTIVE < _FAR:
            raise ResolutionError(
                f"{name} has {told[0]:.4g} microns per pixel and an objective of {power:g}×, which gives some "
                f"{_OBJECTIVE / power:.2g}"
            )
        told = told or [float(request.default_mpp or 0)]
    if not all(_MPP_RANGE[0] <= value <= _MPP_RANGE[1] for value in told):
        raise ResolutionError(f"{name} has {told[0]:.4g} microns per pixel, which no slide scanner has")
    if max(told) > 1.05 * min(told):
        raise ResolutionError(f"{name} has pixels of {told[0]:.4g} by {told[1]:.4g} microns, which are not square")
    return sum(told) / len(told)


def _instead(properties: Any, power: float) -> str:
    """What a slide without a resolution says instead."""
    if UNKNOWN_UNIT in properties:
        return f" in a unit that is known ({properties[UNKNOWN_UNIT]!r} is no unit of OME's)"
    return f" (it says {power:g}×)" if power > 0 else ""


def refuse_enlarging(facts: SlideFacts, tile: TileSettings) -> None:
    """Tiles finer than the slide would be blown up, and stand as blurred among sharp ones.

    Raises:
        EnlargedError: naming both resolutions.
    """
    if facts.mpp > _ENLARGED * tile.mpp:
        raise EnlargedError(
            f"{facts.file} has {facts.mpp:.4g} microns per pixel, coarser than the {tile.mpp:g} that are asked for "
            f"(tile.mpp): its tiles would be enlarged {facts.mpp / tile.mpp:.3g}-fold",
            mpp=facts.mpp,
        )
