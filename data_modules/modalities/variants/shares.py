"""Variant allele fractions: how large a part of the reads bears a patient's mutations, by gene and over all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray


def patient_shares(shares: Any, samples: Sequence[str], row_of: Mapping[str, int]) -> pd.DataFrame:
    """Columns patient (row), variant and value, one row a known allele fraction; of a patient's samples the largest.

    Args:
        shares: `row` (variant), `column` (sample) and `value` of a store; see `data_modules.ingest.variants.store`.
        samples: names of the store's columns.
        row_of: sample → row of its patient.
    """
    rows = np.array([row_of.get(name, -1) for name in samples], dtype=np.int64)
    frame = pd.DataFrame({"patient": rows[shares.column], "variant": shares.row, "value": shares.value})
    known = frame[(frame["patient"] >= 0) & frame["value"].notna()]
    return known.groupby(["patient", "variant"], as_index=False).agg({"value": "max"})


def gene_shares(shares: pd.DataFrame, carried: Any, hits: Any, columns: NDArray[np.intp]) -> NDArray[np.float64]:
    """(patient, gene): the largest allele fraction of a damaging variant; 0 without one, NaN where depths are unknown.

    Args:
        shares: of `patient_shares`.
        carried: (patient, variant) sparse 0/1.
        hits: (variant, gene) sparse 0/1, which damaging variant hits which gene.
        columns: (gene,) columns of `hits`, -1 for a gene without a damaging variant.
    """
    found = np.zeros((carried.shape[0], len(columns)))
    who, what = carried.nonzero()
    calls = pd.DataFrame({"patient": who, "variant": what}).merge(shares, how="left", on=["patient", "variant"])
    variant, gene = hits.nonzero()
    place = np.full(hits.shape[1], -1, dtype=np.int64)
    place[columns[columns >= 0]] = np.flatnonzero(columns >= 0)
    pairs = pd.DataFrame({"variant": variant, "gene": place[gene]})
    joined = calls.merge(pairs[pairs["gene"] >= 0], on="variant")
    largest = joined.groupby(["patient", "gene"], as_index=False)["value"].max()  # NaN where none is known
    found[largest["patient"], largest["gene"]] = largest["value"]
    return found


def median_share(shares: pd.DataFrame, patients: int) -> NDArray[np.float64]:
    """(patient,) median over all of a patient's variants of known allele fraction; NaN without any."""
    medians = shares.groupby("patient")["value"].median()
    return np.asarray(medians.reindex(range(patients)), dtype=np.float64)
