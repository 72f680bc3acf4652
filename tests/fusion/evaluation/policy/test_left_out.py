"""Regimens left out, judged: figures by hand, intervals, shared agents, and too few patients."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from fusion.contract import Agent
from fusion.evaluation.policy.left_out import arms_left_out

AGENTS = {
    "A": (Agent(name="red", group="warm"), Agent(name="blue", group="cold")),
    "B": (Agent(name="red", group="warm"),),
    "C": (Agent(name="orange", group="warm"),),
    "D": (Agent(name="red"),),
}


def table(repeats: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(8)
    parts = []
    for repeat in range(repeats):
        label = np.tile([0, 1, 0], 30)
        noise = rng.normal(size=(90, 3))
        parts.append(
            pd.DataFrame(
                {"patient_id": [f"P{one:02}" for one in range(90)], "repeat": repeat, "fold": 0,
                 "given": ["A"] * 50 + ["B"] * 36 + ["C"] * 4, "label": label,
                 "seen": 0.3 + 0.1 * label + 0.05 * noise[:, 0], "unseen": 0.4 + 0.05 * label + 0.05 * noise[:, 1],
                 "untold": 0.5 + 0.05 * noise[:, 2]}
            )
        )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def test_figures_are_those_of_each_repeat_and_differences_are_paired() -> None:
    rows = table(2)
    found = arms_left_out(rows, rows, AGENTS, draws=100, seed=0)
    assert (found["patients"], found["draws"]) == (90, 100)
    for told, part in ((found["all"], rows), (found["regimens"][0], rows[rows["given"] == "A"])):
        for way in ("seen", "unseen", "untold"):
            by = [roc_auc_score(one["label"], one[way]) for _, one in part.groupby("repeat")]
            assert told["auroc"][way]["value"] == pytest.approx(np.mean(by))
            assert told["off"][way]["value"] == pytest.approx((part[way] - part["label"]).mean())
        gain = told["unseen_against_seen"]
        assert gain["value"] == pytest.approx(told["auroc"]["unseen"]["value"] - told["auroc"]["seen"]["value"])
        assert gain["low"] < gain["value"] < gain["high"]
    # Three of a family are drawn together: intervals are others, values are not.
    families = rows.assign(group=[f"F{int(one[1:]) // 3}" for one in rows["patient_id"]])
    drawn = arms_left_out(rows, families, AGENTS, draws=100, seed=0)["all"]["off"]["seen"]
    alone = found["all"]["off"]["seen"]
    assert drawn["value"] == alone["value"] and (drawn["low"], drawn["high"]) != (alone["low"], alone["high"])
    told = found["all"]["unseen_against_untold"]["value"]
    assert told == pytest.approx(found["all"]["auroc"]["unseen"]["value"] - found["all"]["auroc"]["untold"]["value"])
    assert found["regimens"][0]["patients"] == 50
    assert found["regimens"][0]["responders"] == rows[(rows["given"] == "A") & (rows["repeat"] == 0)]["label"].sum()


def test_agents_are_shared_with_regimens_that_were_given() -> None:
    found = arms_left_out(table(), table(), AGENTS, draws=20, seed=0)["regimens"]
    told = {row["regimen"]: [(one["agent"], one["in"], one["class_in"]) for one in row["agents"]] for row in found}
    # D was given to nobody.
    assert told == {"A": [("red", 1, 2), ("blue", 0, 0)], "B": [("red", 1, 2)], "C": [("orange", 0, 2)]}


def test_regimens_of_few_responders_have_a_level_and_no_auroc() -> None:
    last = arms_left_out(table(), table(), AGENTS, draws=20, seed=0)["regimens"][-1]
    assert (last["regimen"], last["auroc"], last["unseen_against_seen"]) == ("C", {}, None)
    assert last["off"]["seen"]["value"] is not None
    assert arms_left_out(pd.DataFrame(), table(), AGENTS, draws=20, seed=0) == {}
