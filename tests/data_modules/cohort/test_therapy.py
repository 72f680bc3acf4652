"""Regimens and strata as a cohort declares them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from data_modules.cohort.source import CohortSource
from data_modules.errors import CohortError

ROWS = """id,arm,drug,her2,age,best
P1,A,x,0,50,CR
P2,B,y,1,60,PD
P3,,y,1,61,PD
P4,B,y,,62,CR
"""


def source(root: Path, **therapy: Any) -> CohortSource:
    (root / "clinical.csv").write_text(ROWS)
    columns = {
        "arm": {"time": "baseline"}, "drug": {"time": "baseline"}, "her2": {"time": "baseline", "kind": "number"},
        "age": {"time": "baseline", "kind": "number"}, "best": {"time": "outcome"},
    }  # fmt: skip
    return CohortSource(
        name="invented",
        root=root,
        cache=root / "cache",
        tables={"clinical": {"file": "clinical.csv", "id": "id", "columns": columns}},
        endpoints={"response": {"table": "clinical", "column": "best", "positive": ["CR"], "negative": ["PD"]}},
        therapy=therapy or None,
    )


def test_regimens_and_strata_are_named_and_unknown_ones_stay_unknown(tmp_path: Path) -> None:
    declared = {"table": "clinical", "columns": ["arm"], "strata": ["clinical.her2"], "control": "A"}
    found = source(tmp_path, **declared).therapy(["P4", "P3", "P2", "P1"])
    assert found is not None
    assert list(found.regimens.index) == ["P4", "P3", "P2", "P1"]
    assert list(found.regimens) == ["B", None, "B", "A"]
    assert list(found.strata) == [None, "her2=1", "her2=1", "her2=0"]
    assert (found.by, found.control, found.min_patients) == (("clinical.her2",), ("A",), 10)


def test_several_columns_make_one_regimen_and_no_strata_are_one(tmp_path: Path) -> None:
    found = source(tmp_path, table="clinical", columns=["arm", "drug"], min_patients=3).therapy(["P1", "P3", "P4"])
    assert found is not None
    assert list(found.regimens) == ["A / x", None, "B / y"]
    assert list(found.strata) == ["all patients"] * 3
    assert found.min_patients == 3


def test_a_cohort_without_a_therapy_has_none(tmp_path: Path) -> None:
    assert source(tmp_path).therapy(["P1"]) is None


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"columns": ["dose"]}, r"cohort.therapy.columns names 'clinical.dose', which is not declared"),
        ({"columns": []}, r"cohort.therapy.columns is \[\]"),
        ({"strata": ["her2"]}, r"cohort.therapy.strata names 'her2', which is not declared.*as table.column"),
        ({"strata": ["clinical.best"]}, r"'clinical.best', which is known only after baseline \(time: outcome\)"),
        ({"table": "trial"}, r"names 'trial.arm', which is not declared.*cohort.therapy.table"),
        ({"arms": 2}, r"unknown keys arms"),
        ({"min_patients": 1}, r"min_patients is 1"),
        ({"min_patients": True}, r"min_patients is True"),
    ],
)
def test_what_cannot_be_is_refused_with_its_key(tmp_path: Path, wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(CohortError, match=said):
        source(tmp_path, **{"table": "clinical", "columns": ["arm"]} | wrong)


def test_a_declaration_without_its_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CohortError, match=r"cohort.therapy is \{'columns': \['arm'\]\}. Set it to"):
        source(tmp_path, columns=["arm"])


def test_a_control_that_nobody_was_given_is_refused_with_what_was(tmp_path: Path) -> None:
    cohort = source(tmp_path, table="clinical", columns=["arm"], control=["C"])
    with pytest.raises(CohortError, match=r"control names C, which nobody was given. Given were A, B"):
        cohort.therapy(["P1", "P2"])
