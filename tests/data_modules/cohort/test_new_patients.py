"""What new patients may come without, and what is refused: on the ten invented patients of this folder."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from data_modules.errors import AbsentFileError, CohortError
from data_modules.learned.selection import Selector
from data_modules.modalities.tables.features import Features
from data_modules.modalities.tables.table import Table
from data_modules.modalities.variants.vcf import Variants
from data_modules.sources.tcga import drug_response
from data_modules.sources.transneo import regimens

ALL = [f"P{number:02d}" for number in range(1, 11)]
READER_TABLE = {"reader": drug_response, "columns": {"drug_response": {"time": "outcome"}}}
DRUGS = {
    "drugs": {
        "table": "drugs",
        "column": "drug_response",
        "positive": ["response"],
        "negative": ["no_response"],
    }
}


def new(source, modalities):
    return source.reconcile(modalities, require_labels=False)


def refusal(source, modalities):
    with pytest.raises(CohortError) as caught:
        new(source, modalities)
    return str(caught.value)


def clinical_of(source):
    return {"clinical": Table(name="clinical", source=source, table="clinical", columns=["age", "grade"])}


def test_without_outcomes_everyone_is_kept_without_label(cohort):
    source = cohort.source()
    (cohort.root / "treatment.tsv").unlink()
    kept = new(source, clinical_of(source))
    assert kept.patient_ids == tuple(ALL)
    assert set(kept.labels) == {-1}
    assert kept.notes == (f"No labels: there is no file {cohort.root / 'treatment.tsv'}.",)


def test_without_the_column_of_the_outcome(cohort):
    cohort.treatment = ["case_submitter_id\tagent", *(f"{one}\tcarboplatin" for one in ALL)]
    source = cohort.source()
    assert set(new(source, clinical_of(source)).labels) == {-1}


def test_a_table_with_a_header_alone_gives_no_labels(cohort):
    del cohort.treatment[1:]
    source = cohort.source()
    kept = new(source, clinical_of(source))
    assert set(kept.labels) == {-1}
    assert "No labels" in kept.notes[0]
    assert "has no rows" in kept.notes[0]


def test_a_reader_whose_files_are_absent_gives_no_labels(cohort):
    cohort.settings["tables"]["drugs"] = READER_TABLE
    source = cohort.source(endpoints=DRUGS)
    kept = new(source, clinical_of(source))
    assert kept.patient_ids == tuple(ALL)
    assert set(kept.labels) == {-1}
    assert "BCR Biotab" in kept.notes[0]
    with pytest.raises(CohortError, match="BCR Biotab"):
        source.reconcile(clinical_of(source))  # to train, it must be there
    # … and where another outcome is asked for, nobody need know.
    source = cohort.source()
    assert new(source, clinical_of(source)).notes == ()


@pytest.mark.parametrize("reader", [drug_response, regimens])
def test_readers_say_that_their_file_is_absent(reader, tmp_path: Path):
    with pytest.raises(AbsentFileError):
        reader(tmp_path)


def test_a_biotab_without_its_column_is_absent_too(tmp_path: Path):
    folder = tmp_path / "clinical_biotab"
    folder.mkdir()
    (folder / "nationwidechildrens.org_clinical_drug_brca.txt").write_text("bcr_patient_barcode\tdose\nXX-1\t5\n")
    with pytest.raises(AbsentFileError, match=r"no column 'treatment_best_response', but bcr_patient_barcode, dose"):
        drug_response(tmp_path)


def test_columns_that_nothing_reads_may_be_absent_or_odd(cohort):
    cohort.clinical = [line.rsplit("\t", 4)[0] for line in cohort.clinical]  # case_submitter_id, age, grade
    source = cohort.source()
    kept = new(source, clinical_of(source))
    assert kept.patient_ids == tuple(ALL)
    assert set(kept.sites) == {"unknown"}
    assert kept.labels.sum() == 4


def test_a_column_that_a_modality_reads_must_be_there(cohort):
    cohort.clinical = ["\t".join(line.split("\t")[::2]) for line in cohort.clinical]
    source = cohort.source()
    message = refusal(source, clinical_of(source))
    assert "clinical.tsv has no column 'age'" in message
    assert "grade" not in message.split("it has")[0]


def test_another_coding_of_labels_is_refused(cohort):
    cohort.treatment = [line.replace("CR", "responder") for line in cohort.treatment]
    source = cohort.source()
    message = refusal(source, clinical_of(source))
    assert "values that are no label of endpoint 'response'" in message
    assert "P01, row 2: 'responder'" in message
    assert "cohort.endpoints.response" in message


def test_two_rows_of_a_patient_in_the_labels_are_refused(cohort):
    cohort.treatment.append("P01\tcarboplatin\tPD")
    source = cohort.source()
    assert "more than one row" in refusal(source, clinical_of(source))


def test_patients_in_one_file_alone_are_noted_not_refused(cohort, named):
    source = cohort.source()  # max_unmatched 0.1
    modalities = {"slides": named(source, [*ALL[:2], "P90", "P91", "P92"]), **clinical_of(source)}
    kept = new(source, modalities)
    assert len(kept.patient_ids) == 13
    assert any("60% of the patients of slides are in no other file" in note for note in kept.notes)


def test_a_file_none_of_whose_patients_is_elsewhere_is_refused_unless_told(cohort, named):
    source = cohort.source()
    modalities = {"slides": named(source, ["X1", "X2"]), **clinical_of(source)}
    assert "no patient of slides is in any other file" in refusal(source, modalities)
    source = cohort.source(max_unmatched=1.0)
    modalities = {"slides": named(source, ["X1", "X2"]), **clinical_of(source)}
    assert "X1" in new(source, modalities).patient_ids


def test_modalities_say_when_they_are_absent(cohort):
    source = cohort.source()
    table = clinical_of(source)["clinical"]
    wide = Features(name="wide", source=source, file="wide.csv", time="baseline")
    variants = Variants(name="variants", source=source, files=["*.vcf.gz"], selector=Selector(method="none"))
    assert table.absent is None
    (cohort.root / "clinical.tsv").unlink()
    assert str(table.absent).startswith("there is no file")
    assert str(wide.absent).endswith("wide.csv")
    assert variants.absent == f"no file matches *.vcf.gz under {cohort.root}"
    pd.DataFrame({"patient_id": ALL, "x": 1.0}).to_csv(cohort.root / "wide.csv", index=False)
    assert wide.absent is None


def test_columns_are_matched_by_name(cohort):
    source = cohort.source()
    table = clinical_of(source)["clinical"]
    state = table.fit(ALL, [0] * 10).state()
    match = table.match(state)
    assert match.trained == ("age", "grade")
    assert match.missing == ()
    assert match.extra == ("subtype", "site")
    cohort.clinical = cohort.clinical[:1]
    cohort.clinical += [f"{one}\t50\tUnknown\tbasal\tS1\tR0\tx" for one in ALL]
    source = cohort.source()
    assert clinical_of(source)["clinical"].match(state).missing == ("grade",)
