"""Features as CLAM, TRIDENT and STAMP write them: read where they lie, and refused where they do not fit."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h5py
import numpy as np
import pytest

from data_modules.batches.bags import Bag
from data_modules.ingest.slides.feature_files import read_header
from data_modules.modalities.slides.tile_features import FittedTileFeatures, TileFeatures
from fusion.contract import FusionError
from fusion.run.state import load_state, save_state

NOBODY = np.zeros(0, dtype=np.int64)


def silent(step: str, done: int, total: int) -> None:
    pass


def values(rows: int, width: int = 6, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, width)).astype(np.float32)


def clam(path: Path, features: np.ndarray) -> None:
    with h5py.File(path, "w") as file:
        file["features"] = features
        file["coords"] = np.arange(2 * features.shape[-2]).reshape(-1, 2) * 256
        file["coords"].attrs["patch_size"] = 256


def trident(path: Path, features: np.ndarray, encoder: str = "uni_v1") -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("features", data=features, chunks=(2, features.shape[1]), compression="gzip")
        file["features"].attrs["encoder"] = encoder
        file["coords"] = np.arange(2 * len(features)).reshape(-1, 2) * 512
        file["coords"].attrs.update({"patch_size": 256, "patch_size_level0": 512, "overlap": 0, "name": path.stem})


def stamp(path: Path, features: np.ndarray, extractor: str = "mahmood-uni") -> None:
    with h5py.File(path, "w") as file:
        file["feats"] = features.astype(np.float16)
        file["coords"] = np.arange(2.0 * len(features)).reshape(-1, 2) * 255.6
        file.attrs.update({"stamp_version": "2.0.0", "extractor": extractor, "unit": "um", "tile_size_um": 256.0})


@pytest.fixture
def cohort(tmp_path: Path) -> SimpleNamespace:
    """P1 with two slides of 5 and 3 tiles, P2 with one of 4, as TRIDENT writes them."""
    folder = tmp_path / "feats"
    folder.mkdir()
    trident(folder / "P1_a.h5", values(5))
    trident(folder / "P1_b.h5", values(3, seed=1))
    trident(folder / "P2_a.h5", values(4, seed=2))
    return SimpleNamespace(root=tmp_path, cache=tmp_path / "cache", simulated=False)


def features_of(cohort: SimpleNamespace, **changes: Any) -> TileFeatures:
    options: dict[str, Any] = {"files": "feats/*.h5", "patient_pattern": r"^(P\d)"}
    return TileFeatures(name="slides", source=cohort, **(options | changes))


@pytest.mark.parametrize(
    ("write", "unit", "side", "encoder"),
    [(clam, "px", 256, None), (trident, "px", 512, "uni_v1"), (stamp, "um", 256, "mahmood-uni")],
)
def test_each_tools_layout(
    tmp_path: Path, write: Callable[..., None], unit: str, side: float, encoder: str | None
) -> None:
    write(tmp_path / "a.h5", values(7))
    header = read_header(tmp_path / "a.h5")
    assert (header.rows, header.width, header.unit, header.side, header.encoder) == (7, 6, unit, side, encoder)
    read = header.read(np.array([0, 6]))
    assert read.dtype == header.dtype == (np.float16 if unit == "um" else np.float32), "as it is stored"
    np.testing.assert_allclose(read, values(7)[[0, 6]], rtol=2e-3, atol=1e-3)  # STAMP keeps half precision
    coords = header.coords()
    assert coords is not None and coords.shape == (7, 2) and coords.dtype == np.int64
    assert coords[1].tolist() == {256: [512, 768], 512: [1024, 1536]}.get(int(side) if unit == "px" else 0, [511, 767])


def test_an_axis_of_one_in_front_is_no_matter(tmp_path: Path) -> None:
    clam(tmp_path / "a.h5", values(7)[None])
    np.testing.assert_array_equal(read_header(tmp_path / "a.h5").read(np.array([2, 3])), values(7)[2:4])


def test_slides_of_a_patient_make_one_bag(cohort: SimpleNamespace) -> None:
    modality = features_of(cohort, encoder=None)
    assert modality.check() == []
    assert modality.patients == {"P1", "P2"}
    modality.prepare(silent)
    fitted = modality.fit(["P1"], NOBODY)
    assert fitted.spec.kind == "embeddings" and fitted.spec.token_shape == (6,)
    item = fitted.load("P1")
    assert item is not None and item.source is not None and item.coords is not None
    np.testing.assert_array_equal(item.values, np.concatenate([values(5), values(3, seed=1)]))
    assert item.files == ("P1_a.h5", "P1_b.h5") and item.source.tolist() == [0] * 5 + [1] * 3
    assert item.coords[5:].tolist() == [[0, 512], [1024, 1536], [2048, 2560]]
    assert fitted.load("P3") is None


def test_a_large_bag_is_read_row_by_row(cohort: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data_modules.batches.bags.IN_MEMORY", 10)
    item = features_of(cohort).fit([], NOBODY).load("P1")
    assert item is not None and isinstance(item.values, Bag)
    np.testing.assert_array_equal(item.values[np.array([6, 1])], np.stack([values(3, seed=1)[1], values(5)[1]]))


def test_the_table_is_mean_and_spread_over_all_tiles(cohort: SimpleNamespace) -> None:
    modality = features_of(cohort)
    modality.prepare(silent)
    table = modality.fit([], NOBODY).table(["P2", "P9", "P1"])
    both = np.concatenate([values(5), values(3, seed=1)])
    np.testing.assert_allclose(table.loc["P1"], np.concatenate([both.mean(axis=0), both.std(axis=0)]), rtol=1e-4)
    assert table.loc["P9"].isna().all()


def test_values_that_are_no_numbers_are_refused_with_file_and_row(cohort: SimpleNamespace) -> None:
    broken = values(9, seed=5)
    broken[4, 2] = np.nan
    broken[6, 0] = np.inf
    trident(cohort.root / "feats/P2_b.h5", broken)
    modality = features_of(cohort)
    assert modality.check() == []
    with pytest.raises(FusionError, match=r"modality\.slides: 1 of 4 .*P2_b\.h5: `features` is nan in row 4, column 2"):
        modality.prepare(silent)


def test_a_run_takes_features_of_its_own_kind_alone(cohort: SimpleNamespace, tmp_path: Path) -> None:
    fitted = features_of(cohort).fit([], NOBODY)
    save_state(tmp_path, "slides", fitted.state())
    state = load_state(tmp_path, "slides")
    assert isinstance(features_of(cohort, encoder="mahmood-uni", width=6).restore(state), FittedTileFeatures)
    for path in (cohort.root / "feats").glob("*.h5"):
        trident(path, values(4, width=8), encoder="virchow2")
    with pytest.raises(FusionError, match=r"the width of the features is 8 here, but the run was trained with 6"):
        features_of(cohort).restore(state)


def _write(name: str, make: Callable[[Path], object]) -> Callable[[Path], object]:
    return lambda folder: make(folder / name)


def _only(key: str, shape: tuple[int, ...], kind: str = "f4") -> Callable[[Path], object]:
    def make(path: Path) -> None:
        with h5py.File(path, "w") as file:
            file[key] = np.zeros(shape, dtype=kind)
            file["coords"] = np.zeros((4, 2))

    return make


@pytest.mark.parametrize(
    ("add", "changes", "message"),
    [
        (None, {"files": "none/*.h5"}, r"modality\.slides\.files: no file matches none/\*\.h5"),
        (None, {"patient_pattern": "^(Q)"}, r"3 of 3 feature files belong to no patient .*slides\.patient_pattern"),
        (None, {"encoder": "uni"}, r"slides\.encoder wants 1024 features a tile, but P1_a\.h5 has 6"),
        (None, {"width": 7}, r"slides\.width wants 7 features a tile, but P1_a\.h5 has 6"),
        (None, {"encoder": "conch", "width": 6}, r"are to be conch's, but P1_a\.h5 says uni_v1"),
        (_write("P3.h5", lambda p: trident(p, values(4, 8))), {}, r"3 of 4 files have 6 .*but P3\.h5 has 8"),
        (_write("P3.h5", lambda p: trident(p, values(4), "virchow2")), {}, r"to be uni_v1's, but P3\.h5 says virchow2"),
        (_write("P3.h5", lambda p: p.write_bytes(b"")), {}, r"P3\.h5 is no HDF5 file that can be read"),
        (
            _write("P3.h5", _only("embedding", (4, 6))),
            {},
            r"P3\.h5 holds neither `features` nor `feats`, but coords, em",
        ),
        (_write("P3.h5", _only("feats", (5, 6))), {}, r"`coords` has shape \(4, 2\), which does not fit the 5 tiles"),
        (_write("P3.h5", _only("feats", (6,))), {}, r"P3\.h5: `feats` has shape \(6,\)"),
        (_write("P3.h5", _only("feats", (4, 6), "i4")), {}, r"P3\.h5: `feats` has shape \(4, 6\) and type int32"),
        (_write("P3.h5", _only("feats", (0, 6))), {}, r"P3\.h5: `feats` is empty"),
        (
            _write("P3.h5", lambda p: stamp(p, values(4))),
            {},
            r"microns in 1 of 4 files \(P3\.h5\) and in pixels",
        ),
    ],
)
def test_problems_name_the_file_and_the_key(
    cohort: SimpleNamespace, add: Callable[[Path], object] | None, changes: dict[str, Any], message: str
) -> None:
    if add is not None:
        add(cohort.root / "feats")
    problems = features_of(cohort, **changes).check()
    assert len(problems) == 1
    assert re.search(message, problems[0]), problems[0]


def test_a_file_that_breaks_off_says_so(cohort: SimpleNamespace) -> None:
    path = cohort.root / "feats/P2_a.h5"
    trident(path, values(4000, seed=3))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    problems = features_of(cohort).check()
    assert len(problems) == 1 and "P2_a.h5 is no HDF5 file that can be read (" in problems[0]


def test_a_batch_of_peers_features_goes_through_multiple_instance_learning(cohort: SimpleNamespace) -> None:
    import pandas as pd
    import torch

    from data_modules.batches.dataset import Draw, PatientDataset
    from fusion.encoders.images.mil import EmbeddingMIL

    fitted = features_of(cohort).fit(["P1"], NOBODY)
    dataset = PatientDataset({"slides": fitted}, ["P1", "P2", "P9"], pd.Series({"P1": 1, "P2": 0}))
    batch = dataset[[Draw(position=0), Draw(position=1), Draw(position=2)]].modalities["slides"]
    assert batch.values.shape == (3, 8, 6) and batch.mask.sum(dim=1).tolist() == [8, 4, 0]
    torch.manual_seed(0)
    encoder = EmbeddingMIL(fitted.spec, width=4).eval()
    tokens = encoder(batch)
    assert tokens.summary.shape == (3, 4) and (tokens.summary[2] == 0).all()
    alone = encoder(dataset[[Draw(position=1)]].modalities["slides"])
    torch.testing.assert_close(alone.summary[0], tokens.summary[1])
