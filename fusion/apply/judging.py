"""How well scores of another cohort do against its labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fusion.evaluation.operating.curves import decision_curves
from fusion.evaluation.operating.cuts import operating_points
from fusion.evaluation.operating.points import operating
from fusion.evaluation.operating.questions import questions_of
from fusion.evaluation.outcome import Outcome

if TYPE_CHECKING:
    import pandas as pd

    from fusion.run.folder import RunFolder

_OF_FOLDS = "auroc_fold_mean"


def evaluated(
    rows: pd.DataFrame,
    arm: str,
    outcome: Outcome,
    evaluation: Any,
    *,
    simulated: bool,
    modalities: int,
    margin: float | None,
) -> dict[str, Any]:
    """metrics.json; comparisons and a verdict for this cohort where other arms were scored too."""
    metrics = outcome.evaluate(
        rows,
        draws=evaluation.draws,
        seed=evaluation.seed,
        reference=arm,
        simulated=simulated,
        modalities=modalities,
        margin=margin,
    )
    if (rows["arm"] == arm).all():
        for key in ("comparisons", "verdict"):
            metrics.pop(key)
    else:
        metrics["comparisons"] = [row for row in metrics["comparisons"] if row["metric"] != _OF_FOLDS]
    # Nobody's fold is another's: this would say what nobody measured.
    for values in metrics["arms"].values():
        values.pop(_OF_FOLDS, None)
    threshold = float(rows["threshold"].iloc[0])
    cut = {} if threshold != threshold else {"threshold": threshold}  # NaN: the likeliest class is called
    return {**metrics, "scores": "mean of the fold models", **cut}


def points_of(evaluation: Any, folder: RunFolder) -> list[tuple[str, float]]:
    """Operating points: the command's `evaluation.operating`, or else the run's, which were declared first.

    Raises:
        FusionError: one that there cannot be.
    """
    asked = operating_points(evaluation.get("operating"))
    return asked or operating_points((folder.config().get("evaluation") or {}).get("operating"))


def decided(
    rows: pd.DataFrame,
    arm: str,
    outcome: Outcome,
    evaluation: Any,
    *,
    inner: pd.DataFrame,
    points: Sequence[tuple[str, float]],
) -> dict[str, Any]:
    """What acting on the scores brings here: parts ``operating`` and ``decision`` of metrics.json, as far as there are.

    Args:
        rows: labelled patients' scores, every arm's.
        arm: which spoke.
        outcome: of the endpoint.
        evaluation: draws and seed of the bootstrap.
        inner: of the run's inner_predictions.parquet, in which cut-offs are chosen; no label of `rows` has a part.
        points: of `points_of`.
    """
    questions, settings = questions_of(outcome), {"draws": int(evaluation.draws), "seed": int(evaluation.seed)}
    parts = {
        "operating": operating(rows, inner, points, questions=questions, elsewhere=True, **settings),
        "decision": decision_curves(rows, questions, reference=arm, **settings),
    }
    return {name: part for name, part in parts.items() if part}
