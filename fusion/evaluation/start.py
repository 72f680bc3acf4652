"""How far fusion left the plain model that it starts from, and what the verdict has to say of that."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

PLAIN = "Here fusion is the plain model"
"""How the verdict's sentence begins where most networks add nothing."""


def with_start(metrics: Mapping[str, Any], inner: pd.DataFrame, *, arm: str = "fusion") -> dict[str, Any]:
    """metrics.json with what is known of the start, and the verdict's sentence where most networks stayed there.

    The key `start` holds the mean gate over outer folds, each fold's, how many networks there are, how many of them add
    nothing, and that share; `products` in how many folds the plain model has a product of two columns. It is absent
    where fusion starts from nothing.

    Args:
        metrics: as the endpoint evaluates predictions.
        inner: the run's inner.parquet, one row an arm and outer fold.
        arm: that is judged.
    """
    if "gate_value" not in inner:
        return dict(metrics)
    rows = inner[(inner["arm"] == arm) & inner["gate_value"].notna()].sort_values(["repeat", "fold"])
    if rows.empty:
        return dict(metrics)
    members, plain = int(rows["gate_members"].sum()), int(rows["gate_plain"].sum())
    gates = [float(value) for value in rows["gate_value"]]
    share = plain / members
    found: list[str] = list(rows["gate_products"].dropna()) if "gate_products" in rows else []
    products = Counter(product for one in found for product in json.loads(one))
    start = {
        "gate": sum(gates) / len(gates),
        "gates": gates,
        "members": members,
        "plain": plain,
        "share": share,
        "products": dict(products.most_common()),
    }
    verdict = dict(metrics["verdict"])
    if share > 0.5:
        verdict["text"] += f" {PLAIN}: {plain} of {members} networks add nothing to it that inner folds support."
    return {**metrics, "start": start, "verdict": verdict}
