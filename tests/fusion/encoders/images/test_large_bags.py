"""A bag that goes through an encoder in pieces gives what it gives whole."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import fusion.encoders.base as base
import fusion.encoders.images.transformer_mil as transformer
from fusion.contract import ModalityBatch, ModalitySpec
from fusion.encoders.base import Encoder
from fusion.encoders.images.mean_mlp import MeanMLP
from fusion.encoders.images.mil import EmbeddingMIL
from fusion.encoders.images.patch_graph import PatchGraph
from fusion.encoders.images.transformer_mil import TransformerMIL

SPEC = ModalitySpec(name="x", kind="embeddings", token_shape=(6,))


def bags() -> ModalityBatch:
    """Three patients of 37, 20 and no tiles, as float16, in which features are stored."""
    generator = torch.Generator().manual_seed(0)
    mask = torch.arange(37) < torch.tensor([[37], [20], [0]])
    values = (torch.randn(3, 37, 6, generator=generator) * mask[..., None]).half()
    place = torch.arange(37)
    coords = torch.stack([place * 0, place % 6, place // 6], dim=1).expand(3, -1, -1)
    return ModalityBatch(values=values, mask=mask, coords=coords)


@pytest.mark.parametrize("kind", [EmbeddingMIL, MeanMLP, PatchGraph, TransformerMIL])
def test_pieces_change_nothing(kind: type[Encoder], monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    options: dict[str, Any] = {"blocks": 2} if kind is TransformerMIL else {}
    encoder = kind(SPEC, width=8, **options).eval()
    with torch.no_grad():
        whole = encoder(bags())
        monkeypatch.setattr(base, "_AT_ONCE", 5)
        monkeypatch.setattr(transformer, "_LONG", 1)
        monkeypatch.setattr(transformer, "_QUERIES", 7)
        pieces = encoder(bags())
    assert whole.values.dtype == torch.float32
    torch.testing.assert_close(pieces.values, whole.values, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(pieces.summary, whole.summary, rtol=1e-5, atol=1e-6)
    assert not pieces.values[1, 20:].any()
    assert not pieces.summary[2].any()


def test_a_tile_of_a_larger_bag_looks_at_a_sample_that_is_spread_over_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transformer, "_LONG", 1)
    torch.manual_seed(0)
    whole = TransformerMIL(SPEC, width=8, blocks=2, exact_tiles=None).eval()
    part = TransformerMIL(SPEC, width=8, blocks=2, exact_tiles=30).eval()
    part.load_state_dict(whole.state_dict())
    shuffled = torch.randperm(37, generator=torch.Generator().manual_seed(1))
    batch = bags()
    other = ModalityBatch(values=batch.values[:, shuffled], mask=batch.mask[:, shuffled], coords=batch.coords)
    with torch.no_grad():
        found, exact, again = part(batch), whole(batch), part(other)
        # By hand: 15 of the 37 tiles, every 37/15th in the order of the sum of what was projected.
        bag = whole.project(batch.values[0].float())
        order = bag.sum(dim=1).argsort()
        seen = order[[int((number + 0.5) * 37 / 15) for number in range(15)]]
        for block in whole.blocks:
            normed = block.norm1(bag)
            bag = bag + block.self_attn(normed[None], normed[None, seen], normed[None, seen])[0][0]
            bag = bag + block.linear2(torch.nn.functional.gelu(block.linear1(block.norm2(bag))))
    torch.testing.assert_close(found.values[0], whole.norm(bag), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(again.values[0], found.values[0, shuffled], rtol=1e-5, atol=1e-6)
    assert torch.equal(found.values[1], exact.values[1])  # 20 tiles: all of them
    assert not torch.allclose(found.values[0], exact.values[0], atol=1e-3)


def test_a_transformer_scores_a_large_bag_without_all_pairs_of_tiles() -> None:
    """6,000 tiles: all pairs of four heads would be 0.58 GB; the process may grow by a tenth of that."""
    import resource

    encoder = TransformerMIL(SPEC, width=8, heads=4).eval()
    values = torch.randn(1, 6_000, 6)
    batch = ModalityBatch(values=values, mask=torch.ones(1, 6_000, dtype=torch.bool))
    with torch.inference_mode():
        encoder(ModalityBatch(values=values[:, :1100], mask=batch.mask[:, :1100]))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        encoder(batch)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 58_000
