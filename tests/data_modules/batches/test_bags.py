"""A bag on disk answers as the array would, and reads no more than it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from data_modules.batches import bags
from data_modules.batches.bags import Bag, Part, resident
from data_modules.batches.datamodule import FusionDataModule
from data_modules.batches.dataset import FIXED, Draw, ItemCache, PatientDataset
from data_modules.modalities.base import BaseFitted
from fusion.contract import Batch, Item, ModalitySpec, State


@pytest.fixture
def pieces() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.normal(size=(rows, 3)).astype(np.float32) for rows in (5, 1, 7)]


def bag_of(pieces: list[np.ndarray], seen: list[int] | None = None) -> Bag:
    def part(piece: np.ndarray) -> Part:
        def read(rows: np.ndarray) -> np.ndarray:
            assert (np.diff(rows) > 0).all(), "HDF5 takes ascending rows alone"
            if seen is not None:
                seen.append(len(rows))
            return piece[rows]

        return Part(rows=len(piece), read=read)

    return Bag([part(piece) for piece in pieces], shape=(3,), dtype=np.float32)


@pytest.mark.parametrize(
    "rows",
    [
        3,
        -1,
        slice(None),
        slice(4, 8),
        slice(None, None, -2),
        np.array([12, 0, 5, 0]),
        np.arange(13) % 3 == 0,
        slice(0, 0),
    ],
    ids=str,
)
def test_rows_are_those_of_the_array(pieces: list[np.ndarray], rows: object) -> None:
    whole = np.concatenate(pieces)
    bag = bag_of(pieces)
    np.testing.assert_array_equal(bag[rows], whole[rows])  # type: ignore[index]
    np.testing.assert_array_equal(np.asarray(bag), whole)
    assert bag.shape == whole.shape and len(bag) == 13 and bag.nbytes == whole.nbytes and bag.ndim == 2


def test_what_will_be_drawn_is_announced_a_batch_ahead_and_drawn_then(
    pieces: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three patients with a bag of 13 rows each, one a batch: announced are the very rows that are read."""
    monkeypatch.setattr(bags, "IN_MEMORY", 0)  # they stay on disk, small as they are
    told: list[tuple[str, int, list[int]]] = []

    class Bags(BaseFitted):
        def load(self, patient_id: str) -> Item:
            def part(number: int, piece: np.ndarray) -> Part:
                def note(what: str, rows: np.ndarray) -> np.ndarray:
                    told.append((f"{what} {patient_id}", number, rows.tolist()))
                    return piece[rows]

                return Part(rows=len(piece), read=partial(note, "read"), will_need=partial(note, "need"))

            bag = Bag([part(*one) for one in enumerate(pieces)], shape=(3,), dtype=np.float32)
            return Item(values=bag, mask=np.ones(13, dtype=bool))

        def table(self, patient_ids: Sequence[str]) -> pd.DataFrame:
            raise NotImplementedError

        def state(self) -> State:
            raise NotImplementedError

    fitted = {"slides": Bags(ModalitySpec(name="slides", kind="embeddings", token_shape=(3,)))}
    labels = pd.Series([0, 1, 0], index=list("abc"))
    data = FusionDataModule(
        fitted=fitted, train_ids=list("abc"), val_ids=list("abc"), labels=labels, batch_size=1,
        tiles_per_patient=4, validation_tiles=4, cache_bytes=300, seed=1,
    )  # fmt: skip
    list(data.train_dataloader())
    needed = [(what[5:], part, rows) for what, part, rows in told if what.startswith("need") and rows]
    assert needed == [(what[5:], part, rows) for what, part, rows in told if what.startswith("read")]
    order = list(dict.fromkeys(what for what, _, _ in told))
    a, b, c = (what[5:] for what in order if what.startswith("need"))
    assert order == [f"need {a}", f"need {b}", f"read {a}", f"need {c}", f"read {b}", f"read {c}"]
    told.clear()
    whole = data.predict_loader(["b"])
    told.clear()
    next(iter(whole))
    assert [rows for what, _, rows in told if what == "need b"] == [list(range(5)), [0], list(range(7))]
    validation = data.val_dataloader()
    list(validation)
    told.clear()
    list(validation)  # 300 bytes hold the masks of three bags, 39, and the samples of all, 3 × (48 + 4)
    assert told == [], "a sample that is kept is neither announced nor read again"


def test_only_what_is_drawn_is_read(pieces: list[np.ndarray]) -> None:
    seen: list[int] = []
    bag_of(pieces, seen)[np.array([1, 12])]
    assert seen == [1, 1]


def test_large_bags_stay_on_disk_and_small_ones_do_not(
    pieces: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    bag = bag_of(pieces)
    assert isinstance(bag.settled(), np.ndarray) and resident(bag.settled()) == 13 * 12
    monkeypatch.setattr("data_modules.batches.bags.IN_MEMORY", 100)
    assert bag.settled() is bag and resident(bag) == 0


def test_training_reads_the_drawn_tokens_and_evaluation_all(pieces: list[np.ndarray], tmp_path: Path) -> None:

    seen: list[int] = []
    whole = np.concatenate(pieces)

    class Fitted:
        spec = ModalitySpec(name="slides", kind="embeddings", token_shape=(3,))

        def load(self, patient: str) -> Item:
            return Item(values=bag_of(pieces, seen), mask=np.ones(13, dtype=bool))  # type: ignore[arg-type]

    def dataset_of(room: int) -> PatientDataset:
        fitted: Any = {"slides": Fitted()}
        return PatientDataset(fitted, ["a"], pd.Series({"a": 1}), tiles=4, cache=ItemCache(room))

    # Where memory has room the bag is read whole, once; else no more than what is drawn, each time.
    roomy = dataset_of(10_000)
    for epoch in range(3):
        roomy[[Draw(position=0, epoch=epoch)]]
    assert sum(seen) == 13
    seen.clear()
    dataset = dataset_of(13)
    drawn = dataset[[Draw(position=0, epoch=0)]].modalities["slides"]
    assert sum(seen) == 4 and drawn.values.shape == (1, 4, 3)
    assert all(any(np.array_equal(row, other) for other in whole) for row in drawn.values[0].numpy())
    every = dataset[[Draw(position=0)]].modalities["slides"]
    np.testing.assert_array_equal(every.values[0].numpy(), whole)


def test_memory_grows_with_the_draw_and_not_with_the_bag(tmp_path: Path) -> None:
    import tracemalloc

    rows, width = 150_000, 128  # 77 MB
    np.save(tmp_path / "bag.npy", np.zeros((rows, width), dtype=np.float32))

    def read(chosen: np.ndarray) -> np.ndarray:
        return np.load(tmp_path / "bag.npy", mmap_mode="r")[chosen]

    class Fitted:
        spec = ModalitySpec(name="slides", kind="embeddings", token_shape=(width,))

        def load(self, patient: str) -> Item:
            bag = Bag([Part(rows=rows, read=read)], shape=(width,), dtype=np.float32).settled()
            assert isinstance(bag, Bag)
            return Item(values=bag, mask=np.ones(rows, dtype=bool))  # type: ignore[arg-type]

    dataset = PatientDataset({"slides": Fitted()}, ["a"], pd.Series({"a": 1}), tiles=24)  # type: ignore[dict-item]
    tracemalloc.start()
    dataset[[Draw(position=0, epoch=0)]]
    drawn = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    assert dataset.size(0) == rows * width * 4
    whole = dataset[[Draw(position=0)]].modalities["slides"].values
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert drawn < 6e6  # row numbers of the bag, and 24 rows
    assert peak < 1.2 * whole.nbytes  # its own features once, and a chunk


def test_validations_sample_of_a_bag_on_disk_is_read_once(tmp_path: Path) -> None:
    """And as float16, as it lies there."""
    rows = 40_000
    stored = (np.arange(rows * 32) % 2039).reshape(rows, 32).astype(np.float16)
    read_rows: list[int] = []

    def read(chosen: np.ndarray) -> np.ndarray:
        read_rows.append(len(chosen))
        return stored[chosen]

    class Fitted:
        spec = ModalitySpec(name="slides", kind="embeddings", token_shape=(32,))

        def load(self, patient: str) -> Item:
            bag = Bag([Part(rows=rows, read=read)], shape=(32,), dtype=np.float16)
            return Item(values=bag, mask=np.ones(rows, dtype=bool))  # type: ignore[arg-type]

    def batch(room: int, epochs: int) -> Batch:
        cache = ItemCache(room)
        dataset = PatientDataset({"slides": Fitted()}, ["a"], pd.Series({"a": 1}), tiles=9, cache=cache)  # type: ignore[dict-item]
        read_rows.clear()
        for _ in range(epochs):
            found = dataset[[Draw(position=0, epoch=FIXED)]]
        return found

    kept = batch(1 << 20, 3)  # no room for the whole bag, room for nine tiles
    assert read_rows == [9]
    assert kept.modalities["slides"].values.dtype == torch.float16
    anew = batch(0, 3)
    assert read_rows == [9, 9, 9]
    assert torch.equal(kept.modalities["slides"].values, anew.modalities["slides"].values)
