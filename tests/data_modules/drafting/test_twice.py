"""What two tables say of the same patients, by hand."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from data_modules.drafting.columns import column_facts
from data_modules.drafting.findings import DraftColumn, DraftTable
from data_modules.drafting.ids import Join
from data_modules.drafting.tables import Table
from data_modules.drafting.twice import FEWEST, told_twice

FIVE = ["P1", "P2", "P3", "P4", "P5"]


def table(key: str, patients: list[str], form: str = "columns", **columns: list[str]) -> DraftTable:
    frame = pd.DataFrame(columns)
    return DraftTable(
        table=Table(key=key, file=f"{key}.csv", path=Path(f"{key}.csv"), frame=frame),
        join=Join(patients=tuple(patients), column="id"),
        columns=tuple(DraftColumn(facts=column_facts(name, cells)) for name, cells in columns.items()),
        form=form,  # type: ignore[arg-type]
    )


def left_out(*tables: DraftTable) -> tuple[list[dict[str, str]], list[str]]:
    made, notes = told_twice(tables)
    return [{one.facts.name: one.left_out for one in table.columns} for table in made], notes


def test_the_same_values_are_read_once_from_the_table_of_most_patients() -> None:
    small = table("small", FIVE, age=["50", "51", "52,0", "53", "54"], sex=["m", "f", "m", "f", "m"])
    large = table("large", [*FIVE, "P6"], age=["50", "51", "52", "53", "54.0", "1"], sex=["m", "f", "m", "f", "m", "f"])
    out, notes = left_out(small, large)
    assert out == [{"age": "the same as in large.csv", "sex": "the same as in large.csv"}, {"age": "", "sex": ""}]
    assert notes == []
    out, _ = left_out(small, table("other", FIVE, age=["50", "51", "52", "53", "54"]))
    assert out == [{"age": "", "sex": ""}, {"age": "the same as in small.csv"}], "of equal ones the first"


def test_values_that_differ_are_read_from_neither_and_told() -> None:
    first = table("first", FIVE, grade=["1", "2", "3", "4", "5"])
    other = table("other", FIVE, grade=["1", "2", "4", "5", "7"])
    out, notes = left_out(first, other)
    assert [one["grade"] for one in out] == [f"{name}.csv says otherwise of 3 patients" for name in ("other", "first")]
    told = "(P3: 3, 4, P4: 4, 5, P5: 5, 7): it is read from neither until you say which holds."
    assert notes == [f"grade differs between first.csv and other.csv for 3 of 5 patients {told}"]


def test_what_is_not_compared() -> None:
    assert FEWEST == 5
    few = table("few", FIVE[:4], age=["1", "2", "3", "4"])
    nothing = ([{"age": ""}, {"age": ""}], [])
    assert left_out(few, table("b", FIVE, age=["9", "8", "7", "6", "5"])) == nothing, "four patients are few"
    unknown = table("a", FIVE, age=["1", "2", "3", "4", "NA"])
    assert left_out(unknown, table("b", FIVE, age=["9", "8", "7", "6", "5"])) == nothing, "of one nothing is known"
    words = table("a", FIVE, age=["a", "b", "c", "d", "e"])
    assert left_out(words, table("b", FIVE, age=["9", "8", "7", "6", "5"])) == nothing, "of other kinds"
    wide = table("a", FIVE, "wide", age=["1", "2", "3", "4", "5"])
    assert left_out(wide, table("b", FIVE, age=["9", "8", "7", "6", "5"])) == nothing
    near = table("a", FIVE, age=["1000000", "2", "3", "4", "5"])
    assert left_out(near, table("b", FIVE, age=["1000001", "2", "3", "4", "5"]))[1] == [], (
        "a millionth is no difference"
    )
    assert left_out(near, table("b", FIVE, age=["1000002", "2", "3", "4", "5"]))[1] != []
