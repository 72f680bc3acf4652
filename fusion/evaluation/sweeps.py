r"""What a sweep's winner is worth, once it is told that the winner was chosen on the same patients.

Bootstrap-bias-corrected cross-validation (Tsamardinos, Greasidou & Borboudakis, Machine Learning 107:1895–1922, 2018,
Algorithm 5), of predictions that are there already, so that nothing is trained anew. In draw *b* of the patients, the
rule that ranks jobs is applied to those who were drawn, and the winner is scored on those who were not:

.. math::
    j_b = \arg\max_j \operatorname{mean}_f A\bigl(s_{j,f}, b\bigr), \qquad
    \hat A = \operatorname{mean}_b A\bigl(t_{j_b}, \bar b\bigr)

with :math:`A` the metric that chooses, :math:`s_{j,f}` the inner out-of-fold scores of job *j* in outer fold *f*,
:math:`t_j` its outer out-of-fold scores, averaged over repeats after scoring, and :math:`\bar b` who was not drawn.
It takes away most of the winner's optimism and not all: a job's scores of those who were drawn and of those who were
not come from models that trained on both (on noise 0.55 becomes 0.52, benchmarks/sweep_noise.py). It takes the jobs for
given: of a sampler that proposes jobs by what others gave, it is an approximation, for the proposals saw every patient.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion.contract import FusionError
from fusion.evaluation.intervals import LEVEL
from fusion.evaluation.outcome import Outcome
from fusion.evaluation.units import Units, units_of

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class JobScores:
    """What one job's arm says of everybody.

    Attributes:
        inner: patient_id, repeat, fold, label and the columns of scores; a row a training patient and outer fold.
        outer: the same of outer test patients; a row a patient and repeat; `group` where folds keep patients together.
    """

    inner: pd.DataFrame
    outer: pd.DataFrame


def corrected(jobs: Mapping[str, JobScores], outcome: Outcome, *, draws: int = 2000, seed: int = 0) -> dict[str, Any]:
    """The winner's plain figure and the bias-corrected one.

    Args:
        jobs: name → scores, in the order in which ties are decided; of the same patients.
        outcome: of their endpoint.
        draws: of the bootstrap, of patients or of the groups that folds keep whole.
        seed: of the draws.

    Returns:
        ``jobs``, of every job the figure that ranks (`inner`) and the plain one (`outer`); ``winner``; ``plain``, its
        outer figure; ``corrected``: `value`, `low` and `high` (percentiles of the draws; None where there is no draw),
        `undefined` (draws left out, for the metric does not exist on who was not drawn) and `same`, the share of draws
        in which the same job wins.

    Raises:
        FusionError: there are not two jobs, or they are not of the same patients and labels.
    """
    if len(jobs) < 2:
        raise FusionError(f"The sweep has {len(jobs)} finished job, so nothing was chosen. Run two or more.")
    patients, units = _same_patients(jobs)
    times = _draw(units, draws, seed=seed)
    drawn, left = np.vstack([np.ones(len(patients)), times]), (times == 0).astype(np.float64)
    rule = np.stack([_rule(one.inner, outcome, patients, drawn) for one in jobs.values()])
    everybody = np.ones((1, len(patients)))
    outer = np.stack([_figure(one.outer, outcome, patients, np.vstack([everybody, left])) for one in jobs.values()])
    best = np.where(np.isfinite(rule), rule, -np.inf).argmax(axis=0)
    values = outer[best[1:], 1 + np.arange(draws)]
    known = values[np.isfinite(values)]
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]) if len(known) else (np.nan, np.nan)
    names = list(jobs)
    return {
        "metric": outcome.chosen,
        "patients": len(patients),
        "units": units.record(),
        "draws": draws,
        "seed": seed,
        "jobs": {
            name: {"inner": _plain(inner), "outer": _plain(plain)}
            for name, inner, plain in zip(names, rule[:, 0], outer[:, 0], strict=True)
        },
        "winner": names[best[0]],
        "plain": _plain(outer[best[0], 0]),
        "corrected": {
            "value": _plain(known.mean() if len(known) else np.nan),
            "low": _plain(low),
            "high": _plain(high),
            "undefined": int(draws - len(known)),
            "same": float((best[1:] == best[0]).mean()),
        },
    }


def _same_patients(jobs: Mapping[str, JobScores]) -> tuple[list[str], Units]:
    first, *others = jobs
    labels = _labels(jobs[first])
    for name in others:
        other = _labels(jobs[name])
        if not labels.equals(other):
            raise FusionError(
                f"Jobs {first} and {name} are of other patients or labels ({len(labels)} and {len(other)} patients), "
                "and their figures cannot be compared. Sweep over settings of one cohort and endpoint."
            )
    patients = [str(one) for one in labels.index]
    return patients, units_of(jobs[first].outer, patients)


def _labels(job: JobScores) -> pd.Series[int]:
    both = pd.concat([part[["patient_id", "label"]] for part in (job.inner, job.outer)]).drop_duplicates()
    twice = both.loc[both["patient_id"].duplicated(), "patient_id"]
    if len(twice):
        raise FusionError(f"Patient {twice.iloc[0]} has two labels in one job; train it again.")
    return both.set_index("patient_id")["label"].sort_index()


def _draw(units: Units, draws: int, *, seed: int) -> Floats:
    """``(draw, patient)``: how often each is drawn."""
    number = int(units.of.max()) + 1
    times = np.random.default_rng(seed).multinomial(number, np.full(number, 1 / number), size=draws)
    return times[:, units.of].astype(np.float64)


def _rule(inner: pd.DataFrame, outcome: Outcome, patients: list[str], counts: Floats) -> Floats:
    """What ranks jobs: the mean over outer folds of the inner metric, ``(draw,)``; of the folds in which it exists."""
    return _mean([_metric(rows, outcome, patients, counts) for _, rows in inner.groupby(["repeat", "fold"])])


def _figure(outer: pd.DataFrame, outcome: Outcome, patients: list[str], counts: Floats) -> Floats:
    """The mean over repeats of the metric on the complete out-of-fold vector, ``(draw,)``."""
    return _mean([_metric(rows, outcome, patients, counts) for _, rows in outer.groupby("repeat")])


def _metric(rows: pd.DataFrame, outcome: Outcome, patients: list[str], counts: Floats) -> Floats:
    place = pd.Series(range(len(patients)), index=patients).loc[rows["patient_id"]].to_numpy()
    return outcome.drawn(outcome.truth_of(rows), outcome.of_columns(rows), counts[:, place])


def _mean(values: list[Floats]) -> Floats:
    table = np.stack(values)
    known = np.isfinite(table)
    mean: Floats = np.where(known, table, 0.0).sum(axis=0) / np.where(known.any(axis=0), known.sum(axis=0), np.nan)
    return mean


def _plain(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
