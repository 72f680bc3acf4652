from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from fusion.contract import ModalitySpec, Tokens
from fusion.fusers.concat import ConcatFuser
from fusion.fusers.cross_attention import CrossAttentionFuser
from fusion.layers import ModelError

SPECS = {
    "slides": ModalitySpec(name="slides", kind="tiles", token_shape=(3, 32, 32)),
    "variants": ModalitySpec(name="variants", kind="variants"),
    "clinical": ModalitySpec(name="clinical", kind="table"),
}


def tokens(width: int = 4, *, missing: str | None = None) -> dict[str, Tokens]:
    generator = torch.Generator().manual_seed(0)
    result = {}
    for name, count in {"slides": 5, "variants": 3, "clinical": 2}.items():
        there = name != missing
        result[name] = Tokens(
            values=torch.randn(2, count, width, generator=generator) * there,
            mask=torch.full((2, count), there),
            summary=torch.randn(2, width, generator=generator) * there,
        )
    return result


def fuser(**options: int) -> CrossAttentionFuser:
    torch.manual_seed(0)
    made = CrossAttentionFuser(SPECS, width=4, heads=2, **options).eval()
    nn.init.ones_(made.gate)
    return made


def test_columns_without_end_are_refused_before_memory_is_gone() -> None:
    """A million columns: attention among them needs some 64 TB. Whoever has a few components fits."""
    many = tokens()
    wide = Tokens(
        values=torch.zeros(1, 1).expand(2, 1_000_000).unsqueeze(-1).expand(-1, -1, 4),
        mask=torch.ones(1, 1, dtype=torch.bool).expand(2, 1_000_000),
        summary=many["clinical"].summary,
    )
    with pytest.raises(ModelError, match=r"takes 640\d\d GB") as refused:
        fuser()({**many, "clinical": wide})
    assert "1,000,003 columns of each of 2 patients" in str(refused.value)
    assert "clinical has 1,000,000: set modality.clinical.components=50" in str(refused.value)
    assert fuser()(many).values.shape == (2, 4)


def test_products_by_hand() -> None:
    """Two modalities, rank 1: tanh(u · s) tanh(v · t) of summaries at unit scale."""
    pair = {name: SPECS[name] for name in ("slides", "variants")}
    made = CrossAttentionFuser(pair, width=4, heads=1, rank=1).eval()
    for part in (made.left[0], made.right[0]):
        assert isinstance(part, nn.Linear)
        nn.init.zeros_(part.bias)
        part.weight.data = torch.tensor([[1.0, 0.0, 0.0, 0.0]])
    parts = tokens()
    parts["slides"].summary = torch.tensor([[3.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0]])
    parts["variants"].summary = torch.tensor([[-3.0, -1.0, -1.0, -1.0], [1.0, 2.0, 3.0, 4.0]])
    # (3, 1, 1, 1) has mean 1.5 and variance 0.75: its first number is 1.5 / √0.75 = √3 at unit scale.
    (product,) = [term.detach() for term in made._products(parts)]
    expected = -torch.tanh(torch.tensor(3.0).sqrt()).square()
    torch.testing.assert_close(product[0, 0], expected, rtol=1e-3, atol=0)
    assert float(product[1, 0]) == 0.0


@pytest.mark.parametrize("missing", SPECS)
def test_a_missing_modality_is_finite_and_never_looked_at(missing: str) -> None:
    made = fuser()
    fused = made(tokens(missing=missing))
    assert torch.isfinite(fused.values).all()
    assert fused.attention is not None
    if missing == "slides":
        assert fused.attention["images"][:, :, 1:].abs().sum() == 0
    elif missing == "variants":
        assert fused.attention["queries"][:, :, 1:4].abs().sum() == 0
    else:
        assert fused.attention["queries"][:, :, 4:].abs().sum() == 0


def _moved(made: nn.Module, parts: dict[str, Tokens], name: str) -> bool:
    before: Tensor = made(parts).values
    parts[name].values = parts[name].values + torch.randn_like(parts[name].values)
    return not torch.allclose(before, made(parts).values)


def test_tokens_count_through_attention_alone() -> None:
    """Summaries stay as they are; only attention can carry the change."""
    for name in SPECS:
        assert _moved(fuser(), tokens(), name)
        assert not _moved(ConcatFuser(SPECS, width=4).eval(), tokens(), name)


def test_attention_starts_shut() -> None:
    made = CrossAttentionFuser(SPECS, width=4, heads=2).eval()
    assert made.gate.item() == 0.0
    assert not _moved(made, tokens(), "slides")


def test_without_images_and_with_more_blocks() -> None:
    two = {name: SPECS[name] for name in ("variants", "clinical")}
    made = CrossAttentionFuser(two, width=4, heads=2, blocks=3, rank=0).eval()
    fused = made(tokens())
    assert torch.isfinite(fused.values).all()
    assert fused.attention is not None
    assert set(fused.attention) == {"queries"}
    assert made.pairs == ()
