"""Gated multimodal units: each element of the fused vector decides which modality it listens to."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from fusion.contract import ModalitySpec, Tokens
from fusion.fusers.base import Fused, Fuser


class GatedFuser(Fuser):
    r"""Gated multimodal units (Arevalo et al., ICLR workshop 2017, eq. 1–5, for any number of modalities).

    ``h_m = tanh(W_m s_m)``,  ``z_m = σ(Z_m [s_1, …, s_M, who is there])``,  ``f = Σ_m z_m ∘ h_m`` over summaries *s*.

    A gate is a number between 0 and 1 for each modality and element, set by what all modalities say of the patient.
    It can shut a modality out for one patient and not for another; it cannot multiply what two of them say. A missing
    modality adds nothing, and the others' gates are told that it is missing.

    Args:
        specs: modality name → spec.
        width: of summaries and of the result.
        dropout: of the elements of summaries, in training.
    """

    def __init__(self, specs: Mapping[str, ModalitySpec], *, width: int, dropout: float = 0.1) -> None:
        super().__init__(specs, width=width)
        self.drop = nn.Dropout(dropout)
        self.read = nn.ModuleList(nn.Linear(width, width) for _ in self.names)
        self.gates = nn.Linear(len(self.names) * (width + 1), len(self.names) * width)

    def forward(self, tokens: Mapping[str, Tokens]) -> Fused:
        """``{name: Tokens}`` → ``(batch, width)``; attention ``modalities`` ``(batch, 1, modality)``, mean gates."""
        summaries = [self.drop(tokens[name].summary) for name in self.names]
        present = self.presence(tokens)
        gates = torch.sigmoid(self.gates(torch.cat([*summaries, present], dim=1)))
        gates = gates.view(-1, len(self.names), self.width) * present.unsqueeze(-1)
        said = torch.stack([torch.tanh(read(one)) for read, one in zip(self.read, summaries, strict=True)], dim=1)
        return Fused(values=(gates * said).sum(dim=1), attention={"modalities": gates.mean(dim=-1).unsqueeze(1)})
