"""Tables of genes in rows, of limits and of words: each value by hand, and what is refused is mended as it says."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from data_modules.modalities.tables.features import Features
from fusion.contract import SettingsError

GENES = """Hugo_Symbol\tEntrez_Gene_Id\tP1-01\tP2-01\tP3-01\tP1-11
TP53\t7157\t1\t2\t3\t90
GENE5\t5\t4\t4\tNA\t90
\t6\t7\t7\t7\t90
GENE5\t55\t6\t8\t1\t90
"""


def wide(root: Path, text: str, *, known: frozenset[str] = frozenset(), **settings: Any) -> Features:
    (root / "rna.tsv").write_text(text)
    source = SimpleNamespace(root=root, name="invented")
    options: dict[str, Any] = {"file": "rna.tsv", "id": "Hugo_Symbol", "time": "baseline", **settings}
    return Features(name="rna", source=source, **options)  # type: ignore[arg-type]


def told(table: Features) -> str:
    return "\n".join(table.check())


def test_genes_in_rows_as_cbioportal_writes_them(tmp_path: Path) -> None:
    settings = {"transpose": True, "id_pattern": r"^(P\d)-01$", "reduce": "mean"}
    table = wide(tmp_path, GENES, **settings)
    assert table.check() == []
    assert table.frame.index.tolist() == ["P1", "P2", "P3"] and table.frame.columns.tolist() == ["TP53", "GENE5"]
    assert table.frame["GENE5"].tolist() == [5.0, 6.0, 1.0], "of P3 one row is known alone"
    assert table.frame["TP53"].tolist() == [1.0, 2.0, 3.0]
    assert [note.partition(": ")[2] for note in table.notes] == [
        "columns that are no patient by id_pattern are left out (2: Entrez_Gene_Id, P1-11).",
        "1 rows without a name in 'Hugo_Symbol' are left out.",
        "1 features in several rows count as their mean (GENE5).",
    ]


@pytest.mark.parametrize(("rule", "expected"), [("max", [6.0, 8.0, 1.0]), ("first", [4.0, 4.0, 1.0])])
def test_rules_of_features_in_several_rows(tmp_path: Path, rule: str, expected: list[float]) -> None:
    table = wide(tmp_path, GENES, transpose=True, id_pattern=r"^(P\d)-01$", reduce=rule)
    assert table.frame["GENE5"].tolist() == expected


def test_features_twice_are_refused_with_the_key(tmp_path: Path) -> None:
    said = told(wide(tmp_path, GENES, transpose=True, id_pattern=r"^(P\d)-01$"))
    assert "rna.tsv has features twice (1: GENE5). Set modality.rna.reduce to mean, max or first." in said
    with pytest.raises(SettingsError, match="reduce is 'mean', which is for several rows of one feature"):
        wide(tmp_path, GENES, reduce="mean")


def test_two_samples_of_a_patient_are_told_with_their_columns(tmp_path: Path) -> None:
    said = told(wide(tmp_path, GENES, transpose=True, id_pattern=r"^(P\d)", reduce="mean"))
    assert "patients in several columns (1: P1: P1-01, P1-11). Let modality.rna.id_pattern take" in said


def test_columns_that_are_no_patients_where_nothing_tells_which_are(tmp_path: Path) -> None:
    text = "Class\tName\tNo\tP1\tP2\nEndogenous\tA\t1\t1\t2\nEndogenous\tB\t2\t3\t4\nEndogenous\tC\t3\t5\t6\n"
    said = told(wide(tmp_path, text, id="Class", transpose=True))
    assert "'Class' of rna.tsv names most features twice or more (Endogenous), so" in said
    assert "Set modality.rna.id to the column that does, e.g. Name." in said
    said = told(wide(tmp_path, text, id="Name", transpose=True))
    assert "columns of rna.tsv are no numbers (Class). List them in modality.rna.exclude" in said
    table = wide(tmp_path, text, id="Name", transpose=True, exclude=["Class", "No"])
    assert table.check() == [] and table.frame.loc["P2"].tolist() == [2.0, 4.0, 6.0]


def test_a_pattern_that_finds_few_is_no_choice_of_columns(tmp_path: Path) -> None:
    table = wide(tmp_path, GENES, transpose=True, id_pattern=r"^(P1)-01", reduce="mean")
    assert "4 columns of rna.tsv are no patients (Entrez_Gene_Id, P2-01, P3-01" in told(table)


LIMITS = "Hugo_Symbol\tIL2\tIL6\nP1\t<1\t2,5\nP2\t4,25\t>80\nP3\t<LOD\t3,5\n"


def test_values_beyond_a_limit_in_a_wide_table(tmp_path: Path) -> None:
    said = told(wide(tmp_path, LIMITS))
    assert "3 cells that are no finite numbers (P1, line 2, IL2: '<1', P2, line 3, IL6: '>80'" in said
    assert (
        "2 are beyond a limit: say what they count as by modality.rna.limits (value: the limit itself, or half)" in said
    )
    words = yaml.safe_load(re.search(r"in modality\.rna\.missing, e\.g\. (\[.*?\])", said)[1])  # type: ignore[index]
    assert words == ["<LOD"]
    table = wide(tmp_path, LIMITS, limits="value", missing=words)
    assert table.check() == []
    assert table.frame.fillna(-9).to_numpy().tolist() == [[1.0, 2.5], [4.25, 80.0], [-9, 3.5]]
    assert any(note.endswith("2 cells beyond a limit count as that limit.") for note in table.notes)
    half = wide(tmp_path, LIMITS, limits="half", missing=words).frame
    assert half.loc["P1", "IL2"] == 0.5 and half.loc["P2", "IL6"] == 80.0, (
        "of an upper limit nothing is known beyond it"
    )
    only = told(wide(tmp_path, LIMITS, limits="half"))
    assert "1 cells that are no finite numbers (P3, line 4, IL2: '<LOD')" in only and "beyond a limit:" not in only


def test_codes_that_say_that_nothing_is_known(tmp_path: Path) -> None:
    table = wide(tmp_path, "Hugo_Symbol\ta\tb\nP1\t1\t-999\nP2\t-999\t4\n", missing=["-999"])
    assert table.frame.fillna(0).to_numpy().tolist() == [[1.0, 0.0], [0.0, 4.0]]


def test_a_slip_is_no_word_for_missing(tmp_path: Path) -> None:
    said = told(wide(tmp_path, "Hugo_Symbol\ta\nP1\t1\nP2\t3.5x\nP3\t2\n"))
    assert "P2, line 3, a: '3.5x'). Mend them" in said and "missing" not in said


def test_ids_that_say_that_nobody_is_known(tmp_path: Path) -> None:
    said = told(wide(tmp_path, "Hugo_Symbol\ta\nP1\t1\nNA\t3\nP3\t2\n"))
    assert "1 rows without a patient in 'Hugo_Symbol' (line 3: 'NA')" in said
