"""How often 95 % intervals hold the truth: 2,000 simulated cohorts a row, cases in groups that folds keep whole.

Run: ``python benchmarks/coverage.py [simulations]``. Scores are fixed and binormal; half of their variance is that of
the group, half the case's own, and two arms share half of each. Labels are the group's (a patient's tiles) or the
case's own (patients of a family or hospital). The truth of AUROC is exact, that of Brier score and accuracy is the mean
of a million cases; the truth of a gain is 0. Columns:

- *before*: percentile interval of draws of cases, as at commit 2c33775; for the gain DeLong's too;
- *percentile*: the same of draws of groups;
- *now*: `fusion.evaluation`: BCa for values, Student's with estimated degrees of freedom for gains, Obuchowski's
  variance for DeLong's interval.

Measured in 18 minutes on two busy cores (some 4 minutes of processor time each), per cent, `now` in AUROC, Brier score,
accuracy, gain and DeLong's interval:

    groups  cases  prevalence  AUROC  labels of  before: AUROC, gain  percentile: AUROC, gain  now
        40     25         0.4   0.75  group           44.0  42.2          92.3  93.0           94.1 94.0 94.5 94.8 94.6
        40     10         0.4   0.85  group           60.5  67.0          92.2  94.1           95.2 95.1 95.2 96.9 96.7
        40     10         0.4   0.75  case            92.8  90.2          94.0  94.2           94.8 94.8 95.1 95.8 95.7
        60     10         0.3   0.75  group           60.0  63.0          93.4  93.9           94.7 94.5 95.6 95.7 95.7
       100      3         0.4   0.85  group           87.8  85.8          94.5  94.4           95.8 95.7 96.3 95.9 95.7
        30     10         0.4   0.75  group           54.2  59.8          92.3  92.7           95.0 94.3 95.8 95.4 95.3
        20     10         0.4   0.75  group           56.5  62.0          92.0  91.4           95.0 95.0 96.2 95.5 95.4
        20     10         0.4   0.75  case            92.5  89.8          91.5  93.3           94.8 94.2 95.0 95.7 95.3

The exit code is 1 where *now* leaves 93 to 97 % in a row of 40 groups or more.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtri

from fusion.evaluation.delong import delong_components, delong_gain
from fusion.evaluation.intervals import Resampling, resample
from fusion.evaluation.metrics import auroc, brier

Floats = NDArray[np.float64]

DRAWS = 800
BEFORE = 400
"""Simulations in which the intervals of before are measured too: it takes no more to see that they are wrong."""

OWN = 0.5
"""Share of a score's variance that is the group's."""


@dataclass(frozen=True, kw_only=True)
class Design:
    """One row of the table."""

    groups: int
    cases: int
    prevalence: float = 0.4
    area: float = 0.75
    labels_of: str = "group"

    def draw(self, rng: np.random.Generator) -> tuple[Floats, list[Floats], NDArray[np.int64]]:
        """Labels, the logits of two equal arms, and groups."""
        group = np.repeat(np.arange(self.groups), self.cases)
        number = self.groups if self.labels_of == "group" else len(group)
        labels = np.zeros(number)
        while not 1 < labels.sum() < number - 1:  # two of each class at least, or no interval exists
            labels = (rng.random(number) < self.prevalence).astype(np.float64)
        labels = labels[group] if self.labels_of == "group" else labels
        noise = np.sqrt(OWN) * rng.normal(size=(3, self.groups))[:, group]
        noise += np.sqrt(1 - OWN) * rng.normal(size=(3, len(group)))
        centre = ndtri(self.area) * np.sqrt(2) * (labels - 0.5)
        return labels, [centre + np.sqrt(0.5) * (noise[0] + noise[one]) for one in (1, 2)], group

    def truth(self) -> dict[str, float]:
        """Of AUROC, Brier score and accuracy at 0.5."""
        many = Design(groups=1_000_000, cases=1, prevalence=self.prevalence, area=self.area)
        labels, (logits, _), _ = many.draw(np.random.default_rng(1))
        scores = expit(logits)
        return {
            "AUROC": self.area,
            "Brier": float(((scores - labels) ** 2).mean()),
            "accuracy": float(((scores >= 0.5) == labels).mean()),
        }


DESIGNS = (
    Design(groups=40, cases=25),
    Design(groups=40, cases=10, area=0.85),
    Design(groups=40, cases=10, labels_of="case"),
    Design(groups=60, cases=10, prevalence=0.3),
    Design(groups=100, cases=3, area=0.85),
    Design(groups=30, cases=10),
    Design(groups=20, cases=10),
    Design(groups=20, cases=10, labels_of="case"),
)


def simulate(design: Design, seed: int, *, simulations: int) -> dict[str, dict[str, float]]:
    """What → method → share of simulations whose interval holds the truth."""
    rng = np.random.default_rng(seed)
    truth = design.truth()
    held: dict[str, dict[str, list[bool]]] = {}

    def note(what: str, method: str, low: float, high: float, true: float) -> None:
        held.setdefault(what, {}).setdefault(method, []).append(bool(low <= true <= high))

    for number in range(simulations):
        labels, logits, group = design.draw(rng)
        scores = [expit(one) for one in logits]
        plan = resample(group, DRAWS, seed=number)
        values = _values(labels, scores[0], plan)
        for what, drawn in values.items():
            note(what, "percentile", *_percentile(drawn, plan), truth[what])
            now = plan.value(drawn)
            note(what, "now", now.low, now.high, truth[what])
        gain = values["AUROC"] - auroc(labels, scores[1], plan.counts)
        note("gain", "percentile", *_percentile(gain, plan), 0.0)
        now = plan.gain(gain)
        note("gain", "now", now.low, now.high, 0.0)
        parts = [delong_components(labels, one) for one in scores]
        for method, units in (("before", None), ("now", group)):
            told = delong_gain(labels, parts[0], parts[1], units)
            note("DeLong", method, told.low, told.high, 0.0)
        if number < BEFORE:
            cases = resample(np.arange(len(group)), DRAWS, seed=number)
            first, second = (auroc(labels, one, cases.counts[: 1 + DRAWS]) for one in scores)
            note("AUROC", "before", *_percentile(first, cases), design.area)
            note("gain", "before", *_percentile(first - second, cases), 0.0)
    return {what: {name: float(np.mean(part)) for name, part in methods.items()} for what, methods in held.items()}


def _values(labels: Floats, scores: Floats, plan: Resampling) -> dict[str, Floats]:
    right = ((scores >= 0.5) == labels).astype(np.float64)
    return {
        "AUROC": auroc(labels, scores, plan.counts),
        "Brier": brier(labels, scores, plan.counts),
        "accuracy": plan.counts @ right / plan.counts.sum(axis=1),
    }


def _percentile(values: Floats, plan: Resampling) -> tuple[float, float]:
    drawn = plan.bootstrap(values)
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return float(low), float(high)


def main(simulations: int = 2000) -> int:
    """Print a table; 1 where an interval of now leaves its bounds."""
    start, wrong = time.perf_counter(), []
    shown = [("AUROC", "before"), ("AUROC", "percentile"), ("AUROC", "now"), ("Brier", "now"), ("accuracy", "now")]
    shown += [("gain", "before"), ("gain", "percentile"), ("gain", "now"), ("DeLong", "before"), ("DeLong", "now")]
    print("groups cases prev. area labels | " + " | ".join(f"{what} {method}" for what, method in shown))
    with ProcessPoolExecutor() as pool:
        every = pool.map(partial(simulate, simulations=simulations), DESIGNS, range(len(DESIGNS)))
    for design, found in zip(DESIGNS, every, strict=True):
        numbers = " | ".join(f"{100 * found[what][method]:5.1f}" for what, method in shown)
        print(
            f"{design.groups:6} {design.cases:5} {design.prevalence:5} {design.area:4} {design.labels_of:6} | {numbers}"
        )
        if design.groups >= 40:
            wrong += [what for what, methods in found.items() if not 0.93 <= methods["now"] <= 0.97]
    print(
        f"{simulations} simulations a row (before: {BEFORE}), {DRAWS} draws each, {time.perf_counter() - start:.0f} s"
    )
    if wrong:
        print(f"outside 93 to 97 % with 40 groups or more: {', '.join(wrong)}")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(*(int(argument) for argument in sys.argv[1:2])))
