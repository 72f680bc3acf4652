"""Where a guess is not certain, a draft guesses nothing: each by the smallest table that shows it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from data_modules.drafting.columns import column_facts
from data_modules.drafting.draft import draft_folder
from data_modules.drafting.endpoints import classes_of
from data_modules.drafting.ids import _people
from data_modules.drafting.shapes.sheets import join_by_sheet
from data_modules.drafting.tables import Table
from data_modules.drafting.words import smell_of_values
from data_modules.readers.tables import TableFormat
from data_modules.readers.wide import read_wide


def test_codes_beside_a_word_are_categories_and_measured_numbers_are_not() -> None:
    assert column_facts("her2", ["0", "1", "2", "3"] * 5 + ["equivocal"] * 3).kind == "category"
    crp = column_facts("crp", [f"{at}.5" for at in range(18)] + ["QNS", ""])
    assert (crp.kind, crp.words, crp.missing) == ("number", ("QNS",), pytest.approx(0.1))


def test_sentences_that_many_have_are_categories() -> None:
    said = ["no relapse so far", "relapse was seen once", "not looked at yet"]
    assert column_facts("state", said * 7).kind == "category"
    assert column_facts("state", [f"seen on day {at}" for at in range(9)]).reason == "free text"


def test_who_died_had_the_event_of_an_event_alone() -> None:
    assert classes_of(["Alive", "Dead"], event=True) == (("Dead",), ("Alive",))
    assert classes_of(["Alive", "Dead"]) == ((), ())
    assert classes_of(["0:LIVING", "1:DECEASED"]) == (("1:DECEASED",), ("0:LIVING",))


def test_values_of_recist_and_nothing_else() -> None:
    found = smell_of_values(["CR", "PD", "NE"])
    assert found is not None and found.time == "outcome"
    assert smell_of_values(["CR", "PD", "maybe"]) is None


def test_a_limit_with_a_unit_is_no_number(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,x\nP1,<5 ng\nP2,<5\n")
    read = read_wide(tmp_path / "a.csv", TableFormat(), key="id", exclude=(), limits="value")
    assert read.strange == [("x", 2, "<5 ng")] and read.numbers[1, 0] == 5


def test_a_column_that_samples_begin_with_by_chance_names_no_patients() -> None:
    frame = pd.DataFrame({"sample": ["P1-a", "P1-b", "P2-a"], "patient": ["P1", "P1", "P2"], "group": ["P", "P", "P2"]})
    columns = {name: list(frame[name]) for name in frame}
    assert _people(frame, "sample", columns) == ["P1", "P1", "P2"]
    assert _people(frame, "sample", {name: columns[name] for name in ("sample", "group")}) == ()


def test_a_sheet_tells_of_known_patients_alone(tmp_path: Path) -> None:
    frame = pd.DataFrame({"name": ["s1", "s2"], "batch": ["b1", "b2"]})
    sheet = Table(key="s", file="s.csv", path=tmp_path / "s.csv", frame=frame, names=("name", "batch"))
    assert join_by_sheet(["s1", "s2"], {"P1", "P2"}, [sheet]) is None
    found = join_by_sheet(["s1", "s2"], {"b1", "b2"}, [sheet])
    assert found is not None and found.sheet == ("s.csv", "name", "batch")


@pytest.mark.parametrize("second", ["first", ""])
def test_a_column_that_does_not_tell_rows_apart_chooses_none(tmp_path: Path, second: str) -> None:
    patients = [f"PT-{at:03}" for at in range(10)]
    pd.DataFrame({"patient": patients, "age": range(40, 50), "response": ["CR", "PD"] * 5}).to_csv(
        tmp_path / "clinical.csv", index=False
    )
    visits = ["first", "later"] * 9 + ["first", second]
    labs = pd.DataFrame({"patient": [one for one in patients for _ in range(2)], "visit": visits})
    labs.assign(sex=["f", "f", "m", "m"] * 5, ldh=range(20)).to_csv(tmp_path / "labs.csv", index=False)
    made = draft_folder(str(tmp_path), name="mine", config_dir="conf", progress=lambda *step: None).text
    assert "rows: {" not in made and "reduce: mean  # 10 patients with several rows" in made
    assert "# ldh:  # left out: has several values of a patient" in made
