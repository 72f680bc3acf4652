"""Choosing and judging on the same patients, measured: what a sweep's winner, its correction and `choose` say.

Run: ``python benchmarks/sweep_noise.py``. Cohorts of 200 patients, 20 jobs each. A job is a ridge discriminant on 20
columns of its own, with a penalty of its own, trained as networks are: five outer folds, three members on inner folds,
their mean scores the outer test patients. On noise every figure should be 0.5; with signal, what the winner's fold
models reach on 4,000 new patients. Shown, mean over cohorts with its standard error:

- *plain*: outer AUROC of the job with the best mean inner AUROC over all outer folds;
- *corrected*: `fusion.evaluation.sweeps.corrected` of the same, the share of its 95 % intervals that hold the truth;
- *within folds*: outer AUROC where each outer fold chooses the job by its own inner AUROC, as `choose` does;
- *all jobs*: mean outer AUROC over jobs, which nothing was chosen by.

What remains in *corrected* is of predictions that come from models trained on drawn and undrawn patients alike; only
choosing within folds takes all of it away. Exit code 1 where, on noise, *within folds* is further than 0.02 from 0.5,
or *corrected* keeps more than half of what *plain* has above 0.5.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from fusion.contract import EndpointSpec
from fusion.evaluation.outcome import outcome_of
from fusion.evaluation.sweeps import JobScores, corrected

PATIENTS, JOBS, COLUMNS, SEEN, COHORTS, NEW, DRAWS = 200, 20, 60, 20, 60, 4000, 500
OUTER, INNER = 5, 3
OUTCOME = outcome_of(EndpointSpec(name="response", kind="binary", classes=("no", "yes")))

Floats = NDArray[np.float64]


def ridge(X: Floats, y: Floats, penalty: float) -> Floats:
    """Weights of the columns; scores of new rows are their products with these."""
    centred = X - X.mean(axis=0)
    return np.linalg.solve(centred.T @ centred + penalty * np.eye(X.shape[1]), centred.T @ (y - y.mean()))


def cohort(rng: np.random.Generator, patients: int, weights: Floats) -> tuple[Floats, NDArray[np.int64]]:
    X = rng.normal(size=(patients, COLUMNS))
    y = (X @ weights + rng.logistic(size=patients) > 0).astype(np.int64)
    return X, y


def one_cohort(seed: int, signal: float) -> dict[str, float]:
    rng = np.random.default_rng(seed)
    weights = signal * rng.normal(size=COLUMNS)
    X, y = cohort(rng, PATIENTS, weights)
    X_new, y_new = cohort(rng, NEW, weights)
    ids = np.array([f"P{at:03}" for at in range(PATIENTS)])
    outer_folds = list(StratifiedKFold(OUTER, shuffle=True, random_state=seed).split(X, y))
    jobs, new = {}, {}
    for job in range(JOBS):
        seen, penalty = rng.choice(COLUMNS, SEEN, replace=False), float(10 ** rng.uniform(0, 3))
        inner, outer, truth = [], [], []
        for fold, (train, test) in enumerate(outer_folds):
            made, said = [], np.zeros(len(train))
            for fit, val in StratifiedKFold(INNER, shuffle=True, random_state=seed).split(train, y[train]):
                made.append(ridge(X[train[fit]][:, seen], y[train[fit]].astype(float), penalty))
                said[val] = X[train[val]][:, seen] @ made[-1]
            mean = np.mean(made, axis=0)
            where = {"repeat": 0, "fold": fold}
            inner.append(pd.DataFrame({"patient_id": ids[train], "label": y[train], "score": said, **where}))
            score = X[test][:, seen] @ mean
            outer.append(pd.DataFrame({"patient_id": ids[test], "label": y[test], "score": score, **where}))
            truth.append(roc_auc_score(y_new, X_new[:, seen] @ mean))
        jobs[str(job)] = JobScores(inner=pd.concat(inner), outer=pd.concat(outer))
        new[str(job)] = float(np.mean(truth))
    found = corrected(jobs, OUTCOME, draws=DRAWS, seed=seed)
    within, within_truth = within_folds(jobs)
    low, high = found["corrected"]["low"], found["corrected"]["high"]
    truth = new[found["winner"]] if signal else 0.5
    return {
        "plain": found["plain"],
        "corrected": found["corrected"]["value"],
        "within folds": within,
        "all jobs": float(np.mean([one["outer"] for one in found["jobs"].values()])),
        "winner on new patients": truth,
        "within folds on new patients": float(np.mean([new[job] for job in within_truth])) if signal else 0.5,
        "interval holds the truth": float(low <= truth <= high),
    }


def within_folds(jobs: dict[str, JobScores]) -> tuple[float, list[str]]:
    """Outer AUROC where each fold chooses by its own inner AUROC, and what each chose."""
    quality = {
        name: {fold: roc_auc_score(rows["label"], rows["score"]) for fold, rows in one.inner.groupby("fold")}
        for name, one in jobs.items()
    }
    chosen = [max(jobs, key=lambda name: quality[name][fold]) for fold in range(OUTER)]
    rows = pd.concat(jobs[name].outer.query("fold == @fold") for fold, name in enumerate(chosen))
    return float(roc_auc_score(rows["label"], rows["score"])), chosen


def main() -> int:
    bad = False
    for signal in (0.0, 0.12):
        begin = time.perf_counter()
        table = pd.DataFrame([one_cohort(seed, signal) for seed in range(COHORTS)])
        print(f"{'noise' if signal == 0 else f'signal {signal}'}: {COHORTS} cohorts of {PATIENTS}, {JOBS} jobs each")
        for name in table:
            print(f"  {name:<30} {table[name].mean():.3f} ± {table[name].sem():.3f}")
        print(f"  {time.perf_counter() - begin:.0f} s")
        if signal == 0:
            above = table.mean() - 0.5
            bad = bool(abs(above["within folds"]) > 0.02 or above["corrected"] > above["plain"] / 2)
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
