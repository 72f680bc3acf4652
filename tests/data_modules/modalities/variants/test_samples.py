"""Whose a sample is, where its file alone says so; several samples of one patient."""

from __future__ import annotations

from pathlib import Path

from data_modules.ingest.variants.checks import Pairs
from data_modules.ingest.variants.files.vcf import VcfFacts
from data_modules.ingest.variants.ingest import file_labels
from data_modules.modalities.variants.samples import left_out, owners, several_problem, strangers_problem
from data_modules.patient_ids import PatientIds


def test_columns_that_say_tumour_and_normal() -> None:
    facts = VcfFacts(path="P1.vcf.gz", compression="bgzip", samples=("NORMAL", "TUMOR"))
    pairs = Pairs.of(facts, (), label="P1")
    assert pairs.columns == (None, "P1") and pairs.dropped == ("NORMAL",)
    named = VcfFacts(path="P1.vcf.gz", compression="bgzip", samples=("ONC-1",))
    assert Pairs.of(named, (), label="P1").kept == ("ONC-1",)
    assert Pairs.of(named, (), label="P1", always=True).kept == ("P1",)


def test_labels_of_files() -> None:
    files = [Path("/d/P1.vcf.gz"), Path("/d/P2.somatic.vcf")]
    assert list(file_labels(files).values()) == ["P1", "P2.somatic"]
    folders = [Path("/d/P1/calls.vcf.gz"), Path("/d/P2/calls.vcf.gz")]
    assert list(file_labels(folders).values()) == ["P1/calls", "P2/calls"]


def test_the_patient_in_a_label() -> None:
    labels = ["P1", "P2.strelka", "P3/calls", "P4.P5", "other"]
    found = owners(labels, PatientIds(), labels=labels, known={"P1", "P2", "P3", "P4", "P5"})
    assert (found["P1"], found["P2.strelka"], found["P3/calls"]) == ("P1", "P2", "P3")
    assert found["P4.P5"] == "P4", "the name before the dot"
    assert found["other"] == "other"
    assert owners(["P2.x"], PatientIds(), labels=[], known={"P2"}) == {"P2.x": "P2.x"}, "a column's own name stays"


def test_several_samples_of_a_patient() -> None:
    samples = ["P1-pre", "P1-post", "P2-pre"]
    merged, _ = PatientIds(pattern="^(P[0-9]+)").map(samples)
    (problem,) = several_problem(merged, "somatic", key="k")
    assert "3 somatic samples are of 2 patients; 1 have several (P1: P1-pre, P1-post)" in problem
    assert "k.several_samples=merge" in problem and "k.patient_pattern" in problem
    one, _ = PatientIds(pattern="^(P[0-9]+)-pre$").map(samples)  # the remedy
    assert several_problem(one, "somatic", key="k") == []
    (sentence,) = left_out(samples, one, {"P1"}, key="k")
    assert sentence.startswith("found 3 samples, used 1, left out 2 because 1 belong to nobody by k.patient_pattern")
    assert sentence.endswith("(P1-post); 1 are of nobody whom the cohort's tables name (P2-pre).")


def test_a_sheet_with_time_points(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("sample;who;when\nA;P1;baseline\nB;P1;post_baseline\n")
    sheet = {"file": "s.csv", "key": "sample", "patient": "who", "time": "when"}
    ids = PatientIds(sheet=sheet, root=tmp_path)
    assert ids.check(key="k") == [] and ids.map(["A", "B"]) == ({"A": "P1"}, ["B"])


def test_ids_that_differ_in_letter_case_alone_are_no_matter_of_a_pattern(tmp_path: Path) -> None:
    samples = ["mel-001", "mel-002"]
    said = strangers_problem(samples, {one: one for one in samples}, {"MEL-001", "MEL-002"}, "somatic", key="k")
    assert "patient_pattern" not in said and "e.g. mel-001,MEL-001." in said
    row = said.rpartition("e.g. ")[2].rstrip(".")
    (tmp_path / "samples.csv").write_text(f"sample,patient\n{row}\n")
    sheet = {"file": "samples.csv", "key": "sample", "patient": "patient"}
    assert "sample_sheet: {file: samples.csv, key: sample, patient: patient}" in said
    assert PatientIds(sheet=sheet, root=tmp_path).map(samples) == ({"mel-001": "MEL-001"}, ["mel-002"])
    other = strangers_problem(["Q1"], {"Q1": "Q1"}, {"MEL-001"}, "somatic", key="k")
    assert other.endswith("Set k.patient_pattern or sample_sheet.")
