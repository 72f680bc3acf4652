"""The part ``policy`` of metrics.json: what "give what the model prefers" would have been worth, out of fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion.evaluation.intervals import Resampling, resample
from fusion.evaluation.policy.contrasts import contrasts
from fusion.evaluation.policy.value import Rule, average
from fusion.evaluation.units import units_of

Floats = NDArray[np.float64]

PROMISE = "association in these patients, not a promise"
DRIFT = "time drift of adaptive randomisation not adjusted for"


@dataclass(frozen=True, kw_only=True)
class Scored:
    """One arm's scores of one repeat, by regimen.

    Attributes:
        names: of the regimens.
        scores: ``(patient, regimen)`` probability of response, NaN where the regimen is no candidate.
        propensity: ``(patient, regimen)``, likewise.
        given: ``(patient,)`` place of what was given.
        best: ``(patient,)`` place of what did best in the patient's stratum, of the training part.
        response: ``(patient,)`` 0/1.
        places: ``(patient,)`` of these patients among all.
    """

    names: tuple[str, ...]
    scores: Floats
    propensity: Floats
    given: NDArray[np.intp]
    best: NDArray[np.intp]
    response: Floats
    places: NDArray[np.intp]

    @cached_property
    def preferred(self) -> NDArray[np.intp]:
        """``(patient,)`` the highest score; of equal ones the stratum's best, then the first by name."""
        filled = np.nan_to_num(self.scores, nan=-np.inf)
        rows, top = np.arange(len(filled)), filled.max(axis=1)
        return np.where(filled[rows, self.best] == top, self.best, filled.argmax(axis=1))

    def rule(self, chosen: NDArray[np.intp]) -> Rule:
        """A rule that gives ``(patient,)`` `chosen`, valued with this arm's scores."""
        rows = np.arange(len(chosen))
        return Rule(
            response=self.response,
            followed=chosen == self.given,
            propensity=self.propensity[rows, self.given],
            expected=self.scores[rows, chosen],
            fitted=self.scores[rows, self.given],
        )


def policy(
    table: pd.DataFrame, predictions: pd.DataFrame, *, by: Sequence[str], least: int, control: Sequence[str] = (),
    draws: int = 2000, seed: int = 0,
) -> dict[str, Any]:  # fmt: skip
    """Values of every arm's rule, of what was given, and of the best arm of each stratum.

    Args:
        table: policy.parquet: patient_id, arm, repeat, fold, stratum, given, regimen, score, propensity, best, label,
            a row for every candidate; and, with the arm empty, patients who are left out with `why`.
        predictions: rows of patients with what is held together, as `units_of` takes them.
        by: columns that part the strata.
        least: training patients from which a regimen is a candidate.
        control: regimens that others are compared with one by one.
        draws: of the bootstrap.
        seed: of it.

    Returns:
        With 95 % intervals over patients given the models; gains are paired.
    """
    told = unsaid("no stratum has two regimens with enough patients", by=by, least=least)
    told["left_out"] = left_out(table)
    scored = table[table["arm"] != ""]
    if scored.empty:
        return told
    patients = sorted(str(one) for one in scored["patient_id"].unique())
    plan = resample(units_of(predictions, patients).of, draws, seed=seed)
    arms = {str(arm): by_repeat(scored[scored["arm"] == arm], patients) for arm in scored["arm"].unique()}
    first = next(iter(arms.values()))
    given = _mean([average(one.response, plan.counts[:, one.places]) for one in first])
    return told | {
        "why": "",
        "patients": len(patients),
        "draws": draws,
        "strata": _strata(scored),
        "given": plan.value(given).record(),
        "best": _rule(first, [one.best for one in first], plan),
        "arms": {name: _arm(several, given, plan) for name, several in arms.items()},
        "contrasts": contrasts(arms, plan, control),
    }


def unsaid(why: str, *, by: Sequence[str], least: int) -> dict[str, Any]:
    """The part where nothing can be said, with the reason."""
    return {
        "promise": PROMISE, "drift": DRIFT, "by": list(by), "least": least, "patients": 0, "left_out": [], "why": why
    }  # fmt: skip


def by_repeat(rows: pd.DataFrame, patients: Sequence[str]) -> list[Scored]:
    """One arm's scores of each repeat.

    Args:
        rows: of policy.parquet.
        patients: all, in the order in which draws count them.
    """
    names = tuple(sorted(str(one) for one in rows["regimen"].unique()))
    index = pd.Index(names)
    made = []
    for _, part in rows.groupby("repeat"):
        scores, shares = (
            part.pivot_table(index="patient_id", columns="regimen", values=value).reindex(columns=list(names))
            for value in ("score", "propensity")
        )
        one = part.drop_duplicates("patient_id").set_index("patient_id").loc[scores.index]
        best = part[part["best"]].set_index("patient_id")["regimen"].loc[scores.index]
        made.append(
            Scored(
                names=names,
                scores=scores.to_numpy(np.float64),
                propensity=shares.to_numpy(np.float64),
                given=index.get_indexer(pd.Index(one["given"])),
                best=index.get_indexer(pd.Index(best)),
                response=one["label"].to_numpy(np.float64),
                places=pd.Index(list(patients)).get_indexer(scores.index),
            )
        )
    return made


def left_out(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Why patients are not part of it, and how many (in the first repeat)."""
    rows = table[(table["arm"] == "") & (table["repeat"] == table["repeat"].min())]
    return [{"why": str(why), "patients": int(number)} for why, number in rows["why"].value_counts().items()]


def _arm(several: Sequence[Scored], given: Floats, plan: Resampling) -> dict[str, Any]:
    """One arm's rule beside what was given and the best arm of each stratum."""
    preferred = [one.preferred for one in several]
    mine, best = _values(several, preferred, plan), _values(several, [one.best for one in several], plan)
    shares = np.mean([np.bincount(one, minlength=len(several[0].names)) / len(one) for one in preferred], axis=0)
    return _rule(several, preferred, plan) | {
        "against_given": {way: plan.gain(values - given).record() for way, values in mine.items()},
        "against_best": {way: plan.gain(values - best[way]).record() for way, values in mine.items()},
        "agrees": float(np.mean([(one.preferred == one.best).mean() for one in several])),
        "prefers": {name: float(share) for name, share in zip(several[0].names, shares, strict=True) if share > 0},
    }


def _rule(several: Sequence[Scored], chosen: Sequence[NDArray[np.intp]], plan: Resampling) -> dict[str, Any]:
    rules = [one.rule(chose) for one, chose in zip(several, chosen, strict=True)]
    return {
        **{way: plan.value(values).record() for way, values in _values(several, chosen, plan).items()},
        "followed": float(np.mean([rule.followed.sum() for rule in rules])),
        "effective": float(np.mean([rule.effective for rule in rules])),
    }


def _values(
    several: Sequence[Scored], chosen: Sequence[NDArray[np.intp]], plan: Resampling
) -> dict[str, Floats]:  # fmt: skip
    """Of a rule in every draw, mean over repeats: ``robust`` and ``weighted``."""
    rules = [(one.rule(chose), plan.counts[:, one.places]) for one, chose in zip(several, chosen, strict=True)]
    return {
        "robust": _mean([rule.robust(counts) for rule, counts in rules]),
        "weighted": _mean([rule.weighted(counts) for rule, counts in rules]),
    }


def _strata(scored: pd.DataFrame) -> list[dict[str, Any]]:
    """Of each stratum the patients who are part of it and, by what they were given, how many responded."""
    one = scored[scored["repeat"] == scored["repeat"].min()].drop_duplicates("patient_id")
    made = []
    for stratum, part in one.groupby("stratum"):
        by = part.groupby("given")["label"].agg(["size", "sum"])
        regimens = [
            {"regimen": str(name), "patients": int(row["size"]), "responders": int(row["sum"])}
            for name, row in by.iterrows()
        ]
        made.append({"stratum": str(stratum), "patients": len(part), "regimens": regimens})
    return made


def _mean(several: Sequence[Floats]) -> Floats:
    return np.asarray(np.mean(several, axis=0), dtype=np.float64)
