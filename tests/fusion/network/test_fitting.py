from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from omegaconf import OmegaConf
from torch import Tensor

from fusion.contract import Batch, EndpointSpec, FeatureSpec, ModalityBatch, ModalitySpec
from fusion.layers import ModelError
from fusion.network.fitting import fit_network, load_weights, predict_scores, save_weights
from fusion.network.model import FusionModel, build_model
from fusion.network.task import learning_rate_factor

ROOT = Path(__file__).parents[3]
ENDPOINT = EndpointSpec(name="response", kind="binary", classes=("no", "yes"))
SPECS = {
    "slides": ModalitySpec(name="slides", kind="embeddings", token_shape=(4,)),
    "variants": ModalitySpec(
        name="variants",
        kind="variants",
        features=tuple(FeatureSpec(name=f"burden:G{i}", kind="burden", label=f"G{i}", gene=f"G{i}") for i in range(8)),
    ),
}


class Loader:
    """Batches of some patients; shuffled ones in another order each time."""

    def __init__(self, parts: dict[str, ModalityBatch], label: Tensor, *, size: int, seed: int | None) -> None:
        self.parts, self.label, self.size = parts, label, size
        self.generator = None if seed is None else torch.Generator().manual_seed(seed)

    def __len__(self) -> int:
        return -(-len(self.label) // self.size)

    def __iter__(self) -> Iterator[Batch]:
        count = len(self.label)
        order = torch.arange(count) if self.generator is None else torch.randperm(count, generator=self.generator)
        for index in order.chunk(len(self)):
            yield Batch(
                modalities={
                    n: ModalityBatch(values=p.values[index], mask=p.mask[index]) for n, p in self.parts.items()
                },
                label=self.label[index],
                index=index,
            )


class Data(pl.LightningDataModule):
    def __init__(self, train: Loader, val: Loader) -> None:
        super().__init__()
        self.train, self.val = train, val

    def train_dataloader(self) -> Loader:
        return self.train

    def val_dataloader(self) -> Loader:
        return self.val


def crossover(count: int, *, seed: int) -> tuple[dict[str, ModalityBatch], Tensor]:
    """Response where a pattern in the tiles and a deficient pathway are both there, or neither: each alone says little.

    The pattern shows in half of a patient's eight tiles, in one of four numbers; the pathway in four of eight genes.
    """
    generator = torch.Generator().manual_seed(seed)
    pattern, deficient = torch.rand(2, count, generator=generator) < 0.5
    tiles = torch.randn(count, 8, 4, generator=generator)
    tiles[:, ::2, 0] += 3.0 * pattern[:, None] - 1.5
    genes = torch.randn(count, 8, generator=generator)
    genes[:, :4] += 1.5 * (2.0 * deficient[:, None] - 1)
    chance = torch.where(pattern == deficient, torch.where(pattern, 0.9, 0.6), 0.06)
    label = (torch.rand(count, generator=generator) < chance).long()
    parts = {
        "slides": ModalityBatch(values=tiles, mask=torch.ones(count, 8, dtype=torch.bool)),
        "variants": ModalityBatch(values=genes, mask=torch.ones(count, 8, dtype=torch.bool)),
    }
    return parts, label


def data(train: int = 140, *, seed: int = 0) -> Data:
    (parts, label), (val_parts, val_label) = crossover(train, seed=seed), crossover(64, seed=seed + 100)
    return Data(Loader(parts, label, size=16, seed=seed), Loader(val_parts, val_label, size=64, seed=None))


def settings(**changes: Any) -> dict[str, Any]:
    node = OmegaConf.load(ROOT / "conf/trainer/default.yaml")
    return {**OmegaConf.to_container(node), "auxiliary": 0.3, "device": "cpu", "precision": 32, **changes}  # type: ignore[dict-item]


def model(fuser: str = "cross_attention", *, seed: int = 0) -> FusionModel:
    conf = ROOT / "conf/model"
    node = OmegaConf.create(
        {
            "width": 32,
            "modality_dropout": 0.1,
            "auxiliary": 0.3,
            "encoders": {
                "slides": OmegaConf.load(conf / "encoder/mil.yaml"),
                "variants": OmegaConf.load(conf / "encoder/variants.yaml"),
            },
            "fuser": OmegaConf.load(conf / f"fuser/{fuser}.yaml"),
            "head": OmegaConf.load(conf / "head/response.yaml"),
        }
    )
    return build_model(node, SPECS, ENDPOINT, seed=seed)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def auroc(label: Tensor, score: Any) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(label.numpy(), score))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_learns_a_crossover_of_tiles_and_genes(seed: int) -> None:
    net = model(seed=seed)
    fit_network(net, data(seed=seed), settings(), seed=seed)
    parts, label = crossover(500, seed=999)
    score = predict_scores(net, Loader(parts, label, size=100, seed=None))
    assert auroc(label, score) > 0.8


def test_same_seed_same_bits() -> None:
    parts, label = crossover(50, seed=9)
    scores = []
    for seed in (3, 3, 4):
        net = model(seed=1)
        torch.rand(seed)  # whatever was drawn before
        fit_network(net, data(40), settings(max_epochs=2), seed=seed)
        scores.append(predict_scores(net, Loader(parts, label, size=20, seed=None)))
    assert np.array_equal(scores[0], scores[1])
    assert not np.array_equal(scores[0], scores[2])


def test_keeps_the_best_weights_and_stops() -> None:
    net = model()
    loaders = data(24)
    seen: list[dict[str, float]] = []
    fit = fit_network(
        net,
        loaders,
        settings(max_epochs=40, min_epochs=2, patience=2, smoothing=0.0, learning_rate=0.02),
        seed=0,
        on_epoch=seen.append,
    )
    losses = [row["val_loss"] for row in fit.curves]
    assert fit.stopped_epoch == len(fit.curves) - 1 < 39
    assert fit.best_epoch == 1 + int(np.argmin(losses[1:])), "from min_epochs on"
    assert fit.stopped_epoch == fit.best_epoch + 2
    assert seen == list(fit.curves)
    assert set(fit.curves[0]) == {"epoch", "train_loss", "val_loss", "val_auroc"}
    logits = torch.from_numpy(predict_scores(net, loaders.val)).float()
    assert float(net.head.loss(logits, loaders.val.label)) == pytest.approx(losses[fit.best_epoch], rel=1e-4)


def test_scores_are_in_the_order_of_the_ids() -> None:
    net = model()
    parts, label = crossover(30, seed=2)
    straight = predict_scores(net, Loader(parts, label, size=30, seed=None))
    shuffled = predict_scores(net, Loader(parts, label, size=7, seed=5))
    np.testing.assert_allclose(straight, shuffled, rtol=1e-5, atol=1e-6)


def test_leaves_no_file_and_no_setting_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(11)
    expected = torch.rand(1)
    torch.manual_seed(11)
    net, given = model(), data(24)
    fit_network(net, given, settings(max_epochs=1, auxiliary=0.0, learning_rate=1e-9), seed=0)
    # The head begins with how common response is among those it trains on.
    assert torch.sigmoid(net.head.linear.bias).item() == pytest.approx(
        given.train.label.float().mean().item(), abs=1e-4
    )  # type: ignore[union-attr]
    assert torch.equal(torch.rand(1), expected)
    assert not torch.are_deterministic_algorithms_enabled()
    assert list(tmp_path.iterdir()) == []


def test_weights_survive_the_disk(tmp_path: Path) -> None:
    net = model()
    fit_network(net, data(24), settings(max_epochs=1, auxiliary=0.0), seed=0)
    save_weights(net, tmp_path / "new" / "weights.safetensors")
    other = model(seed=5)
    load_weights(other, tmp_path / "new" / "weights.safetensors")
    parts, label = crossover(20, seed=2)
    loader = Loader(parts, label, size=20, seed=None)
    assert np.array_equal(predict_scores(net, loader), predict_scores(other, loader))
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["weights.safetensors"]


def test_weights_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there are no weights"):
        load_weights(model(), tmp_path / "none.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"\x80\x04pickle")
    with pytest.raises(ModelError, match="not a readable safetensors file"):
        load_weights(model(), tmp_path / "bad.safetensors")
    save_weights(model("concat"), tmp_path / "other.safetensors")
    with pytest.raises(ModelError, match="weights belong to another model"):
        load_weights(model(), tmp_path / "other.safetensors")


def test_settings_that_cannot_be() -> None:
    with pytest.raises(ModelError, match=r"trainer\.optimiser is 'sgd'; choose adam or adamw"):
        fit_network(model(), data(24), settings(optimiser="sgd"), seed=0)
    with pytest.raises(ModelError, match=r"trainer\.schedule is 'step'"):
        fit_network(model(), data(24), settings(schedule="step"), seed=0)


def test_divergence_is_reported() -> None:
    net = model()
    with torch.no_grad():
        net.head.get_parameter("linear.weight").fill_(float("nan"))
    parts, label = crossover(5, seed=0)
    with pytest.raises(ModelError, match=r"5 of 5 patients .* training diverged"):
        predict_scores(net, Loader(parts, label, size=5, seed=None))


def test_learning_rates_rise_and_fall() -> None:
    """By hand: ten steps, two of them to rise; half a cosine is 1, 0.5 and 0 at 0, 5 and 10 of 10."""
    rate = partial(learning_rate_factor, steps=10, cosine=True, warmup=0.2)
    assert rate(0) == pytest.approx(0.5)
    assert rate(5) == pytest.approx(0.5)
    assert rate(10) == pytest.approx(0.0)
    flat = partial(learning_rate_factor, steps=10, cosine=False, warmup=0.2)
    assert [flat(0), flat(1), flat(7)] == [0.5, 1.0, 1.0]
    assert learning_rate_factor(0, steps=10, cosine=False, warmup=0.0) == 1.0


def test_a_warmup_of_everything_is_refused() -> None:
    with pytest.raises(ModelError, match=r"trainer\.warmup is 1\.0; it is a share"):
        fit_network(model(), data(24), settings(warmup=1.0), seed=0)
