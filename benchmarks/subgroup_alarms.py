"""How often subgroups alarm where there is nothing: ``python benchmarks/subgroup_alarms.py [cohorts] [kind ...]``.

Scores say as much of everyone and are calibrated, whatever their group; three columns, of two, four and three groups,
differ in size and, in *unequal*, one site in something that is not asked: of classes in prevalence and so in scores, of
grades in how frequent they are, of times in follow-up, half as long. Share of cohorts with any alarm at 0.05 (18 looks
each), 300 cohorts a row:

    kind      patients  equal  unequal
    binary         120  0.040    0.017
    binary         300  0.037    0.037
    grades         120  0.043    0.043
    times          120  0.050    0.045
    grades         300  0.040    0.040
    times          300  0.040    0.030

Grades of 300 patients are of 150 cohorts, unequal times of 120 of 200. Times of 300 are of 1,000 cohorts, seeds 1,000
to 1,999, planned before they were run; seeds 0 to 119, planned first, had given 0.067, and 0 to 309 0.045.
Unequal times of 300 are of the first 300 of 1,000 planned.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from scipy.special import expit

from fusion.contract import EndpointSpec, Truth
from fusion.evaluation.outcome import Outcome, outcome_of
from fusion.evaluation.subgroups.evaluate import Vectors, subgroups

OUTCOMES: Mapping[str, Outcome] = {
    "binary": outcome_of(EndpointSpec(name="response", kind="binary", classes=("no", "yes"))),
    "grades": outcome_of(EndpointSpec(name="rcb", kind="ordinal", classes=("0", "I", "II"))),
    "times": outcome_of(EndpointSpec(name="death", kind="survival", classes=("no", "yes"), horizons=(1.0,))),
}


def groups(patients: int, rng: np.random.Generator) -> pd.DataFrame:
    """Index patient_id."""
    names = [f"P{one:04}" for one in range(patients)]
    return pd.DataFrame(
        {
            "arm": rng.choice(["a", "b"], patients, p=[0.7, 0.3]),
            "site": rng.choice(["w", "x", "y", "z"], patients),
            "age": rng.choice(["young", "middle", "old"], patients),
        },
        index=names,
    )


def binary(odd: np.ndarray, rng: np.random.Generator, *, unequal: bool) -> tuple[Truth, np.ndarray]:
    """Calibrated scores; the odd patients have another prevalence, and the same AUROC."""
    patients = len(odd)
    if not unequal:
        logit = rng.normal(0, 1.2, patients)
        return Truth(label=(rng.random(patients) < expit(logit)).astype(np.int64)), expit(logit)
    # Two normal distributions of equal variance d lie d apart: the log-odds is then calibrated (Fisher).
    share = np.where(odd, 0.6, 0.35)
    labels = (rng.random(patients) < share).astype(np.int64)
    logit = rng.normal((labels - 0.5) * 1.4, np.sqrt(1.4)) + np.log(share / (1 - share))
    return Truth(label=labels), expit(logit)


def grades(odd: np.ndarray, rng: np.random.Generator, *, unequal: bool) -> tuple[Truth, np.ndarray]:
    """Calls that are copies with chance 0.7 and else drawn anew, so that kappa is 0.7 whatever the grades' shares."""
    usual, other = np.array([0.4, 0.3, 0.3]), np.array([0.25, 0.3, 0.45])
    share = np.where(odd[:, None] & unequal, other, usual)

    def one_each() -> np.ndarray:
        return (rng.random((len(odd), 1)) > share.cumsum(axis=1)).sum(axis=1).clip(max=2)

    labels = one_each()
    calls = np.where(rng.random(len(odd)) < 0.7, labels, one_each())
    return Truth(label=labels.astype(np.int64)), 0.7 * np.eye(3)[calls] + 0.3 * share


def times(odd: np.ndarray, rng: np.random.Generator, *, unequal: bool) -> tuple[Truth, np.ndarray]:
    """Proportional hazards, and the true chance to be without the event; about half have it."""
    risk = rng.normal(size=len(odd))
    time = rng.exponential(1.5 * np.exp(-risk))
    end = rng.uniform(0.5, 4.0, len(odd)) * np.where(odd & unequal, 0.5, 1.0)
    fold = rng.permutation(len(odd)) % 5
    truth = Truth(label=(time <= end).astype(np.int64), time=np.minimum(time, end), part=fold)
    return truth, np.stack([risk + fold, np.exp(-np.exp(risk) / 1.5)], axis=1)


MADE: Mapping[str, Callable[..., tuple[Truth, np.ndarray]]] = {"binary": binary, "grades": grades, "times": times}


def alarms(kind: str, cohorts: int, *, patients: int, unequal: bool, first: int = 0) -> tuple[float, float]:
    """Share of null cohorts, whose seeds begin at `first`, in which any p-value is 0.05 or less; and looks a cohort."""
    found, looks = 0, 0
    for seed in range(first, first + cohorts):
        rng = np.random.default_rng(seed)
        table = groups(patients, rng)
        truth, scores = MADE[kind]((table["site"] == "w").to_numpy(), rng, unequal=unequal)
        names = list(table.index)
        vectors = Vectors(patients=names, truths=[truth], scores=[scores], rows=pd.DataFrame({"patient_id": names}))
        made = subgroups(vectors, table, OUTCOMES[kind], draws=2, permutations=400, seed=seed)
        looks += made["tests"]
        found += any(p is not None and p <= 0.05 for row in made["rows"] for p in (row["p"], row["calibration_p"]))
    return found / cohorts, looks / cohorts


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    for kind in sys.argv[2:] or list(MADE):
        for size in (120, 300):
            for other in (False, True):
                rate, looked = alarms(kind, number, patients=size, unequal=other)
                print(f"{kind} {size} {'unequal' if other else 'equal'} {rate:.3f} ({looked:.1f} looks)", flush=True)
