"""A wide numeric table as a modality: hundreds of measured features a patient, reduced on training patients alone.

Where features outnumber patients, a network learns them by heart and then listens to them more than to a small modality
that generalises better. So they are screened or projected before any network sees them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modules.errors import CohortError, some
from data_modules.modalities.base import BaseFitted, BaseModality
from data_modules.patient_ids import PatientIds
from fusion.contract import FeatureSpec, FusionError, Item, Match, ModalitySpec, State

if TYPE_CHECKING:
    from data_modules.cohort.source import CohortSource

Floats = NDArray[np.float64]
_NAMED = 2
"""Columns named in the label of a principal component."""


class Features(BaseModality):
    """Numeric columns of a CSV or TSV file, one row a patient.

    Args:
        name: key in `modality`.
        source: the cohort.
        file: relative to its root.
        id: column of the patient id or barcode.
        id_pattern: regular expression whose group is the patient id.
        time: when the columns are known; only ``baseline`` is accepted.
        exclude: columns to leave out.
        clip: training standard deviations beyond which values are cut; None cuts none.
        screen: keep this many columns by ANOVA F in the training patients; None keeps all.
        components: then project on this many principal components; None keeps columns.
    """

    def __init__(
        self,
        *,
        name: str,
        source: CohortSource,
        file: str,
        id: str = "patient_id",  # noqa: A002 — as in cohort.tables
        id_pattern: str | None = None,
        time: str | None = None,
        exclude: Sequence[str] = (),
        clip: float | None = 3.0,
        screen: int | None = None,
        components: int | None = None,
    ) -> None:
        super().__init__(name=name, source=source)
        self.path = source.root / Path(file).expanduser()
        self._id = id
        self._ids = PatientIds(pattern=id_pattern)
        self._time = time
        self._exclude = set(exclude)
        self._settings = ReductionSettings(clip=clip, screen=screen, components=components)

    @property
    def key(self) -> str:
        return f"modality.{self.name}"

    @property
    def absent(self) -> str | None:
        return None if self.path.is_file() else f"there is no file {self.path}"

    @cached_property
    def frame(self) -> pd.DataFrame:
        """(patient, column) float64, NaN where missing.

        Raises:
            CohortError: the file is absent, lacks the id, or holds what is no number.
        """
        problems = self._file_problems()
        if problems:
            raise CohortError(self.source.name, problems)
        return self._read()

    def _read(self) -> pd.DataFrame:
        separator = "," if ".csv" in self.path.suffixes else "\t"
        table = pd.read_csv(self.path, sep=separator, dtype={self._id: str}).set_index(self._id)
        matched, _ = self._ids.map(map(str, table.index))
        table.index = pd.Index([matched.get(str(one)) for one in table.index], name="patient_id", dtype=object)
        return table.drop(columns=list(self._exclude), errors="ignore")

    def _file_problems(self) -> list[str]:
        if not self.path.is_file():
            return [f"{self.key}.file: there is no file {self.path}. Mend {self.key}.file or cohort.root."]
        try:
            table = self._read()
        except (KeyError, pd.errors.ParserError, UnicodeDecodeError, EOFError, OSError) as error:
            return [
                f"{self.key}.file: {self.path} is no table with a column {self._id!r} ({error}). Mend {self.key}.id."
            ]
        problems = []
        twice = sorted(set(table.index[table.index.duplicated() & table.index.notna()]))
        if twice:
            problems.append(f"{self.key}.file: {self.path.name} has patients with two rows ({some(twice)}). Keep one.")
        if table.index.isna().any():
            problems.append(
                f"{self.key}.file: {self.path.name} has {int(np.sum(table.index.isna()))} rows without a patient in "
                f"{self._id!r}. Mend them or {self.key}.id_pattern."
            )
        texts = list(table.select_dtypes(exclude="number").columns)
        if texts:
            problems.append(
                f"{self.key}.file: columns of {self.path.name} are no numbers ({some(texts)}). "
                f"List them in {self.key}.exclude, or declare them in cohort.tables."
            )
        return problems

    def check(self) -> list[str]:
        if self._time != "baseline":
            return [
                f"{self.key}.time is {self._time!r}: only columns known at baseline may be inputs. "
                f"Set {self.key}.time=baseline if they are."
            ]
        return self._file_problems()

    @property
    def patients(self) -> frozenset[str]:
        return frozenset(self.frame.index[self.frame.notna().any(axis=1)])

    def fit(self, train_ids: Sequence[str], labels: NDArray[np.int64]) -> FittedFeatures:
        """Impute, scale, screen and project by the training patients in the file.

        Raises:
            FusionError: fewer than three of them are in it.
        """
        position = {patient: at for at, patient in enumerate(train_ids)}
        rows = sorted(set(position) & set(self.patients))  # sums in a fixed order: the state is a function of the set
        if len(rows) < 3:
            raise FusionError(f"{self.key}: {len(rows)} of {len(train_ids)} training patients are in {self.path.name}.")
        y = np.asarray(labels)[[position[patient] for patient in rows]]
        return FittedFeatures(
            self.name, frame=self.frame, learned=fit_reduction(self.frame.loc[rows], y, self._settings)
        )

    def restore(self, state: State) -> FittedFeatures:
        learned = Reduction.restore(state)
        lacking = sorted(set(learned.columns) - set(self.frame.columns))
        if lacking:
            raise FusionError(
                f"{self.key}: {self.path.name} lacks columns the model was trained with: {some(lacking)}."
            )
        return FittedFeatures(self.name, frame=self.frame, learned=learned)

    def match(self, state: State) -> Match:
        """Columns: all that the model reads must be there."""
        trained = tuple(state.config["columns"])
        known = set(state.config["ranking"]["feature"])  # what the training file had, kept or not
        return Match(
            trained=trained,
            missing=tuple(name for name in trained if name not in self.frame.columns),
            extra=tuple(name for name in self.frame.columns if name not in known),
            chances=(1.0,) * len(trained),
        )


@dataclass(frozen=True, kw_only=True)
class ReductionSettings:
    """See `Features`."""

    clip: float | None
    screen: int | None
    components: int | None


@dataclass(frozen=True, kw_only=True)
class Reduction:
    """What training patients taught of a wide table.

    Attributes:
        columns: kept columns, in the order of the file.
        fill: (column,) median that replaces a missing value,
        center: (column,) subtracted from,
        scale: (column,) then divided into it.
        clip: beyond which scaled values are cut; infinite for never.
        loadings: (component, column), each divided by its component's standard deviation; None without projection.
        ranking: feature, gene, rank, selected over all columns of the file.
    """

    columns: tuple[str, ...]
    fill: Floats
    center: Floats
    scale: Floats
    clip: float
    loadings: Floats | None
    ranking: pd.DataFrame

    def transform(self, frame: pd.DataFrame) -> NDArray[np.float32]:
        """(patient, feature), nothing missing."""
        raw = frame[list(self.columns)].to_numpy(dtype=np.float64)
        scaled = (np.where(np.isnan(raw), self.fill, raw) - self.center) / self.scale
        scaled = np.clip(scaled, -self.clip, self.clip)
        return (scaled if self.loadings is None else scaled @ self.loadings.T).astype(np.float32)

    @property
    def features(self) -> tuple[FeatureSpec, ...]:
        if self.loadings is None:
            return tuple(
                FeatureSpec(name=name, kind="column", label=readable(name), center=float(center), scale=float(scale))
                for name, center, scale in zip(self.columns, self.center, self.scale, strict=True)
            )
        return tuple(
            FeatureSpec(name=f"component {number}", kind="column", label=f"component {number}: {self._main(weights)}")
            for number, weights in enumerate(self.loadings, start=1)
        )

    def _main(self, weights: Floats) -> str:
        """The columns that weigh most, with their sign."""
        heaviest = np.argsort(-np.abs(weights))[:_NAMED]
        return ", ".join(f"{'+' if weights[at] > 0 else '−'} {readable(self.columns[at])}" for at in heaviest)

    def state(self) -> State:
        arrays: dict[str, NDArray[Any]] = {"fill": self.fill, "center": self.center, "scale": self.scale}
        if self.loadings is not None:
            arrays["loadings"] = self.loadings
        ranking = {name: self.ranking[name].tolist() for name in ("feature", "rank", "selected")}
        return State(config={"columns": list(self.columns), "clip": str(self.clip), "ranking": ranking}, arrays=arrays)

    @classmethod
    def restore(cls, state: State) -> Reduction:
        ranking = pd.DataFrame(state.config["ranking"]).assign(gene=None)
        return cls(
            columns=tuple(state.config["columns"]),
            clip=float(state.config["clip"]),
            loadings=state.arrays.get("loadings"),
            ranking=ranking[["feature", "gene", "rank", "selected"]],
            **{name: np.asarray(state.arrays[name], dtype=np.float64) for name in ("fill", "center", "scale")},
        )


def fit_reduction(train: pd.DataFrame, y: NDArray[np.int64], settings: ReductionSettings) -> Reduction:
    """Learn a `Reduction`; columns that are constant or all missing in `train` are left out.

    Args:
        train: (patient, column), training patients only.
        y: (patient,) 0/1, for the screening.
        settings: what to do.
    """
    from sklearn.feature_selection import f_classif

    known = train.loc[:, train.min() < train.max()]
    raw = known.to_numpy(dtype=np.float64)
    fill = np.nanmedian(raw, axis=0)
    whole = np.where(np.isnan(raw), fill, raw)
    center, scale = whole.mean(axis=0), whole.std(axis=0)
    clip = np.inf if settings.clip is None else settings.clip
    scaled = np.clip((whole - center) / scale, -clip, clip)
    order = np.arange(scaled.shape[1])
    if settings.screen is not None and settings.screen < len(order):
        with np.errstate(divide="ignore", invalid="ignore"):
            order = np.argsort(-np.nan_to_num(f_classif(scaled, y)[0]), kind="stable")
    kept = np.sort(order[: settings.screen])
    rank = pd.Series(2, index=train.columns)
    rank[known.columns[kept]] = 1
    return Reduction(
        columns=tuple(known.columns[kept]),
        fill=fill[kept],
        center=center[kept],
        scale=scale[kept],
        clip=clip,
        loadings=_loadings(scaled[:, kept], settings.components),
        ranking=pd.DataFrame(
            {"feature": train.columns, "gene": None, "rank": rank.to_numpy(), "selected": rank.to_numpy() == 1}
        ),
    )


def _loadings(scaled: Floats, components: int | None) -> Floats | None:
    """Principal axes over their standard deviations, the sign such that the heaviest weight is positive."""
    if components is None:
        return None
    count = min(components, *scaled.shape)
    _, spread, axes = np.linalg.svd(scaled - scaled.mean(axis=0), full_matrices=False)
    axes, deviation = axes[:count], spread[:count] / np.sqrt(len(scaled))
    sign = np.sign(axes[np.arange(count), np.abs(axes).argmax(axis=1)])
    return np.asarray(axes * (sign / np.where(deviation > 0, deviation, 1.0))[:, None], dtype=np.float64)


class FittedFeatures(BaseFitted):
    """The reduced table of any patient of a cohort."""

    def __init__(self, name: str, *, frame: pd.DataFrame, learned: Reduction) -> None:
        super().__init__(ModalitySpec(name=name, kind="table", features=learned.features))
        self._learned = learned
        frame = frame[frame.notna().any(axis=1)]
        self._values = learned.transform(frame)
        self._rows = {str(patient): row for row, patient in enumerate(frame.index)}

    def load(self, patient_id: str) -> Item | None:
        row = self._rows.get(patient_id)
        if row is None:
            return None
        return Item(values=self._values[row], mask=np.ones(self._values.shape[1], dtype=np.bool_))

    def table(self, patient_ids: Sequence[str]) -> pd.DataFrame:
        names = [feature.name for feature in self.spec.features]
        index = pd.Index(list(self._rows), name="patient_id", dtype=object)
        return pd.DataFrame(self._values, index=index, columns=names).astype(np.float64).reindex(list(patient_ids))

    @property
    def selection(self) -> pd.DataFrame | None:
        """Which columns the screening kept; None where all were."""
        return None if bool(self._learned.ranking["selected"].all()) else self._learned.ranking

    def state(self) -> State:
        return self._learned.state()


def readable(column: str) -> str:
    """``AREA..MM2..OF..TUMOR_HE`` → ``AREA MM2 OF TUMOR HE``."""
    return re.sub(r"[._]+", " ", column).strip()
