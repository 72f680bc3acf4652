"""How firm a patient's score is: what models of other training sets and seeds say of the same patient.

Every patient is a training patient of all outer folds but one, and in each is scored by inner models that did not see
them. Their scatter is that of training on other patients with other seeds (prediction instability, Riley & Collins,
Biometrical Journal 65:2200302, 2023), on somewhat fewer patients than the outer models had.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from fusion.evaluation.outcome import Outcome


def firmness(outer: pd.DataFrame, inner: pd.DataFrame, outcome: Outcome) -> pd.DataFrame:
    """Index patient_id: ``spread`` and ``flips``; empty where models say nothing that can be compared.

    Args:
        outer: out-of-fold rows of an arm.
        inner: of inner_predictions.parquet, the same arm.
        outcome: of the endpoint.

    Returns:
        ``spread`` is the standard deviation of the patient's `Outcome.number` over outer folds and repeats, ``flips``
        the share of models that trained on others whose call is not that of the patient's outer scores (of a binary
        endpoint at the mean of the patient's thresholds); NaN where the kind has no call.
    """
    what, other = outcome.firm
    if not what:
        return pd.DataFrame()
    columns = [*outcome.names, "threshold"]
    outer = outer.reindex(columns=["patient_id", *columns])
    mean = outer.groupby("patient_id")[columns].mean().fillna({"threshold": 0.5})
    own = pd.Series(outcome.call(mean)[0], index=mean.index)
    mine = inner[inner["patient_id"].isin(mean.index)].reindex(columns=["patient_id", *columns])
    mine = mine.dropna(subset=outcome.names)
    every = pd.concat([outer, mine], ignore_index=True)
    number = pd.Series(outcome.number(every, own.loc[every["patient_id"]].to_numpy()), index=every.index)
    found = pd.DataFrame({"spread": number.groupby(every["patient_id"]).std().reindex(mean.index)})
    if not other:
        return found.assign(flips=float("nan"))
    again = mine.assign(threshold=mean.loc[mine["patient_id"], "threshold"].to_numpy())
    flipped = pd.Series(outcome.call(again)[0] != own.loc[again["patient_id"]].to_numpy(), index=again.index)
    return found.assign(flips=flipped.groupby(again["patient_id"]).mean().reindex(mean.index))


def summary(found: pd.DataFrame, outcome: Outcome) -> dict[str, Any]:
    """For metrics.json: quantiles of the spread, mean share of flips, and of patients who flip in one of five."""
    spread = found["spread"].dropna()
    if spread.empty:
        return {}
    middle, high = spread.quantile([0.5, 0.9])
    flips = found["flips"].dropna()
    what, other = outcome.firm
    return {
        "of": what,
        "flip": other,
        "spread": {"median": float(middle), "ninth_decile": float(high)},
        "flips": float(flips.mean()) if len(flips) else None,
        "unsure": float((flips >= 0.2).mean()) if len(flips) else None,
    }
