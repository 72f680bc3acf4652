"""How often an interval holds a patient's true difference: ``difference_coverage.py [patients] [seeds]``.

Cohorts of `policy_simulated`, with a benefit that differs between patients and with none. The plain model that
`model.base=linear` fits is refitted to 200 draws as `fusion.train` does it, and 500 new patients get the interval that
`fusion.predict treatments=[old,new]` gives, of one model and not of five, uncalibrated. Two truths are counted: the
patient's own difference, and the one that the model is meant to tell, that of the linear model fitted to 100,000
patients. A line of JSON a cohort goes to stdout; docs/therapies.md says what they say.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from policy_simulated import ARMS, DEVIATION, Simulated, simulate
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from fusion.arms.policy.redrawn import draws_of
from fusion.plain.base import fit_base
from fusion.plain.redrawn import redraw

NEW = 500
MANY = 100_000


def rows_of(cohort: Simulated, arm: str | None = None) -> pd.DataFrame:
    """Covariates and the arm, given or as if everybody were given `arm`."""
    dealt = (cohort.arm == ARMS[1]) * 1.0 if arm is None else float(arm == ARMS[1])
    return cohort.covariates.add_prefix("covariate:").assign(**{"arm:new": dealt})


def limit(deviation: float) -> Any:
    """The linear model of so many patients that chance plays no part."""
    cohort = simulate(MANY, seed=987_654, deviation=deviation)
    return LogisticRegression(C=1e6).fit(rows_of(cohort).to_numpy(), cohort.label)


def measured(patients: int, *, seed: int, deviation: float, told: Any) -> dict[str, object]:
    """One cohort: shares of new patients whose interval holds the two truths, and how wide it is."""
    cohort = simulate(patients, seed=seed, deviation=deviation)
    new = simulate(NEW, seed=100_000 + seed, deviation=deviation)
    rows, labels = rows_of(cohort), cohort.label.to_numpy()
    model = fit_base("linear", rows, labels, classes=2, seed=seed).model
    draws = draws_of(list(rows.index), pd.Series(pd.NA, index=rows.index), seed=seed).to_numpy()
    refits = redraw(model, rows, labels, np.ones(patients), draws)
    if refits is None:
        raise SystemExit("nothing was refitted")
    under = {arm: rows_of(new, arm) for arm in ARMS}
    old, other = (expit(model.logits(one) + refits.change(model, one)) for one in under.values())
    low, high = np.quantile(other - old, [0.025, 0.975], axis=0)
    truth: NDArray[np.float64] = (new.truth[ARMS[1]] - new.truth[ARMS[0]]).to_numpy()
    meant = [told.predict_proba(one.to_numpy())[:, 1] for one in under.values()]
    return {
        "patients": patients, "deviation": deviation, "seed": seed,
        "covers_own": round(float(((low <= truth) & (truth <= high)).mean()), 4),
        "covers_meant": round(float(((low <= meant[1] - meant[0]) & (meant[1] - meant[0] <= high)).mean()), 4),
        "width": round(float((high - low).mean()), 4),
    }  # fmt: skip


if __name__ == "__main__":
    asked = [int(one) for one in sys.argv[1:]]
    number, seeds = (asked + [1000, 20][len(asked) :])[:2]
    made = []
    for level in (DEVIATION, 0.0):
        model = limit(level)
        for one in range(seeds):
            made.append(measured(number, seed=one, deviation=level, told=model))
            print(json.dumps(made[-1]), flush=True)
    by = pd.DataFrame(made).groupby(["patients", "deviation"])[["covers_own", "covers_meant", "width"]]
    print(by.mean().round(3).to_string(), file=sys.stderr)
