"""What is no error and yet said: numbers read as categories, values that no training patient had."""

from __future__ import annotations

import re

from data_modules.modalities.tables.table import Table


def test_numbers_whose_kind_nobody_declared(cohort):
    columns = cohort.settings["tables"]["clinical"]["columns"]
    columns["age"] = {"time": "baseline"}
    cohort.clinical += [f"P{number}\t{number}\tG1\tbasal\tS0\tR0\tx" for number in (71, 72)]
    (note,) = cohort.source().read("clinical").notes
    assert "column 'age' is read as categories, though all 12 values are numbers" in note
    columns["age"] = {"time": "baseline", "kind": "category"}
    assert cohort.source().read("clinical").notes == (), "the remedy"
    columns["age"] = {"time": "baseline", "kind": "number"}
    assert cohort.source().read("clinical").notes == ()


def test_values_that_no_training_patient_had(cohort):
    source = cohort.source()
    state = (
        Table(name="clinical", source=source, table="clinical")
        .fit(sorted(source.table("clinical").index), None)
        .state()
    )
    cohort.clinical = [line.replace("luminal", "lum") for line in cohort.clinical]
    match = Table(name="clinical", source=cohort.source(), table="clinical").match(state)
    (note,) = match.notes
    assert "subtype has values that no training patient had: 'lum' (5 patients)" in note
    assert "the model knows basal, luminal and reads these 5 of 10 patients as none of them" in note


def test_numbers_in_another_unit_than_in_training(cohort):
    source = cohort.source()
    table = Table(name="clinical", source=source, table="clinical")
    state = table.fit(sorted(source.table("clinical").index), None).state()
    assert table.match(state).notes == ()
    cohort.clinical = [
        re.sub(r"\t(4\d|50)\t", lambda found: f"\t{12 * int(found[1])}\t", line) for line in cohort.clinical
    ]
    (note,) = Table(name="clinical", source=cohort.source(), table="clinical").match(state).notes
    assert note.startswith("age is on another scale than in training (here from 492 to 600): is it in another unit?")
    assert "cohort.tables.clinical" in note


def test_text_that_would_be_categories(cohort):
    cohort.settings["tables"]["clinical"]["columns"]["note"] = {"time": "baseline"}
    cohort.clinical = [f"{line}\t{'note' if not at else f'seen by {at}'}" for at, line in enumerate(cohort.clinical)]
    cohort.clinical += [f"Q{at}\t50\tG1\tbasal\tS0\tR0\tx\tseen by {at}" for at in range(11, 22)]
    (said,) = cohort.source().read("clinical").notes
    assert "column 'note' has 21 different words for 21 rows" in said
    words = [re.sub("seen by (.*)", lambda found: f"by {int(found[1]) % 21}", line) for line in cohort.clinical]
    cohort.clinical = [*words, *(line.replace("P", "R").replace("Q", "S") for line in words[1:])]
    assert cohort.source().read("clinical").notes == (), "most words stand twice"
    cohort.clinical = [re.sub("by .*", "seen", line) for line in cohort.clinical]
    assert cohort.source().read("clinical").notes == ()
