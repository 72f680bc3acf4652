"""What a patient's page of the attribution report shows: bars, tables in original units, slides with tiles, volumes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from fusion.evaluation.verdict import listed
from fusion.report.attribution_volume import volume_view
from fusion.report.pictures import colour, data_uri, enlarge, overlay
from fusion.report.words import shown, signed, text

if TYPE_CHECKING:
    from fusion.attribution.plan import Patient
    from fusion.attribution.scales.base import Scale

WHOLE = "(modality)"
DRAWN = 1000
"""Tiles of a patient's slides that are coloured: 15,000 would make a page of 7 MB."""
LISTED = 300
"""Features of a modality that stand on the page, 500 bytes each: the largest."""
OVERVIEWS, TILE = 300_000, 10_000
"""Bytes that overviews of all slides of a patient, and a tile, may take on the page."""
PATCHES = 10
"""Patches of a volume that are listed under its planes."""
NAMED = 3
"""Features that the sentence at the top names."""


def patient_view(
    patient: Patient, rows: pd.DataFrame, facts: Mapping[str, Any], pictures: Mapping[str, Any], scale: Scale
) -> dict[str, Any]:
    """What the template of a patient's page shows."""
    volumes = facts.get("volumes", {})
    numbers = rows[(rows["feature"] != WHOLE) & ~rows["feature"].str.startswith("tile:")]
    patches = numbers["modality"].isin(list(volumes)) & ~numbers["feature"].str.startswith("pooled:")
    return {
        "name": patient.name,
        "label": patient.label,
        "told": scale.told(facts),
        "predicted": scale.sentence(facts),
        "observed": scale.observed(patient),
        "facts": facts,
        "sentence": sentence(facts["shapley"], numbers, towards=scale.towards),
        "modalities": _bars(
            [
                {"label": name, "value": value}
                for name, value in sorted(facts["shapley"].items(), key=lambda x: -abs(x[1]))
            ]
        ),
        "share": {
            name: abs(value) / max(1e-12, sum(map(abs, facts["shapley"].values())))
            for name, value in facts["shapley"].items()
        },
        "tables": [
            {
                "name": name,
                "genetic": bool(part["gene"].notna().any()),
                "rows": _feature_rows(part),
                "left": max(0, len(part) - LISTED),
            }
            for name, part in numbers[~patches].groupby("modality", sort=False)
        ],
        "slides": [
            _slide_view(name, slide, rows[rows["modality"] == name], content, pictures)
            for name, content in facts.get("slides", {}).items()
            for slide in range(len(content["files"]))
        ],
        "looked": facts.get("looked", []),
        "volumes": [
            volume_view(name, content, pictures)
            | {"patches": _patch_rows(numbers[patches & (numbers["modality"] == name)])}
            for name, content in volumes.items()
        ],
        "totals": rows[rows["feature"] != WHOLE].groupby("modality", sort=False)["attribution"].sum().to_dict(),
    }


def sentence(shapley: Mapping[str, float], numbers: pd.DataFrame, *, towards: str = "it") -> str:
    """What speaks for and against in words: modalities by size, then the strongest named features.

    Args:
        shapley: modality → contribution.
        numbers: rows of named features.
        towards: what a contribution above 0 speaks for.
    """
    order = sorted(shapley.items(), key=lambda item: -abs(item[1]))
    for_it = [f"{name} ({signed(value)})" for name, value in order if value >= 0]
    against = [f"{name} ({signed(value)})" for name, value in order if value < 0]
    parts = []
    if for_it:
        parts.append(f"{listed(for_it)} {'speaks' if len(for_it) == 1 else 'speak'} for {towards}")
    if against:
        parts.append(f"{listed(against)} against")
    told = f"{', '.join(parts)}.".replace("_", " ")
    top = numbers.reindex(numbers["attribution"].abs().sort_values(ascending=False, kind="stable").index)[:NAMED]
    if len(top):
        named = [f"{row['label']} ({signed(row['attribution'])})" for row in top.to_dict("records")]
        told += f" The strongest named features: {listed(named)}."
    return told[:1].upper() + told[1:]


def _slide_view(
    name: str, slide: int, rows: pd.DataFrame, content: Mapping[str, Any], pictures: Mapping[str, Any]
) -> dict[str, Any]:
    tiles = rows[rows["feature"].str.startswith("tile:")].reset_index(drop=True)
    size = max(1e-12, float(tiles["attribution"].abs().max()))
    focus = max(1e-12, float(tiles["attention"].max()))
    here = tiles[tiles["slide"] == slide]
    heat, looked = _most(tiles, "attribution", slide), _most(tiles, "attention", slide)
    ranked = [place for place in here.index if place in content["top"]]
    drawn = {
        place: {
            "x": int(row["x"]),
            "y": int(row["y"]),
            "value": float(row["attribution"]),
            "attention": float(row["attention"]),
            "colour": colour(float(row["attribution"])),
            "strength": round(0.08 + 0.72 * abs(float(row["attribution"])) / size, 3),
            "focus": round(0.75 * float(row["attention"]) / focus, 3),
            "rank": content["top"].index(place) + 1 if place in content["top"] else None,
        }
        for place, row in here.loc[sorted({*heat, *looked, *ranked})].to_dict("index").items()
    }
    key = f"overview_{name}_{slide}"
    return {
        "modality": name,
        "number": slide + 1,
        "of": len(content["files"]),
        "file": content["files"][slide],
        "image": data_uri(pictures[key], most=OVERVIEWS // len(content["files"])) if key in pictures else None,
        "size": content["sizes"][slide] if content["sizes"] else None,
        "tile_px": content["tile_px"][slide] if content["tile_px"] else None,
        "tiles": len(here),
        "coloured": len(heat),
        "heat": [drawn[place] for place in heat],
        "focus": [drawn[place] for place in looked],
        "ranked": [drawn[place] for place in ranked],
        "limit": size,
        "top": _top_tiles(name, slide, tiles, content, pictures),
        "pixel_delta": content["pixel_delta"],
    }


def _most(tiles: pd.DataFrame, by: str, slide: int) -> list[int]:
    """Which tiles of a slide are drawn, in the order in which they lie: of all slides' tiles those of most `by`."""
    order = np.argsort(-tiles[by].abs().to_numpy(dtype=np.float64), kind="stable")[:DRAWN]
    there = tiles["slide"].to_numpy()
    return [int(place) for place in sorted(order) if there[place] == slide]


def _top_tiles(
    name: str, slide: int, tiles: pd.DataFrame, content: Mapping[str, Any], pictures: Mapping[str, Any]
) -> list[dict[str, Any]]:
    maps = [pictures[key] for key in pictures if key.startswith(f"pixels_{name}_")]
    limit = float(np.percentile(np.abs(np.stack(maps)), 99)) if maps else 1.0
    found = []
    for rank, place in enumerate(content["top"]):
        row = tiles.iloc[place]
        if int(row["slide"]) != slide:
            continue
        tile, pixels = pictures.get(f"tile_{name}_{rank}"), pictures.get(f"pixels_{name}_{rank}")
        found.append(
            {
                "rank": rank + 1,
                "value": float(row["attribution"]),
                "attention": float(row["attention"]),
                "x": int(row["x"]),
                "y": int(row["y"]),
                "tile": None if tile is None else data_uri(enlarge(tile), most=TILE),
                "pixels": None
                if tile is None or pixels is None
                else data_uri(enlarge(overlay(tile, pixels, limit)), most=TILE),
            }
        )
    return found


def _feature_rows(part: pd.DataFrame) -> list[dict[str, Any]]:
    order = part.reindex(part["attribution"].abs().sort_values(ascending=False, kind="stable").index)
    return _bars(
        [
            {
                "label": row["label"],
                "gene": text(row["gene"]),
                "consequence": text(row["consequence"]).replace("_", " "),
                "shown": shown(row["feature"], row["value"], row["unit"], row["level"]),
                "usual": shown(row["feature"], row["baseline"], row["unit"], None, usual=True),
                "value": float(row["attribution"]),
            }
            for row in order[:LISTED].to_dict("records")
        ]
    )


def _patch_rows(part: pd.DataFrame) -> list[dict[str, Any]]:
    """The patches of a volume that count most: they have a sequence and a place, and no value."""
    order = part.reindex(part["attribution"].abs().sort_values(ascending=False, kind="stable").index)
    return _bars(
        [
            {"label": row["label"], "value": float(row["attribution"]), "attention": float(row["attention"])}
            for row in order[:PATCHES].to_dict("records")
        ]
    )


def _bars(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give each row the geometry of a bar about the middle, percent of a cell."""
    limit = max([1e-12, *(abs(row["value"]) for row in rows)])
    for row in rows:
        row["length"] = round(50 * abs(row["value"]) / limit, 2)
        row["start"] = round(50 if row["value"] >= 0 else 50 - row["length"], 2)
    return rows
