"""Gene sets as tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from fusion.contract import ModalityBatch, ModalitySpec, Tokens
from fusion.encoders.base import Encoder, hide_absent
from fusion.encoders.variants.gene_files import source_file
from fusion.encoders.variants.genes import read_sets
from fusion.layers import ModelError


class PathwayEncoder(Encoder):
    """A token a gene set, driven by the features of its genes and by no others.

    ``a_s = tanh(Σ_{f: gene(f) in s} A_sf x_f + b_s)``, the sparse layer of Elmarakeby et al., "Biologically informed
    deep neural network for prostate cancer discovery" (Nature 2021), and ``token_s = E_s + a_s V_s``. Features whose
    gene is in no set, or that have none, are tokens by themselves, ``x_f W_f``. The summary is
    ``Σ_s a_s U_s + Σ_f x_f W_f``.

    Sets without a feature of the modality are left out. What is in which set is kept with the weights, so that a
    trained model does not need the file.

    Args:
        spec: a modality of kind ``variants``.
        width: of a token.
        gene_sets: ``{file, source, licence}``: a GMT of HGNC symbols; none is shipped.
        clip: training standard deviations at which values are cut; None cuts nothing.
        dropout: of features, in training.
    """

    kinds = ("variants",)
    members: Tensor
    names: Tensor

    def __init__(
        self,
        spec: ModalitySpec,
        *,
        width: int,
        gene_sets: Mapping[str, Any],
        clip: float | None = 2.0,
        dropout: float = 0.1,
    ) -> None:
        super().__init__(spec, width=width)
        self.clip = clip
        self._key = f"model.encoders.{spec.name}.gene_sets"
        self._path = source_file(gene_sets, key=self._key)
        sets = read_sets(self._path, key=self._key) if self._path.is_file() else {}
        genes = [feature.gene for feature in spec.features]
        used = {name: [gene in of for gene in genes] for name, of in sets.items() if not of.isdisjoint(genes)}
        if sets and not used:
            raise ModelError(
                f"{self._key}.file: no set of {self._path} has a gene of the modality. "
                "Select more genes, or give sets of HGNC symbols."
            )
        self._build(torch.tensor(list(used.values()), dtype=torch.bool).reshape(len(used), len(genes)))
        self.names = _coded(list(used))
        self.drop = nn.Dropout(dropout)

    def _build(self, members: Tensor) -> None:
        """Parameters for ``(set, feature)`` bool."""
        sets, width = len(members), self.width
        self.register_buffer("members", members)
        self.register_buffer("names", torch.empty(sets, 0, dtype=torch.uint8))
        bound = width**-0.5
        size = members.sum(dim=1, keepdim=True).clamp(min=1).to(torch.float32)
        # A sum of n standardised features keeps the variance of one.
        self.A = nn.Parameter(torch.randn(members.shape) * size.rsqrt())
        self.b = nn.Parameter(torch.zeros(sets))
        self.E, self.V, self.U = (nn.Parameter(torch.empty(sets, width).uniform_(-bound, bound)) for _ in range(3))
        self.W = nn.Parameter(torch.randn(members.shape[1], width) * max(members.shape[1], 1) ** -0.5)

    @property
    def token_names(self) -> tuple[str, ...]:
        """Names of sets, then of features in no set."""
        outside = [self.spec.features[at].name for at in torch.nonzero(self._outside).ravel().tolist()]
        return (*_decoded(self.names), *outside)

    @property
    def _outside(self) -> Tensor:
        """``(feature,)`` bool: in no set."""
        return ~self.members.any(dim=0)

    def start(self, batches: Sequence[ModalityBatch]) -> None:
        """Training needs the sets.

        Raises:
            ModelError: there is no such file.
        """
        if not len(self.members):
            raise ModelError(f"{self._key}.file: there is no file {self._path}. Mend it.")

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        """Sets come with the weights, whatever the file says now."""
        members, names = state_dict.get(f"{prefix}members"), state_dict.get(f"{prefix}names")
        if members is not None and names is not None and members.shape[1] == self.members.shape[1]:
            device = self.members.device
            self._build(members.to(device))
            self.names = torch.empty_like(names, device=device)
            self.to(device)
        super()._load_from_state_dict(state_dict, prefix, *args)

    def forward(self, x: ModalityBatch) -> Tokens:
        """``(batch, feature)`` → tokens ``(batch, set + rest, width)``, summary ``(batch, width)``."""
        values = x.values.float() * x.mask
        if self.clip is not None:
            values = values.clamp(-self.clip, self.clip)
        values = self.drop(values)
        known = (x.mask.float() @ self.members.T.float()) > 0  # (batch, set)
        activity = torch.tanh(values @ (self.A * self.members).T + self.b) * known
        outside = self._outside
        rest = values[:, outside].unsqueeze(-1) * self.W[outside]
        sets = (self.E + activity.unsqueeze(-1) * self.V) * known.unsqueeze(-1)
        summary = activity @ self.U + rest.sum(dim=1)
        return Tokens(
            values=torch.cat([sets, rest], dim=1),
            mask=torch.cat([known, x.mask[:, outside]], dim=1),
            summary=hide_absent(summary, x.mask),
        )


def _coded(names: Sequence[str]) -> Tensor:
    """``(set, byte)`` uint8, padded with zeros: names that are kept with the weights."""
    raw = [name.encode("utf-8") for name in names]
    longest = max(map(len, raw), default=0)
    rows = [list(one.ljust(longest, b"\0")) for one in raw]
    return torch.tensor(rows, dtype=torch.uint8).reshape(len(raw), longest)


def _decoded(names: Tensor) -> tuple[str, ...]:
    return tuple(bytes(row).rstrip(b"\0").decode("utf-8") for row in names.tolist())
