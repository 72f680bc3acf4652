"""Each message's own remedy is applied, and helps."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import yaml

from data_modules.cohort.source import CohortSource
from data_modules.errors import CohortError
from data_modules.modalities.tables.features import Features
from data_modules.readers.tables import TableFormat
from data_modules.readers.unreadable import UnreadableError
from data_modules.readers.wide import read_wide

COLUMNS: dict[str, Any] = {
    "age": {"time": "baseline", "kind": "number"},
    "er": {"time": "baseline"},
    "outcome": {"time": "outcome"},
}


def cohort(root: Path, text: str | bytes, **table: Any) -> CohortSource:
    (root / "t.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    return CohortSource(
        name="c",
        root=root,
        cache=root / "cache",
        tables={"t": {"file": "t.csv", "id": "id", "columns": COLUMNS, **table}},
        endpoints={"e": {"table": "t", "column": "outcome", "positive": ["1"], "negative": ["0"]}},
    )


def told(source: CohortSource) -> str:
    (problem,) = source.read("t").problems
    return str(problem)


def test_the_decimal_sign(tmp_path: Path) -> None:
    text = "id;age;er;outcome\nP1;12,345;pos;1\n"
    said = told(cohort(tmp_path, text))
    setting = re.search(r"Set cohort\.tables\.t\.decimal to '(.)'", said)
    assert setting and "12,345" in said and "row 2" in said
    assert cohort(tmp_path, text, decimal=setting[1]).read("t").frame["age"].tolist() == [12.345]


def test_the_decimal_sign_where_it_is_the_point(tmp_path: Path) -> None:
    """A comma in one column and points in another: one problem, which names both signs, and either helps."""
    text = "id;age;er;outcome\nP1;1,322;pos;1\nP2;16.24;pos;0\n"
    said = told(cohort(tmp_path, text))
    assert "to '.' where it stands between thousands" in said and "1,322" in said and "16.24" not in said
    assert cohort(tmp_path, text, decimal=".").read("t").frame["age"].tolist() == [1322, 16.24]
    rows = "".join(f"P{at};{cell};pos;1\n" for at, cell in enumerate(["1.322", "250", "1.050", "310", "2.000", "400"]))
    text = f"id;age;er;outcome\n{rows}"
    said = told(cohort(tmp_path, text))
    assert "with a point that may be a decimal sign" in said and "row 2: '1.322'" in said and "250" not in said
    assert cohort(tmp_path, text, decimal=",").read("t").frame["age"].tolist() == [1322, 250, 1050, 310, 2000, 400]
    assert cohort(tmp_path, text, decimal=".").read("t").frame["age"].tolist() == [1.322, 250, 1.05, 310, 2, 400]


def test_units_after_numbers(tmp_path: Path) -> None:
    def read(*cells: str, **age: Any) -> CohortSource:
        rows = "".join(f"P{at},{cell},pos,1\n" for at, cell in enumerate(cells))
        columns = {**COLUMNS, "age": {**COLUMNS["age"], **age}}
        return cohort(tmp_path, f"id,age,er,outcome\n{rows}", columns=columns)

    found = read("45 %", "3.5 %", "NA", "1e1%").read("t")
    assert found.frame["age"].tolist()[:2] == [45, 3.5] and not found.problems
    assert found.notes == ("t.csv: column 'age': '%' after its numbers is read as their unit.",)
    said = told(read("45 mg/dL", "3.5 mmol/L", "7", "60 mg/dL"))
    assert "values in several units, mg/dL (2), mmol/L (1), none (1) (3: P0, row 2: '45 mg/dL'" in said
    said = told(read("45", "7 y"))
    (unit,) = re.findall(r"set cohort\.tables\.t\.columns\.age\.unit: '(.+)'", said)
    assert read("45", "7 y", unit=unit).read("t").frame["age"].tolist() == [45, 7]
    assert "values in y, and is declared in months" in told(read("45 y", "7 y", unit="months"))
    assert not read("45", "7", unit="months").read("t").problems


def test_values_beyond_the_limit_of_an_assay(tmp_path: Path) -> None:
    text = "id,age,er,outcome\nP1,<0.5,pos,1\nP2,7,pos,0\nP3,>100,pos,0\n"
    said = told(cohort(tmp_path, text))
    assert "(2: P1, row 2: '<0.5', P3, row 4: '>100'). Set cohort.tables.t.columns.age.limits: value" in said
    for limits, low in (("value", 0.5), ("half", 0.25)):
        found = cohort(tmp_path, text, columns={**COLUMNS, "age": {**COLUMNS["age"], "limits": limits}}).read("t")
        assert found.frame["age"].tolist() == [low, 7, 100]
        assert "2 values beyond a limit count as that limit" in found.notes[0]
    missing = {**COLUMNS["age"], "missing": ["<0.5", ">100"]}
    assert cohort(tmp_path, text, columns={**COLUMNS, "age": missing}).read("t").frame["age"].notna().sum() == 1
    with pytest.raises(CohortError, match=r"columns\.age\.limits is 'none'\. Set it to value or half"):
        cohort(tmp_path, text, columns={**COLUMNS, "age": {**COLUMNS["age"], "limits": "none"}})


def test_the_encoding(tmp_path: Path) -> None:
    text = "id,age,er,outcome\nP1,5,größer,1\n".encode("latin-1")
    said = told(cohort(tmp_path, text))
    setting = re.search(r"set cohort\.tables\.t\.encoding, e\.g\. to (\S+) or", said)
    assert setting
    assert cohort(tmp_path, text, encoding=setting[1]).read("t").frame["er"].tolist() == ["größer"]


def test_words_for_missing_in_a_category(tmp_path: Path) -> None:
    text = "id,age,er,outcome\nP1,5,None,1\nP2,6,it's,0\nP3,n/a,?,0\n"
    said = told(cohort(tmp_path, text))
    assert "P1, row 2: 'None'" in said and "P3, row 4: '?'" in said and "age" not in said
    words = yaml.safe_load(re.search(r"\.missing: (\[.*?\])", said)[1])  # type: ignore[index]
    columns = COLUMNS | {"er": {"time": "baseline", "missing": words}}
    assert cohort(tmp_path, text, columns=columns).read("t").frame["er"].tolist() == [None, "it's", None]
    columns = COLUMNS | {"er": {"time": "baseline", "levels": ["None", "it's", "?"]}}
    assert cohort(tmp_path, text, columns=columns).read("t").frame["er"].tolist() == ["None", "it's", "?"]


def test_the_row_of_a_column_twice(tmp_path: Path) -> None:
    said = told(cohort(tmp_path, "id,age,er,age,outcome\nP1,5,pos,6,1\n"))
    assert "'age' stands twice" in said and "Rename or take out" in said
    assert not cohort(tmp_path, "id,age,er,old_age,outcome\nP1,5,pos,6,1\n").read("t").problems


def wide(root: Path, **settings: Any) -> Features:
    known = pd.DataFrame(index=pd.Index(["P1", "P2", "P3"]))
    source = SimpleNamespace(root=root, name="c", specs={"t": None}, table=lambda name: known)
    return Features(name="rna", source=source, file="rna.tsv", time="baseline", **settings)  # type: ignore[arg-type]


def test_genes_in_rows(tmp_path: Path) -> None:
    (tmp_path / "rna.tsv").write_text("Hugo\tEntrez\tP1\tP2\tP3\nTP53\t7157\t1.5\t2\t3\nESR1\t2099\t4\t5\t6\n")
    (said,) = wide(tmp_path, id="Hugo").check()
    assert "3 of 4 column names of rna.tsv are patients" in said
    found = re.search(r"Set modality\.rna\.transpose=true and modality\.rna\.exclude=\[(.*)\]", said)
    assert found
    turned = wide(tmp_path, id="Hugo", transpose=True, exclude=found[1].split(", "))
    assert turned.check() == []
    assert turned.frame.loc["P1"].to_dict() == {"TP53": 1.5, "ESR1": 4.0}


def test_cells_that_are_no_finite_numbers(tmp_path: Path) -> None:
    text = "patient_id\ta\tb\tname\nP1\t1\tinf\tx\nP2\t2\t4\ty\nP3\tbad\t5\tz\n"
    (tmp_path / "rna.tsv").write_text(text)
    texts, cells = wide(tmp_path).check()
    assert "are no numbers (name)" in texts and "modality.rna.exclude" in texts
    assert "P1, line 2, b: 'inf'" in cells and "P3, line 4, a: 'bad'" in cells
    (tmp_path / "rna.tsv").write_text(text.replace("inf", "").replace("bad", "n/a"))
    mended = wide(tmp_path, exclude=["name"])
    assert mended.check() == []
    assert mended.frame.isna().sum().tolist() == [1, 1]


@pytest.mark.parametrize("separator", [";", "\t"])
def test_decimal_commas_in_a_wide_table(tmp_path: Path, separator: str) -> None:
    rows = [["patient_id", "a", "b"], ["P1", "1,5", "2"], ["P2", "3", "-0,25"]]
    (tmp_path / "rna.tsv").write_text("\n".join(separator.join(row) for row in rows))
    table = wide(tmp_path)
    assert table.check() == [] and table.frame.to_numpy().tolist() == [[1.5, 2.0], [3.0, -0.25]]
    assert any("decimal sign is a comma" in note for note in table.notes)


def test_words_that_yaml_takes_for_false_in_missing(tmp_path: Path) -> None:
    text = "id,age,er,outcome\nP1,5,yes,1\nP2,6,no,0\n"
    columns = COLUMNS | {"er": yaml.safe_load("{time: baseline, missing: [no]}")}
    said = told(cohort(tmp_path, text, columns=columns))
    assert "P2, row 3: 'no'" in said and "P1" not in said
    mended = yaml.safe_load("{" + re.search(r"e\.g\. (missing: \['no'\])", said)[1] + "}")  # type: ignore[index]
    columns["er"] = {"time": "baseline", **mended}
    assert cohort(tmp_path, text, columns=columns).read("t").frame["er"].tolist() == ["yes", None]


def test_a_column_whose_name_yaml_takes_for_true(tmp_path: Path) -> None:
    columns = {True: {"time": "baseline"}, "outcome": {"time": "outcome"}}
    said = told(cohort(tmp_path, "id,on,outcome\nP1,5,1\n", columns=columns))
    assert "YAML takes on without quotes" in said and "columns: ['on']" in said
    columns = {"on": {"time": "baseline"}, "outcome": {"time": "outcome"}}
    assert not cohort(tmp_path, "id,on,outcome\nP1,5,1\n", columns=columns).read("t").problems


def test_one_word_in_several_spellings(tmp_path: Path) -> None:
    text = "id,age,er,outcome\nP1,5,Pos,1\nP2,6,pos,0\nP3,6,neg,0\n"
    said = told(cohort(tmp_path, text))
    assert "P1, row 2: 'Pos', P2, row 3: 'pos'" in said and "P3" not in said
    assert "list all categories in cohort.tables.t.columns.er.levels" in said
    columns = COLUMNS | {"er": {"time": "baseline", "levels": ["Pos", "pos", "neg"]}}
    assert not cohort(tmp_path, text, columns=columns).read("t").problems


def test_numbers_that_say_that_nothing_is_known(tmp_path: Path) -> None:
    text = "id,age,er,outcome\nP1,50,a,1\nP2,-999,a,0\nP3,61,a,0\nP4,-999.0,a,0\nP5,999,a,0\n"
    (note,) = cohort(tmp_path, text).read("t").notes
    assert "column 'age' has -999 (2 times), 999 (1 times), far from all its other values" in note
    codes = yaml.safe_load(re.search(r"missing: (\[.*?\])", note)[1])  # type: ignore[index]
    columns = COLUMNS | {"age": {"time": "baseline", "kind": "number", "missing": codes}}
    mended = cohort(tmp_path, text, columns=columns).read("t")
    assert mended.frame["age"].dropna().to_dict() == {"P1": 50.0, "P3": 61.0} and not mended.notes


@pytest.mark.parametrize("ages", ["1,88,90,99", "-9,-3,5,2", "9,99,299"])
def test_numbers_like_codes_among_others_of_their_size(tmp_path: Path, ages: str) -> None:
    rows = "".join(f"P{number},{age},a,1\n" for number, age in enumerate(ages.split(",")))
    assert cohort(tmp_path, "id,age,er,outcome\n" + rows + "P9,300,a,0\nP8,0,a,0\n").read("t").notes == ()


def test_one_text_where_a_list_is_expected(tmp_path: Path) -> None:
    columns = COLUMNS | {"er": {"time": "baseline", "missing": "none given"}}
    text = "id,age,er,outcome\nP1,5,none given,1\nP2,6,n,0\n"
    assert cohort(tmp_path, text, columns=columns).read("t").frame["er"].tolist() == [None, "n"]


def test_ids_that_say_that_nobody_is_known(tmp_path: Path) -> None:
    said = told(cohort(tmp_path, "id,age,er,outcome\nP1,5,a,1\nNA,6,b,0\n,7,b,0\n"))
    assert "rows without a patient in 'id' (2: row 3: 'NA', row 4: '')" in said
    assert "cohort.tables.t.skip_rows" in said


def test_braces_in_the_names_of_columns_stay(tmp_path: Path) -> None:
    path = tmp_path / "rna.csv"
    path.write_text("{gene},{0},{\nA,1,2\n")
    with pytest.raises(UnreadableError) as raised:
        read_wide(path, TableFormat(), key="patient", exclude=())
    said = raised.value.sentence("modality.rna")
    assert said.endswith("Set modality.rna.id to one of its columns: {gene}, {0}, {.")
