"""Published folds: a table of patients and the fold that tests them, through the same door as any other."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path

import pandas as pd
import pytest

from data_modules.folds.draw import open_folds
from data_modules.folds.stored import load_folds
from fusion.contract import FusionError
from tests.helpers.folds import make_cohort

SURVIVAL = Path(__file__).resolve().parents[4] / "shared" / "data" / "tcga_survival"


@pytest.fixture
def cohort():
    return make_cohort([0, 1] * 30)


@pytest.fixture
def table(tmp_path):
    """Write rows, open them as a cohort's folds; returns the folds and the folds.json."""

    def make(cohort, rows, name="published.csv", **options):
        path = tmp_path / name
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, delimiter="\t" if name.endswith("tsv") else ",").writerows(rows)
        run = tmp_path / "folds.json"
        run.unlink(missing_ok=True)
        return open_folds(cohort, path=run, seed=7, file=str(path), **{"inner": 2, **options}), run

    return make


def rows(cohort, of=lambda number: number % 3, header=("patient_id", "fold")):
    return [header, *((patient, of(number)) for number, patient in enumerate(cohort.patient_ids))]


def thirds(number):
    return (number // 2) % 3


def test_the_tables_parts_are_tested_and_the_rest_trains(cohort, table):
    folds, run = table(cohort, rows(cohort, thirds))
    assert [fold.name for fold in folds] == ["repeat0_fold0", "repeat0_fold1", "repeat0_fold2"]
    for index, fold in enumerate(folds):
        assert fold.test == tuple(one for number, one in enumerate(cohort.patient_ids) if thirds(number) == index)
        assert sorted((*fold.train, *fold.test)) == list(cohort.patient_ids)
        assert len(fold.inner) == 2
        assert sorted(one for inner in fold.inner for one in inner.val) == list(fold.train)
    stored = json.loads(run.read_text())
    published = run.with_name("published.csv").read_bytes()
    assert stored["source"] == {"file": "published.csv", "sha256": hashlib.sha256(published).hexdigest()}
    assert stored["flags"] == []
    assert open_folds(cohort, path=run, seed=1) == folds  # resumed without the table


def test_names_of_folds_are_ordered_as_numbers_or_letters(cohort, table):
    folds, _ = table(cohort, rows(cohort, lambda number: ("10", "9", "8")[thirds(number)], ("case_id", "fold")))
    assert [fold.test[0] for fold in folds] == ["P004", "P002", "P000"]
    folds, _ = table(cohort, rows(cohort, lambda number: ("c", "b", "a")[thirds(number)]), "published.tsv")
    assert [fold.test[0] for fold in folds] == ["P004", "P002", "P000"]


def test_repeats_and_rows_that_agree(cohort, table):
    header = ("slide", "patient", "fold", "repeat")
    body = [
        (slide, patient, (thirds(number) + repeat) % 3 if repeat else thirds(number), repeat)
        for repeat in (0, 1)
        for number, patient in enumerate(cohort.patient_ids)
        for slide in "AB"
    ]
    folds, _ = table(cohort, [header, *body])
    assert [fold.name for fold in folds] == [f"repeat{repeat}_fold{index}" for repeat in (0, 1) for index in (0, 1, 2)]
    assert folds[3].test == folds[2].test


def test_a_patient_in_two_folds_is_refused(cohort, table):
    with pytest.raises(FusionError, match=r"patients in several folds \(1: P003: folds 0, 1\)\. Mend the table"):
        table(cohort, [*rows(cohort, thirds), ("P003", "0")])


def test_patients_whom_the_table_does_not_name(cohort, table):
    with pytest.raises(FusionError, match=r"whom the table does not name \(1: P059\)\. Add them to the table"):
        table(cohort, rows(cohort, thirds)[:-1])


def test_patients_of_the_table_alone_are_said(cohort, table):
    _, run = table(cohort, [*rows(cohort, thirds), ("Q1", "0"), ("Q2", "5")])
    assert load_folds(run).flags == ("folds.file=published.csv names 2 patients who are not in the cohort",)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ([("who", "fold"), ("P000", "0")], "has the columns who, fold, and none called patient_id, patient"),
        ([("patient_id", "split"), ("P000", "0")], "none called fold"),
        ([("patient_id", "fold"), ("P000", "0"), ("P001", " ")], r"column 'fold' is blank in rows \(1: 3\)"),
        ([("patient_id", "fold"), (" ", "0")], r"column 'patient' is blank in rows \(1: 2\)"),
    ],
)
def test_tables_that_cannot_be_read(cohort, table, body, words):
    with pytest.raises(FusionError, match=words):
        table(cohort, body)


def test_no_table_and_one_fold(cohort, table, tmp_path):
    with pytest.raises(FusionError, match=r"folds\.file=.*absent\.csv cannot be read"):
        open_folds(cohort, path=tmp_path / "folds.json", seed=1, file=str(tmp_path / "absent.csv"))
    with pytest.raises(FusionError, match=r"have patients who are 'no', fewer than folds\.inner=2"):
        table(cohort, rows(cohort, lambda number: 0))
    with pytest.raises(FusionError, match=r"folds\.inner is 1"):
        table(cohort, rows(cohort, thirds), inner=1)


def test_sites_on_both_sides_are_refused_allowed_or_ignored(table):
    cohort = make_cohort([0, 1] * 30, ["A", "A", "B", "B", "C", "C"] * 10)
    whole, run = table(cohort, rows(cohort, thirds))  # a fold a site
    assert load_folds(run).flags == ()
    assert {cohort.sites[one] for one in whole[0].test} == {"A"}
    torn = rows(cohort, lambda number: number // 20)
    for site, levels in (("stratify", 1), ("group", 2)):
        with pytest.raises(
            FusionError, match=r"sites \(cohort\.site\) are on both sides.* of 3 of 3 outer folds \(3: A"
        ):
            table(cohort, torn, site=site)
        if levels == 1:
            _, run = table(cohort, torn, site=site, allow=["sites"])
            (flag,) = load_folds(run).flags
            assert flag.startswith("folds.file=published.csv: sites (cohort.site) are on both sides, train and test")
    _, run = table(cohort, torn, site="ignore")
    assert load_folds(run).flags == ()


def test_groups_on_both_sides_are_refused_or_allowed_and_whole_in_inner_folds(table):
    family = {f"P{number:03d}": f"F{number // 4}" for number in range(60)}
    cohort = make_cohort([0, 1] * 30, groups=family)
    with pytest.raises(FusionError, match=r"groups \(cohort\.group\) are on both sides, train and test, of 3 of 3"):
        table(cohort, rows(cohort, thirds))
    folds, run = table(cohort, rows(cohort, thirds), allow=["groups"])
    assert len(load_folds(run).flags) == 1
    for inner in (inner for fold in folds for inner in fold.inner):
        assert not {family[one] for one in inner.train} & {family[one] for one in inner.val}


def test_a_test_part_without_a_class_is_refused(cohort, table):
    with pytest.raises(FusionError, match=r"repeat 0: parts held out to test lack patients who are 'yes'"):
        table(cohort, rows(cohort, lambda number: 0 if number % 2 == 0 and number < 20 else 1 + number % 4 // 2))


@pytest.mark.parametrize("tumour", ["brca", "kirc", "luad"])
@pytest.mark.parametrize("paper", ["porpoise", "survpath"])
def test_folds_that_papers_published(tumour, paper, tmp_path):
    """PORPOISE and SurvPath divide TCGA by patient; hospitals (the barcode's second part) as each of them did."""
    path = SURVIVAL / tumour / f"folds_{paper}.csv"
    if not path.is_file():
        pytest.skip("no copy of the published folds here")
    published = pd.read_csv(path, dtype=str)
    patients = sorted(set(published["patient_id"]))
    sites = [patient.split("-")[1] for patient in patients]
    cohort = make_cohort([number % 2 for number in range(len(patients))], sites, ids=patients)
    folds = open_folds(cohort, path=tmp_path / "folds.json", seed=7, file=str(path), inner=2, allow=["sites"])
    assert len(folds) == published["fold"].nunique()
    for fold, (_, part) in zip(folds, published.groupby(published["fold"].astype(int)), strict=True):
        assert set(fold.test) == set(part["patient_id"])
    shared = any({one.split("-")[1] for one in fold.test} & {one.split("-")[1] for one in fold.train} for fold in folds)
    assert bool(load_folds(tmp_path / "folds.json").flags) == shared
    if shared:
        with pytest.raises(FusionError, match=r"folds\.allow=\[sites\]"):
            open_folds(cohort, path=tmp_path / "again.json", seed=7, file=str(path), inner=2)
