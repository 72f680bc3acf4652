"""Tiles that see one another: a transformer over a bag of embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from fusion.contract import ModalityBatch, ModalitySpec, Tokens
from fusion.encoders.base import Encoder, projected, scattered
from fusion.encoders.pooling import GatedAttentionPooling
from fusion.layers import ModelError

_LONG = 1024
"""Tiles above which evaluation never holds all pairs of them."""
_QUERIES = 2048
"""Tiles that look at all others at once, then: bounds memory also where torch has no kernel that does."""


class TransformerMIL(Encoder):
    """Self-attention among a patient's tiles, then gated attention pooling.

    Correlated instances as Shao et al., "TransMIL" (NeurIPS 2021), have them, with exact attention (Vaswani et al.
    2017, normalised before each block) instead of the Nyström approximation and without positions: the order of tiles
    means nothing. In evaluation memory grows with the bag, and time with its square up to `exact_tiles`. In larger bags
    each tile still asks, and is pooled, but looks at a sample of half as many tiles, so that time grows with the bag:
    softmax over a sample estimates softmax over all (self-normalised importance sampling), as the few hundred tiles
    that training draws do more coarsely. The sample is spread over the bag by what tiles hold, the same each time. In
    training, time and memory grow with the square of what `datamodule.tiles_per_patient` draws.

    Args:
        spec: a modality of kind ``embeddings``.
        width: of a token; a multiple of `heads`.
        heads: of the attention.
        blocks: of attention and network.
        dropout: in training.
        exact_tiles: size of a bag up to which, in evaluation, every tile looks at every tile; None: of any.

    Raises:
        ModelError: heads that do not divide the width, no block, an `exact_tiles` below 2.
    """

    kinds = ("embeddings",)
    tokens_alone: ClassVar[bool] = False

    def __init__(
        self,
        spec: ModalitySpec,
        *,
        width: int,
        heads: int = 4,
        blocks: int = 1,
        dropout: float = 0.1,
        exact_tiles: int | None = 16_384,
    ) -> None:
        super().__init__(spec, width=width)
        where = f"model.encoders.{spec.name}"
        if heads < 1 or width % heads:
            raise ModelError(f"{where}.heads is {heads}; model.width={width} must be a multiple of it.")
        if blocks < 1:
            raise ModelError(f"{where}.blocks is {blocks}; it must be at least 1.")
        if exact_tiles is not None and exact_tiles < 2:
            raise ModelError(f"{where}.exact_tiles is {exact_tiles}; it must be at least 2, or null.")
        self.exact_tiles = exact_tiles
        self.project = nn.Sequential(
            nn.LayerNorm(spec.token_shape[0]), nn.Dropout(dropout), nn.Linear(spec.token_shape[0], width)
        )
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width, heads, dim_feedforward=2 * width, dropout=dropout, activation="gelu", batch_first=True,
                norm_first=True,
            )
            for _ in range(blocks)
        )  # fmt: skip
        self.norm = nn.LayerNorm(width)
        self.pool = GatedAttentionPooling(width, hidden=width)

    def forward(self, x: ModalityBatch) -> Tokens:
        """``(batch, tile, feature)`` → tokens ``(batch, tile, width)``, summary ``(batch, width)``."""
        tokens = torch.zeros(*x.mask.shape, self.width, device=x.mask.device)
        has = x.present
        if has.any():
            # Patients without tiles are left out: attention over nothing is not a number.
            inside, mask = projected(self.project, x.values[has], training=self.training), x.mask[has]
            long = not self.training and mask.shape[1] > _LONG
            bags = zip(inside, mask, strict=True) if long else ()
            seen = [_sample(bag, real, self.exact_tiles) for bag, real in bags]
            for block in self.blocks:
                inside = one_by_one(block, inside, mask, seen) if long else block(inside, src_key_padding_mask=~mask)
            tokens = scattered(self.norm(inside) * mask.unsqueeze(-1), has, tokens.shape)
        pooled = self.pool(tokens, x.mask)
        return Tokens(values=tokens, mask=x.mask, summary=pooled.values, weights=pooled.weights)


def _sample(bag: Tensor, real: Tensor, exact_tiles: int | None) -> Tensor | None:
    """Which of the real tiles of ``(tile, width)`` are looked at; None: all.

    Evenly spaced in the order of a tile's sum, a direction that training gave a meaning: what is rare along it is in
    the sample as often as in the bag, and the order in which tiles are stored changes nothing.
    """
    tiles = int(real.sum())
    if exact_tiles is None or tiles <= exact_tiles:
        return None
    count = exact_tiles // 2
    order = bag[real].detach().float().sum(dim=1).argsort()
    return order[(torch.arange(count, device=bag.device) * tiles + tiles // 2) // count]


def one_by_one(block: Any, x: Tensor, mask: Tensor, seen: Sequence[Tensor | None]) -> Tensor:
    """What torch's transformer layer makes of ``(batch, tile, width)``, without a matrix of all pairs of tiles.

    torch's scaled_dot_product_attention keeps a running softmax (Rabe and Staats 2021, Dao et al. 2022); the layer
    itself would take a kernel that does not. Padding is left out, not masked.

    Args:
        block: the layer.
        x: ``(batch, tile, width)``.
        mask: ``(batch, tile)``, real tiles.
        seen: of each bag, which of its real tiles the others look at; None: all.
    """
    out = torch.zeros_like(x)
    for row, real in enumerate(mask):
        bag = x[row, real]
        bag = bag + _attention(block.self_attn, block.norm1(bag), seen[row])
        bag = bag + block.linear2(block.activation(block.linear1(block.norm2(bag))))
        out[row, real] = bag.to(x.dtype)
    return out


def _attention(attention: nn.MultiheadAttention, bag: Tensor, seen: Tensor | None) -> Tensor:
    """``(tile, width)`` → the same: every tile looks at every tile, or at those of `seen`."""
    parts = nn.functional.linear(bag, attention.in_proj_weight, attention.in_proj_bias)
    query, key, value = parts.view(len(bag), 3, attention.num_heads, -1).permute(1, 2, 0, 3)[:, None]
    if seen is not None:
        key, value = key[:, :, seen], value[:, :, seen]
    found = [scaled_dot_product_attention(some, key, value) for some in torch.split(query, _QUERIES, dim=2)]
    return attention.out_proj(torch.cat(found, dim=2)[0].transpose(0, 1).flatten(1))  # type: ignore[no-any-return]
