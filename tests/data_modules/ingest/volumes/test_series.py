"""DICOM series whose headers say odd places or numbers: what is read, what is refused; the remedies help."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import generate_uid

from data_modules.ingest.volumes.find import find_all
from data_modules.ingest.volumes.read import read_volume
from data_modules.modalities.volumes.volumes import Volumes

Make = Callable[..., Volumes]


def only(root: Path) -> Any:
    (file,) = find_all(root, ".").volumes
    return file


def moved(path: Path, *, by: tuple[float, float, float], files: Any) -> None:
    place = np.add(pydicom.dcmread(path).ImagePositionPatient, by)
    files.change(path, ImagePositionPatient=[float(x) for x in place])


def test_slices_that_lie_beside_the_others(tmp_path: Path, files: Any) -> None:
    """Eight slices of 1 mm pixels; the last three lie 40 mm to the side, at the heights that were expected."""
    paths = files.series(tmp_path, files.ball())
    for path in paths[5:]:
        moved(path, by=(40.0, 0.0, 0.0), files=files)
    # The line goes from 0 to 40 mm in seven steps: the fifth slice lies 4/7 of it away.
    assert f"mixes several volumes: IM0005.dcm lies {40 * 4 / 7:.4g} mm beside the line" in only(tmp_path).problem
    for path in paths[5:]:
        files.change(path, SeriesInstanceUID="1.2.3")
    assert [one.problem for one in find_all(tmp_path, ".").volumes] == [None, None]


def test_a_tilted_gantry_is_a_slope_of_all_slices(tmp_path: Path, files: Any) -> None:
    for number, path in enumerate(files.series(tmp_path, files.ball())):
        moved(path, by=(0.0, 0.5 * number, 0.0), files=files)
    file = only(tmp_path)
    assert file.problem is None and np.allclose(file.matrix[:3, 2], [0.0, -0.5, 2.0])


@pytest.mark.parametrize("said", [[2, 0, 0, 0, 2, 0], [1, 0, 0, 0.7, 0.7, 0]])
def test_directions_that_are_none(tmp_path: Path, files: Any, said: list[float]) -> None:
    """Of length 2, they would double the spacing; not at right angles, they would shear."""
    paths = files.series(tmp_path, files.ball())
    for path in paths:
        files.change(path, ImageOrientationPatient=said)
    assert "does not say a usable orientation (ImageOrientationPatient [" in only(tmp_path).problem
    for path in paths:
        files.change(path, ImageOrientationPatient=[1, 0, 0, 0, 1, 0])
    assert only(tmp_path).problem is None


def test_a_slope_counts_without_an_intercept(tmp_path: Path, files: Any) -> None:
    """PET has a slope of its own in each slice: without it, slices are on scales of their own."""
    plain = files.ball()
    for number, path in enumerate(files.series(tmp_path, plain)):
        files.change(path, RescaleIntercept=None, RescaleSlope=number + 1)
    values = read_volume(only(tmp_path)).values
    expected = np.stack([plain[:, :, k] * (k + 1) for k in range(8)], axis=-1)
    assert np.allclose(np.sort(values.ravel()), np.sort(expected.ravel()))


@pytest.mark.parametrize("said", [-32768, 32768])
def test_padding_is_no_measured_number(tmp_path: Path, files: Any, said: int) -> None:
    """Corners that the scanner did not see: as numbers they would be the darkest by far, and air would be tissue.

    Signed -32768 is also met as unsigned 32768.
    """
    plain = files.ball() + 10
    paths = files.series(tmp_path, plain)
    whole = read_volume(only(tmp_path)).values
    for path in paths:
        one = pydicom.dcmread(path)
        stored = one.pixel_array.astype("<i2")
        stored[:2, :2] = -32768
        one.PixelRepresentation, one.PixelData = 1, stored.tobytes()
        one.add_new("PixelPaddingValue", "SS" if said < 0 else "US", said)
        one.save_as(path)
    values = read_volume(only(tmp_path)).values
    corner = np.zeros(values.shape, dtype=bool)
    corner[:2, :2] = True
    assert np.array_equal(values[~corner], whole[~corner])
    lowest = np.where(corner, np.inf, values).min(axis=(0, 1))
    assert np.array_equal(values[0, 0], lowest) and lowest.min() >= 10


def test_numbers_by_a_table(tmp_path: Path, files: Any) -> None:
    table = Dataset()
    table.LUTDescriptor, table.ModalityLUTType, table.LUTData = [4, 0, 16], "US", np.arange(4, dtype="<u2").tobytes()
    paths = files.series(tmp_path, files.ball())
    for path in paths:
        files.change(path, ModalityLUTSequence=Sequence([table]))
    assert "says what its numbers mean by a table (ModalityLUTSequence), which is not read" in only(tmp_path).problem
    for path in paths:
        files.change(path, ModalityLUTSequence=None)
    assert only(tmp_path).problem is None


def test_copies_of_slices(tmp_path: Path, files: Any) -> None:
    paths = files.series(tmp_path, files.ball())
    copies = [path.with_name(f"{path.stem} (1).dcm") for path in paths[2:4]]
    for path, copy in zip(paths[2:4], copies, strict=True):
        shutil.copy(path, copy)
    assert "holds 2 slices twice, byte for byte, e.g. IM0003 (1).dcm and IM0003.dcm" in only(tmp_path).problem
    for copy in copies:
        copy.unlink()
    assert only(tmp_path).problem is None


def test_slices_with_a_series_each(tmp_path: Path, files: Any) -> None:
    paths = files.series(tmp_path, files.ball())
    for path in paths:
        files.change(path, SeriesInstanceUID=generate_uid())
    problems = {one.problem for one in find_all(tmp_path, ".").volumes}
    assert problems == {"./P1/T1 is 8 single slices, each with a SeriesInstanceUID of its own: give them one"}
    for path in paths:
        files.change(path, SeriesInstanceUID="1.2.3")
    assert only(tmp_path).problem is None


@pytest.mark.parametrize("kind", ["SEG", "RTSTRUCT", "SR"])
def test_objects_beside_a_scan_are_left_aside(tmp_path: Path, files: Any, volumes: Make, kind: str) -> None:
    """Their names match the sequence: as volumes of it they would be a second one. As a mask they are refused."""
    files.series(tmp_path / "files/P1", files.ball())
    beside = files.series(tmp_path / "files/P1/seg", files.ball(), description=f"T1 {kind}")[0]
    for path in beside.parent.iterdir():
        if path != beside:
            path.unlink()
    files.change(beside, Modality=kind, SeriesInstanceUID="1.2.3")
    made = volumes()
    assert made.check() == [] and made.account.used == 1
    assert made.account.left_out == {"DICOM that is no scan, such as SEG and SR": [f"P1/seg/P1/T1 {kind}"]}
    (problem,) = volumes(mask={"match": "seg", "of": "t1"}).check()
    assert f"P1/seg/P1/T1 {kind} is a DICOM {kind} object, which is not read: convert it to a NIfTI volume" in problem


def test_a_series_of_one_patient_in_the_folder_of_another(tmp_path: Path, files: Any, volumes: Make) -> None:
    for number, (folder, patient) in enumerate((("P1", "P1"), ("P2", "P3"), ("P3", "P2"), ("P4", "P4"), ("P5", "P5"))):
        files.series(tmp_path / f"files/{folder}", files.ball(seed=number), patient=patient)
    (problem,) = volumes(patient_pattern=None).check()
    assert "(P2/P3/T1: P2 and P3, P3/P2/T1: P3 and P2)" in problem
    (problem,) = volumes().check()
    assert "2 DICOM series are of one patient by their path and of another by PatientID" in problem
    assert "(P2/P3/T1: P2 and P3, P3/P2/T1: P3 and P2)" in problem
    assert volumes(patient_pattern="([^/]+)/[^/]+$").check() == []
    sheet = "file,patient\n" + "".join(
        f"{name},{patient}\n"
        for name, patient in (("P1/P1/T1", "P1"), ("P2/P3/T1", "P2"), ("P3/P2/T1", "P3"), ("P4/P4/T1", "P4"))
    )
    (tmp_path / "files/sheet.csv").write_text(sheet + "P5/P5/T1,P5\n")
    said = {"file": "sheet.csv", "key": "file", "patient": "patient"}
    assert volumes(patient_pattern=None, sample_sheet=said).check() == []


@pytest.mark.parametrize("ids", [("P1", "P1", "P1"), ("P2", "P3", "P1"), ("X", "Y", "P3"), ("", "", "")])
def test_ids_that_are_the_same_or_new_tell_nothing(
    tmp_path: Path, files: Any, volumes: Make, ids: tuple[str, ...]
) -> None:
    for number, patient in enumerate(ids, start=1):
        files.series(tmp_path / f"files/P{number}", files.ball(seed=number), patient=patient)
    assert volumes().check() == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "(the file is empty, 0 bytes)"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "is the pointer of a Git LFS file"),
        (b"/annex/objects/MD5E-s1--0.nii.gz\n", "datalad get"),
        (b"<!DOCTYPE html><html>404", "it is a web page"),
    ],
)
@pytest.mark.parametrize("name", ["P1_t1.nii.gz", "P1_t1.dcm", "P1_t1.nrrd"])
def test_what_lies_in_the_place_of_a_volume(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    (file,) = find_all(tmp_path, ".").volumes
    assert said in str(file.problem)
