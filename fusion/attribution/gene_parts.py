"""A patient's sums over gene sets, divided among the genes that the patient carries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from fusion.attribution.genes import Floats

if TYPE_CHECKING:
    from fusion.attribution.members import Inputs, Numbers


def split_sums(rows: pd.DataFrame, member: Numbers, inputs: Inputs, name: str) -> pd.DataFrame:
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


def gene_differences(member: Numbers, inputs: Inputs, name: str) -> dict[str, Floats]:
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
