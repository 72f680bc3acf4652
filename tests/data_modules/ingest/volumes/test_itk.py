"""NRRD and MetaImage: voxels in a file of their own, spaces and units; each refusal's remedy helps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_modules.ingest.volumes.find import find_all
from data_modules.ingest.volumes.ingest import entry_for
from data_modules.ingest.volumes.read import read_volume
from data_modules.modalities.volumes.volumes import Volumes

Make = Callable[..., Volumes]
MHD = (
    "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\n"
    "TransformMatrix = 1 0 0 0 1 0 0 0 1\nOffset = 0 0 0\nElementSpacing = 1 1 2\nDimSize = {x} {y} {z}\n"
    "ElementType = MET_SHORT\nElementDataFile = {data}\n"
)
NRRD = (
    "NRRD0004\ntype: short\ndimension: 3\n{space}sizes: {x} {y} {z}\n"
    "space directions: (1,0,0) (0,1,0) (0,0,2)\n{units}endian: little\nencoding: raw\n"
    "space origin: (5,6,7)\n{data}"
)


def headed(path: Path, values: np.ndarray, *, data: str = "t1.raw", apart: bool = True, **given: str) -> Path:
    """A header, and its voxels in `data` or, of an NRRD, behind it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    x, y, z = values.shape
    text = MHD if path.suffix == ".mhd" else NRRD
    told = data if path.suffix == ".mhd" else f"data file: {data}\n" if apart else "\n"
    words = {"space": "space: left-posterior-superior\n", "units": "", **given}
    content = values.astype("<i2").tobytes(order="F")
    header = text.format(x=x, y=y, z=z, data=told, **words).encode()
    path.write_bytes(header if apart else header + content)
    if apart and not Path(data).is_absolute():
        (path.parent / data).write_bytes(content)
    return path


@pytest.mark.parametrize("ending", [".mhd", ".nhdr"])
def test_voxels_in_a_file_of_their_own(tmp_path: Path, files: Any, volumes: Make, ending: str) -> None:
    """The headers are the same, letter for letter: only the voxels tell the patients apart."""
    for seed, patient in enumerate(("P1", "P2")):
        headed(tmp_path / f"files/{patient}/t1{ending}", files.ball(seed=seed))
    assert (tmp_path / f"files/P1/t1{ending}").read_bytes() == (tmp_path / f"files/P2/t1{ending}").read_bytes()
    made = volumes()
    assert made.check() == [] and made.doubles == () and made.account.left_out == {}
    assert sorted(path.name for path in made.input_files) == [f"t1{ending}"] * 2 + ["t1.raw"] * 2
    keys = [entry_for(one, made.rules, cache=tmp_path / "cache").key for one in made.requests]
    assert keys[0] != keys[1]
    made.prepare(lambda step, done, total: None)
    rows = [entry.record()[0] for entry in made.ingested.entries.values()]
    assert [row["foreground_mean"] for row in rows] == [
        pytest.approx(files.ball(seed=seed)[2:-2, 2:-2, 2:-2].mean(), rel=1e-3) for seed in (0, 1)
    ]
    # Other voxels under the same header are another volume.
    (tmp_path / "files/P2/t1.raw").write_bytes(files.ball(seed=5).astype("<i2").tobytes(order="F"))
    assert entry_for(volumes().requests[1], made.rules, cache=tmp_path / "cache").key != keys[1]


@pytest.mark.parametrize("ending", [".mhd", ".nhdr"])
@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("gone.raw", "keeps its voxels in gone.raw, which is not there"),
        ("../files/t1.raw", r"keeps its voxels outside of its folder (../files/t1.raw): save it as one"),
        ("LIST", "keeps its voxels in several files (LIST): save it as one"),
        ("t1_%02d.raw 1 8 1", "keeps its voxels in several files (t1_%02d.raw 1 8 1)"),
    ],
)
def test_voxels_that_are_not_beside_their_header(tmp_path: Path, files: Any, ending: str, data: str, said: str) -> None:
    path = headed(tmp_path / f"files/P1{ending}", files.ball())
    path.write_text(path.read_text().replace("t1.raw", data))
    (file,) = find_all(tmp_path, f"files/*{ending}").volumes
    assert said in str(file.problem) and file.paths == (path,)


def test_an_image_part_of_a_metaimage_is_no_analyze_pair(tmp_path: Path, files: Any) -> None:
    headed(tmp_path / "P1.mhd", files.ball(), data="P1.img")
    found = find_all(tmp_path, ".")
    assert [(one.name, one.problem, len(one.paths)) for one in found.volumes] == [("P1.mhd", None, 2)]
    assert found.left_out == {}


@pytest.mark.parametrize(
    ("space", "signs"),
    [
        ("left-posterior-superior", (-1, -1, 1)), ("LPS", (-1, -1, 1)), ("RAS", (1, 1, 1)),
        ("right-anterior-superior", (1, 1, 1)), ("LAS", (-1, 1, 1)),
    ],
)  # fmt: skip
def test_spaces_of_the_patient(tmp_path: Path, files: Any, space: str, signs: tuple[int, ...]) -> None:
    """Spacing 1, 1, 2 and origin 5, 6, 7 as the space counts them, told in RAS."""
    headed(tmp_path / "P1.nrrd", files.ball(), apart=False, space=f"space: {space}\n")
    (file,) = find_all(tmp_path, ".").volumes
    assert file.problem is None
    assert np.allclose(file.matrix[:3], np.diag(signs) @ np.array([[1, 0, 0, 5], [0, 1, 0, 6], [0, 0, 2, 7]]))
    assert np.array_equal(read_volume(file).values, files.ball().astype(np.float32))


@pytest.mark.parametrize("space", ["scanner-xyz", "3D-right-handed", "3D-left-handed"])
def test_spaces_without_sides_of_the_patient(tmp_path: Path, files: Any, space: str) -> None:
    headed(tmp_path / "P1.nrrd", files.ball(), apart=False, space=f"space: {space}\n")
    (file,) = find_all(tmp_path, ".").volumes
    assert f"says a space that has no sides of the patient ({space}): write it in left-posterior" in str(file.problem)


def test_units_of_nrrd(tmp_path: Path, files: Any) -> None:
    headed(tmp_path / "P1.nrrd", files.ball(), apart=False, units='space units: "um" "um" "um"\n')
    (file,) = find_all(tmp_path, ".").volumes
    assert "says that its places are in um (space units), not in mm" in str(file.problem)
    headed(tmp_path / "P1.nrrd", files.ball(), apart=False, units='space units: "mm" "mm" "mm"\n')
    assert find_all(tmp_path, ".").volumes[0].problem is None
