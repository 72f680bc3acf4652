from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from fusion.apply.trained import spec_from_json
from fusion.contract import Batch, EndpointSpec, FeatureSpec, ModalityBatch, ModalitySpec
from fusion.encoders.volumes.cnn import VolumeCNN
from fusion.encoders.volumes.patches import VolumeEncoder, mirror
from fusion.encoders.volumes.resnet import VolumeResNet
from fusion.layers import ModelError
from fusion.network.model import build_model
from fusion.network.seen import show_training_patients

MRI = ModalitySpec(name="mri", kind="volume", token_shape=(4, 4, 4), sequences=("pre", "post"), grid=(2, 1, 2))
Make = Callable[..., VolumeEncoder]


def cnn(**options: Any) -> VolumeCNN:
    torch.manual_seed(0)
    return VolumeCNN(MRI, width=8, **{"channels": (4, 6), **options})


def resnet(**options: Any) -> VolumeResNet:
    torch.manual_seed(0)
    return VolumeResNet(MRI, width=8, **options)


def patients(*present: tuple[bool, bool]) -> ModalityBatch:
    """Random patches; whether each patient has the first and the second sequence."""
    generator = torch.Generator().manual_seed(1)
    mask = torch.tensor(present).repeat_interleave(4, dim=1)
    values = torch.randn(len(present), 8, 4, 4, 4, generator=generator) * mask[..., None, None, None]
    return ModalityBatch(values=values, mask=mask)


BOTH, ONE, NONE = (True, True), (True, False), (False, False)


@pytest.mark.parametrize("make", [cnn, resnet])
def test_company_padding_and_missing_sequences_change_nothing(make: Make) -> None:
    encoder = make(chunk=3)
    encoder.train()
    encoder(patients(BOTH, BOTH))  # moves the running statistics away from their start
    encoder.eval()
    batch = patients(BOTH, ONE, NONE)
    together = encoder(batch)
    assert together.values.shape == (3, 8, 8)
    assert together.summary.shape == (3, 8)
    for row in range(3):
        alone = encoder(ModalityBatch(values=batch.values[row : row + 1], mask=batch.mask[row : row + 1]))
        torch.testing.assert_close(together.summary[row], alone.summary[0], atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(together.values[row], alone.values[0], atol=1e-5, rtol=1e-4)
    spoiled = torch.where(batch.mask[..., None, None, None], batch.values, torch.full_like(batch.values, torch.nan))
    torch.testing.assert_close(encoder(ModalityBatch(values=spoiled, mask=batch.mask)).summary, together.summary)
    assert not together.summary[2].any()
    assert not together.values[1, 4:].any()
    assert together.weights is not None
    torch.testing.assert_close(together.weights.sum(dim=1), torch.tensor([1.0, 1.0, 0.0]))


def test_a_batch_without_any_volume() -> None:
    tokens = cnn().eval()(patients(NONE, NONE))
    assert not tokens.present.any()
    assert not tokens.summary.any()


def test_a_token_is_its_patch_its_place_and_its_sequence() -> None:
    """Without a network, dropout and pooling: ReLU(features · W + b) + place + sequence."""
    encoder = cnn().eval()
    encoder.features = lambda patches: patches.mean(dim=(1, 2, 3, 4))[:, None].expand(-1, 6)  # type: ignore[method-assign]
    batch = patients(BOTH)
    found = encoder(batch).values[0, 5]  # of the second sequence, its second place: x 0, z 1
    linear = encoder.project[0]
    assert isinstance(linear, nn.Linear)
    expected = torch.relu(linear(batch.values[0, 5].mean().expand(6))) + encoder.position[0, 1] + encoder.sequence[1, 0]
    torch.testing.assert_close(found, expected)


def test_one_convolution_by_hand() -> None:
    """A kernel that sums 27 voxels, over a patch of ones: 27 inside, 8 in the corners; the maximum of each 2×2×2."""
    spec = ModalitySpec(name="mri", kind="volume", token_shape=(4, 4, 4), sequences=("a",), grid=(1, 1, 1))
    encoder = VolumeCNN(spec, width=2, channels=(1,), norm="none").eval()
    convolution = encoder.convolutions[0]
    assert isinstance(convolution, nn.Conv3d)
    nn.init.ones_(convolution.weight)
    assert convolution.bias is not None
    nn.init.zeros_(convolution.bias)
    assert encoder.features(torch.ones(1, 1, 4, 4, 4)).tolist() == [[27.0]]


@pytest.mark.parametrize("make", [cnn, resnet])
def test_gradients_reach_every_parameter(make: Make) -> None:
    encoder = make().train()
    tokens = encoder(patients(BOTH, ONE, BOTH))
    (tokens.summary.square().sum() + tokens.values.square().sum()).backward()
    assert not [name for name, parameter in encoder.named_parameters() if parameter.grad is None]


def test_flat_patches_and_group_norm() -> None:
    flat = ModalitySpec(name="ct", kind="volume", token_shape=(8, 8, 1), sequences=("ct",), grid=(1, 1, 3))
    encoder = VolumeCNN(flat, width=8, norm="group").eval()
    batch = ModalityBatch(values=torch.randn(2, 3, 8, 8, 1), mask=torch.ones(2, 3, dtype=torch.bool))
    assert encoder(batch).values.shape == (2, 3, 8)


def test_mirrored_patients_are_mirrored_whole() -> None:
    """Patches change places and turn within: the volume put together again is the mirrored volume."""
    volume = torch.arange(2 * 4 * 3 * 4.0).view(2, 4, 3, 4)  # two sequences of 4 × 3 × 4 voxels, patches of 2 × 3 × 2
    patches = volume.view(2, 2, 2, 1, 3, 2, 2).permute(0, 1, 3, 5, 2, 4, 6).reshape(1, 8, 2, 3, 2)
    mask = torch.tensor([[True, False, True, True] * 2])
    seen = set()
    for seed in range(20):
        torch.manual_seed(seed)
        turned, kept = mirror(patches, mask, sequences=2, grid=(2, 1, 2), axes=(0, 2))
        whole = turned.view(2, 2, 1, 2, 2, 3, 2).permute(0, 1, 4, 2, 5, 3, 6).reshape(2, 4, 3, 4)
        flips = [axes for axes in ((), (1,), (3,), (1, 3)) if torch.equal(whole, volume.flip(axes))]
        assert len(flips) == 1
        seen.add(flips[0])
        # The patch that is masked travels with its place.
        place = int(kept[0, :4].logical_not().nonzero())
        assert torch.equal(turned[0, place].flip([axis - 1 for axis in flips[0]]), patches[0, 1])
    assert len(seen) == 4


def test_augmentation_is_for_training_only() -> None:
    encoder = cnn(jitter=0.5, flip_axes=(0, 1, 2), dropout=0.0)
    batch = patients(BOTH, BOTH)
    encoder.eval()
    assert torch.equal(encoder(batch).values, encoder(batch).values)
    encoder.train()
    assert not torch.equal(encoder(batch).values, encoder(batch).values)


@pytest.mark.parametrize(
    ("make", "options", "words"),
    [
        (cnn, {"chunk": 0}, "model.encoders.mri.chunk is 0"),
        (cnn, {"flip_axes": (3,)}, "flip_axes is [3]"),
        (cnn, {"norm": "layer"}, "norm is 'layer'"),
        (cnn, {"channels": ()}, "channels is empty"),
        (cnn, {"pooling": "max"}, "pooling is 'max'"),
        (resnet, {"depth": 101}, "depth is 101; choose 10 or 18 or 34 or 50"),
        (resnet, {"shortcut": "C"}, "shortcut is 'C'"),
        (resnet, {"trainable_from": 6}, "trainable_from is 6"),
        (resnet, {"weights": "nowhere.safetensors"}, "nowhere.safetensors does not exist"),
    ],
)
def test_settings_that_cannot_be(make: Make, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ModelError) as caught:
        make(**options)
    assert words in str(caught.value)


def test_tables_are_no_volumes() -> None:
    table = ModalitySpec(name="clinical", kind="table", features=(FeatureSpec(name="a", kind="column", label="a"),))
    with pytest.raises(ModelError, match="VolumeCNN reads volume"):
        VolumeCNN(table, width=8)


@pytest.mark.parametrize("depth", [10, 18, 34, 50])
def test_resnet_takes_weights_and_freezes_stages(depth: int, tmp_path: Path) -> None:
    donor = resnet(depth=depth)
    save_file(donor.backbone.state_dict(), tmp_path / "w.safetensors")
    torch.manual_seed(5)
    taken = VolumeResNet(MRI, width=8, depth=depth, weights=str(tmp_path / "w.safetensors"), trainable_from=4)
    torch.testing.assert_close(taken.backbone.state_dict(), donor.backbone.state_dict())
    named = [(name.split("."), part) for name, part in taken.named_parameters() if name.startswith("backbone")]
    learning = {names[1] for names, part in named if part.requires_grad}
    assert learning == {"layer4"}
    if depth == 50:
        assert taken.project[0].in_features == 2048  # type: ignore[index,union-attr]
    before = taken.backbone.bn1.running_mean.clone()  # type: ignore[union-attr,operator]
    taken.train()(patients(BOTH, BOTH))
    assert torch.equal(taken.backbone.bn1.running_mean, before)  # type: ignore[union-attr,arg-type]


def test_resnet_keys_are_medicalnets() -> None:
    """A few keys of MedicalNet's published ResNet-10 and -18 (``conv_seg`` and the ``module.`` prefix left out)."""
    ten, eighteen = resnet(depth=10).backbone.state_dict(), resnet(depth=18).backbone.state_dict()
    assert tuple(ten["conv1.weight"].shape) == (64, 1, 7, 7, 7)
    assert "layer2.0.downsample.0.weight" in ten
    assert "layer2.0.downsample.0.bias" not in ten
    assert "layer2.0.downsample.0.weight" not in eighteen  # shortcut A has no parameters
    assert "layer4.1.conv2.weight" in eighteen
    fifty = resnet(depth=50).backbone.state_dict()
    assert "layer1.0.downsample.0.weight" in fifty and "layer1.0.conv3.weight" in fifty


def test_a_shortcut_that_learns_has_weights_that_learn(tmp_path: Path) -> None:
    """MONAI's shortcut A pads with zeros, and passes no gradient; B is a convolution."""
    encoder = resnet(depth=18, shortcut="B").train()
    encoder(patients(BOTH, ONE)).summary.square().sum().backward()
    weight = dict(encoder.backbone.named_parameters())["layer2.0.downsample.0.weight"]
    assert weight.grad is not None and weight.grad.any()
    save_file(encoder.backbone.state_dict(), tmp_path / "b.safetensors")
    with pytest.raises(ModelError, match=r"weights of another network"):
        resnet(depth=18, weights=str(tmp_path / "b.safetensors"))
    assert resnet(depth=18, shortcut="B", weights=str(tmp_path / "b.safetensors"))


def test_a_model_of_volumes_keeps_no_volume_before_training() -> None:
    """What encoders see once before training is kept in memory: not so volumes."""
    config = {
        "width": 8,
        "encoders": {"mri": {"_target_": "fusion.encoders.volumes.cnn.VolumeCNN", "channels": [4]}},
        "fuser": {"_target_": "fusion.fusers.cross_attention.CrossAttentionFuser"},
        "head": {"_target_": "fusion.heads.response.BinaryResponse"},
    }
    endpoint = EndpointSpec(name="response", kind="binary", classes=("no", "yes"))
    model = build_model(config, {"mri": MRI}, endpoint)
    model.encoders["mri"].start = lambda batches: pytest.fail("volumes were kept")  # type: ignore[assignment]
    batch = Batch(modalities={"mri": patients(BOTH, ONE)}, label=torch.tensor([0, 1]), index=torch.tensor([0, 1]))
    show_training_patients(model, [batch])
    assert model(batch).logit.shape == (2,)


def test_the_modality_survives_its_json() -> None:
    assert spec_from_json(json.loads(json.dumps(asdict(MRI)))) == MRI
    old = {key: value for key, value in asdict(MRI).items() if key not in ("sequences", "grid")}
    assert spec_from_json(old).grid == ()
