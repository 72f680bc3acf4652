"""Tiles that were embedded beforehand, by a frozen network: multiple instance learning over embeddings."""

from __future__ import annotations

from torch import nn

from fusion.contract import ModalityBatch, ModalitySpec, Tokens
from fusion.encoders.base import Encoder, projected
from fusion.encoders.pooling import make_pooling


class EmbeddingMIL(Encoder):
    """Embeddings ``(batch, tile, feature)`` → one token a tile, pooled by gated attention (Ilse et al. 2018).

    Args:
        spec: a modality of kind ``embeddings``.
        width: of a token.
        pooling: ``attention`` or ``mean``.
        dropout: of the embedding and of the token, in training.
    """

    kinds = ("embeddings",)

    def __init__(self, spec: ModalitySpec, *, width: int, pooling: str = "attention", dropout: float = 0.1) -> None:
        super().__init__(spec, width=width)
        self.project = nn.Sequential(
            nn.LayerNorm(spec.token_shape[0]),
            nn.Dropout(dropout),
            nn.Linear(spec.token_shape[0], width),
            nn.GELU(),
            nn.Dropout(dropout),
        )
        self.pool = make_pooling(pooling, width=width, where=f"model.encoders.{spec.name}")

    def forward(self, x: ModalityBatch) -> Tokens:
        """``(batch, tile, feature)`` → tokens ``(batch, tile, width)``, summary ``(batch, width)``."""
        tokens = projected(self.project, x.values, training=self.training) * x.mask.unsqueeze(-1)
        pooled = self.pool(tokens, x.mask)
        return Tokens(values=tokens, mask=x.mask, summary=pooled.values, weights=pooled.weights)
