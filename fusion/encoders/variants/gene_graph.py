"""Genes as nodes of a network that passes what their neighbours carry."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from fusion.contract import ModalityBatch, ModalitySpec, Tokens
from fusion.encoders.base import Encoder, hide_absent
from fusion.encoders.variants.gene_files import source_file
from fusion.encoders.variants.genes import Owners, known_owners, read_edges
from fusion.layers import ModelError


class GeneGraphEncoder(Encoder):
    """Features of a gene are its node; layers of message passing over an edge list mix each with its neighbours.

    ``h_g⁰ = E_g + Σ_{f in g} x_f W_f`` and ``h^{l+1} = h^l + relu(conv(h^l))``, where ``conv`` is one of

    - ``gcn``: ``Σ_j h_j Θ / √(d_i d_j)`` over neighbours and i itself (Kipf & Welling, ICLR 2017). Degrees are those of
      the whole network, so that a gene hidden from one patient changes nothing beyond its neighbours.
    - ``sage``: ``h_i Θ₁ + mean_j h_j Θ₂`` (Hamilton, Ying & Leskovec, NeurIPS 2017);
    - ``gatv2``: ``Σ_j α_ij h_j Θ``, ``α = softmax(aᵀ LeakyReLU(Θ'[h_i ‖ h_j]))`` (Brody, Alon & Yahav, ICLR 2022).

    A gene outside the network keeps its node, whose neighbours are none. Features without a gene (counts, fractions)
    are tokens beside the network, ``x_f W_f``. The summary is the mean over genes plus the sum of the latter, as in
    `linear`.

    The edges among the selected genes are kept with the weights, so that a trained model does not need the file.

    Args:
        spec: a modality of kind ``variants``.
        width: of a token.
        network: ``{file, source, licence}``: two HGNC symbols a line; none is shipped.
        conv: see above.
        layers: of message passing: how far a mutation is heard.
        heads: of ``gatv2``; they divide `width`.
        clip: training standard deviations at which values are cut; None cuts nothing.
        dropout: of features, in training.
    """

    kinds = ("variants",)
    owner: Tensor
    is_gene: Tensor
    edges: Tensor

    def __init__(
        self,
        spec: ModalitySpec,
        *,
        width: int,
        network: Mapping[str, Any],
        conv: Literal["gcn", "sage", "gatv2"] = "sage",
        layers: int = 1,
        heads: int = 4,
        clip: float | None = 2.0,
        dropout: float = 0.1,
    ) -> None:
        super().__init__(spec, width=width)
        self.clip = clip
        owners = Owners.of_spec(spec)
        self._names = owners.names
        self.register_buffer("owner", owners.of, persistent=False)
        self.register_buffer("is_gene", owners.genes, persistent=False)
        self._key = f"model.encoders.{spec.name}.network"
        self._path = source_file(network, key=self._key)
        known = self._path.is_file()
        edges = read_edges(self._path, self._names, key=self._key) if known else torch.empty(2, 0, dtype=torch.int64)
        self.register_buffer("edges", edges)
        bound = width**-0.5
        self.W = nn.Parameter(torch.empty(len(spec.features), width).uniform_(-bound, bound))
        self.E = nn.Parameter(torch.empty(len(self._names), width).uniform_(-bound, bound))
        self.convs = nn.ModuleList(_conv(conv, width, heads, key=f"model.encoders.{spec.name}") for _ in range(layers))
        self.degree_weighted = conv == "gcn"
        self.drop = nn.Dropout(dropout)

    @property
    def token_names(self) -> tuple[str, ...]:
        """Gene symbols, and names of features without a gene."""
        return self._names

    def start(self, batches: Sequence[ModalityBatch]) -> None:
        """Training needs the network.

        Raises:
            ModelError: there is no such file.
        """
        if not self.edges.shape[1]:
            raise ModelError(f"{self._key}.file: there is no file {self._path}. Mend it.")

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        """Edges come with the weights, whatever the file says now."""
        stored = state_dict.get(f"{prefix}edges")
        if stored is not None:
            self.edges = torch.empty_like(stored, device=self.edges.device)
        super()._load_from_state_dict(state_dict, prefix, *args)

    def forward(self, x: ModalityBatch) -> Tokens:
        """``(batch, feature)`` → tokens ``(batch, gene, width)``, summary ``(batch, width)``."""
        values = x.values.float() * x.mask
        if self.clip is not None:
            values = values.clamp(-self.clip, self.clip)
        pushes = self.drop(values).unsqueeze(-1) * self.W  # (batch, feature, width)
        mask = known_owners(x.mask, self.owner, len(self._names))
        named = (self.E * self.is_gene.unsqueeze(-1)).expand(len(values), -1, -1)
        tokens = named.index_add(1, self.owner, pushes) * mask.unsqueeze(-1)
        nodes = mask & self.is_gene
        mixed = self._pass_messages(tokens, nodes)
        genes = (mixed * nodes.unsqueeze(-1)).sum(dim=1) / nodes.sum(dim=1, keepdim=True).clamp(min=1)
        others = (tokens * (mask & ~self.is_gene).unsqueeze(-1)).sum(dim=1)
        return Tokens(values=mixed, mask=mask, summary=hide_absent(genes + others, x.mask))

    def _pass_messages(self, tokens: Tensor, nodes: Tensor) -> Tensor:
        """Mix ``(batch, gene, width)`` along edges between genes that are known in the patient."""
        batch, count, width = tokens.shape
        offset = torch.arange(batch, device=tokens.device).repeat_interleave(self.edges.shape[1]) * count
        edges = self.edges.repeat(1, batch) + offset  # one graph of `batch` parts
        flat, known = tokens.reshape(-1, width), nodes.reshape(-1)
        kept = known[edges[0]] & known[edges[1]]
        edges = edges[:, kept]
        weight: tuple[Tensor, ...] = ()
        if self.degree_weighted:
            itself = torch.arange(batch * count, device=tokens.device)
            inverse = (torch.bincount(self.edges[0], minlength=count) + 1).float().rsqrt().repeat(batch)
            edges = torch.cat([edges, itself.expand(2, -1)], dim=1)
            weight = (inverse[edges[0]] * inverse[edges[1]],)
        for conv in self.convs:
            flat = flat + torch.relu(conv(flat, edges, *weight)) * known.unsqueeze(-1)
        return flat.reshape(batch, count, width)


def _conv(name: str, width: int, heads: int, *, key: str) -> nn.Module:
    with warnings.catch_warnings():
        # PyG 2.8 compiles a class by torch.jit.script on import, which torch 2.13 has deprecated.
        warnings.simplefilter("ignore", DeprecationWarning)
        from torch_geometric.nn import GATv2Conv, GCNConv, SAGEConv

    if name == "gcn":
        conv: nn.Module = GCNConv(width, width, normalize=False)
    elif name == "sage":
        conv = SAGEConv(width, width)
    elif name == "gatv2":
        if width % heads:
            raise ModelError(f"{key}.heads={heads} does not divide model.width={width}. Mend it.")
        conv = GATv2Conv(width, width // heads, heads=heads, add_self_loops=True)
    else:
        raise ModelError(f"{key}.conv={name!r}; choose gcn, sage or gatv2.")
    return conv
