"""Several rows a patient become one as declared: each value by hand; what is not declared is refused with its key."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pytest

from data_modules.cohort.source import CohortSource
from data_modules.cohort.tables import ReadTable
from data_modules.errors import CohortError

LABS = """patient,day,crp,stage,sex,drug,outcome
A,-20,5,I,f,x,
A,-3,9,II,f,,CR
A,14,200,III,f,y,CR
B,-1,,I,m,,PD
B,-9,7,II,m,z,PD
C,-2,4,I,f,n/a,PD
"""
COLUMNS: dict[str, Any] = {
    "crp": {"time": "baseline", "kind": "number", "reduce": "last"},
    "stage": {"time": "baseline", "kind": "ordered", "levels": ["I", "II", "III"], "reduce": "max"},
    "sex": {"time": "baseline"},
    "drug": {"time": "baseline", "reduce": "count"},
    "outcome": {"time": "outcome"},
}


def source(root: Path, text: str = LABS, **table: Any) -> CohortSource:
    (root / "labs.csv").write_text(text)
    declared = {"file": "labs.csv", "id": "patient", "order": "day", "until": 0, "columns": COLUMNS, **table}
    return CohortSource(
        name="c", root=root, cache=root / "cache",
        tables={"labs": {key: value for key, value in declared.items() if value is not None}},
        endpoints={"e": {"table": "labs", "column": "outcome", "positive": ["CR"], "negative": ["PD"]}},
    )  # fmt: skip


def read(root: Path, text: str = LABS, **table: Any) -> ReadTable:
    return source(root, text, **table).read("labs")


def test_each_column_by_its_own_rule_up_to_baseline(tmp_path: Path) -> None:
    table = read(tmp_path)
    assert table.problems == ()
    frame = table.frame
    assert frame.index.tolist() == ["A", "B", "C"]
    assert frame["crp"].tolist() == [9.0, 7.0, 4.0], "the last known before day 0; 200 is of after"
    assert frame["stage"].tolist() == ["II", "II", "I"], "III is of after baseline"
    assert frame["sex"].tolist() == ["f", "m", "f"], "all rows agree"
    assert frame["drug"].tolist() == [1.0, 1.0, 0.0]
    assert frame["outcome"].tolist() == ["CR", "PD", "PD"], "outcomes are known later"
    assert table.rows.tolist() == [2, 5, 7]
    assert [note.partition(": ")[2] for note in table.notes] == [
        "6 rows become 3, one a patient, as declared.",
        "1 of 6 rows are of after 0 and no part of baseline columns.",
    ]


@pytest.mark.parametrize(("rule", "expected"), [("first", [5, 7, 4]), ("min", [5, 7, 4]), ("max", [9, 7, 4]),
                                                ("mean", [7, 7, 4]), ("count", [2, 1, 1])])  # fmt: skip
def test_rules_of_numbers(tmp_path: Path, rule: str, expected: list[float]) -> None:
    columns = COLUMNS | {"crp": {"time": "baseline", "kind": "number", "reduce": rule}}
    assert read(tmp_path, columns=columns).frame["crp"].tolist() == expected


def test_dates_and_each_patients_own_baseline(tmp_path: Path) -> None:
    text = (
        "patient,day,start,crp,outcome\nA,2024-01-05,2024-02-01,5,CR\nA,2024-01-31,2024-02-01,6,CR\n"
        "A,2024-02-02,2024-02-01,90,CR\nB,2024-02-02,2024-02-02,7,PD\nB,2024-03-02,2024-02-02,70,PD\n"
    )
    columns = {name: COLUMNS[name] for name in ("crp", "outcome")}
    assert read(tmp_path, text, until="start", columns=columns).frame["crp"].tolist() == [6.0, 7.0]
    assert read(tmp_path, text, until="2024-01-10", columns=columns).frame["crp"].fillna(0).tolist() == [5.0, 0.0]
    assert read(tmp_path, text, until=math.inf, columns=columns).frame["crp"].tolist() == [90.0, 70.0]


def test_a_rule_for_the_whole_table(tmp_path: Path) -> None:
    """The mean of a category there is none: its rows must agree."""
    columns = {"crp": {"time": "baseline", "kind": "number"}, "sex": COLUMNS["sex"], "outcome": COLUMNS["outcome"]}
    made = read(tmp_path, columns=columns, reduce="mean", order=None, until=None)
    assert made.frame["crp"].round(2).tolist() == [71.33, 7.0, 4.0] and made.frame["sex"].tolist() == ["f", "m", "f"]


def test_nothing_declared_is_refused_with_the_keys_that_help(tmp_path: Path) -> None:
    bare = {name: {key: value for key, value in facts.items() if key != "reduce"} for name, facts in COLUMNS.items()}
    del bare["drug"]
    (problem,) = read(tmp_path, columns=bare, order=None, until=None).problems
    assert "patients with more than one row (2: A (rows 2, 3, 4), B (rows 5, 6))" in str(problem)
    assert "cohort.tables.labs.reduce" in str(problem) and "cohort.tables.labs.until" in str(problem)


def test_values_that_differ_without_a_rule(tmp_path: Path) -> None:
    columns = COLUMNS | {"stage": {key: value for key, value in COLUMNS["stage"].items() if key != "reduce"}}
    (problem,) = read(tmp_path, columns=columns).problems
    assert "column 'stage' has several values of one patient (2: A (rows 2, 3: 'I', 'II'), B" in str(problem)
    key = re.search(r"Set cohort\.tables\.labs\.columns\.stage\.(reduce) to first", str(problem))
    assert key
    columns["stage"][key[1]] = "first"
    assert read(tmp_path, columns=columns).frame["stage"].tolist() == ["I", "II", "I"]


def test_two_values_on_the_last_day(tmp_path: Path) -> None:
    (problem,) = read(tmp_path, LABS.replace("A,-20,5", "A,-3,5")).problems
    assert "column 'crp' has several values at the last of a patient's 'day' (1: A (rows 2, 3))" in str(problem)


def test_cells_of_the_order_that_say_nothing(tmp_path: Path) -> None:
    (problem,) = read(tmp_path, LABS.replace("B,-9", "B,soon")).problems
    assert "column 'day' has cells that are neither numbers nor dates" in str(problem)
    assert "B, row 6: 'soon'" in str(problem)
    (problem,) = read(tmp_path, until="surgery").problems
    assert "cohort.tables.labs.until is 'surgery'. Set it to a number, a date" in str(problem)
    (problem,) = read(tmp_path, order="when").problems
    assert "has no column 'when'. Mend cohort.tables.labs.order" in str(problem)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (
            {"until": None},
            "does not say which rows are of baseline. Set cohort.tables.labs.until",
        ),
        ({"order": None, "until": None}, "takes the last of a patient's rows. Set cohort.tables.labs.order"),
        ({"reduce": "newest"}, "labs.reduce is 'newest'. Set it to one of first, last, min, max, mean"),
        ({"columns": {"sex": {"time": "baseline", "reduce": "mean"}}}, "sex.reduce is 'mean' and its kind 'category'"),
        ({"columns": {"sex": {"time": "baseline", "reduce": "newest"}}}, "sex.reduce is 'newest'"),
    ],
)
def test_declarations_that_cannot_be_right(tmp_path: Path, table: dict[str, Any], said: str) -> None:
    with pytest.raises(CohortError) as caught:
        source(tmp_path, **table)
    assert said in str(caught.value)


def test_a_table_of_one_row_a_patient_is_read_as_it_is_with_rules_too(tmp_path: Path) -> None:
    one = "patient,day,crp,stage,sex,drug,outcome\nA,-3,9,II,f,x,CR\nB,-3,,I,m,,PD\n"
    frame = read(tmp_path, one).frame
    assert frame["crp"].fillna(0).tolist() == [9.0, 0.0] and frame["drug"].tolist() == [1.0, 0.0]


SAMPLES = """patient,sample_type,er,outcome
A,Primary Tumor,pos,CR
A,Solid Tissue Normal,,CR
B,Primary Tumor,neg,PD
C,Metastasis,pos,PD
"""
OF_SAMPLES: dict[str, Any] = {"er": {"time": "baseline"}, "outcome": {"time": "outcome"}}


def test_rows_that_count_by_a_column(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"order": None, "until": None, "columns": OF_SAMPLES}
    said = read(tmp_path, SAMPLES, **settings).problems
    assert any("cohort.tables.labs.rows: {<column>: [<values>]}" in problem.remedy for problem in said)
    table = read(tmp_path, SAMPLES, **settings, rows={"sample_type": ["Primary Tumor", "Recurrence"]})
    assert table.problems == () and table.frame["er"].to_dict() == {"A": "pos", "B": "neg"}
    assert table.rows.tolist() == [2, 4]
    assert [note.partition(": ")[2] for note in table.notes] == [
        "2 of 4 rows are left out, as declared: sample_type is 'Solid Tissue Normal' (1), 'Metastasis' (1).",
        "no row has sample_type 'Recurrence', which cohort.tables.labs.rows names.",
    ]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ({"sample_type": ["Tumour"]}, "no row whose 'sample_type' is 'Tumour' … there are 'Primary Tumor' (2)"),
        ({"tissue": "Tumour"}, "no column 'tissue' … Mend cohort.tables.labs.rows; it has patient, sample_type"),
        ({"sample_type": []}, "cohort.tables.labs.rows is {'sample_type': []} … Map a column to the values"),
        (["Primary Tumor"], "cohort.tables.labs.rows is ['Primary Tumor'] … Map a column to the values"),
    ],
)
def test_rows_that_cannot_be_named(tmp_path: Path, rows: Any, said: str) -> None:
    try:
        problems = [
            str(one) for one in read(tmp_path, SAMPLES, order=None, until=None, columns=OF_SAMPLES, rows=rows).problems
        ]
    except CohortError as error:
        problems = [str(error)]
    assert all(part in "".join(problems) for part in said.split(" … "))
