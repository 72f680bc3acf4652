"""How often subgroups alarm where there is nothing: ``python benchmarks/subgroup_alarms.py [cohorts]``.

Scores say as much of everyone and are calibrated, whatever their group; three columns, of two, four and three groups,
differ in size and, in *unequal*, one site in prevalence and so in its scores. Measured with 300 cohorts a row, share of
cohorts with any alarm at 0.05 (18 looks each):

    patients  equal  unequal
         120  0.040    0.017
         300  0.037    0.037
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
from scipy.special import expit

from fusion.contract import EndpointSpec, Truth
from fusion.evaluation.outcome import outcome_of
from fusion.evaluation.subgroups.evaluate import Vectors, subgroups

BINARY = outcome_of(EndpointSpec(name="response", kind="binary", classes=("no", "yes")))


def cohort(seed: int, *, patients: int, unequal: bool) -> tuple[Vectors, pd.DataFrame]:
    """A null cohort; with `unequal` one site has another prevalence, and the same AUROC."""
    rng = np.random.default_rng(seed)
    names = [f"P{one:04}" for one in range(patients)]
    table = pd.DataFrame(
        {
            "arm": rng.choice(["a", "b"], patients, p=[0.7, 0.3]),
            "site": rng.choice(["w", "x", "y", "z"], patients),
            "age": rng.choice(["young", "middle", "old"], patients),
        },
        index=names,
    )
    if not unequal:
        logit = rng.normal(0, 1.2, patients)
        labels = (rng.random(patients) < expit(logit)).astype(np.int64)
    else:
        # Two normal distributions of equal variance d lie d apart: the log-odds is then calibrated (Fisher).
        share = np.where(table["site"] == "w", 0.6, 0.35)
        labels = (rng.random(patients) < share).astype(np.int64)
        logit = rng.normal((labels - 0.5) * 1.4, np.sqrt(1.4)) + np.log(share / (1 - share))
    rows = pd.DataFrame({"patient_id": names})
    return Vectors(patients=names, truths=[Truth(label=labels)], scores=[expit(logit)], rows=rows), table


def alarms(cohorts: int, *, patients: int, unequal: bool) -> float:
    """Share of null cohorts in which any p-value is 0.05 or less."""
    found = 0
    for seed in range(cohorts):
        vectors, table = cohort(seed, patients=patients, unequal=unequal)
        rows = subgroups(vectors, table, BINARY, draws=2, permutations=400, seed=seed)["rows"]
        found += any(p is not None and p <= 0.05 for row in rows for p in (row["p"], row["calibration_p"]))
    return found / cohorts


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    for size in (120, 300):
        for other in (False, True):
            print(size, "unequal" if other else "equal", alarms(number, patients=size, unequal=other), flush=True)
