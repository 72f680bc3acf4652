"""What is decided: of two classes the positive one, of grades each cut between them, of times each declared horizon.

A question has a 0/1 answer of every patient, a probability of it, and says how much a patient counts: whoever is
censored before a horizon has no answer, and others stand for them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion.evaluation.classes import SCORE
from fusion.evaluation.survival.frame import SURVIVAL
from fusion.evaluation.survival.watched import Watched

if TYPE_CHECKING:
    from fusion.contract import EndpointSpec
    from fusion.evaluation.outcome import Outcome

Floats = NDArray[np.float64]


class Question:
    """Whether a patient is positive; all count as often as they are drawn.

    Attributes:
        at: what metrics.json calls it; empty where there is one question alone.
        columns: of predictions that it reads; inner ones of older versions lack some.
    """

    at: str = ""
    columns: Sequence[str] = ("label", "score")

    def answers(self, rows: pd.DataFrame) -> Floats:
        """``(patient,)`` 0/1 of rows of predictions."""
        return rows["label"].to_numpy(np.float64)

    def chances(self, rows: pd.DataFrame) -> Floats:
        """``(patient,)`` the predicted probability of a 1."""
        return rows["score"].to_numpy(np.float64)

    def weights(self, rows: pd.DataFrame, counts: Floats) -> Floats:
        """``(draw, patient)`` how much each counts, of ``(draw, patient)`` counts; NaN of a draw that tells nothing."""
        return counts


class AtLeast(Question):
    """Whether a patient has a grade or a higher one.

    Args:
        classes: grades, ascending.
        place: of the lowest that is asked for, from 1.
    """

    def __init__(self, classes: Sequence[str], place: int) -> None:
        self.at, self._place = classes[place], place
        self._above = [f"{SCORE}{name}" for name in classes[place:]]
        self.columns = ["label", *self._above]

    def answers(self, rows: pd.DataFrame) -> Floats:
        return np.asarray(rows["label"].to_numpy() >= self._place, dtype=np.float64)

    def chances(self, rows: pd.DataFrame) -> Floats:
        return np.asarray(rows[self._above].to_numpy(np.float64).sum(axis=1), dtype=np.float64)


class By(Question):
    """Whether a patient has the event by a horizon.

    Weights are inverse to the chance to be still followed (Uno, Cai, Tian and Wei, JASA 102:527–537, 2007), estimated
    in these patients: summed over those who had the event they are Kaplan–Meier's risk, so that net benefit of treating
    everybody is that of Vickers et al. (BMC Med Inform Decis Mak 8:53, 2008). Among those called they differ from
    Kaplan–Meier's estimate of these alone where censoring depends on the score.

    Args:
        horizon: in the unit of the times.
    """

    def __init__(self, horizon: float) -> None:
        self.at, self._horizon = f"{horizon:g}", horizon
        self.columns = ["label", "time", f"{SURVIVAL}{self.at}"]

    def answers(self, rows: pd.DataFrame) -> Floats:
        """0 also of those censored before, who weigh nothing."""
        had = (rows["time"].to_numpy(np.float64) <= self._horizon) & (rows["label"].to_numpy() == 1)
        return np.asarray(had, dtype=np.float64)

    def chances(self, rows: pd.DataFrame) -> Floats:
        return 1 - rows[f"{SURVIVAL}{self.at}"].to_numpy(np.float64)

    def weights(self, rows: pd.DataFrame, counts: Floats) -> Floats:
        """They sum to 1 in every draw."""
        times = rows["time"].to_numpy(np.float64)
        entry = rows["entry"].to_numpy(np.float64) if "entry" in rows else np.zeros(len(times))
        events = rows["label"].to_numpy(np.float64)
        return Watched(times=times, events=events, entry=entry, counts=counts).weights(self._horizon)


def _grades(endpoint: EndpointSpec) -> list[Question]:
    return [AtLeast(endpoint.classes, place) for place in range(1, len(endpoint.classes))]


def _horizons(endpoint: EndpointSpec) -> list[Question]:
    return [By(one) for one in endpoint.horizons]


_QUESTIONS: Mapping[str, Callable[[EndpointSpec], list[Question]]] = {
    "binary": lambda endpoint: [Question()],
    "ordinal": _grades,
    "survival": _horizons,
}


def questions_of(outcome: Outcome) -> list[Question]:
    """Of an endpoint; none of classes without an order, nor of times without a horizon."""
    made = _QUESTIONS.get(outcome.endpoint.kind)
    return [] if made is None else made(outcome.endpoint)
