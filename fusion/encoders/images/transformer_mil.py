"""Tiles that see one another: a transformer over a bag of embeddings."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import nn

from fusion.contract import ModalityBatch, ModalitySpec, Tokens
from fusion.encoders.base import Encoder, scattered
from fusion.encoders.pooling import GatedAttentionPooling
from fusion.layers import ModelError


class TransformerMIL(Encoder):
    """Self-attention among a patient's tiles, then gated attention pooling.

    Correlated instances as Shao et al., "TransMIL" (NeurIPS 2021), have them, with exact attention (Vaswani et al.
    2017, normalised before each block) instead of the Nyström approximation and without positions: the order of tiles
    means nothing. Memory grows with the square of the bag; `datamodule.tiles_per_patient` bounds it in training.

    Args:
        spec: a modality of kind ``embeddings``.
        width: of a token; a multiple of `heads`.
        heads: of the attention.
        blocks: of attention and network.
        dropout: in training.
    """

    kinds = ("embeddings",)
    tokens_alone: ClassVar[bool] = False

    def __init__(
        self, spec: ModalitySpec, *, width: int, heads: int = 4, blocks: int = 1, dropout: float = 0.1
    ) -> None:
        super().__init__(spec, width=width)
        where = f"model.encoders.{spec.name}"
        if heads < 1 or width % heads:
            raise ModelError(f"{where}.heads is {heads}; model.width={width} must be a multiple of it.")
        if blocks < 1:
            raise ModelError(f"{where}.blocks is {blocks}; it must be at least 1.")
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
            inside = self.project(x.values[has].float())
            for block in self.blocks:
                inside = block(inside, src_key_padding_mask=~x.mask[has])
            tokens = scattered(self.norm(inside) * x.mask[has].unsqueeze(-1), has, tokens.shape)
        pooled = self.pool(tokens, x.mask)
        return Tokens(values=tokens, mask=x.mask, summary=pooled.values, weights=pooled.weights)
