"""The simulated MRI cohort: real formats, right places, no truth in it, the same bytes for a seed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pandas as pd
import pydicom
import pytest

from data_modules.ingest.volumes.find import find_all
from data_modules.ingest.volumes.read import read_volume
from data_modules.sources.simulated.source import truth_folder
from data_modules.sources.simulated_mri import SimulatedMri, write_cohort
from data_modules.sources.simulated_mri.cohort import draw
from data_modules.sources.simulated_mri.design import NEGATIVE, PREVALENCE
from fusion.contract import FusionError
from tests.helpers.simulated import assert_as_recorded, assert_same_bytes, content

Recorded = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mri") / "cohort"
    write_cohort(folder, patients=16, seed=3, workers=1)
    return folder


def test_same_settings_write_the_same_bytes_whatever_the_workers(root: Path, tmp_path: Path) -> None:
    assert_same_bytes(root, write_cohort, tmp_path / "again")


def test_the_cohort_of_a_seed_is_what_it_was_when_results_were_published(root: Path, recorded: Recorded) -> None:
    assert_as_recorded(content(root), recorded["simulated_mri"])
    assert_as_recorded(content(truth_folder(root)), recorded["simulated_mri.truth"])


def test_everything_is_stamped_and_no_id_is_a_barcode(root: Path) -> None:
    stamp = json.loads((root / "SIMULATED.json").read_text())
    assert stamp["generator"] == "data_modules.sources.simulated_mri"
    assert (stamp["seed"], stamp["patients"]) == (3, 16)
    assert SimulatedMri(patients=16, seed=3).matches(root)
    assert not SimulatedMri(patients=16, seed=4).matches(root)
    clinical = pd.read_csv(root / "clinical.tsv", sep="\t")
    assert clinical["case_submitter_id"].str.fullmatch(r"SIM-MR-\d{4}").all()
    one = pydicom.dcmread(next(root.rglob("*.dcm")))
    assert "SIMULATED" in one.ImageComments
    assert b"SIMULATED" in bytes(nibabel.load(next(root.rglob("*.nii.gz"))).header["descrip"])


def test_volumes_open_without_a_problem_in_both_formats(root: Path) -> None:
    found = find_all(root, "volumes").volumes
    assert {file.kind for file in found} == {"nifti", "dicom"}
    inputs = [file for file in found if "LOCALIZER" not in file.name]
    assert [file.problem for file in inputs] == [None] * len(inputs)
    orientations = {"".join(nibabel.aff2axcodes(read_volume(file).affine)) for file in inputs}
    assert len(orientations) >= 3


def test_the_true_lesion_lies_where_the_contrast_goes(root: Path) -> None:
    """In millimetres, through each format's own geometry: after contrast the lesion's rim is the brightest there is."""
    found = {
        file.name: file for file in find_all(root, "volumes").volumes if "POST" in file.name or "t1_post" in file.name
    }
    checked = set()
    for name, file in found.items():
        patient = name.split("/")[1]
        lesion = nibabel.load(truth_folder(root) / "lesions" / f"{patient}.nii.gz")
        volume = read_volume(file)
        places = np.argwhere(lesion.get_fdata() > 0.5)
        world = nibabel.affines.apply_affine(lesion.affine, places)
        index = np.rint(nibabel.affines.apply_affine(np.linalg.inv(volume.affine), world)).astype(int)
        inside = volume.values[tuple(index.T)]
        assert np.percentile(inside, 90) > 1.25 * np.percentile(volume.values[volume.values > 0], 95)
        checked.add(file.kind)
    assert checked == {"nifti", "dicom"}


def test_a_rim_is_darker_inside_and_a_solid_lesion_is_not(root: Path) -> None:
    truth = pd.read_parquet(truth_folder(root) / "truth.parquet").set_index("patient_id")
    found = {"rim": [], "solid": []}  # type: dict[str, list[float]]
    for path in root.rglob("t1_post.nii.gz"):
        patient = path.parent.name
        lesion = nibabel.load(truth_folder(root) / "lesions" / f"{patient}.nii.gz")
        post = nibabel.as_closest_canonical(nibabel.load(path)).get_fdata()
        mask = lesion.get_fdata() > 0.5
        from scipy.ndimage import distance_transform_edt

        depth = distance_transform_edt(mask, sampling=lesion.header.get_zooms())
        core, rim = depth > 0.6 * depth.max(), mask & (depth < 0.3 * depth.max())
        kind = "rim" if truth.loc[patient, "rim_enhancement"] else "solid"
        found[kind].append(float(post[core].mean() / post[rim].mean()))
    assert max(found["rim"]) < min(found["solid"])


def test_some_lack_volumes_and_some_a_sequence(root: Path) -> None:
    truth = pd.read_parquet(truth_folder(root) / "truth.parquet")
    lacking = {(False, False): 1, (False, True): 1, (True, False): 1}
    counted = truth.groupby(["has_pre", "has_post"]).size().to_dict()
    assert {key: counted[key] for key in lacking} == lacking
    folders = {path.name for path in (root / "volumes").iterdir()}
    assert len(folders) == 15


def test_truth_lies_apart(root: Path) -> None:
    text = "".join(path.read_text() for path in root.glob("*.tsv"))
    assert "rim" not in text.split("\n")[0]
    assert not list(root.rglob("*truth*"))
    assert not list(root.rglob("*lesion*"))
    oracle = json.loads((truth_folder(root) / "oracle.json").read_text())
    assert 0.5 < oracle["auroc"] <= 1


def test_design() -> None:
    drawn = draw(patients=600, seed=1, interaction=1.0)
    assert drawn.outcome.response.mean() == pytest.approx(PREVALENCE, abs=0.02)
    assert drawn.negative.mean() == pytest.approx(NEGATIVE, abs=0.01)
    rates = pd.Series(drawn.outcome.response).groupby([drawn.rim, drawn.negative]).mean()
    assert rates[True, True] > 0.7
    assert max(rates[True, False], rates[False, True]) < 0.25
    # Independent, so neither tells of the other.
    assert abs(np.corrcoef(drawn.rim, drawn.negative)[0, 1]) < 0.02
    control = draw(patients=600, seed=1, interaction=0.0)
    rates = pd.Series(control.outcome.probability).groupby([control.rim, control.negative]).mean()
    assert rates.max() - rates.min() < 0.1


def test_it_can_be_written_alone_and_refuses_what_cannot_be(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "data_modules.sources.simulated_mri", "--workers", "1"]
    done = subprocess.run(
        [*command, "--root", "mri", "--patients", "12"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "SIMULATED cohort of 12 patients" in done.stdout
    bad = subprocess.run([*command, "--patients", "3"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert bad.returncode == 2
    assert "12 to 9999" in bad.stderr
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    with pytest.raises(FusionError, match="left alone"):
        write_cohort(tmp_path / "mine", patients=12)
