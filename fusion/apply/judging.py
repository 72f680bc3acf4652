"""How well scores of another cohort do against its labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fusion.evaluation.outcome import Outcome

if TYPE_CHECKING:
    import pandas as pd

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
