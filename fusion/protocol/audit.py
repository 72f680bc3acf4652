"""The audit of a run: how far the fused score falls where a modality is altered, with paired intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from fusion.evaluation.outcome import Outcome

REFERENCE = "fusion"


def audited(predictions: pd.DataFrame, altered: pd.DataFrame, outcome: Outcome, *, draws: int, seed: int) -> Any:
    """The part ``audit`` of metrics.json; empty where no fold was audited.

    Args:
        predictions: out of fold, of all arms.
        altered: the same columns, of the fused arm with a modality altered; `arm` is ``<modality>: <way>``.
        outcome: of the endpoint.
        draws: of the bootstrap.
        seed: of the bootstrap; with those of the run's metrics the same patients are drawn.

    Returns:
        The metric, the fused arm's value, and of each modality and way the fall of the metric with its interval
        (positive: the unaltered score is better) and the mean absolute change of a patient's score.
    """
    import pandas as pd

    if altered.empty:
        return {}
    fused = predictions[predictions["arm"] == REFERENCE]
    keys = ["patient_id", "repeat"]
    both = pd.concat([fused, altered], ignore_index=True)
    found = outcome.evaluate(both, draws=draws, seed=seed, modalities=1, simulated=False)
    falls = {row["arm"]: row for row in found["comparisons"] if row["metric"] == outcome.chosen}
    columns = [name for name in altered if name == "score" or str(name).startswith("score_")]
    usual = fused.set_index(keys)[columns]
    modalities: dict[str, dict[str, Any]] = {}
    for arm, rows in altered.groupby("arm", sort=False):
        name, _, way = str(arm).rpartition(": ")
        moved = (rows.set_index(keys)[columns] - usual).abs().to_numpy().mean()
        row = falls[str(arm)]
        modalities.setdefault(name, {})[way] = {
            "fall": {"value": row["gain"], "low": row["low"], "high": row["high"]},
            "moved": float(moved),
        }
    value = found["arms"][REFERENCE][outcome.chosen]["value"]
    return {"audit": {"metric": outcome.chosen, "value": value, "modalities": modalities}}
