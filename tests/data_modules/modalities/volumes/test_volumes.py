"""Volumes as a modality: who has what, what is refused, and what an ingested patient is."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from data_modules.batches.dataset import Draw, PatientDataset
from data_modules.ingest.volumes.features import feature_names
from data_modules.ingest.volumes.grid import to_patches
from data_modules.modalities.volumes.volumes import Volumes
from fusion.contract import FusionError, SettingsError, telling
from fusion.run.state import load_state, save_state

Make = Callable[..., Volumes]
TWO = {
    "pre": {"match": "pre", "time": "baseline", "intensity": "mr"},
    "post": {"match": "post", "time": "baseline", "intensity": "mr"},
}


def silent(step: str, done: int, total: int) -> None:
    pass


@pytest.fixture
def cohort(tmp_path: Path, files: Any) -> Path:
    """P1 as NIfTI with both sequences, P2 as DICOM with both, P3 with the first only."""
    root = tmp_path / "files"
    files.nifti(root / "P1_pre.nii.gz", files.ball())
    files.nifti(root / "P1_post.nii.gz", files.ball(seed=1))
    files.series(root / "P2", files.ball(seed=2), description="pre", patient="P2")
    files.series(root / "P2", files.ball(seed=3), description="post", patient="P2", number=2, start=9)
    files.series(root / "P2", files.ball(seed=4), description="LOCALIZER", patient="P2", number=3, start=17)
    files.nifti(root / "P3_pre.nii.gz", files.ball(seed=5))
    return root


def test_reading_headers_is_told(volumes: Make, cohort: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "QUIET", 0.0)
    monkeypatch.setattr(telling, "_EVERY", 0.0)
    told: list[tuple[str, int, int]] = []
    made = volumes(sequences=TWO)
    made.telling = telling.Telling(lambda *step: told.append(step))
    assert made.patients == {"P1", "P2", "P3"}
    files = len([path for path in cohort.rglob("*") if path.is_file()])
    assert told == [("Reading headers of modality.mri", done, files) for done in range(1, files + 1)]
    assert made.doubles == ()
    assert told[-1] == ("Comparing files of equal size of modality.mri", 5, 5)  # of P1 and P2 two, of P3 one


def test_planes_through_a_patch_as_radiologists_look(volumes: Make, cohort: Path) -> None:
    assert cohort.is_dir()
    fitted: Any = volumes(sequences=TWO, spacing=(1.0, 2.0, 3.0)).fit([], np.zeros(0, dtype=np.int64))
    x, y, z = np.indices((8, 8, 8), dtype=np.float32)
    values = 100 * x + 10 * y + z  # to the right, to anterior, to superior
    # The sixth of eight patches of 4 voxels: right, posterior, superior half; its middle is voxel (6, 2, 6).
    axial, coronal, sagittal = fitted.planes(to_patches(values, (4, 4, 4)), through=5)
    # RAS: index 0 is the patient's left. The patient's right is on the left, so the first column has the largest x.
    assert axial[0].tolist() == [100 * x + 70 + 6 for x in range(7, -1, -1)]  # front up
    assert coronal[:, 0].tolist() == [700 + 20 + z for z in range(7, -1, -1)]  # head up
    assert sagittal[0].tolist() == [600 + 10 * y + 7 for y in range(7, -1, -1)]
    assert fitted.plane_mm == [(16.0, 8.0), (24.0, 8.0), (24.0, 16.0)]


@pytest.fixture
def ready(cohort: Path, volumes: Make) -> Volumes:
    made = volumes(sequences=TWO)
    assert made.check() == []
    made.prepare(silent)
    return made


def test_patients_and_their_named_tokens(ready: Volumes) -> None:
    fitted = ready.fit([], np.zeros(0, dtype=np.int64))
    assert ready.patients == {"P1", "P2", "P3"}
    assert fitted.spec.kind == "volume"
    assert fitted.spec.token_shape == (4, 4, 4)
    assert fitted.spec.sequences == ("pre", "post")
    assert fitted.spec.grid == (2, 2, 2)
    assert [feature.name for feature in fitted.spec.features][7:9] == ["pre:1,1,1", "post:0,0,0"]
    for patient in ("P1", "P2"):
        item = fitted.load(patient)
        assert item is not None
        assert item.values.shape == (16, 4, 4, 4)
        assert item.mask.all()
    alone = fitted.load("P3")
    assert alone is not None
    assert alone.mask.tolist() == [True] * 8 + [False] * 8
    assert not alone.values[8:].any()
    assert fitted.load("P4") is None


def test_tokens_are_the_z_score_around_the_middle_of_the_patient(ready: Volumes, files: Any) -> None:
    """By hand: tissue is the foreground; the grid of 8 about its middle (5.5, 4.5, 3.5) starts at 2, 1, 0."""
    values = files.ball().astype(np.float64)
    tissue = values[2:-2, 2:-2, 2:-2]
    expected = np.clip((values - tissue.mean()) / tissue.std(), -5, 5)[2:10, 1:9, 0:8]
    item = ready.fit([], np.zeros(0, dtype=np.int64)).load("P1")
    assert item is not None
    np.testing.assert_allclose(item.values[0], expected[:4, :4, :4], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(item.values[5], expected[4:, :4, 4:], rtol=1e-4, atol=1e-5)


def test_batches_pad_missing_sequences_and_patients(ready: Volumes) -> None:
    fitted = {"mri": ready.fit([], np.zeros(0, dtype=np.int64))}
    data = PatientDataset(fitted, ["P3", "nobody", "P1"], pd.Series({"P1": 1}), tiles=4)
    batch = data[[Draw(position=at, epoch=0) for at in range(3)]].modalities["mri"]
    assert batch.values.shape == (3, 16, 4, 4, 4)
    assert batch.mask.sum(dim=1).tolist() == [8, 0, 16]  # tiles=4 samples no patches: each has its own place
    lonely = data[[Draw(position=1)]].modalities["mri"]
    assert lonely.values.shape == (1, 16, 4, 4, 4)
    assert not lonely.present.any()


def test_a_patient_depends_on_nobody_else(ready: Volumes, volumes: Make, cohort: Path) -> None:
    before = ready.fit([], np.zeros(0, dtype=np.int64)).load("P2")
    for path in cohort.glob("P[13]*"):
        path.unlink()
    alone = volumes(sequences=TWO | {"post": TWO["post"]})
    alone.prepare(silent)
    after = alone.fit([], np.zeros(0, dtype=np.int64)).load("P2")
    assert before is not None
    assert after is not None
    np.testing.assert_array_equal(before.values, after.values)


def test_second_time_nothing_is_read(ready: Volumes, volumes: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data_modules.ingest.volumes.ingest.read_volume", None)
    again = volumes(sequences=TWO)
    again.prepare(silent)
    assert set(again.ingested.entries) == {"P1", "P2", "P3"}


def test_an_interrupted_ingest_goes_on(cohort: Path, volumes: Make) -> None:
    def stop(step: str, done: int, total: int) -> None:
        if done == 1:
            raise KeyboardInterrupt

    made = volumes(sequences=TWO)
    with pytest.raises(KeyboardInterrupt):
        made.prepare(stop)
    with pytest.raises(FusionError, match="run prepare first"):
        _ = volumes(sequences=TWO).ingested
    steps: list[tuple[int, int]] = []
    made.prepare(lambda step, done, total: steps.append((done, total)))
    assert steps[0][0] >= 1
    assert steps[-1] == (3, 3)
    assert not list(made.ingested.folder.parent.parent.rglob("*.partial"))


def test_quality_table_and_contact_sheet_are_stamped(ready: Volumes) -> None:
    table = pd.read_csv(ready.ingested.folder / "quality.csv")
    assert table["patient"].tolist() == ["P1", "P1", "P2", "P2", "P3"]
    assert table["orientation"].tolist() == ["RAS", "RAS", "LPS", "LPS", "RAS"]
    assert table["spacing_mm"].tolist()[1:3] == ["1×1×1", "1×1×2"]
    assert table["simulated"].all()
    assert table["foreground_ml"].iloc[0] == pytest.approx(8 * 6 * 4 / 1e3)
    with Image.open(ready.ingested.folder / "contact_sheet_01.png") as sheet:
        pixels = np.asarray(sheet)
    assert (pixels[:24] == (190, 0, 0)).all(axis=-1).any(), "the red SIMULATED"


def test_handcrafted_table(ready: Volumes) -> None:
    names = ("pre", "post")
    table = ready.fit([], np.zeros(0, dtype=np.int64)).table(["P3", "nobody", "P1"])
    assert list(table.columns) == feature_names(names)
    assert table.loc["nobody"].isna().all()
    assert table.loc["P3", "pre:mean"] == pytest.approx(0, abs=0.01)  # of the foreground, which is z-scored
    assert table.loc["P3", [name for name in table if "post" in name]].isna().all()
    assert table.loc["P1"].notna().all()


def test_state_survives_the_disk_and_another_grid_is_refused(ready: Volumes, volumes: Make, tmp_path: Path) -> None:
    save_state(tmp_path, "mri", ready.fit([], np.zeros(0, dtype=np.int64)).state())
    kept = load_state(tmp_path, "mri")
    assert ready.restore(kept).load("P1") is not None
    with pytest.raises(FusionError, match=r"modality\.mri\.patch is \[8, 8, 8\] here, but .* \[4, 4, 4\]"):
        volumes(sequences=TWO, patch=8).restore(kept)


@pytest.mark.parametrize(
    ("other", "key"),
    [
        ({"centre": ["post"]}, "centre"),
        ({"crop": "none"}, "crop"),
        ({"spacing": (1.0, 1.0, 2.0)}, "spacing"),
        ({"size": 16}, "size"),
        ({"patch": 2}, "patch"),
        ({"sequences": dict(reversed(TWO.items()))}, "sequences"),
        ({"sequences": TWO | {"post": {**TWO["post"], "clip": 3.0}}}, "sequences"),
    ],
)
def test_a_model_reads_no_volumes_placed_or_scaled_in_another_way(
    cohort: Path, volumes: Make, other: dict[str, Any], key: str
) -> None:
    """Whatever moves, cuts or scales a volume stands in the state, `centre` among it, and is compared on restoring."""
    state = volumes(sequences=TWO).fit([], np.zeros(0, dtype=np.int64)).state()
    assert volumes(sequences=TWO).restore(state).spec.name == "mri"
    with pytest.raises(FusionError, match=rf"modality\.mri\.{key} is "):
        volumes(**{"sequences": TWO, **other}).restore(state)


# Bad input


def problems(made: Volumes) -> str:
    return "\n".join(made.check())


def refused(volumes: Make, **settings: Any) -> str:
    with pytest.raises(SettingsError) as told:
        volumes(**settings)
    return str(told.value)


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        ({"match": "pre", "intensity": "mr"}, "only volumes taken at baseline may be inputs"),
        ({"match": "pre", "intensity": "mr", "time": "post_baseline"}, "sequences.t.time is 'post_baseline'"),
        (
            {"match": "pre", "time": "baseline", "intensity": "pet"},
            "sequences.t.intensity must be one of mr, ct, not 'pet'",
        ),
        ({"match": "pre(", "time": "baseline", "intensity": "mr"}, "no regular expression"),
        ({"time": "baseline", "intensity": "mr"}, "sequences.t.match is needed"),
        ({"match": "pre", "time": "baseline", "intensity": "ct", "window": [3, 1]}, "sequences.t.window is [3.0, 1.0]"),
        (
            {"match": "pre", "time": "baseline", "intensity": "mr", "windw": 3},
            "Did you mean modality.mri.sequences.t.window?",
        ),
    ],
)
def test_declarations_that_cannot_be(cohort: Path, volumes: Make, declared: dict[str, Any], words: str) -> None:
    assert words in refused(volumes, sequences={"t": declared})


def test_a_sequence_that_finds_nothing(cohort: Path, volumes: Make) -> None:
    declared = {"match": "flair", "time": "baseline", "intensity": "mr"}
    assert "finds none of 6 volumes" in problems(volumes(sequences={"t": declared}))


def test_no_files_no_sequences_no_patient(cohort: Path, volumes: Make) -> None:
    assert "modality.mri.files: no file matches nowhere" in problems(volumes(sequences=TWO, files="nowhere"))
    assert "sequences is empty" in refused(volumes, sequences={})
    assert "belong to no patient (P1_post.nii.gz" in problems(volumes(sequences=TWO, patient_pattern="(Q1)"))
    assert "no multiple of patch" in refused(volumes, sequences=TWO, patch=3)
    assert "centre names t2" in refused(volumes, sequences=TWO, centre=["t2"])
    assert "modality.mri.size must be a list of 3, not [8, 8]" in refused(volumes, sequences=TWO, size=[8, 8])
    assert "modality.mri.max_failed must be at least 0 and at most 1" in refused(volumes, sequences=TWO, max_failed=3)


def test_two_volumes_of_one_sequence(cohort: Path, volumes: Make, files: Any) -> None:
    files.nifti(cohort / "P1_pre_again.nii.gz", files.ball())
    found = problems(volumes(sequences=TWO))
    assert "modality.mri.sequences.pre: 1 patients have more than one volume" in found
    assert "P1: P1_pre.nii.gz and P1_pre_again.nii.gz" in found


def test_one_volume_of_two_sequences(cohort: Path, volumes: Make) -> None:
    both = TWO | {"any": {"match": "P3", "time": "baseline", "intensity": "mr"}}
    assert "several sequences match P3_pre.nii.gz (pre, any)" in problems(volumes(sequences=both))


def test_headers_are_refused_before_long_work_and_only_where_they_are_used(
    cohort: Path, volumes: Make, files: Any
) -> None:
    (cohort / "P2" / "IM0020.dcm").unlink()  # of the localiser, which is no input
    assert problems(volumes(sequences=TWO)) == ""
    (cohort / "P2" / "IM0004.dcm").unlink()
    files.nifti(cohort / "P3_pre.nii.gz", np.zeros((4, 4, 4, 2), dtype=np.float32))
    found = problems(volumes(sequences=TWO))
    assert "2 of 6 volumes cannot be used" in found
    assert "P2/P2/pre misses 1 slices" in found
    assert "P3_pre.nii.gz has 4 dimensions" in found
    assert "leave them out of modality.mri.files" in found


def test_a_file_that_does_not_open_is_refused_by_name_wherever_it_lies(cohort: Path, volumes: Make) -> None:
    """Nobody knows what it is: it may be of a sequence, or of the one patient who then lacks it."""
    (cohort / "P4_pre.nii.gz").write_bytes(b"a log-in page")
    (cohort / "P5_other.nii").write_bytes(b"a log-in page")
    found = problems(volumes(sequences=TWO))
    assert "2 of 8 volumes cannot be used" in found
    assert "P4_pre.nii.gz does not open as NIfTI" in found and "P5_other.nii does not open as NIfTI" in found


def test_a_volume_with_nan_fails_its_patient_and_stops_the_run(cohort: Path, volumes: Make, files: Any) -> None:
    values = files.ball()
    values[0, 0, 0] = np.nan
    files.nifti(cohort / "P1_post.nii.gz", values)
    with pytest.raises(FusionError, match=r"1 of 3 patients failed.*P1_post.nii.gz holds 1 of 960 voxels"):
        volumes(sequences=TWO).prepare(silent)
    tolerant = volumes(sequences=TWO, max_failed=0.5)
    assert tolerant.failed == {}
    tolerant.prepare(silent)
    assert set(tolerant.ingested.errors) == {"P1"}
    assert tolerant.failed == {"P1": tolerant.ingested.errors["P1"]}
    assert tolerant.patients == {"P1", "P2", "P3"}
    assert tolerant.fit([], np.zeros(0, dtype=np.int64)).load("P1") is None
    assert "P1_post" in (tolerant.ingested.folder / "quality.csv").read_text()
    assert set(volumes(sequences=TWO, max_failed=0.5).failed) == {"P1"}  # a worker, which only reads the cache


def test_a_mended_volume_has_not_failed(cohort: Path, volumes: Make, files: Any) -> None:
    """Found anew by `prepare`, in the process that knew of the failure too."""
    values = files.ball()
    values[0, 0, 0] = np.nan
    files.nifti(cohort / "P1_post.nii.gz", values)
    made = volumes(sequences=TWO, max_failed=0.5)
    made.prepare(silent)
    assert set(made.failed) == {"P1"}
    files.nifti(cohort / "P1_post.nii.gz", files.ball())
    made.prepare(silent)
    assert made.failed == {}


def test_a_full_disk_is_no_fault_of_the_patient(cohort: Path, volumes: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half an entry never counts, and the run stops with one message, whatever `max_failed` allows."""
    save = np.save

    def full(path: Path, values: np.ndarray) -> None:
        if path.name == "region.npy":
            raise OSError(errno.ENOSPC, "No space left on device")
        save(path, values)

    monkeypatch.setattr("data_modules.ingest.volumes.ingest.np.save", full)
    made = volumes(sequences=TWO, max_failed=1.0)
    with pytest.raises(FusionError, match="no space left on the disk of the cache folder"):
        made.prepare(silent)
    monkeypatch.undo()
    with pytest.raises(FusionError, match="run prepare first"):
        _ = volumes(sequences=TWO).ingested
    made.prepare(silent)
    assert set(made.ingested.entries) == {"P1", "P2", "P3"}


def masked(volumes: Make, **options: Any) -> Volumes:
    only = {"pre": TWO["pre"]}
    return volumes(sequences=only, files="*.nii.gz", mask={"match": "mask", "of": "pre"}, crop="mask", **options)


def test_a_mask_centres_the_grid_and_outlines_the_features(cohort: Path, volumes: Make, files: Any) -> None:
    for patient in ("P1", "P3"):
        mask = np.zeros(files.ball().shape, dtype=np.float32)
        mask[3:5, 4:6, 2:4] = 1
        files.nifti(cohort / f"{patient}_mask.nii.gz", mask)
    (cohort / "P1_post.nii.gz").unlink()
    made = masked(volumes, size=2, patch=2)
    assert made.check() == []
    made.prepare(silent)
    fitted = made.fit([], np.zeros(0, dtype=np.int64))
    values = files.ball().astype(np.float64)
    tissue = values[2:-2, 2:-2, 2:-2]
    item = fitted.load("P1")
    assert item is not None
    expected = (values[3:5, 4:6, 2:4] - tissue.mean()) / tissue.std()
    np.testing.assert_allclose(item.values[0], expected, rtol=1e-4, atol=1e-5)
    assert fitted.table(["P1"]).loc["P1", "pre:mean"] == pytest.approx(expected.mean(), abs=1e-4)


def test_masks_that_do_not_fit(cohort: Path, volumes: Make, files: Any) -> None:
    files.nifti(cohort / "P1_mask.nii.gz", np.ones((4, 4, 4), dtype=np.float32))
    found = problems(masked(volumes))
    assert "1 masks are not drawn on the sequence pre" in found
    assert "P1_mask.nii.gz has 4×4×4 voxels, P1_pre.nii.gz 12×10×8" in found
    assert "1 of 2 patients have none (P3)" in found
    assert "mask is null" in refused(volumes, sequences=TWO, crop="mask")
    assert "modality.mri.mask.of is 't2'" in refused(volumes, sequences=TWO, mask={"match": "m", "of": "t2"})


def test_an_empty_mask(cohort: Path, volumes: Make, files: Any) -> None:
    for patient in ("P1", "P3"):
        mask = np.zeros(files.ball().shape, dtype=np.float32)
        mask[3, 3, 3] = 1 if patient == "P1" else 0.2
        files.nifti(cohort / f"{patient}_mask.nii.gz", mask)
    with pytest.raises(FusionError, match=r"P3_mask.nii.gz is an empty mask"):
        masked(volumes).prepare(silent)


def test_ct_is_windowed_through_slope_and_intercept(tmp_path: Path, volumes: Make, files: Any) -> None:
    """Stored 1064 with slope 1 and intercept -1024 is 40 HU: the middle of -160 to 240."""
    values = np.full((12, 10, 8), 24, dtype=np.float32)
    values[2:-2, 2:-2, 1:-1] = 1064
    for path in files.series(tmp_path / "files" / "P1", values, description="CT"):
        files.change(path, RescaleIntercept=-1024, Modality="CT")
    ct = {"ct": {"match": "CT", "time": "baseline", "intensity": "ct", "window": [-160, 240]}}
    made = volumes(sequences=ct, spacing=[1, 1, 2], size=4, patch=4)
    made.prepare(silent)
    item = made.fit([], np.zeros(0, dtype=np.int64)).load("P1")
    assert item is not None
    np.testing.assert_allclose(item.values, 0.5, atol=1e-6)
    row = json.loads((next(iter(made.ingested.entries.values())).folder / "volumes.json").read_text())[0]
    assert (row["lowest"], row["highest"]) == (-1000, 40)
