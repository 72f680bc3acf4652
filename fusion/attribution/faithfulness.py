"""Does deleting what attribution calls important change the score sooner than deleting at random?

The deletion test of Petsiuk, Das and Saenko, "RISE" (BMVC 2018), in the model's own terms: a deleted tile leaves the
bag (its mask becomes False), a deleted gene goes to the training patients' mean. What supports the score most goes
first, so what is explained, such as the log-odds, should fall. The *area* of a patient is the mean, over how much is
deleted, of what is left after random deletion minus what is left after deletion by attribution: above 0 is faithful.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fusion.attribution.gene_parts import gene_differences
from fusion.attribution.members import ExplainedMember, Inputs, Numbers, at_once
from fusion.attribution.plain import ExplainedPlain

ORDERS = 10
"""Random orders a patient."""
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5)
"""Of the tiles, deleted."""
GENES = (1, 2, 3, 4, 5)
"""Number of genes deleted."""


Value = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Mean outputs of members → what is explained."""


def same(outputs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Outputs themselves are explained."""
    return outputs


@dataclass(frozen=True, kw_only=True)
class Curve:
    """What is explained, by the mean of the members after deletion.

    Attributes:
        top: ``(point,)`` deleting by attribution.
        chance: ``(point,)`` mean over random orders.
    """

    top: NDArray[np.float64]
    chance: NDArray[np.float64]

    @property
    def area(self) -> float:
        """Mean over the curve of how much less is left than after deleting at random."""
        return float((self.chance - self.top).mean())


def delete_tiles(
    members: Sequence[ExplainedMember],
    inputs: Sequence[Inputs],
    name: str,
    attribution: NDArray[np.float64],
    *,
    seed: int,
    value: Value = same,
) -> Curve | None:
    """Delete tiles of one modality, of which the plain model keeps what it read; None with fewer than two tiles."""
    mask = inputs[0].masks[name][0].numpy()
    tiles = np.flatnonzero(mask)
    if len(tiles) < 2:
        return None
    orders = _orders(tiles, attribution[tiles], seed)
    counts = sorted({max(1, min(len(tiles) - 1, round(share * len(tiles)))) for share in SHARES})
    masks = np.repeat(mask[None], len(orders) * len(counts), axis=0)
    for row, (order, count) in enumerate((order, count) for order in orders for count in counts):
        masks[row, order[:count]] = False
    stacked = torch.split(torch.from_numpy(masks), at_once(len(mask)))
    found = []
    with torch.no_grad():
        for member, one in zip(members, inputs, strict=True):
            parts = [member.log_odds(one.tokens, {**one.masks, name: part}, one.plain) for part in stacked]
            found.append(torch.cat(parts).double().numpy())
    return _curve(value(np.mean(found, axis=0)), len(orders), len(counts))


def delete_genes(
    members: Sequence[ExplainedMember],
    inputs: Sequence[Inputs],
    name: str,
    attribution: Mapping[str, float],
    *,
    seed: int,
    plain: ExplainedPlain | None = None,
    value: Value = same,
) -> Curve | None:
    """Take from every member's numbers, and from the plain model's, what a gene adds to them over its baseline.

    Returns:
        The curve; None with fewer than two genes.
    """
    genes = sorted(attribution)
    if len(genes) < 2:
        return None
    orders = _orders(np.arange(len(genes)), np.array([attribution[gene] for gene in genes]), seed)
    counts = [count for count in GENES if count < len(genes)]
    tiles = max(mask.shape[1] for mask in inputs[0].masks.values())  # which all stay, and are pooled again
    gone = [{genes[place] for place in order[:count]} for order in orders for count in counts]
    found = []
    start = np.full(len(gone), inputs[0].plain)
    if plain is not None and name in plain.specs:
        patient = inputs[0].patient
        start = plain.moved(patient, name, _taken(plain, plain.load(patient), name, gone))
    with torch.no_grad():
        for member, one in zip(members, inputs, strict=True):
            moved = (one.tokens[name].double() - torch.from_numpy(_taken(member, one, name, gone))).float()
            values = torch.where(one.masks[name], moved, one.tokens[name])
            parts = [
                member.log_odds({**one.tokens, name: part}, one.masks) for part in torch.split(values, at_once(tiles))
            ]
            found.append(torch.cat(parts).double().numpy() + member.slope * start)
    return _curve(value(np.mean(found, axis=0)), len(orders), len(counts))


def _taken(member: Numbers, inputs: Inputs, name: str, gone: Sequence[set[str]]) -> NDArray[np.float64]:
    """``(version, feature)``: what the genes of each version add to the numbers over their baselines."""
    added = gene_differences(member, inputs, name)
    nothing = np.zeros(len(member.specs[name].features))
    return np.stack([sum((added[gene] for gene in sorted(some) if gene in added), nothing) for some in gone])


def patient_seed(patient: str) -> int:
    """Of the random orders; of the patient alone, so that workers and order do not matter."""
    return zlib.crc32(patient.encode())


def interval(areas: Sequence[float], *, draws: int, seed: int) -> dict[str, Any]:
    """Mean over patients with a 95 % percentile interval from resampled patients."""
    values = np.asarray(areas, dtype=np.float64)
    if not len(values):
        return {"value": None, "low": None, "high": None, "patients": 0}
    means = np.random.default_rng(seed).choice(values, size=(draws, len(values))).mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return {"value": float(values.mean()), "low": float(low), "high": float(high), "patients": len(values)}


def _orders(units: NDArray[np.int64], attribution: NDArray[np.float64], seed: int) -> list[NDArray[np.int64]]:
    """By attribution, most supporting first; then random ones."""
    rng = np.random.default_rng(seed)
    return [units[np.argsort(-attribution, kind="stable")], *(rng.permutation(units) for _ in range(ORDERS))]


def _curve(scores: NDArray[np.float64], orders: int, points: int) -> Curve:
    table = scores.reshape(orders, points)
    return Curve(top=table[0], chance=table[1:].mean(axis=0))
