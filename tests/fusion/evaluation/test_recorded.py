"""Everything that is written into metrics.json of small drawn cohorts, and that nothing of it changed unseen.

What these numbers ought to be is told by the tests beside this one, by hand and against other libraries.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fusion.contract import EndpointSpec, Truth
from fusion.evaluation.missing.curve import missing_curve
from fusion.evaluation.operating.points import operating
from fusion.evaluation.outcome import Outcome, outcome_of
from fusion.evaluation.runs.paired import paired_gains
from fusion.evaluation.subgroups.evaluate import subgroups, vectors_of
from fusion.evaluation.sweeps import JobScores, corrected
from fusion.evaluation.uncertainty.evaluate import uncertainty
from tests.helpers.recorded import assert_recorded
from tests.helpers.survival import followed, survival_predictions

EXAMPLES = Path(__file__).parent / "examples"
BINARY = EndpointSpec(name="response", kind="binary", classes=("no", "yes"))
TISSUE = EndpointSpec(name="tissue", kind="multiclass", classes=("fat", "stroma", "tumour"))
GRADE = EndpointSpec(name="rcb", kind="ordinal", classes=("0", "I", "II", "III"))
PFS = EndpointSpec(name="pfs", kind="survival", classes=("no event", "event"), horizons=(12, 24, 36), unit="months")
KINDS = (BINARY, TISSUE, GRADE, PFS)
SEVERAL = ("fusion", "only_a", "only_b", "late", "classical")


def drawn(endpoint: EndpointSpec, *, patients: int = 48, seed: int = 4) -> pd.DataFrame:
    """Predictions of five arms in two repeats of three folds, with families and ties; the fused arm knows most."""
    if endpoint.kind == "survival":
        return survival_predictions(60, arms=SEVERAL, folds=3, repeats=2, seed=seed)
    outcome, rng = outcome_of(endpoint), np.random.default_rng(seed)
    classes = len(endpoint.classes)
    label = rng.integers(0, classes, patients)
    ids = [f"P{number:02}" for number in range(patients)]
    parts = []
    for repeat in range(2):
        shared, fold = rng.normal(size=(patients, classes)), rng.permutation(patients) % 3
        for place, arm in enumerate(SEVERAL):
            logits = shared + rng.normal(size=(patients, classes)) + (1.6 - 0.3 * place) * np.eye(classes)[label]
            scores = np.round(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), 2) * 0.97 + 0.03 / classes
            columns = {"score": scores[:, 1]} if classes == 2 else outcome.columns(scores)
            facts = {"patient_id": ids, "arm": arm, "repeat": repeat, "fold": fold, "endpoint": endpoint.name}
            table = pd.DataFrame({**facts, "label": label, **columns, "threshold": 0.4 + 0.1 * fold})
            parts.append(table.assign(group=[f"F{number // 2:02}" for number in range(patients)]))
    return pd.concat(parts, ignore_index=True)


def metrics_of(endpoint: EndpointSpec) -> dict[str, Any]:
    outcome, rows = outcome_of(endpoint), drawn(endpoint)
    few = rows[rows["arm"].isin(("fusion", "only_a"))]
    return {
        "margin": outcome.evaluate(rows, draws=40, seed=2, simulated=True, modalities=2, margin=0.05),
        "alone": outcome.evaluate(few, draws=10, modalities=1),
    }


def groups_of(rows: pd.DataFrame) -> pd.DataFrame:
    ids = sorted(rows["patient_id"].unique())
    columns = {
        "sex": ["f" if at % 3 else "m" for at in range(len(ids))],
        "site": [f"S{at % 4}" for at in range(len(ids))],
    }
    return pd.DataFrame(columns, index=pd.Index(ids, name="patient_id"))


def parts_of(endpoint: EndpointSpec) -> dict[str, Any]:
    """Parts beside the metrics: groups, missing modalities, uncertainty, operating points."""
    outcome, rows = outcome_of(endpoint), drawn(endpoint)
    fused, groups = rows[rows["arm"] == "fusion"], groups_of(rows)
    kept = [rows[rows["arm"] == arm].assign(arm=name) for arm, name in (("only_a", "a"), ("only_b", "b"))]
    found = {
        "subgroups": subgroups(vectors_of(rows, outcome, arm="fusion"), groups, outcome, draws=20, permutations=30),
        "missing": missing_curve(fused, pd.concat(kept), outcome, ["a", "b"], draws=20, seed=1),
    }
    found["uncertainty"] = vars(uncertainty(fused, fused, groups, outcome, draws=20, seed=1))
    if endpoint.kind == "binary":
        points = [("sensitivity", 0.8), ("specificity", 0.7), ("net_benefit", 0.3)]
        found["operating"] = operating(rows, rows, points, draws=20, seed=1)
    return found


def runs_of(endpoint: EndpointSpec) -> dict[str, Any]:
    """Runs against each other, and the jobs of a sweep."""
    outcome = outcome_of(endpoint)
    runs = {f"r{seed}": drawn(endpoint).query(f"arm == '{SEVERAL[seed]}'") for seed in range(3)}
    jobs = {name: JobScores(inner=rows, outer=rows) for name, rows in runs.items()}
    return {
        "paired": paired_gains(runs, outcome, draws=30, seed=1),
        "sweep": corrected(jobs, outcome, draws=30, seed=1),
    }


CASES = [(what, one) for what in (metrics_of, runs_of, parts_of) for one in (BINARY, TISSUE, GRADE, PFS)]


@pytest.mark.parametrize(("what", "endpoint"), CASES, ids=lambda one: one.kind if one in KINDS else one.__name__[:-3])
def test_numbers_are_what_they_were(what: Callable[[EndpointSpec], dict[str, Any]], endpoint: EndpointSpec) -> None:
    assert_recorded(what(endpoint), EXAMPLES / f"{what.__name__[:-3]}_{endpoint.kind}.json")


def calibrated(outcome: Outcome, truth: Truth, scores: Any) -> dict[str, Any]:
    """A calibrator of one half of the patients, and what becomes of the other half's logits."""
    half = len(truth) // 2
    first, rest = (Truth(label=truth.label[part], time=None if truth.time is None else truth.time[part])
                   for part in (slice(half), slice(half, None)))  # fmt: skip
    made = outcome.fit_calibrator(scores[:half], first)
    read = outcome.restore_calibrator(made.state())
    told = read(scores[half:])
    counts = np.random.default_rng(3).multinomial(len(rest), np.full(len(rest), 1 / len(rest)), size=4).astype(float)
    return {
        "state": made.state(),
        "told": told,
        "steeper": made.steeper(1.5, scores[:half], narrower=1.5)(scores[half:]),
        "single": outcome.single(made)(scores[half:]),
        "threshold": outcome.threshold(rest, told),
        "inner": outcome.inner(rest, told),
        "drawn": outcome.drawn(rest, told, counts),
        "columns": outcome.columns(told),
        "within": outcome.within(told, 0.3),
        "inverse": outcome.inverse(scores[half:]),
        "names": [outcome.names, outcome.scored, outcome.meanings()],
    }


@pytest.mark.parametrize("endpoint", KINDS, ids=lambda one: one.kind)
def test_calibrators_are_what_they_were(endpoint: EndpointSpec) -> None:
    outcome, rng = outcome_of(endpoint), np.random.default_rng(1)
    classes = len(endpoint.classes)
    label = rng.integers(0, classes, 40)
    times, events, risk = followed(40, seed=1)
    if endpoint.kind == "survival":
        truth, scores = Truth(label=events.astype(np.int64), time=times), risk
    else:
        truth, scores = Truth(label=label), rng.normal(size=(40, classes)) + np.eye(classes)[label]
        scores = {"binary": scores[:, 1], "ordinal": label + scores[:, 0]}.get(endpoint.kind, scores)
    assert_recorded(calibrated(outcome, truth, scores), EXAMPLES / f"calibrated_{endpoint.kind}.json")
