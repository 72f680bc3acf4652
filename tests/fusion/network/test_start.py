"""A network that adds to a plain model: it begins as that model, and goes back to it where nothing better was found."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from omegaconf import OmegaConf

from data_modules.batches.datamodule import FusionDataModule
from fusion.contract import Batch, EndpointSpec, FeatureSpec, Item, ModalityBatch, ModalitySpec, State
from fusion.network.fitting import fit_network, predict_scores
from fusion.network.model import FusionModel, build_model, label_weights

ROOT = Path(__file__).parents[3]
TWO = EndpointSpec(name="response", kind="binary", classes=("no", "yes"))
THREE = EndpointSpec(name="tissue", kind="multiclass", classes=("fat", "gland", "nerve"))
SPECS = {
    name: ModalitySpec(name=name, kind="table", features=(FeatureSpec(name="x", kind="column", label="x"),))
    for name in ("a", "b")
}
MODEL: dict[str, Any] = {
    "width": 8,
    "auxiliary": 0.3,
    "modality_dropout": 0.0,
    "encoders": {name: {"_target_": "fusion.encoders.tables.linear.LinearEncoder"} for name in SPECS},
    "fuser": {"_target_": "fusion.fusers.cross_attention.CrossAttentionFuser"},
    "head": {"_target_": "fusion.heads.by_endpoint.by_endpoint"},
}


class Column:
    """One number a patient."""

    def __init__(self, name: str, values: pd.Series) -> None:
        self.spec, self.selection, self._values = SPECS[name], None, values

    def load(self, patient_id: str) -> Item:
        value = np.array([self._values[patient_id]], dtype=np.float32)
        return Item(values=value, mask=np.ones(1, dtype=np.bool_))

    def table(self, patient_ids: Any) -> pd.DataFrame:
        return self._values.loc[list(patient_ids)].to_frame("x")

    def state(self) -> State:
        return State(config={}, arrays={})


IDS = [f"P{number:03d}" for number in range(300)]
RANDOM = np.random.default_rng(0)
COLUMNS = {name: pd.Series(RANDOM.choice([-1.0, 1.0], size=300), index=IDS) for name in SPECS}
PRODUCT = (COLUMNS["a"] * COLUMNS["b"] > 0).astype("int64")


def loaders(labels: pd.Series, offsets: pd.Series) -> FusionDataModule:
    make = partial(FusionDataModule, batch_size=16, seed=1)
    fitted = {name: Column(name, values) for name, values in COLUMNS.items()}
    return make(fitted=fitted, train_ids=IDS[:200], val_ids=IDS[200:], labels=labels, offsets=offsets)


def trainer(**changes: Any) -> dict[str, Any]:
    node = OmegaConf.load(ROOT / "conf/trainer/default.yaml")
    return {**OmegaConf.to_container(node), "auxiliary": 0.3, "device": "cpu", "precision": 32, **changes}  # type: ignore[dict-item]


@pytest.mark.parametrize("endpoint", [TWO, THREE])
def test_it_begins_as_the_plain_model(endpoint: EndpointSpec) -> None:
    model = build_model(MODEL, SPECS, endpoint, seed=1, adds=True).eval()
    offset = torch.randn(5) if endpoint is TWO else torch.randn(5, 3)
    parts = {name: ModalityBatch(values=torch.randn(5, 1), mask=torch.ones(5, 1, dtype=torch.bool)) for name in SPECS}
    batch = Batch(modalities=parts, label=torch.zeros(5, dtype=torch.int64), index=torch.arange(5), offset=offset)
    assert torch.equal(model(batch).logit, offset)
    batch.offset = None
    assert torch.equal(model(batch).logit, torch.zeros_like(offset)), "alone, it says what it adds"
    assert not torch.equal(build_model(MODEL, SPECS, endpoint, seed=1).eval()(batch).logit, torch.zeros_like(offset))


def test_it_learns_what_the_plain_model_lacks() -> None:
    """The plain model says nothing, the label is a product."""
    data = loaders(PRODUCT, pd.Series(0.0, index=IDS))
    model = build_model(MODEL, SPECS, TWO, seed=1, adds=True)
    fit = fit_network(model, data, trainer(max_epochs=30, learning_rate=0.01), seed=1)
    added = predict_scores(model, data.predict_loader(IDS[200:]))
    truth = PRODUCT.loc[IDS[200:]].to_numpy() == 1
    assert fit.best_epoch >= 0 and added[truth].min() > added[~truth].max()


def test_it_learns_nothing_that_the_plain_model_knows() -> None:
    """The plain logits are the truth, which no column tells: no epoch is better, and the network ends as it began."""
    coin = pd.Series(np.random.default_rng(8).integers(0, 2, 300), index=IDS)
    data = loaders(coin, (2.0 * coin - 1) * 8)
    model = build_model(MODEL, SPECS, TWO, seed=1, adds=True)
    fit = fit_network(model, data, trainer(max_epochs=12), seed=1)
    assert fit.best_epoch == -1
    assert np.all(predict_scores(model, data.predict_loader(IDS)) == 0)


def test_coins_leave_it_where_it_began() -> None:
    coin = pd.Series(np.random.default_rng(8).integers(0, 2, 300), index=IDS)
    model = build_model(MODEL, SPECS, TWO, seed=1, adds=True)
    fit = fit_network(model, loaders(coin, pd.Series(0.0, index=IDS)), trainer(max_epochs=20), seed=1)
    assert fit.best_epoch == -1
    assert fit.stopped_epoch < 19, "patience counts epochs, whether or not the plain model is better than all"


def test_offsets_follow_their_patients() -> None:
    offsets = pd.Series(np.arange(300.0), index=IDS)
    data = loaders(PRODUCT, offsets)
    for batch in data.train_dataloader():
        assert batch.offset is not None
        assert batch.offset.tolist() == offsets.loc[[IDS[place] for place in batch.index]].tolist()
    assert torch.cat([batch.offset for batch in data.val_dataloader()]).tolist() == list(range(200, 300))  # type: ignore[misc]
    assert next(iter(data.predict_loader(IDS))).offset is None


def test_a_shared_head_adds_to_the_same_logits() -> None:
    """Each modality alone is read by the fused head, so it too says what to add to the plain model."""
    config = {**MODEL, "auxiliary_head": "shared"}
    model: FusionModel = build_model(config, SPECS, TWO, seed=1, adds=True).train()
    parts = {name: ModalityBatch(values=torch.randn(5, 1), mask=torch.ones(5, 1, dtype=torch.bool)) for name in SPECS}
    offset = torch.randn(5)
    batch = Batch(modalities=parts, label=torch.zeros(5, dtype=torch.int64), index=torch.arange(5), offset=offset)
    for logit in model(batch).auxiliary.values():
        torch.testing.assert_close(logit, offset)


@pytest.mark.parametrize(
    ("endpoint", "head", "expected"),
    [
        (TWO, {"class_weight": "none"}, [1.0, 1.0, 1.0, 1.0]),
        (TWO, {"class_weight": "balanced"}, [2.0, 2 / 3, 2 / 3, 2 / 3]),
    ],
)
def test_what_a_patient_counts_is_the_heads_to_say(endpoint: EndpointSpec, head: Any, expected: list[float]) -> None:
    config = {**MODEL, "head": {**MODEL["head"], **head}}
    found = label_weights(config, endpoint, torch.tensor([0, 1, 1, 1]))
    assert found.tolist() == pytest.approx(expected)
