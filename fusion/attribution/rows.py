"""Rows of attributions.parquet: one a feature, a gene of a sum, a tile or a patch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion.attribution.gene_parts import split_sums
from fusion.attribution.gradients import Attributed
from fusion.attribution.members import ExplainedMember, Inputs, Numbers
from fusion.attribution.plain import ExplainedPlain
from fusion.contract import FeatureSpec, FittedModality

LOGGED = "ln(1 + n)"
"""Unit of counts that a modality gives as logarithms; tables here hold the counts."""


@dataclass(frozen=True, kw_only=True)
class PlainTerms:
    """What the plain model of a fold says of a patient.

    Attributes:
        model: explained.
        inputs: the patient's numbers as it reads them.
        terms: `ExplainedPlain.terms`, on the scale of the calibrated log-odds.
        output: the calibrated log-odds' part that is the plain model's, with
        reference: what the terms are counted from.
    """

    model: ExplainedPlain
    inputs: Inputs
    terms: pd.DataFrame
    output: float
    reference: float

    def of(self, name: str) -> pd.DataFrame:
        """The rows of `terms` of one modality; none where the plain model does not read it."""
        return self.terms[self.terms["modality"] == name]


def plain_terms(model: ExplainedPlain, member: ExplainedMember, patient: str) -> PlainTerms:
    """The plain model's terms on the scale of the members' calibrated log-odds."""
    terms = model.terms(patient)
    terms["term"] *= member.slope
    reference = member.slope * model.model.reference
    output = reference + float(terms["term"].sum())
    return PlainTerms(model=model, inputs=model.load(patient), terms=terms, output=output, reference=reference)


POOLED = "(pooled)"
"""`feature` of the row of all that the plain model reads of a modality of tile features."""

_TEXTS = dict.fromkeys(("label", "gene", "consequence", "unit", "level"), object)


def number_rows(
    members: Sequence[ExplainedMember],
    inputs: Sequence[Inputs],
    found: Sequence[Attributed],
    name: str,
    plain: PlainTerms | None = None,
) -> pd.DataFrame:
    """One row a feature that any member or the plain model uses; a member without it says 0 of it.

    Values and baselines are in original units: means over members that have the feature.

    Args:
        members: of the fold.
        inputs: of the patient, one a member.
        found: likewise.
        name: of the modality.
        plain: what the members add to.
    """
    parts = []
    asked: list[tuple[Numbers, Inputs, NDArray[np.float64], int]] = [
        (member, one, attributed.scores[name].double().numpy() / len(members), 1)
        for member, one, attributed in zip(members, inputs, found, strict=True)
    ]
    if plain is not None and name in plain.model.specs:
        asked.append((plain.model, plain.inputs, plain.of(name)["term"].to_numpy(), 0))
    for member, one, attribution, counted in asked:
        columns = member.specs[name].features
        known = one.masks[name][0].numpy()
        levels = _levels(member.fitted[name])
        value = np.where(known, _raw(columns, one.tokens[name][0].double().numpy()), np.nan)
        names = [feature.name for feature in member.specs[name].features]
        rows = pd.DataFrame(
            {
                "feature": names,
                "label": [feature.label for feature in member.specs[name].features],
                "gene": [feature.gene for feature in member.specs[name].features],
                "consequence": [feature.consequence for feature in member.specs[name].features],
                "unit": [feature.unit or _positions(levels.get(feature.name)) for feature in columns],
                "value": value.round(6) + 0.0,  # float32 scaling leaves 1e-9 of an allele
                "level": [_level(levels.get(feature), number) for feature, number in zip(names, value, strict=True)],
                "baseline": _raw(columns, member.baselines[name].mean.double().numpy()),
                "attribution": attribution,
                "uses": counted,
            }
        )
        parts.append(split_sums(rows, member, one, name))
    together = pd.concat(parts, ignore_index=True)
    if (ask := getattr(members[0].fitted[name], "carried", None)) is not None:
        carried = ask(inputs[0].patient)
        of_gene = together["gene"].where(together["value"] > 0).map(carried)
        together["consequence"] = together["consequence"].where(together["consequence"].notna(), of_gene)
    groups = together.groupby("feature", sort=False)
    table = groups.agg(
        label=("label", "first"),
        gene=("gene", "first"),
        consequence=("consequence", "first"),
        unit=("unit", "first"),
        value=("value", "mean"),
        level=("level", "first"),
        baseline=("baseline", "mean"),
        attribution=("attribution", "sum"),
        members=("uses", "sum"),
    ).reset_index()
    table = table.assign(modality=name)
    logged = table["unit"] == LOGGED
    counts = {key: table[key].where(~logged, np.expm1(table[key])) for key in ("value", "baseline")}
    return table.assign(**counts, unit=table["unit"].where(~logged, "")).astype(_TEXTS)


def _raw(columns: Sequence[FeatureSpec], scaled: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(feature,)`` in their own units."""
    return np.array([float(one.raw(value)) for one, value in zip(columns, scaled, strict=True)])


def _levels(fitted: FittedModality) -> dict[str, Sequence[str]]:
    """Ordered columns whose numbers are positions of levels, as tables keep them."""
    coded = fitted.state().config.get("coded", ())
    return {part["column"]: part["levels"] for part in coded if part["coding"] == "ordered"}


def _positions(levels: Sequence[str] | None) -> str | None:
    """Unit of a mean of levels' numbers, which has no name: ``1.4 of 0 to 2``."""
    return f"of 0 to {len(levels) - 1}" if levels else None


def _level(levels: Sequence[str] | None, position: float) -> str | None:
    if levels is None or not np.isfinite(position):
        return None
    at = round(position)
    # An imputed value may lie between two levels; it then has no name.
    return levels[at] if abs(position - at) < 1e-3 and 0 <= at < len(levels) else None


def token_rows(
    members: Sequence[ExplainedMember], inputs: Sequence[Inputs], found: Sequence[Attributed], name: str
) -> pd.DataFrame:
    """One row a tile or a patch of a volume; `attention` is the mean pooling weight."""
    item = inputs[0].items[name]
    assert item is not None
    attention = np.mean([_attention(member, one, name) for member, one in zip(members, inputs, strict=True)], axis=0)
    attribution = np.mean([part.scores[name].double().numpy() for part in found], axis=0)
    if members[0].specs[name].kind == "volume":
        features = members[0].specs[name].features
        named = {"feature": [one.name for one in features], "label": [one.label for one in features]}
        table = pd.DataFrame({"modality": name, **named, "attribution": attribution, "attention": attention})
        return table.assign(members=len(members))
    coords = item.coords if item.coords is not None else np.full((len(item.mask), 2), -1)
    source = item.source if item.source is not None else np.zeros(len(item.mask), dtype=np.int64)
    return pd.DataFrame(
        {
            "modality": name,
            "feature": [f"tile:{slide}:{x},{y}" for slide, (x, y) in zip(source, coords, strict=True)],
            "label": [f"tile at {x}, {y}" for x, y in coords],
            "attribution": attribution,
            "attention": attention,
            "slide": source,
            "x": coords[:, 0],
            "y": coords[:, 1],
            "members": len(members),
        }
    )


def pooled_rows(plain: PlainTerms, name: str) -> pd.DataFrame:
    """What the plain model reads of a patient's tiles or patches, pooled over them: one row a number that has a name.

    Numbers of an encoder have none; they are one row together.
    """
    found = plain.of(name)
    found = found[found["term"] != 0]
    if plain.model.fitted[name].spec.kind == "embeddings" and len(found):
        rows = pd.DataFrame({"feature": [POOLED], "label": [f"all {name} pooled"], "attribution": found["term"].sum()})
    else:
        label = found["column"].str.replace("_", " ") + f", all {name} pooled"
        usual = plain.model.pooled.reindex(name + ":" + found["column"]).to_numpy()
        own = {"feature": "pooled:" + found["column"], "label": label, "value": found["value"], "baseline": usual}
        rows = pd.DataFrame({**own, "attribution": found["term"]})
    return rows.assign(modality=name, members=0)


def _attention(member: ExplainedMember, one: Inputs, name: str) -> NDArray[np.float64]:
    weights = member.pooling_weights(name, one)
    return np.asarray(weights if weights is not None else np.nan, dtype=np.float64)
