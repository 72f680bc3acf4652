"""Numbers of patients of which some are kept by name and others selected: what variants and copy number share."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from data_modules.learned.scaling import scale_of
from data_modules.modalities.base import BaseFitted
from fusion.contract import FeatureSpec, FusionError, Item, ModalitySpec, State

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from data_modules.learned.selection import Selector


NOTHING = (
    "{key}: in {patients} training patients there is no feature to learn from: what they carry is too rare, or too "
    "common among so few, to be made one. Loosen what makes candidates (docs/variant_features.md: "
    "max_germline_frequency, min_carriers, dosage_origins, damaging), take fewer folds, or leave the modality out."
)
"""What to say where neither selection nor configuration keeps anything."""


def choose(
    measured: pd.DataFrame,
    labels: NDArray[np.int64],
    *,
    key: str,
    keep: Sequence[str],
    selector: Selector,
    describe: Callable[[str], FeatureSpec],
) -> tuple[tuple[FeatureSpec, ...], pd.DataFrame]:
    """Features that are kept or selected, with their scaling, and the ranking of all.

    Args:
        measured: (patient, feature) of training patients, NaN where unknown.
        labels: (patient,) 0/1.
        key: of the modality, for messages.
        keep: patterns of names that selection does not touch.
        selector: chooses among the others.
        describe: of a feature's name.

    Raises:
        FusionError: nothing is left.
    """
    kept = [name for name in measured.columns if any(fnmatch.fnmatchcase(name, pattern) for pattern in keep)]
    kept = [name for name in kept if measured[name].notna().any()]
    described = {name: describe(name) for name in measured.columns}
    ranking = _untouched(kept, [described[name].gene for name in kept])
    others = [name for name in measured.columns if name not in set(kept)]
    if others:
        genes = {name: described[name].gene for name in others}
        chosen = selector.fit(measured[others], np.asarray(labels), genes)
        ranking = pd.concat([ranking, chosen.table], ignore_index=True)
    names = ranking.loc[ranking["selected"], "feature"]
    if names.empty:
        raise FusionError(NOTHING.format(key=key, patients=len(measured)))
    return tuple(_scaled(described[name], measured[name]) for name in names), ranking


def _untouched(kept: Sequence[str], genes: Sequence[str | None]) -> pd.DataFrame:
    """The rows of features that no selection touched: rank 0, so that they count in no stability."""
    return pd.DataFrame({"feature": list(kept), "gene": list(genes), "rank": 0, "selected": True}).astype(
        {"feature": object, "gene": object, "rank": np.int64, "selected": bool}
    )


def _scaled(feature: FeatureSpec, measured: pd.Series[float]) -> FeatureSpec:
    """With mean and standard deviation of the training patients; constants, but for rounding, are only centred."""
    known = np.asarray(measured.dropna(), dtype=np.float64)
    return replace(feature, center=float(known.mean()), scale=float(scale_of(known)))


class FittedSelected(BaseFitted):
    """Selected, scaled numbers of any patient.

    Args:
        spec: with the scaling of each feature.
        raw: (patient, feature) of everybody, the features of `spec` at least, NaN where unknown.
        ranking: of `choose`.
    """

    def __init__(self, spec: ModalitySpec, *, raw: pd.DataFrame, ranking: pd.DataFrame) -> None:
        super().__init__(spec)
        self._ranking = ranking
        center = np.array([feature.center for feature in spec.features])
        scale = np.array([feature.scale for feature in spec.features])
        values = raw.reindex(columns=[feature.name for feature in spec.features]).to_numpy(dtype=np.float64)
        self._row = {str(patient): at for at, patient in enumerate(raw.index)}
        self._values = ((values - center) / scale).astype(np.float32)

    @property
    def selection(self) -> pd.DataFrame:
        return self._ranking

    def load(self, patient_id: str) -> Item | None:
        """The patient's features; what is unknown is masked."""
        at = self._row.get(patient_id)
        if at is None:
            return None
        values = self._values[at]
        known = np.isfinite(values)
        return Item(values=np.where(known, values, np.float32(0)), mask=known)

    def table(self, patient_ids: Sequence[str]) -> pd.DataFrame:
        names = [feature.name for feature in self.spec.features]
        index = pd.Index(list(self._row), name="patient_id", dtype=object)
        frame = pd.DataFrame(self._values.astype(np.float64), index=index, columns=names)
        return frame.reindex(list(patient_ids))

    def state(self) -> State:
        """Features with their scaling, and the ranking; no patient's data."""
        ranking = self._ranking
        arrays: dict[str, NDArray[Any]] = {
            "feature": np.array(ranking["feature"].tolist(), dtype=np.str_),
            "gene": np.array([gene or "" for gene in ranking["gene"]], dtype=np.str_),
            "rank": ranking["rank"].to_numpy(dtype=np.int64),
            "selected": ranking["selected"].to_numpy(dtype=bool),
        }
        return State(config={"features": [asdict(feature) for feature in self.spec.features]}, arrays=arrays)


def features_of(state: State) -> tuple[FeatureSpec, ...]:
    """The features that `FittedSelected.state` kept."""
    return tuple(FeatureSpec(**one) for one in state.config["features"])


def ranking_of(state: State) -> pd.DataFrame:
    """The ranking that `FittedSelected.state` kept."""
    arrays = state.arrays
    return pd.DataFrame(
        {
            "feature": arrays["feature"].astype(object),
            "gene": [str(gene) or None for gene in arrays["gene"]],
            "rank": arrays["rank"],
            "selected": arrays["selected"],
        }
    )
