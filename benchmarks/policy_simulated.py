"""Who benefits from which arm, with the truth known: ``python benchmarks/policy_simulated.py [patients] [seeds]``.

Two arms, six covariates and a benefit that differs between patients, with the truth known of everyone.

This generator was committed before any learner saw a cohort of it. Covariates are independent standard normal, arms are
dealt 1:1, and the log-odds of response are

    −0.4 + 0.8 · (x₁ + x₃ − x₄ + x₅) / 2 + A · deviation · (2 x₁ − 2 x₂ + x₃) / 3

with A = 1 under ``new`` and 0 under ``old``. Both directions have length 1: the benefit's standard deviation is
`DEVIATION` log-odds, and on average there is none, so that neither arm is the better one for everybody. In the null
cohort the deviation is 0 and nobody is helped by a choice.

Each cohort is cross-validated in five folds; every learner's rule is valued as a report values it
(`fusion.evaluation.policy`), beside the *oracle*, which prefers by the truth and is valued with the truth as its model:
no learner and no estimator of this kind can be expected to show more. A line of JSON a cohort and rule goes to stdout;
results/policy_simulated.jsonl keeps those of 1,000 patients, docs/therapies.md what they say.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.model_selection import StratifiedKFold

from fusion.arms.policy.learners import LEARNERS
from fusion.evaluation.policy.evaluate import by_repeat, policy
from fusion.evaluation.policy.support import fit_support
from fusion.plain.base import fit_base

ARMS = ("old", "new")
DEVIATION = 0.5
LEVEL = -0.4
PROGNOSIS = 0.8 * np.array([1, 0, 1, -1, 1, 0]) / 2
BENEFIT = np.array([2, -2, 1, 0, 0, 0]) / 3


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """One cohort.

    Attributes:
        covariates: index patient_id, columns ``x1`` to ``x6``.
        arm: index patient_id, one of `ARMS`.
        label: index patient_id, 1 responded.
        truth: index patient_id, a column an arm: the probability to respond under it.
    """

    covariates: pd.DataFrame
    arm: pd.Series[str]
    label: pd.Series[int]
    truth: pd.DataFrame


def simulate(patients: int, *, seed: int, deviation: float = DEVIATION) -> Simulated:
    """Draw a cohort; the same seed draws the same covariates and arms at any deviation."""
    rng = np.random.default_rng([seed, 19])
    index = pd.Index([f"P{one:05}" for one in range(patients)], name="patient_id")
    x = rng.normal(size=(patients, 6))
    given = rng.integers(0, 2, patients)
    logits = LEVEL + (x @ PROGNOSIS)[:, None] + np.array([0.0, deviation]) * (x @ BENEFIT)[:, None]
    share: NDArray[np.float64] = expit(logits)
    label = (rng.random(patients) < share[np.arange(patients), given]).astype(np.int64)
    return Simulated(
        covariates=pd.DataFrame(x, index=index, columns=[f"x{one}" for one in range(1, 7)]),
        arm=pd.Series(np.array(ARMS)[given], index=index),
        label=pd.Series(label, index=index),
        truth=pd.DataFrame(share, index=index, columns=list(ARMS)),
    )


class Linear:
    """The plain model: covariates and the arm, no interaction. It prefers one arm for everybody."""

    def __init__(self, rows: pd.DataFrame, labels: NDArray[np.int64], given: list[str], *, seed: int) -> None:
        dealt = pd.Series(given, index=rows.index) == ARMS[1]
        self._model = fit_base("linear", rows.assign(**{"arm:new": dealt * 1.0}), labels, classes=2, seed=seed).model

    def __call__(self, rows: pd.DataFrame, regimen: str) -> NDArray[np.float64]:
        """``(patient,)`` probability of response."""
        return expit(self._model.logits(rows.assign(**{"arm:new": float(regimen == ARMS[1])})))


def scored(cohort: Simulated, learners: dict[str, Callable[..., Callable]], *, seed: int) -> pd.DataFrame:
    """Rows of policy.parquet, out of five folds; the oracle's scores are the truth."""
    rows, labels = cohort.covariates.add_prefix("covariate:"), cohort.label
    strata = pd.Series("all patients", index=labels.index)
    parts = []
    for number, (train, test) in enumerate(StratifiedKFold(5, shuffle=True, random_state=seed).split(rows, labels)):
        support = fit_support(cohort.arm, strata, labels, list(labels.index[train]), least=10)
        given = list(cohort.arm.iloc[train])
        models = {
            name: make(rows.iloc[train], labels.to_numpy()[train], given, seed=seed) for name, make in learners.items()
        }
        for name in (*models, "oracle"):
            for regimen in ARMS:
                score = (
                    cohort.truth[regimen].to_numpy()[test]
                    if name == "oracle"
                    else models[name](rows.iloc[test], regimen)
                )
                parts.append(
                    pd.DataFrame(
                        {
                            "patient_id": labels.index[test], "arm": name, "repeat": 0, "fold": number,
                            "stratum": "all patients", "given": cohort.arm.to_numpy()[test], "regimen": regimen,
                            "score": score, "propensity": support.propensity("all patients", regimen),
                            "best": regimen == support.best("all patients"), "label": labels.to_numpy()[test],
                            "why": "",
                        }
                    )
                )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def measured(patients: int, *, seed: int, deviation: float) -> list[dict[str, object]]:
    """One cohort: of each rule the gain over the best single arm as a report gives it, and in truth."""
    cohort = simulate(patients, seed=seed, deviation=deviation)
    table = scored(cohort, {"linear": Linear, **LEARNERS}, seed=seed)
    found = policy(table, cohort.covariates.reset_index()[["patient_id"]], by=[], least=10, seed=seed)
    truth, everybody = cohort.truth.to_numpy(), sorted(cohort.truth.index)
    single, most = truth.mean(axis=0).max(), truth.max(axis=1).mean()
    lines = []
    for name, row in found["arms"].items():
        chosen = by_repeat(table[table["arm"] == name], everybody)[0]
        places = [ARMS.index(chosen.names[place]) for place in chosen.preferred]
        value = truth[np.arange(patients), places].mean()
        lines.append(
            {
                "patients": patients, "deviation": deviation, "seed": seed, "rule": name,
                **{f"{way}_{end}": round(row["against_best"][way][end], 5)
                   for way in ("robust", "weighted") for end in ("value", "low", "high")},
                "value": round(row["robust"]["value"], 5), "effective": round(row["effective"], 1),
                "true_value": round(value, 5), "true_single": round(single, 5), "true_oracle": round(most, 5),
            }
        )  # fmt: skip
    return lines


def summary(lines: list[dict[str, object]]) -> pd.DataFrame:
    """By deviation and rule: cohorts in which a gain is claimed, and the share of the oracle's gain that is reached."""
    table = pd.DataFrame(lines)
    table["claims"], table["claims_weighted"] = table["robust_low"] > 0, table["weighted_low"] > 0
    table["gain"] = table["true_value"] - table["true_single"]
    table["most"] = table["true_oracle"] - table["true_single"]
    by = table.groupby(["patients", "deviation", "rule"], sort=False)
    told = by.agg(
        cohorts=("seed", "size"), claims=("claims", "sum"), claims_weighted=("claims_weighted", "sum"),
        estimated=("robust_value", "mean"), true=("gain", "mean"), oracle=("most", "mean"),
    )  # fmt: skip
    told["share"] = told["true"] / told["oracle"].where(told["oracle"] > 0)
    return told.round(4)


if __name__ == "__main__":
    asked = [int(one) for one in sys.argv[1:]]
    number, seeds = (asked + [1000, 20][len(asked) :])[:2]
    made: list[dict[str, object]] = []
    for level in (DEVIATION, 0.0):
        for one in range(seeds):
            for line in measured(number, seed=one, deviation=level):
                made.append(line)
                print(json.dumps(line), flush=True)
    print(summary(made).to_string(), file=sys.stderr)
