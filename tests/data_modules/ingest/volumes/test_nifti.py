"""NIfTI headers that say two spacings or none, and damage that only a checksum shows."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from data_modules.ingest.volumes.files import VolumeError
from data_modules.ingest.volumes.find import find_all
from data_modules.ingest.volumes.read import read_volume
from data_modules.modalities.volumes.volumes import Volumes

Make = Callable[..., Volumes]
AFFINE = np.diag([2.0, 2.0, 3.0, 1.0])


def only(root: Path) -> Any:
    (file,) = find_all(root, ".").volumes
    return file


def test_two_spacings(tmp_path: Path, files: Any) -> None:
    path = files.nifti(tmp_path / "P1.nii", files.ball(), AFFINE)
    content = bytearray(path.read_bytes())
    struct.pack_into("<3f", content, 80, 0.5, 0.5, 5.0)  # pixdim[1:4]
    path.write_bytes(content)
    assert "P1.nii says two spacings: 0.5, 0.5, 5 mm by pixdim and 2, 2, 3 by sform" in only(tmp_path).problem
    struct.pack_into("<3f", content, 80, 2.05, 2.0, 0.0)  # rounded, and one that is not said
    path.write_bytes(content)
    assert only(tmp_path).problem is None
    struct.pack_into("<3f", content, 80, 0.5, 0.5, 5.0)
    path.write_bytes(content)
    image = nibabel.load(path)  # and as the message says
    image.header.set_zooms((2.0, 2.0, 3.0))
    image.set_sform(AFFINE)
    nibabel.save(image, tmp_path / "P1.nii.gz")
    path.unlink()
    assert only(tmp_path).problem is None


def test_packed_voxels_that_are_damaged(tmp_path: Path, files: Any) -> None:
    """The bytes unpack to as many as are needed: the checksum alone tells that they are others."""
    path = files.nifti(tmp_path / "P1.nii", files.ball(), AFFINE)
    content = bytearray(gzip.compress(path.read_bytes()))
    path.unlink()
    (tmp_path / "P1.nii.gz").write_bytes(content)
    assert np.array_equal(read_volume(only(tmp_path)).values, files.ball())
    content[-6] ^= 1  # of the checksum
    (tmp_path / "P1.nii.gz").write_bytes(content)
    with pytest.raises(VolumeError, match="CRC check failed"):
        read_volume(only(tmp_path))


def test_a_lost_header_is_told(tmp_path: Path, files: Any, volumes: Make) -> None:
    files.nifti(tmp_path / "files/P1_t1.nii", files.ball())
    files.nifti(tmp_path / "files/P2_t1.nii", files.ball(seed=1), AFFINE)
    made = volumes()
    assert made.check() == []
    assert "1 volumes (P1_t1.nii) begin at 0, 0, 0 and have voxels of 1 mm along the axes" in str(made.account)


def test_one_volume_under_two_sequences(tmp_path: Path, files: Any, volumes: Make) -> None:
    for name in ("P1_t1", "P1_t2", "P2_t1"):
        files.nifti(tmp_path / f"files/{name}.nii", files.ball(seed=int(name[1]) - 1), AFFINE)
    sequences = {name: {"match": name, "time": "baseline", "intensity": "mr"} for name in ("t1", "t2")}
    made = volumes(sequences=sequences)
    assert made.doubles == () and made.account.twice == ("P1_t1.nii of P1 = P1_t2.nii of P1",)
    assert "1 are there twice for one patient, byte for byte (P1_t1.nii of P1 = P1_t2.nii of P1)" in str(made.account)
    files.nifti(tmp_path / "files/P1_t2.nii", files.ball(seed=7), AFFINE)
    assert volumes(sequences=sequences).account.twice == ()


@pytest.mark.parametrize(("values", "said"), [((1, 2), "P1: 0, 1, 2"), ((255, 255), None)])
def test_masks_of_several_labels_are_told(
    tmp_path: Path, files: Any, volumes: Make, values: tuple[int, int], said: str | None
) -> None:
    drawn = np.zeros((12, 10, 8), dtype=np.uint8)
    drawn[4:8, 4:6, 3:5], drawn[4, 4, 3] = values
    files.nifti(tmp_path / "files/P1_t1.nii", files.ball(), AFFINE)
    files.nifti(tmp_path / "files/P1_mask.nii", drawn, AFFINE)
    mask: dict[str, Any] = {"match": "_mask", "of": "t1"}

    def told(**label: float) -> tuple[str, ...]:
        made = volumes(mask=mask | label)
        made.prepare(lambda step, done, total: None)
        return made.quality()[0].said

    if said is None:
        assert told() == ()
    else:
        (line,) = told()
        assert f"hold several values, all of which above 0.5 count ({said}): set modality.mri.mask.label" in line
        assert told(label=2.0) == ()
