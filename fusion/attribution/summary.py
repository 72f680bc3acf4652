"""From the parts of all patients to attributions.parquet, faithfulness.json and the report."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from fusion.attribution import truth as against
from fusion.attribution.faithfulness import interval
from fusion.attribution.plan import Patient, explained
from fusion.attribution.scale import scale_of
from fusion.attribution.scales.base import Scale

if TYPE_CHECKING:
    from fusion.attribution.store import Store
    from fusion.protocol.setup import Setup
    from fusion.run.folder import RunFolder

TARGETS = {"variants": 0.85, "tiles": 0.80}
"""AUROC against the truth that this package sets itself, for the embedded cohort."""

_TILES = {"tiles": "attribution", "tiles_by_size": "size", "tiles_by_attention": "attention"}
"""Figure of faithfulness.json → what scores a tile."""

COLUMNS = (
    "patient", "arm", "endpoint", "modality", "feature", "label", "gene", "consequence", "value", "level", "unit",
    "baseline", "attribution", "method", "delta", "members", "attention", "slide", "x", "y",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What all patients' parts say together.

    Attributes:
        facts: patient's name → what was noted of the patient beside it.
        checks: the content of faithfulness.json.
        scale: on which scores are explained.
    """

    facts: dict[str, dict[str, Any]]
    checks: dict[str, Any]
    scale: Scale


def summarise(folder: RunFolder, store: Store, setup: Setup, patients: Sequence[Patient], *, config: Any) -> Summary:
    """Gather the finished parts, check them, and write attributions.parquet and faithfulness.json."""
    spec = folder.cohort_spec()
    endpoint = explained(spec, config.endpoint)
    same = {"arm": config.arm, "endpoint": endpoint.name, **({"simulated": True} if spec.simulated else {})}
    store.write_table([patient.name for patient in patients], COLUMNS, same)
    facts = {patient.name: store.facts(patient.name) for patient in patients}
    truth = against.find_truth(config.truth, _root(setup))
    checks = check(facts, patients, config=config)
    if truth is not None:
        checks["truth"] = check_against(truth, store, facts, patients, _candidates(folder), config=config)
    store.write_text("faithfulness.json", json.dumps(checks | {"simulated": spec.simulated}, indent=1) + "\n")
    return Summary(facts=facts, checks=checks, scale=scale_of(endpoint, config.horizon, getattr(config, "class", None)))


def finish(store: Store, summary: Summary, *, simulated: bool, config: Any) -> None:
    """Mark explanations and report as whole, and say where they are."""
    store.write_state(
        {
            "status": "complete",
            "key": store.key,
            "simulated": simulated,
            "arm": config.arm,
            "method": config.method,
            "steps": config.steps,
            "horizon": config.horizon,
            "endpoint": summary.scale.endpoint.name,
            "repeat": config.repeat,
            "patients": len(summary.facts),
            "anonymised": bool(config.anonymise),
            **({} if getattr(config, "class", None) is None else {"class": summary.scale.positive}),
        }
    )
    _say(store.path, summary.checks, len(summary.facts), unit=summary.scale.unit, simulated=simulated)


def rows_of(store: Store, patient: Patient, *, arm: str, endpoint: str) -> pd.DataFrame:
    """The patient's rows as attributions.parquet has them; one patient at a time, for a slide has thousands."""
    table = store.rows(patient.name).assign(patient=patient.name, arm=arm, endpoint=endpoint)
    return table.reindex(columns=list(COLUMNS))


def check(facts: Mapping[str, Mapping[str, Any]], patients: Sequence[Patient], *, config: Any) -> dict[str, Any]:
    """Completeness, agreement with the run's scores, and deletion; JSON."""
    draws, seed = int(config.evaluation.draws), int(config.evaluation.seed)
    names = dict.fromkeys(name for one in facts.values() for name in one["deletion"])
    deltas = np.array([abs(one["delta"]) for one in facts.values()])
    gaps = np.array([abs(one["log_odds"] - one["reference"]) for one in facts.values()])
    return {
        "patients": len(patients),
        "score_difference": max(abs(facts[patient.name]["score"] - patient.score) for patient in patients),
        "delta": {
            "median": float(np.median(deltas)),
            "largest": float(deltas.max()),
            "typical_change": float(np.median(gaps)),
        },
        "deletion": {
            name: interval(
                [one["deletion"][name] for one in facts.values() if name in one["deletion"]], draws=draws, seed=seed
            )
            for name in names
        },
        "truth": None,
    }


def check_against(
    truth: against.Truth,
    store: Store,
    facts: Mapping[str, Mapping[str, Any]],
    patients: Sequence[Patient],
    candidates: Mapping[int, frozenset[str]],
    *,
    config: Any,
) -> dict[str, Any]:
    """How well explanations find the truth of a simulated cohort, figure by figure; JSON."""
    sides = {name: side for name, one in facts.items() if (side := _side(one)) is not None}
    found: dict[str, dict[str, float]] = {name: {} for name in ("variants", "variants_strict", *_TILES)}
    for patient in patients:
        rows = rows_of(store, patient, arm="", endpoint="")
        found["variants"] |= against.score_variants(truth, rows, [patient], candidates)
        found["variants_strict"] |= against.score_variants(truth, rows, [patient])
        for name, by in _TILES.items():
            found[name] |= against.score_tiles(truth, rows, [patient], sides, by=by)
    draws, seed = int(config.evaluation.draws), int(config.evaluation.seed)
    scored = {name: against.summary(values, draws=draws, seed=seed) for name, values in found.items()}
    return {"targets": TARGETS, **scored}


def _candidates(folder: RunFolder) -> dict[int, frozenset[str]]:
    """A fold's place in folds.json → genes that its selections could choose from."""
    chosen = folder.selected()
    if chosen.empty:
        return {}
    places = {(fold["repeat"], fold["index"]): place for place, fold in enumerate(folder.folds()["folds"])}
    known = chosen.dropna(subset=["gene"])
    return {
        places[repeat, fold]: frozenset(map(str, part["gene"]))
        for (repeat, fold), part in known.groupby(["repeat", "fold"])
    }


def _side(facts: Mapping[str, Any]) -> tuple[float, float] | None:
    """Side of a tile in microns and microns per level-0 pixel, of the first slide."""
    slides = next(iter(facts.get("slides", {}).values()), None)
    if not slides or not slides["mpp"]:
        return None
    return slides["tile_px"][0] * slides["mpp"][0], slides["mpp"][0]


def _root(setup: Setup) -> Path | None:
    """Where the cohort's files lie, as its modalities know."""
    for modality in setup.modalities.values():
        root = getattr(getattr(modality, "source", None), "root", None)
        if root is not None:
            return Path(root)
    return None


def _say(path: Path, checks: Mapping[str, Any], patients: int, *, unit: str, simulated: bool) -> None:
    from fusion.attribution.store import PAGE

    def figure(entry: Mapping[str, Any]) -> str:
        if entry["value"] is None:
            return "no patient to measure it on"
        return f"{entry['value']:.3f} ({entry['low']:.3f} to {entry['high']:.3f}; {entry['patients']} patients)"

    lines = [f"{'SIMULATED ' if simulated else ''}{patients} patients explained out of fold: {path / PAGE}"]
    lines += [f"Deletion over chance, {name}: {figure(entry)} {unit}" for name, entry in checks["deletion"].items()]
    if checks["truth"] is not None:
        lines += [f"AUROC against the truth, {name}: {figure(checks['truth'][name])}" for name in ("variants", "tiles")]
    print("\n".join(lines))  # noqa: T201 — the command's answer
