"""Which columns are asked together, which one by one, and which wait until the user says when they were known."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from data_modules.drafting.draft import Draft, draft_folder
from data_modules.drafting.words import baseline_word

UNTOLD = ["margo", "lvi", "size", "nodes", "cellularity", "ploidy", "purity"]


def drafted(folder: Path, columns: Sequence[str]) -> Draft:
    rows = [",".join([f"P{row}", *[str(row % 2 + at) for at in range(len(columns))]]) for row in range(9)]
    (folder / "t.csv").write_text("\n".join([",".join(["patient", *columns]), *rows]) + "\n")
    return draft_folder(str(folder), name="mine", config_dir="c", progress=lambda *step: None)


def times(made: Draft) -> dict[str, str]:
    """Column → its own time, what the table says, or that it is not read."""
    table = yaml.safe_load(made.text)["cohort"]["tables"]["t"]
    said = {name: value.get("time", f"table {table.get('time')}") for name, value in table["columns"].items()}
    waiting = re.findall(r"# (\w+): {.*without the # it takes the table", made.text)
    return said | dict.fromkeys(waiting, "waits")


def test_one_question_serves_what_is_often_of_baseline_and_few_others_are_asked(tmp_path: Path) -> None:
    made = drafted(tmp_path, ["age", "grade", *UNTOLD[:6], "pcr", "cycles"])
    assert times(made) == {
        "age": "table ???", "grade": "table ???", **dict.fromkeys(UNTOLD[:6], "???"), "pcr": "outcome",
        "cycles": "post_baseline",
    }  # fmt: skip
    assert "2 columns without a time below? By their names often baseline: age, grade" in made.text
    assert (made.open, made.waiting) == (1 + 6 + 2, 0)


def test_many_that_no_name_tells_wait_and_are_read_when_the_sign_is_taken_away(tmp_path: Path) -> None:
    made = drafted(tmp_path, ["age", *UNTOLD, "pcr"])
    assert times(made) == {"age": "table ???", **dict.fromkeys(UNTOLD, "waits"), "pcr": "outcome"}
    assert (made.open, made.waiting) == (1 + 2, 7)
    taken = yaml.safe_load(re.sub(r"# (\w+: {[^}]*}  # no name tells)", r"\1", made.text))
    assert taken["cohort"]["tables"]["t"]["columns"]["lvi"] == {"kind": "number"}
    profile = {column["name"]: column["left_out"] for column in made.profile["tables"][0]["columns"]}
    assert "no name tells when it was known" in profile["lvi"]


def test_where_no_name_tells_anything_one_question_serves_all_but_the_outcome(tmp_path: Path) -> None:
    made = drafted(tmp_path, [*UNTOLD, "pcr"])
    assert times(made) == {**dict.fromkeys(UNTOLD, "table ???"), "pcr": "outcome"}
    assert "7 columns without a time below? No name tells: look at each" in made.text
    assert times(drafted(tmp_path, [*UNTOLD[:6], "pcr"])) == {**dict.fromkeys(UNTOLD[:6], "???"), "pcr": "outcome"}


@pytest.mark.parametrize("name", ["ajcc_pathologic_tumor_stage", "specimen_site", "grade_excision"])
def test_what_was_seen_at_surgery_is_not_told_by_words_of_baseline(name: str) -> None:
    assert baseline_word(name) is None
    assert baseline_word("clinical_stage") == "stage"


def test_classes_have_names_of_their_own_unless_they_are_of_response(tmp_path: Path) -> None:
    named = yaml.safe_load(drafted(tmp_path, ["age", "label"]).text)["cohort"]["endpoints"]
    assert named["label"]["classes"] == ["negative", "positive"]
    assert (
        "classes" not in yaml.safe_load(drafted(tmp_path, ["age", "response"]).text)["cohort"]["endpoints"]["response"]
    )
