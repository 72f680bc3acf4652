"""attribution_report.html and a page a patient: what scores rest on, drawn from finished explanations alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from fusion.report.page import environment
from fusion.report.pictures import colour, data_uri, enlarge, overlay

if TYPE_CHECKING:
    from fusion.attribution.plan import Patient
    from fusion.attribution.store import Store
    from fusion.run_folder import RunFolder

WHOLE = "(modality)"
SHOWN = 18
"""Features drawn on the cohort page."""
GALLERY = 8
"""Tiles of either sign on the cohort page."""
METHOD_NAMES = {
    "integrated_gradients": "Integrated gradients",
    "feature_ablation": "Feature ablation",
    "input_x_gradient": "Input × gradient",
}


def write_pages(
    folder: RunFolder,
    store: Store,
    patients: Sequence[Patient],
    table: pd.DataFrame,
    facts: Mapping[str, Mapping[str, Any]],
    checks: Mapping[str, Any],
    *,
    config: Any,
    seconds: float,
) -> None:
    """Write a page for each patient, one at a time, then the cohort's page that links them."""
    templates = environment()
    templates.filters |= {"signed": signed, "amount": amount, "percent": percent}
    spec = folder.cohort_spec()
    common = {
        "simulated": spec.simulated,
        "cohort": spec,
        "endpoint": spec.endpoint,
        "method": METHOD_NAMES[config.method],
        "steps": config.steps,
        "arm": config.arm,
        "repeat": config.repeat,
        "repeats": max(fold["repeat"] for fold in folder.folds()["folds"]) + 1,
        "run": folder.record(),
        "anonymised": bool(config.anonymise),
    }
    groups = dict(iter(table.groupby("patient", sort=False)))
    page = templates.get_template("attribution_patient.html.j2")
    gallery: list[dict[str, Any]] = []
    for place, patient in enumerate(patients):
        view = patient_view(patient, groups[patient.name], facts[patient.name], store.pictures(patient.name))
        view["hide_files"] = bool(config.anonymise)
        before = store.page(patients[place - 1].name) if place else None
        after = store.page(patients[place + 1].name) if place + 1 < len(patients) else None
        html = page.render(
            title=f"{patient.name}: {spec.endpoint.name}",
            patient=view,
            before=_beside(before),
            after=_beside(after),
            **common,
        )
        store.write_text(store.page(patient.name), html)
        gallery += [
            {**tile, "page": store.page(patient.name), "patient": patient.name}
            for slide in view["slides"]
            for tile in slide["top"]
            if tile["pixels"]
        ]
        gallery = _extremes(gallery)
    html = templates.get_template("attribution_report.html.j2").render(
        title=f"{spec.name}: {spec.endpoint.name}, attribution",
        checks=checks,
        shares=shares(patients, facts),
        features=features(table),
        gallery=gallery,
        patients=[_line(patient, facts[patient.name], store) for patient in patients],
        shapley_limit=max([1e-9, *(abs(v) for one in facts.values() for v in one["shapley"].values())]),
        seconds=seconds,
        **common,
    )
    store.write_text("attribution_report.html", html)


def patient_view(
    patient: Patient, rows: pd.DataFrame, facts: Mapping[str, Any], pictures: Mapping[str, Any]
) -> dict[str, Any]:
    """What the template of a patient's page shows."""
    numbers = rows[(rows["feature"] != WHOLE) & ~rows["feature"].str.startswith("tile:")]
    return {
        "name": patient.name,
        "label": patient.label,
        "facts": facts,
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
            {"name": name, "genetic": bool(part["gene"].notna().any()), "rows": _feature_rows(part)}
            for name, part in numbers.groupby("modality", sort=False)
        ],
        "slides": [
            _slide_view(name, slide, rows[rows["modality"] == name], content, pictures)
            for name, content in facts.get("slides", {}).items()
            for slide in range(len(content["files"]))
        ],
        "totals": rows[rows["feature"] != WHOLE].groupby("modality", sort=False)["attribution"].sum().to_dict(),
    }


def _slide_view(
    name: str, slide: int, rows: pd.DataFrame, content: Mapping[str, Any], pictures: Mapping[str, Any]
) -> dict[str, Any]:
    tiles = rows[rows["feature"].str.startswith("tile:")].reset_index(drop=True)
    size = max(1e-12, float(tiles["attribution"].abs().max()))
    focus = max(1e-12, float(tiles["attention"].max()))
    here = tiles[tiles["slide"] == slide]
    drawn = [
        {
            "x": int(row["x"]),
            "y": int(row["y"]),
            "value": float(row["attribution"]),
            "attention": float(row["attention"]),
            "colour": colour(float(row["attribution"])),
            "strength": round(0.08 + 0.72 * abs(float(row["attribution"])) / size, 3),
            "focus": round(0.75 * float(row["attention"]) / focus, 3),
            "rank": content["top"].index(place) + 1 if place in content["top"] else None,
        }
        for place, row in here.iterrows()
    ]
    key = f"overview_{name}_{slide}"
    return {
        "modality": name,
        "number": slide + 1,
        "of": len(content["files"]),
        "file": content["files"][slide],
        "image": data_uri(pictures[key]) if key in pictures else None,
        "size": content["sizes"][slide] if content["sizes"] else None,
        "tile_px": content["tile_px"][slide] if content["tile_px"] else None,
        "tiles": drawn,
        "limit": size,
        "top": _top_tiles(name, slide, tiles, content, pictures),
        "pixel_delta": content["pixel_delta"],
    }


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
                "tile": None if tile is None else data_uri(enlarge(tile)),
                "pixels": None if tile is None or pixels is None else data_uri(enlarge(overlay(tile, pixels, limit))),
            }
        )
    return found


def _feature_rows(part: pd.DataFrame) -> list[dict[str, Any]]:
    order = part.reindex(part["attribution"].abs().sort_values(ascending=False, kind="stable").index)
    return _bars(
        [
            {
                "label": row["label"],
                "gene": _text(row["gene"]),
                "consequence": _text(row["consequence"]).replace("_", " "),
                "shown": shown(row["feature"], row["value"], row["unit"], row["level"]),
                "usual": shown(row["feature"], row["baseline"], row["unit"], None, usual=True),
                "value": float(row["attribution"]),
            }
            for row in order.to_dict("records")
        ]
    )


def shares(patients: Sequence[Patient], facts: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Modalities with their share of all Shapley values' size, and their mean value in either class."""
    names = dict.fromkeys(name for one in facts.values() for name in one["shapley"])
    total = sum(abs(value) for one in facts.values() for value in one["shapley"].values()) or 1.0
    rows = []
    for name in names:
        has = [
            (patient.label, facts[patient.name]["shapley"][name])
            for patient in patients
            if name in facts[patient.name]["shapley"]
        ]
        rows.append(
            {
                "name": name,
                "patients": len(has),
                "share": sum(abs(value) for _, value in has) / total,
                "size": float(np.mean([abs(value) for _, value in has])),
                "positive": _mean(value for label, value in has if label == 1),
                "negative": _mean(value for label, value in has if label == 0),
            }
        )
    return sorted(rows, key=lambda row: -row["share"])


def features(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The features of largest mean size, each with a dot a patient for the strip that is drawn of it."""
    numbers = table[(table["feature"] != WHOLE) & ~table["feature"].str.startswith("tile:")]
    people = max(1, table["patient"].nunique())
    rows = []
    for (modality, feature), part in numbers.groupby(["modality", "feature"], sort=False):
        rows.append(
            {
                "modality": modality,
                "feature": feature,
                "label": part["label"].iloc[0],
                "gene": _text(part["gene"].iloc[0]),
                "size": float(part["attribution"].abs().sum() / people),
                "patients": len(part),
                "slope": _slope(part["value"], part["attribution"]),
                "part": part,
            }
        )
    rows = sorted(rows, key=lambda row: -row["size"])[:SHOWN]
    limit = max([1e-12, *(float(row["part"]["attribution"].abs().quantile(0.995)) for row in rows)])
    most = max([1e-12, *(row["size"] for row in rows)])
    for row in rows:
        row["dots"] = _dots(row.pop("part"), limit)
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
                "fill": _ramp(float(place) if spread else 0.5),
            }
        )
    return dots


def _ramp(share: float) -> str:
    """Low values light teal, high ones dark purple: readable in grey too, and apart from the colours of sign."""
    low, high = np.array([122, 199, 190]), np.array([92, 38, 120])
    return "#{:02x}{:02x}{:02x}".format(*(low + (high - low) * share).astype(int))


def _slope(values: pd.Series[float], attribution: pd.Series[float]) -> str:
    """Whether more of it speaks for or against, by Spearman's correlation."""
    if values.nunique() < 2 or attribution.nunique() < 2:
        return ""
    rho = float(values.rank().corr(attribution.rank()))
    return "more speaks for" if rho > 0.5 else "more speaks against" if rho < -0.5 else "depends on the rest"


def _bars(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give each row the geometry of a bar about the middle, percent of a cell."""
    limit = max([1e-12, *(abs(row["value"]) for row in rows)])
    for row in rows:
        row["length"] = round(50 * abs(row["value"]) / limit, 2)
        row["start"] = round(50 if row["value"] >= 0 else 50 - row["length"], 2)
    return rows


def _line(patient: Patient, facts: Mapping[str, Any], store: Store) -> dict[str, Any]:
    return {
        "name": patient.name,
        "page": store.page(patient.name),
        "score": facts["score"],
        "label": patient.label,
        "shapley": facts["shapley"],
        "missing": facts["missing"],
        "delta": facts["delta"],
        "log_odds": facts["log_odds"],
    }


def _extremes(gallery: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The tiles that speak most for and most against, at most one of each sign a patient."""
    kept: list[dict[str, Any]] = []
    for sign in (1, -1):
        best: dict[str, dict[str, Any]] = {}
        for tile in gallery:
            if sign * tile["value"] > sign * best.get(tile["patient"], {"value": 0.0})["value"]:
                best[tile["patient"]] = tile
        kept += sorted(best.values(), key=lambda tile: -sign * tile["value"])[:GALLERY]
    return kept


def _beside(page: str | None) -> str | None:
    return None if page is None else page.removeprefix("patients/")


def _mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return float(np.mean(found)) if found else None


def _text(value: Any) -> str:
    return "" if value is None or pd.isna(value) else str(value)


def shown(feature: str, value: float, unit: Any, level: Any, *, usual: bool = False) -> str:
    """A value in original units as a reader says it: a level's name, yes or no, a share, or a number with its unit."""
    if value is None or np.isnan(value):
        return "unknown"
    if _text(level):
        return _text(level)
    if "=" in feature or feature.endswith(":missing"):
        return f"{round(100 * value)} %" if usual else "yes" if value > 0.5 else "no"
    name = _text(unit)
    if name == "share":
        return f"{round(100 * value)} %"
    if value == 1 and name in ("variants", "alleles", "cycles"):
        name = name.removesuffix("s")
    return f"{amount(value)} {name}".strip()


def amount(value: float) -> str:
    """A number with three figures, a true minus sign."""
    text = f"{value:.0f}" if abs(value) >= 100 or float(value).is_integer() else f"{value:.3g}"
    return text.replace("-", "−")


def signed(value: float | None, digits: int = 2) -> str:
    """With sign, for contributions."""
    if value is None:
        return "—"
    text = f"{value:+.{digits}f}"
    if value != 0 and float(text) == 0:
        return f"{value:+.0e}".replace("-", "−")
    return text.replace("-", "−")


def percent(value: float) -> str:
    """A share as whole percent."""
    return f"{100 * value:.0f} %"
