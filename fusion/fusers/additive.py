"""Weighted addition: a fuser that cannot lose much to its parts."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import torch
from torch import Tensor, nn

from fusion.contract import ModalitySpec, Tokens
from fusion.fusers.base import Fused, Fuser
from fusion.layers import mlp


class AdditiveFuser(Fuser):
    r"""``v = Σ_m c_m (s_m + f_m(s_m)) + z Σ_{m<n} P(L_m s_m ∘ R_n s_n)`` over summaries *s*, *f* small networks.

    A wide modality fits its training patients sooner than a small one, whether or not it generalises, and a fuser
    that joins both through a hidden layer gives it the credit (Wang, Tran and Feiszli, "What makes training
    multi-modal classification networks hard?", CVPR 2020). Here each modality keeps a path of its own to the
    head, as in late fusion; what they know together comes in through products (low-rank bilinear, Kim et al. 2017)
    behind a gate *z* that starts at zero (ReZero, Bachlechner et al. 2021). So they are learned late: where one
    modality decides what another means, `CrossAttentionFuser` finds it sooner (docs/experiments.md).

    The constants *c* are not learned, and that is their point: Adam moves every weight by about the learning rate
    a step, however small its gradient, so a learned factor would be undone in an epoch, while a constant
    slows the modality's whole path by that much. Early stopping then ends training before a weak modality is
    learned by heart.

    Args:
        specs: modality name → spec.
        width: of the result.
        rank: of the products; 0 leaves them out.
        dropout: of each summary, in training.
        trust: modality → its constant *c*; 1 where not named, below 1 for wide, weak ones. Modalities that the model
            does not have are passed over, so that a cohort may be trained without one.
    """

    def __init__(
        self,
        specs: Mapping[str, ModalitySpec],
        *,
        width: int,
        rank: int = 8,
        dropout: float = 0.1,
        trust: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__(specs, width=width)
        self.trust = {name: float((trust or {}).get(name, 1.0)) for name in self.names}
        self.paths = nn.ModuleDict({name: mlp(width, width, width, dropout=dropout) for name in self.names})
        self.absent = nn.Parameter(torch.zeros(len(self.names), width))
        self.drop = nn.Dropout(dropout)
        self.pairs = tuple(combinations(self.names, 2)) if rank else ()
        self.left = nn.ModuleList(nn.Linear(width, rank) for _ in self.pairs)
        self.right = nn.ModuleList(nn.Linear(width, rank) for _ in self.pairs)
        self.project = nn.Linear(rank * len(self.pairs), width, bias=False) if self.pairs else None
        self.z = nn.Parameter(torch.zeros(()))

    def forward(self, tokens: Mapping[str, Tokens]) -> Fused:
        """``{name: Tokens}`` → ``(batch, width)``."""
        parts = []
        for name, offset in zip(self.names, self.absent, strict=True):
            summary = self.drop(tokens[name].summary)
            present = tokens[name].present.unsqueeze(1)
            path = self.trust[name] * (summary + self.paths[name](summary))
            # What is not there says something too.
            parts.append(torch.where(present, path, offset))
        fused = torch.stack(parts).sum(dim=0)
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
