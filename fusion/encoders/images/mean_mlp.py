"""Embeddings averaged, then a small network: the plain baseline that attention over tiles has to beat."""

from __future__ import annotations

from torch import Tensor, nn

from fusion.contract import ModalityBatch, ModalitySpec, Tokens
from fusion.encoders.base import Encoder, hide_absent, projected
from fusion.encoders.pooling import MeanPooling, Pooled
from fusion.layers import mlp


class MeanMLP(Encoder):
    """``summary = MLP(W · mean over tiles)``: every tile counts alike.

    The mean-pooling baseline of Ilse, Tomczak and Welling (ICML 2018). A tile's token is its embedding's projection, so
    that attention fusers still see tiles; as W is linear, the mean of tokens is the projection of the mean.

    Args:
        spec: a modality of kind ``embeddings``.
        width: of a token.
        hidden: of the network.
        dropout: in the network, in training.
    """

    kinds = ("embeddings",)

    def __init__(self, spec: ModalitySpec, *, width: int, hidden: int = 64, dropout: float = 0.1) -> None:
        super().__init__(spec, width=width)
        self.norm = nn.LayerNorm(spec.token_shape[0])
        self.project = nn.Linear(spec.token_shape[0], width)
        self.pool = MeanThenMLP(width, hidden=hidden, dropout=dropout)

    def forward(self, x: ModalityBatch) -> Tokens:
        """``(batch, tile, feature)`` → tokens ``(batch, tile, width)``, summary ``(batch, width)``."""
        both = nn.Sequential(self.norm, self.project)
        tokens = projected(both, x.values, training=self.training) * x.mask.unsqueeze(-1)
        pooled = self.pool(tokens, x.mask)
        return Tokens(values=tokens, mask=x.mask, summary=pooled.values, weights=pooled.weights)


class MeanThenMLP(nn.Module):
    """The mean of a bag's tokens through a small network.

    Args:
        width: of a token and of the result.
        hidden: of the network.
        dropout: in training.
    """

    def __init__(self, width: int, *, hidden: int, dropout: float) -> None:
        super().__init__()
        self.mean = MeanPooling()
        self.network = mlp(width, hidden, width, dropout=dropout)

    def forward(self, tokens: Tensor, mask: Tensor) -> Pooled:
        """``(batch, token, width)`` and ``(batch, token)`` bool → `Pooled`; zeros for an empty bag."""
        pooled = self.mean(tokens, mask)
        return Pooled(values=hide_absent(self.network(pooled.values), mask), weights=pooled.weights)
