"""Slides, tile features, volumes, MAF and segments in a folder: what is drafted of them is what their readers take."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import h5py
import nibabel
import numpy as np
import pandas as pd
import pytest
import tifffile
import yaml

from data_modules.drafting.draft import draft_folder
from data_modules.drafting.look import look_at
from data_modules.drafting.pictures import Series, sequences_of, volume_patterns
from data_modules.files import list_files
from data_modules.ingest.volumes.find import find_all
from fusion.config.check import check_command
from tests.helpers.volumes import ball, series

PATIENTS = [f"PT-{at:03}" for at in range(1, 7)]


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = tmp_path_factory.mktemp("files")
    frame = pd.DataFrame({"patient": PATIENTS, "age": range(6), "response": ["CR", "PD"] * 3})
    frame.to_csv(root / "clinical.csv", index=False)
    for folder in ("slides", "features", "mri"):
        (root / folder).mkdir()
    for one in PATIENTS:
        pixels = np.zeros((64, 64, 3), dtype=np.uint8)
        tifffile.imwrite(root / "slides" / f"{one}_HE.tif", pixels, tile=(32, 32), photometric="rgb")
        with h5py.File(root / "features" / f"{one}.h5", "w") as file:
            file["features"] = np.zeros((3, 8), dtype=np.float32)
            file["coords"] = np.zeros((3, 2), dtype=np.int64)
        for name in ("t1_pre", "t1_post", "mask"):
            image: Any = nibabel.Nifti1Image(np.zeros((2, 2, 2), dtype=np.float32), np.eye(4))
            nibabel.save(image, root / "mri" / f"{one}_{name}.nii.gz")
    maf = pd.DataFrame({"Hugo_Symbol": "TP53", "Tumor_Sample_Barcode": [f"{one}-01" for one in PATIENTS]})
    maf.assign(Variant_Classification="Missense_Mutation", NCBI_Build="hg19").to_csv(
        root / "m.maf", sep="\t", index=False
    )
    seg = pd.DataFrame({"ID": PATIENTS, "chrom": "1", "loc.start": 1, "loc.end": 9, "seg.mean": 0.5})
    seg.to_csv(root / "cnv.seg", sep="\t", index=False)
    return draft_folder(str(root), name="mine", config_dir="my_conf", progress=lambda *step: None).text


@pytest.mark.parametrize(
    ("names", "dicom", "others", "patterns"),
    [
        (["mri/P1.nii.gz"], ["ct/P1/1.dcm"], ["he/P1.svs"], ("mri", "ct")),  # few folders, and nothing else in them
        ([], ["P1/1.dcm", "P2/1.dcm", "P3/1.dcm", "P4/1.dcm"], [], ("**/*.dcm",)),  # a folder a patient
        ([], ["1.IMA"], [], ("**/*.IMA",)),  # in no folder
        (["data/mri/P1.nii.gz"], [], ["data/he/P1.svs"], ("data/mri/*.nii.gz",)),
        ([], ["data/ct/P1/IM1", "data/ct/P2/IM1"], ["data/he/P1.svs"], ("data/ct/*/*",)),
        ([], ["P1/1/IM1", "P2/1/IM1", "P2/IM1", "IM1"], [], ("*", "P2/*", "*/*/*")),
        (["P1.nii"], ["ct/P2/1.2.840"], [], ("*.nii", "ct/P2/*")),  # none is lost
    ],
)
def test_what_names_volumes(
    names: list[str], dicom: list[str], others: list[str], patterns: tuple[str, ...], tmp_path: Path
) -> None:
    """Every volume, and no file of another kind, as the modality lists them."""
    assert volume_patterns(names, dicom, others) == patterns
    for name in (*names, *dicom, *others):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    listing = list_files(tmp_path, list(patterns), folders=True)
    assert sorted(path.relative_to(tmp_path).as_posix() for path in listing.found) == sorted([*names, *dicom])
    assert not listing.empty


def test_each_kind_is_declared_with_what_its_files_say(text: str) -> None:
    content = yaml.safe_load(text)
    held = content["modality"]
    assert held["slides"] == {"files": "slides/*.tif", "mpp": "???", "patient_pattern": r"^(PT-\d{3})"}
    assert "does not say its microns per pixel" in text
    assert held["tile_features"] == {"files": "features/*.h5"}
    assert "8 features a tile, by an encoder that it does not name" in text
    assert held["volumes"]["sequences"] == {
        "t1_pre": {"match": "t1_pre\\.", "time": "???", "intensity": "mr"},
        "t1_post": {"match": "t1_post\\.", "time": "???", "intensity": "mr"},
    }
    assert "# mask_mask:" in text
    assert held["mutations"] == {"files": "m.maf", "patient_pattern": r"^(PT-\d{3})"}
    assert held["copy_number"]["columns"]["log2"] == "seg.mean"
    assert (content["cohort"]["build"], content["cohort"]["absent_is"]) == ("GRCh37", "reference")


def test_filled_in_it_is_a_configuration_that_train_takes(text: str, tmp_path: Path) -> None:
    (tmp_path / "cohort").mkdir()
    filled = re.sub(r"time: '\?\?\?'", "time: baseline", text)
    filled = filled.replace("positive: '???', negative: '???'", "positive: [CR], negative: [PD]")
    filled = filled.replace("mpp: '???'", "mpp: 0.5")
    (tmp_path / "cohort" / "mine.yaml").write_text(filled, encoding="utf-8")
    assert check_command(["cohort=mine"], "train", tmp_path, multirun=False) == ["cohort=mine"]


def test_sequences_by_what_is_left_of_names_and_by_descriptions() -> None:
    series = [Series(folder="d/1", patient="A", description="T1 FS PRE", modality="MR")] * 2
    found = sequences_of(["v/A_ct.nii", "v/B_ct.nii"], "^([AB])", series)
    assert found == {
        "ct": (r"ct\.", "ct", "2 files end so"),
        "t1_fs_pre": (r"T1\ FS\ PRE(/[\d.]+)?$", "mr", "2 DICOM folders, MR"),
    }
    assert sequences_of(["p1/scan.nii"], "(p1)", [])["scan"][1] == "???"
    assert list(sequences_of(["v/A_0000.nii", "v/A_0001.nii"], "^([AB])", [])) == ["volume_0000", "volume_0001"]


def test_a_series_that_was_taken_twice_is_met_by_what_is_drafted(tmp_path: Path) -> None:
    """Its two have a number behind their name: left aside, the patient would have lost their scan."""
    for number in (3, 5):
        series(tmp_path / f"P1/{number}", ball(seed=number), description="T1 POST", number=number)
    match, _, _ = sequences_of([], None, [Series(folder="P1/3", patient="P1", description="T1 POST", modality="MR")])[
        "t1_post"
    ]
    names = [one.name for one in find_all(tmp_path, ".").volumes]
    assert names == ["P1/3/P1/T1 POST", "P1/5/P1/T1 POST"] and all(re.search(match, name) for name in names)
    series(tmp_path / "P2", ball(seed=1), description="T1 POST", number=7)
    series(tmp_path / "P2", ball(seed=2), description="T1 POST", number=8, start=20)
    names = [one.name for one in find_all(tmp_path, "P2").volumes]
    assert names == ["P2/P1/T1 POST/7", "P2/P1/T1 POST/8"] and all(re.search(match, name) for name in names)
    assert not re.search(match, "P2/P1/T1 POST SUB")


@pytest.mark.parametrize("ids", ["the same", "new", "none"])
def test_anonymised_scans_in_folders_of_patients(tmp_path: Path, ids: str) -> None:
    """PatientID tells nothing then; the folder does, and the pattern reads it as ingest will."""
    rows = []
    for number in range(1, 5):
        code = {"the same": "ANON", "new": f"X{number * 37}", "none": ""}[ids]
        series(tmp_path / f"scans/P{number:02d}/t1", ball(), patient=code)
        rows.append(f"P{number:02d},{'CR' if number % 2 else 'PD'}\n")
    (tmp_path / "clinical.csv").write_text("patient_id,response\n" + "".join(rows))
    (source,) = look_at(tmp_path, name="mine", told=lambda step, done, total: None).sources
    assert source.kind == "volumes" and sorted(source.join.patients) == ["P01", "P02", "P03", "P04"]
    assert source.join.pattern == r"(?<![A-Za-z0-9])(P\d{2})(?![0-9])" and source.patterns == ("scans",)
