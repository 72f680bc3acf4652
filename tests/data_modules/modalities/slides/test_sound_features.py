"""Unusual files of tile features, and folders of images, that are sound: never to be refused."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h5py
import numpy as np
import pytest
from PIL import Image

from data_modules.modalities.slides.images import Images
from data_modules.modalities.slides.tile_features import TileFeatures
from data_modules.sources.image_folder import ImageFolder
from fusion.contract import FusionError

NOBODY = np.zeros(0, dtype=np.int64)


def features(root: Path, **changes: Any) -> TileFeatures:
    source = SimpleNamespace(root=root, cache=root / "cache", simulated=False)
    return TileFeatures(**({"name": "slides", "source": source, "files": "features/*.h5"} | changes))


def write(path: Path, values: np.ndarray, *, seed: int = 0, coords: Any = np.int64, **attributes: Any) -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    places = np.random.default_rng(seed).integers(0, 40, (values.shape[-2], 2)) * 256
    with h5py.File(path, "w") as file:
        file["features"] = values
        file["coords"] = places.astype(coords)
        file["coords"].attrs.update(attributes)
    return places


def rows(seed: int, kind: Any = np.float32) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(5, 8)).astype(kind)


@pytest.mark.parametrize("coords", [np.int32, np.uint64, np.float32, np.float64, ">i4"])
def test_coordinates_of_any_number_type(tmp_path: Path, coords: Any) -> None:
    places = write(tmp_path / "features/P1.h5", rows(1), coords=coords)
    made = features(tmp_path, patient_pattern=r"P\d")
    assert made.check() == []
    item = made.fit([], NOBODY).load("P1")
    assert item is not None and item.coords is not None
    assert item.coords.tolist() == places.tolist()


@pytest.mark.parametrize("kind", [np.float16, np.float64])
def test_features_of_other_widths_of_float_and_a_leading_axis(tmp_path: Path, kind: Any) -> None:
    values = rows(1, kind)
    write(tmp_path / "features/P1.h5", values[None])
    made = features(tmp_path, patient_pattern=r"P\d")
    assert made.check() == []
    item = made.fit([], NOBODY).load("P1")
    assert item is not None
    np.testing.assert_array_equal(np.asarray(item.values), values.astype(np.float32))


def test_one_file_that_does_not_say_its_tile_among_others_that_do(tmp_path: Path) -> None:
    for number in (1, 2):
        write(tmp_path / f"features/P{number}.h5", rows(number), patch_size_level0=512, target_magnification=20)
    write(tmp_path / "features/P3.h5", rows(3))
    assert features(tmp_path, patient_pattern=r"P\d").check() == []


def test_scans_at_20_and_40_of_one_target(tmp_path: Path) -> None:
    """TRIDENT at 20×: 256 pixels of level 0 where the scan is 20×, 512 where 40×: one size in microns."""
    said = {"target_magnification": 20, "patch_size": 256}
    write(tmp_path / "features/P1.h5", rows(1), patch_size_level0=256, level0_magnification=20, **said)
    write(tmp_path / "features/P2.h5", rows(2), patch_size_level0=512, level0_magnification=40, **said)
    assert features(tmp_path, patient_pattern=r"P\d").check() == []


def test_the_file_is_the_patient_without_a_pattern(tmp_path: Path) -> None:
    write(tmp_path / "features/P.01.h5", rows(1))
    made = features(tmp_path)
    assert made.check() == []
    assert made.patients == {"P.01"}


def test_one_name_in_folders_of_patients(tmp_path: Path) -> None:
    for number in (1, 2):
        write(tmp_path / f"features/P{number}/slide.h5", rows(number))
    made = features(tmp_path, files="features/*/slide.h5", patient_pattern=r"features/(P\d)/")
    assert made.check() == []
    fitted = made.fit([], NOBODY)
    for number in (1, 2):
        item = fitted.load(f"P{number}")
        assert item is not None
        np.testing.assert_array_equal(np.asarray(item.values), rows(number))


def image(path: Path, seed: int, mode: str = "RGB") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (32, 32, 3)).astype(np.uint8)
    Image.fromarray(pixels).convert(mode).save(path)


def test_images_of_several_formats_in_a_linked_class(tmp_path: Path) -> None:
    image(tmp_path / "tiles/tumour/a.png", 1)
    image(tmp_path / "tiles/tumour/deep/b.jpg", 2)
    image(tmp_path / "store/normal/c.tif", 3)
    image(tmp_path / "store/normal/d.png", 4, mode="L")
    (tmp_path / "tiles/normal").symlink_to(tmp_path / "store/normal")
    folder = ImageFolder(name="x", root=tmp_path / "tiles", cache=tmp_path / "cache")
    images = Images(name="tiles", source=folder, size=32, workers=1)
    cohort = folder.reconcile({"tiles": images})
    assert cohort.patient_ids == ("normal/c.tif", "normal/d.png", "tumour/a.png", "tumour/deep/b.jpg")
    assert cohort.labels.tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(("size", "shown"), [((400, 200), (160, 80)), ((200, 400), (80, 160)), ((90, 60), (90, 60))])
def test_a_picture_for_reports_fits_160_pixels_and_keeps_its_shape(
    tmp_path: Path, size: tuple[int, int], shown: tuple[int, int]
) -> None:
    (tmp_path / "tiles/tumour").mkdir(parents=True)
    Image.new("RGB", size, (200, 20, 20)).save(tmp_path / "tiles/tumour/a.png")
    folder = ImageFolder(name="x", root=tmp_path / "tiles", cache=tmp_path / "cache")
    told = Images(name="tiles", source=folder, workers=1).picture("tumour/a.png")
    kind, content = told.split(",")
    assert kind == "data:image/jpeg;base64"
    with Image.open(io.BytesIO(base64.b64decode(content))) as picture:
        assert picture.size == shown
        assert np.abs(np.asarray(picture).mean(axis=(0, 1)) - (200, 20, 20)).max() < 4


def test_features_of_two_magnifications(tmp_path: Path) -> None:
    """By TRIDENT's target: 256 pixels at 20× are 128 µm, at 5× 512; the size is among what prediction compares."""
    for number, power in ((1, 20), (2, 20), (3, 5)):
        write(tmp_path / f"features/P{number}.h5", rows(number), patch_size=256, target_magnification=power)
    (problem,) = features(tmp_path).check()
    assert "tiles of 2 of 3 files are 128 µm wide, but P3.h5 has 512 µm: features of two magnifications" in problem
    most = features(tmp_path, files="features/P[12].h5")
    assert most.check() == []
    state = most.fit([], NOBODY).state()
    assert state.config["microns"] == 128
    with pytest.raises(FusionError, match=r"the microns of the features is 512\.0 here, but .* 128\.0"):
        features(tmp_path, files="features/P3.h5").restore(state)
    write(tmp_path / "features/P4.h5", rows(4))  # says nothing: nothing to compare
    assert features(tmp_path, files="features/P4.h5").restore(state).spec.token_shape == (8,)


def test_what_is_no_hdf5_is_left_out(tmp_path: Path) -> None:
    write(tmp_path / "features/P1.h5", rows(1))
    (tmp_path / "features/P1.pt").write_bytes(b"PK")
    made = features(tmp_path, files="features/*")
    assert made.check() == [] and made.patients == {"P1"}
    assert str(made.account).endswith("used 1, left out 1: 1 that are no HDF5 (features/P1.pt)")
    (problem,) = features(tmp_path, files="features/*.pt").check()
    assert "found 1 files, used 0" in problem and "Point modality.slides.files to feature files" in problem


def prepared(root: Path) -> TileFeatures:
    made = features(root, patient_pattern=r"P\d")
    assert made.check() == []
    made.prepare(lambda step, done, total: None)
    return made


def places(path: Path, corners: np.ndarray) -> None:
    with h5py.File(path, "a") as file:
        del file["coords"]
        file["coords"] = corners


def test_files_without_tissue_features_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "features/P1.h5", rows(1))
    write(tmp_path / "features/P2.h5", np.zeros((5, 8), dtype=np.float32))
    with pytest.raises(FusionError, match=r"P2\.h5: all its 5 tiles have the same features"):
        prepared(tmp_path)
    write(tmp_path / "features/P2.h5", rows(2))
    places(tmp_path / "features/P2.h5", np.zeros((5, 2)))
    with pytest.raises(FusionError, match=r"P2\.h5: its 5 tiles lie at 1 places"):
        prepared(tmp_path)
    places(tmp_path / "features/P2.h5", np.array([[0, 0], [0, 0], [0, 9], [9, 9], [9, 9]]))
    prepared(tmp_path)  # overlap within reason
    write(tmp_path / "features/P2.h5", np.zeros((1, 8), dtype=np.float32))
    prepared(tmp_path)  # one tile


def test_features_of_a_size_unlike_the_rest_are_said(tmp_path: Path) -> None:
    for number in (1, 2, 3, 4):
        write(tmp_path / f"features/P{number}.h5", rows(number) * (20 if number == 4 else 1))
    (said,) = prepared(tmp_path).quality()[0].said
    assert "features of a size unlike the rest's" in said and "P4.h5 (" in said and "P1.h5" not in said
    write(tmp_path / "features/P4.h5", rows(4) * 3)
    assert prepared(tmp_path).quality()[0].said == ()


def test_two_data_sets_of_features_in_a_file(tmp_path: Path) -> None:
    write(tmp_path / "features/P1.h5", rows(1))
    with h5py.File(tmp_path / "features/P1.h5", "a") as file:
        file["feats"] = rows(2)
    (said,) = features(tmp_path).check()
    assert "P1.h5 holds both `features` and `feats`" in said


def test_a_sheet_with_times_leaves_out_what_is_of_after_therapy(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        write(tmp_path / f"features/P{number}.h5", rows(number))
    sheet = {"file": "s.csv", "key": "file", "patient": "who", "time": "when"}
    text = "file,who,when\nP1.h5,A,baseline\nP2,A,surgery\nfeatures/P3.h5,B,Baseline\n"
    (tmp_path / "s.csv").write_text(text)
    made = features(tmp_path, sample_sheet=sheet)
    assert made.check() == []
    assert made.patients == {"A", "B"} and [path.name for path in made.by_patient["A"]] == ["P1.h5"]
    assert "1 of another time than baseline by the sample sheet (features/P2.h5)" in str(made.account)
    (tmp_path / "s.csv").write_text(text.replace("baseline", "pre").replace("Baseline", "pre"))
    assert "no row of s.csv is of baseline by its column 'when', which has 'pre', 'surgery'" in " ".join(
        features(tmp_path, sample_sheet=sheet).check()
    )
