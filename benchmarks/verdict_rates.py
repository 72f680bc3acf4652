"""How often a verdict is wrong by chance: 2,000 simulated runs of correlated fixed scores in which all arms are equal.

Run: ``python benchmarks/verdict_rates.py [simulations]``. 200 patients, 35 % responders, AUROC 0.75 in every arm:
fusion, three single modalities, late fusion, the chosen classical model; scores of two arms correlate by 0.5 or 0.8
within a class. *Before* is the rule of commit 2c33775: *worse* where a 95 % percentile interval of any of the five
gains lies below 0. *Now* is `fusion.evaluation.verdict`. Rows in which fusion differs show what the correction costs
and what the order of verdicts does; the margin of non-inferiority is 0.05. No network is trained: rates through real
training hold the luck of training too.

Measured, per cent of 2,000 runs a row (4 minutes of processor time; 32 minutes on two busy cores). *Worse* is corrected
at 95 % of both sides together, so equal arms are called so in about 2 %:

    correlation  AUROC of fusion, others  before: supported, worse  now: supported, worse, non-inferior, not shown
    0.5          0.75  0.75                 0.1   9.7                 0.1   1.9   4.2  93.8
    0.8          0.75  0.75                 0.1  10.1                 0.1   1.8  17.5  80.5
    0.8          0.70  0.75                 0.0  84.5                 0.0  59.7   0.1  40.2
    0.8          0.65  0.75                 0.0  99.9                 0.0  99.0   0.0   1.0
    0.8          0.80  0.75                23.4   0.1                20.8   0.0  75.0   4.2
    0.8          0.85  0.75                97.4   0.0                96.8   0.0   3.2   0.0

The exit code is 1 where equal arms are called *worse* in more than 6.4 % of runs (5 % and three standard errors).
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from fusion.evaluation.comparison import compare
from fusion.evaluation.intervals import resample
from fusion.evaluation.metrics import auroc
from fusion.evaluation.verdict import judge

Floats = NDArray[np.float64]

PATIENTS, RESPONDERS, AREA, DRAWS, MARGIN, MOST = 200, 0.35, 0.75, 1000, 0.05, 0.064
OTHERS = ("only_slides", "only_variants", "only_clinical", "late", "classical")


@dataclass(frozen=True, kw_only=True)
class Case:
    """One row: how arms correlate, and fusion's true AUROC."""

    correlation: float
    fusion: float = AREA

    def draw(self, rng: np.random.Generator) -> tuple[Floats, dict[str, Floats]]:
        """Labels, and each arm's scores."""
        labels = (rng.random(PATIENTS) < RESPONDERS).astype(np.float64)
        shared = np.sqrt(self.correlation) * rng.normal(size=PATIENTS)
        scores = {}
        for arm in ("fusion", *OTHERS):
            area = self.fusion if arm == "fusion" else AREA
            own = np.sqrt(1 - self.correlation) * rng.normal(size=PATIENTS)
            scores[arm] = ndtri(area) * np.sqrt(2) * labels + shared + own
        return labels, scores


CASES = (
    Case(correlation=0.5),
    Case(correlation=0.8),
    Case(correlation=0.8, fusion=0.70),
    Case(correlation=0.8, fusion=0.65),
    Case(correlation=0.8, fusion=0.80),
    Case(correlation=0.8, fusion=0.85),
)


def simulate(case: Case, seed: int, *, simulations: int) -> Mapping[str, Mapping[str, float]]:
    """Rule → verdict → share of runs."""
    rng = np.random.default_rng(seed)
    before: Counter[str] = Counter()
    now: Counter[str] = Counter()
    for number in range(simulations):
        labels, scores = case.draw(rng)
        plan = resample(np.arange(PATIENTS), DRAWS, seed=number)
        draws = {arm: {"auroc": auroc(labels, one, plan.counts)} for arm, one in scores.items()}
        rows = compare(draws, plan, reference="fusion", metrics=("auroc",))
        now[judge(rows, margin=MARGIN).status] += 1
        gains = np.stack([plan.bootstrap(draws["fusion"]["auroc"] - draws[arm]["auroc"]) for arm in OTHERS])
        low, high = np.quantile(gains, [0.025, 0.975], axis=1)
        before["worse" if (high < 0).any() else "supported" if (low > 0).all() else "not shown"] += 1
    return {
        rule: {status: times / simulations for status, times in counted.items()}
        for rule, counted in (("before", before), ("now", now))
    }


def main(simulations: int = 2000) -> int:
    """Print a table; 1 where equal arms are called worse too often."""
    start, wrong = time.perf_counter(), False
    print("Per cent of runs.  correlation  AUROC of fusion and others | before: supported, worse | "
          "now: supported, worse, non-inferior, not shown")  # fmt: skip
    with ProcessPoolExecutor() as pool:
        every = pool.map(partial(simulate, simulations=simulations), CASES, range(len(CASES)))
    for case, found in zip(CASES, every, strict=True):
        told = [100 * found["before"].get(name, 0.0) for name in ("supported", "worse")]
        told += [100 * found["now"].get(name, 0.0) for name in ("supported", "worse", "non-inferior", "not shown")]
        print(f"{case.correlation}  {case.fusion:.2f}  {AREA:.2f} | {told[0]:5.1f} {told[1]:5.1f} | "
              + " ".join(f"{value:5.1f}" for value in told[2:]))  # fmt: skip
        wrong |= case.fusion == AREA and found["now"].get("worse", 0.0) > MOST
    print(f"{simulations} runs a row, {DRAWS} draws each, {time.perf_counter() - start:.0f} s")
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main(*(int(argument) for argument in sys.argv[1:2])))
