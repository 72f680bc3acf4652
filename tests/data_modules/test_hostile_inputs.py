"""Input files of strangers: what unpacks to gigabytes or points to other files is refused before it is read."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from data_modules.ingest.slides.feature_files import FeatureFileError, read_header
from data_modules.ingest.slides.slide_files import SlideError, SlideRequest, open_slide
from data_modules.ingest.volumes import dicom_headers
from data_modules.ingest.volumes.dicom_headers import read_headers
from data_modules.ingest.volumes.files import VolumeError, VolumeFile
from data_modules.ingest.volumes.nifti import nifti_header
from data_modules.ingest.volumes.read import read_volume


def features(path: Path, rows: int = 4) -> Path:
    with h5py.File(path, "w") as file:
        file["features"] = np.ones((rows, 3), dtype=np.float32)
        file["coords"] = np.zeros((rows, 2))
    return path


def test_features_that_are_a_link_to_another_file(tmp_path: Path) -> None:
    features(tmp_path / "secret.h5")
    with h5py.File(tmp_path / "slide.h5", "w") as file:
        file["features"] = h5py.ExternalLink("secret.h5", "features")
    with pytest.raises(FeatureFileError, match=r"`features` is a link to another file, secret\.h5"):
        read_header(tmp_path / "slide.h5")


def test_a_link_that_leads_to_a_link_to_another_file(tmp_path: Path) -> None:
    features(tmp_path / "secret.h5")
    with h5py.File(tmp_path / "slide.h5", "w") as file:
        file["there"] = h5py.ExternalLink("secret.h5", "features")
        file["features"] = h5py.SoftLink("/there")
    with pytest.raises(FeatureFileError, match="link to another file"):
        read_header(tmp_path / "slide.h5")


def test_coordinates_that_are_a_link_to_another_file(tmp_path: Path) -> None:
    features(tmp_path / "secret.h5")
    with h5py.File(features(tmp_path / "slide.h5"), "a") as file:
        del file["coords"]
        file["coords"] = h5py.ExternalLink("secret.h5", "coords")
    with pytest.raises(FeatureFileError, match="`coords` is a link"):
        read_header(tmp_path / "slide.h5")


def test_features_whose_values_are_the_bytes_of_any_file(tmp_path: Path) -> None:
    (tmp_path / "passwd").write_bytes(bytes(48))
    with h5py.File(tmp_path / "slide.h5", "w") as file:
        file.create_dataset("features", (4, 3), dtype="f4", external=[(str(tmp_path / "passwd"), 0, 48)])
    with pytest.raises(FeatureFileError, match="the values of `features` lie in other files"):
        read_header(tmp_path / "slide.h5")


def test_features_that_are_a_view_of_other_files(tmp_path: Path) -> None:
    features(tmp_path / "secret.h5")
    layout = h5py.VirtualLayout(shape=(4, 3), dtype="f4")
    layout[:] = h5py.VirtualSource(str(tmp_path / "secret.h5"), "features", shape=(4, 3))
    with h5py.File(tmp_path / "slide.h5", "w") as file:
        file.create_virtual_dataset("features", layout)
    with pytest.raises(FeatureFileError, match="lie in other files"):
        read_header(tmp_path / "slide.h5")


def test_features_that_unpack_to_terabytes(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "slide.h5", "w") as file:
        file.create_dataset("features", (10**9, 1024), dtype="f4", chunks=(1024, 1024), compression="gzip")
    with pytest.raises(FeatureFileError, match="far more than its"):
        read_header(tmp_path / "slide.h5")


def test_links_within_a_file_and_sound_files_are_read(tmp_path: Path) -> None:
    with h5py.File(features(tmp_path / "slide.h5"), "a") as file:
        file["feats_of_mine"] = file["features"][:]
        del file["features"]
        file["features"] = h5py.SoftLink("/feats_of_mine")
    assert read_header(tmp_path / "slide.h5").rows == 4


def inflating_tiff(path: Path, *, side: int) -> Path:
    """A TIFF of one tile that says it is `side` pixels wide and high."""
    import tifffile

    blank = np.zeros((16, 16, 3), dtype=np.uint8)
    tifffile.imwrite(
        path, blank, photometric="rgb", tile=(16, 16), compression="zlib", resolution=(20000, 20000), resolutionunit=3
    )
    content = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        tags = file.pages[0].tags
        places = {name: tags[name].valueoffset for name in ("ImageWidth", "ImageLength", "TileWidth", "TileLength")}
        sizes = {name: {3: 2, 4: 4}[int(tags[name].dtype)] for name in places}
    for name, place in places.items():
        content[place : place + sizes[name]] = side.to_bytes(sizes[name], "little")
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", ["bomb.tif", "bomb.ome.tif"])
def test_a_tile_of_gigabytes(tmp_path: Path, name: str) -> None:
    path = inflating_tiff(tmp_path / name, side=32768)
    assert path.stat().st_size < 10_000
    with pytest.raises(SlideError, match=r"32768 × 32768"):
        open_slide(SlideRequest(path=path))


def test_an_image_of_more_pixels_than_memory(tmp_path: Path) -> None:
    from PIL import Image

    Image.new("L", (14000, 14000)).save(tmp_path / "bomb.png")
    assert (tmp_path / "bomb.png").stat().st_size < 5_000_000
    with pytest.raises(SlideError, match="guard against image bombs"):
        open_slide(SlideRequest(path=tmp_path / "bomb.png", mpp=0.5))


def deflated_dicom(path: Path, *, megabytes: int) -> Path:
    """A deflated data set of zeros, written by pydicom but for the stream, which is packed by hand."""
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import DeflatedExplicitVRLittleEndian

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    dataset: Any = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.PatientID = "x"
    dataset.save_as(path, enforce_file_format=True)
    content = path.read_bytes()
    # Group 7FE0, element 10, OW, explicit length; then zeros.
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    size = megabytes << 20
    packed = packer.compress(b"\x10\x00\x20\x00LO\x02\x00x \xe0\x7f\x10\x00OW\0\0" + size.to_bytes(4, "little"))
    for _ in range(megabytes):
        packed += packer.compress(bytes(1 << 20))
    start = content.index(b"1.2.840.10008.1.2.1.99") + len(b"1.2.840.10008.1.2.1.99")
    path.write_bytes(content[:start] + packed + packer.flush())
    return path


def test_a_slice_that_inflates_beyond_any_slice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert dicom_headers._UNPACKED == 1 << 30
    monkeypatch.setattr(dicom_headers, "_UNPACKED", 1 << 27)
    path = deflated_dicom(tmp_path / "bomb.dcm", megabytes=140)
    assert path.stat().st_size < 1_000_000
    tracemalloc.start()
    try:
        slices, problems = read_headers(tmp_path, [path], memo=None)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert slices == []
    assert "unpacks to more than" in problems[path]
    assert peak < 50_000_000


def test_a_deflated_slice_of_usual_size_is_read(tmp_path: Path) -> None:
    path = deflated_dicom(tmp_path / "sound.dcm", megabytes=1)
    slices, problems = read_headers(tmp_path, [path], memo=None)
    assert problems == {}
    assert slices[0].facts["PatientID"] == "x"


def test_a_volume_of_terabytes(tmp_path: Path) -> None:
    import nibabel

    header = nibabel.Nifti1Header()
    header.set_data_shape((4000, 4000, 4000))
    header.set_data_dtype(np.float32)
    header.set_sform(np.eye(4), code=1)
    with (tmp_path / "bomb.nii").open("wb") as stream:
        stream.write(header.binaryblock + b"\0" * 4)
        stream.truncate(1 << 20)
    with pytest.raises(VolumeError, match=r"bomb\.nii"):
        read_volume(nifti_header(tmp_path / "bomb.nii", name="bomb.nii"))
    # DICOM says rows and columns, whatever its pixels are packed to.
    slices = VolumeFile(name="x", kind="dicom", paths=(tmp_path / "x.dcm",), shape=(65535, 65535, 40))
    with pytest.raises(VolumeError, match=r"x says that it has 65535 × 65535 × 40 voxels"):
        read_volume(slices)


def test_yaml_that_would_make_python_objects(tmp_path: Path) -> None:
    from fusion.config.compose import composed
    from fusion.contract import FusionError

    (tmp_path / "cohort").mkdir()
    (tmp_path / "cohort" / "evil.yaml").write_text(
        f"name: !!python/object/apply:os.system ['touch {tmp_path / 'owned'}']\n"
    )
    with pytest.raises(Exception, match=r"python/object") as raised:
        composed("train", ["cohort=evil"], tmp_path)
    assert isinstance(raised.value, FusionError) or "yaml" in type(raised.value).__module__
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("before", [(64 << 20) + 16, 1 << 31])
def test_a_volume_with_gigabytes_before_its_voxels(tmp_path: Path, before: int) -> None:
    """What a NIfTI holds between header and voxels is read whole, whatever its length."""
    path = tmp_path / "x.nii.gz"
    path.write_bytes(gzip.compress(nifti(before, extension=before - 352)) + gzip.compress(bytes(1 << 20)) * 70)
    told = nifti_header(path, name="x.nii.gz")
    assert f"its voxels begin after {before:,} bytes; at most 67,108,864 are read" in str(told.problem)


def nifti(before: int, *, extension: int = 0) -> bytes:
    import nibabel

    header = nibabel.Nifti1Header()
    header.set_data_shape((8, 8, 8))
    header.set_data_dtype(np.uint8)
    header.set_sform(np.eye(4), code=1)
    header["vox_offset"], header["magic"] = before, b"n+1"
    more = b"\1\0\0\0" + extension.to_bytes(4, "little") + b"\6\0\0\0" if extension else b"\0" * 4
    return bytes(header.binaryblock) + more


def test_a_volume_that_is_packed_under_another_name(tmp_path: Path) -> None:
    """Only as many voxels are unpacked as its header says, and none for the header."""
    path = tmp_path / "x.nii"
    voxels = np.arange(512, dtype=np.uint32).astype(np.uint8)
    path.write_bytes(gzip.compress(nifti(352) + voxels.tobytes()) + gzip.compress(bytes(1 << 20)) * 500)
    tracemalloc.start()
    try:
        told = nifti_header(path, name="x.nii")
        volume = read_volume(told)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert told.shape == (8, 8, 8)
    assert np.array_equal(volume.values, voxels.reshape(8, 8, 8, order="F"))
    assert peak < 50_000_000
