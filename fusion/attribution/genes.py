"""What each gene adds to a patient's numbers: its own features, and its part of sums over gene sets.

A gene set's burden is the sum of its genes' burdens, so by the chain rule the integrated gradient of a gene through it
is that of the sum, divided in proportion to ``b_g - mean(b_g)``: exact, and completeness is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion.contract import FittedModality

if TYPE_CHECKING:
    from fusion.attribution.members import ExplainedMember, Inputs

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
        """``(gene,)`` of a patient; None where he is not in it."""
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


def split_sums(rows: pd.DataFrame, member: ExplainedMember, inputs: Inputs, name: str) -> pd.DataFrame:
    """Rows of features, with every sum as one row a gene that the patient carries and one for all others together.

    Args:
        rows: one a feature of the member, in its order; columns as in attributions.parquet.
        member: whose features they are.
        inputs: of the patient.
        name: of the modality.
    """
    made: list[dict[str, Any]] = []
    records: list[dict[str, Any]] = [{str(key): value for key, value in row.items()} for row in rows.to_dict("records")]
    for place, row in enumerate(records):
        total = member.sums[name].get(place)
        have = None if total is None else total.of(inputs.patient)
        if total is None or have is None:
            made.append(row)
            continue
        made += _parts(row, total.genes, have, member.baselines[name].sums[place])
    return pd.DataFrame(made, columns=rows.columns)


def _parts(row: dict[str, Any], genes: Sequence[str], have: Floats, usual: Floats) -> list[dict[str, Any]]:
    whole = float((have - usual).sum())
    slope = 0.0 if abs(whole) < 1e-12 else float(row["attribution"]) / whole
    carried = have > 0
    made = []
    for at in np.flatnonzero(carried).tolist():
        numbers = {"value": float(have[at]), "baseline": float(usual[at])}
        told = f"{genes[at]}: damaging variants, by {str(row['feature']).rpartition(':')[2]}"
        names = {"feature": f"{row['feature']}/{genes[at]}", "gene": genes[at], "label": told}
        made.append(row | names | numbers | {"attribution": slope * float(have[at] - usual[at])})
    rest = float(usual[~carried].sum())
    told = f"{str(row['feature']).rpartition(':')[2]}: genes of the set without damage"
    return [*made, row | {"label": told, "value": 0.0, "baseline": rest, "attribution": -slope * rest}]


def gene_differences(member: ExplainedMember, inputs: Inputs, name: str) -> dict[str, Floats]:
    """Gene → ``(feature,)`` by how much it moves each scaled feature from its baseline; the parts add up."""
    features = member.specs[name].features
    moved = (inputs.tokens[name][0] - member.baselines[name].mean).double().numpy()
    found: dict[str, Floats] = {}
    for place, feature in enumerate(features):
        total = member.sums[name].get(place)
        have = None if total is None else total.of(inputs.patient)
        if feature.gene is not None:
            found.setdefault(feature.gene, np.zeros(len(features)))[place] += moved[place]
        elif total is not None and have is not None:
            differences = (have - member.baselines[name].sums[place]) / feature.scale
            for gene, value in zip(total.genes, differences, strict=True):
                found.setdefault(gene, np.zeros(len(features)))[place] += value
    return found
