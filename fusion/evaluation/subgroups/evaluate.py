"""Discrimination and calibration by subgroup, with intervals, gaps to the rest, and tests corrected for all looks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion.contract import Truth
from fusion.evaluation.intervals import Resampling, resample
from fusion.evaluation.judgement import finite
from fusion.evaluation.subgroups.permuted import corrected, dealt, mean_gaps, rank_gaps
from fusion.evaluation.units import units_of

if TYPE_CHECKING:
    from fusion.evaluation.outcome import Outcome

Floats = NDArray[np.float64]
SMALLEST = 20
"""Patients below which a group is named and not evaluated."""
FEWEST = 5
"""Patients of every class that a group, and the rest, must have."""
PERMUTATIONS = 2000


@dataclass(frozen=True, kw_only=True)
class Vectors:
    """One arm's complete out-of-fold vectors.

    Attributes:
        patients: in this order.
        labels: ``(patient,)``.
        scores: of each repeat ``(patient,)`` or ``(patient, class)``.
        group: rows of the first repeat, for what is held together.
    """

    patients: list[str]
    labels: NDArray[np.int64]
    scores: list[Floats]
    rows: pd.DataFrame


def vectors_of(predictions: pd.DataFrame, outcome: Outcome, *, arm: str) -> Vectors:
    """Of predictions.parquet."""
    rows = predictions[predictions["arm"] == arm]
    patients = sorted(str(one) for one in rows["patient_id"].unique())
    parts = [part.set_index("patient_id").loc[patients] for _, part in rows.groupby("repeat")]
    return Vectors(
        patients=patients,
        labels=parts[0]["label"].to_numpy(np.int64),
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
    residual = _residuals(vectors)
    asked = [
        (str(column), str(level), (named[column] == level).to_numpy())
        for column in named
        for level in sorted(named[column].unique())
    ]
    rows = [_row(column, level, inside, vectors, residual, outcome, plan, smallest) for column, level, inside in asked]
    tested = [(row, inside) for row, (_, _, inside) in zip(rows, asked, strict=True) if row["gap"] is not None]
    _test(tested, vectors, residual, permutations=permutations, seed=seed)
    return {
        "metric": outcome.chosen,
        "smallest": smallest,
        "fewest": FEWEST,
        "permutations": permutations,
        "tests": 2 * len(tested),
        "rows": rows,
    }


def _residuals(vectors: Vectors) -> Floats:
    """Observed minus expected, mean over repeats: the label minus its probability; right or not minus confidence."""
    if vectors.scores[0].ndim == 1:
        return np.asarray(vectors.labels - np.mean(vectors.scores, axis=0), dtype=np.float64)
    right = [(one.argmax(axis=1) == vectors.labels) - one.max(axis=1) for one in vectors.scores]
    return np.asarray(np.mean(right, axis=0), dtype=np.float64)


def _row(
    column: str, level: str, inside: NDArray[np.bool_], vectors: Vectors, residual: Floats, outcome: Outcome,
    plan: Resampling, smallest: int,
) -> dict[str, Any]:  # fmt: skip
    classes = len(outcome.endpoint.classes)
    mine = np.bincount(vectors.labels[inside], minlength=classes)
    row: dict[str, Any] = {
        "column": column, "group": level, "patients": int(inside.sum()), "classes": mine.tolist(), "value": None,
        "calibration": None, "gap": None, "calibration_gap": None, "p": None, "calibration_p": None, "why": "",
    }  # fmt: skip
    if inside.sum() < smallest or mine.min() < FEWEST:
        return row | {"why": f"fewer than {smallest} patients, or than {FEWEST} of a class"}
    here, expected = _draws(inside, vectors, residual, outcome, plan)
    row |= {"value": finite(asdict(plan.value(here))), "calibration": finite(asdict(plan.value(expected)))}
    rest = np.bincount(vectors.labels[~inside], minlength=classes)
    if (~inside).sum() < smallest or rest.min() < FEWEST:
        return row | {"why": "too few others to compare with"}
    there, others = _draws(~inside, vectors, residual, outcome, plan)
    return row | {
        "gap": finite(asdict(plan.gain(here - there))),
        "calibration_gap": finite(asdict(plan.gain(expected - others))),
    }


def _draws(
    inside: NDArray[np.bool_], vectors: Vectors, residual: Floats, outcome: Outcome, plan: Resampling
) -> tuple[Floats, Floats]:
    """Metric and calibration gap of the members in every draw; NaN where a draw has none of a class."""
    counts, truth = plan.counts[:, inside], Truth(label=vectors.labels[inside])
    value = np.mean([outcome.drawn(truth, one[inside], counts) for one in vectors.scores], axis=0)
    number = counts.sum(axis=1)
    mean = np.divide(counts @ residual[inside], number, out=np.full(len(counts), np.nan), where=number > 0)
    return value, mean


def _test(
    tested: Sequence[tuple[dict[str, Any], NDArray[np.bool_]]], vectors: Vectors, residual: Floats, *,
    permutations: int, seed: int,
) -> None:  # fmt: skip
    """Put corrected p-values into the rows."""
    if not tested:
        return
    rng = np.random.default_rng([seed, 1])
    ranked = vectors.scores[0].ndim == 1
    number = len(vectors.labels)
    everyone = np.arange(number)[None, :]
    plain = dealt(None, number, permutations, rng)
    kept = dealt(vectors.labels, number, permutations, rng) if ranked else plain
    right = None if ranked else np.mean([one.argmax(axis=1) == vectors.labels for one in vectors.scores], axis=0)
    labels = vectors.labels.astype(np.float64)

    def discrimination(member: NDArray[np.bool_]) -> Floats:
        return rank_gaps(labels, vectors.scores, member) if right is None else mean_gaps(right, member)

    def calibration(member: NDArray[np.bool_]) -> Floats:
        return mean_gaps(residual, member)

    measures: Mapping[str, tuple[Callable[[NDArray[np.bool_]], Floats], NDArray[np.int64]]] = {
        "p": (discrimination, kept), "calibration_p": (calibration, plain)
    }  # fmt: skip
    for key, (measure, order) in measures.items():
        observed = [float(measure(inside[everyone])[0]) for _, inside in tested]
        permuted = [measure(inside[order]) for _, inside in tested]
        for (row, _), p in zip(tested, corrected(observed, permuted, families=len(measures)), strict=True):
            row[key] = p
