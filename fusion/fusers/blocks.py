"""What fusers share: tokens of several modalities in one row, and a transformer layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fusion.contract import Tokens
from fusion.layers import mlp


def gathered(
    tokens: Mapping[str, Tokens], names: Sequence[str], origin: nn.ParameterDict, *, first: Tensor
) -> tuple[Tensor, Tensor]:
    """Tokens of several modalities behind a learned one that is always real, and their mask.

    Args:
        tokens: of every modality.
        names: of those that are gathered.
        origin: modality → ``(width,)``, added to its tokens.
        first: ``(1, 1, width)``.
    """
    some = next(iter(tokens.values()))
    values = [first.expand(len(some.mask), -1, -1)] + [tokens[name].values + origin[name] for name in names]
    masks = [torch.ones_like(some.mask[:, :1])] + [tokens[name].mask for name in names]
    return torch.cat(values, dim=1), torch.cat(masks, dim=1)


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
