"""Numbers that add up: a token a column, the summary their sum."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fusion.contract import ModalityBatch, ModalitySpec, Tokens
from fusion.encoders.base import Encoder, hide_absent


class LinearEncoder(Encoder):
    """``token_j = x_j W_j`` and ``summary = Σ_j token_j``, so that a linear head makes it a regression.

    On some hundred patients a regularised regression beats a network with a hidden layer; this encoder starts
    there and leaves it to the fuser to bend. Values are cut at `clip` training standard deviations: one
    hypermutated tumour would otherwise outweigh fifty others.

    Args:
        spec: a modality of kind ``table`` or ``variants``.
        width: of a token.
        clip: in training standard deviations; None cuts nothing.
        dropout: probability that a column is hidden, in training.
    """

    kinds = ("table", "variants")

    def __init__(self, spec: ModalitySpec, *, width: int, clip: float | None = 2.0, dropout: float = 0.1) -> None:
        super().__init__(spec, width=width)
        self.clip = clip
        self.drop = nn.Dropout(dropout)
        self.weight = nn.Parameter(torch.empty(len(spec.features), width))
        # A sum of n standardised columns keeps the variance of one.
        nn.init.normal_(self.weight, std=max(len(spec.features), 1) ** -0.5)

    def forward(self, x: ModalityBatch) -> Tokens:
        """``(batch, column)`` → tokens ``(batch, column, width)``, summary ``(batch, width)``."""
        values = x.values.float() * x.mask
        if self.clip is not None:
            values = values.clamp(-self.clip, self.clip)
        values = self.drop(values)
        tokens: Tensor = values.unsqueeze(-1) * self.weight
        return Tokens(values=tokens, mask=x.mask, summary=hide_absent(values @ self.weight, x.mask))
