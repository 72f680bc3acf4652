"""Exact Shapley values over modalities, by the model's own way of going without one.

Shapley, "A value for n-person games" (1953): the value of a modality is its gain averaged over all orders in which the
modalities could be told to the model. With n modalities there are 2ⁿ subsets, all of which are run; they sum to
``f(all) - f(none)`` exactly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import factorial

import numpy as np
import torch

from fusion.attribution.members import ExplainedMember, Inputs
from fusion.attribution.plain import ExplainedPlain
from fusion.contract import FusionError

LIMIT = 12
"""Modalities up to which all subsets are run."""

Game = Mapping[frozenset[str], float]


def play(member: ExplainedMember, inputs: Inputs, plain: ExplainedPlain | None = None) -> dict[frozenset[str], float]:
    """The member's log-odds on every subset of the modalities that the patient has.

    Args:
        member: of the fold.
        inputs: of the patient.
        plain: the model that it adds to, which goes without the same modalities.

    Raises:
        FusionError: more than `LIMIT` modalities.
    """
    present = inputs.present
    if len(present) > LIMIT:
        raise FusionError(
            f"{len(present)} modalities have {2 ** len(present)} subsets; up to {LIMIT} can be explained."
        )
    subsets = [frozenset(part) for size in range(len(present) + 1) for part in combinations(present, size)]
    found: dict[frozenset[str], float] = {}
    start_from = np.zeros(len(subsets)) if plain is None else plain.without(inputs.patient, subsets)
    with torch.no_grad():
        for start in range(0, len(subsets), 32):
            some = subsets[start : start + 32]
            masks = {
                name: torch.cat([mask & (name in subset) for subset in some]) for name, mask in inputs.masks.items()
            }
            from_here = torch.from_numpy(start_from[start : start + 32])
            found |= dict(zip(some, member.log_odds(inputs.tokens, masks, from_here).tolist(), strict=True))
    return found


def shapley(game: Game, players: Sequence[str]) -> dict[str, float]:
    """``φ_i = Σ_S |S|! (n - |S| - 1)! / n! · (v(S ∪ i) - v(S))`` over the subsets S without i."""
    n = len(players)
    values = {}
    for player in players:
        others = [name for name in players if name != player]
        values[player] = sum(
            factorial(size) * factorial(n - size - 1) / factorial(n) * (game[part | {player}] - game[part])
            for size in range(n)
            for part in map(frozenset, combinations(others, size))
        )
    return values


def average(games: Sequence[Game]) -> dict[frozenset[str], float]:
    """The mean game of several members; the value is linear, so its value is the mean of theirs."""
    return {subset: sum(game[subset] for game in games) / len(games) for subset in games[0]}
