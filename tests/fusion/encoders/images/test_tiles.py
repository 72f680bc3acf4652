from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from fusion.contract import ModalityBatch, ModalitySpec
from fusion.encoders.frozen import STAGES
from fusion.encoders.images.cnn import TileCNN
from fusion.encoders.images.mil import EmbeddingMIL
from fusion.encoders.images.resnet import TileResNet
from fusion.encoders.images.tiles import TileEncoder, colour_moments, shift_colours, turn, vary_stains
from fusion.layers import ModelError

TILES = ModalitySpec(name="slides", kind="tiles", token_shape=(3, 32, 32))


def tiles(*counts: int, size: int = 32) -> ModalityBatch:
    """Random uint8 tiles, `counts` of each patient."""
    generator = torch.Generator().manual_seed(1)
    shape = (len(counts), max(1, *counts), 3, size, size)
    mask = torch.arange(shape[1])[None] < torch.tensor(counts)[:, None]
    values = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator) * mask[:, :, None, None, None]
    return ModalityBatch(values=values, mask=mask)


def cnn(**options: object) -> TileCNN:
    torch.manual_seed(0)
    return TileCNN(TILES, width=8, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [32, 48, 64, 100, 224])
def test_cnn_takes_tiles_of_any_usual_size(size: int) -> None:
    tokens = cnn().eval()(tiles(2, 1, size=size))
    assert tokens.values.shape == (2, 2, 8)
    assert tokens.summary.shape == (2, 8)
    assert tokens.values[1, 1].tolist() == [0.0] * 8


@pytest.mark.parametrize("norm", ["none", "group", "batch"])
def test_order_padding_and_company_change_nothing(norm: str) -> None:
    encoder = cnn(norm=norm)
    encoder.train()
    encoder(tiles(4, 3))  # moves the running statistics away from their start
    encoder.eval()
    batch = tiles(4, 2, 3)
    together = encoder(batch)
    alone = encoder(ModalityBatch(values=batch.values[1:2, :2], mask=batch.mask[1:2, :2]))
    torch.testing.assert_close(together.summary[1], alone.summary[0])
    order = torch.tensor([2, 0, 3, 1])
    turned = encoder(ModalityBatch(values=batch.values[:, order], mask=batch.mask[:, order]))
    torch.testing.assert_close(together.summary, turned.summary)
    torch.testing.assert_close(together.values[:, order], turned.values)


def test_padding_is_never_read() -> None:
    encoder = cnn().eval()
    batch = tiles(3, 1)
    before = encoder(batch)
    values = batch.values.clone()
    values[1, 1:] = 255
    torch.testing.assert_close(before.summary, encoder(ModalityBatch(values=values, mask=batch.mask)).summary)


def test_chunks_change_nothing() -> None:
    batch = tiles(5, 4)
    whole, piecewise = cnn(chunk=64).eval()(batch), cnn(chunk=2).eval()(batch)
    torch.testing.assert_close(whole.values, piecewise.values)


@pytest.mark.parametrize("training", [False, True])
def test_nobody_has_tiles(training: bool) -> None:
    tokens = cnn().train(training)(tiles(0, 0))
    assert tokens.summary.tolist() == [[0.0] * 8] * 2
    assert not tokens.present.any()


def test_gradients_reach_pixels() -> None:
    encoder = cnn().eval()
    batch = tiles(2, 1)
    pixels = (batch.values.float() / 255).requires_grad_()
    as_floats = encoder(ModalityBatch(values=pixels, mask=batch.mask))
    torch.testing.assert_close(as_floats.summary, encoder(batch).summary)
    as_floats.summary.square().sum().backward()
    assert pixels.grad is not None
    assert pixels.grad[0].abs().sum() > 0
    assert pixels.grad[1, 1].abs().sum() == 0, "padding"


def test_cnn_refuses_what_cannot_be() -> None:
    with pytest.raises(ModelError, match=r"model\.encoders\.slides\.norm is 'layer'"):
        cnn(norm="layer")
    with pytest.raises(ModelError, match="channels lists 2 numbers"):
        cnn(channels=(4, 4))
    with pytest.raises(ModelError, match="chunk is 0"):
        cnn(chunk=0)
    with pytest.raises(ModelError, match="pooling is 'max'"):
        cnn(pooling="max")
    table = ModalitySpec(name="clinical", kind="table")
    with pytest.raises(ModelError, match=r"reads tiles, but modality 'clinical' is of kind 'table'"):
        TileCNN(table, width=8)


def test_turn_gives_all_eight_orientations_alike_often() -> None:
    torch.manual_seed(0)
    image = torch.arange(4.0).view(1, 1, 2, 2).expand(1, 3, 2, 2)
    turned = turn(image.expand(4000, 3, 2, 2))[:, 0].flatten(1)
    found, counts = torch.unique(turned, dim=0, return_counts=True)
    assert len(found) == 8
    assert (counts - 500).abs().max() < 5 * (500 * 7 / 8) ** 0.5


def test_colours_shift_by_patient() -> None:
    torch.manual_seed(0)
    patient = torch.tensor([0, 0, 1])
    shifted = shift_colours(torch.full((3, 3, 2, 2), 0.5), patient, 0.1)
    assert torch.equal(shifted[0], shifted[1])
    assert not torch.equal(shifted[1], shifted[2])
    noise = shift_colours(torch.full((4000, 1, 1, 1), 0.5).expand(-1, 3, -1, -1), torch.arange(4000), 0.1)
    # variance of 0.5 (1 + a) + b with a, b ~ N(0, 0.1²)
    torch.testing.assert_close(noise.var(), torch.tensor(0.01 * 1.25), rtol=0.05, atol=0)


def test_colours_match_by_patient() -> None:
    batch = tiles(2, 3)
    patient = batch.mask.nonzero()[:, 0]
    mean, std = colour_moments(batch.values[batch.mask], patient, chunk=2)
    for row, count in enumerate((2, 3)):
        pixels = batch.values[row, :count].double().div(255).transpose(0, 1).flatten(1)
        torch.testing.assert_close(mean[row, :, 0, 0].double(), pixels.mean(dim=1), rtol=1e-5, atol=0)
        torch.testing.assert_close(std[row, :, 0, 0].double(), pixels.std(dim=1, correction=0), rtol=1e-4, atol=0)
    encoder = cnn().eval()
    pixels = batch.values.float() / 255 * batch.mask[:, :, None, None, None]
    stained = pixels * torch.tensor([0.9, 0.7, 0.8]).view(3, 1, 1) + 0.05
    one, two = (encoder(ModalityBatch(values=v, mask=batch.mask)).summary for v in (pixels, stained))
    torch.testing.assert_close(one, two, rtol=1e-3, atol=1e-4)


def test_augmentation_is_for_training_only() -> None:
    encoder = cnn(dropout=0.0, norm="none")
    batch = tiles(2, 2)
    assert torch.equal(encoder.eval()(batch).summary, encoder(batch).summary)
    encoder.train()
    assert not torch.equal(encoder(batch).summary, encoder(batch).summary)


def test_embeddings() -> None:
    spec = ModalitySpec(name="slides", kind="embeddings", token_shape=(6,))
    torch.manual_seed(0)
    encoder = EmbeddingMIL(spec, width=8).eval()
    batch = ModalityBatch(values=torch.randn(2, 3, 6), mask=torch.tensor([[True, True, False], [False] * 3]))
    tokens = encoder(batch)
    alone = encoder(ModalityBatch(values=batch.values[:1, :2], mask=batch.mask[:1, :2]))
    torch.testing.assert_close(tokens.summary[0], alone.summary[0])
    assert tokens.summary[1].tolist() == [0.0] * 8
    with pytest.raises(ModelError, match=r"model/encoder@model\.encoders\.slides=cnn"):
        EmbeddingMIL(TILES, width=8)


@pytest.mark.parametrize(("depth", "channels", "entries"), [(18, 512, 120), (34, 512, 216), (50, 2048, 318)])
def test_resnet_has_torchvisions_shape(depth: int, channels: int, entries: int) -> None:
    """torchvision's resnet18 and resnet50 hold 122 and 320 tensors, two of them the classifier's."""
    encoder = TileResNet(TILES, width=8, depth=depth).eval()
    weights = encoder.backbone.state_dict()
    assert len(weights) == entries
    assert weights["layer4.0.downsample.0.weight"].shape[0] == channels
    with torch.inference_mode():
        assert encoder(tiles(1, 0)).values.shape == (2, 1, 8)


def _save_safetensors(weights: dict[str, torch.Tensor], folder: Path) -> Path:
    save_file(weights, folder / "weights.safetensors")
    return folder / "weights.safetensors"


def _save_torch(weights: dict[str, torch.Tensor], folder: Path) -> Path:
    torch.save(weights, folder / "weights.pth")
    return folder / "weights.pth"


@pytest.mark.parametrize("save", [_save_safetensors, _save_torch])
def test_resnet_loads_and_freezes(save: Callable[[dict[str, torch.Tensor], Path], Path], tmp_path: Path) -> None:
    weights = {name: value.clone() for name, value in TileResNet(TILES, width=8).backbone.state_dict().items()}
    weights["conv1.weight"] += 1
    weights["fc.weight"], weights["fc.bias"] = torch.zeros(1000, 512), torch.zeros(1000)
    encoder = TileResNet(TILES, width=8, weights=str(save(weights, tmp_path)), trainable_from=3)
    torch.testing.assert_close(encoder.backbone.state_dict()["conv1.weight"], weights["conv1.weight"])
    learns = {name.split(".")[0] for name, value in encoder.backbone.named_parameters() if value.requires_grad}
    assert learns == {"layer3", "layer4"}
    encoder.train()
    encoder(tiles(2, 2)).summary.sum().backward()
    after = encoder.backbone.state_dict()
    assert torch.equal(after["bn1.running_mean"], weights["bn1.running_mean"]), "frozen statistics stay"
    assert not torch.equal(after["layer4.0.bn1.running_mean"], weights["layer4.0.bn1.running_mean"])


def test_a_resnet50_of_given_weights_learns_in_one_step_what_is_not_frozen(tmp_path: Path) -> None:
    """What conf/preset/cancer_resnet50.yaml does: the first stages as given, the rest fine-tuned."""
    weights = {key: one.clone() for key, one in TileResNet(TILES, width=8, depth=50).backbone.state_dict().items()}
    given = _save_safetensors(weights, tmp_path)
    encoder = TileResNet(TILES, width=8, depth=50, weights=str(given), trainable_from=2, pooling="mean")
    head = nn.Linear(8, 1)
    encoder.train()
    learning = [value for value in (*encoder.parameters(), *head.parameters()) if value.requires_grad]
    optimiser = torch.optim.AdamW(learning, lr=1e-3)
    target = torch.tensor([[1.0], [0.0]])
    loss = nn.functional.binary_cross_entropy_with_logits(head(encoder(tiles(1, 1)).summary), target)
    loss.backward()
    optimiser.step()
    moved = {
        key.split(".")[0] for key, one in encoder.backbone.named_parameters() if not torch.equal(one, weights[key])
    }
    assert moved == {"layer2", "layer3", "layer4"}
    assert torch.isfinite(loss)


def test_resnet_wrong_weights(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"model\.encoders\.slides\.weights: .*none\.pth does not exist"):
        TileResNet(TILES, width=8, weights=str(tmp_path / "none.pth"))
    (tmp_path / "text.safetensors").write_text("not weights")
    with pytest.raises(ModelError, match="no weights that can be read safely"):
        TileResNet(TILES, width=8, weights=str(tmp_path / "text.safetensors"))
    (tmp_path / "text.pth").write_text("not weights")
    with pytest.raises(ModelError, match="no weights that can be read safely"):
        TileResNet(TILES, width=8, weights=str(tmp_path / "text.pth"))
    torch.save(nn.Linear(2, 2), tmp_path / "module.pth")
    with pytest.raises(ModelError, match="no weights that can be read safely"):
        TileResNet(TILES, width=8, weights=str(tmp_path / "module.pth"))
    path = _save_torch({"conv1.weight": torch.zeros(1)}, tmp_path)
    with pytest.raises(ModelError, match="weights of another network"):
        TileResNet(TILES, width=8, weights=str(path))
    with pytest.raises(ModelError, match="depth is 101; choose 18 or 34 or 50"):
        TileResNet(TILES, width=8, depth=101)
    with pytest.raises(ModelError, match=f"0 to {len(STAGES)}"):
        TileResNet(TILES, width=8, trainable_from=6)
    for channels in ([], [8, 8]):
        with pytest.raises(ModelError, match=rf"channels lists {len(channels)} numbers; the CNN has 5 layers"):
            TileCNN(TILES, width=8, channels=channels)


def test_every_image_encoder_names_no_tokens() -> None:
    encoders: list[TileEncoder] = [cnn(), TileResNet(TILES, width=8)]
    assert [encoder.token_names for encoder in encoders] == [(), ()]


def test_stains_vary_by_patient_and_glass_stays_glass() -> None:
    haematoxylin, eosin = torch.tensor([0.65, 0.70, 0.29]), torch.tensor([0.07, 0.99, 0.11])
    pixels = torch.stack([torch.exp(-0.8 * haematoxylin - 0.3 * eosin), torch.ones(3), torch.exp(-eosin)])
    tile = pixels.T.reshape(1, 3, 1, 3)  # a nucleus, glass, stroma
    patient = torch.tensor([0, 1, 0])
    torch.manual_seed(3)
    varied = vary_stains(tile.expand(3, -1, -1, -1), patient, 0.3)
    assert torch.equal(varied[0], varied[2]) and not torch.allclose(varied[0], varied[1], atol=1e-3)
    torch.testing.assert_close(varied[:, :, 0, 1], torch.ones(3, 3))
    # By hand: each stain's amount times its factor, the same in every pixel of the patient.
    stroma = -varied[0, :, 0, 2].log()
    f_eosin = (stroma / eosin).mean()
    torch.testing.assert_close(stroma, f_eosin * eosin, rtol=1e-4, atol=1e-5)
    nucleus = -varied[0, :, 0, 0].log() - 0.3 * f_eosin * eosin
    f_haematoxylin = (nucleus / (0.8 * haematoxylin)).mean()
    torch.testing.assert_close(nucleus, f_haematoxylin * 0.8 * haematoxylin, rtol=1e-3, atol=1e-4)
    assert 0.7 <= f_eosin <= 1.3 and 0.7 <= f_haematoxylin <= 1.3
    factors = (
        -vary_stains(pixels[2].view(1, 3, 1, 1).expand(2000, -1, -1, -1), torch.arange(2000), 0.3)[:, 1].log() / 0.99
    )
    assert 0.70 <= factors.min() < 0.72 and 1.28 < factors.max() <= 1.301
    assert factors.mean() == pytest.approx(1.0, abs=0.02)


def test_stain_jitter_is_for_training_alone() -> None:
    spec = ModalitySpec(name="slides", kind="tiles", token_shape=(3, 32, 32))
    encoder = TileCNN(spec, width=8, norm="none", dropout=0.0, jitter=0.0, stain_jitter=0.5)
    images = torch.randint(0, 256, (1, 2, 3, 32, 32), dtype=torch.uint8)
    batch = ModalityBatch(values=images, mask=torch.ones(1, 2, dtype=torch.bool))
    plain = TileCNN(spec, width=8, norm="none", dropout=0.0, jitter=0.0)
    plain.load_state_dict(encoder.state_dict())
    with torch.no_grad():
        assert torch.equal(encoder.eval()(batch).summary, plain.eval()(batch).summary)
        torch.manual_seed(0)
        first = encoder.train()(batch).summary
        torch.manual_seed(0)
        assert not torch.allclose(first, plain.train()(batch).summary)
    with pytest.raises(ModelError, match=r"model\.encoders\.slides\.stain_jitter is 1\.0"):
        TileCNN(spec, width=8, stain_jitter=1.0)
