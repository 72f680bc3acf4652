"""Variants after fitting: the selected features of any patient, and what of them a run folder keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from data_modules.ingest.variants.ingest import ORIGINS
from data_modules.modalities.selected import FittedSelected
from fusion.contract import ModalitySpec, State

if TYPE_CHECKING:
    import pandas as pd

    from data_modules.modalities.variants.features import VariantTable
    from data_modules.modalities.variants.settings import Rules

STATE_VERSION = 2


class FittedVariants(FittedSelected):
    """Selected, scaled variant features of any patient of a cohort."""

    def __init__(
        self, spec: ModalitySpec, *, table: VariantTable, rules: Rules, ranking: pd.DataFrame, build: str | None
    ) -> None:
        super().__init__(spec, raw=table.features(rules), ranking=ranking)
        self._rules = rules
        self._settings = table.settings
        self._build = build
        self._table = table

    def summands(self, feature: str) -> pd.DataFrame | None:
        """(patient, gene) burdens whose sum is the raw value of a gene set; None for a feature that is no sum."""
        name = feature.removeprefix("burden:SET:")
        if name == feature:
            return None
        return self._table.gene_burdens(self._rules, list(dict.fromkeys(self._settings.gene_sets[name]))).fillna(0.0)

    def carried(self, patient_id: str) -> dict[str, str]:
        """Gene → the damaging variants that burdens count of a patient, as a report names them."""
        found: dict[str, list[str]] = {}
        for origin, part in self._table.origins.items():
            excluded = set(self._rules.excluded.get(origin, ()))
            for gene, text in part.damaging_of(patient_id, excluded):
                found.setdefault(gene, []).append(f"{text} (germline)" if origin == "germline" else text)
        return {gene: ", ".join(texts) for gene, texts in found.items()}

    def state(self) -> State:
        """Features with their scaling, and what was fitted across patients; no patient's data."""
        chosen = super().state()
        return State(
            config={
                "version": STATE_VERSION,
                "build": self._build,
                **chosen.config,
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
                **chosen.arrays,
            },
        )
