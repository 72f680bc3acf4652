"""One patient's volumes on one grid: read, scaled, resampled, described, and kept as a cache entry.

An entry is addressed by the bytes of the patient's files and by the settings, and appears when it is whole. All
decisions are made within the patient: nothing of an entry depends on anybody else. `python -m
data_modules.ingest.volumes.ingest cohort=…` runs it alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data_modules.hashes import content_hash
from data_modules.ingest.common.cache import CacheEntry
from data_modules.ingest.volumes.files import Volume, VolumeError, VolumeFile, volume_hash
from data_modules.ingest.volumes.grid import (
    box_center,
    center_of,
    find_foreground,
    grid_origin,
    normalise,
    resample,
    to_patches,
)
from data_modules.ingest.volumes.read import read_volume
from data_modules.ingest.volumes.settings import GridSettings, Intensity
from fusion.contract import some

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FORMAT = 4  # raise when what an entry holds changes


@dataclass(frozen=True, kw_only=True)
class VolumeRules:
    """Everything but the files that decides what an entry holds.

    Attributes:
        sequences: name → how its intensities are scaled; the order of tokens and the reference: the grid is centred by
            the first of `centre` that the patient has.
        grid: see `GridSettings`.
        centre: names of `sequences`, first choice first.
    """

    sequences: Mapping[str, Intensity]
    grid: GridSettings = field(default_factory=GridSettings)
    centre: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PatientVolumes:
    """A patient to ingest: the volume of each sequence they have, and their mask (`labels` of it; all, if empty)."""

    patient: str
    files: Mapping[str, VolumeFile]
    mask: VolumeFile | None = None
    labels: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class VolumeEntry:
    """One ingested patient, on disk.

    Attributes:
        folder: holds ``values.npy`` float32 ``(sequence, x, y, z)``, ``inside.npy`` bool of that shape (False where the
            sequence is missing or the grid lies outside of it), ``region.npy`` bool ``(x, y, z)``, ``features.npy``
            float64, ``volumes.json`` (one row a volume) and ``panel.png``.
    """

    folder: Path

    def values(self) -> NDArray[np.float32]:
        """``(sequence, x, y, z)`` float32 on the grid."""
        return np.load(self.folder / "values.npy", allow_pickle=False)  # type: ignore[no-any-return]

    def inside(self) -> NDArray[np.bool_]:
        """``(sequence, x, y, z)`` bool: where a volume was."""
        return np.load(self.folder / "inside.npy", allow_pickle=False)  # type: ignore[no-any-return]

    def features(self) -> NDArray[np.float64]:
        """``(feature,)`` hand-crafted, float64."""
        return np.load(self.folder / "features.npy", allow_pickle=False)  # type: ignore[no-any-return]

    def record(self) -> list[dict[str, Any]]:
        """Rows of the quality table."""
        content: list[dict[str, Any]] = json.loads((self.folder / "volumes.json").read_text(encoding="utf-8"))
        return content

    def tokens(self, grid: GridSettings) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Patches ``(sequence · patch, px, py, pz)``, sequence by sequence, and which hold anything measured."""
        values, inside = self.values(), self.inside()
        tokens = np.concatenate([to_patches(part, grid.patch) for part in np.where(inside, values, 0)])
        known = np.concatenate([to_patches(part.astype(np.float32), grid.patch) for part in inside])
        return np.asarray(tokens, dtype=np.float32), np.asarray(known.any(axis=(1, 2, 3)), dtype=np.bool_)


def entry_for(request: PatientVolumes, settings: VolumeRules, *, cache: Path) -> CacheEntry:
    """Where this patient's entry lies, or will lie."""
    named = [*request.files.items(), *([] if request.mask is None else [("(mask)", request.mask)])]
    rules = {
        "format": _FORMAT,
        "files": [[name, volume_hash(file, memo=cache)] for name, file in named],
        "labels": list(request.labels),
        "sequences": [[name, asdict(how)] for name, how in settings.sequences.items()],
        "grid": asdict(settings.grid),
        "centre": settings.centre,
    }
    return CacheEntry(root=cache, kind="volumes", key=content_hash([], rules))


def ingest_patient(request: PatientVolumes, settings: VolumeRules, *, cache: Path) -> VolumeEntry:
    """Make one patient's entry, or find it.

    Raises:
        VolumeError: a volume or the mask cannot be read or used; the message names it.
        FusionError: the disk is full.
    """
    entry = entry_for(request, settings, cache=cache)
    return VolumeEntry(folder=entry.build(lambda folder: _write(folder, request, settings)))


@dataclass(frozen=True, kw_only=True)
class _Read:
    """A sequence of the patient: as taken, its foreground, and scaled."""

    volume: Volume
    foreground: NDArray[np.bool_]
    scaled: NDArray[np.float32]


def _write(folder: Path, request: PatientVolumes, settings: VolumeRules) -> None:
    from data_modules.ingest.volumes.features import describe
    from data_modules.ingest.volumes.panel import draw_panel

    read = {name: _read(request.files[name], settings.sequences[name]) for name in request.files}
    mask, held = (None, "") if request.mask is None else _read_mask(request.mask, request.labels)
    reference = next((name for name in (*settings.centre, *settings.sequences) if name in read), None)
    if reference is None:
        raise VolumeError(f"{request.patient} has a mask but no volume")
    origin = _origin(request, read[reference], mask, settings)

    shape = (len(settings.sequences), *settings.grid.size)
    values, inside = np.zeros(shape, dtype=np.float32), np.zeros(shape, dtype=np.bool_)
    regions = {}
    rows = []
    for number, name in enumerate(settings.sequences):
        if name not in read:
            continue
        one, affine = read[name], read[name].volume.affine
        placed = resample(one.scaled, affine, origin=origin, grid=settings.grid)
        values[number], inside[number] = placed.values, placed.inside
        body = resample(one.foreground.astype(np.float32), affine, origin=origin, grid=settings.grid, nearest=True)
        regions[name] = (body.values > 0.5) & body.inside
        rows.append(_row(request, name, one, kept=regions[name], grid=settings.grid))
    outside = [request.files[name].name for name in read if not inside[list(settings.sequences).index(name)].any()]
    if len(outside) == len(read):
        raise VolumeError(f"{request.patient}: the grid lies outside of every volume; is the mask another patient's?")
    if outside:
        raise VolumeError(
            f"{request.patient}: the grid lies outside of {', '.join(outside)}, which shows another place than the rest"
        )
    region = regions[reference]
    if mask is not None:
        drawn = resample(mask.values, mask.affine, origin=origin, grid=settings.grid, nearest=True)
        region = (drawn.values > 0.5) & drawn.inside
    for row in rows if held else ():
        row["mask"] = held
    np.save(folder / "values.npy", values)
    np.save(folder / "inside.npy", inside)
    np.save(folder / "region.npy", region)
    present = [name in read for name in settings.sequences]
    np.save(folder / "features.npy", describe(values, region, present=present, spacing=settings.grid.spacing))
    outline = region if mask is not None else None
    draw_panel(values, present, settings.sequences, outline=outline).save(folder / "panel.png", compress_level=1)
    (folder / "volumes.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")


def _read(file: VolumeFile, how: Intensity) -> _Read:
    volume = read_volume(file)
    foreground = find_foreground(volume.values, how.kind)
    try:
        scaled = normalise(volume.values, foreground, how)
    except VolumeError as error:
        raise VolumeError(f"{file.name}: {error}") from error
    return _Read(volume=volume, foreground=foreground, scaled=scaled)


def _read_mask(file: VolumeFile, labels: tuple[float, ...]) -> tuple[Volume, str]:
    """The mask as 0 and 1, and the values that it holds."""
    mask = read_volume(file)
    region = np.isin(mask.values, labels) if labels else mask.values > 0.5
    held = some([f"{value:g}" for value in np.unique(mask.values)], 8)
    if not region.any():
        raise VolumeError(
            f"{file.name} is an empty mask" + (f" of label {list(labels)}: it holds {held}" if labels else "")
        )
    return Volume(values=region.astype(np.float32), affine=mask.affine), held


def _origin(
    request: PatientVolumes, reference: _Read, mask: Volume | None, settings: VolumeRules
) -> NDArray[np.float64]:
    grid = settings.grid
    if grid.crop != "mask":
        return grid_origin(reference.volume, center_of(reference.volume, grid.crop, reference.foreground), grid)
    if mask is None:
        raise VolumeError(f"{request.patient} has no mask to crop to")
    return grid_origin(reference.volume, box_center(mask.values > 0.5, mask.affine), grid)


def _row(
    request: PatientVolumes, name: str, one: _Read, *, kept: NDArray[np.bool_], grid: GridSettings
) -> dict[str, Any]:
    """The volume's row of the quality table."""
    import nibabel

    volume, file = one.volume, request.files[name]
    whole = float(one.foreground.sum()) * float(np.prod(volume.spacing)) / 1e3
    within = float(kept.sum()) * float(np.prod(grid.spacing)) / 1e3
    inside = volume.values[one.foreground]
    return {
        "patient": request.patient,
        "sequence": name,
        "file": file.name,
        "kind": file.kind,
        "shape": "×".join(map(str, volume.values.shape)),
        "spacing_mm": "×".join(f"{length:.4g}" for length in volume.spacing),
        "orientation": "".join(nibabel.aff2axcodes(volume.affine)),  # type: ignore[no-untyped-call]
        "lowest": float(volume.values.min()),
        "highest": float(volume.values.max()),
        "foreground_mean": float(inside.mean()),
        "foreground_std": float(inside.std()),
        "foreground_ml": whole,
        "foreground_in_grid": min(1.0, within / whole),
    }
