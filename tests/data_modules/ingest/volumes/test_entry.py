"""What an entry holds of one patient, voxel by voxel and row by row, from a block whose every number is known."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from data_modules.ingest.volumes.files import usable_affine, volume_hash
from data_modules.ingest.volumes.find import find_all
from data_modules.ingest.volumes.ingest import PatientVolumes, VolumeEntry, VolumeRules, entry_for, ingest_patient
from data_modules.ingest.volumes.settings import GridSettings, Intensity
from data_modules.ingest.volumes.volume_set import ingest_volumes


def scan() -> np.ndarray:
    """Hounsfield units: air at -1000, a block of 64 voxels at 50, of which one is 100."""
    values = np.full((8, 8, 8), -1000, dtype=np.float32)
    values[2:6, 2:6, 2:6] = 50
    values[3, 4, 5] = 100
    return values


def rules(**grid: object) -> VolumeRules:
    how = Intensity(kind="ct", window=(0.0, 200.0))
    given = {"spacing": (2.0, 1.0, 1.0), "size": (8, 8, 8), "patch": (4, 8, 2), "crop": "none", **grid}
    return VolumeRules(sequences={"ct": how, "late": how}, grid=GridSettings(**given))  # type: ignore[arg-type]


@pytest.fixture
def request_of(tmp_path: Path, files: SimpleNamespace) -> PatientVolumes:
    files.nifti(tmp_path / "files/P1_ct.nii.gz", scan(), np.diag([2.0, 1.0, 1.0, 1.0]))
    (found,) = find_all(tmp_path / "files", ".").volumes
    return PatientVolumes(patient="P1", files={"ct": found})


def made(request: PatientVolumes, root: Path, **grid: object) -> VolumeEntry:
    return ingest_patient(request, rules(**grid), cache=root / "cache")


def test_values_region_and_what_is_missing(request_of: PatientVolumes, tmp_path: Path) -> None:
    """The grid is the volume's own: nothing is interpolated. 50 of 0 to 200 is 0.25, 100 is 0.5, air is 0."""
    entry = made(request_of, tmp_path)
    expected = np.zeros((8, 8, 8))
    expected[2:6, 2:6, 2:6] = 0.25
    expected[3, 4, 5] = 0.5
    np.testing.assert_allclose(entry.values(), [expected, np.zeros_like(expected)])
    assert entry.inside().all(axis=(1, 2, 3)).tolist() == [True, False]
    assert not entry.inside()[1].any()
    np.testing.assert_array_equal(np.load(entry.folder / "region.npy"), expected > 0)
    assert entry.features().shape == (2 * 18 + 5,) and np.isnan(entry.features()[18:]).all()


def test_tokens_are_the_patches_of_each_sequence_in_turn(request_of: PatientVolumes, tmp_path: Path) -> None:
    settings = rules()
    assert settings.grid.patches == (2, 1, 4)
    entry = made(request_of, tmp_path)
    tokens, known = entry.tokens(settings.grid)
    assert tokens.shape == (16, 4, 8, 2) and tokens.dtype == np.float32
    assert known.tolist() == [True] * 8 + [False] * 8
    for number, (x, z) in enumerate((x, z) for x in range(2) for z in range(4)):
        part = entry.values()[0, 4 * x : 4 * x + 4, :, 2 * z : 2 * z + 2]
        np.testing.assert_array_equal(tokens[number], part)
    assert not tokens[8:].any()


def test_a_patch_with_one_measured_voxel_is_known(request_of: PatientVolumes, tmp_path: Path) -> None:
    """A grid of 12 voxels along x over a volume of 8: two lie outside at either end, and count as nothing."""
    entry = made(request_of, tmp_path, size=(12, 8, 8), patch=(2, 8, 8))
    assert entry.inside()[0, :, 0, 0].tolist() == [False] * 2 + [True] * 8 + [False] * 2
    _, known = entry.tokens(rules(size=(12, 8, 8), patch=(2, 8, 8)).grid)
    assert known.tolist() == [False, True, True, True, True, False] + [False] * 6
    assert np.load(entry.folder / "region.npy").sum() == 64
    assert (
        made(request_of, tmp_path, size=(9, 8, 8), patch=(3, 8, 8))
        .tokens(rules(size=(9, 8, 8), patch=(3, 8, 8)).grid)[1]
        .tolist()
        == [True] * 3 + [False] * 3
    )


def test_the_row_of_the_quality_table(request_of: PatientVolumes, tmp_path: Path) -> None:
    """64 voxels of 2 mm³ are 0.128 ml, one of them at 100. Of the block's four layers along z the grid holds two."""
    (row,) = made(request_of, tmp_path, size=(4, 4, 2), patch=(2, 2, 2)).record()
    assert row == {
        "patient": "P1",
        "sequence": "ct",
        "file": "P1_ct.nii.gz",
        "kind": "nifti",
        "shape": "8×8×8",
        "spacing_mm": "2×1×1",
        "orientation": "RAS",
        "lowest": -1000.0,
        "highest": 100.0,
        "foreground_mean": 50.78125,
        "foreground_std": pytest.approx(50 * 63**0.5 / 64),
        "foreground_ml": pytest.approx(0.128),
        "foreground_in_grid": pytest.approx(0.5),
    }
    (whole,) = made(request_of, tmp_path).record()
    assert whole["foreground_in_grid"] == 1.0


def test_entries_differ_where_what_decides_them_differs(request_of: PatientVolumes, tmp_path: Path) -> None:
    plain = entry_for(request_of, rules(), cache=tmp_path / "cache").key
    assert entry_for(request_of, rules(), cache=tmp_path / "cache").key == plain
    masked = PatientVolumes(patient="P1", files=request_of.files, mask=request_of.files["ct"])
    labelled = PatientVolumes(patient="P1", files=request_of.files, labels=(1.0,))
    others = [
        entry_for(masked, rules(), cache=tmp_path / "cache").key,
        entry_for(labelled, rules(), cache=tmp_path / "cache").key,
        entry_for(request_of, rules(crop="brightest"), cache=tmp_path / "cache").key,
    ]
    assert len({plain, *others}) == 4


def test_the_quality_table_of_a_cohort(request_of: PatientVolumes, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    made = ingest_volumes(
        [request_of],
        rules(),
        cache=tmp_path / "cache",
        progress=lambda step, done, total: told.append((step, done, total)),
        simulated=True,
    )
    header, row = (made.folder / "quality.csv").read_text().splitlines()
    assert header == (
        "patient,sequence,file,kind,shape,spacing_mm,orientation,lowest,highest,foreground_mean,foreground_std,"
        "foreground_ml,foreground_in_grid,error,simulated"
    )
    assert row.startswith("P1,ct,P1_ct.nii.gz,nifti,8×8×8,2×1×1,RAS,-1000.0,100.0,50.78125,")
    assert row.endswith(",1.0,,True")
    assert told[-1][1:] == (1, 1) and not made.errors


def test_affines_that_can_be_used() -> None:
    """Spacings from 0.02 to 50 mm, both included; axes whose box has more than a tenth of a cube's volume."""
    assert usable_affine(np.diag([0.02, 1.0, 50.0, 1.0]))
    assert not usable_affine(np.diag([0.0199, 1.0, 1.0, 1.0]))
    assert not usable_affine(np.diag([1.0, 1.0, 50.1, 1.0]))
    assert not usable_affine(np.diag([1.0, np.nan, 1.0, 1.0]))
    for angle, usable in ((5.0, False), (7.0, True)):  # sin 5° = 0.087, sin 7° = 0.122
        affine = np.eye(4)
        affine[:2, 1] = np.cos(np.deg2rad(angle)) * 3, np.sin(np.deg2rad(angle)) * 3
        affine[:3, 3] = 1000, -1000, 1000  # where it lies counts nothing
        assert usable_affine(affine) is usable


def test_the_hash_of_a_series_follows_each_slice(tmp_path: Path, files: SimpleNamespace) -> None:
    paths = files.series(tmp_path / "files", files.ball())
    (found,) = find_all(tmp_path / "files", ".").volumes
    first = volume_hash(found, memo=tmp_path / "memo")
    assert volume_hash(found, memo=tmp_path / "memo") == first == volume_hash(found, memo=tmp_path / "other")
    notes = list((tmp_path / "memo/hashes").glob("series_*.txt"))
    assert [note.read_text() for note in notes] == [first]
    files.change(paths[-1], PatientID="P2")
    assert volume_hash(found, memo=tmp_path / "memo") != first
