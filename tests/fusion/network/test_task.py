"""What is optimised and how: losses, who is decayed, which rate, how far a step goes, what stops training."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from fusion.contract import Batch, EndpointSpec, FeatureSpec, ModalityBatch, ModalitySpec
from fusion.network.fitting import fit_network
from fusion.network.model import FusionModel, build_model
from fusion.network.task import FusionTask

ENDPOINT = EndpointSpec(name="response", kind="binary", classes=("no", "yes"))
THREE = EndpointSpec(name="tissue", kind="multiclass", classes=("fat", "stroma", "tumour"))
FEATURES = tuple(FeatureSpec(name=f"f{i}", kind="column", label=f"f{i}") for i in range(3))
SPECS = {
    "slides": ModalitySpec(name="slides", kind="tiles", token_shape=(3, 32, 32)),
    "clinical": ModalitySpec(name="clinical", kind="table", features=FEATURES),
}
LABEL = torch.tensor([0, 1, 1, 0, 1, 0])


def model(endpoint: EndpointSpec = ENDPOINT, **changes: Any) -> FusionModel:
    head = "response.BinaryResponse" if endpoint.kind == "binary" else "classes.Classes"
    config = {
        "width": 8,
        "modality_dropout": 0.0,
        "auxiliary": 0.5,
        "encoders": {
            "slides": {"_target_": "fusion.encoders.images.cnn.TileCNN"},
            "clinical": {"_target_": "fusion.encoders.tables.table.TableEncoder"},
        },
        "fuser": {"_target_": "fusion.fusers.concat.ConcatFuser"},
        "head": {"_target_": f"fusion.heads.{head}", **changes},
    }
    return build_model(config, SPECS, endpoint, seed=1)


def batch() -> Batch:
    """Patients 2 and 3 have no slide."""
    generator = torch.Generator().manual_seed(0)
    tiles = torch.randint(0, 256, (6, 2, 3, 32, 32), dtype=torch.uint8, generator=generator)
    mask = torch.ones(6, 2, dtype=torch.bool)
    mask[2:4] = False
    numbers = torch.randn(6, 3, generator=generator)
    return Batch(
        modalities={
            "slides": ModalityBatch(values=tiles, mask=mask),
            "clinical": ModalityBatch(values=numbers, mask=torch.ones(6, 3, dtype=torch.bool)),
        },
        label=LABEL.clone(),
        index=torch.arange(6),
    )


class Data(pl.LightningDataModule):
    def _loader(self) -> DataLoader[Batch]:
        return DataLoader([batch()], batch_size=None, collate_fn=lambda one: one)  # type: ignore[arg-type]

    train_dataloader = val_dataloader = _loader


def trainer(**changes: Any) -> dict[str, Any]:
    return {
        "max_epochs": 1, "min_epochs": 1, "patience": 3, "smoothing": 0.0, "optimiser": "adamw", "learning_rate": 0.01,
        "encoder_learning_rate": None, "weight_decay": 0.0, "schedule": "constant", "warmup": 0.0,
        "gradient_clip": None, "auxiliary": 0.0, "accelerator": "cpu", **changes,
    }  # fmt: skip


def test_a_modality_teaches_nothing_of_patients_who_lack_it() -> None:
    """The auxiliary loss of slides is over the four patients who have one."""
    task = FusionTask(model(), auxiliary=0.5)
    task.train()
    torch.manual_seed(0)
    output = task.model(batch())
    torch.manual_seed(0)
    loss = task.training_step(batch(), 0)

    def mean_loss(logit: Tensor, label: Tensor) -> Tensor:
        return torch.nn.functional.binary_cross_entropy_with_logits(logit, label.float())

    has = [0, 1, 4, 5]
    own = [
        mean_loss(output.auxiliary["slides"][has], LABEL[has]),
        mean_loss(output.auxiliary["clinical"], LABEL),
    ]
    expected = mean_loss(output.logit, LABEL) + 0.5 * (own[0] + own[1]) / 2
    assert float(loss.detach()) == pytest.approx(float(expected.detach()), rel=1e-5)


def test_biases_and_norms_are_not_decayed_and_encoders_of_images_have_their_rate() -> None:
    task = FusionTask(model(), learning_rate=0.1, encoder_learning_rate=0.003, weight_decay=0.2, schedule="constant")
    groups = task.configure_optimizers().param_groups
    decay = {id(one): group["weight_decay"] for group in groups for one in group["params"]}
    rate = {id(one): group["lr"] for group in groups for one in group["params"]}
    named = dict(task.model.named_parameters())
    assert set(decay) == {id(parameter) for parameter in named.values()}
    for name, parameter in named.items():
        is_weight = name.endswith("weight") and parameter.ndim > 1
        assert decay[id(parameter)] == (0.2 if is_weight else 0.0), name
        assert rate[id(parameter)] == (0.003 if name.startswith("encoders.slides.") else 0.1), name
    assert {decay[id(parameter)] for name, parameter in named.items() if name.endswith("bias")} == {0.0}


def test_without_a_rate_of_their_own_encoders_of_images_have_the_common_one() -> None:
    groups = FusionTask(model(), learning_rate=0.1, schedule="constant").configure_optimizers().param_groups
    assert {group["lr"] for group in groups} == {0.1}


def test_gradients_are_clipped_to_the_norm_that_the_configuration_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what reaches the optimiser: exactly the limit where it binds, untouched where there is none."""
    norms: list[float] = []
    original = FusionTask.optimizer_step

    def step(self: FusionTask, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        parts = [p.grad.norm() for p in self.model.parameters() if p.grad is not None]
        norms.append(float(torch.stack(parts).norm()))

    monkeypatch.setattr(FusionTask, "optimizer_step", step)
    fit_network(model(), Data(), trainer(), seed=0)
    free = norms.pop()
    fit_network(model(), Data(), trainer(gradient_clip=free / 10), seed=0)
    assert norms.pop() == pytest.approx(free / 10, rel=1e-3)


@pytest.mark.parametrize("endpoint", [ENDPOINT, THREE])
def test_early_stopping_sees_labels_as_they_are(endpoint: EndpointSpec) -> None:
    """The validation loss is of unsmoothed labels, also in Lightning's hook, where the model trains again."""
    net = model(endpoint, label_smoothing=0.4)
    task = FusionTask(net)
    task.train()
    with torch.no_grad():
        net.eval()
        logit = net(batch()).logit
        net.train()
    task.train_losses, task.val_outputs, task.val_labels = [torch.tensor(0.5)], [logit], [LABEL]
    row = task.epoch_row()
    if endpoint is ENDPOINT:
        expected = torch.nn.functional.binary_cross_entropy_with_logits(logit, LABEL.float())
    else:
        expected = torch.nn.functional.cross_entropy(logit, LABEL)
    assert row["val_loss"] == pytest.approx(float(expected), rel=1e-5)
    assert net.head.training, "left as it was"
    assert float(net.head.loss(logit, LABEL).detach()) != pytest.approx(row["val_loss"], rel=1e-3)


def test_the_curves_hold_the_unsmoothed_loss_of_a_real_fit() -> None:
    net = model(label_smoothing=0.4)
    fit = fit_network(net, Data(), trainer(), seed=0)
    net.eval()
    with torch.no_grad():
        loss = net.head.loss(net(batch()).logit, LABEL)
    assert fit.curves[0]["val_loss"] == pytest.approx(float(loss), rel=1e-4)
    assert math.isfinite(fit.curves[0]["train_loss"])


def test_presence_of_a_modality_is_told_to_the_fuser() -> None:
    """Two patients whose summaries are the same numbers, one of whom lacks slides: the fused vectors differ."""
    fuser = model().fuser.eval()
    values = torch.zeros(2, 1, 8)
    lacks = torch.tensor([[True], [False]])
    tokens = {
        "slides": SimpleNamespace(values=values, mask=lacks, summary=values[:, 0], present=lacks[:, 0]),
        "clinical": SimpleNamespace(values=values, mask=lacks | True, summary=values[:, 0], present=lacks[:, 0] | True),
    }
    with torch.inference_mode():
        fused = fuser(tokens).values  # type: ignore[arg-type]
    assert not torch.allclose(fused[0], fused[1])
