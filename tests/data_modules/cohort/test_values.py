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


def test_a_cell_of_a_row_without_a_patient_is_no_second_problem(cohort):
    cohort.clinical += ["NA\tseventy\tG1\tbasal\tS0\tR0\tx", "P99\tseventy\tG1\tbasal\tS0\tR0\tx"]
    rows, cells = cohort.source().read("clinical").problems
    assert "rows without a patient" in rows.what
    assert "values that are no numbers" in cells.what
    assert cells.examples == ("P99, row 13: 'seventy'",)


def test_a_unit_beside_numbers_is_that_of_the_declaration_or_of_all(cohort):
    first = cohort.clinical[1]
    cohort.clinical[1] = first.replace("\t41\t", "\t41 months\t")
    (problem,) = cohort.source().read("clinical").problems
    assert "values in several units, none (9), months (1)" in problem.what
    cohort.clinical[1] = first.replace("\t41\t", "\t41 years\t")
    read = cohort.source().read("clinical")
    assert read.problems == () and read.frame.loc["P01", "age"] == 41
    assert read.notes == ("clinical.tsv: column 'age': 'years' after its numbers is read as their unit.",)
    del cohort.settings["tables"]["clinical"]["columns"]["age"]["unit"]
    (problem,) = cohort.source().read("clinical").problems
    assert "values in several units, none (9), years (1)" in problem.what


def test_one_word_in_several_spellings(cohort):
    cohort.clinical[1] = cohort.clinical[1].replace("luminal", "Luminal")
    (problem,) = cohort.source().read("clinical").problems
    assert "one word in several spellings" in problem.what
    assert problem.examples == ("P01, row 2: 'Luminal'", "P03, row 4: 'luminal'")
    cohort.settings["tables"]["clinical"]["columns"]["subtype"]["levels"] = ["luminal", "Luminal", "basal"]
    assert cohort.source().read("clinical").problems == (), "the remedy"


def test_a_comma_that_may_be_either_is_the_only_problem_of_its_numbers(cohort):
    cohort.clinical[1] = cohort.clinical[1].replace("\t41\t", "\t4,100\t")
    cohort.clinical[2] = cohort.clinical[2].replace("\t42\t", "\tmuch\t")
    (problem,) = cohort.source().read("clinical").problems
    assert "a comma that may be a decimal sign or stand between thousands" in problem.what
