"""Every network on a device that is not the processor: no tensor is left behind, and bits stay what they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fusion.contract import EndpointSpec, Target, Tokens
from fusion.contract.devices import Device
from fusion.layers import ModelError, never_one_wide
from fusion.network.fitting import fit_network, predict_scores
from fusion.network.model import build_model
from fusion.network.task import FusionTask
from tests.fusion.network.test_fitting import data, model, settings
from tests.fusion.network.test_task import ENDPOINT, SPECS, THREE, batch
from tests.helpers import examples, fuser_examples
from tests.helpers.elsewhere import ELSEWHERE, Elsewhere

FAR = Device(name=ELSEWHERE)
BF16 = Device(precision="bf16")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_the_stand_in_refuses_what_a_gpu_refuses() -> None:
    with Elsewhere():
        there, here = torch.ones(3).to(ELSEWHERE), torch.ones(3)
        assert (there + 1).device == torch.zeros(2, device=ELSEWHERE).device == torch.device(ELSEWHERE)
        assert torch.equal((there * 2).cpu(), torch.full((3,), 2.0))
        with pytest.raises(RuntimeError, match="two devices"):
            _ = there + here
        with pytest.raises(TypeError, match="cpu"):
            there.numpy()
        for make in (there.double, lambda: torch.ones(3, dtype=torch.float64).to(ELSEWHERE)):
            with pytest.raises(TypeError, match="float64"):
                make()
    with Elsewhere(like="cuda"):
        assert torch.ones(3).to(ELSEWHERE).double().dtype == torch.float64


def built(name: str, folder: Path) -> tuple[Any, examples.Input]:
    try:
        return examples.build(name, folder)
    except ModelError as error:
        if "needs the extra" in str(error):
            pytest.skip(str(error))
        raise


@pytest.mark.parametrize("name", examples.names())
def test_an_encoder_leaves_nothing_behind(name: str, tmp_path: Path) -> None:
    encoder, given = built(name, tmp_path)
    near = examples.encode(encoder, given.batch)
    with Elsewhere():
        encoder.to(ELSEWHERE)
        there = given.batch.to(ELSEWHERE)
        far: Tokens = encoder(there)
        parts = [far.values, far.mask, far.summary, *([] if far.weights is None else [far.weights])]
        assert {part.device.type for part in parts} == {ELSEWHERE}
        # The processor has a kernel of its own for torch's transformer layers in evaluation.
        torch.testing.assert_close(far.summary.detach().cpu(), near.summary, rtol=1e-5, atol=1e-6)
        encoder.train()
        encoder(there).summary.sum().backward()
        assert {part.grad.device.type for part in encoder.parameters() if part.grad is not None} == {ELSEWHERE}


@contextmanager
def _memory_filled() -> Iterator[None]:
    """Memory that nobody wrote to is NaN, so that reading it shows every time."""
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("name", examples.names())
def test_an_encoder_computes_in_bfloat16(name: str, tmp_path: Path) -> None:
    encoder, given = built(name, tmp_path)
    near = examples.encode(encoder, given.batch)
    with BF16.autocast(), _memory_filled():
        coarse = examples.encode(encoder, given.batch)
        torch.testing.assert_close(coarse.summary.float(), near.summary, rtol=0.05, atol=0.05)
        encoder.train()
        encoder(given.batch).summary.float().sum().backward()
    assert all(torch.isfinite(part.grad).all() for part in encoder.parameters() if part.grad is not None)


@pytest.mark.parametrize("convolution", [torch.nn.Conv2d, torch.nn.Conv3d])
def test_a_convolution_that_halves_a_lone_pixel_learns_nothing_from_padding(convolution: Any) -> None:
    """By hand: one pixel meets the kernel's middle alone. As they come, the other taps have whatever lay in memory."""
    torch.manual_seed(0)
    part = convolution(64, 64, 3, stride=2, padding=1, bias=False)
    axes = part.weight.ndim - 2
    never_one_wide(torch.nn.Sequential(part))
    pixels = torch.randn(4, 64, *([1] * axes)).bfloat16()
    with BF16.autocast(), _memory_filled():
        out = part(pixels)
        out.float().sum().backward()
    assert out.shape == pixels.shape
    middle = (..., *([1] * axes))
    expected = torch.zeros_like(part.weight)
    expected[middle] = pixels.float().sum(0).flatten()
    torch.testing.assert_close(part.weight.grad, expected, rtol=0.02, atol=0.02)


@pytest.mark.parametrize(("name", "shape"), [("resnet", (3, 16, 16)), ("volume_resnet", (1, 16, 16, 16))])
def test_no_residual_network_halves_a_lone_pixel(name: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    encoder, _ = built(name, tmp_path)
    widths: set[int] = set()
    for part in encoder.backbone.modules():
        if isinstance(part, torch.nn.Conv2d | torch.nn.Conv3d) and max(part.stride) > 1:
            part.register_forward_pre_hook(lambda _, given: widths.update(given[0].shape[2:]))
    with BF16.autocast():
        encoder.features(torch.zeros(2, *shape))
    assert min(widths) == 2


def test_a_lone_pixel_stays_alone_at_full_precision() -> None:
    part = torch.nn.Conv2d(2, 3, 3, stride=2, padding=1)
    seen: list[torch.Size] = []
    never_one_wide(part)
    part.register_forward_pre_hook(lambda _, given: seen.append(given[0].shape))
    part(torch.ones(1, 2, 1, 5))
    with BF16.autocast():
        part(torch.ones(1, 2, 1, 5))
        part(torch.ones(1, 2, 4, 1))
    assert [tuple(shape[2:]) for shape in seen] == [(1, 5), (2, 5), (4, 2)]


@pytest.mark.parametrize("name", fuser_examples.names())
def test_a_fuser_leaves_nothing_behind_and_computes_in_bfloat16(name: str) -> None:
    fuser, patients = fuser_examples.build(name), fuser_examples.patients()
    near = fuser_examples.fuse(fuser, patients)
    with BF16.autocast():
        coarse = fuser_examples.fuse(fuser, patients)
    torch.testing.assert_close(coarse.values.float(), near.values, rtol=0.05, atol=0.05)
    with Elsewhere():
        there = {
            of: Tokens(values=one.values.to(ELSEWHERE), mask=one.mask.to(ELSEWHERE), summary=one.summary.to(ELSEWHERE))
            for of, one in patients.items()
        }
        fuser.to(ELSEWHERE)
        far = fuser(there)
        assert {far.values.device.type, *(part.device.type for part in (far.attention or {}).values())} == {ELSEWHERE}
        torch.testing.assert_close(far.values.detach().cpu(), near.values, rtol=1e-5, atol=1e-6)
        fuser.train()
        fuser(there).values.sum().backward()


SURVIVAL = EndpointSpec(name="death", kind="survival", classes=("alive", "dead"), unit="months", horizons=(12.0,))
GRADES = EndpointSpec(name="grade", kind="ordinal", classes=("0", "I", "II"))
BY_KIND: dict[str, Any] = {"_target_": "fusion.heads.by_endpoint.by_endpoint"}
SMOOTH = BY_KIND | {"label_smoothing": 0.1, "class_weight": "balanced"}
HEADS = {
    "binary": (ENDPOINT, SMOOTH),
    "multiclass": (THREE, SMOOTH),
    "cumulative": (GRADES, BY_KIND),
    "coral": (GRADES, {"_target_": "fusion.heads.coral.Coral"}),
    "cox": (SURVIVAL, BY_KIND),
    "discrete_time": (SURVIVAL, {"_target_": "fusion.heads.discrete_time.DiscreteTime", "intervals": 2}),
}


@pytest.mark.parametrize(("name", "like"), [*((name, "mps") for name in HEADS), ("discrete_time", "cuda")])
def test_an_epoch_leaves_nothing_behind(name: str, like: str) -> None:
    """Loss, auxiliary losses, a step, validation and its figures: the bits of the processor, no float64 on Apple's."""
    endpoint, head = HEADS[name]

    def epoch(place: str) -> tuple[dict[str, float], list[torch.Tensor]]:
        encoders = {
            "slides": {"_target_": "fusion.encoders.images.cnn.TileCNN", "stain_jitter": 0.1},
            "clinical": {"_target_": "fusion.encoders.tables.table.TableEncoder"},
        }
        config = {
            "width": 8, "modality_dropout": 0.3, "auxiliary": 0.5, "encoders": encoders,
            "fuser": {"_target_": "fusion.fusers.concat.ConcatFuser"},
            "head": head,
        }  # fmt: skip
        beside = [SURVIVAL, GRADES] if endpoint is ENDPOINT else []
        net = build_model(config, SPECS, endpoint, seed=1, secondary=beside)
        told = batch()
        told.label[:3] = (torch.arange(3) + 1) % len(endpoint.classes)
        told.offset = torch.zeros(6, 3) if endpoint.kind == "multiclass" else torch.zeros(6)
        # The median of the events, 8.1, is an edge between intervals, and rounds up to float32.
        told.time = torch.tensor([5.1, 3.7, 8.1, 3.7, 9.0, 1.0], dtype=torch.float64)
        told.targets = {one.name: Target(label=torch.arange(6) % 2, time=told.time) for one in beside[:1]}
        told.targets |= {one.name: Target(label=torch.arange(6) % 3) for one in beside[1:]}
        net.head.learn_prevalence(told.label, told.time)
        if net.secondary is not None:
            net.secondary.learn_prevalence(told.targets)
        task = FusionTask(net, auxiliary=0.5).to(place)
        optimiser = torch.optim.AdamW(task.parameters(), lr=0.01)
        torch.manual_seed(3)
        task.train()
        task.training_step(told.to(place), 0).backward()
        optimiser.step()
        task.eval()
        with torch.no_grad():
            task.validation_step(told.to(place), 0)
        return task.epoch_row(), [part.detach().cpu() for part in task.parameters()]

    row, weights = epoch("cpu")
    with Elsewhere(like=like):
        far_row, far_weights = epoch(ELSEWHERE)
    assert far_row == row
    assert all(torch.equal(one, other) for one, other in zip(weights, far_weights, strict=True))


def test_scores_come_back_and_so_does_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    net, loader = model(), data(30).train
    loader.generator = None
    near = predict_scores(net, loader)
    monkeypatch.setattr(torch, "inference_mode", torch.no_grad)  # in which the stand-in cannot be
    with Elsewhere():
        far = predict_scores(net, loader, device=FAR)
        assert {part.device.type for part in net.parameters()} == {"cpu"}
    assert np.array_equal(near, far)
    coarse = predict_scores(net, loader, device=BF16)
    assert coarse == pytest.approx(near, abs=0.05)
    assert not np.array_equal(coarse, near)
    assert len(np.unique(coarse)) > 25, "the head itself is in float32: few ties"


def test_a_network_trains_in_bfloat16_with_its_gradient_clipped() -> None:
    net = model()
    fit = fit_network(net, data(60), settings(precision="bf16", max_epochs=2, min_epochs=2), seed=0)
    assert all(np.isfinite(row["val_loss"]) for row in fit.curves)
    assert {part.dtype for part in net.parameters()} == {torch.float32}


def test_two_batches_of_one_step_are_one_batch_twice_as_large() -> None:
    """Gradients are added up: without dropout nothing else depends on the batch here."""

    def trained(size: int, accumulate: int) -> dict[str, torch.Tensor]:
        told: Any = data(64)
        told.train.size, told.train.generator = size, None
        net = model("concat")
        net.modality_dropout = 0.0
        for part in net.modules():
            if isinstance(part, torch.nn.Dropout):
                part.p = 0.0
        changes = {"max_epochs": 1, "min_epochs": 1, "accumulate": accumulate, "schedule": "constant"}
        fit_network(net, told, settings(**changes), seed=0)
        return dict(net.state_dict())

    whole, parts, twice = trained(32, 1), trained(16, 2), trained(16, 1)
    for name, value in whole.items():
        torch.testing.assert_close(parts[name], value, rtol=0, atol=3e-4)
    assert any(float((twice[name] - value).abs().max()) > 1e-3 for name, value in whole.items())
