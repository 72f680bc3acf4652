"""A regimen left out of training: who is fitted on, what is told of it, and that it is scored out of fold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from fusion.arms.base import FoldData
from fusion.arms.policy.left_out import left_out
from fusion.contract import Agent, Therapy
from fusion.evaluation.policy.left_out import arms_left_out

AGENTS: dict[str, tuple[str, ...]] = {"A": ("red",), "B": ("blue",), "C": ("red", "blue"), "D": ()}


@pytest.fixture(scope="module")
def made(fold_of: Callable[..., FoldData]) -> tuple[FoldData, Therapy, pd.Series, Callable[..., Any], list[Any]]:
    """300 patients; red helps, blue does not, age hinders; the regimen of one is not known."""
    ids = [f"P{number:03d}" for number in range(300)]
    rng = np.random.default_rng(5)
    given = pd.Series(rng.choice(list(AGENTS), 300), index=ids, dtype=object)
    given.iloc[299] = None
    fields = pd.DataFrame(
        {f"agent:{name}": [float(name in AGENTS.get(one, ())) for one in given] for name in ("red", "blue")}, index=ids
    )
    age = rng.normal(size=300)
    logits = 2.5 * fields["agent:red"] - 1.2 - age
    labels = pd.Series((rng.random(300) < expit(logits)).astype(int), index=ids)
    clinical = pd.DataFrame({"age": age}, index=ids)
    tables = {"clinical": clinical, "regimen": fields}
    data = fold_of(tables, labels)
    therapy = Therapy(
        regimens=given, strata=pd.Series("all", index=ids), by=(), table="treatment", columns=("arm",), control=(),
        min_patients=10, agents={name: tuple(Agent(name=one) for one in several) for name, several in AGENTS.items()},
    )  # fmt: skip
    asked: list[Sequence[str]] = []

    def fit(patients: Sequence[str]) -> Any:
        asked.append(patients)
        kind: Any = type(data.whole["clinical"])
        return {name: kind(name, table, patients) for name, table in tables.items()}

    return data, therapy, labels, fit, asked


def test_each_regimen_is_scored_by_models_that_saw_nobody_given_it(made: Any) -> None:
    data, therapy, labels, fit, asked = made
    asked.clear()
    table = left_out(data, therapy, ["regimen"], fit, labels=labels)
    assert [set(AGENTS) - set(therapy.regimens.loc[list(patients)].dropna()) for patients in asked] == [
        {"A"}, {"B"}, {"C"}, {"D"}
    ]  # fmt: skip
    assert all(set(patients) <= set(data.fold.train) for patients in asked)
    known = therapy.regimens.loc[list(data.fold.test)].dropna()
    assert sorted(table["patient_id"]) == sorted(known.index)
    assert (table["given"] == known.loc[table["patient_id"]].to_numpy()).all()
    assert (table["label"] == labels.loc[table["patient_id"]].to_numpy()).all()
    level = table.groupby("given")[["label", "seen", "unseen", "untold"]].mean()
    # A shares red with C, and B blue: told by agents, the level of a regimen never seen is on its side.
    assert level.loc["B", "unseen"] < level.loc["B", "untold"] - 0.1
    assert level.loc["A", "unseen"] > level.loc["A", "untold"] + 0.1
    assert (level["seen"] - level["label"]).abs().max() < 0.2
    # Told nothing, patients of one regimen are told apart by their age alone.
    one = table[table["given"] == "A"].set_index("patient_id")
    age = data.whole["clinical"].table(list(one.index))["age"]
    assert one["untold"].corr(age, method="spearman") == pytest.approx(-1)


def test_without_agents_or_a_modality_of_them_nothing_is_left_out(made: Any) -> None:
    data, therapy, labels, fit, _ = made
    assert left_out(data, replace(therapy, agents={}), ["regimen"], fit, labels=labels).empty
    assert left_out(data, therapy, [], fit, labels=labels).empty
    alone = replace(therapy, regimens=therapy.regimens.where(therapy.regimens.isin(["A", "B"]), None))
    assert left_out(data, alone, ["regimen"], fit, labels=labels).empty  # one regimen is left to learn from


def test_agents_are_worth_something_where_they_carry_something_and_nothing_where_not(made: Any) -> None:
    """The negative control: age alone tells who responds, and what is learned of agents is chance that misleads."""
    data, therapy, labels, fit, _ = made
    age = data.whole["clinical"].table(list(labels.index))["age"]
    alone = pd.Series((np.random.default_rng(8).random(len(age)) < expit(-0.5 - age)).astype(int), index=labels.index)
    worth = []
    for known in (labels, alone):
        table = left_out(replace(data, labels=known.loc[data.labels.index]), therapy, ["regimen"], fit, labels=known)
        told = arms_left_out(table, table, therapy.agents, draws=200, seed=1)["all"]
        worth.append(told["unseen_against_untold"])
    assert worth[0]["low"] > 0
    assert worth[1]["value"] < 0 and worth[1]["low"] < 0
