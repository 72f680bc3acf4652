"""Questions of a draft answered one by one: what is asked, and what becomes of the answers."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from data_modules.drafting.questions.asking import fill

TEXT = """\
# drafted; fill in every '???'
defaults:
  - /modality@modality.clinical: table
  - /modality@modality.rna: features
  - /modality@modality.mri: volumes

cohort:
  build: '???'  # GRCh37 or GRCh38
  tables:
    clinical:
      file: clinical.csv  # 9 rows
      time: '???'  # when was this known, 1 column
      columns:
        age: {kind: number}
        size: {time: '???', kind: number}  # 1 to 9
        # odd: {time: '???'}  # waits
        response: {time: outcome}

  endpoints:
    response: {table: clinical, column: response, positive: '???', negative: '???'}  # CR (4), 0 (5)

modality:
  clinical: {table: clinical}
  rna:
    file: rna.csv
    time: '???'  # when its 607 numbers were known
    components: 50
  mri:  # 9 files
    files: [mri]
    sequences:
      t1: {match: t1, time: '???', intensity: '???'}  # 9 files
      # t2: {match: t2, time: '???', intensity: mr}  # left out
    patient_pattern: P\\d

# Left out, 1 file:
#   a.pdf: a text
"""


def filled(*answers: str) -> tuple[dict[str, Any], list[str], str]:
    """The YAML, what was asked, and the text."""
    asked: list[str] = []
    waiting = list(answers)

    def ask(question: str) -> str:
        asked.append(question)
        return waiting.pop(0)

    text = fill(TEXT, ask)
    assert not waiting, "every answer was asked for"
    return yaml.safe_load(text), asked, text


def test_answers_take_their_places_and_nothing_else_changes() -> None:
    made, asked, text = filled("GRCh37", "b", "Post_Baseline", "CR, PR", "[0]", "o", "baseline", "mr")
    table = made["cohort"]["tables"]["clinical"]
    assert (made["cohort"]["build"], table["time"]) == ("GRCh37", "baseline")
    assert table["columns"]["size"] == {"time": "post_baseline", "kind": "number"}
    endpoint = made["cohort"]["endpoints"]["response"]
    assert (endpoint["positive"], endpoint["negative"]) == (["CR", "PR"], [0])
    assert made["modality"]["rna"]["time"] == "outcome"
    assert made["modality"]["mri"]["sequences"] == {"t1": {"match": "t1", "time": "baseline", "intensity": "mr"}}
    assert asked[0] == "cohort.build (GRCh37 or GRCh38)\n  build value, Enter: leave it open: "
    assert asked[2].startswith("clinical.size (1 to 9)\n  time [b]aseline, [p]ost_baseline, [o]utcome, [x] do not read")
    assert [line for line in text.split("\n") if line.startswith("#")] == [
        line for line in TEXT.split("\n") if line.startswith("#")
    ]


def test_enter_leaves_it_open() -> None:
    assert filled(*[""] * 8)[2] == TEXT


def test_what_is_not_to_be_read_becomes_a_comment_with_all_that_hangs_on_it() -> None:
    made, asked, text = filled("", "b", "x", "", "", "x", "X")
    assert list(made["cohort"]["tables"]["clinical"]["columns"]) == ["age", "response"]
    assert made["modality"] == {"clinical": {"table": "clinical"}}
    assert made["defaults"] == [{"/modality@modality.clinical": "table"}]
    assert "    # components: 50\n" in text
    assert "    # patient_pattern: P\\d\n\n# Left out" in text
    assert "intensity" not in asked[-1], "of what is not read nothing else is asked"


def test_of_a_table_that_is_not_to_be_read_columns_with_a_time_of_their_own_stay() -> None:
    made, _, text = filled("", "x", "b", "", "", "b", "x")
    assert made["cohort"]["tables"]["clinical"] == {
        "file": "clinical.csv",
        "columns": {"size": {"time": "baseline", "kind": "number"}, "response": {"time": "outcome"}},
    }
    assert "        # age: {kind: number}\n" in text
    assert list(made["modality"]) == ["clinical", "rna"]
    made = filled("", "x", "p", "", "", "b", "x")[0]
    assert list(made["modality"]) == ["rna"], "nothing of it can be an input"
    assert list(made["cohort"]["tables"]["clinical"]["columns"]) == ["size", "response"]
    alone = TEXT.replace("        response: {time: outcome}\n", "").replace("time: '???', kind", "kind")
    text = fill(alone, lambda question: "x" if question.startswith("clinical.time") else "")
    assert yaml.safe_load(text)["cohort"]["tables"] is None
    assert "    # clinical:\n      # file: clinical.csv  # 9 rows\n" in text


@pytest.mark.parametrize("wrong", ["hm", "baselin", "bp"])
def test_a_time_that_is_none_is_asked_again(wrong: str) -> None:
    made, asked, _ = filled("", wrong, "p", *[""] * 6)
    assert made["cohort"]["tables"]["clinical"]["time"] == "post_baseline"
    assert asked[2].startswith(f"  '{wrong}' is no time: [b]aseline")


CHOICES = """\
cohort:
  tables:
    samples:
      # 4 patients with several rows: which are of baseline, by Sample Type? Primary (20), Normal (4)
      rows: {Sample Type: '???'}  # a value, or a list
  endpoints:
    response: {table: c, column: r, positive: '???', negative: '???'}  # positive: [CR, PR], negative: [SD]?; CR (4)
modality:
  rna:
    # 4 patients have several samples.
    #   '^(P\\d)-01\\b'  20 patients
    id_pattern: '???'  # one of those above
"""


def test_what_is_proposed_is_taken_by_a_sign_and_choices_are_shown() -> None:
    asked: list[str] = []
    answers = iter(["Primary Tumor, 'Therapy, NOS'", "=", "PD", "'^(P\\d)-01\\b'"])

    def ask(question: str) -> str:
        asked.append(question)
        return next(answers)

    made = yaml.safe_load(fill(CHOICES, ask))
    assert made["cohort"]["tables"]["samples"]["rows"] == {"Sample Type": ["Primary Tumor", "Therapy, NOS"]}
    assert made["cohort"]["endpoints"]["response"]["positive"] == ["CR", "PR"]
    assert made["cohort"]["endpoints"]["response"]["negative"] == ["PD"]
    assert made["modality"]["rna"]["id_pattern"] == r"^(P\d)-01\b"
    assert "Primary (20), Normal (4)" in asked[0] and "rows values with commas between" in asked[0]
    assert "positive [=] as proposed: [CR, PR], values with commas" in asked[1] and "[=] as proposed: [SD]" in asked[2]
    assert r"'^(P\d)-01\b'  20 patients" in asked[3]
