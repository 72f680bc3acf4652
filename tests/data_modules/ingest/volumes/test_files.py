"""NIfTI and DICOM as they are read: against nibabel and pydicom; and everything that is refused, by name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
import pytest

from data_modules.ingest.volumes.files import VolumeError, VolumeFile
from data_modules.ingest.volumes.find import find_all
from data_modules.ingest.volumes.read import read_volume


def only(root: Path) -> VolumeFile:
    (file,) = find_all(root, ".").volumes
    return file


def test_nifti_is_what_nibabel_reads(tmp_path: Path, files: Any) -> None:
    affine = np.array([[-1.5, 0, 0, 4], [0, 0, 2, 5], [0, 1, 0, 6], [0, 0, 0, 1.0]])
    path = files.nifti(tmp_path / "a.nii.gz", files.ball().astype(np.int16), affine)
    volume = read_volume(only(tmp_path))
    image = nibabel.load(path)
    np.testing.assert_array_equal(volume.values, image.get_fdata())
    np.testing.assert_array_equal(volume.affine, image.affine)
    np.testing.assert_allclose(volume.spacing, [1.5, 1, 2])


def test_dicom_is_what_pydicom_reads_with_slope_and_place(tmp_path: Path, files: Any) -> None:
    """Every voxel lies where the standard says (PS3.3 C.7.6.2.1.1), slope and intercept applied, slices by position."""
    paths = files.series(tmp_path, files.ball())
    for number, path in enumerate(paths):
        files.change(path, RescaleSlope=2.0, RescaleIntercept=-1024.0, InstanceNumber=(7 * number) % len(paths) + 1)
    volume = read_volume(only(tmp_path))
    for path in paths:
        one = pydicom.dcmread(path)
        orientation, position = np.array(one.ImageOrientationPatient), np.array(one.ImagePositionPatient)
        row, column = 3, 5
        lps = position + orientation[:3] * one.PixelSpacing[1] * column + orientation[3:] * one.PixelSpacing[0] * row
        index = np.linalg.inv(volume.affine) @ [-lps[0], -lps[1], lps[2], 1]
        i, j, k = np.rint(index[:3]).astype(int)
        np.testing.assert_allclose(index[:3], [i, j, k], atol=1e-6)
        assert volume.values[i, j, k] == 2.0 * one.pixel_array[row, column] - 1024.0


def test_dicom_and_nifti_of_one_volume_are_alike(tmp_path: Path, files: Any) -> None:
    affine = np.diag([-1.0, -1.0, 2.0, 1.0])
    files.nifti(tmp_path / "n" / "a.nii", files.ball(), affine)
    files.series(tmp_path / "d", files.ball())
    dicom, plain = (read_volume(one) for one in sorted(find_all(tmp_path, ".").volumes, key=lambda one: one.kind))
    np.testing.assert_array_equal(dicom.values, plain.values)
    np.testing.assert_allclose(dicom.affine, plain.affine, atol=1e-6)


def test_several_series_in_one_folder_are_told_apart(tmp_path: Path, files: Any) -> None:
    files.series(tmp_path / "P1", files.ball(), description="T1 PRE", number=1)
    files.series(tmp_path / "P1", files.ball(seed=1), description="T1 POST", number=2, start=9)
    listed = find_all(tmp_path, "P1")
    found, empty = listed.volumes, listed.empty
    assert not empty
    assert [file.name for file in found] == ["P1/P1/T1 POST", "P1/P1/T1 PRE"]
    assert [len(file.paths) for file in found] == [8, 8]
    np.testing.assert_array_equal(read_volume(found[0]).values, files.ball(seed=1))


def test_headers_are_remembered_until_a_file_changes(tmp_path: Path, files: Any) -> None:
    paths = files.series(tmp_path / "s", files.ball())
    memo = tmp_path / "memo"
    first = find_all(tmp_path, "s", memo=memo).volumes
    assert len(list((memo / "dicom_headers").iterdir())) == 1
    assert find_all(tmp_path, "s", memo=memo).volumes == first
    files.nifti(tmp_path / "n.nii", files.ball())
    for where in (memo, None):  # headers that are remembered count too
        read: list[int] = []
        find_all(
            tmp_path, ["s", "n.nii"], memo=where, count=lambda total, read=read: read.append(-total) or read.append
        )
        assert read[0] == -9
        assert sum(read) == 0
    files.change(paths[2], ImageOrientationPatient=None, ImageComments="longer than before")
    assert "orientation" in str(find_all(tmp_path, "s", memo=memo).volumes[0].problem)


def patch_header(path: Path, offset: int, content: bytes) -> None:
    data = bytearray(path.read_bytes())
    data[offset : offset + len(content)] = content
    path.write_bytes(bytes(data))


def test_nifti_in_four_dimensions(tmp_path: Path, files: Any) -> None:
    files.nifti(tmp_path / "a.nii.gz", np.zeros((4, 4, 4, 3), dtype=np.float32))
    assert "a.nii.gz has 4 dimensions (4 × 4 × 4 × 3)" in str(only(tmp_path).problem)
    files.nifti(tmp_path / "a.nii.gz", np.stack([files.ball()] * 1, axis=-1))  # one volume is no harm
    assert read_volume(only(tmp_path)).values.shape == files.ball().shape


def test_nifti_without_orientation(tmp_path: Path, files: Any) -> None:
    path = files.nifti(tmp_path / "a.nii", files.ball())
    patch_header(path, 252, bytes(4))  # qform_code and sform_code
    assert "a.nii does not say its orientation" in str(only(tmp_path).problem)


def test_nifti_without_spacing(tmp_path: Path, files: Any) -> None:
    path = files.nifti(tmp_path / "a.nii", files.ball())
    patch_header(path, 76 + 4, bytes(12))  # pixdim[1:4]
    patch_header(path, 252, bytes([1, 0, 0, 0]))  # qform only, whose spacing is pixdim
    assert "a.nii does not say a usable spacing (pixdim 0, 0, 0)" in str(only(tmp_path).problem)
    files.nifti(path, files.ball(), np.diag([0.0, 1.0, 1.0, 1.0]) + np.eye(4) * 1e-9)
    assert "spacing" in str(only(tmp_path).problem)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".dcm"])
def test_what_cannot_be_opened(tmp_path: Path, files: Any, suffix: str) -> None:
    (tmp_path / f"a{suffix}").write_bytes(b"this is no volume" * 50)
    assert re.search(rf"a{suffix} does not open as (NIfTI|DICOM)", str(only(tmp_path).problem))
    with pytest.raises(VolumeError, match="does not open"):
        read_volume(only(tmp_path))


def test_nifti_that_breaks_off(tmp_path: Path, files: Any) -> None:
    path = files.nifti(tmp_path / "a.nii.gz", np.random.default_rng(0).normal(size=(12, 12, 12)).astype(np.float32))
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(VolumeError, match=r"a\.nii\.gz cannot be read"):
        read_volume(only(tmp_path))


def test_dicom_whose_pixels_break_off(tmp_path: Path, files: Any) -> None:
    path = files.series(tmp_path, files.ball())[3]
    files.change(path, PixelData=b"\0" * 10)
    with pytest.raises(VolumeError, match="T1 cannot be read"):
        read_volume(only(tmp_path))


def test_not_a_number(tmp_path: Path, files: Any) -> None:
    values = files.ball()
    values[0, 0, :3] = np.nan
    files.nifti(tmp_path / "a.nii", values)
    with pytest.raises(VolumeError, match=r"a\.nii holds 3 of 960 voxels that are no numbers"):
        read_volume(only(tmp_path))


def test_one_value_only(tmp_path: Path, files: Any) -> None:
    files.nifti(tmp_path / "a.nii", np.zeros((4, 4, 4), dtype=np.float32))
    with pytest.raises(VolumeError, match="one value only"):
        read_volume(only(tmp_path))


def test_series_with_missing_slices(tmp_path: Path, files: Any) -> None:
    paths = files.series(tmp_path, files.ball())
    for path in paths[3:5]:
        path.unlink()
    problem = str(only(tmp_path).problem)
    assert "P1/T1 misses 2 slices: 6 mm between IM0003.dcm and IM0006.dcm, where others lie 2 mm apart" in problem


def test_series_with_uneven_slices(tmp_path: Path, files: Any) -> None:
    paths = files.series(tmp_path, files.ball())
    files.change(paths[-1], ImagePositionPatient=[0.0, 0.0, 13.5])
    assert "uneven distances" in str(only(tmp_path).problem)


def test_mixed_series(tmp_path: Path, files: Any) -> None:
    """An axial and a sagittal series, or two time points, under one SeriesInstanceUID."""
    paths = files.series(tmp_path, files.ball())
    files.change(paths[2], ImageOrientationPatient=[0, 1, 0, 0, 0, -1])
    assert "mixes several series (ImageOrientationPatient is" in str(only(tmp_path).problem)
    files.series(tmp_path, files.ball())
    files.series(tmp_path, files.ball(seed=1), start=9)
    assert "mixes several volumes" in str(only(tmp_path).problem)
    assert "lie at the same place" in str(only(tmp_path).problem)


def test_slices_of_several_sizes(tmp_path: Path, files: Any) -> None:
    paths = files.series(tmp_path, files.ball())
    files.change(paths[4], Rows=5, PixelData=b"\0" * 120)
    assert "mixes several series (Rows is 10" in str(only(tmp_path).problem)


@pytest.mark.parametrize(
    ("tag", "word"),
    [
        ("ImageOrientationPatient", "orientation"),
        ("PixelSpacing", "spacing"),
        ("ImagePositionPatient", "place or size"),
    ],
)
def test_series_without_geometry(tmp_path: Path, files: Any, tag: str, word: str) -> None:
    paths = files.series(tmp_path, files.ball())
    files.change(paths[1], **{tag: None})
    problem = str(only(tmp_path).problem)
    assert f"P1/T1 does not say its {word} ({tag} is missing in 1 of 8 files, e.g. IM0002.dcm)" in problem


def test_a_single_slice_and_enhanced_dicom(tmp_path: Path, files: Any) -> None:
    paths = files.series(tmp_path, files.ball())
    files.change(paths[0], NumberOfFrames=8)
    assert "multi-frame" in str(only(tmp_path).problem)
    for path in paths[1:]:
        path.unlink()
    files.change(paths[0], NumberOfFrames=1)
    assert "single slice" in str(only(tmp_path).problem)
