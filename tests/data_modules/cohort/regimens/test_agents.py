"""Agents of regimens as a cohort gives them: one agent under two names, codes, doses, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from data_modules.cohort.regimens.agents import read_regimens
from data_modules.errors import CohortError
from fusion.contract import Agent

TABLE = """regimen,agent,class,atc,rxnorm,dose,unit,order,remark
A,Red,,Z01AB01,11,80,mg/m2,1,x
A,Blue,colour,,,,,2,
B,RED,,,,0.175,g/m²,,
B,Crimson,,,12,,,,
C,none,,,,,,,
D,Scarlet,,z01ab01,,,,,
"""


def read(root: Path, text: str = TABLE) -> Any:
    (root / "regimens.csv").write_text(text)
    return read_regimens("invented", "regimens.csv", root)


def test_agents_are_one_by_code_or_name_and_share_what_any_row_says(tmp_path: Path) -> None:
    found = read(tmp_path)
    assert list(found.agents) == ["A", "B", "C", "D"]
    blue, red = found.agents["A"]
    assert blue == Agent(name="Blue", group="colour", order=2)
    # The class is the fourth level of the ATC code, where none is given.
    assert red == Agent(name="Red", group="Z01AB", atc="Z01AB01", rxnorm="11", dose=80, unit="mg/m2", order=1)
    other = found.agents["B"][1]
    assert (other.name, other.atc, other.group, other.dose) == ("Red", "Z01AB01", "Z01AB", 175)
    assert found.agents["C"] == ()
    assert [one.name for one in found.agents["D"]] == ["Red"]


def test_what_is_missing_or_put_together_is_told(tmp_path: Path) -> None:
    assert read(tmp_path).notes == (
        "cohort.therapy.agents: columns remark are not read; known are regimen, agent, class, atc, rxnorm, dose, unit, "
        "order.",
        "RED, Scarlet and Red are taken for one agent: the code or the name is the same.",
        "doses of Red in mg/m2 and in g/m² are compared in mg/m2.",
        "1 of 3 agents have no ATC or RxNorm code (Blue): they are the same agent only where they are spelled alike.",
        "1 of 3 agents have no class (Crimson): they share nothing with others.",
        "no dose is given of Red in D, and one elsewhere: taken as the usual one.",
        "no order is given of Red in B, Red in D, and one elsewhere: taken as the usual one.",
    )


def test_doses_in_units_that_do_not_convert_are_not_used(tmp_path: Path) -> None:
    found = read(tmp_path, "regimen,agent,dose,unit\nA,Red,80,mg/m2\nB,Red,2,mg/kg\nA,Blue,3,\n")
    assert [one.dose for several in found.agents.values() for one in several] == [None, None, None]
    assert "Red is dosed in mg/m2 and in mg/kg, which do not convert: its doses are not used." in found.notes
    assert "Blue has a dose without a unit: its doses are not used." in found.notes


def test_the_yaml_says_the_same(tmp_path: Path) -> None:
    given = {"A": [{"agent": "Red", "atc": "Z01AB01", "dose": 80, "unit": "mg/m2", "order": 1}], 2: []}
    found = read_regimens("invented", given, tmp_path)
    assert found.agents == {
        "2": (), "A": (Agent(name="Red", group="Z01AB", atc="Z01AB01", dose=80, unit="mg/m2", order=1),)
    }  # fmt: skip
    for wrong, said in (
        ({"A": "Red"}, r"agents.A is 'Red'. Give a list"),
        ({"A": [{"agent": "Red", "does": 3}]}, r"unknown keys does. Known: agent, class"),
        ({"A": [{"class": "colour"}]}, "Give a list of agents"),
    ):
        with pytest.raises(CohortError, match=said):
            read_regimens("invented", wrong, tmp_path)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (",Red,,,,,", r"row 2: no regimen"),
        ("A,,,,,,", r"row 2: no agent. Name it; the agent of a regimen without any is none"),
        ("A,Red,,,,,\nA,red,,,,,", r"row 3: red stands twice in A"),
        ("A,none,,,,,\nA,Red,,,,,", r"row 3: Red stands twice in A, or beside none"),
        ("A,Red,,L01,,,", r"atc of Red is 'L01'"),
        ("A,Red,,,RX1,,", r"rxnorm of Red is 'RX1'"),
        ("A,Red,,,,-3,", r"dose of Red is '-3'"),
        ("A,Red,,,,much,", r"dose of Red is 'much'"),
        ("A,Red,,,,0,", r"dose of Red is '0'"),
        ("A,Red,,,,,0", r"order of Red is '0'"),
        ("A,Red,,Z01AB01,,,\nB,Red,,Z01AB02,,,", r"row 3: atc of Red is 'Z01AB02', and 'Z01AB01' in .*row 2"),
        ("A,Red,warm,,,,\nB,Red,cold,,,,", r"class of Red is 'cold', and 'warm'"),
    ],
)
def test_what_cannot_be_is_refused_with_its_row(tmp_path: Path, rows: str, said: str) -> None:
    with pytest.raises(CohortError, match=said):
        read(tmp_path, f"regimen,agent,class,atc,rxnorm,dose,order\n{rows}\n")


def test_files_that_hold_no_agents_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CohortError, match=r"there is no file .*regimens.csv. Mend cohort.therapy.agents"):
        read_regimens("invented", "regimens.csv", tmp_path)
    with pytest.raises(CohortError, match=r"has no column 'agent'; it has regimen, drug"):
        read(tmp_path, "regimen,drug\nA,Red\n")
    with pytest.raises(CohortError, match="has no rows"):
        read(tmp_path, "regimen,agent\n")
