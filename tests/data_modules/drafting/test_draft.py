"""A folder of one's own, drafted: what the YAML says, what it leaves open, what is refused."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml

from data_modules.drafting import listing, tables
from data_modules.drafting.draft import Draft, draft_folder
from data_modules.drafting.listing import list_folder
from data_modules.readers import tables as readers
from fusion.contract import FusionError

PATIENTS = [f"PT-{at:03}" for at in range(1, 21)]
VCF = (
    "##fileformat=VCFv4.2\n##reference=GRCh38\n##contig=<ID=chr1,length=248956422>\n"
    '##INFO=<ID=GENE,Number=1,Type=String,Description="gene">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{samples}\n"
)


def drafted(folder: Path, **given: object) -> Draft:
    return draft_folder(str(folder), name="mine", config_dir="my_conf", progress=lambda *step: None, **given)  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "files"
    root.mkdir()
    clinical = pd.DataFrame({"patient": PATIENTS, "age_years": range(40, 60), "grade": ["G1", "G2", "G3", "G2"] * 5})
    clinical = clinical.assign(best_response=["CR", "SD"] * 10, cycles_received=[4, 6] * 10)
    clinical.to_csv(root / "clinical.csv", sep=";", index=False)
    scores = pd.DataFrame({"sample": [f"{one}_T1" for one in PATIENTS[:15]]}).assign(immune=range(15), tmb=range(15))
    scores.to_csv(root / "scores.tsv", sep="\t", index=False)
    (root / "variants").mkdir()
    text = VCF.format(samples="\t".join(f"{one}_T1" for one in PATIENTS[:12]))
    (root / "variants" / "somatic.vcf").write_text(text)
    (root / "readme.md").write_text("of no use")
    return root


def test_a_draft_says_what_is_there_and_leaves_times_and_classes_open(folder: Path) -> None:
    made = drafted(folder)
    content = yaml.safe_load(made.text)
    cohort = content["cohort"]
    assert content["defaults"] == [
        {"/modality@modality.clinical": "table"},
        {"/modality@modality.scores": "table"},
        {"/modality@modality.variants": "variants"},
    ]
    clinical, scores = cohort["tables"]["clinical"], cohort["tables"]["scores"]
    assert clinical["time"] == "???", "asked once for the columns whose names are often of baseline"
    assert clinical["columns"] == {
        "age_years": {"kind": "number", "unit": "years"},
        "grade": {"kind": "ordered", "levels": ["G1", "G2", "G3"]},
        "best_response": {"time": "outcome"},
        "cycles_received": {"time": "post_baseline", "kind": "number"},
    }
    assert "separated by semicolon" in made.text
    assert (scores["id"], scores["id_pattern"], scores["time"]) == ("sample", r"^(PT-\d{3})", "???")
    assert scores["columns"] == {"immune": {"kind": "number"}, "tmb": {"kind": "number"}}
    assert cohort["endpoints"] == {
        "best_response": {"table": "clinical", "column": "best_response", "positive": "???", "negative": "???"}
    }
    assert "positive: [CR], negative: [SD]?; CR (10), SD (10)" in made.text
    assert (cohort["build"], cohort["absent_is"]) == ("GRCh38", "unknown")
    variants = content["modality"]["variants"]
    assert variants["files"] == [{"path": "variants/somatic.vcf", "origin": "somatic"}]
    assert (variants["patient_pattern"], variants["annotation"]) == (r"^(PT-\d{3})", {"format": "info", "gene": "GENE"})
    assert (made.open, made.waiting) == (4, 0)
    assert "readme.md: a text" in made.text
    assert "20 patients would be kept" in made.text


def test_what_is_answered_takes_the_place_of_what_was_open(folder: Path) -> None:
    answers = iter(["b", "x", "CR", "SD"])
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return next(answers)

    made = drafted(folder, ask=ask)
    whole = yaml.safe_load(made.text)
    content = whole["cohort"]
    assert made.open == 0
    assert content["tables"]["clinical"]["time"] == "baseline"
    assert "scores" not in content["tables"] and "scores" not in whole["modality"], "x: it is not read"
    assert content["endpoints"]["best_response"]["positive"] == ["CR"]
    assert asked[0].startswith("clinical.time (when was this known, 2 columns without a time below?")
    assert asked[1].startswith("scores.time")
    assert asked[2].startswith("endpoints.best_response")


def test_files_that_differ_about_the_same_patients_are_told_and_read_from_neither(folder: Path) -> None:
    other = pd.DataFrame({"patient": PATIENTS, "grade": ["G1"] * 10 + ["G2", "G3"] * 5, "age_years": range(40, 60)})
    other.assign(ki67=range(20)).to_csv(folder / "second.csv", index=False)
    made = drafted(folder)
    held = yaml.safe_load(made.text)["cohort"]["tables"]
    assert "grade" not in held["clinical"]["columns"] and "grade" not in held["second"]["columns"]
    assert "grade differs between" in made.text and "PT-002: G1, G2" in made.text.replace("G2, G1", "G1, G2")
    assert sum("age_years" in table["columns"] for table in held.values()) == 1, "the same values are read once"


def test_several_rows_a_patient_and_files_of_other_patients_are_left_out(folder: Path) -> None:
    pd.DataFrame({"patient": PATIENTS[:5] * 2, "dose": range(10)}).to_csv(folder / "drugs.csv", index=False)
    pd.DataFrame({"patient": [f"Z{at}" for at in range(9)], "x": range(9)}).to_csv(folder / "other.csv", index=False)
    made = drafted(folder)
    assert set(yaml.safe_load(made.text)["cohort"]["tables"]) == {"clinical", "scores"}
    assert "5 patients with several rows" in made.text
    assert "its ids fit no other file's (e.g. Z0)" in made.text


def test_folds_of_others_are_no_input(folder: Path) -> None:
    pd.DataFrame({"patient": PATIENTS, "fold": [1, 2, 3, 4] * 5}).to_csv(folder / "folds.csv", index=False)
    made = drafted(folder)
    assert "folds" not in yaml.safe_load(made.text)["cohort"]["tables"]
    assert "folds.csv: nothing in it to learn from (fold: folds of a cross-validation" in made.text


def test_shares_that_are_alone_raise_the_tolerated_one(folder: Path) -> None:
    more = pd.DataFrame({"patient": [*PATIENTS, *(f"PT-9{at:02}" for at in range(20))], "x": range(40)})
    more.to_csv(folder / "more.csv", index=False)
    assert yaml.safe_load(drafted(folder).text)["cohort"]["max_unmatched"] == 0.5


def test_of_a_large_table_the_first_columns_are_looked_at(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways round; of the others the names tell what is of a later time, and a header who the patients are."""
    wide = pd.DataFrame({f"g{at}": range(20) for at in range(150)}).assign(os_months=range(20), g150=range(20))
    wide.insert(0, "patient", PATIENTS)
    wide.to_csv(folder / "wide.csv", index=False)
    turned = pd.DataFrame(0.5, index=pd.Index([f"g{at}" for at in range(200)], name="gene"), columns=PATIENTS)
    turned = turned.assign(**{f"PT-{at}": 0.5 for at in range(300, 315)})
    turned[[*turned.columns[20:], *PATIENTS]].to_csv(folder / "turned.csv")
    whole = drafted(folder).text
    monkeypatch.setattr(tables, "MOST_CELLS", 20 * 110)
    monkeypatch.setattr(readers, "FEWEST", 10)
    text = drafted(folder).text
    assert yaml.safe_load(text)["modality"] == yaml.safe_load(whole)["modality"]
    assert yaml.safe_load(text)["modality"]["wide"]["exclude"] == ["os_months"]
    assert "time: '???'  # when its 151 numbers were known" in text
    assert "file: wide.csv  # the first 110 of its 153 columns were looked at" in text
    assert "file: turned.csv  # the first 11 of its 36 columns were looked at" in text
    assert "columns were looked at" not in whole


def test_a_wide_table_and_one_with_patients_in_columns_become_features(folder: Path) -> None:
    wide = pd.DataFrame({f"g{at}": range(20) for at in range(70)}).assign(os_months=1.5 * pd.Series(range(20)))
    wide.insert(0, "patient", PATIENTS)
    wide.to_csv(folder / "wide.csv", index=False)
    turned = pd.DataFrame({one: [1.5, 2.5] for one in PATIENTS}, index=pd.Index(["A", "B"], name="gene"))
    turned.to_csv(folder / "turned.csv")
    content = yaml.safe_load(drafted(folder).text)
    assert content["modality"]["wide"] == {
        "file": "wide.csv", "id": "patient", "time": "???", "exclude": ["os_months"],
    }  # fmt: skip
    assert content["modality"]["turned"] == {"file": "turned.csv", "id": "gene", "transpose": True, "time": "???"}


def test_another_encoding_is_declared(folder: Path) -> None:
    pd.DataFrame({"patient": PATIENTS, "hôpital": ["Nîmes", "Sète"] * 10}).to_csv(
        folder / "sites.csv", index=False, encoding="cp1252"
    )
    assert yaml.safe_load(drafted(folder).text)["cohort"]["tables"]["sites"]["encoding"] == "cp1252"


def test_folders_that_cannot_be_drafted(tmp_path: Path) -> None:
    with pytest.raises(FusionError, match="no such folder"):
        drafted(tmp_path / "absent")
    with pytest.raises(FusionError, match="holds no file"):
        drafted(tmp_path)
    (tmp_path / "a.txt").write_text("only words\nand more words\n")
    (tmp_path / "b.txt").write_text("")
    (tmp_path / "c.txt").write_text("")
    with pytest.raises(FusionError, match=r"no table names patients.* Left out: a.txt: .*; b.txt and 1 more: is empty"):
        drafted(tmp_path)
    (tmp_path / "a.csv").write_text("patient,age\nP1,50\nP2,51\nP3,52\n")
    (tmp_path / "b.csv").write_text("patient,x\nQ-1,5\nQ-2,6\nQ-3,7\n")
    with pytest.raises(FusionError, match=r"no two files share patients.*'P1' in a.csv, 'Q-1' in b.csv"):
        drafted(tmp_path)


def test_a_file_that_cannot_be_read_is_told(folder: Path) -> None:
    (folder / "broken.csv.gz").write_bytes(b"\x1f\x8b\x08\x00broken")
    (folder / "old.xls").write_bytes(b"\xd0\xcf\x11\xe0" + b"\0" * 600)
    text = drafted(folder).text
    assert "broken.csv.gz: its gzip data are cut or damaged" in text
    assert "old.xls: is an old Excel workbook" in text


def test_files_that_nobody_can_read_are_told_and_none_is_waited_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(folder / "pipe.csv")
    (folder / "link.csv").symlink_to(folder / "absent")
    (folder / "bytes.csv").write_bytes(b"patient,{a}\x81\x0c\x1b}\n")
    (folder / "closed").mkdir()
    there = os.scandir

    def scandir(path: str) -> object:
        if str(path).endswith("closed"):  # root looks into folders whose mode says no
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return there(path)

    monkeypatch.setattr(os, "scandir", scandir)
    text = drafted(folder).text
    assert "#   pipe.csv: a pipe, socket or device\n" in text
    assert "#   link.csv: a link to nothing\n" in text
    assert "#   closed: a folder that cannot be looked into (Permission denied)\n" in text
    assert "#   bytes.csv: line 1: byte 0x81 is no UTF-8 (… patient,{a}\N{REPLACEMENT CHARACTER}" in text
    assert yaml.safe_load(text)["cohort"]["tables"].keys() == {"clinical", "scores"}


def test_names_with_line_breaks_end_no_comment_and_no_value(folder: Path) -> None:
    rows = "".join(f"{patient},{at},{at}\n" for at, patient in enumerate(PATIENTS))
    (folder / "a\nmodality: {}\n#.csv").write_text('patient,"tumour\nsize",{x}\x07\n' + rows)
    (folder / "b\nmodality: {}\n#.csv").write_text("patient,{y},{y}\n" + rows)
    text = drafted(folder).text
    read = yaml.safe_load(text)
    assert list(read["modality"]) == ["a_modality", "clinical", "scores", "variants"]
    assert list(read["cohort"]["tables"]["a_modality"]["columns"]) == ["tumour\nsize", "{x}\x07"]
    assert "#   b modality: {} #.csv: line 1: column '{y}' stands twice in the header" in text


def test_many_files_are_bounded_and_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MOST_FILES", 3)
    found = list_folder(folder)
    assert len(found.files) == 3
    assert "more than 3 files" in found.notes[0]
    monkeypatch.setattr(listing, "MOST_FILES", 1000)
    monkeypatch.setattr(listing, "MOST_OPENED", 1)
    for name in ("x", "y", "z"):
        (folder / name).write_text("a,b\n1,2\n")
    found = list_folder(folder)
    assert "Of 2 files the ending alone says nothing" in found.notes[0]
    monkeypatch.setattr(tables, "MOST_TABLES", 1)
    assert "tables are read at most" in drafted(folder).text
    monkeypatch.setattr(listing, "MOST_FILES", 1)
    (folder / "a.txt").write_text("a text")
    with pytest.raises(FusionError, match=r"no table names patients.* more than 1 files"):
        drafted(folder)


def test_one_file_a_patient_is_told_and_the_tables_beside_are_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "a").mkdir()
    for at, patient in enumerate(PATIENTS):
        (folder / "a" / f"{patient}.tsv").write_text(f"gene\tcount\nTP53\t{at}\nATM\t{at + 1}\nBRCA1\t3\n")
    monkeypatch.setattr(tables, "MOST_TABLES", 2)
    text = drafted(folder).text
    assert yaml.safe_load(text)["cohort"]["tables"].keys() == {"clinical", "scores"}
    assert (
        "#   a/PT-001.tsv and 19 more: one file a patient? The first three have the same columns and rows (TP53,"
        in text
    )
    (folder / "a" / "PT-003.tsv").write_text("gene\tcount\nTP53\t3\nCDH1\t1\nBRCA1\t3\n")
    assert "one file a patient?" not in (other := drafted(folder).text)
    assert "#   a/PT-001.tsv and 19 more: not looked at: 2 tables are read at most" in other, (
        "those that stand alone first"
    )
    for at in range(20):  # files of markers, each with a row a patient: no file a patient
        (folder / "a" / f"PT-{at + 1:03}.tsv").write_text("patient\tcount\nPT-001\t1\nPT-002\t2\n")
    assert "one file a patient?" not in drafted(folder).text


def test_a_link_back_ends(folder: Path) -> None:
    (folder / "variants" / "back").symlink_to(folder)
    begin = time.perf_counter()
    assert len(list_folder(folder).files) == 4
    assert time.perf_counter() - begin < 5


def test_a_time_and_its_event_become_survival(folder: Path) -> None:
    (folder / "clinical.csv").unlink()
    outcome = pd.DataFrame(
        {"patient": PATIENTS, "OS.months": [1.5 * at + 1 for at in range(20)], "os_event": [0, 1] * 10}
    )
    outcome.assign(pfs_months=range(1, 21), vital_status=["Alive", "Dead"] * 10).to_csv(folder / "out.csv", index=False)
    made = drafted(folder)
    assert yaml.safe_load(made.text)["cohort"]["endpoints"] == {
        "os_event": {
            "kind": "survival", "table": "out", "time": "OS.months", "event": "os_event", "event_values": "???",
            "censored_values": "???", "unit": "months",
        }
    }  # fmt: skip
    assert "# vital_status: {table: out" in made.text
    answers = iter(["b", "1", "0"])
    filled = drafted(folder, ask=lambda question: next(answers)).text
    assert yaml.safe_load(filled)["cohort"]["endpoints"]["os_event"]["event_values"] == [1]
