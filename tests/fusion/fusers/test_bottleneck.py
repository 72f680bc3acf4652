"""Bottlenecks: what one modality knows reaches another through the shared tokens, a layer later."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from fusion.fusers.bottleneck import BottleneckFuser
from fusion.layers import ModelError
from tests.helpers.fuser_examples import SPECS, WIDTH, fuse, patients


def made(**settings: int) -> BottleneckFuser:
    torch.manual_seed(0)
    return BottleneckFuser(SPECS, width=WIDTH, heads=2, **settings).eval()


def heard_by_clinical(layers: int) -> bool:
    """Whether the attention of the clinical columns' layer changes with what the slides say."""
    fuser, tokens = made(layers=layers, bottlenecks=2), patients()
    slides = tokens["slides"]
    other = {**tokens, "slides": replace(slides, values=slides.values.flip(2))}
    left, right = (fuse(fuser, one).attention for one in (tokens, other))
    assert left is not None
    assert right is not None
    return not torch.allclose(left["clinical"][0], right["clinical"][0], atol=1e-6)


def test_modalities_hear_one_another_through_the_shared_tokens_alone() -> None:
    assert not heard_by_clinical(1)
    assert heard_by_clinical(2)


def test_attention_is_of_the_shared_tokens_over_a_modality() -> None:
    fused = fuse(made(bottlenecks=3), patients())
    assert fused.attention is not None
    # The class token, three tiles, three shared tokens.
    assert fused.attention["slides"].shape == (4, 3, 1 + 3 + 3)
    torch.testing.assert_close(fused.attention["slides"][:2].sum(dim=2), torch.ones(2, 3))
    assert not fused.attention["slides"][2:].any(), "the third and fourth patient have no slide"
    assert not fused.attention["slides"][1, :, 3].any(), "the second patient's third tile is padding"


def test_the_mean_is_over_modalities_that_are_there() -> None:
    """A patient whose slides are missing is scored as by a model that ignores them, not as one with empty slides."""
    fuser, tokens = made(), patients()
    empty = replace(tokens["slides"], mask=torch.ones_like(tokens["slides"].mask))
    assert not torch.allclose(fuse(fuser, tokens).values[2], fuse(fuser, {**tokens, "slides": empty}).values[2])


def test_settings_that_cannot_be() -> None:
    with pytest.raises(ModelError, match="bottlenecks=0 and layers=2"):
        made(bottlenecks=0)
