"""Two patients with one genome: samples whose genotypes agree as those of one body do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from data_modules.ingest.variants.store import MISSING
from fusion.contract import some

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from data_modules.ingest.variants.store import VariantStore

_GERMLINE_SITES = 4000
"""Sites that are compared at most, spread evenly; a few hundred tell people apart (Pengelly et al., Genome Medicine
5:89, 2013, with 24)."""

_LEAST = {"somatic": 5, "germline": 50}
"""Sites at which either sample has an alternate allele, below which agreement says little."""

_ALIKE = {"somatic": 0.8, "germline": 0.95}
"""Share of these sites at which both are alike. Siblings agree at about two thirds, tumours of two people at none."""

_CHUNK = 1 << 26


def same_genomes(store: VariantStore, owner: Mapping[str, str], *, key: str) -> list[str]:
    """One sentence on pairs of samples of different patients that are alike; none where there are none.

    Args:
        store: of an origin.
        owner: sample → patient.
        key: config key of the modality.
    """
    columns = [at for at, name in enumerate(store.samples) if name in owner]
    if len(columns) < 2 or not len(store.variants):
        return []
    alike, either = (_somatic if store.origin == "somatic" else _germline)(store.dosage, columns)
    with np.errstate(invalid="ignore"):
        share = np.where(either > 0, alike / np.maximum(either, 1), 0.0)
    found = np.argwhere(np.triu((either >= _LEAST[store.origin]) & (share >= _ALIKE[store.origin]), k=1))
    told = []
    for first, second in found:
        one, other = store.samples[columns[first]], store.samples[columns[second]]
        if owner[one] != owner[other]:
            told.append(
                f"{owner[one]} and {owner[other]} ({share[first, second]:.0%} of {either[first, second]:.0f} sites)"
            )
    if not told:
        return []
    return [
        f"{key}: the {store.origin} genotypes of {len(told)} pairs of patients are those of one body: {some(told)}. If "
        "one person is under two ids, keep one of them, or name both in cohort.group, so that folds keep them together."
    ]


def _somatic(dosage: NDArray[np.int8], columns: list[int]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Mutations that both have, and that either has: (sample, sample) each."""
    from scipy.sparse import csr_matrix

    both = np.zeros((len(columns), len(columns)))
    for rows in _chunks(dosage):
        carried = csr_matrix(np.asarray(rows[:, columns]) > 0, dtype=np.int32)
        both += (carried.T @ carried).toarray()
    own = np.diag(both)
    return both, own[:, None] + own[None, :] - both


def _germline(dosage: NDArray[np.int8], columns: list[int]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Sites where both are called and either has an alternate allele: those where both have as many, and all.

    A site that a sample's file does not list counts as reference. Sites where more than half of ten or more samples
    have the allele tell nobody apart.
    """
    step = max(1, len(dosage) // (4 * _GERMLINE_SITES))
    rows = np.asarray(dosage[::step][:, columns])
    carriers = (rows > 0).sum(axis=1)
    kept = carriers > 0
    if len(columns) >= 10:
        kept &= carriers <= len(columns) / 2
    rows = rows[kept]
    rows = rows[:: max(1, -(-len(rows) // _GERMLINE_SITES))]
    called = (rows != MISSING).astype(np.float32)
    carried = (rows > 0).astype(np.float32)
    equal = np.zeros((len(columns), len(columns)), dtype=np.float32)
    for copies in (1, 2):
        have = (rows == copies).astype(np.float32)
        equal += have.T @ have
    one_sided = called.T @ carried
    return equal, one_sided + one_sided.T - carried.T @ carried


def _chunks(dosage: NDArray[np.int8]) -> Any:
    size = max(1, _CHUNK // max(dosage.shape[1], 1))
    return (dosage[begin : begin + size] for begin in range(0, len(dosage), size))
