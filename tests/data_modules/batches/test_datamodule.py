from __future__ import annotations

import threading
import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
import pytorch_lightning as pl
import torch

from data_modules.batches.datamodule import EpochBatches, FusionDataModule, InOrder, risk_set
from data_modules.batches.dataset import Draw, ItemCache, PatientDataset
from data_modules.modalities.base import BaseFitted
from fusion.contract import EndpointSpec, FeatureSpec, Item, ModalitySpec, Secondary, State

IDS = [f"P{number:02d}" for number in range(23)]
LABELS = pd.Series([int(number % 3 == 0) for number in range(23)], index=IDS)


class Tiles(BaseFitted):
    """Patient n has n tiles (P00 none), each filled with its own number."""

    def __init__(self) -> None:
        super().__init__(ModalitySpec(name="slides", kind="tiles", token_shape=(3, 4, 4)))
        self.loads = 0

    def load(self, patient_id: str) -> Item | None:
        self.loads += 1
        number = int(patient_id[1:])
        if number == 0:
            return None
        values = np.broadcast_to(np.arange(1, number + 1, dtype=np.uint8)[:, None, None, None], (number, 3, 4, 4))
        return Item(
            values=values.copy(), mask=np.ones(number, dtype=bool), coords=np.zeros((number, 2), dtype=np.int64)
        )

    def table(self, patient_ids: Sequence[str]) -> pd.DataFrame:
        raise NotImplementedError

    def state(self) -> State:
        raise NotImplementedError


class Columns(Tiles):
    """Two columns, of everyone but P05."""

    def __init__(self) -> None:
        super().__init__()
        features = tuple(FeatureSpec(name=name, kind="column", label=name) for name in "ab")
        self._spec = ModalitySpec(name="clinical", kind="table", features=features)

    def load(self, patient_id: str) -> Item | None:
        if patient_id == "P05":
            return None
        return Item(values=np.array([1.5, float(patient_id[1:])], dtype=np.float32), mask=np.ones(2, dtype=bool))


@pytest.fixture
def fitted():
    return {"slides": Tiles(), "clinical": Columns()}


def module(fitted, **options):
    settings = {"train_ids": IDS[:17], "val_ids": IDS[17:], "labels": LABELS, "batch_size": 4, "seed": 3, **options}
    return FusionDataModule(fitted=fitted, **settings)


def by_patient(loader):
    """Patient's position → (modality → real tokens), whatever the batches were."""
    seen = {}
    for batch in loader:
        for row, index in enumerate(batch.index.tolist()):
            assert index not in seen
            parts = batch.modalities
            seen[index] = {name: part.values[row][part.mask[row]] for name, part in parts.items()}
    return seen


def same(one, other):
    assert one.keys() == other.keys()
    for index, parts in one.items():
        for name, values in parts.items():
            assert torch.equal(values, other[index][name])


def test_batch_by_hand(fitted):
    batch = PatientDataset(fitted, ["P02", "P00", "P05", "new"][:3], LABELS)[[Draw(position=i) for i in range(3)]]
    slides, clinical = batch.modalities["slides"], batch.modalities["clinical"]
    assert slides.values.shape == (3, 5, 3, 4, 4)
    assert slides.values.dtype == torch.uint8
    assert slides.mask.tolist() == [[True, True, False, False, False], [False] * 5, [True] * 5]
    assert slides.present.tolist() == [True, False, True]
    assert slides.values[0, :, 0, 0, 0].tolist() == [1, 2, 0, 0, 0]
    assert clinical.values.tolist() == [[1.5, 2.0], [1.5, 0.0], [0.0, 0.0]]
    assert clinical.values.dtype == torch.float32
    assert clinical.present.tolist() == [True, True, False]
    assert batch.label.tolist() == [0, 1, 0]
    assert batch.index.tolist() == [0, 1, 2]
    assert batch.label.dtype == batch.index.dtype == torch.int64


def test_a_batch_in_which_nobody_has_a_modality(fitted):
    slides = PatientDataset(fitted, ["P00"], LABELS)[[Draw(position=0)]].modalities["slides"]
    assert slides.values.shape == (1, 1, 3, 4, 4)
    assert not slides.mask.any()
    clinical = PatientDataset(fitted, ["P05"], LABELS)[[Draw(position=0)]].modalities["clinical"]
    assert clinical.values.shape == (1, 2)
    assert not clinical.mask.any()


def test_patients_without_a_label(fitted):
    labels = LABELS.drop(IDS[17:])
    batches = list(module(fitted, labels=labels, val_ids=[]).predict_loader(IDS[15:19]))
    assert batches[0].label.tolist() == [1, 0, -1, -1]


@pytest.mark.parametrize("size", [1, 5, 64])
def test_batch_size_changes_no_item(fitted, size):
    whole = by_patient(module(fitted).predict_loader(IDS))
    assert len(whole) == 23
    same(whole, by_patient(module(fitted, batch_size=size).predict_loader(IDS)))
    same(
        by_patient(module(fitted, tiles_per_patient=3).train_dataloader()),
        by_patient(module(fitted, tiles_per_patient=3, batch_size=size).train_dataloader()),
    )


def test_company_changes_no_draw(fitted):
    """P16 gets the same tiles whoever else trains."""
    alone = by_patient(module(fitted, tiles_per_patient=3, train_ids=["P16", "P15"]).train_dataloader())
    among = by_patient(module(fitted, tiles_per_patient=3).train_dataloader())
    assert torch.equal(alone[0]["slides"], among[16]["slides"])


def test_training_draws_tiles_anew_each_epoch_and_prediction_takes_all(fitted):
    data = module(fitted, tiles_per_patient=3)
    loader = data.train_dataloader()
    first, second = by_patient(loader), by_patient(loader)
    assert {len(parts["slides"]) for parts in first.values()} == {0, 1, 2, 3}
    assert first[2]["slides"][:, 0, 0, 0].tolist() == [1, 2]
    assert not torch.equal(first[16]["slides"], second[16]["slides"])
    assert len(set(first[16]["slides"][:, 0, 0, 0].tolist())) == 3
    same(first, by_patient(module(fitted, tiles_per_patient=3).train_dataloader()))
    assert len(by_patient(data.predict_loader(["P16"]))[0]["slides"]) == 16
    assert len(by_patient(data.val_dataloader())[5]["slides"]) == 22


def test_every_tile_is_drawn_as_often():
    data = PatientDataset({"slides": Tiles()}, ["P10"], LABELS, tiles=4, seed=1)
    draws = [data.sample(Draw(position=0, epoch=epoch)).items["slides"] for epoch in range(2000)]
    counts = np.bincount(np.concatenate([draw.values[:, 0, 0, 0] for draw in draws]), minlength=11)[1:]
    # 2000 · 4 / 10 = 800 each; standard deviation sqrt(2000 · 0.4 · 0.6) = 22.
    assert np.abs(counts - 800).max() < 90
    assert all(len(draw.coords) == len(draw.mask) == 4 for draw in draws)


def test_every_patient_once_an_epoch_in_even_batches():
    batches = EpochBatches(LABELS.to_numpy(), batch_size=11, seed=0)
    batches.set_epoch(4)
    drawn = list(batches)
    assert [len(batch) for batch in drawn] == [8, 8, 7]
    assert len(batches) == 3
    assert sorted(draw.position for batch in drawn for draw in batch) == list(range(23))
    assert {draw.epoch for batch in drawn for draw in batch} == {4}
    other = list(batches)
    assert other[0][0].epoch == 5
    assert [draw.position for draw in other[0]] != [draw.position for draw in drawn[0]]
    batches.set_epoch(4)
    assert list(batches) == drawn


def test_stratified_batches_have_their_share_of_each_class():
    labels = np.array([1] * 24 + [0] * 72)
    for epoch_batches in (EpochBatches(labels, batch_size=16, seed=seed, stratified=True) for seed in range(5)):
        for batch in epoch_batches:
            assert 3 <= sum(labels[draw.position] for draw in batch) <= 5


def test_in_order():
    assert [[draw.position for draw in batch] for batch in InOrder([1] * 5, batch_size=2)] == [[0, 1], [2, 3], [4]]
    assert len(InOrder([1] * 5, batch_size=2)) == 3
    assert list(InOrder([], batch_size=2)) == []


def test_items_are_loaded_once_while_memory_lasts(fitted):
    data = module(fitted)
    for _ in range(3):
        list(data.train_dataloader())
    list(data.predict_loader(IDS[:17]))
    assert fitted["slides"].loads == 17
    cache = ItemCache(200)  # bytes: P01 takes 49, P02 98, P03 147
    tiles = Tiles()
    for _ in range(2):
        for patient in ("P01", "P02", "P03"):
            assert len(cache.get("slides", patient, tiles.load).mask) == int(patient[1:])
    assert cache.bytes == 147
    assert tiles.loads == 4


def test_threads_change_nothing_and_share_the_cache(fitted):
    for make in (lambda data: data.train_dataloader(), lambda data: data.predict_loader(IDS)):
        same(
            by_patient(make(module(fitted, tiles_per_patient=3))),
            by_patient(make(module(fitted, tiles_per_patient=3, num_workers=3))),
        )
    alone, together = (module({"slides": Tiles()}, num_workers=number) for number in (0, 3))
    for data in (alone, together):
        for _ in range(2):
            order = [batch.index.tolist() for batch in data.train_dataloader()]
            assert order == [batch.index.tolist() for batch in module(fitted).train_dataloader()]
    assert together._cache.bytes == alone._cache.bytes
    assert together._fitted["slides"].loads == 17, "loaded in the first epoch alone"


def test_threads_stay_no_more_than_their_number_ahead_and_stop_with_the_epoch(fitted):
    before = threading.active_count()
    data = module(fitted, num_workers=2, batch_size=2)
    asked = []
    patients = data.train_dataloader()._patients
    patients.will_need = lambda draws: asked.append(len(draws))
    batches = iter(data.train_dataloader().__class__(patients, data.train_dataloader().sampler, threads=2))
    next(batches)
    assert len(asked) <= 3
    batches.close()
    assert threading.active_count() == before


@pytest.mark.parametrize("threads", [0, 2])
def test_the_stream_of_random_numbers_moves_as_torchs_loader_moves_it(fitted, threads):
    """Dropout follows on from it: runs of before would otherwise not be repeated."""
    data = module(fitted, num_workers=threads)
    found = []
    for loader in (data.train_dataloader(), torch.utils.data.DataLoader(list(range(5)))):
        torch.manual_seed(7)
        list(loader)
        found.append(torch.rand(1).item())
    assert found[0] == found[1]


def test_an_error_in_a_thread_is_raised_where_its_batch_would_be(fitted):
    def load(patient):
        raise OSError(f"{patient}: no such slide")

    data = module(fitted, num_workers=2, train_ids=IDS[:4], batch_size=2)
    fitted["slides"].load = load
    with pytest.raises(OSError, match="no such slide"):
        list(data.train_dataloader())


class Recorder(pl.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.epochs: list[list[int]] = []

    def on_train_epoch_start(self) -> None:
        self.epochs.append([])

    def training_step(self, batch, _):
        self.epochs[-1] += batch.index.tolist()
        return self.weight * batch.modalities["clinical"].values.sum()

    def validation_step(self, batch, _):
        assert batch.label.shape == batch.index.shape

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.0)


def test_lightning_tells_the_sampler_the_epoch(fitted):
    recorder = Recorder()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*LeafSpec.* is deprecated", category=FutureWarning)
        warnings.filterwarnings("ignore", message=".*does not have many workers")
        trainer = pl.Trainer(
            max_epochs=2,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            accelerator="cpu",
            num_sanity_val_steps=0,
            log_every_n_steps=1,
        )
        trainer.fit(recorder, datamodule=module(fitted))
    expected = EpochBatches(LABELS.iloc[:17].to_numpy(), batch_size=4, seed=3)
    for epoch, order in enumerate(recorder.epochs):
        expected.set_epoch(epoch)
        assert order == [draw.position for batch in expected for draw in batch]


def test_large_bags_are_evaluated_in_smaller_batches() -> None:
    def batches(sizes: list[int], **options: int) -> list[list[int]]:
        return [[draw.position for draw in batch] for batch in InOrder(sizes, **options)]

    assert batches([1] * 5, batch_size=2) == [[0, 1], [2, 3], [4]]
    # Two of 40 are 80; with a third of 60 they would be padded to 180. The one of 300 is alone, whatever the limit.
    assert batches([40, 40, 60, 40, 300, 1], batch_size=4, limit=130) == [[0, 1], [2, 3], [4], [5]]
    assert batches([], batch_size=4) == [] and len(InOrder([1, 1, 1], batch_size=2)) == 2


def test_a_batch_in_time_is_a_risk_set():
    """16 events a batch on average, and times beside labels; without times a batch is what it was."""
    events = pd.Series(
        [int(number % 4 == 0) for number in range(200)], index=[f"P{number:03d}" for number in range(200)]
    )
    times = pd.Series(np.arange(200) / 7 + 0.1, index=events.index)
    data = FusionDataModule(
        fitted={}, train_ids=list(events.index), val_ids=["P003", "P001"], labels=events, batch_size=8, times=times
    )
    batches = list(data.train_dataloader())
    assert [len(batch.label) for batch in batches] == [50, 50, 50, 50]
    assert all(12 <= int(batch.label.sum()) <= 13 for batch in batches)
    for batch in batches:
        assert batch.time.tolist() == [times.iloc[int(place)] for place in batch.index]
    assert next(iter(data.val_dataloader())).time.tolist() == [times["P003"], times["P001"]]
    plain = FusionDataModule(fitted={}, train_ids=list(events.index), val_ids=[], labels=events, batch_size=8)
    assert next(iter(plain.train_dataloader())).time is None
    assert risk_set(np.zeros(30, dtype=np.int64), batch_size=4) == 30


def test_secondary_targets_bring_the_logits_that_their_heads_add_to() -> None:
    """By patient, 0 for who has no label of it; an endpoint that starts from nothing has none."""
    known = IDS[:20]
    three = EndpointSpec(name="kind", kind="multiclass", classes=("a", "b", "c"))
    labels = pd.Series(np.arange(20) % 3, index=known)
    logits = pd.DataFrame(np.arange(60.0).reshape(20, 3), index=known[::-1])
    two = Secondary(endpoint=EndpointSpec(name="two", kind="binary", classes=("no", "yes")), labels=labels % 2)
    secondary = {"kind": Secondary(endpoint=three, labels=labels, offsets=logits), "two": two}
    data = PatientDataset({"clinical": Columns()}, ["P01", "P22", "P00"], LABELS, secondary=secondary)
    found = data[[Draw(position=1), Draw(position=2), Draw(position=0)]].targets
    assert found["kind"].offset is not None and found["kind"].offset.dtype == torch.float32
    assert found["kind"].offset.tolist() == [[0, 0, 0], [57, 58, 59], [54, 55, 56]]
    assert found["kind"].label.tolist() == [-1, 0, 1] and found["two"].offset is None
