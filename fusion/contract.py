"""The door between the two wings: what `data_modules` hands over and what `fusion` takes.

`data_modules` imports nothing else of `fusion`, and `fusion` imports nothing of `data_modules`; Hydra's
`_target_` joins them. Shapes are named once, here: *batch* patients, *token* positions, then the shape of one token.

=============  ==========================  ==========================================
modality kind  values                      one token is
=============  ==========================  ==========================================
table          (batch, column) float32     a column, scaled by training patients
variants       (batch, feature) float32    a selected feature: a burden, dosage or count
tiles          (batch, tile, 3, H, W)      an RGB tile, uint8, of the patient's slides
embeddings     (batch, tile, feature)      a tile's embedding, float32
volume         (batch, patch, X, Y, Z)     a patch of one sequence, float32; sequence by sequence
=============  ==========================  ==========================================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray
    from torch import Tensor

ModalityKind = Literal["table", "variants", "tiles", "embeddings", "volume"]
FeatureKind = Literal["column", "burden", "dosage", "vaf", "count", "fraction", "copy_number", "embedding", "patch"]


class FusionError(Exception):
    """What a user can mend: printed without a traceback, exit code 2. Says what, where, and the config key."""


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
        kind: ``binary``, whose `classes[1]` is the positive class (the response), or ``multiclass``.
        classes: names, in the order of the labels 0, 1, …
        note: for reports, e.g. that a label is a proxy.
    """

    name: str
    kind: Literal["binary", "multiclass"]
    classes: tuple[str, ...]
    note: str = ""


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


@dataclass(kw_only=True)
class ModalityBatch:
    """Tokens of one modality for a batch of patients.

    Attributes:
        values: ``(batch, token, *token_shape)``; padding is zero and never read by encoders.
        mask: ``(batch, token)`` bool, True where a token is real. A patient without the modality has no True.
        coords: ``(batch, token, 3)`` int64, where tokens have a place: which of the patient's slides, then x and y of
            the tile's corner in level-0 pixels; zero where padded, None where the modality has no places.
    """

    values: Tensor
    mask: Tensor
    coords: Tensor | None = None

    @property
    def present(self) -> Tensor:
        """``(batch,)`` bool: which patients have this modality at all."""
        return self.mask.any(dim=1)

    def to(self, device: Any) -> ModalityBatch:
        coords = None if self.coords is None else self.coords.to(device)
        return ModalityBatch(values=self.values.to(device), mask=self.mask.to(device), coords=coords)


@dataclass(kw_only=True)
class Batch:
    """What the model sees: no files, no ids.

    Attributes:
        modalities: name → tokens.
        label: ``(batch,)`` int64; -1 where unknown (new patients).
        index: ``(batch,)`` int64, the patient's row in the list of ids the loader was built with.
    """

    modalities: dict[str, ModalityBatch]
    label: Tensor
    index: Tensor

    def to(self, device: Any) -> Batch:
        return Batch(
            modalities={name: part.to(device) for name, part in self.modalities.items()},
            label=self.label.to(device),
            index=self.index.to(device),
        )


@dataclass(kw_only=True)
class Tokens:
    """What an encoder makes of a `ModalityBatch`, and what a fuser takes.

    Attributes:
        values: ``(batch, token, width)``.
        mask: ``(batch, token)`` bool.
        summary: ``(batch, width)``, the modality in one vector; zeros for patients without it.
        weights: ``(batch, token)`` attention pooling weights that sum to 1 over real tokens, where the encoder pools.
    """

    values: Tensor
    mask: Tensor
    summary: Tensor
    weights: Tensor | None = None

    @property
    def present(self) -> Tensor:
        return self.mask.any(dim=1)


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """Scores of one arm for some patients, out of fold: calibrated probabilities of the positive class."""

    arm: str
    patient_ids: tuple[str, ...]
    score: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class InnerFold:
    """A split of one outer fold's training patients: `train` fits, `val` stops early, calibrates and chooses."""

    train: tuple[str, ...]
    val: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Fold:
    """One outer fold. `test` is scored once, by models that saw only `train`."""

    repeat: int
    index: int
    train: tuple[str, ...]
    test: tuple[str, ...]
    inner: tuple[InnerFold, ...]

    @property
    def name(self) -> str:
        return f"repeat{self.repeat}_fold{self.index}"


@dataclass(frozen=True, kw_only=True)
class Item:
    """One patient's tokens of one modality.

    Attributes:
        values: ``(token, *token_shape)`` float32, or uint8 for tiles.
        mask: ``(token,)`` bool; False for a table cell that is missing and not imputed, and for a patch of a sequence
            that is missing.
        coords: ``(token, 2)`` tile corners in level-0 pixels, where tokens have a place.
        source: which of the patient's slides a tile is of, ``(token,)`` int, an index into `files`.
        files: the slides.
    """

    values: NDArray[Any]
    mask: NDArray[np.bool_]
    coords: NDArray[np.int64] | None = None
    source: NDArray[np.int64] | None = None
    files: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class State:
    """Everything a fitted modality learned, as JSON-able `config` and named `arrays`; never a pickle."""

    config: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class Match:
    """How the features that a model was trained with meet the files of a cohort.

    Attributes:
        trained: features that files name: genes, variants, columns; not what can be counted of any file.
        missing: those of them that no file of the cohort names.
        extra: what the files name and the model does not know.
        chances: of each of `trained`, the probability that as many training patients would name it; empty where a
            missing one says nothing of the cohort.
        absent_is: what a missing one counts as: ``reference`` or ``unknown``; None where files must name all.
    """

    trained: tuple[str, ...]
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    chances: tuple[float, ...]
    absent_is: str | None = None


class Progress(Protocol):
    """Where long work says how far it is: called with a step's name, what is done and the total."""

    def __call__(self, step: str, done: int, total: int) -> None: ...


class FittedModality(Protocol):
    """A modality after `Modality.fit`: reads any patient, learns nothing more."""

    @property
    def spec(self) -> ModalitySpec: ...

    def load(self, patient_id: str) -> Item | None:
        """The patient's tokens, or None where the patient lacks the modality."""
        ...

    def table(self, patient_ids: Sequence[str]) -> pd.DataFrame:
        """One row a patient in the order asked for, float columns for the classical arms; NaN where missing."""
        ...

    @property
    def selection(self) -> pd.DataFrame | None:
        """Columns feature, gene, rank, selected (bool), where something was selected; else None.

        Rank 1 was selected, 2 and more were not; 0 is kept by configuration, and no selection touched it.
        """
        ...

    def state(self) -> State: ...


@dataclass(frozen=True, kw_only=True)
class Quality:
    """What reading a modality's files found, for the report; names no patient.

    Attributes:
        title: what was read, e.g. ``somatic variants``.
        counts: of what (``sites``) → what became of it (``read``, ``kept`` or why it was dropped) → how many.
        notes: what was done or seen → how, in words.
        figure: PNG, where there is one.
        folder: where the tables by sample or slide lie.
    """

    title: str
    counts: Mapping[str, Mapping[str, int]]
    folder: Path
    notes: Mapping[str, str] = field(default_factory=dict)
    figure: Path | None = None


class Modality(Protocol):
    """One source of measurements on patients, bound to a cohort's files."""

    @property
    def name(self) -> str: ...

    @property
    def patients(self) -> frozenset[str]:
        """Who has it."""
        ...

    @property
    def absent(self) -> str | None:
        """Why nothing of it can be read, where the cohort has no file of it at all; else None."""
        ...

    def check(self) -> list[str]:
        """Problems seen from headers and listings alone, each a sentence naming file, value and remedy."""
        ...

    def prepare(self, progress: Progress) -> None:
        """The long, cached, resumable work (ingest); nothing to do when the cache holds the result."""
        ...

    def quality(self) -> Sequence[Quality]:
        """What `prepare` found in the files and dropped of them; empty where nothing is ingested."""
        ...

    def fit(self, train_ids: Sequence[str], labels: NDArray[np.int64]) -> FittedModality:
        """Learn scalers, filters and selections from `train_ids` (labels aligned) and from nobody else."""
        ...

    def restore(self, state: State) -> FittedModality:
        """The fitted modality a run folder kept, reading this cohort's files."""
        ...

    def match(self, state: State) -> Match | None:
        """How this cohort's files meet a fitted state's features; None where features have no names, as tiles."""
        ...


class Cohort(Protocol):
    """Patients with labels, validated and reconciled."""

    @property
    def spec(self) -> CohortSpec: ...

    @property
    def patient_ids(self) -> tuple[str, ...]: ...

    @property
    def labels(self) -> pd.Series[int]:
        """Index patient_id; position in the endpoint's `classes` (0/1 where binary), -1 where unknown."""
        ...

    @property
    def sites(self) -> pd.Series[str] | None:
        """Index patient_id: hospital or batch, for site-aware folds and subgroups."""
        ...

    @property
    def reconciliation(self) -> pd.DataFrame:
        """cohort.csv: patient_id, kept, dropped_at, reason, then one bool column a source file and modality."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What is no error and yet to be known, each a sentence."""
        ...

    def permuted(self, seed: int) -> Cohort:
        """The same patients with their labels dealt out anew: nothing can be learned from it (a canary)."""
        ...
