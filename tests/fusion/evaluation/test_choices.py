"""What metrics.json says of choices: counted by hand."""

from __future__ import annotations

import pandas as pd

from fusion.evaluation.choices import summarised

SETTINGS = {"1": "model.width=8", "2": "model.width=16"}


def test_how_often_each_was_chosen_and_how_far_folds_agree() -> None:
    rows = [
        ("fusion", 0, 0, "1", 0.7, True), ("fusion", 0, 0, "2", 0.6, False),
        ("fusion", 0, 1, "1", 0.5, False), ("fusion", 0, 1, "2", 0.8, True),
        ("fusion", 1, 0, "1", 0.6, False), ("fusion", 1, 0, "2", 0.7, True),
        ("only_x", 0, 0, "1", 0.5, True), ("only_x", 0, 0, "2", 0.5, False),
        ("only_x", 0, 1, "1", 0.4, False), ("only_x", 0, 1, "2", float("nan"), True),
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["arm", "repeat", "fold", "candidate", "auroc", "chosen"])
    found = summarised(table, SETTINGS, metric="auroc")["choices"]
    assert found["candidates"] == SETTINGS
    assert found["metric"] == "auroc"
    fusion = found["arms"]["fusion"]
    assert (fusion["folds"], fusion["chosen"], fusion["most"]) == (3, {"1": 1, "2": 2}, "2")
    assert abs(fusion["agreement"] - 2 / 3) < 1e-12
    assert {name: round(value, 12) for name, value in fusion["inner"].items()} == {"1": 0.6, "2": 0.7}
    only = found["arms"]["only_x"]
    assert (only["most"], only["agreement"], only["inner"]["2"]) == ("1", 0.5, 0.5)


def test_where_nothing_was_chosen_nothing_is_said() -> None:
    assert summarised(pd.DataFrame(), {}, metric="auroc") == {}
    nothing = pd.DataFrame({"candidate": ["1"], "auroc": [float("nan")], "chosen": [True], "arm": "fusion"})
    assert summarised(nothing, SETTINGS, metric="auroc")["choices"]["arms"]["fusion"]["inner"] == {"1": None}
