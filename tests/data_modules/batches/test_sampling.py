"""How many tiles are drawn, and what is said of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from data_modules.batches.datamodule import FusionDataModule
from data_modules.batches.dataset import Draw, PatientDataset
from data_modules.batches.sampling import check_tiles, drawn
from data_modules.modalities.base import BaseFitted
from fusion.contract import FusionError, Item, ModalitySpec, State

SIZES = {"A": 40, "B": 512, "C": 1_500, "D": 9_000, "E": 40_000}
LABELS = pd.Series(0, index=list(SIZES))


class Embeddings(BaseFitted):
    """Bags of two numbers a tile; F has none."""

    def __init__(self) -> None:
        super().__init__(ModalitySpec(name="slides", kind="embeddings", token_shape=(2,)))

    def load(self, patient_id: str) -> Item | None:
        if patient_id not in SIZES:
            return None
        size = SIZES[patient_id]
        return Item(values=np.zeros((size, 2), dtype=np.float32), mask=np.ones(size, dtype=bool))

    def table(self, patient_ids: Sequence[str]) -> pd.DataFrame:
        raise NotImplementedError

    def state(self) -> State:
        raise NotImplementedError


def test_small_bags_are_drawn_whole_and_some_hundreds_of_large_ones() -> None:
    """512 at least; a tenth of 9,000; never more than 2,048."""
    by_hand = {"A": 40, "B": 512, "C": 512, "D": 900, "E": 2_048}
    assert {name: drawn(size, "auto", kind="embeddings") for name, size in SIZES.items()} == by_hand
    assert drawn(1_500, "auto", kind="tiles") == 256
    assert drawn(24, "auto", kind="tiles") == 24
    patients = PatientDataset({"slides": Embeddings()}, list(SIZES), LABELS, tiles="auto")
    for place, (name, number) in enumerate(by_hand.items()):
        item = patients.sample(Draw(position=place, epoch=3)).items["slides"]
        assert item is not None
        assert len(item.mask) == number, name
        whole = patients.sample(Draw(position=place)).items["slides"]
        assert whole is not None
        assert len(whole.mask) == SIZES[name]


def test_a_number_is_that_number_and_null_is_all() -> None:
    assert [drawn(30, tiles, kind="tiles") for tiles in (10, 50, None)] == [10, 30, 30]


def test_the_share_seen_is_told() -> None:
    data = FusionDataModule(
        fitted={"slides": Embeddings()}, train_ids=["A", "C", "F"], val_ids=["E"], labels=LABELS, tiles_per_patient=24
    )
    assert data.sampling() == {
        "slides": {
            "patients": 2,
            "tiles": 770.0,
            "drawn": 24.0,
            "share": pytest.approx((24 / 40 + 24 / 1_500) / 2),
            "lowest_share": pytest.approx(24 / 1_500),
        }
    }
    whole = FusionDataModule(fitted={"slides": Embeddings()}, train_ids=["A"], val_ids=[], labels=LABELS)
    assert whole.sampling()["slides"]["share"] == 1.0


@pytest.mark.parametrize("tiles", [0, -3, "some", True, 2.5])
def test_what_is_no_number_is_refused(tiles: object) -> None:
    with pytest.raises(FusionError, match=r"datamodule\.tiles_per_patient is .*auto"):
        check_tiles(tiles)  # type: ignore[arg-type]


class Numbered(Embeddings):
    """Every tile is its own number."""

    def load(self, patient_id: str) -> Item | None:
        item = super().load(patient_id)
        if item is None:
            return None
        return replace(item, values=np.arange(2 * len(item.mask), dtype=np.float32).reshape(-1, 2))


def test_validation_sees_the_same_sample_each_time_and_scores_see_all() -> None:
    data = FusionDataModule(
        fitted={"slides": Numbered()}, train_ids=["A"], val_ids=list(SIZES), labels=LABELS, validation_tiles=5
    )
    seen = [[batch.modalities["slides"] for batch in data.val_dataloader()] for _ in range(2)]
    for first, again in zip(*seen, strict=True):
        assert np.array_equal(first.values, again.values)
        assert first.mask.sum(dim=1).tolist() == [5] * len(first.mask)
    everything = [batch.modalities["slides"] for batch in data.predict_loader(list(SIZES))]
    assert sorted(int(row) for part in everything for row in part.mask.sum(dim=1)) == sorted(SIZES.values())
    other = FusionDataModule(
        fitted={"slides": Numbered()}, train_ids=["A"], val_ids=list(SIZES), labels=LABELS, validation_tiles=5, seed=1
    )
    assert not np.array_equal(next(iter(other.val_dataloader())).modalities["slides"].values, seen[0][0].values)
    with pytest.raises(FusionError, match=r"datamodule.validation_tiles is 0"):
        FusionDataModule(fitted={}, train_ids=[], val_ids=[], labels=LABELS, validation_tiles=0)
