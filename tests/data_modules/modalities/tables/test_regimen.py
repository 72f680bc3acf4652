"""The regimen as its agents: who has it, what is told, what a fold learns, and what new cohorts lack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_modules.cohort.source import CohortSource
from data_modules.errors import CohortError
from data_modules.modalities.tables.regimen import Regimen
from fusion.contract import SettingsError

ARMS = ["A", "B", "A", "B", "C", "", "A", "B", "A", "BB"]
AGENTS: dict[str, Any] = {
    "A": [{"agent": "red", "class": "warm"}, {"agent": "blue", "class": "cold"}],
    "B": [{"agent": "red"}, {"agent": "green", "class": "cold"}],
    "C": [{"agent": "green"}],
    "D": [],
}


def source(root: Path, agents: Any = AGENTS, arms: list[str] = ARMS, **options: Any) -> CohortSource:
    rows = [f"P{one},{arm},{'CR' if one % 2 else 'PD'}" for one, arm in enumerate(arms)]
    (root / "clinical.csv").write_text("\n".join(["id,arm,best", *rows]) + "\n")
    return CohortSource(
        name="invented", root=root, cache=root / "cache",
        tables={"clinical": {"file": "clinical.csv", "id": "id",
                             "columns": {"arm": {"time": "baseline"}, "best": {"time": "outcome"}}}},
        endpoints={"response": {"table": "clinical", "column": "best", "positive": ["CR"], "negative": ["PD"]}},
        therapy={"table": "clinical", "columns": ["arm"]} | ({} if agents is None else {"agents": agents}), **options,
    )  # fmt: skip


def regimen(root: Path, *args: Any, fields: tuple[str, ...] = ("agents", "class"), **options: Any) -> Regimen:
    return Regimen(name="regimen", source=source(root, *args, **options), fields=fields)


def test_patients_read_what_their_regimen_is_made_of(tmp_path: Path) -> None:
    modality = regimen(tmp_path, max_unmatched=0.2)
    assert modality.check() == []
    assert modality.patients == {f"P{one}" for one in (0, 1, 2, 3, 4, 6, 7, 8)}
    assert modality.frame.loc["P1"].to_dict() == {"agent:blue": 0, "agent:green": 1, "agent:red": 1, "class:cold": 1}
    assert modality.of_table == "clinical"
    assert modality.of_columns == ("arm",)


def test_a_fold_without_a_regimen_codes_it_by_the_agents_it_shares(tmp_path: Path) -> None:
    modality = regimen(tmp_path)
    train = ["P0", "P2", "P4", "P6"]  # A and C; never B
    part = modality.fit(train, np.array([0, 1, 0, 1]))
    mine = part.table(["P1", "P0", "P4", "P5"])
    named = {feature.name: feature for feature in part.spec.features}
    for patient, values in (("P1", {"agent:red": 1, "agent:green": 1, "agent:blue": 0}), ("P4", {"agent:red": 0})):
        for name, value in values.items():
            assert named[name].raw(mine.loc[patient, name]) == pytest.approx(value, abs=1e-6)
    assert mine.loc["P5"].isna().all()
    again = modality.restore(part.state())
    assert again.table(["P1"]).equals(part.table(["P1"]))
    assert modality.given(dict.fromkeys(modality.frame, 0.0), ["new"]).patients == {"new"}


def test_regimens_that_are_not_listed_are_told_and_refused_where_they_are_many(tmp_path: Path) -> None:
    modality = regimen(tmp_path)
    (problem,) = modality.check()
    assert (
        "1 of 9 patients were given regimens that cohort.therapy.agents does not have: BB (1; did you mean B?)."
        in problem
    )
    assert "max_unmatched" in problem
    said = regimen(tmp_path, max_unmatched=0.5).quality()[0].said
    assert said[0].startswith("1 of 9 patients were given")
    assert any("agents have no ATC or RxNorm code" in one for one in said)
    assert said[-1] == "modality.regimen: nobody was given D."
    # For all that compares regimens they are not known.
    therapy = modality.source.therapy(["P0", "P9", "P5"])
    assert therapy is not None
    assert list(therapy.regimens) == ["A", None, None]
    assert [agent.name for agent in therapy.agents["C"]] == ["green"]


def test_a_cohort_that_says_nothing_of_agents_is_refused(tmp_path: Path) -> None:
    modality = regimen(tmp_path, None)
    (problem,) = modality.check()
    assert problem.startswith("modality.regimen: the cohort does not say what its regimens are made of")
    with pytest.raises(CohortError, match=r"Declare cohort\.therapy with agents"):
        _ = modality.frame
    assert regimen(tmp_path, {"A": [{"agent": "red", "atc": "x"}]}).check()[0].startswith("cohort.therapy.agents.A")
    assert "gives nothing of dose" in regimen(tmp_path, fields=("dose",)).check()[0]
    with pytest.raises(SettingsError, match="name any of agents, class, dose, order"):
        regimen(tmp_path, fields=("drug",))


def test_new_cohorts_lack_agents_and_bring_others(tmp_path: Path) -> None:
    part = regimen(tmp_path).fit([f"P{one}" for one in range(9)], np.zeros(9, dtype=np.int64))
    other = regimen(tmp_path, {"A": [{"agent": "red"}, {"agent": "black"}]}, ["A"] * 4)
    match = other.match(part.state())
    assert match.missing == ("agent:blue", "agent:green", "class:cold")
    assert match.notes == ("no training regimen held black: the model reads nothing of it.",)
    mine = other.restore(part.state()).table(["P0"]).iloc[0]
    named = {feature.name: feature for feature in part.spec.features}
    assert {name: round(float(named[name].raw(mine[name])), 6) for name in named} == {
        "agent:blue": 0, "agent:green": 0, "agent:red": 1, "class:cold": 0
    }  # fmt: skip


def test_the_file_of_agents_is_an_input_of_the_run(tmp_path: Path) -> None:
    (tmp_path / "regimens.csv").write_text("regimen,agent\nA,red\nB,green\nC,blue\nBB,blue\n")
    modality = regimen(tmp_path, "regimens.csv")
    assert list(modality.input_files) == [tmp_path / "regimens.csv"]
    assert modality.check() == []
    assert list(regimen(tmp_path).input_files) == []
