"""Unusual volumes that are sound: each is to be read to the values that its maker knows, and never refused."""

from __future__ import annotations

import gzip
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from data_modules.ingest.volumes.find import find_all
from data_modules.ingest.volumes.read import read_volume
from data_modules.modalities.volumes.volumes import Volumes

Make = Callable[..., Volumes]


def silent(step: str, done: int, total: int) -> None:
    pass


def one(root: Path) -> Any:
    (found,) = find_all(root, ".").volumes
    assert found.problem is None
    return read_volume(found)


def turned(degrees: float, spacing: tuple[float, float, float]) -> np.ndarray:
    """An affine that is turned about all axes, as oblique acquisitions are."""
    angle = np.deg2rad(degrees)
    c, s = np.cos(angle), np.sin(angle)
    z = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    x = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    affine = np.eye(4)
    affine[:3, :3] = z @ x * spacing
    affine[:3, 3] = (-30, 12, 7)
    return affine


def test_oblique_nifti_that_says_its_place_by_qform_alone(tmp_path: Path, files: Any) -> None:
    values, affine = files.ball(), turned(20, (0.9, 1.1, 3.0))
    image = nibabel.Nifti1Image(values, None)
    image.set_qform(affine, code=1)
    image.set_sform(None, code=0)
    nibabel.save(image, tmp_path / "P1_t1.nii.gz")
    read = one(tmp_path)
    np.testing.assert_allclose(read.affine, affine, atol=1e-4)
    np.testing.assert_array_equal(read.values, values)


def test_dicom_orientations_of_seventeen_characters(tmp_path: Path, files: Any) -> None:
    """Three digits more than the standard's 16 characters, as exporters print doubles; the plane is truly oblique."""
    values = files.ball()
    c, s = np.cos(0.3), np.sin(0.3)
    row, column = (c, s, 0.0), (-s, c, 0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom says that they are too long
        for path in files.series(tmp_path, values):
            files.change(path, ImageOrientationPatient=[f"{x:.15f}"[:17].ljust(17, "0") for x in (*row, *column)])
    assert b"-0.29552020666134" in (tmp_path / "IM0001.dcm").read_bytes()
    read = one(tmp_path)
    # LPS of DICOM to RAS: x and y change their signs. Columns follow `row`, rows `column`; slices lie 2 mm apart.
    expected = np.array([[-c, s, 0], [-s, -c, 0], [0, 0, 2.0]])
    np.testing.assert_allclose(read.affine[:3, :3], expected, atol=1e-4)
    np.testing.assert_allclose(read.values, values, atol=1e-3)


def test_compressed_nifti_without_the_ending_and_plain_with_it(tmp_path: Path, files: Any) -> None:
    values = files.ball()
    files.nifti(tmp_path / "a.nii", values)
    plain = (tmp_path / "a.nii").read_bytes()
    (tmp_path / "a.nii").unlink()
    (tmp_path / "x").mkdir()
    (tmp_path / "y").mkdir()
    (tmp_path / "x/P1_t1.nii").write_bytes(gzip.compress(plain))
    (tmp_path / "y/P2_t1.nii.gz").write_bytes(plain)
    for folder in ("x", "y"):
        np.testing.assert_array_equal(one(tmp_path / folder).values, values)


def test_a_mask_with_the_affine_of_its_image_within_rounding(tmp_path: Path, files: Any, volumes: Make) -> None:
    values, affine = files.ball(), np.diag([1.0, 1.0, 2.0, 1.0])
    nearby = affine.copy()
    nearby[:3, 3] += 2e-4
    files.nifti(tmp_path / "files/P1_t1.nii.gz", values, affine)
    files.nifti(tmp_path / "files/P1_mask.nii.gz", (values > 50).astype(np.uint8), nearby)
    made = volumes(crop="mask", mask={"match": "_mask", "of": "t1"})
    assert made.check() == []
    made.prepare(silent)
    assert list(made.ingested.entries) == ["P1"]
    # 8 × 6 × 4 voxels of 1 × 1 × 2 mm; the grid of 8 mm a side holds 8 × 6 × 8 mm of them.
    region = np.load(made.ingested.entries["P1"].folder / "region.npy")
    assert region.sum() == 8 * 6 * 8


def test_a_mask_as_dicom_slices_beside_its_image(tmp_path: Path, files: Any, volumes: Make) -> None:
    values = files.ball()
    files.series(tmp_path / "files/P1", values)
    files.series(tmp_path / "files/P1/seg", (values > 50).astype(np.float32), description="mask", number=2, start=20)
    made = volumes(crop="mask", mask={"match": "mask", "of": "t1"}, sequences={
        "t1": {"match": "T1", "time": "baseline", "intensity": "mr"}})  # fmt: skip
    assert made.check() == []
    made.prepare(silent)
    assert list(made.ingested.entries) == ["P1"]


def test_slices_numbered_against_their_order(tmp_path: Path, files: Any) -> None:
    values = files.ball()
    paths = files.series(tmp_path, values)
    for number, path in enumerate(paths):
        files.change(path, InstanceNumber=len(paths) - number)
    np.testing.assert_allclose(one(tmp_path).values, values, atol=1e-3)


def test_a_rescale_of_each_slices_own(tmp_path: Path, files: Any) -> None:
    """As PET writes them: slope 0.5 in one slice, 2 in another."""
    values = files.ball()
    paths = files.series(tmp_path, values)
    expected = values.copy()
    for number, path in enumerate(paths):
        slope = (0.5, 2.0)[number % 2]
        files.change(path, RescaleSlope=slope, RescaleIntercept=-3)
        expected[..., number] = values[..., number] * slope - 3
    np.testing.assert_allclose(one(tmp_path).values, expected, atol=1e-3)


def test_mr_without_rescale_is_what_is_stored(tmp_path: Path, files: Any) -> None:
    values = files.ball()
    for path in files.series(tmp_path, values):
        files.change(path, RescaleSlope=None, RescaleIntercept=None)
    np.testing.assert_allclose(one(tmp_path).values, values, atol=1e-3)


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint16, np.int32, np.float64])
def test_nifti_of_any_plain_type_and_a_scale(tmp_path: Path, files: Any, kind: Any) -> None:
    values = files.ball().astype(kind)
    image = nibabel.Nifti1Image(values, np.eye(4))
    image.header.set_slope_inter(0.5, 10)
    nibabel.save(image, tmp_path / "P1.nii.gz")
    stored = nibabel.load(tmp_path / "P1.nii.gz").get_fdata()
    np.testing.assert_allclose(one(tmp_path).values, stored, rtol=1e-6)


def test_a_last_axis_of_one_is_no_fourth_dimension(tmp_path: Path, files: Any) -> None:
    values = files.ball()
    files.nifti(tmp_path / "P1.nii.gz", values[..., None])
    np.testing.assert_array_equal(one(tmp_path).values, values)


def test_linked_folders_of_patients(tmp_path: Path, files: Any, volumes: Make) -> None:
    files.nifti(tmp_path / "files/P1/t1.nii.gz", files.ball())
    files.nifti(tmp_path / "store/P2/t1.nii.gz", files.ball(seed=1))
    files.series(tmp_path / "store/P3", files.ball(seed=2), patient="P3")
    for patient in ("P2", "P3"):
        (tmp_path / "files" / patient).symlink_to(tmp_path / "store" / patient)
    made = volumes()
    assert made.check() == []
    assert made.patients == {"P1", "P2", "P3"}


def test_what_converters_leave_beside_the_volumes(tmp_path: Path, files: Any, volumes: Make) -> None:
    files.nifti(tmp_path / "files/P1/t1.nii.gz", files.ball())
    for name in ("P1/t1.json", "P1/t1.bval", "README.txt", "P1/Thumbs.db", "P1/.DS_Store"):
        (tmp_path / "files" / name).write_text("x", encoding="utf-8")
    made = volumes()
    assert made.check() == []
    assert made.patients == {"P1"}


def test_one_series_over_two_folders(tmp_path: Path, files: Any) -> None:
    values = files.ball()
    paths = files.series(tmp_path / "P1/000", values)
    (tmp_path / "P1/001").mkdir()
    for path in paths[4:]:
        path.rename(tmp_path / "P1/001" / path.name)
    np.testing.assert_allclose(one(tmp_path).values, values, atol=1e-3)
