"""Which column and pattern join files."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from data_modules.drafting.ids import join_names, join_tables, shape_of
from data_modules.drafting.keys import keys_of, plain_key
from data_modules.drafting.pictures import patterns_of
from data_modules.drafting.tables import Table, sort_of

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
