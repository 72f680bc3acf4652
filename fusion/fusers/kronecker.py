"""Pathomic Fusion: gated summaries, multiplied element by element of one with element of the other."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import torch
from torch import Tensor, nn

from fusion.contract import ModalitySpec, Tokens
from fusion.fusers.base import Fused, Fuser
from fusion.layers import ModelError


class KroneckerFuser(Fuser):
    r"""Gated Kronecker product (Chen et al., "Pathomic Fusion", IEEE Trans. Med. Imaging 2020, eq. 3–6).

    ``h_m = σ(Z_m [s_1, …, s_M]) ∘ relu(W_m s_m)``,  ``f = relu(V · ([h_1, 1] ⊗ [h_2, 1] ⊗ …))`` over summaries *s*.

    The ones keep what fewer modalities say beside what several say together: the product holds every *h* by itself,
    every outer product of two, and so on. A missing modality's factor is ``[0, …, 0, 1]``, which leaves the product of
    the others as it is. The whole product of many modalities is large, ``(rank + 1)^M``; so it is taken up to `order`
    factors at once, which for as many modalities as `order` is the paper's.

    Args:
        specs: modality name → spec.
        width: of summaries and of the result.
        rank: numbers a modality that are multiplied.
        order: how many modalities are multiplied at once, at most.
        dropout: of the product, in training.

    Raises:
        ModelError: a rank or order below 1.
    """

    def __init__(
        self, specs: Mapping[str, ModalitySpec], *, width: int, rank: int = 4, order: int = 3, dropout: float = 0.1
    ) -> None:
        super().__init__(specs, width=width)
        if rank < 1 or order < 1:
            raise ModelError(f"model.fuser: rank={rank} and order={order} must be at least 1.")
        self.read = nn.ModuleList(nn.Linear(width, rank) for _ in self.names)
        self.gates = nn.ModuleList(nn.Linear(len(self.names) * width, rank) for _ in self.names)
        most = min(order, len(self.names))
        self.terms = tuple(term for size in range(1, most + 1) for term in combinations(range(len(self.names)), size))
        self.drop = nn.Dropout(dropout)
        self.join = nn.Linear(sum(rank ** len(term) for term in self.terms), width)

    def forward(self, tokens: Mapping[str, Tokens]) -> Fused:
        """``{name: Tokens}`` → ``(batch, width)``."""
        factors = self.factors(tokens)
        product = torch.cat([_outer([factors[at] for at in term]) for term in self.terms], dim=1)
        return Fused(values=torch.relu(self.join(self.drop(product))))

    def factors(self, tokens: Mapping[str, Tokens]) -> list[Tensor]:
        """*h* of each modality, ``(batch, rank)``; zeros where it is missing."""
        together = torch.cat([tokens[name].summary for name in self.names], dim=1)
        return [
            torch.sigmoid(gate(together)) * torch.relu(read(tokens[name].summary)) * tokens[name].present.unsqueeze(1)
            for name, read, gate in zip(self.names, self.read, self.gates, strict=True)
        ]


def _outer(factors: list[Tensor]) -> Tensor:
    """``(batch, a), (batch, b), …`` → ``(batch, a · b · …)``: every product of one element of each."""
    product = factors[0]
    for factor in factors[1:]:
        product = (product.unsqueeze(2) * factor.unsqueeze(1)).flatten(1)
    return product
