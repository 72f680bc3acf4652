"""Which column and pattern join files."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from data_modules.drafting.ids import candidates, join_names, join_tables, patient_in, shape_of
from data_modules.drafting.keys import keys_of, plain_key
from data_modules.drafting.pictures import patterns_of
from data_modules.drafting.tables import Table, _descriptions, sort_of

KNOWN = [f"P-{at:03}" for at in range(1, 9)]


def table(key: str, **columns: list[str]) -> Table:
    return Table(key=key, file=f"{key}.csv", path=Path(f"{key}.csv"), frame=pd.DataFrame(columns))


@pytest.mark.parametrize(
    ("ids", "shape"),
    [
        (["SIM-BR-0001", "SIM-BR-0123"], r"SIM-BR-\d{4}"),
        (["P1", "P22"], r"P\d+"),
        (["TCGA-3C-AALI", "TCGA-A2-A04P"], r"TCGA-[A-Za-z0-9]{2}-[A-Za-z0-9]{4}"),
        (["ISPY2-100899", "ISPY2-102011"], r"ISPY2-\d{6}"),
        (["a b", "7_x_y"], None),
    ],
)
def test_the_shape_of_ids(ids: list[str], shape: str | None) -> None:
    assert shape_of(ids) == shape


def test_names_of_files_are_joined_exactly_by_pattern_and_by_folder() -> None:
    exact = join_names([f"slides/{one}.svs" for one in KNOWN], KNOWN, paths=True)
    assert exact is not None and exact.pattern is None and exact.shared == 8
    named = join_names([f"slides/{one}_HE_2.svs" for one in KNOWN], KNOWN, paths=True)
    assert named is not None and named.pattern == r"^(P-\d{3})"
    inside = join_names([f"mri/{one}/t1.nii.gz" for one in KNOWN], KNOWN, paths=True)
    assert inside is not None and set(inside.patients) == set(KNOWN)
    assert join_names(["a.svs", "b.svs"], KNOWN, paths=True) is None


def test_a_longer_number_is_not_cut_to_a_patient() -> None:
    known = ["P1", "P2", "P3"]
    assert join_names(["x-P12", "x-P23", "x-P34"], known) is None


def test_tables_are_joined_by_the_column_that_most_of_them_share() -> None:
    uuids = [f"{at}f-e" for at in range(8)]
    clinical = table("clinical", uuid=uuids, barcode=KNOWN, age=[str(at) for at in range(8)])
    labels = table("labels", barcode=[*KNOWN[2:], "P-999"], label=list("0101010"))
    samples = table("samples", sample=[f"{one}-01A" for one in KNOWN[:6]], tmb=list("123456"))
    joins = join_tables([clinical, labels, samples], {"slide": [f"{one}.svs" for one in KNOWN]})
    assert {key: join.column for key, join in joins.items()} == {
        "clinical": "barcode", "labels": "barcode", "samples": "sample",
    }  # fmt: skip
    assert joins["samples"].pattern == r"^(P-\d{3})"
    assert joins["samples"].patients == tuple(KNOWN[:6])
    assert joins["labels"].shared == 6


def test_ages_are_no_ids() -> None:
    one = table("a", id=KNOWN, age=["50", "51", "52", "53", "54", "55", "56", "57"])
    other = table("b", id=KNOWN, age=["50", "51", "52", "53", "54", "55", "56", "57"])
    assert {join.column for join in join_tables([one, other], {}).values()} == {"id"}


def test_measured_numbers_are_no_ids() -> None:
    scores = [f"{at}.5" for at in range(8)]
    tables = [table(key, score=scores, who=KNOWN) for key in ("a", "b")]
    assert {join.column for join in join_tables(tables, {}).values()} == {"who"}


def test_keys_and_globs() -> None:
    files = [f"biotab/nationwide.org_clinical_{one}_brca.txt" for one in ("patient", "drug", "radiation")]
    assert list(keys_of(files).values()) == ["patient", "drug", "radiation"]
    assert keys_of(["a/x.csv", "b/x.csv"]) == {"a/x.csv": "x", "b/x.csv": "x_2"}
    assert list(keys_of(["a/x.csv", "b/x_2.csv", "c/x.csv", "d/x.csv"]).values()) == ["x", "x_2", "x_3", "x_4"]
    assert plain_key("2nd table!") == "t_2nd_table"
    assert patterns_of(["slides/a.svs", "slides/b.svs"]) == ("slides/*.svs",)
    assert patterns_of(["mri/1/t.nii.gz", "mri/2/t.nii.gz"]) == ("mri/**/*.nii.gz",)
    assert patterns_of(["a.svs", "x/b.tif"]) == ("*.svs", "x/*.tif")


def test_what_a_table_is_by_its_header() -> None:
    maf = ["Hugo_Symbol", "Tumor_Sample_Barcode", "Variant_Classification"]
    assert sort_of({name.lower(): name for name in maf})[0] == "maf"
    ascat = ["Trial.ID", "chr", "startpos", "endpos", "nMajor", "nMinor"]
    sort, columns = sort_of({name.lower(): name for name in ascat})
    assert sort == "segments"
    assert columns == {
        "sample": "Trial.ID", "chromosome": "chr", "start": "startpos", "end": "endpos", "major": "nMajor",
        "minor": "nMinor",
    }  # fmt: skip
    seg = ["ID", "chrom", "loc.start", "loc.end", "num.mark", "seg.mean"]
    assert sort_of({name.lower(): name for name in seg})[1]["log2"] == "seg.mean"
    assert sort_of({"patient": "patient", "age": "age"})[0] == "patients"


@pytest.mark.parametrize(
    ("ids", "shape"),
    [
        ([], None), (["a"], "a"), (["7", "8"], r"\d"), (["ab", "cd"], "[A-Za-z]{2}"), (["a1", "bc1"], r"[A-Za-z]+1"),
        (["a.1", "b.1"], r"[A-Za-z]\.1"), (["a-1", "b_1"], None), (["x-1", "x-1a"], "x-[A-Za-z0-9]+"),
    ],
)  # fmt: skip
def test_shapes_to_the_letter(ids: list[str], shape: str | None) -> None:
    assert shape_of(ids) == shape


def test_half_of_the_names_are_enough() -> None:
    half = join_names(["P-001", "P-002", "x", "y"], KNOWN)
    assert half is not None and half.reason == "the name is the patient for 2 of 4" and half.shared == 2
    assert half.patients == ("P-001", "P-002", "x", "y") and half.pattern is None and half.column is None
    assert join_names(["P-001", "x", "y"], KNOWN) is None and join_names([], KNOWN) is None
    assert join_names(["P-001"], []) is None
    once = join_names(["P-001", "P-001", "x"], KNOWN)
    assert once is not None and once.reason == "the name is the patient for 1 of 2", "a name counts once"
    inside = join_names(["a_P-001_b", "x-P-002", "nobody", "P-9999"], KNOWN)
    assert inside is not None and inside.pattern == r"(?<![A-Za-z0-9])(P-\d{3})(?![0-9])"
    assert inside.patients == ("P-001", "P-002") and inside.shared == 2
    assert inside.reason == "it finds a patient of other files in 2 of 4 names, e.g. a_P-001_b"
    files = join_names(["P-001.svs", "P-002.ome.tif"], KNOWN, paths=True)
    assert files is not None and files.reason == "a file's name less its endings is the patient for 2 of 2"


def test_the_patient_of_one_name() -> None:
    assert patient_in("mri/P-001/t1.nii.gz", r"(P-\d{3})", paths=True) == "P-001"
    assert patient_in("P-002/P-001.nii.gz", r"(P-\d{3})", paths=True) == "P-001", "the name before the folder"
    assert patient_in("mri/P-001/t1.nii.gz", r"^(P-\d{3})", paths=True) is None
    assert patient_in("mri/P-001.nii.gz", None, paths=True) == "P-001"
    assert patient_in("P-001.nii.gz", None, paths=False) == "P-001.nii.gz"
    assert patient_in("x", "(P)", paths=False) is None


def test_which_columns_may_hold_the_patient() -> None:
    rows = [str(number) for number in range(10)]
    names = [f"P{number}" for number in range(10)]
    found = candidates(
        table(
            "t", first=rows, second=rows, words=names, twice=[*names[:9], "P0"], patient_id=[*names[:9], "P0"],
            sparse=[*names[:9], "NA"], sparser=[*names[:8], "NA", ""], one=["x"] * 10,
            floats=[f"{row}.5" for row in rows],
        )
    )  # fmt: skip
    # Numbers only in the first column, values that repeat only under a name of ids, a tenth may be unknown.
    assert list(found) == ["first", "words", "patient_id", "sparse"]
    assert found["sparse"] == names[:9]
    wide = {f"c{number}": names for number in range(40)} | {"other": names, "patient_id": names}
    assert [name for name in candidates(table("t", **wide)) if name in ("c39", "other", "patient_id")] == [
        "c39",
        "patient_id",
    ]


def test_a_table_of_few_known_patients_is_not_joined_to_them() -> None:
    many = [f"Q-{number:03}" for number in range(96)]
    others = table("big", id=[*KNOWN, *[f"P-{number}" for number in range(100, 112)]], x=["1"] * 20)
    five = join_tables([others, table("t", code=[*KNOWN[:5], *many[:95]])], {})
    assert five["t"].column == "code" and five["t"].shared == 5, "one in twenty is enough"
    assert "t" not in join_tables([others, table("t", code=[*KNOWN[:4], *many[:96]])], {})
    alone = join_tables([others], {})
    assert alone["big"].reason == "an id by its name or its values" and alone["big"].shared == 0
    assert five["big"].reason == "5 of its 20 ids are in other tables"
    assert join_tables([], {}) == {} and join_tables([table("t", x=["1.5", "2.5"])], {}) == {}


@pytest.mark.parametrize(
    ("rows", "skipped"),
    [
        ([["patient", "age"], ["P1", "5"]], (1,)), ([["CDE_ID:1", "CDE_ID:2"], ["P1", "5"]], (1,)),
        ([["CDE_ID:1", "x"], ["P1", "5"]], ()), ([["patient", "x"], ["P1", "5"]], ()),
        ([["patient", "age"], ["CDE_ID:1", "CDE_ID:2"], ["P1", "5"]], (1, 2)),
        ([["P1", "5"], ["P2", "5"], ["P3", "5"], ["patient", "age"]], ()),
    ],
)  # fmt: skip
def test_lines_that_describe_columns(rows: list[list[str]], skipped: tuple[int, ...]) -> None:
    frame = pd.DataFrame(rows, columns=["patient", "age"], index=range(1, len(rows) + 1))
    assert _descriptions(frame) == skipped
