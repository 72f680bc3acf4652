"""One patient, explained by the members of the fold that left them out: rows of the table, facts, and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy.special import expit

from fusion.attribution.faithfulness import delete_genes, delete_tiles, patient_seed
from fusion.attribution.gene_parts import split_sums
from fusion.attribution.gradients import Attributed, attribute, attribute_pixels
from fusion.attribution.members import NUMBERS, ExplainedMember, Inputs
from fusion.attribution.shapley import average, play, shapley
from fusion.attribution.volumes import volume_pictures
from fusion.contract import FittedModality, Item

OVERVIEW_PX = 640
"""Longer side of the picture of a slide."""

LOGGED = "ln(1 + n)"
"""Unit of counts that a modality gives as logarithms; tables here hold the counts."""
_TEXTS = dict.fromkeys(("label", "gene", "consequence", "unit", "level"), object)

WHOLE = "(modality)"
"""`feature` of rows that are a whole modality's Shapley value."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What decides an explanation.

    Attributes:
        arm: ``fusion`` or ``only_<modality>``.
        method: see `fusion.attribution.gradients.METHODS`.
        steps: of integration.
        tiles: how many tiles of a patient are explained to their pixels, and patches of a volume to their voxels.
    """

    arm: str
    method: str
    steps: int
    tiles: int


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """What is kept of a patient.

    Attributes:
        rows: of attributions.parquet, without the columns patient, arm and endpoint.
        facts: score, log-odds, Shapley values, deletion, tiles; JSON.
        pictures: ``overview_<modality>_<slide>`` uint8 RGB, ``tile_<modality>_<n>`` uint8 RGB,
            ``pixels_<modality>_<n>`` float32 log-odds; of volumes see `fusion.attribution.volumes`.
    """

    rows: pd.DataFrame
    facts: dict[str, Any]
    pictures: dict[str, NDArray[Any]]


def explain_patient(members: Sequence[ExplainedMember], patient: str, settings: Settings) -> Explanation:
    """Attribute the mean calibrated log-odds of `members` for `patient`, who is in the training set of none of them."""
    inputs = [member.load(patient) for member in members]
    found = [
        attribute(member, one, method=settings.method, steps=settings.steps)
        for member, one in zip(members, inputs, strict=True)
    ]
    game = average([play(member, one) for member, one in zip(members, inputs, strict=True)])
    values = shapley(game, inputs[0].present)
    outputs = np.array([part.output for part in found])
    # Without signs: what one member misses does not make up for another's.
    delta = float(np.mean([abs(part.delta) for part in found]))
    facts: dict[str, Any] = {
        "score": float(expit(outputs.mean()) if members[0].member.averages_logits else expit(outputs).mean()),
        "members": outputs.tolist(),
        "log_odds": float(outputs.mean()),
        "reference": float(np.mean([part.reference for part in found])),
        "delta": delta,
        "none": game[frozenset()],
        "shapley": values,
        "missing": [name for name in inputs[0].masks if name not in inputs[0].present],
        "deletion": {},
    }
    rows = [_modality_rows(game, values, len(members))]
    pictures: dict[str, NDArray[Any]] = {}
    for name in inputs[0].present:
        if members[0].specs[name].kind in NUMBERS:
            table = _numbers(members, inputs, found, name)
            rows.append(table.assign(method=settings.method, delta=delta))
            _delete_genes(facts, members, inputs, name, table, patient)
        else:
            unit = "patches" if members[0].specs[name].kind == "volume" else "tiles"
            table = _tiles(members, inputs, found, name)
            rows.append(table[inputs[0].masks[name][0].numpy()].assign(method=settings.method, delta=delta))
            curve = delete_tiles(members, inputs, name, table["attribution"].to_numpy(), seed=patient_seed(patient))
            if curve is not None:
                facts["deletion"][f"{name}: {unit}"] = curve.area
            if unit == "patches":
                facts.setdefault("volumes", {})[name] = volume_pictures(
                    members, inputs, name, table, pictures, patches=settings.tiles, steps=settings.steps
                )
            else:
                facts.setdefault("slides", {})[name] = _pictures(members, inputs, name, table, settings, pictures)
    return Explanation(
        rows=pd.concat([part for part in rows if len(part)], ignore_index=True), facts=facts, pictures=pictures
    )


def _modality_rows(game: Any, values: dict[str, float], members: int) -> pd.DataFrame:
    missed = sum(values.values()) - (game[frozenset(values)] - game[frozenset()])
    return pd.DataFrame(
        [
            {
                "modality": name,
                "feature": WHOLE,
                "label": name,
                "attribution": value,
                "members": members,
                "method": "shapley",
                "delta": missed,
            }
            for name, value in values.items()
        ]
    )


def _numbers(
    members: Sequence[ExplainedMember], inputs: Sequence[Inputs], found: Sequence[Attributed], name: str
) -> pd.DataFrame:
    """One row a feature that any member uses; a member without it says 0 of it.

    Values and baselines are in original units, ``scaled · scale + center``: means over members that have the feature.
    """
    parts = []
    for member, one, attributed in zip(members, inputs, found, strict=True):
        scale = np.array([feature.scale for feature in member.specs[name].features])
        center = np.array([feature.center for feature in member.specs[name].features])
        known = one.masks[name][0].numpy()
        levels = _levels(member.member.fitted[name])
        value = np.where(known, one.tokens[name][0].double().numpy() * scale + center, np.nan)
        names = [feature.name for feature in member.specs[name].features]
        rows = pd.DataFrame(
            {
                "feature": names,
                "label": [feature.label for feature in member.specs[name].features],
                "gene": [feature.gene for feature in member.specs[name].features],
                "consequence": [feature.consequence for feature in member.specs[name].features],
                "unit": [feature.unit for feature in member.specs[name].features],
                "value": value.round(6) + 0.0,  # float32 scaling leaves 1e-9 of an allele
                "level": [_level(levels.get(feature), number) for feature, number in zip(names, value, strict=True)],
                "baseline": member.baselines[name].mean.double().numpy() * scale + center,
                "attribution": attributed.scores[name].double().numpy(),
            }
        )
        parts.append(split_sums(rows, member, one, name))
    together = pd.concat(parts, ignore_index=True)
    if (ask := getattr(members[0].member.fitted[name], "carried", None)) is not None:
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
        members=("attribution", "size"),
    ).reset_index()
    table = table.assign(modality=name, attribution=table["attribution"] / len(members))
    logged = table["unit"] == LOGGED
    counts = {key: table[key].where(~logged, np.expm1(table[key])) for key in ("value", "baseline")}
    return table.assign(**counts, unit=table["unit"].where(~logged, "")).astype(_TEXTS)


def _levels(fitted: FittedModality) -> dict[str, Sequence[str]]:
    """Ordered columns whose numbers are positions of levels, as tables keep them."""
    coded = fitted.state().config.get("coded", ())
    return {part["column"]: part["levels"] for part in coded if part["coding"] == "ordered"}


def _level(levels: Sequence[str] | None, position: float) -> str | None:
    if levels is None or not np.isfinite(position):
        return None
    at = round(position)
    # An imputed value may lie between two levels; it then has no name.
    return levels[at] if abs(position - at) < 1e-3 and 0 <= at < len(levels) else None


def _tiles(
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


def _attention(member: ExplainedMember, one: Inputs, name: str) -> NDArray[np.float64]:
    from fusion.attribution.members import pool

    with torch.no_grad():
        weights = pool(member.encoder(name), one.tokens[name], one.masks[name]).weights
    return np.asarray(weights[0].double() if weights is not None else np.nan, dtype=np.float64)


def _delete_genes(
    facts: dict[str, Any],
    members: Sequence[ExplainedMember],
    inputs: Sequence[Inputs],
    name: str,
    table: pd.DataFrame,
    patient: str,
) -> None:
    sums = table.dropna(subset=["gene"]).groupby("gene")["attribution"].sum()
    genes = {str(gene): float(value) for gene, value in sums.items()}
    curve = delete_genes(members, inputs, name, genes, seed=patient_seed(patient)) if genes else None
    if curve is not None:
        facts["deletion"][f"{name}: genes"] = curve.area


def _pictures(
    members: Sequence[ExplainedMember],
    inputs: Sequence[Inputs],
    name: str,
    table: pd.DataFrame,
    settings: Settings,
    pictures: dict[str, NDArray[Any]],
) -> dict[str, Any]:
    """Draw from the slides what the page shows; returns what the page must know of them."""
    item = inputs[0].items[name]
    assert item is not None
    facts: dict[str, Any] = {
        "files": list(item.files),
        "sizes": [],
        "mpp": [],
        "tile_px": [],
        "top": [],
        "pixel_delta": None,
    }
    fitted: Any = members[0].member.fitted[name]
    if hasattr(fitted, "overview"):
        for slide, file in enumerate(item.files):
            overview = fitted.overview(file, max_px=OVERVIEW_PX)
            pictures[f"overview_{name}_{slide}"] = overview.image
            facts["sizes"].append(list(overview.size))
            facts["mpp"].append(overview.mpp)
            facts["tile_px"].append(fitted.tile_side / overview.mpp)
    top = [int(place) for place in np.argsort(-table["attribution"].abs().to_numpy(), kind="stable")[: settings.tiles]]
    facts["top"] = top
    if members[0].specs[name].kind == "tiles" and top:
        _pixels(members, inputs, name, item, top, settings, facts, pictures)
    return facts


def _pixels(
    members: Sequence[ExplainedMember],
    inputs: Sequence[Inputs],
    name: str,
    item: Item,
    top: Sequence[int],
    settings: Settings,
    facts: dict[str, Any],
    pictures: dict[str, NDArray[Any]],
) -> None:
    parts = [
        attribute_pixels(member, one, name, top, steps=settings.steps)
        for member, one in zip(members, inputs, strict=True)
    ]
    facts["pixel_delta"] = float(np.mean([abs(part.delta) for part in parts]))
    mean = torch.stack([part.scores for part in parts]).mean(dim=0).numpy().astype(np.float32)
    for place, tile in enumerate(top):
        pictures[f"tile_{name}_{place}"] = np.moveaxis(item.values[tile], 0, -1)  # noqa: PD011
        pictures[f"pixels_{name}_{place}"] = mean[place]
