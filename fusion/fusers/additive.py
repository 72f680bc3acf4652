"""Weighted addition: a fuser that cannot lose much to its parts."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import torch
from torch import Tensor, nn

from fusion.contract import ModalitySpec, Tokens
from fusion.fusers.base import Fused, Fuser
from fusion.layers import ModelError


class AdditiveFuser(Fuser):
    r"""``v = Σ_m a_m s_m + z Σ_{m<n} P(L_m s_m ∘ R_n s_n)`` over summaries *s*.

    A wide modality fits its training patients sooner than a small one, whether or not it generalises, and a fuser
    that joins both through a hidden layer gives it the credit (Wang, Tran and Feiszli, "What makes training
    multi-modal classification networks hard?", CVPR 2020). Here each modality keeps a path of its own to the
    head, as in late fusion; what they know together comes in through products (low-rank bilinear, Kim et al. 2017)
    behind a gate *z* that starts at zero (ReZero, Bachlechner et al. 2021). The weights *a* say what counted.

    Args:
        specs: modality name → spec.
        width: of the result.
        rank: of the products; 0 leaves them out.
        dropout: of each summary, in training.
        start: modality → its weight before training; 1 where not named. A wide, weak modality that starts small
            must earn its weight.

    Raises:
        ModelError: `start` names no modality of the cohort.
    """

    def __init__(
        self,
        specs: Mapping[str, ModalitySpec],
        *,
        width: int,
        rank: int = 8,
        dropout: float = 0.1,
        start: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__(specs, width=width)
        given = dict(start or {})
        strange = sorted(set(given) - set(self.names))
        if strange:
            raise ModelError(f"model.fuser.start names {', '.join(strange)}; modalities are {', '.join(self.names)}.")
        self.a = nn.Parameter(torch.tensor([float(given.get(name, 1.0)) for name in self.names]))
        self.absent = nn.Parameter(torch.zeros(len(self.names), width))
        self.drop = nn.Dropout(dropout)
        self.pairs = tuple(combinations(self.names, 2)) if rank else ()
        self.left = nn.ModuleList(nn.Linear(width, rank) for _ in self.pairs)
        self.right = nn.ModuleList(nn.Linear(width, rank) for _ in self.pairs)
        self.project = nn.Linear(rank * len(self.pairs), width, bias=False) if self.pairs else None
        self.z = nn.Parameter(torch.zeros(()))

    def forward(self, tokens: Mapping[str, Tokens]) -> Fused:
        """``{name: Tokens}`` → ``(batch, width)``."""
        summaries = torch.stack([self.drop(tokens[name].summary) for name in self.names], dim=1)
        present = self.presence(tokens).unsqueeze(-1)
        # What is not there says something too: an offset a modality that is missing.
        parts = summaries * self.a[:, None] * present + self.absent * (1 - present)
        fused = parts.sum(dim=1)
        if self.project is not None:
            fused = fused + self.z * self.project(torch.cat(self._products(tokens), dim=1))
        return Fused(values=fused)

    def _products(self, tokens: Mapping[str, Tokens]) -> list[Tensor]:
        """A ``(batch, rank)`` term a pair of modalities; zero where either is missing."""
        terms = []
        for (one, other), left, right in zip(self.pairs, self.left, self.right, strict=True):
            both = (tokens[one].present & tokens[other].present).unsqueeze(1)
            terms.append(torch.tanh(left(tokens[one].summary)) * torch.tanh(right(tokens[other].summary)) * both)
        return terms
