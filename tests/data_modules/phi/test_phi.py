"""What tells who a patient is, in real files: places are named and identifiers never printed."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pydicom
import pytest
import tifffile
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset

from data_modules.phi.__main__ import main
from data_modules.phi.ids import Ids, dates_in
from data_modules.phi.scan import files_of, scan
from fusion.contract import FusionError


def dicom(path: Path, **tags: str) -> Path:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    one = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    for name, value in tags.items():
        setattr(one, name, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    one.save_as(path)
    return path


def slide(path: Path, said: str, *, label: bool) -> Path:
    """A pyramid's first page and, as Aperio writes it, a page with the label's photograph."""
    pixels = np.full((256, 256, 3), 200, dtype=np.uint8)
    with tifffile.TiffWriter(path) as file:
        file.write(pixels, tile=(128, 128), photometric="rgb", description=said, metadata=None)
        if label:
            file.write(pixels[:64, :32], photometric="rgb", description="Aperio\nlabel 32x64", metadata=None)
    return path


def told(root: Path, *known: str) -> set[tuple[str, str, str]]:
    return {(one.place, one.where, one.weight) for one in scan(root, Ids(known=known)).findings}


def test_dicom_tags_that_name_people_places_numbers_and_days(tmp_path: Path) -> None:
    inner = Dataset()
    inner.RequestedProcedureID = "R-77"
    path = dicom(
        tmp_path / "a.dcm", PatientName="Doe^Jane", PatientID="MRN12345", StudyDate="20210304", InstitutionName="St. X",
        PatientComments="fell", BurnedInAnnotation="YES", Modality="MR", PatientBirthDate="",
    )  # fmt: skip
    one = pydicom.dcmread(path)
    one.RequestAttributesSequence = [inner]
    one.private_block(0x0043, "MAKER", create=True).add_new(1, "LO", "anything")
    one.save_as(path)
    found = {(where, weight) for _, where, weight in told(tmp_path)}
    assert found == {
        ("PatientName", "identifies"), ("PatientID", "identifies"), ("StudyDate", "identifies"),
        ("InstitutionName", "identifies"), ("PatientComments", "look"), ("BurnedInAnnotation", "identifies"),
        ("RequestedProcedureID", "identifies"), ("2 private tags", "look"),
    }  # fmt: skip


def test_a_pseudonym_in_a_file_that_says_it_was_stripped_passes(tmp_path: Path) -> None:
    dicom(tmp_path / "a.dcm", PatientID="SUBJ-7", PatientIdentityRemoved="YES", PatientName="ANONYMIZED")
    assert told(tmp_path) == set()
    dicom(tmp_path / "a.dcm", PatientID="SUBJ-7", PatientName="ANONYMIZED")
    assert told(tmp_path) == {("a.dcm", "PatientID", "identifies")}
    dicom(tmp_path / "a.dcm", ImageType="ORIGINAL\\PRIMARY\\LABEL\\NONE")
    assert told(tmp_path) == {("a.dcm", "ImageType", "identifies")}


def test_labels_and_notes_of_slides(tmp_path: Path) -> None:
    said = "Aperio Image Library v1\n256x256 |AppMag = 20|MPP = 0.5|User = Dr House|Date = 03/04/21|Filename = S21-9"
    slide(tmp_path / "a.svs", said, label=True)
    slide(tmp_path / "b.svs", "Aperio Image Library v1\n256x256 |AppMag = 20|MPP = 0.5", label=False)
    found = told(tmp_path)
    assert {place for place, _, _ in found} == {"a.svs"}
    kinds = {where.replace("page 0.", "aperio."): weight for _, where, weight in found}
    assert kinds == {
        "picture label": "identifies", "property aperio.User": "identifies", "property aperio.Date": "identifies",
        "property aperio.Filename": "look",
    }  # fmt: skip


def test_ids_in_names_and_texts_as_words_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "TCGA-AB-0001.csv").write_text("a,b\n")
    (tmp_path / "page.html").write_text("<p>TCGA-AB-0001 and TCGA-AB-0002</p>")
    (tmp_path / "other.md").write_text("XTCGA-AB-0001 TCGA-AB-00012 TCGA-AB-000")
    (tmp_path / "scan_2021-03-04.txt").write_text("nothing")
    (tmp_path / "picture.png").write_bytes(b"TCGA-AB-0001")  # pixels are not read as text
    with gzip.open(tmp_path / "calls.vcf.gz", "wt") as file:
        file.write("#CHROM\tPOS\tTCGA-AB-0002\n")
    assert told(tmp_path, "TCGA-AB-0001", "TCGA-AB-0002", "P1") == {
        ("‹id of row 1›.csv", "its name", "identifies"), ("page.html", "its text", "identifies"),
        ("calls.vcf.gz", "its text", "identifies"), ("scan_‹date›.txt", "its name", "look"),
    }  # fmt: skip
    assert scan(tmp_path, Ids(known=["P1", "LONG-1"])).unsearched == 1


def test_nothing_that_was_found_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not ids of the table, not what tags say, also where they stand in names of other files."""
    dicom(tmp_path / "x" / "MRN12345_doe.dcm", PatientName="DOE^Jane", PatientID="MRN12345")
    (tmp_path / "x" / "MRN12345.txt").write_text("TCGA-AB-0001")
    (tmp_path / "ids.csv").write_text("patient_id\nTCGA-AB-0001\n")
    for more in ([], ["--json"]):
        assert main([str(tmp_path / "x"), "--ids", str(tmp_path / "ids.csv"), *more]) == 3
        out = capsys.readouterr().out
        assert not [one for one in ("MRN12345", "Jane", "TCGA-AB-0001") if one in out]
        assert "doe" not in out.lower()  # three letters, another case
        assert "PatientName" in out and "‹hidden›" in out
    assert {one["where"] for one in json.loads(out)["findings"]} == {"PatientName", "PatientID", "its text"}


def test_a_run_folder_is_looked_at_where_it_leaves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "figures").mkdir()
    for name, text in {
        "run.json": "{}", "cohort.csv": "patient_id,kept\nP-0001,True\n", "report.html": "<p>120 patients</p>",
        "figures/roc.svg": "<svg/>", "predictions.csv": "P-0001",
    }.items():  # fmt: skip
        (tmp_path / name).write_text(text)
    assert [one.name for one in files_of(tmp_path)] == ["report.html", "roc.svg"]
    assert main([str(tmp_path)]) == 0
    assert "nothing found that identifies a patient: 2 files, 1 ids searched for" in capsys.readouterr().out
    (tmp_path / "figures" / "roc.svg").write_text("<svg><!-- P-0001 --></svg>")
    assert main([str(tmp_path)]) == 3
    assert "figures/roc.svg: its text: 1 different ids" in capsys.readouterr().out


def test_what_cannot_be_looked_into_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "broken.svs").write_bytes(b"II*\0 no slide at all")
    assert main([str(tmp_path)]) == 0
    assert "not looked into  broken.svs: it cannot be read as a slide" in capsys.readouterr().out
    assert main([str(tmp_path / "nowhere")]) == 2
    assert "no such file or folder" in capsys.readouterr().err
    (tmp_path / "ids.csv").write_text("name\nx\n")
    assert main([str(tmp_path), "--ids", str(tmp_path / "ids.csv")]) == 2
    assert "no column 'patient_id'. It has name" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    with pytest.raises(FusionError, match="holds no file"):
        files_of(tmp_path / "empty")


def test_days_and_what_only_looks_like_one() -> None:
    assert dates_in("a_20210304_b 2021-03-04 1999.12.31") == 3
    assert dates_in("120210304 20211304 2021-03 12345678") == 0
