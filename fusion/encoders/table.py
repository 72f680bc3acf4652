"""Table columns as tokens."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fusion.contract import ModalityBatch, ModalitySpec, Tokens
from fusion.encoders.base import Encoder, hide_absent
from fusion.layers import mlp


class FeatureTokenizer(nn.Module):
    """Each number its own direction, after Gorishniy et al., "Revisiting deep learning models for tabular data" (2021).

    Args:
        features: how many numbers a patient has.
        width: of a token.
    """

    def __init__(self, features: int, *, width: int) -> None:
        super().__init__()
        # Gorishniy et al. draw both from U(−1/√d, 1/√d).
        bound = width**-0.5
        self.W = nn.Parameter(torch.empty(features, width).uniform_(-bound, bound))
        self.b = nn.Parameter(torch.empty(features, width).uniform_(-bound, bound))

    def forward(self, values: Tensor) -> Tensor:
        """``(batch, feature)`` → ``(batch, feature, width)``."""
        return values.unsqueeze(-1) * self.W + self.b  # their section 3.3: T_j = b_j + x_j · W_j


class TableEncoder(Encoder):
    """One token a column for the attention, and a small network over all columns for the summary.

    The summary is not pooled from the tokens: with a hundred patients a network over the raw columns learns
    sooner, and starts no worse than a regression on them. A missing cell counts as 0, the training mean.

    Args:
        spec: a modality of kind ``table``.
        width: of a token.
        dropout: in the summary's network, in training.
    """

    kinds = ("table",)

    def __init__(self, spec: ModalitySpec, *, width: int, dropout: float = 0.1) -> None:
        super().__init__(spec, width=width)
        self.tokenize = FeatureTokenizer(len(spec.features), width=width)
        self.summarise = mlp(len(spec.features), width, width, dropout=dropout)

    def forward(self, x: ModalityBatch) -> Tokens:
        """``(batch, column)`` → tokens ``(batch, column, width)``, summary ``(batch, width)``."""
        values = x.values.float() * x.mask
        tokens = self.tokenize(values) * x.mask.unsqueeze(-1)
        return Tokens(values=tokens, mask=x.mask, summary=hide_absent(self.summarise(values), x.mask))
