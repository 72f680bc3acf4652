"""Which features belong to which gene, and what files of gene networks and gene sets hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from fusion.contract import ModalitySpec
from fusion.layers import ModelError


@dataclass(frozen=True, kw_only=True)
class Owners:
    """What features are tokens of.

    Attributes:
        names: gene symbols, and names of features without a gene, by first appearance.
        of: ``(feature,)`` int64, index into `names`.
        genes: ``(owner,)`` bool, which of them are genes.
    """

    names: tuple[str, ...]
    of: Tensor
    genes: Tensor

    @classmethod
    def of_spec(cls, spec: ModalitySpec) -> Owners:
        """Which gene each feature of a modality belongs to."""
        owners = [feature.gene or feature.name for feature in spec.features]
        names = tuple(dict.fromkeys(owners))
        rank = {name: at for at, name in enumerate(names)}
        genes = {feature.gene for feature in spec.features if feature.gene}
        return cls(
            names=names,
            of=torch.tensor([rank[owner] for owner in owners], dtype=torch.int64),
            genes=torch.tensor([name in genes for name in names], dtype=torch.bool),
        )


def known_owners(mask: Tensor, of: Tensor, count: int) -> Tensor:
    """``(batch, feature)`` → ``(batch, owner)`` bool: an owner is known where any of its features is."""
    counts = torch.zeros(len(mask), count, device=mask.device)
    return counts.index_add(1, of, mask.to(counts.dtype)) > 0


def read_edges(path: Path, names: Sequence[str], *, key: str) -> Tensor:
    """``(2, edge)`` int64: edges among `names`, each in both directions, once, without loops.

    Args:
        path: two gene symbols a line, separated by tabs or blanks; what follows them (weights) is left alone.
        names: nodes; edges of other genes are passed over.
        key: config key, for messages.

    Raises:
        ModelError: a line has no two symbols, or no edge joins two of `names`.
    """
    at = {name: number for number, name in enumerate(names)}
    found: set[tuple[int, int]] = set()
    with path.open(encoding="utf-8") as stream:
        for number, line in enumerate(stream, start=1):
            symbols = line.split()
            if not symbols or line.startswith("#"):
                continue
            if len(symbols) < 2:
                raise ModelError(f"{key}.file: {path}, line {number}: {line.strip()!r} is no pair of gene symbols.")
            one, other = at.get(symbols[0]), at.get(symbols[1])
            if one is not None and other is not None and one != other:
                found |= {(one, other), (other, one)}
    if not found:
        raise ModelError(
            f"{key}.file: no edge of {path} joins two of the {len(names)} genes and features of the modality. "
            "Select more genes, or give a network with HGNC symbols."
        )
    return torch.tensor(sorted(found), dtype=torch.int64).T.contiguous()


def read_sets(path: Path, *, key: str) -> dict[str, frozenset[str]]:
    """Name → genes, of a GMT: name, description, genes, tab-separated.

    Raises:
        ModelError: a line is no gene set, or a name stands twice.
    """
    sets: dict[str, frozenset[str]] = {}
    with path.open(encoding="utf-8") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip():
                continue
            name, *rest = line.rstrip("\r\n").split("\t")
            genes = frozenset(gene.strip() for gene in rest[1:]) - {""}
            if not genes or name in sets:
                raise ModelError(f"{key}.file: {path}, line {number}: no gene set, or {name!r} a second time.")
            sets[name] = genes
    return sets
