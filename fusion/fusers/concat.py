"""Concatenation: the plainest way to join modalities, and the fuser of models with a single one."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from fusion.contract import ModalitySpec, Tokens
from fusion.fusers.base import Fused, Fuser
from fusion.layers import mlp


class ConcatFuser(Fuser):
    """A small network over the summaries side by side, with a flag for each modality that is there.

    Args:
        specs: modality name → spec.
        width: of the result.
        dropout: in training.
    """

    def __init__(self, specs: Mapping[str, ModalitySpec], *, width: int, dropout: float = 0.1) -> None:
        super().__init__(specs, width=width)
        self.join = mlp(len(self.names) * (width + 1), width, width, dropout=dropout)

    def forward(self, tokens: Mapping[str, Tokens]) -> Fused:
        """``{name: Tokens}`` → ``(batch, width)``."""
        summaries = [tokens[name].summary for name in self.names]
        return Fused(values=self.join(torch.cat([*summaries, self.presence(tokens)], dim=1)))
