"""What a user may set about radiology volumes; explained in conf/modality/volumes.yaml."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from data_modules.ingest.volumes.settings import Crop, GridSettings, Intensity, Scanner, Spacing
from data_modules.modalities.settings import FileSettings
from fusion.contract import Count, Pattern, Positive, Settings, SettingsError, Share, some


@dataclass(frozen=True, kw_only=True)
class SequenceSettings(Settings):
    """A named time point and contrast, e.g. ``t1_pre``.

    Attributes:
        match: regular expression searched in a volume's name.
        time: only ``baseline`` may be an input.
        intensity: ``mr`` (z-score in the foreground) or ``ct`` (a window in Hounsfield units).
        window: of ``ct``: lowest and highest Hounsfield unit.
        clip: of ``mr``, in standard deviations.
    """

    match: Pattern
    time: str | None = None
    intensity: Scanner
    window: tuple[float, float] = (-160.0, 240.0)
    clip: Positive = 5.0

    @property
    def scaling(self) -> Intensity:
        """What ingest does to the numbers of such a volume."""
        low, high = self.window
        return Intensity(kind=self.intensity, window=(float(low), float(high)), clip=float(self.clip))

    def conflicts(self) -> list[str]:
        """A sequence that cannot be an input, or cannot be scaled."""
        problems = []
        if self.time != "baseline":
            problems.append(
                f"time is {self.time!r}: only volumes taken at baseline may be inputs. "
                "Set it to baseline if they are, or take the sequence out."
            )
        return problems + _problems_of(lambda: self.scaling)


@dataclass(frozen=True, kw_only=True)
class MaskSettings(Settings):
    """Mask files.

    Attributes:
        match: regular expression searched in their names.
        of: the sequence they are drawn on.
        label: the label of them that counts, or several; None: all.
    """

    match: Pattern
    of: str
    label: float | tuple[float, ...] | None = None

    @property
    def labels(self) -> tuple[float, ...]:
        """`label` as a list; empty where all count."""
        given = () if self.label is None else self.label
        return tuple(map(float, given)) if isinstance(given, tuple) else (float(given),)


@dataclass(frozen=True, kw_only=True)
class VolumeSettings(FileSettings):
    """Of `modality.<volumes>`; see conf/modality/volumes.yaml.

    Attributes:
        files: paths or globs of NIfTI files and DICOM slices, or of folders, which stand for all below them.
        sequences: by name, in the order of tokens.
        mask: of the lesion; None without any.
        spacing: millimetres between the grid's voxels to the right, to anterior and to superior; one number for all.
        size: of the grid, voxels.
        patch: of a token, voxels; divides `size`.
        crop: what the grid is centred on; see `GridSettings`.
        centre: sequences by which the grid is centred, first choice first; None: in the order of `sequences`.
        workers: threads that read.
        max_failed: share of patients whose volumes may fail.
    """

    sequences: Mapping[str, SequenceSettings]
    mask: MaskSettings | None = None
    spacing: Spacing | tuple[Spacing, Spacing, Spacing] = 1.0
    size: Count | tuple[Count, Count, Count] = 64
    patch: Count | tuple[Count, Count, Count] = 16
    crop: Crop = "foreground"
    centre: tuple[str, ...] | None = None
    workers: Count = 2
    max_failed: Share = 0.05

    @property
    def grid(self) -> GridSettings:
        """The grid, three numbers an axis."""
        return GridSettings(
            spacing=_three(self.spacing, float),
            size=_three(self.size, int),
            patch=_three(self.patch, int),
            crop=self.crop,
        )

    def conflicts(self) -> list[str]:
        """Names of sequences that are not declared, a crop to no mask, a grid that does not fall into patches."""
        problems = super().conflicts() + _problems_of(lambda: self.grid)
        if not self.sequences:
            problems.append("sequences is empty. Declare at least one, with match, time and intensity.")
        strangers = [name for name in self.centre or () if name not in self.sequences]
        if strangers:
            problems.append(f"centre names {some(strangers)}, which sequences does not declare.")
        if self.mask is not None and self.mask.of not in self.sequences:
            problems.append(
                f"mask.of is {self.mask.of!r}, which is no name of sequences ({some(list(self.sequences))})."
            )
        if self.crop == "mask" and self.mask is None:
            problems.append("crop is mask, but mask is null. Set mask.match and mask.of, or another crop.")
        return problems


def _problems_of(make: Any) -> list[str]:
    try:
        make()
    except SettingsError as error:
        return list(error.problems)
    return []


def _three(value: Any, kind: Any) -> Any:
    return tuple(kind(one) for one in (value if isinstance(value, Sequence) else [value] * 3))
