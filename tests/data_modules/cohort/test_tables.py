from __future__ import annotations

import math

import pandas as pd
import pytest

from data_modules.columns import table_spec
from data_modules.errors import CohortError


def problems(source, table="clinical"):
    return "\n".join(str(problem) for problem in source.read(table).problems)


def test_values_by_declaration(cohort):
    cohort.clinical[1] = "P01\t'--\t[Not Available]\tNot Reported\tS1\tR0\tx"
    frame = cohort.source().table("clinical")
    assert list(frame.columns) == ["age", "grade", "subtype", "site", "margin"]
    assert frame.index.name == "patient_id"
    assert math.isnan(frame.loc["P01", "age"])
    assert frame.loc["P01", "grade"] is None
    assert frame.loc["P01", "subtype"] is None
    assert frame.loc["P02", ["age", "grade", "subtype"]].to_list() == [42.0, "G3", "basal"]


def test_declared_level_is_never_missing_and_declared_missing_is(cohort):
    columns = cohort.settings["tables"]["clinical"]["columns"]
    columns["subtype"] = {"time": "baseline", "levels": ["luminal", "Unknown"], "missing": ["basal"]}
    cohort.clinical[1] = "P01\t41\tG1\tUnknown\tS1\tR0\tx"
    frame = cohort.source().table("clinical")
    assert frame.loc["P01", "subtype"] == "Unknown"
    assert frame.loc["P02", "subtype"] is None


def test_wrong_values_are_named_with_rows(cohort):
    cohort.clinical[2] = "P02\tforty\tG9\tbasal\tS0\tR0\tx"
    text = problems(cohort.source())
    assert "clinical.tsv: column 'age' has values that are no numbers (1: P02, row 3: 'forty')" in text
    assert "column 'grade' has values outside its levels (1: P02, row 3: 'G9')" in text
    assert "cohort.tables.clinical.columns.age.missing" in text


def test_infinity_is_no_number(cohort):
    cohort.clinical[2] = "P02\tinf\tG1\tbasal\tS0\tR0\tx"
    assert "row 3: 'inf'" in problems(cohort.source())


def test_duplicates_are_named_with_rows_and_identical_ones_said_to_be(cohort):
    cohort.clinical += [cohort.clinical[1], "P03\t90\tG1\tbasal\tS0\tR0\tx"]
    text = problems(cohort.source())
    assert "patients with more than one row (2: P01 (rows 2, 12, identical), P03 (rows 4, 13))" in text


def test_missing_column_suggests_the_closest(cohort):
    cohort.clinical[0] = cohort.clinical[0].replace("subtype", "sub_type")
    assert "clinical.tsv has no column 'subtype'. Did you mean 'sub_type'?" in problems(cohort.source())
    cohort.clinical[0] = cohort.clinical[0].replace("sub_type", "SUBTYPE")
    assert "has no column 'subtype'. Did you mean 'SUBTYPE'?" in problems(cohort.source()), "letter case alone"


def test_missing_id_column(cohort):
    cohort.clinical[0] = cohort.clinical[0].replace("case_submitter_id", "barcode")
    assert "has no column 'case_submitter_id' for the patient. Set cohort.tables.clinical.id" in problems(
        cohort.source()
    )


@pytest.mark.parametrize(
    "content",
    [
        "",
        "case_submitter_id\tage\n",
        "case_submitter_id\tage\nP01\t41\t\nP02\t42\t\n",
        "case_submitter_id\tage\nP01\t41\nP02\t42\t7\n",
        "case_submitter_id\tage\nP01\t41\nP02",
    ],
)
def test_files_that_are_no_table(cohort, content):
    source = cohort.source()
    (cohort.root / "clinical.tsv").write_text(content)
    assert "clinical.tsv" in problems(source)


def test_missing_file(cohort):
    source = cohort.source()
    (cohort.root / "clinical.tsv").unlink()
    assert "there is no file" in problems(source)
    assert "cohort.tables.clinical.file or cohort.root" in problems(source)


def test_a_file_that_the_machine_refuses(cohort, named):
    cohort.settings["tables"]["clinical"]["file"] = "x" * 300  # longer than a name may be; root may read all others
    source = cohort.source()
    with pytest.raises(CohortError) as caught:
        source.reconcile({"slides": named(source, ["P01"])})
    told = [str(one) for one in caught.value.problems]
    assert told[0].endswith(
        "cannot be read (File name too long). Give access to it, or mend cohort.tables.clinical.file"
    )
    # of who is in no other file nothing is said of it
    assert len(told) == 2
    assert told[1].startswith("90% of the patients of treatment.tsv are in no other file")


def test_barcodes_become_patients(cohort):
    cohort.clinical = [cohort.clinical[0], *(line.replace("\t", "-01A\t", 1) for line in cohort.clinical[1:])]
    cohort.settings["tables"]["clinical"]["id_pattern"] = r"^(P\d+)-"
    assert list(cohort.source().table("clinical").index[:2]) == ["P01", "P02"]
    cohort.clinical[3] = "nobody\t1\tG1\tbasal\tS0\tR0\tx"
    assert "row 4: 'nobody'" in problems(cohort.source())


def test_rows_under_the_header_that_are_no_patients(cohort):
    cohort.clinical.insert(1, "CDE_ID:1\tCDE_ID:2\t\t\t\t\t")
    cohort.settings["tables"]["clinical"]["skip_rows"] = [2]
    source = cohort.source()
    assert len(source.table("clinical")) == 10
    assert source.read("clinical").rows["P01"] == 3


def test_comma_separated_with_byte_order_mark(cohort):
    cohort.settings["tables"]["clinical"]["file"] = "clinical.csv"
    source = cohort.source()
    (cohort.root / "clinical.csv").write_text("\n".join(cohort.clinical).replace("\t", ","), encoding="utf-8-sig")
    assert len(source.table("clinical")) == 10


def test_reader_instead_of_a_file(cohort):
    frame = pd.DataFrame({"age": [50.0, None]}, index=pd.Index(["P01", "P02"], name="case"))
    columns = {"age": {"time": "baseline", "kind": "number"}}
    cohort.settings["tables"]["derived"] = {"reader": lambda root: frame, "columns": columns}
    table = cohort.source().table("derived")
    assert table.loc["P01", "age"] == 50
    assert math.isnan(table.loc["P02", "age"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"age": {"kind": "number"}}, "age does not say when its value is known"),
        ({"age": {"time": "later"}}, "age.time is 'later'"),
        ({"age": {"time": "baseline", "kind": "float"}}, "age.kind is 'float'"),
        ({"age": {"time": "baseline", "kind": "ordered"}}, "ordered without levels"),
        ({"age": {"time": "baseline", "units": "years"}}, "unknown keys units"),
    ],
)
def test_declarations_that_cannot_be_right(cohort, change, message):
    cohort.settings["tables"]["clinical"]["columns"].update(change)
    with pytest.raises(CohortError, match=message):
        cohort.source()


def test_a_table_may_say_the_time_of_columns_that_do_not(cohort):
    clinical = cohort.settings["tables"]["clinical"]
    clinical["columns"]["age"] = {"kind": "number"}
    clinical["time"] = "post_baseline"
    columns = cohort.source().specs["clinical"].columns
    assert columns["age"].time == "post_baseline"
    assert {column.time for name, column in columns.items() if name != "age"} - {"post_baseline"}, "their own counts"
    clinical["time"] = "later"
    with pytest.raises(CohortError, match=r"cohort.tables.clinical.time is 'later'.*Set it to one of baseline"):
        cohort.source()


def test_undeclared_table_and_neither_file_nor_reader(cohort):
    with pytest.raises(CohortError, match=r"no table 'labs'.*clinical, treatment"):
        cohort.source().table("labs")
    del cohort.settings["tables"]["clinical"]["file"]
    with pytest.raises(CohortError, match="needs either file or reader"):
        cohort.source()


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"file": ["a.csv"]}, "cohort.tables.t.file is ['a.csv']. Set it to text, in quotes"),
        ({"id_pattern": "("}, "cohort.tables.t.id_pattern='(' is no regular expression"),
        ({"skip_rows": "two"}, "cohort.tables.t.skip_rows is 'two'. Set it to a list of numbers of lines"),
        ({"columns": ["age"]}, "cohort.tables.t.columns is ['age']. Map each column to what it is"),
        ({"columns": {"age": "baseline"}}, "cohort.tables.t.columns.age is 'baseline'. Map it to what it is"),
        (
            {"columns": {"g": {"time": "baseline", "levels": {"G1": 1}}}},
            "g.levels is {'G1': 1}. Set it to a list",
        ),
        ({"columns": {"g": {"time": "baseline", "levels": ["a", "b", "a"]}}}, "columns.g.levels lists a twice"),
    ],
)
def test_declarations_of_another_kind(config: dict[str, object], said: str) -> None:
    with pytest.raises(CohortError) as caught:
        table_spec("c", "t", {"file": "t.csv", **config})
    assert said in str(caught.value)


def test_a_number_that_names_a_column() -> None:
    assert table_spec("c", "t", {"file": "t.csv", "id": 5}).id == "5"


def test_an_optional_column_may_be_lacking_but_not_the_endpoints(cohort):
    columns = cohort.settings["tables"]["clinical"]["columns"]
    columns["stage"] = {"time": "baseline", "kind": "number", "optional": True}
    assert problems(cohort.source()) == ""
    columns["stage"]["optional"] = False
    assert "no column 'stage'" in problems(cohort.source())
    columns["stage"] = {"time": "outcome", "optional": True}
    cohort.settings["endpoints"] = {
        "stage": {"table": "clinical", "column": "stage", "positive": ["II"], "negative": ["I"]}
    }
    assert "of the endpoint, which this file does not have" in problems(cohort.source())


def test_optional_is_true_or_false():
    config = {"file": "a.tsv", "columns": {"age": {"time": "baseline", "optional": "maybe"}}}
    with pytest.raises(CohortError, match="optional is 'maybe'"):
        table_spec("mine", "clinical", config)
