"""Table columns as tokens."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fusion.contract import ModalityBatch, ModalitySpec, Tokens
from fusion.encoders.base import Encoder, hide_absent
from fusion.encoders.components import PrincipalComponents


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
    """One token a column for the attention, and a few principal components of all columns for the summary.

    The summary is not pooled from the tokens: see `PrincipalComponents`. A missing cell counts as 0, the training mean.

    Args:
        spec: a modality of kind ``table``.
        width: of a token.
        components: principal components of the training patients that the summary is made of.
        clip: training standard deviations that values are bent into for them.
        dropout: of components, in training.
    """

    kinds = ("table",)

    def __init__(
        self, spec: ModalitySpec, *, width: int, components: int = 4, clip: float = 2.0, dropout: float = 0.1
    ) -> None:
        super().__init__(spec, width=width)
        self.tokenize = FeatureTokenizer(len(spec.features), width=width)
        self.components = PrincipalComponents(len(spec.features), components=components, clip=clip)
        self.summarise = nn.Linear(self.components.components, width)
        self.drop = nn.Dropout(dropout)

    def start(self, batches: Sequence[ModalityBatch]) -> None:
        """Find the principal components of the training patients who have the modality."""
        self.components.fit(torch.cat([(x.values.float() * x.mask)[x.present] for x in batches]))

    def forward(self, x: ModalityBatch) -> Tokens:
        """``(batch, column)`` → tokens ``(batch, column, width)``, summary ``(batch, width)``."""
        values = x.values.float() * x.mask
        tokens = self.tokenize(values) * x.mask.unsqueeze(-1)
        summary = self.summarise(self.drop(self.components(values)))
        return Tokens(values=tokens, mask=x.mask, summary=hide_absent(summary, x.mask))
