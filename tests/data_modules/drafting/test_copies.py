"""The same volumes as NIfTI and as DICOM series are drafted once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from data_modules.drafting.draft import Draft, draft_folder
from data_modules.sources.simulated_mri.files import store_as, write_nifti, write_series

PATIENTS = [f"PT-{at:03}" for at in range(1, 5)]
AFFINE = np.array([[1.5, 0, 0, -20], [0, 1.0, 0, 7], [0, 0, 3.0, 40], [0, 0, 0, 1]])


def voxels(patient: str, name: str) -> Any:
    """A volume (8, 6, 4) of its own; after contrast it is that before, and brighter in places."""
    rng = np.random.default_rng(PATIENTS.index(patient))
    before, lesion = rng.uniform(100, 900, (8, 6, 4)), rng.uniform(0, 400, (8, 6, 4))
    return (before if name == "pre" else before + lesion).astype(np.float32)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    frame = pd.DataFrame({"patient": PATIENTS, "age": range(4), "response": ["CR", "PD"] * 2})
    frame.to_csv(tmp_path / "clinical.csv", index=False)
    for patient in PATIENTS:
        for name in ("pre", "post"):
            nifti(tmp_path, patient, name)
    return tmp_path


def nifti(root: Path, patient: str, name: str) -> None:
    stored = store_as(voxels(patient, name), AFFINE, "LAS")
    write_nifti(root / "scans" / f"{patient}_t1_{name}.nii.gz", stored)


def dicom(root: Path, patient: str, name: str, slope: float = 1.0) -> None:
    stored = store_as(voxels(patient, name), AFFINE, "PIR")
    folder = root / "scans" / patient / name
    write_series(folder, stored, patient=patient, description=f"AX {name}", number=1, start=1, slope=slope)


def drafted(root: Path) -> tuple[Draft, dict[str, Any]]:
    made = draft_folder(str(root), name="mine", config_dir="my_conf", progress=lambda *step: None)
    return made, yaml.safe_load(made.text)["modality"]["volumes"]["sequences"]


def test_a_series_with_the_voxels_of_a_file_is_left_out_with_its_reason(root: Path) -> None:
    for patient in PATIENTS:
        dicom(root, patient, "post")
    made, sequences = drafted(root)
    assert set(sequences) == {"t1_pre", "t1_post"}, "axes and rounding aside they are the same"
    why = "left out: the volumes of t1_post once more, as DICOM: the same voxels in 2 patients compared"
    assert f"# ax_post: {{match: 'AX\\ post(/[\\d.]+)?$', time: '???', intensity: mr}}  # {why}\n" in made.text


def test_another_series_of_the_same_grid_stays(root: Path) -> None:
    for patient in PATIENTS:
        (root / "scans" / f"{patient}_t1_pre.nii.gz").unlink()
        dicom(root, patient, "pre")
    assert set(drafted(root)[1]) == {"t1_post", "ax_pre"}


def test_what_more_patients_have_stays_and_who_has_the_other_alone_is_counted(root: Path) -> None:
    for patient in PATIENTS[1:]:
        (root / "scans" / f"{patient}_t1_post.nii.gz").unlink()
    for patient in PATIENTS[:3]:
        dicom(root, patient, "post", slope=0.5)
    made, sequences = drafted(root)
    assert set(sequences) == {"t1_pre", "ax_post"}
    assert (
        "the volumes of ax_post once more, as NIfTI, NRRD or MetaImage: the same voxels in 1 patient compared"
        in made.text
    )
    for patient in PATIENTS[1:]:
        nifti(root, patient, "post")
    (root / "scans" / "PT-001_t1_post.nii.gz").unlink()
    assert "in 2 patients compared; 1 patient only here" in drafted(root)[0].text


def test_files_named_by_the_patient_alone_do_not_match_series(root: Path) -> None:
    for patient in PATIENTS:
        (root / "scans" / f"{patient}_t1_pre.nii.gz").unlink()
        (root / "scans" / f"{patient}_t1_post.nii.gz").rename(root / "scans" / f"{patient}.nii.gz")
        dicom(root, patient, "post")
    sequences = drafted(root)[1]
    assert sequences == {"volume": {"match": r"\.(nii|nrrd|nhdr|mha|mhd)", "time": "???", "intensity": "???"}}
