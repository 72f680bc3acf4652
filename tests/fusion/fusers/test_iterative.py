"""Iterative latent attention: modalities are read in turn by the same weights, and one that lacks is skipped."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from fusion.fusers.iterative import IterativeFuser
from fusion.layers import ModelError
from tests.helpers.fuser_examples import SPECS, WIDTH, fuse, patients


def made(**settings: int) -> IterativeFuser:
    torch.manual_seed(0)
    return IterativeFuser(SPECS, width=WIDTH, heads=2, **settings).eval()


def test_one_reading_by_hand() -> None:
    """Every modality once, in order, each on what the one before left: attention, residual, network, residual."""
    fuser, tokens = made(layers=1, latents=3), patients()
    latents = fuser.latents.expand(1, -1, -1)
    for name in SPECS:
        reader = fuser.readers[name]
        keys = tokens[name].values[:1]
        latents = latents + reader.look(reader.norm(latents), keys, keys)[0]
        latents = latents + reader.network(latents)
    torch.testing.assert_close(fuse(fuser, tokens).values[:1], fuser.out(fuser.norm(latents).mean(dim=1)).detach())


def test_a_modality_that_lacks_is_skipped() -> None:
    """The third patient, who has no slides, is read as by a fuser that knows none; the fourth keeps the latents."""
    fuser, tokens = made(), patients()
    without = IterativeFuser({name: SPECS[name] for name in ("variants", "clinical")}, width=WIDTH, heads=2).eval()
    without.load_state_dict({key: part for key, part in fuser.state_dict().items() if "slides" not in key})
    torch.testing.assert_close(fuse(fuser, tokens).values[2], fuse(without, tokens).values[2])
    nothing = fuser.out(fuser.norm(fuser.latents).mean(dim=1))[0]
    torch.testing.assert_close(fuse(fuser, tokens).values[3], nothing.detach())


def test_read_again_an_early_modality_hears_a_later_one() -> None:
    def looks(layers: int, other: bool) -> torch.Tensor:
        tokens = patients()
        if other:
            tokens["clinical"] = replace(tokens["clinical"], values=tokens["clinical"].values.flip(2))
        attention = fuse(made(layers=layers), tokens).attention
        assert attention is not None
        return attention["slides"][0]

    assert torch.equal(looks(1, False), looks(1, True))
    assert not torch.allclose(looks(2, False), looks(2, True), atol=1e-6)
    weights = made().readers.state_dict().keys()
    assert weights == made(layers=5).readers.state_dict().keys(), "layers share their weights"


def test_attention_is_of_latents_over_real_tokens() -> None:
    attention = fuse(made(latents=3), patients()).attention
    assert attention is not None and list(attention) == list(SPECS)
    assert attention["slides"].shape == (4, 3, 3)
    torch.testing.assert_close(attention["slides"][:2].sum(dim=2), torch.ones(2, 3))
    assert not attention["slides"][1, :, 2].any(), "the second patient's third tile is padding"
    assert not attention["slides"][2:].any(), "the third and fourth patient have no slide"


def test_settings_that_cannot_be() -> None:
    with pytest.raises(ModelError, match="latents=0 and layers=2"):
        made(latents=0)
    with pytest.raises(ModelError, match="latents=8 and layers=0"):
        made(layers=0)
