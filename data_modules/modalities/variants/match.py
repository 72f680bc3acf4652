"""How the genes and single variants of a model meet the files of another cohort."""

from __future__ import annotations

import numpy as np

from data_modules.modalities.variants.features import VariantTable
from fusion.contract import Match, State


def by_name(feature: str) -> bool:
    """Whether a feature is of one gene or variant; counts, fractions and gene sets can be had of any file."""
    kind, _, rest = feature.partition(":")
    if kind == "burden":
        return not rest.startswith("SET:")
    return kind not in ("count", "length", "fraction", "context", "tmb") and feature != "vaf:median"


def match_variants(table: VariantTable, state: State) -> Match:
    """Which genes and single variants of a fitted state a cohort's files name, by minimal representation.

    A gene that is rarely mutated is not expected to turn up among few patients: with the training mean m of a feature,
    n patients name it with probability 1 − exp(−n·m).

    Args:
        table: of the cohort.
        state: of fitted variants.
    """
    means = {str(one["name"]): float(one["center"]) for one in state.config["features"]}
    named = {name: mean for name, mean in means.items() if by_name(name)}
    chance = 1 - np.exp(-len(table.patients) * np.array(list(named.values())))
    damaged = sorted({symbol for part in table.origins.values() for symbol in part.genes[0]})
    return Match(
        trained=tuple(named),
        missing=tuple(name for name in named if not table.knows(name)),
        extra=tuple(f"burden:{gene}" for gene in damaged if f"burden:{gene}" not in named),
        chances=tuple(chance.tolist()),
        absent_is=table.absent_is,
    )
