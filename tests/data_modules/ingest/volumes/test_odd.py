"""Odd volumes: what is read of them, what is refused, and that each message's own remedy helps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK

from data_modules.ingest.volumes.find import find_all
from data_modules.ingest.volumes.read import read_volume
from data_modules.modalities.volumes.volumes import Volumes
from fusion.contract import FusionError

Make = Callable[..., Volumes]
MASK = {"match": "_mask", "of": "t1"}


def only(root: Path) -> Any:
    (file,) = find_all(root, ".").volumes
    return file


def silent(step: str, done: int, total: int) -> None:
    pass


def test_complex_and_coloured_nifti(tmp_path: Path, files: Any) -> None:
    nibabel.save(nibabel.Nifti1Image(files.ball().astype(np.complex64), np.eye(4)), tmp_path / "P1.nii")
    assert (
        "complex numbers (NIfTI datatype complex64), not one number a voxel: save the magnitude"
        in only(tmp_path).problem
    )
    files.nifti(tmp_path / "P1.nii", np.abs(files.ball()))
    assert only(tmp_path).problem is None
    colours = np.zeros((4, 4, 4), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    nibabel.save(nibabel.Nifti1Image(colours, np.eye(4)), tmp_path / "P1.nii")
    assert "picture in colour" in only(tmp_path).problem


def test_a_slice_is_no_volume(tmp_path: Path, files: Any) -> None:
    files.nifti(tmp_path / "P1.nii", files.ball()[:, :, :1])
    assert "P1.nii is a single slice (12 × 10 × 1), not a volume" in only(tmp_path).problem


@pytest.mark.parametrize(("unit", "word"), [("meter", "metres"), ("micron", "micrometres")])
def test_places_in_another_unit(tmp_path: Path, files: Any, unit: str, word: str) -> None:
    image = nibabel.Nifti1Image(files.ball(), np.eye(4))
    image.header.set_xyzt_units(unit, "sec")
    nibabel.save(image, tmp_path / "P1.nii.gz")
    problem = only(tmp_path).problem
    assert f"says that its places are in {word}" in problem and "header.set_xyzt_units('mm')" in problem
    image.header.set_xyzt_units("mm")
    nibabel.save(image, tmp_path / "P1.nii.gz")
    assert only(tmp_path).problem is None


@pytest.mark.parametrize(("name", "word"), [("P1.img", "Analyze or NIfTI pair"), ("P1.mgz", "FreeSurfer"),
                                            ("P1.nii.bz2", "packed by bzip2")])  # fmt: skip
def test_formats_that_are_not_read_are_named(tmp_path: Path, name: str, word: str) -> None:
    (tmp_path / name).write_bytes(b"\0" * 400)
    problem = only(tmp_path).problem
    assert problem.startswith(name) and word in problem and problem.endswith("convert it to NIfTI (.nii.gz)")


def test_dicom_under_another_name_is_dicom(tmp_path: Path, files: Any) -> None:
    for path in files.series(tmp_path, files.ball()):
        path.rename(path.with_suffix(".img"))
    assert only(tmp_path).kind == "dicom" and only(tmp_path).problem is None


def test_a_ct_without_air_is_said(tmp_path: Path, files: Any, volumes: Make) -> None:
    files.nifti(tmp_path / "files/P1_t1.nii.gz", files.ball() * 10)
    files.nifti(tmp_path / "files/P2_t1.nii.gz", files.ball(seed=1) * 10 - 1000)
    kinds = {kind: {"t1": {"match": "t1", "time": "baseline", "intensity": kind}} for kind in ("ct", "mr")}
    made = volumes(sequences=kinds["ct"])
    made.prepare(silent)
    (said,) = made.quality()[0].said
    assert "no voxel of 1 of 2 CT volumes is as dark as air (P1_t1.nii.gz (lowest 0))" in said
    other = volumes(sequences=kinds["mr"])
    other.prepare(silent)
    assert other.quality()[0].said == ()


def test_two_places_of_one_code(tmp_path: Path, files: Any) -> None:
    image = nibabel.Nifti1Image(files.ball(), np.eye(4))
    image.set_sform(np.eye(4), code=1)
    image.set_qform(np.diag([-1.0, 1, 1, 1]), code=1)
    nibabel.save(image, tmp_path / "P1.nii")
    assert (
        "says two places, of one code (1): by sform and by qform its corners lie 22 mm apart" in only(tmp_path).problem
    )
    image.set_qform(np.diag([-1.0, 1, 1, 1]), code=2)  # of another space: the sform counts
    nibabel.save(image, tmp_path / "P1.nii")
    assert only(tmp_path).problem is None
    np.testing.assert_array_equal(only(tmp_path).matrix, np.eye(4))


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"}, "a series in colour (SamplesPerPixel 3)"),
        ({"PhotometricInterpretation": "MONOCHROME1"}, "numbers do not grow with brightness"),
        ({"Modality": "CT", "RescaleSlope": None}, "lacks RescaleSlope in 8 of 8 files, e.g. IM0001.dcm"),
    ],
)
def test_dicom_whose_numbers_are_no_measurement(tmp_path: Path, files: Any, tags: dict[str, Any], words: str) -> None:
    for path in files.series(tmp_path, files.ball()):
        files.change(path, **tags)
    assert words in only(tmp_path).problem


def test_a_rescale_in_some_slices_only(tmp_path: Path, files: Any) -> None:
    paths = files.series(tmp_path, files.ball())
    files.change(paths[3], RescaleSlope=None, RescaleIntercept=None)
    assert "lacks RescaleSlope in 1 of 8 files, e.g. IM0004.dcm" in only(tmp_path).problem
    files.change(paths[3], RescaleSlope=1, RescaleIntercept=0)
    assert only(tmp_path).problem is None


def test_a_compression_that_nothing_undoes_is_named(tmp_path: Path, files: Any) -> None:
    for path in files.series(tmp_path, files.ball()):
        one = pydicom.dcmread(path)
        one.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.201"  # HTJ2K
        one.PixelData = pydicom.encaps.encapsulate([one.PixelData])
        one["PixelData"].VR = "OB"
        one["PixelData"].is_undefined_length = True
        one.save_as(path)
    problem = only(tmp_path).problem
    assert "is compressed as High-Throughput JPEG 2000" in problem and "gdcmconv --raw" in problem


@pytest.mark.parametrize("bare", ["no preamble", "no syntax"])
def test_data_sets_without_their_head(tmp_path: Path, files: Any, bare: str) -> None:
    values = files.ball()
    for path in files.series(tmp_path, values):
        one = pydicom.dcmread(path)
        one.file_meta = pydicom.dataset.FileMetaDataset()
        pydicom.dcmwrite(path, one, implicit_vr=True, little_endian=True, enforce_file_format=False)
        content = path.read_bytes()
        if bare == "no preamble":
            path.write_bytes(content[132:] if content[128:132] == b"DICM" else content)
    np.testing.assert_allclose(read_volume(only(tmp_path)).values, values, atol=1e-3)


def test_series_of_one_name_are_told_apart_by_number(tmp_path: Path, files: Any, volumes: Make) -> None:
    folder = tmp_path / "files/P1"
    files.series(folder, files.ball(), description="ax dyn", number=5)
    files.series(folder, files.ball(seed=1), description="ax dyn", number=6, start=20)
    declared = {"match": "dyn", "time": "baseline", "intensity": "mr"}
    (problem,) = volumes(sequences={"pre": declared}).check()
    assert "P1/P1/ax dyn/5 and P1/P1/ax dyn/6" in problem and "Narrow its `match` to one of these names" in problem
    both = {"pre": declared | {"match": "dyn/5$"}, "post": declared | {"match": "dyn/6$"}}
    assert volumes(sequences=both).check() == []


def test_series_that_nothing_tells_apart_are_counted_from_one(tmp_path: Path, files: Any) -> None:
    for seed in (0, 1):
        paths = files.series(
            tmp_path / "P1", files.ball(seed=seed), description="ax dyn", number=5, start=1 + 20 * seed
        )
        for path in paths:
            files.change(path, SeriesInstanceUID=f"1.2.{seed}")
    found = find_all(tmp_path, ".").volumes
    assert sorted(file.name for file in found) == ["P1/P1/ax dyn/1", "P1/P1/ax dyn/2"]


def test_dicom_without_a_setting_is_its_patients(tmp_path: Path, files: Any, volumes: Make) -> None:
    files.series(tmp_path / "files/x", files.ball(), patient="P7")
    files.nifti(tmp_path / "files/P.08.nii.gz", files.ball(seed=1))
    sequences = {"t1": {"match": "T1|P.08", "time": "baseline", "intensity": "mr"}}
    made = volumes(patient_pattern=None, sequences=sequences)
    assert made.check() == []
    assert made.patients == {"P7", "P.08"}


@pytest.mark.parametrize("kind", ["nrrd", "mha", "mhd", "nhdr"])
def test_nrrd_and_metaimage_lie_where_they_say(tmp_path: Path, files: Any, kind: str) -> None:
    """An oblique volume: of each corner, ITK's own place (LPS) and ours (RAS) are one."""
    values = files.ball()
    image = SimpleITK.GetImageFromArray(values.transpose(2, 1, 0))
    image.SetSpacing((0.7, 0.8, 2.5))
    image.SetOrigin((-30.0, 12.0, 5.0))
    c, s = np.cos(0.3), np.sin(0.3)
    image.SetDirection((c, -s, 0, s, c, 0, 0, 0, 1))
    SimpleITK.WriteImage(image, str(tmp_path / f"P1.{kind}"))
    read = read_volume(only(tmp_path))
    np.testing.assert_array_equal(read.values, values)
    for index in ((0, 0, 0), (11, 0, 3), (5, 9, 7)):
        x, y, z = image.TransformIndexToPhysicalPoint(index)
        np.testing.assert_allclose((read.affine @ [*index, 1])[:3], [-x, -y, z], atol=1e-4)


def masked(root: Path, files: Any, affine: np.ndarray) -> None:
    values = files.ball()
    files.nifti(root / "P1_t1.nii.gz", values, np.eye(4))
    files.nifti(root / "P1_mask.nii.gz", (values > 50).astype(np.uint8), affine)


def test_a_mask_of_the_same_shape_at_another_place(tmp_path: Path, files: Any, volumes: Make) -> None:
    flipped, moved = np.diag([-1.0, 1, 1, 1]), np.eye(4)
    moved[0, 3] = 20
    for affine, far in ((flipped, "22"), (moved, "20"), (np.diag([2.0, 2, 2, 1]), "15.84")):
        masked(tmp_path / "files", files, affine)
        (problem,) = volumes(crop="mask", mask=MASK).check()
        assert f"has the voxels of P1_t1.nii.gz but another affine: corners lie up to {far} mm apart" in problem
    masked(tmp_path / "files", files, np.eye(4))  # its header is the image's
    assert volumes(crop="mask", mask=MASK).check() == []


def test_a_mask_drawn_on_what_a_converter_made_of_the_series(tmp_path: Path, files: Any, volumes: Make) -> None:
    """dcm2niix turns rows round, in the array and the affine alike: the same places in another order."""
    values = files.ball()
    files.series(tmp_path / "files/P1", values)
    affine = np.array([[-1.0, 0, 0, 0], [0, 1, 0, -9], [0, 0, 2, 0], [0, 0, 0, 1]])
    mask = (values > 50).astype(np.uint8)[:, ::-1]
    files.nifti(tmp_path / "files/P1_mask.nii.gz", mask, affine)
    sequences = {"t1": {"match": "T1", "time": "baseline", "intensity": "mr"}}
    made = volumes(crop="mask", mask=MASK, sequences=sequences)
    assert made.check() == []
    affine[1, 3] = -4
    files.nifti(tmp_path / "files/P1_mask.nii.gz", mask, affine)
    (problem,) = volumes(crop="mask", mask=MASK, sequences=sequences).check()
    assert "P1_mask.nii.gz lies at other places than P1/P1/T1" in problem


def test_one_label_of_a_mask(tmp_path: Path, files: Any, volumes: Make) -> None:
    values = files.ball()
    labels = np.zeros(values.shape, dtype=np.uint8)
    labels[2:5, 2:8, 2:6], labels[6:9, 3:6, 3:5] = 1, 4
    files.nifti(tmp_path / "files/P1_t1.nii.gz", values, np.eye(4))
    files.nifti(tmp_path / "files/P1_mask.nii.gz", labels, np.eye(4))
    for label, voxels in ((None, 3 * 6 * 4 + 3 * 3 * 2), (4, 3 * 3 * 2), ([1], 3 * 6 * 4)):
        made = volumes(crop="none", size=12, mask=MASK | ({} if label is None else {"label": label}))
        assert made.check() == []
        made.prepare(silent)
        assert np.load(made.ingested.entries["P1"].folder / "region.npy").sum() == voxels
    with pytest.raises(FusionError, match=r"modality\.mri\.mask\.label must be a number or a list"):
        volumes(mask=MASK | {"label": "x"})


def test_sequences_that_lie_nowhere_near_one_another(tmp_path: Path, files: Any, volumes: Make) -> None:
    away = np.eye(4)
    away[2, 3] = 200
    files.nifti(tmp_path / "files/P1_pre.nii.gz", files.ball(), np.eye(4))
    files.nifti(tmp_path / "files/P1_post.nii.gz", files.ball(seed=1), away)
    declared = {"time": "baseline", "intensity": "mr"}
    two = {"pre": declared | {"match": "pre"}, "post": declared | {"match": "post"}}
    (problem,) = volumes(sequences=two).check()
    assert "P1: P1_post.nii.gz and P1_pre.nii.gz" in problem and "Register them" in problem


def test_what_is_left_out_is_counted_and_named(tmp_path: Path, files: Any, volumes: Make) -> None:
    files.nifti(tmp_path / "files/P1_t1.nii.gz", files.ball(), np.diag([2.0, 2.0, 2.0, 1.0]))
    files.nifti(tmp_path / "files/P1_scout.nii.gz", files.ball(seed=1))
    (tmp_path / "files/notes.foo").write_text("x")
    (tmp_path / "files/P2_t1.nii.gz").symlink_to(tmp_path / "nowhere.nii.gz")
    made = volumes()
    (problem,) = made.check()
    assert "1 volumes are links to nothing (P2_t1.nii.gz)" in problem
    (tmp_path / "files/P2_t1.nii.gz").unlink()
    made = volumes()
    assert made.check() == []
    assert str(made.account) == (
        "modality.mri: found 3 volumes and other files, used 1, left out 2: 1 that no sequence matches "
        "(P1_scout.nii.gz); 1 that do not open and no sequence matches (notes.foo)"
    )


def test_one_volume_under_two_patients(tmp_path: Path, files: Any, volumes: Make) -> None:
    files.nifti(tmp_path / "files/P1_t1.nii", files.ball())
    files.nifti(tmp_path / "files/P2_t1.nii", files.ball())
    files.nifti(tmp_path / "files/P3_t1.nii", files.ball(seed=1))
    assert volumes().doubles == ("P1_t1.nii of P1 = P2_t1.nii of P2",)


def test_several_frames_of_reference_are_said(tmp_path: Path, files: Any, volumes: Make) -> None:
    folder = tmp_path / "files/P1"
    files.series(folder, files.ball(), description="pre", number=1)
    for path in files.series(folder, files.ball(seed=1), description="post", number=2, start=20):
        files.change(path, FrameOfReferenceUID="1.2.3.4")
    declared = {"time": "baseline", "intensity": "mr"}
    made = volumes(sequences={"pre": declared | {"match": "pre"}, "post": declared | {"match": "post"}})
    assert made.check() == []
    assert "Of 1 patients (P1) the volumes are of several frames of reference" in str(made.account)
    assert made.account.notable


def test_a_sheet_with_times_leaves_out_volumes_of_after_therapy(tmp_path: Path, files: Any, volumes: Make) -> None:
    for number in (1, 2):
        files.nifti(tmp_path / f"files/scan{number}_t1.nii.gz", files.ball(seed=number))
    (tmp_path / "files/s.csv").write_text("f,p,t\nscan1_t1.nii.gz,P1,baseline\nscan2_t1.nii.gz,P1,week 12\n")
    sheet = {"file": "s.csv", "key": "f", "patient": "p", "time": "t"}
    made = volumes(patient_pattern=None, sample_sheet=sheet)
    assert made.check() == []
    assert [file.name for file in made.requests[0].files.values()] == ["scan1_t1.nii.gz"]
    assert "1 of another time than baseline by the sample sheet (scan2_t1.nii.gz)" in str(made.account)
