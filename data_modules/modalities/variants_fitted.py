"""Variants after fitting: the selected features of any patient, and what of them a run folder keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from data_modules.ingest.variants import ORIGINS
from data_modules.modalities.base import BaseFitted
from fusion.contract import Item, ModalitySpec, State

if TYPE_CHECKING:
    from data_modules.modalities.variant_features import VariantTable
    from data_modules.modalities.variant_settings import Rules

STATE_VERSION = 2


class FittedVariants(BaseFitted):
    """Selected, scaled variant features of any patient of a cohort."""

    def __init__(
        self, spec: ModalitySpec, *, table: VariantTable, rules: Rules, ranking: pd.DataFrame, build: str | None
    ) -> None:
        super().__init__(spec)
        self._ranking = ranking
        self._rules = rules
        self._settings = table.settings
        self._build = build
        names = [feature.name for feature in spec.features]
        center = np.array([feature.center for feature in spec.features])
        scale = np.array([feature.scale for feature in spec.features])
        raw = table.features(rules).reindex(columns=names)
        self._row = {patient: at for at, patient in enumerate(table.patients)}
        self._values = ((raw.to_numpy(dtype=np.float64) - center) / scale).astype(np.float32)

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
        """Features with their scaling, and what was fitted across patients; no patient's data."""
        ranking = self._ranking
        return State(
            config={
                "version": STATE_VERSION,
                "build": self._build,
                "features": [asdict(feature) for feature in self.spec.features],
                "genes": list(self._rules.genes),
                "gene_sets": {name: list(genes) for name, genes in self._settings.gene_sets.items()},
                "damaging": {origin: list(classes) for origin, classes in self._settings.damaging.items()},
                "log_counts": self._settings.log_counts,
                "weights": dict(self._settings.weights),
                "germline_frequency": self._settings.germline_frequency,
            },
            arrays={
                **{f"excluded_{o}": np.array(self._rules.excluded.get(o, ()), dtype=np.str_) for o in ORIGINS},
                **{f"recurrent_{o}": np.array(self._rules.recurrent.get(o, ()), dtype=np.str_) for o in ORIGINS},
                "weighted": np.array(list(self._rules.frequencies), dtype=np.str_),
                "frequency": np.array(list(self._rules.frequencies.values()), dtype=np.float64),
                "feature": np.array(ranking["feature"].tolist(), dtype=np.str_),
                "gene": np.array([gene or "" for gene in ranking["gene"]], dtype=np.str_),
                "rank": ranking["rank"].to_numpy(dtype=np.int64),
                "selected": ranking["selected"].to_numpy(dtype=bool),
            },
        )
