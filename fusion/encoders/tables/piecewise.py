"""Numbers that add up along curves: a token a column, the summary their sum."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fusion.contract import ModalityBatch, ModalitySpec, Tokens
from fusion.encoders.base import Encoder, hide_absent


class PiecewiseLinearEncoder(Encoder):
    """``token_j = Σ_t z_jt W_jt`` and ``summary = Σ_j token_j``, so that a linear head makes it an additive model.

    A column is cut at quantiles of the training patients, and each piece is a number of its own (Gorishniy et al., "On
    embeddings for numerical features in tabular deep learning", NeurIPS 2022, eq. 1):

        e_t = clip((x − b_{t−1}) / (b_t − b_{t−1}), 0, 1)

    which is then standardised to z_t. So effects may saturate or have a threshold, as those of a forest, while a
    hundred patients still suffice; and beyond the training patients' range nothing grows any more. A missing value is
    0 in every piece, the training mean.

    Args:
        spec: a modality of kind ``table`` or ``variants``.
        width: of a token.
        pieces: of a column; columns of fewer values have fewer.
        dropout: probability that a column is hidden, in training.
    """

    kinds = ("table", "variants")
    edges: Tensor
    center: Tensor
    scale: Tensor

    def __init__(self, spec: ModalitySpec, *, width: int, pieces: int = 4, dropout: float = 0.1) -> None:
        super().__init__(spec, width=width)
        columns = len(spec.features)
        self.drop = nn.Dropout(dropout)
        self.register_buffer("edges", torch.linspace(-2, 2, pieces + 1).repeat(columns, 1))
        self.register_buffer("center", torch.zeros(columns, pieces))
        self.register_buffer("scale", torch.ones(columns, pieces))
        self.weight = nn.Parameter(torch.empty(columns, pieces, width))
        # A sum of n standardised numbers keeps the variance of one.
        nn.init.normal_(self.weight, std=max(columns * pieces, 1) ** -0.5)

    def start(self, batches: Sequence[ModalityBatch]) -> None:
        """Take cuts, means and deviations from the training patients who have the modality."""
        values = torch.cat([x.values.float() for x in batches])
        mask = torch.cat([x.mask for x in batches])
        share = torch.linspace(0, 1, self.edges.shape[1])
        for column in range(len(self.edges)):
            known = values[mask[:, column], column]
            if len(known):
                self.edges[column] = torch.quantile(known, share)
        pieces = self._pieces(values)
        weight = mask.unsqueeze(-1).float()
        count = weight.sum(dim=0).clamp(min=1)
        self.center.copy_((pieces * weight).sum(dim=0) / count)
        variance = ((pieces - self.center).square() * weight).sum(dim=0) / count
        # A piece in which nobody differs says nothing; its deviation is never divided by.
        self.scale.copy_(torch.where(variance > 1e-8, variance.sqrt(), torch.inf))

    def forward(self, x: ModalityBatch) -> Tokens:
        """``(batch, column)`` → tokens ``(batch, column, width)``, summary ``(batch, width)``."""
        known = self.drop(x.mask.to(self.center.dtype))  # (batch, column)
        pieces = (self._pieces(x.values.float()) - self.center) / self.scale * known.unsqueeze(-1)
        tokens = torch.einsum("bcp,cpw->bcw", pieces, self.weight)
        return Tokens(values=tokens, mask=x.mask, summary=hide_absent(tokens.sum(dim=1), x.mask))

    def _pieces(self, values: Tensor) -> Tensor:
        """``(batch, column)`` → ``(batch, column, piece)`` in [0, 1]; 0 in a piece without width."""
        low, high = self.edges[:, :-1], self.edges[:, 1:]
        width = high - low
        share = (values.unsqueeze(-1) - low) / torch.where(width > 0, width, torch.inf)
        return share.clamp(0, 1)
