"""Genes and variants as a sequence that attends to itself."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fusion.contract import ModalityBatch, ModalitySpec, Tokens
from fusion.encoders.base import Encoder, hide_absent


class VariantTransformer(Encoder):
    """A token a feature: which gene, which consequence, where in the protein, and how much of it the patient has.

    ``token_f = E[gene] + C[consequence] + K[kind] + P · pe(residue) + x_f V[gene]``, then layers of self-attention
    (Vaswani et al., "Attention is all you need", NeurIPS 2017; layer norm first, Xiong et al., ICML 2020). ``pe`` is
    their sinusoidal encoding, of the changed amino acid's number; 0 where it is not known. ``x_f`` is the scaled
    burden, dosage, allele fraction or count. A first token without a value reads the others; what it becomes is the
    summary.

    Two variants of a gene share E and V and differ by consequence and residue, so that what is learned of one helps
    with the other. A hidden feature is no key: it changes the others as if the spec did not have it.

    Args:
        spec: a modality of kind ``variants``.
        width: of a token.
        layers: of self-attention.
        heads: of each; they divide `width`.
        clip: training standard deviations at which values are cut; None cuts nothing.
        dropout: within the layers, in training.
    """

    kinds = ("variants",)
    gene_of: Tensor
    consequence_of: Tensor
    kind_of: Tensor
    places: Tensor

    def __init__(
        self,
        spec: ModalitySpec,
        *,
        width: int,
        layers: int = 1,
        heads: int = 4,
        clip: float | None = 2.0,
        dropout: float = 0.2,
    ) -> None:
        super().__init__(spec, width=width)
        self.clip = clip
        columns: dict[str, list[str]] = {
            "gene_of": [feature.gene or feature.name for feature in spec.features],
            "consequence_of": [feature.consequence or "" for feature in spec.features],
            "kind_of": [feature.kind for feature in spec.features],
        }
        sizes = {}
        for name, values in columns.items():
            rank = {value: at for at, value in enumerate(dict.fromkeys(values))}
            sizes[name] = len(rank)
            self.register_buffer(name, torch.tensor([rank[v] for v in values], dtype=torch.int64), persistent=False)
        residues = [feature.residue for feature in spec.features]
        self.register_buffer("places", torch.stack([_sinusoid(one, width) for one in residues]), persistent=False)
        self.E = nn.Parameter(_drawn(sizes["gene_of"], width))
        self.V = nn.Parameter(_drawn(sizes["gene_of"], width))
        self.C = nn.Parameter(_drawn(sizes["consequence_of"], width))
        self.K = nn.Parameter(_drawn(sizes["kind_of"], width))
        self.P = nn.Linear(width, width, bias=False)
        self.reader = nn.Parameter(_drawn(1, width))
        layer = nn.TransformerEncoderLayer(
            width, heads, dim_feedforward=2 * width, dropout=dropout, batch_first=True, norm_first=True
        )
        self.attend = nn.TransformerEncoder(layer, layers, norm=nn.LayerNorm(width), enable_nested_tensor=False)

    def embed(self, values: Tensor) -> Tensor:
        """``(batch, feature)`` → ``(batch, feature, width)``, before any attention."""
        if self.clip is not None:
            values = values.clamp(-self.clip, self.clip)
        fixed = self.E[self.gene_of] + self.C[self.consequence_of] + self.K[self.kind_of] + self.P(self.places)
        tokens: Tensor = fixed + values.unsqueeze(-1) * self.V[self.gene_of]
        return tokens

    def forward(self, x: ModalityBatch) -> Tokens:
        """``(batch, feature)`` → tokens ``(batch, feature, width)``, summary ``(batch, width)``."""
        tokens = self.embed(x.values.float() * x.mask)
        reader = self.reader.expand(len(tokens), 1, -1)
        shown = torch.cat([torch.ones_like(x.mask[:, :1]), x.mask], dim=1)
        mixed = self.attend(torch.cat([reader, tokens], dim=1), src_key_padding_mask=~shown)
        return Tokens(values=mixed[:, 1:] * x.mask.unsqueeze(-1), mask=x.mask, summary=hide_absent(mixed[:, 0], x.mask))


def _drawn(rows: int, width: int) -> Tensor:
    bound = width**-0.5
    return torch.empty(rows, width).uniform_(-bound, bound)


def _sinusoid(place: int | None, width: int) -> Tensor:
    """``(width,)``: sin and cos of ``place / 10000^(2i / width)`` (their section 3.5); zeros for None."""
    if place is None:
        return torch.zeros(width)
    angles = place / 10000 ** (torch.arange(0, width, 2) / width)
    return torch.stack([angles.sin(), angles.cos()], dim=1).ravel()[:width]
