"""Divide patients into parts: cards dealt round a table, or whole units, largest first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def deal(
    who: Sequence[str],
    labels: Mapping[str, int],
    strata: Mapping[str, str],
    units: Mapping[str, str],
    number: int,
    generator: np.random.Generator,
) -> list[tuple[str, ...]]:
    """Divide `who` into `number` parts, each sorted.

    Args:
        who: patients, sorted.
        labels: patient → class, spread over the parts.
        strata: patient → what is spread within a class.
        units: patient → what stays in one part; empty where everyone stands alone.
        number: of parts.
        generator: of the order.
    """
    shuffled = [who[position] for position in generator.permutation(len(who))]
    parts: list[list[str]] = [[] for _ in range(number)]
    if units:
        _deal_units(shuffled, labels, strata, units, parts)
    else:
        # Dealing cards in the order class, stratum: each class, and within it each stratum, goes round the table.
        # The first card after a class goes on where the last stopped, so that sizes too differ by at most one.
        names = sorted(set(strata.values()))
        rank = dict(zip(names, generator.permutation(len(names)), strict=True))
        start = int(generator.integers(number))
        for turn, patient in enumerate(sorted(shuffled, key=lambda one: (labels[one], rank[strata[one]]))):
            parts[(start + turn) % number].append(patient)
    return [tuple(sorted(part)) for part in parts]


def _deal_units(
    shuffled: Sequence[str],
    labels: Mapping[str, int],
    strata: Mapping[str, str],
    units: Mapping[str, str],
    parts: list[list[str]],
) -> None:
    """Largest first, each to the part that leaves classes most even over the parts; among equals, strata in classes."""
    members: dict[str, list[str]] = {}
    for patient in shuffled:
        members.setdefault(units[patient], []).append(patient)
    classes = Counter(labels[patient] for patient in shuffled)
    cells = Counter((labels[patient], strata[patient]) for patient in shuffled)
    class_parts = [Counter[int]() for _ in parts]
    cell_parts = [Counter[tuple[int, str]]() for _ in parts]

    # Units of one size come stratum by stratum, so that those of a stratum go round the table.
    for unit in sorted(members.values(), key=lambda unit: (-len(unit), sorted(strata[one] for one in unit))):
        of_class = Counter(labels[patient] for patient in unit)
        of_cell = Counter((labels[patient], strata[patient]) for patient in unit)
        best = min(
            range(len(parts)),
            key=lambda part: (
                _uneven(class_parts[part], of_class, classes),
                _uneven(cell_parts[part], of_cell, cells),
            ),
        )
        parts[best].extend(unit)
        class_parts[best] += of_class
        cell_parts[best] += of_cell


def _uneven(filled: Counter[Any], added: Counter[Any], totals: Counter[Any]) -> float:
    """How much `added` raises the sum of squared shares, which is least where shares are equal."""
    rise = sum(((filled[key] + count) ** 2 - filled[key] ** 2) / totals[key] ** 2 for key, count in added.items())
    return round(rise, 12)
