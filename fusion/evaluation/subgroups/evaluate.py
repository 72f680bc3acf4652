"""Discrimination and calibration by subgroup, with intervals, gaps to the rest, and tests corrected for all looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion.contract import Truth
from fusion.evaluation.gauges.base import FEWEST, Gauge, gap_over_error
from fusion.evaluation.gauges.kinds import gauge_of
from fusion.evaluation.intervals import Resampling, resample
from fusion.evaluation.subgroups.permuted import corrected, dealt
from fusion.evaluation.units import units_of

if TYPE_CHECKING:
    from fusion.evaluation.outcome import Outcome

Floats = NDArray[np.float64]
SMALLEST = 20
"""Patients below which a group is named and not evaluated."""
PERMUTATIONS = 2000


@dataclass(frozen=True, kw_only=True)
class Vectors:
    """One arm's complete out-of-fold vectors.

    Attributes:
        patients: in this order.
        truths: of each repeat; they differ in the folds alone.
        scores: of each repeat, as the outcome has them.
        rows: of the first repeat, for what is held together.
    """

    patients: list[str]
    truths: list[Truth]
    scores: list[Floats]
    rows: pd.DataFrame

    @property
    def labels(self) -> NDArray[np.int64]:
        """``(patient,)``."""
        return self.truths[0].label

    def gauge(self, outcome: Outcome, counts: Floats, *, inside: NDArray[np.bool_] | None = None) -> Gauge:
        """Of everyone, or of the patients inside a group; ``(draw, patient)`` counts of everyone."""
        if inside is None:
            return gauge_of(outcome, self.truths, counts)
        return gauge_of(outcome, [one[inside] for one in self.truths], counts[:, inside])


def vectors_of(predictions: pd.DataFrame, outcome: Outcome, *, arm: str) -> Vectors:
    """Of predictions.parquet."""
    rows = predictions[predictions["arm"] == arm]
    patients = sorted(str(one) for one in rows["patient_id"].unique())
    parts = [part.set_index("patient_id").loc[patients] for _, part in rows.groupby("repeat")]
    return Vectors(
        patients=patients,
        truths=[outcome.truth_of(part) for part in parts],
        scores=[outcome.of_columns(part) for part in parts],
        rows=rows[rows["repeat"] == rows["repeat"].min()],
    )


def subgroups(
    vectors: Vectors,
    groups: pd.DataFrame,
    outcome: Outcome,
    *,
    draws: int = 2000,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
    smallest: int = SMALLEST,
) -> dict[str, Any]:
    """The part ``subgroups`` of metrics.json.

    Args:
        vectors: of the arm that is judged.
        groups: index patient_id, a column a way of parting them, as of `groups_of`.
        outcome: of the endpoint, that `can` subgroups.
        draws: of the bootstrap.
        permutations: of the test.
        seed: of both.
        smallest: patients of a group that is evaluated.

    Returns:
        Of each column and group its patients, the metric and the calibration gap (observed minus expected) with 95 %
        intervals, their differences from everyone else, and corrected p-values of these.
    """
    named = groups.loc[vectors.patients].astype(str)
    plan = resample(units_of(vectors.rows, vectors.patients).of, draws, seed=seed)
    asked = [
        (str(column), str(level), (named[column] == level).to_numpy())
        for column in named
        for level in sorted(named[column].unique())
    ]
    rows = [_row(column, level, inside, vectors, outcome, plan, smallest) for column, level, inside in asked]
    pairs = [(row, inside) for row, (_, _, inside) in zip(rows, asked, strict=True)]
    tests = _test(pairs, vectors, outcome, permutations=permutations, seed=seed)
    return {
        "metric": outcome.chosen,
        "smallest": smallest,
        "fewest": FEWEST,
        "permutations": permutations,
        "tests": tests,
        "rows": rows,
        **vectors.gauge(outcome, plan.counts[:1]).told(),
    }


def _row(
    column: str, level: str, inside: NDArray[np.bool_], vectors: Vectors, outcome: Outcome, plan: Resampling,
    smallest: int,
) -> dict[str, Any]:  # fmt: skip
    classes = len(outcome.endpoint.classes)
    mine = np.bincount(vectors.labels[inside], minlength=classes).tolist()
    row: dict[str, Any] = {
        "column": column, "group": level, "patients": int(inside.sum()), "classes": mine, "value": None,
        "calibration": None, "gap": None, "calibration_gap": None, "p": None, "calibration_p": None, "why": "",
    }  # fmt: skip
    here = vectors.gauge(outcome, plan.counts, inside=inside)
    if inside.sum() < smallest or not here.enough(mine, outcome.endpoint.needed):
        return row | {"why": f"fewer than {smallest} patients, {here.rule}"}
    scores = [one[inside] for one in vectors.scores]
    value, expected = here.value_of_few(scores), here.calibration(scores)
    row |= {"value": _interval(plan, value), "calibration": _interval(plan, expected)}
    rest = np.bincount(vectors.labels[~inside], minlength=classes).tolist()
    if (~inside).sum() < smallest or not here.enough(rest, outcome.endpoint.needed):
        return row | {"why": "too few others to compare with"}
    there, others = vectors.gauge(outcome, plan.counts, inside=~inside), [one[~inside] for one in vectors.scores]
    return row | {
        "gap": _interval(plan, value - there.value_of_few(others), gap=True),
        "calibration_gap": _interval(plan, expected - there.calibration(others), gap=True),
    }


def _interval(plan: Resampling, values: Floats, *, gap: bool = False) -> dict[str, Any] | None:
    """With its interval; None where it cannot be told of the sample itself."""
    if not np.isfinite(values[0]):
        return None
    return (plan.gain(values) if gap else plan.value(values)).record()


def _test(
    rows: Sequence[tuple[dict[str, Any], NDArray[np.bool_]]], vectors: Vectors, outcome: Outcome, *,
    permutations: int, seed: int,
) -> int:  # fmt: skip
    """Put corrected p-values into the rows that have a gap; how many looks there were."""
    families = [(gap, p, [one for one in rows if one[0][gap] is not None]) for gap, p in _TESTED]
    looks = sum(len(tested) for _, _, tested in families)
    if not looks:
        return 0
    rng = np.random.default_rng([seed, 1])
    number = len(vectors.labels)
    within = vectors.gauge(outcome, np.ones((1, number))).dealt_within()
    plain = dealt(None, number, permutations, rng)
    orders = {"p": plain if within is None else dealt(within, number, permutations, rng), "calibration_p": plain}

    def gaps(member: NDArray[np.bool_], key: str) -> Floats:
        sides = [vectors.gauge(outcome, one.astype(np.float64)) for one in (member, ~member)]
        measured = [one.tested if key == "p" else one.calibration_tested for one in sides]
        return gap_over_error(*(one(vectors.scores) for one in measured))

    for _, key, tested in families:
        observed = [float(gaps(inside[None, :], key)[0]) for _, inside in tested]
        permuted = [gaps(inside[orders[key]], key) for _, inside in tested]
        for (row, _), p in zip(tested, corrected(observed, permuted, families=len(families)), strict=True):
            row[key] = p
    return looks


_TESTED = (("gap", "p"), ("calibration_gap", "calibration_p"))
"""The gap, and the p-value that stands for it."""
