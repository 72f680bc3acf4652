"""What the cohort's page of the attribution report shows: shares of modalities, features as strips, extreme tiles."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from fusion.report.attribution_patient import WHOLE
from fusion.report.words import percent, text

if TYPE_CHECKING:
    from fusion.attribution.plan import Patient
    from fusion.attribution.scales.base import Scale

SHOWN = 18
"""Features drawn on the cohort page."""
GALLERY = 8
"""Tiles of either sign on the cohort page."""
FEW = 4
"""Patients with a value below which no direction is told: any two or three have a correlation of 0.5 and more."""
_COLOURS = 16
"""Steps of the ramp from low to high values."""
_READ = ("modality", "feature", "label", "gene", "value", "attribution")


def headline(
    shares: Sequence[Mapping[str, Any]], named: Sequence[Mapping[str, Any]], checks: Mapping[str, Any], *, subject: str
) -> str:
    """What counts most, and whether deleting it shows: the first thing a reader sees.

    Args:
        shares: of `shares`.
        named: of `features`.
        checks: the content of faithfulness.json.
        subject: what is predicted.
    """
    parts = [f"{row['name'].replace('_', ' ')} {percent(row['share'])}" for row in shares]
    told = f"What predictions of {subject} rest on, by size of contribution: {', '.join(parts)}."
    if named:
        told += f" Of what has a name, {' and '.join(row['label'] for row in named[:2])} count most."
    shown = [name for name, entry in checks["deletion"].items() if entry["value"] is not None]
    good = [name for name in shown if checks["deletion"][name]["low"] > 0]
    if shown and not good:
        told += " That deleting what counts lowers the score faster than chance is not shown."
    elif shown:
        told += (
            " Deleting what counts lowers the score faster than chance"
            f"{'.' if len(good) == len(shown) else f' for {len(good)} of {len(shown)} kinds of input.'}"
        )
    return told


def shares(patients: Sequence[Patient], facts: Mapping[str, Mapping[str, Any]], scale: Scale) -> list[dict[str, Any]]:
    """Modalities with their share of all Shapley values' size, and their mean value in either group of the scale."""
    names = dict.fromkeys(name for one in facts.values() for name in one["shapley"])
    total = sum(abs(value) for one in facts.values() for value in one["shapley"].values()) or 1.0
    rows = []
    for name in names:
        has = [
            (scale.side(patient), facts[patient.name]["shapley"][name])
            for patient in patients
            if name in facts[patient.name]["shapley"]
        ]
        rows.append(
            {
                "name": name,
                "patients": len(has),
                "share": sum(abs(value) for _, value in has) / total,
                "size": float(np.mean([abs(value) for _, value in has])),
                "positive": _mean(value for side, value in has if side == 1),
                "negative": _mean(value for side, value in has if side == 0),
            }
        )
    return sorted(rows, key=lambda row: -row["share"])


class Sizes:
    """How large the contributions of named features are, summed over patients one after the other."""

    def __init__(self) -> None:
        self.people = 0
        self._sums: dict[tuple[str, str], float] = {}

    def add(self, rows: pd.DataFrame) -> None:
        """A patient's rows of attributions.parquet."""
        self.people += 1
        numbers = rows[(rows["feature"] != WHOLE) & ~rows["feature"].str.startswith("tile:")]
        for modality, feature, value in zip(
            numbers["modality"], numbers["feature"], numbers["attribution"].abs(), strict=True
        ):
            self._sums[modality, feature] = self._sums.get((modality, feature), 0.0) + float(value)

    def largest(self) -> list[tuple[tuple[str, str], float]]:
        """The `SHOWN` largest modalities and features with their mean size over all patients."""
        order = sorted(self._sums.items(), key=lambda one: -one[1])[:SHOWN]
        return [(name, total / self.people) for name, total in order]


def features(sizes: Sizes, chosen: Callable[[Sequence[str], Sequence[str]], pd.DataFrame]) -> list[dict[str, Any]]:
    """The features of largest mean size, each with a dot a patient for the strip that is drawn of it.

    Args:
        sizes: of all of them.
        chosen: names of features, and columns → these rows of all patients.
    """
    largest = sizes.largest()
    table = chosen([feature for (_, feature), _ in largest], _READ) if largest else pd.DataFrame(columns=_READ)
    rows = []
    for (modality, feature), size in largest:
        part = table[(table["modality"] == modality) & (table["feature"] == feature)]
        rows.append(
            {
                "modality": modality,
                "feature": feature,
                "label": part["label"].iloc[0],
                "gene": text(part["gene"].iloc[0]),
                "size": size,
                "patients": len(part),
                "slope": _slope(part["value"], part["attribution"]),
                "part": part,
            }
        )
    limit = max([1e-12, *(float(row["part"]["attribution"].abs().quantile(0.995)) for row in rows)])
    most = max([1e-12, *(row["size"] for row in rows)])
    for row in rows:
        row["dots"] = _paths(_dots(row.pop("part"), limit))
        row["width"] = row["size"] / most
    return rows


def _dots(part: pd.DataFrame, limit: float) -> list[dict[str, Any]]:
    """A strip 200 wide and 24 high: across by attribution, coloured by the value's rank, stacked where dense."""
    rank = part["value"].rank(pct=True, method="average").fillna(0.5)
    spread = part["value"].min() < part["value"].max()
    taken: dict[int, int] = {}
    dots = []
    for value, place in zip(part["attribution"], rank, strict=True):
        x = 100 + 96 * float(np.clip(value / limit, -1, 1))
        seen = taken.get(round(x / 2), 0)
        taken[round(x / 2)] = seen + 1
        offset = ((seen + 1) // 2) * (1 if seen % 2 else -1)
        dots.append(
            {
                "x": round(x, 1),
                "y": round(12 + max(-10, min(10, 1.6 * offset)), 1),
                "fill": _ramp(round(_COLOURS * (float(place) if spread else 0.5)) / _COLOURS),
            }
        )
    return dots


def _paths(dots: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Colour → a path of dots, round ends of strokes without length: a fifth of the bytes of circles."""
    paths: dict[str, dict[str, None]] = {}
    for dot in dots:
        paths.setdefault(dot["fill"], {})[f"M{dot['x']:g} {dot['y']:g}h0"] = None
    return {fill: "".join(places) for fill, places in paths.items()}


def _ramp(share: float) -> str:
    """Low values light teal, high ones dark purple: readable in grey too, and apart from the colours of sign."""
    low, high = np.array([122, 199, 190]), np.array([92, 38, 120])
    return "#{:02x}{:02x}{:02x}".format(*(low + (high - low) * share).astype(int))


def _slope(values: pd.Series[float], attribution: pd.Series[float]) -> str:
    """Whether more of it speaks for or against, by Spearman's correlation; nothing of a few patients."""
    if values.notna().sum() < FEW or values.nunique() < 2 or attribution.nunique() < 2:
        return ""
    rho = float(values.rank().corr(attribution.rank()))
    return "more speaks for" if rho > 0.5 else "more speaks against" if rho < -0.5 else "depends on the rest"


def extremes(gallery: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The tiles that speak most for and most against, at most one of each sign a patient."""
    kept: list[dict[str, Any]] = []
    for sign in (1, -1):
        best: dict[str, dict[str, Any]] = {}
        for tile in gallery:
            if sign * tile["value"] > sign * best.get(tile["patient"], {"value": 0.0})["value"]:
                best[tile["patient"]] = tile
        kept += sorted(best.values(), key=lambda tile: -sign * tile["value"])[:GALLERY]
    return kept


def _mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return float(np.mean(found)) if found else None
