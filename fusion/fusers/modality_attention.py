"""Attention over modalities: a patient is the weighted mean of what each modality says of them."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from fusion.contract import ModalitySpec, Tokens
from fusion.fusers.base import Fused, Fuser


class ModalityAttentionFuser(Fuser):
    """Gated attention pooling (Ilse et al., ICML 2018, eq. 9) with modalities in the place of tiles.

        a_m = v_m + wᵀ (tanh(V s_m) ⊙ sigmoid(U s_m)),   α = softmax of a over what a patient has,   f = Σ_m α_m s_m

    ``v`` and ``w`` start at zero, so training starts from the plain mean of the summaries. With
    ``model.auxiliary_head=shared`` every summary is read by the head of the fused vector and is trained to predict by
    itself; the fused logit then is a weighted mean of the modalities' own logits: late fusion, whose weights are
    learned and may differ by patient. On a hundred patients this beats a joint fit, as naive Bayes beats logistic
    regression there (Ng and Jordan, NIPS 2001): no modality has to explain what the others left over.

    Args:
        specs: modality name → spec.
        width: of summaries and of the result.
        dropout: of the elements of summaries, in training.
        by_patient: whether weights depend on the summaries; else they are one number a modality.
    """

    def __init__(
        self, specs: Mapping[str, ModalitySpec], *, width: int, dropout: float = 0.1, by_patient: bool = True
    ) -> None:
        super().__init__(specs, width=width)
        self.drop = nn.Dropout(dropout)
        self.v = nn.Parameter(torch.zeros(len(self.names)))
        self.V = nn.Linear(width, width, bias=False) if by_patient else None
        self.U = nn.Linear(width, width, bias=False) if by_patient else None
        self.w = nn.Parameter(torch.zeros(width)) if by_patient else None

    def forward(self, tokens: Mapping[str, Tokens]) -> Fused:
        """``{name: Tokens}`` → ``(batch, width)``, and as attention ``modalities`` ``(batch, 1, modality)``."""
        summaries = torch.stack([tokens[name].summary for name in self.names], dim=1)  # (batch, modality, width)
        weights = self._weights(summaries, self.presence(tokens).bool())
        fused = (weights.unsqueeze(-1) * self.drop(summaries)).sum(dim=1)
        return Fused(values=fused, attention={"modalities": weights.unsqueeze(1)})

    def _weights(self, summaries: Tensor, present: Tensor) -> Tensor:
        """``(batch, modality)``, summing to 1 over the modalities that are there; all 0 where there is none."""
        score = self.v.expand(len(summaries), -1)
        if self.V is not None and self.U is not None and self.w is not None:
            score = score + (torch.tanh(self.V(summaries)) * torch.sigmoid(self.U(summaries))) @ self.w
        # A finite floor: a patient without any modality must not give softmax nothing to sum over.
        return torch.softmax(score.masked_fill(~present, -1e4), dim=1) * present
