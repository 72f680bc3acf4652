"""How often an interval holds a patient's true difference: ``difference_coverage.py [patients] [seeds]``.

Cohorts of `policy_simulated`: with a benefit that differs between patients, with none, and with the same one in
log-odds for everybody (`EFFECT`). The plain model that `model.base=linear` fits is refitted to 200 draws as
`fusion.train` does it, and 500 new patients get what 95 % of refits say, as `fusion.predict treatments=[old,new]` tells
it, of one model and not of five, uncalibrated. Two truths are counted: the
patient's own difference, and the one that the model is meant to tell, that of the linear model fitted to 100,000
patients. A line of JSON a cohort goes to stdout; docs/therapies.md says what they say.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from policy_simulated import ARMS, DEVIATION, Simulated, simulate
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from fusion.arms.policy.redrawn import draws_of
from fusion.plain.base import fit_base
from fusion.plain.redrawn import redraw

EFFECT = 0.7
NEW = 500
MANY = 100_000


def rows_of(cohort: Simulated, arm: str | None = None) -> pd.DataFrame:
    """Covariates and the arm, given or as if everybody were given `arm`."""
    dealt = (cohort.arm == ARMS[1]) * 1.0 if arm is None else float(arm == ARMS[1])
    return cohort.covariates.add_prefix("covariate:").assign(**{"arm:new": dealt})


def cohort_of(patients: int, *, seed: int, deviation: float, effect: float) -> Simulated:
    """A cohort with `effect` more log-odds under the new arm, its responses drawn anew where there is any."""
    made = simulate(patients, seed=seed, deviation=deviation)
    if not effect:
        return made
    truth = made.truth.assign(**{ARMS[1]: expit(logit(made.truth[ARMS[1]]) + effect)})
    share = np.where(made.arm == ARMS[1], truth[ARMS[1]], truth[ARMS[0]])
    label = (np.random.default_rng([seed, 20]).random(patients) < share).astype(np.int64)
    return replace(made, truth=truth, label=pd.Series(label, index=made.label.index))


def limit(deviation: float, effect: float) -> Any:
    """The linear model of so many patients that chance plays no part."""
    cohort = cohort_of(MANY, seed=987_654, deviation=deviation, effect=effect)
    return LogisticRegression(C=1e6).fit(rows_of(cohort).to_numpy(), cohort.label)


def measured(patients: int, *, seed: int, deviation: float, effect: float, told: Any) -> dict[str, object]:
    """One cohort: shares of new patients whose interval holds the two truths, and how wide it is."""
    cohort = cohort_of(patients, seed=seed, deviation=deviation, effect=effect)
    new = cohort_of(NEW, seed=100_000 + seed, deviation=deviation, effect=effect)
    rows, labels = rows_of(cohort), cohort.label.to_numpy()
    model = fit_base("linear", rows, labels, classes=2, seed=seed).model
    draws = draws_of(list(rows.index), pd.Series(pd.NA, index=rows.index), seed=seed).to_numpy()
    refits = redraw(model, rows, labels, np.ones(patients), draws)
    if refits is None:
        raise SystemExit("nothing was refitted")
    under = {arm: rows_of(new, arm) for arm in ARMS}
    old, other = (expit(model.logits(one) + refits.change(model, one)) for one in under.values())
    low, high = np.quantile(other - old, [0.025, 0.975], axis=0)
    said = [expit(model.logits(one)) for one in under.values()]
    truth: NDArray[np.float64] = (new.truth[ARMS[1]] - new.truth[ARMS[0]]).to_numpy()
    meant = [told.predict_proba(one.to_numpy())[:, 1] for one in under.values()]
    return {
        "patients": patients, "deviation": deviation, "effect": effect, "seed": seed,
        "covers_own": round(float(((low <= truth) & (truth <= high)).mean()), 4),
        "covers_meant": round(float(((low <= meant[1] - meant[0]) & (meant[1] - meant[0] <= high)).mean()), 4),
        "width": round(float((high - low).mean()), 4), "told": round(float(np.mean(said[1] - said[0])), 4),
        "true": round(float(truth.mean()), 4),
    }  # fmt: skip


if __name__ == "__main__":
    asked = [int(one) for one in sys.argv[1:]]
    number, seeds = (asked + [1000, 20][len(asked) :])[:2]
    made = []
    for level, more in ((DEVIATION, 0.0), (0.0, 0.0), (0.0, EFFECT)):
        model = limit(level, more)
        for one in range(seeds):
            made.append(measured(number, seed=one, deviation=level, effect=more, told=model))
            print(json.dumps(made[-1]), flush=True)
    by = pd.DataFrame(made).groupby(["patients", "deviation", "effect"])[["covers_own", "covers_meant", "width"]]
    print(by.mean().round(3).to_string(), file=sys.stderr)
