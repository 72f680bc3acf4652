"""What each gene adds to a patient's numbers: its own features, and its part of sums over gene sets.

A gene set's burden is the sum of its genes' burdens, so by the chain rule the integrated gradient of a gene through it
is that of the sum, divided in proportion to ``b_g - mean(b_g)``: exact, and completeness is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion.contract import FittedModality

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class GeneSum:
    """A feature that is the sum of genes' burdens.

    Attributes:
        genes: its summands.
        burdens: ``(patient, gene)`` raw.
        row: patient → row of `burdens`.
    """

    genes: tuple[str, ...]
    burdens: Floats
    row: dict[str, int]

    def of(self, patient: str) -> Floats | None:
        """``(gene,)`` of a patient; None where they are not in it."""
        at = self.row.get(patient)
        return None if at is None else self.burdens[at]

    def mean(self, patients: Sequence[str]) -> Floats:
        """``(gene,)`` over those who are in it."""
        rows = [self.row[patient] for patient in patients if patient in self.row]
        return np.asarray(self.burdens[rows].mean(axis=0) if rows else np.zeros(len(self.genes)))


def gene_sums(fitted: FittedModality) -> dict[int, GeneSum]:
    """Position of each feature that is a sum over genes → its summands."""
    ask = getattr(fitted, "summands", None)
    if ask is None:
        return {}
    tables: dict[int, pd.DataFrame | None] = {at: ask(one.name) for at, one in enumerate(fitted.spec.features)}
    return {
        at: GeneSum(
            genes=tuple(map(str, table.columns)),
            burdens=table.to_numpy(dtype=np.float64),
            row={str(patient): row for row, patient in enumerate(table.index)},
        )
        for at, table in tables.items()
        if table is not None
    }
