"""Variants as tokens, one a gene."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fusion.contract import FeatureSpec, ModalityBatch, ModalitySpec, Tokens
from fusion.encoders.base import Encoder, hide_absent
from fusion.encoders.components import PrincipalComponents


class VariantEncoder(Encoder):
    """Features of the same gene (burden, dosages of its variants) are summed into the token of that gene.

    ``token_g = E_g + Σ_{f in g} x_f W_f``, so an unmutated gene keeps its name, E_g, and each variant pushes it in a
    direction of its own. Features without a gene (mutation counts, fractions) are tokens by themselves. The
    summary is made of a few principal components of all features; see `PrincipalComponents` for why.

    Args:
        spec: a modality of kind ``variants``.
        width: of a token.
        components: principal components of the training patients that the summary is made of.
        clip: training standard deviations that values are bent into for them.
        dropout: of components, in training.
    """

    kinds = ("variants",)
    token_of: Tensor

    def __init__(
        self, spec: ModalitySpec, *, width: int, components: int = 4, clip: float = 2.0, dropout: float = 0.1
    ) -> None:
        super().__init__(spec, width=width)
        owners = [_owner(feature) for feature in spec.features]
        self._names = tuple(dict.fromkeys(owners))
        rank = {name: position for position, name in enumerate(self._names)}
        self.register_buffer("token_of", torch.tensor([rank[owner] for owner in owners]), persistent=False)
        bound = width**-0.5
        self.W = nn.Parameter(torch.empty(len(owners), width).uniform_(-bound, bound))
        self.E = nn.Parameter(torch.empty(len(self._names), width).uniform_(-bound, bound))
        self.components = PrincipalComponents(len(owners), components=components, clip=clip)
        self.summarise = nn.Linear(self.components.components, width)
        self.drop = nn.Dropout(dropout)

    @property
    def token_names(self) -> tuple[str, ...]:
        """Gene symbols, and names of features without a gene."""
        return self._names

    def start(self, batches: Sequence[ModalityBatch]) -> None:
        """Find the principal components of the training patients who have the modality."""
        self.components.fit(torch.cat([(x.values.float() * x.mask)[x.present] for x in batches]))

    def forward(self, x: ModalityBatch) -> Tokens:
        """``(batch, feature)`` → tokens ``(batch, gene, width)``, summary ``(batch, width)``."""
        values = x.values.float() * x.mask
        pushes = values.unsqueeze(-1) * self.W  # (batch, feature, width)
        mask = self._gene_mask(x.mask)
        tokens = self.E.expand(len(values), -1, -1).index_add(1, self.token_of, pushes) * mask.unsqueeze(-1)
        summary = self.summarise(self.drop(self.components(values)))
        return Tokens(values=tokens, mask=mask, summary=hide_absent(summary, x.mask))

    def _gene_mask(self, mask: Tensor) -> Tensor:
        """``(batch, feature)`` → ``(batch, gene)``: a gene is known where any of its features is."""
        counts = torch.zeros(len(mask), len(self._names), device=mask.device)
        return counts.index_add(1, self.token_of, mask.to(counts.dtype)) > 0


def _owner(feature: FeatureSpec) -> str:
    return feature.gene or feature.name
