"""How firm a patient's score is: what models of other training sets and seeds say of the same patient.

Every patient is a training patient of all outer folds but one, and in each is scored by inner models that did not see
them. Their scatter is that of training on other patients with other seeds (prediction instability, Riley & Collins,
Biometrical Journal 65:2200302, 2023), on somewhat fewer patients than the outer models had.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd


def firmness(outer: pd.DataFrame, inner: pd.DataFrame) -> pd.DataFrame:
    """Index patient_id: ``score`` (mean over repeats), ``spread`` and ``flips``.

    Args:
        outer: out-of-fold rows of an arm of a binary endpoint.
        inner: of inner_predictions.parquet, the same arm.

    Returns:
        ``spread`` is the standard deviation of the patient's scores over outer folds and repeats, ``flips`` the share
        of them on the other side of the patient's threshold than their outer score.
    """
    threshold = outer.groupby("patient_id")["threshold"].mean().fillna(0.5)
    mean = outer.groupby("patient_id")["score"].mean()
    both = pd.concat([outer[["patient_id", "score"]], inner[["patient_id", "score"]]])
    grouped = both[both["patient_id"].isin(mean.index)].groupby("patient_id")["score"]
    called = inner["patient_id"].map(mean >= threshold)
    other = (inner["score"] >= inner["patient_id"].map(threshold)) != called
    flips = other.groupby(inner["patient_id"]).mean()
    return pd.DataFrame(
        {"score": mean, "spread": grouped.std().reindex(mean.index), "flips": flips.reindex(mean.index)}
    )


def summary(found: pd.DataFrame) -> dict[str, Any]:
    """For metrics.json: quantiles of the spread, mean share of flips, and of patients who flip in one of five."""
    spread = found["spread"].dropna()
    if spread.empty:
        return {}
    middle, high = np.quantile(spread, [0.5, 0.9])
    flips = found["flips"].dropna()
    return {
        "spread": {"median": float(middle), "ninth_decile": float(high)},
        "flips": float(flips.mean()),
        "unsure": float((flips >= 0.2).mean()),
    }
