"""From a bag of tokens to one vector, whatever the bag's size and order."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fusion.layers import ModelError


@dataclass(frozen=True, kw_only=True)
class Pooled:
    """A bag in one vector.

    Attributes:
        values: ``(batch, width)``; zeros for an empty bag.
        weights: ``(batch, token)``, sum 1 over real tokens, 0 for padding.
    """

    values: Tensor
    weights: Tensor


class MeanPooling(nn.Module):
    """Every real token counts alike."""

    def forward(self, tokens: Tensor, mask: Tensor) -> Pooled:
        """``(batch, token, width)`` and ``(batch, token)`` bool → `Pooled`."""
        real = mask.to(tokens.dtype)
        weights = real / real.sum(dim=1, keepdim=True).clamp(min=1.0)
        return Pooled(values=_weighted(tokens, weights), weights=weights)


class GatedAttentionPooling(nn.Module):
    """Gated attention, after Ilse, Tomczak and Welling, "Attention-based deep multiple instance learning" (ICML 2018).

    Args:
        width: of a token.
        hidden: rows of V and U.
    """

    def __init__(self, width: int, *, hidden: int) -> None:
        super().__init__()
        self.V = nn.Linear(width, hidden, bias=False)
        self.U = nn.Linear(width, hidden, bias=False)
        self.w = nn.Linear(hidden, 1, bias=False)

    def forward(self, tokens: Tensor, mask: Tensor) -> Pooled:
        """``(batch, token, width)`` and ``(batch, token)`` bool → `Pooled`."""
        # Equation 9: a_k = exp{wᵀ(tanh(V h_k) ⊙ sigm(U h_k))} / Σ_j exp{…}; equation 7: z = Σ_k a_k h_k.
        logits = self.w(torch.tanh(self.V(tokens)) * torch.sigmoid(self.U(tokens))).squeeze(-1)
        logits = logits.masked_fill(~mask, torch.finfo(logits.dtype).min)
        # A bag without real tokens gets a uniform softmax, which the mask then makes zero: no NaN.
        weights = torch.softmax(logits, dim=1) * mask.to(logits.dtype)
        return Pooled(values=_weighted(tokens, weights), weights=weights)


def _weighted(tokens: Tensor, weights: Tensor) -> Tensor:
    return torch.bmm(weights.unsqueeze(1), tokens).squeeze(1)


def make_pooling(name: str, *, width: int, where: str) -> nn.Module:
    """``attention`` or ``mean``, as the config key `where` says.

    Raises:
        ModelError: another name.
    """
    if name == "attention":
        return GatedAttentionPooling(width, hidden=width)
    if name == "mean":
        return MeanPooling()
    raise ModelError(f"{where}.pooling is {name!r}; choose attention or mean.")
