"""Substitutions by the bases beside them: 96 trinucleotide contexts, of a patient's own somatic variants."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from data_modules.genes.contigs import plain_contig
from data_modules.ingest.variants.store import variant_names
from data_modules.modalities.variants.profile import PAIR, SUBSTITUTIONS, substitution
from fusion.contract import FusionError, some

if TYPE_CHECKING:
    from numpy.typing import NDArray

CONTEXTS = tuple(f"{before}[{change}]{after}" for change in SUBSTITUTIONS for before in "ACGT" for after in "ACGT")
"""``A[C>T]G``: of the pyrimidine of the base pair, 5' to 3' (Alexandrov et al., Nature 500:415, 2013)."""


def context_fractions(variants: pd.DataFrame, carried: Any, patients: Sequence[str], *, fasta: Path) -> pd.DataFrame:
    """(patient, context): share of each of the 96 among a patient's substitutions of known context; NaN without any.

    Args:
        variants: columns contig, position, ref and alt, one row a variant.
        carried: (patient, variant) sparse 0/1.
        patients: names of its rows.
        fasta: of the variants' build, indexed or indexable; names with or without ``chr``.

    Raises:
        FusionError: the file cannot be read, lacks a contig, or differs from the reference alleles.
    """
    from scipy.sparse import csr_matrix

    code = _codes(variants, fasta)
    at = np.flatnonzero(code >= 0)
    member = csr_matrix((np.ones(len(at)), (at, code[at])), shape=(len(variants), len(CONTEXTS)))
    counts = np.asarray((carried @ member).todense(), dtype=np.float64)
    total = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, total, out=np.full_like(counts, np.nan), where=total > 0)
    return pd.DataFrame(shares, index=list(patients), columns=[f"context:{name}" for name in CONTEXTS])


def _codes(variants: pd.DataFrame, fasta: Path) -> NDArray[np.int64]:
    """(variant,) index in `CONTEXTS`; -1 for indels and where a neighbour is no base."""
    import pysam

    number = {name: at for at, name in enumerate(CONTEXTS)}
    code = np.full(len(variants), -1, dtype=np.int64)
    differing, lacking = [], set()
    try:
        genome = pysam.FastaFile(str(fasta))
    except (OSError, ValueError) as error:
        raise FusionError(f"fasta={fasta} cannot be opened ({error}). Index it with `samtools faidx`.") from error
    with genome:
        named = {plain_contig(name): name for name in reversed(genome.references)}
        columns = (variants[key].tolist() for key in ("contig", "position", "ref", "alt"))
        for at, (contig, position, ref, alt) in enumerate(zip(*columns, strict=True)):
            change = substitution(ref, alt)
            if change is None:
                continue
            if contig not in named:
                lacking.add(contig)
                continue
            bases = genome.fetch(named[contig], max(position - 2, 0), position + 1).upper()
            if bases[1:2] != ref and len(bases) == 3:
                differing.append(at)
            code[at] = number.get(_context(bases, change, on_pyrimidine=ref in "CT"), -1)
    if lacking:
        raise FusionError(f"fasta={fasta} lacks contigs of the variants ({some(sorted(lacking))}). Is it of the build?")
    if differing:
        names = list(variant_names(variants.iloc[differing[:5]]))
        raise FusionError(
            f"fasta={fasta} differs from the reference allele of {len(differing)} variants ({some(names)}). "
            "Give the genome of cohort.build."
        )
    return code


def _context(bases: str, change: str, *, on_pyrimidine: bool) -> str:
    """``A[C>T]G`` from the three bases of the plus strand; what is no context where one is missing or N."""
    if len(bases) != 3 or not set(bases) <= set(PAIR):
        return ""
    if on_pyrimidine:
        return f"{bases[0]}[{change}]{bases[2]}"
    return f"{PAIR[bases[2]]}[{change}]{PAIR[bases[0]]}"  # the reverse complement
