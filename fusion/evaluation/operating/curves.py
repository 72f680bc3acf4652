"""Decision curves of grades and of times, with bands; those of two classes are in `fusion.evaluation.curves`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion.evaluation.curves import THRESHOLDS
from fusion.evaluation.decision_curve import net_benefit_draws
from fusion.evaluation.intervals import resample
from fusion.evaluation.operating.questions import Question
from fusion.evaluation.units import units_of

Floats = NDArray[np.float64]


def decision_curves(
    predictions: pd.DataFrame, questions: Sequence[Question], *, reference: str, draws: int, seed: int
) -> dict[str, Any]:
    """The part ``decision`` of metrics.json; empty without a question that has a name.

    Net benefit of treating whoever's probability is at or above each threshold, mean over repeats (Vickers & Elkin
    2006; of times Vickers et al. 2008, see `fusion.evaluation.operating.questions.By`).

    Args:
        predictions: out of fold.
        questions: that are decided.
        reference: the arm that gets pointwise 95 % bands.
        draws: of the bootstrap.
        seed: of it.

    Returns:
        ``rows``: of each question its name ``at``, the ``share`` of patients who answer yes with its interval, the
        thresholds ``x``, net benefit of treating everybody, ``all`` (nobody is worth 0), and of each of ``arms``
        ``value``, of the reference with ``low`` and ``high``. Questions that not all patients together answer with yes
        and with no have none.
    """
    named = [one for one in questions if one.at]
    if not named:
        return {}
    predictions = predictions[predictions["label"] >= 0]
    patients = sorted(str(one) for one in predictions["patient_id"].unique())
    plan = resample(units_of(predictions, patients).of, draws, seed=seed)
    once = {
        str(arm): [part.set_index("patient_id").loc[patients] for _, part in rows.groupby("repeat")]
        for arm, rows in predictions.groupby("arm", sort=False)
    }
    rows = []
    for question in named:
        truth = next(iter(once.values()))[0]
        answers, weights = question.answers(truth), question.weights(truth, plan.counts)
        yes = weights @ answers / weights.sum(axis=1)
        if not 0 < yes[0] < 1:
            continue
        arms = {}
        for arm, repeats in once.items():
            drawn = weights if arm == reference else weights[:1]
            benefit = np.mean(
                [net_benefit_draws(answers, question.chances(one), THRESHOLDS, drawn) for one in repeats], axis=0
            )
            arms[arm] = {"value": _short(benefit[0])}
            if arm == reference:
                low, high = plan.percentiles(benefit)
                arms[arm] |= {"low": _short(low), "high": _short(high)} if np.isfinite(low).all() else {}
        rows.append(
            {
                "at": question.at,
                "share": plan.value(yes).record(),
                "x": _short(THRESHOLDS),
                "all": _short(net_benefit_draws(answers, np.ones_like(answers), THRESHOLDS, weights[:1])[0]),
                "arms": arms,
            }
        )
    return {"reference": reference, "rows": rows} if rows else {}


def _short(values: Floats) -> list[float]:
    return [float(one) for one in np.round(values, 6)]
