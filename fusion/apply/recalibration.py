"""``predict recalibrate=…``: scores updated on this cohort's labels, with what that did to patients left out of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fusion.contract import FusionError
from fusion.evaluation.outcome import Outcome, kinds_that
from fusion.evaluation.recalibration import FOR_SLOPE, What, cross_fitted, fit_recalibration

if TYPE_CHECKING:
    import pandas as pd

SHOWN = ("auroc", "brier", "calibration_slope", "calibration_intercept")


@dataclass(frozen=True, kw_only=True)
class Recalibrated:
    """The update of one cohort.

    Attributes:
        scores: of every patient; of a labelled one, by an update that did not see the label.
        record: for metrics.json: what was updated, on how many, to what, and metrics before and after.
    """

    scores: pd.Series[float]
    record: dict[str, Any]


def recalibrate(
    asked: object,
    table: pd.DataFrame,
    rows: pd.DataFrame | None,
    outcome: Outcome,
    evaluation: Any,
) -> Recalibrated | None:
    """Update the intercept, or intercept and slope, cross-fitted; None where nothing is asked for.

    Args:
        asked: ``intercept``, ``slope``, true (slope, where twenty of the rarer class are labelled), false or null.
        table: the content of predictions.csv.
        rows: its labelled patients, as `fusion.evaluation.evaluate` takes them.
        outcome: of the run's endpoint.
        evaluation: draws and seed.

    Raises:
        FusionError: another word, several classes, or too few labels.
    """
    import pandas as pd

    if asked is None or asked is False:
        return None
    if asked is not True and asked not in ("intercept", "slope"):
        raise FusionError(
            f"recalibrate is {asked!r}; set true, intercept or slope. Labels are those of endpoint=<endpoint>."
        )
    if not outcome.can("recalibrated"):
        raise FusionError(
            f"recalibrate: updates scores of {kinds_that('recalibrated')} endpoints; {outcome.endpoint.name!r} is "
            f"{outcome.endpoint.kind}."
        )
    labels = np.zeros(0) if rows is None else rows["label"].to_numpy(np.float64)
    rarer = int(min(labels.sum(), len(labels) - labels.sum()))
    if rows is None or rarer < 2:
        raise FusionError("recalibrate: needs two labelled patients of each class at least; this cohort has fewer.")
    what: What = "slope" if asked == "slope" or (asked is True and rarer >= FOR_SLOPE) else "intercept"
    old = rows["score"].to_numpy(np.float64)
    whole = fit_recalibration(old, labels, what)
    new = cross_fitted(old, labels, what, seed=int(evaluation.seed))
    scores = pd.Series(whole(table["score"].to_numpy(np.float64)), index=table["patient_id"])
    scores.loc[rows["patient_id"]] = new
    after = rows.assign(arm="recalibrated", score=new)
    found = outcome.evaluate(
        pd.concat([rows.assign(arm="before"), after]), draws=evaluation.draws, seed=evaluation.seed, reference="before"
    )["arms"]
    record = {
        "updated": what,
        "patients": len(rows),
        "slope": whole.slope,
        "intercept": whole.intercept,
        "before": {name: found["before"][name] for name in SHOWN},
        "after": {name: found["recalibrated"][name] for name in SHOWN},
        "scores": "of labelled patients, cross-fitted: updated on the others alone",
    }
    return Recalibrated(scores=scores, record=record)
