"""Image folders as cohorts: classes, groups, what is refused, and single images read whatever their format."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from data_modules.errors import CohortError
from data_modules.folds.draw import open_folds
from data_modules.ingest.slides.image_features import PIXEL_FEATURES
from data_modules.ingest.slides.image_files import ImageError, image_facts, read_image
from data_modules.modalities.slides.images import Images
from data_modules.sources.image_folder import UNGROUPED, ImageFolder
from fusion.contract import FusionError, State

Make = Callable[..., ImageFolder]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for folder in ("NA", "fat", "tumour"):
        (tmp_path / "tiles" / folder).mkdir(parents=True)
        for patient in range(4):
            for number in range(2):
                pixels = rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / "tiles" / folder / f"P{patient}_{number}.png")
    return tmp_path / "tiles"


@pytest.fixture
def make(root: Path, tmp_path: Path) -> Make:
    def build(**options: object) -> ImageFolder:
        settings = {"root": root, "cache": tmp_path / "cache", **options}
        return ImageFolder(name="tiles", **settings)  # type: ignore[arg-type]

    return build


def reconciled(source: ImageFolder, **options: bool) -> object:
    return source.reconcile({"tiles": Images(name="tiles", source=source)}, **options)


def test_every_folder_is_a_class_even_one_called_na(make: Make) -> None:
    cohort = make().reconcile({"tiles": Images(name="tiles", source=make())})
    assert cohort.spec.endpoint.kind == "multiclass"
    assert cohort.spec.endpoint.classes == ("NA", "fat", "tumour")
    assert cohort.labels["NA/P0_0.png"] == 0
    assert cohort.labels["tumour/P3_1.png"] == 2
    assert len(cohort.patient_ids) == 24
    assert cohort.spec.endpoint.note == UNGROUPED


def test_collapsed_to_two_classes(make: Make) -> None:
    source = make(label_map={"rest": "*", "cancer": ["tumour"]})
    cohort = source.reconcile({"tiles": Images(name="tiles", source=source)})
    assert (cohort.spec.endpoint.kind, cohort.spec.endpoint.classes) == ("binary", ("rest", "cancer"))
    assert cohort.labels.groupby(cohort.labels.index.str.split("/").str[0]).first().to_dict() == {
        "NA": 0,
        "fat": 0,
        "tumour": 1,
    }


def test_names_of_files_may_differ_in_a_zero_alone(make: Make, root: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(root / "fat" / "P0_00.png")
    source = make()
    assert len(source.reconcile({"tiles": Images(name="tiles", source=source)}).patient_ids) == 25


def test_ignored_folders_are_left_out_and_listed(make: Make) -> None:
    source = make(ignore=["NA"])
    cohort = source.reconcile({"tiles": Images(name="tiles", source=source)})
    assert len(cohort.patient_ids) == 16
    dropped = cohort.reconciliation.loc[~cohort.reconciliation["kept"], "patient_id"]
    assert all(name.startswith("NA/") for name in dropped)


def test_groups_stay_whole_in_folds(make: Make, tmp_path: Path) -> None:
    source = make(group_pattern=r"(P\d)_")
    cohort = source.reconcile({"tiles": Images(name="tiles", source=source)})
    assert cohort.spec.endpoint.note == ""
    assert cohort.groups is not None
    folds = open_folds(cohort, path=tmp_path / "folds.json", seed=1, outer=2, inner=2)
    for fold in folds:
        for one, other in ((fold.train, fold.test), *((inner.train, inner.val) for inner in fold.inner)):
            assert not {cohort.groups[name] for name in one} & {cohort.groups[name] for name in other}


def test_without_labels_every_image_is_kept(make: Make, root: Path) -> None:
    flat = root / "fat"
    source = make(root=flat)
    cohort = source.reconcile({"tiles": Images(name="tiles", source=source)}, require_labels=False)
    assert len(cohort.patient_ids) == 8
    assert (cohort.labels == -1).all()
    mapped = make(root=flat, label_map={"rest": "*", "cancer": ["tumour"]})
    cohort = mapped.reconcile({"tiles": Images(name="tiles", source=mapped)}, require_labels=False)
    assert (cohort.labels == -1).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"root": None, "fetch": "Fetch NCT."}, "sub-folder a class. Fetch NCT."),
        ({"label_map": {"one": ["fat"], "two": ["fat", "tumour"]}}, "fat stands in two places"),
        ({"label_map": {"one": ["fat"], "two": ["tumor"]}}, "names tumor, which are no folders"),
        ({"label_map": {"one": ["fat"]}}, "1 class"),
        ({"group_pattern": "("}, "group_pattern"),
    ],
)
def test_declarations_that_cannot_be_right(make: Make, options: dict[str, object], words: str) -> None:
    with pytest.raises(CohortError) as caught:
        make(**options)
    assert words in str(caught.value)


def test_what_training_refuses(make: Make, root: Path) -> None:
    with pytest.raises(CohortError, match="images lie in no class"):
        reconciled(make(label_map={"one": ["fat"], "two": ["tumour"]}))
    with pytest.raises(CohortError, match=r"images belong to no group \(24"):
        reconciled(make(group_pattern="TCGA-.."))
    with pytest.raises(CohortError, match="has 0 sub-folder of images"):
        reconciled(make(root=root / "fat"))
    (root / "empty").mkdir()
    with pytest.raises(CohortError, match="holds no image"):
        reconciled(make(root=root / "empty"), require_labels=False)


def test_images_of_any_kind_become_rgb(tmp_path: Path) -> None:
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    assert (read_image(tmp_path / "grey.png") == grey).all()
    clear = np.zeros((16, 16, 4), dtype=np.uint8)
    clear[:8, :, 3] = 255
    Image.fromarray(clear).save(tmp_path / "clear.png")
    pixels = read_image(tmp_path / "clear.png")
    assert pixels.shape == (3, 16, 16)
    assert pixels[:, :8].max() == 0
    assert pixels[:, 8:].min() == 255
    assert read_image(tmp_path / "grey.png", size=32).shape == (3, 32, 32)


def test_images_that_cannot_be_read(tmp_path: Path, make: Make, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(np.zeros((16, 16), dtype=np.uint16)).save(tmp_path / "deep.png")
    assert "more than 8 bits" in str(image_facts(tmp_path / "deep.png"))
    (tmp_path / "text.png").write_text("no image")
    assert "no image" in str(image_facts(tmp_path / "text.png"))
    whole = (root / "fat" / "P0_0.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ImageError, match="truncated"):
        read_image(tmp_path / "cut.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert "more pixels" in str(image_facts(root / "fat" / "P0_0.png"))
    problems = Images(name="tiles", source=make()).check()
    assert "24 of 24 images cannot be read" in problems[0]
    assert "cohort.root" in problems[0]


def test_sizes_must_agree_or_be_set(make: Make, root: Path) -> None:
    Image.fromarray(np.zeros((30, 30, 3), dtype=np.uint8)).save(root / "fat" / "large.png")
    assert "modality.tiles.size" in Images(name="tiles", source=make()).check()[0]
    resized = Images(name="tiles", source=make(), size=24)
    assert resized.check() == []
    assert resized.fit([], np.array([], dtype=np.int64)).spec.token_shape == (3, 24, 24)
    with pytest.raises(FusionError, match=r"24×24 here, but the run was trained on 20×20"):
        resized.restore(State(config={"shape": [3, 20, 20]}, arrays={}))


def test_features_are_computed_once_and_kept(make: Make) -> None:
    seen: list[tuple[int, int]] = []
    images = Images(name="tiles", source=make(), workers=1)
    with pytest.raises(FusionError, match="run prepare first"):
        images.fit([], np.array([], dtype=np.int64)).table(["fat/P0_0.png"])
    images.prepare(lambda step, done, total: seen.append((done, total)))
    assert seen[-1] == (24, 24)
    again = Images(name="tiles", source=make(), workers=1)
    table = again.fit([], np.array([], dtype=np.int64)).table(["fat/P0_0.png", "NA/P1_1.png"])
    assert tuple(table.columns) == PIXEL_FEATURES
    assert table["od_red"].iloc[0] == pytest.approx(
        -np.log((read_image(make().root / "fat/P0_0.png")[0] + 1.0) / 256.0).mean(), rel=1e-5
    )


def test_folders_of_a_split_are_no_classes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for part in ("train", "Val", "test"):
        for folder in ("fat", "tumour"):
            (tmp_path / "tiles" / part / folder).mkdir(parents=True)
            pixels = rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "tiles" / part / folder / "a.png")

    def cohort(root: Path, **options: object) -> ImageFolder:
        return ImageFolder(name="tiles", root=root, cache=tmp_path / "cache", **options)  # type: ignore[arg-type]

    with pytest.raises(CohortError, match=r"named as parts of a split.*Val, test, train.*e\.g\. .*/tiles/train"):
        cohort(tmp_path / "tiles").reconcile({})
    mended = cohort(tmp_path / "tiles/train")
    images = Images(name="tiles", source=mended, size=32, workers=1)
    assert mended.reconcile({"tiles": images}).patient_ids == ("fat/a.png", "tumour/a.png")


def test_one_image_in_two_classes_and_copies_in_one(root: Path, make: Make) -> None:
    (root / "fat/copy.png").write_bytes((root / "fat/P0_0.png").read_bytes())
    cohort = make()
    made = cohort.reconcile({"tiles": Images(name="tiles", source=cohort, size=32, workers=1)})
    assert "1 of 25 images are copies of another of their class" in made.notes[-1]
    assert "may be in training and in test" in made.notes[-1]
    together = make(group_pattern=r"/(.)")  # "P" and "c": two groups
    notes = together.reconcile({"tiles": Images(name="tiles", source=together, size=32, workers=1)}).notes
    assert "fat/P0_0.png = fat/copy.png" in notes[-1]
    (root / "tumour/copy.png").write_bytes((root / "fat/P0_0.png").read_bytes())
    with pytest.raises(CohortError, match=r"several classes, byte for byte.*fat/P0_0.png = fat/copy.png = tumour/copy"):
        make().reconcile({"tiles": Images(name="tiles", source=make(), size=32, workers=1)})
    (root / "tumour/copy.png").unlink()
    (root / "notes.txt").write_text("x")
    left = Images(name="tiles", source=make(), size=32, workers=1).account
    assert str(left) == (
        "modality.tiles: found 26 files, used 25 as images, left out 1: "
        "1 that are no images by their ending (notes.txt)"
    )


def test_an_image_that_was_cut_is_named_by_prepare(root: Path, make: Make) -> None:
    path = root / "fat/P0_0.png"
    path.write_bytes(path.read_bytes()[:-400])
    images = Images(name="tiles", source=make(), size=32, workers=1)
    assert images.check() == []  # its header is whole
    with pytest.raises(FusionError, match=r"1 of 24 images cannot be read: .*P0_0\.png is truncated.*Copy them again"):
        images.prepare(lambda step, done, total: None)
    path.unlink()
    Images(name="tiles", source=make(), size=32, workers=1).prepare(lambda step, done, total: None)


def test_folders_whose_names_yaml_takes_for_booleans(root: Path, make: Make) -> None:
    (root / "tumour").rename(root / "yes")
    (root / "fat").rename(root / "no")
    with pytest.raises(CohortError, match=r"YAML takes no and yes without quotes .* quote them in cohort\.label_map"):
        make(label_map={"healthy": [False], "cancer": [True]})
    assert make(label_map={"healthy": ["no"], "cancer": ["yes"]}, ignore=["NA"]).endpoint.label("yes") == 1


def sixteen(pixels: np.ndarray, path: Path) -> None:
    """A PNG of 16 bits a channel, which Pillow does not write (PNG specification, 11.2)."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    lines = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    size = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 16, 2, 0, 0, 0)
    content = chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + content)


@pytest.mark.parametrize(
    ("name", "write", "said"),
    [
        ("a.tif", lambda rgb, path: tifffile.imwrite(path, rgb.astype(np.uint16) * 16, photometric="rgb"),
         "more than 8 bits a channel"),
        ("a.png", lambda rgb, path: sixteen(rgb.astype(np.uint16) * 16, path), "more than 8 bits a channel"),
        ("b.png", lambda rgb, path: Image.fromarray(rgb[..., 0].astype(np.uint16)).save(path), "8 bits a channel"),
        ("a.jpg", lambda rgb, path: Image.fromarray(rgb).convert("CMYK").save(path), "holds CMYK colours"),
        ("b.tif", lambda rgb, path: Image.fromarray(rgb).save(path, save_all=True,
                                                              append_images=[Image.fromarray(255 - rgb)]),
         "holds 2 pictures; save the one that is meant by itself"),
    ],
)  # fmt: skip
def test_images_that_are_not_one_of_rgb_with_8_bits(
    tmp_path: Path, name: str, write: Callable[[np.ndarray, Path], None], said: str
) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (8, 9, 3), dtype=np.uint8)
    write(rgb, tmp_path / name)
    fact = image_facts(tmp_path / name)
    assert isinstance(fact, ImageError) and name in str(fact) and said in str(fact)
    with pytest.raises(ImageError, match=said):
        read_image(tmp_path / name)


@pytest.mark.parametrize("suffix", [".tif", ".png", ".jpg"])
def test_images_of_rgb_with_8_bits(tmp_path: Path, suffix: str) -> None:
    rgb = np.full((8, 9, 3), (200, 90, 150), dtype=np.uint8)
    Image.fromarray(rgb).save(tmp_path / f"a{suffix}", quality=100)
    assert image_facts(tmp_path / f"a{suffix}") == (9, 8)
    assert np.abs(read_image(tmp_path / f"a{suffix}").astype(int) - np.moveaxis(rgb, -1, 0)).max() <= 2
