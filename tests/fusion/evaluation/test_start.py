"""What metrics.json says of the plain model that fusion starts from."""

from __future__ import annotations

import pandas as pd
import pytest

from fusion.evaluation.start import PLAIN, with_start

METRICS = {"verdict": {"status": "not shown", "text": "Fusion not supported."}, "arms": {}}


def inner(*rows: tuple[str, int, float, int]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"arm": arm, "repeat": 0, "fold": fold, "gate_value": gate, "gate_members": 3, "gate_plain": plain}
            for arm, fold, gate, plain in rows
        ]
    )


def test_the_gate_and_the_share_of_networks_that_stayed() -> None:
    made = with_start(METRICS, inner(("fusion", 1, 0.5, 1), ("fusion", 0, 0.0, 3), ("only_a", 0, 1.0, 0)))
    assert made["start"]["gates"] == [0.0, 0.5] and made["start"]["gate"] == 0.25
    assert (made["start"]["members"], made["start"]["plain"]) == (6, 4)
    assert made["start"]["share"] == pytest.approx(2 / 3)
    assert made["verdict"]["text"] == (
        f"Fusion not supported. {PLAIN}: 4 of 6 networks add nothing to it that inner folds support."
    )
    assert METRICS["verdict"]["text"] == "Fusion not supported.", "what was given stays"


def test_products_of_the_plain_models_are_counted_over_folds() -> None:
    rows = inner(("fusion", 0, 0.5, 1), ("fusion", 1, 0.5, 1), ("only_a", 0, 1.0, 0))
    rows["gate_products"] = ['["b:y × b:z", "a:x × b:y"]', '["a:x × b:y"]', '["a:x × a:u"]']
    made = with_start(METRICS, rows)
    assert list(made["start"]["products"].items()) == [("a:x × b:y", 2), ("b:y × b:z", 1)]
    assert with_start(METRICS, rows.drop(columns="gate_products"))["start"]["products"] == {}


def test_half_of_the_networks_is_not_most() -> None:
    made = with_start(METRICS, inner(("fusion", 0, 0.3, 0), ("fusion", 1, 0.0, 3)))
    assert made["start"]["share"] == 0.5 and made["verdict"] == METRICS["verdict"]


def test_nothing_is_said_where_fusion_starts_from_nothing() -> None:
    assert "start" not in with_start(METRICS, pd.DataFrame({"arm": ["fusion"]}))
    assert "start" not in with_start(METRICS, inner(("only_a", 0, 1.0, 0)))
