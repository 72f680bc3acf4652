"""The transformer layer that fusers share."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from fusion.layers import mlp


@dataclass(kw_only=True)
class Among:
    """Tokens after a layer, and who looked at whom, averaged over heads: ``(batch, token, token)``."""

    values: Tensor
    attention: Tensor


class TokenLayer(nn.Module):
    """Pre-norm transformer layer (Xiong et al. 2020): tokens look at one another, then pass a small network.

    Args:
        width: of a token.
        heads: of attention; must divide `width`.
        dropout: of attention weights and of the network, in training.
    """

    def __init__(self, width: int, *, heads: int, dropout: float) -> None:
        super().__init__()
        self.look = nn.MultiheadAttention(width, heads, dropout=dropout, batch_first=True)
        self.network = mlp(width, 2 * width, width, dropout=dropout)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))

    def forward(self, x: Tensor, mask: Tensor) -> Among:
        """``(batch, token, width)``, ``(batch, token)`` → `Among`; one token at least is real in every row."""
        normed = self.norms[0](x)
        seen, attention = self.look(normed, normed, normed, key_padding_mask=~mask)
        x = x + seen
        return Among(values=x + self.network(self.norms[1](x)), attention=attention)
