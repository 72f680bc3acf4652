"""What is known of features, modalities, endpoints and cohorts; plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ModalityKind = Literal["table", "variants", "tiles", "embeddings", "volume"]
EndpointKind = Literal["binary", "multiclass", "ordinal", "survival"]
FeatureKind = Literal["column", "burden", "dosage", "vaf", "count", "fraction", "copy_number", "embedding", "patch"]


TABULATED: tuple[ModalityKind, ...] = ("table", "variants")
"""Kinds whose tokens are named numbers, the same that `FittedModality.table` gives: one column a feature."""


@dataclass(frozen=True, kw_only=True)
class Bend:
    """A power transformation of a heavy-tailed number (Yeo and Johnson 2000) of so many times its typical size.

    Attributes:
        power: 1 changes nothing, 0 is a logarithm.
        size: that the number is divided by before.
    """

    power: float
    size: float

    def __call__(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Bent numbers; NaN stays."""
        import numpy as np
        from scipy.stats import yeojohnson

        return np.asarray(yeojohnson(np.asarray(values, dtype=np.float64) / self.size, lmbda=self.power))

    def undo(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The numbers that were bent; what no number is bent to becomes the largest or least one that is."""
        import numpy as np

        bent, power, edge = np.asarray(values, dtype=np.float64), self.power, 1e-12
        up = np.maximum(bent, 0.0)
        down = np.maximum(-bent, 0.0)
        positive = np.expm1(up) if power == 0 else np.maximum(power * up + 1, edge) ** (1 / power) - 1
        other = 2 - power
        negative = -np.expm1(down) if other == 0 else 1 - np.maximum(other * down + 1, edge) ** (1 / other)
        return np.where(bent >= 0, positive, negative) * self.size


@dataclass(frozen=True, kw_only=True)
class FeatureSpec:
    """One named input of a modality, as a clinician would read it.

    Attributes:
        name: unique within the modality, e.g. ``burden:TP53``, ``17:7675088:C>T``, ``age_at_index``.
        kind: what the number is.
        label: for figures and reports.
        gene: HGNC symbol, for variant features that belong to one gene.
        unit: of the raw value (before scaling), e.g. ``years``.
        consequence: worst consequence, for single variants.
        residue: number of the amino acid that a single variant changes, where that is known.
        center: subtracted from, and
        scale: then divided into the raw value by the fitted scaler, so that reports can undo it.
        bend: what the raw value went through before, where it is heavy-tailed.
    """

    name: str
    kind: FeatureKind
    label: str
    gene: str | None = None
    unit: str | None = None
    consequence: str | None = None
    residue: int | None = None
    center: float = 0.0
    scale: float = 1.0
    bend: Bend | None = None

    def raw(self, scaled: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values in the feature's own unit, of what the model sees."""
        values = scaled * self.scale + self.center
        return values if self.bend is None else self.bend.undo(values)


@dataclass(frozen=True, kw_only=True)
class ModalitySpec:
    """What an encoder must know of a modality; plain data, so that it is saved as JSON beside the weights.

    Attributes:
        name: the key in `Batch.modalities`, ``model.encoders`` and ``modality``.
        kind: see the table above.
        token_shape: the shape of one token's value: ``()``, ``(3, H, W)``, ``(feature,)`` or ``(X, Y, Z)``.
        features: one per token for ``table``, ``variants`` and ``volume``; empty for tiles.
        sequences: of a ``volume``, in the order of its tokens.
        grid: patches of a ``volume`` along each axis; within a sequence the last axis counts fastest.
    """

    name: str
    kind: ModalityKind
    token_shape: tuple[int, ...] = ()
    features: tuple[FeatureSpec, ...] = ()
    sequences: tuple[str, ...] = ()
    grid: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class EndpointSpec:
    """The outcome a head predicts.

    Attributes:
        name: of the outcome.
        kind: ``binary``, whose `classes[1]` is the positive class (the response); ``multiclass``; ``ordinal``, whose
            classes are grades from the least; or ``survival``, a time until an event: label 1 where the event was seen,
            0 where the patient was last seen without it (right censored).
        classes: names, in the order of the labels 0, 1, …
        note: for reports, e.g. that a label is a proxy.
        unit: of times and horizons, e.g. ``months``; of survival.
        horizons: times at which the probability to be without the event is told; of survival.
        time_zero: what times count from, e.g. ``diagnosis``; empty where nobody said.
        competing: of survival, names of what ends the wait for the event; such patients are censored then.
    """

    name: str
    kind: EndpointKind
    classes: tuple[str, ...]
    note: str = ""
    unit: str = ""
    horizons: tuple[float, ...] = ()
    time_zero: str = ""
    competing: tuple[str, ...] = ()

    @property
    def middle(self) -> int | None:
        """Which of `horizons` stands for all where one must: the middle one, of two the later; None without any."""
        return len(self.horizons) // 2 if self.horizons else None

    @property
    def needed(self) -> tuple[int, ...]:
        """Labels of which every part of every fold needs patients: all; of survival the event, not the censored."""
        return (1,) if self.kind == "survival" else tuple(range(len(self.classes)))


@dataclass(frozen=True, kw_only=True)
class CohortSpec:
    """What reports say of a cohort: its name, endpoint, genome build and whether it is simulated."""

    name: str
    endpoint: EndpointSpec
    build: str | None
    simulated: bool
    patients: int
    hashes: Mapping[str, str] = field(default_factory=dict)
    """Input file → SHA-256, of what the cohort was read from."""
    secondary: tuple[EndpointSpec, ...] = ()
    """Endpoints trained beside `endpoint`, which alone decides."""
