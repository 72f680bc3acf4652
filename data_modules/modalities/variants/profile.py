"""What a patient's own somatic variants say together: counts, indel lengths, substitution fractions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

SUBSTITUTIONS = ("C>A", "C>G", "C>T", "T>A", "T>C", "T>G")
"""Of the pyrimidine of the base pair (Alexandrov et al., Nature 500:415, 2013)."""

PAIR = {"A": "T", "C": "G", "G": "C", "T": "A"}
_LONG_DELETION = 5
"""Bases: deletions this long or longer, with microhomology, mark deficient homologous repair (Nik-Zainal 2016)."""


def profile(variants: pd.DataFrame, carried: Any, patients: Sequence[str]) -> pd.DataFrame:
    """(patient, feature): mutation and indel counts and fractions; NaN for fractions of nothing.

    Args:
        variants: columns ref and alt, one row a variant.
        carried: (patient, variant) sparse 0/1.
        patients: names of its rows.
    """
    ref, alt = (variants[key].str.replace("-", "").astype(object) for key in ("ref", "alt"))
    change = (alt.str.len() - ref.str.len()).to_numpy(dtype=np.int64)
    single = (ref.str.len() == 1).to_numpy(dtype=bool) & (change == 0)
    kinds = {
        "count:mutations": np.ones(len(ref), dtype=bool),
        "count:indels": change != 0,
        "count:insertions": change > 0,
        "count:deletions": change < 0,
        "count:long_deletions": change <= -_LONG_DELETION,
    }
    kinds |= length_classes(change)
    pyrimidine = [substitution(r, a) if is_one else None for r, a, is_one in zip(ref, alt, single, strict=True)]
    kinds |= {name: np.array([one == name for one in pyrimidine], dtype=bool) for name in SUBSTITUTIONS}
    sums = carried @ np.stack(list(kinds.values()), axis=1).astype(np.float64)
    counts = pd.DataFrame(sums, index=list(patients), columns=list(kinds))
    fractions = {"fraction:indels": counts["count:indels"] / counts["count:mutations"].where(lambda n: n > 0)}
    snvs = counts[list(SUBSTITUTIONS)].sum(axis=1)
    fractions |= {f"fraction:{name}": counts[name] / snvs.where(snvs > 0) for name in SUBSTITUTIONS}
    return counts.drop(columns=list(SUBSTITUTIONS)).assign(**fractions)


def length_classes(change: NDArray[np.integer[Any]]) -> dict[str, NDArray[np.bool_]]:
    """Which variants are insertions and deletions of 1, of 2 to 4, and of 5 or more bases.

    Args:
        change: (variant,) length of the alternate allele less that of the reference.
    """
    classes = {"1": (1, 1), "2-4": (2, 4), "5+": (5, np.inf)}
    return {
        f"length:{name}_{label}": (sign * change >= low) & (sign * change <= high)
        for name, sign in (("insertions", 1), ("deletions", -1))
        for label, (low, high) in classes.items()
    }


def substitution(ref: str, alt: str) -> str | None:
    """``C>T`` of the pyrimidine of the pair; None where it is no exchange of one base."""
    if ref not in PAIR or alt not in PAIR:
        return None
    return f"{ref}>{alt}" if ref in "CT" else f"{PAIR[ref]}>{PAIR[alt]}"
