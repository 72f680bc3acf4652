"""Which variant features are asked for, and what of them is learned across training patients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

KINDS = ("burden", "dosage", "count", "length", "fraction", "context", "tmb", "vaf")
"""What `modality.variants.features` may list; see docs/variant_features.md."""

DEFAULT_KINDS = ("burden", "dosage", "count", "length", "fraction")


@dataclass(frozen=True, kw_only=True)
class FeatureSettings:
    """What features are made; see conf/modality/variants.yaml.

    Attributes:
        kinds: of `KINDS`.
        damaging: origin → consequence classes that burdens count.
        gene_sets: name → genes, for ``burden:SET:name``.
        weights: consequence class → what a damaging variant of it adds to a burden; 1 where not named.
        germline_frequency: ``none``, or ``beta``: a germline variant of frequency p weighs (1 − p)²⁴, the density of
            Beta(1, 25) over its maximum (Wu et al., Am. J. Hum. Genet. 89:82, 2011).
        callable_mb: megabases of callable sequence, for mutations per megabase; None where unknown.
        fasta: reference genome, for trinucleotide contexts.
        log_counts: counts as ln(1 + n).
        min_call_rate: of a variant in the training patients.
        max_germline_frequency: allele frequency in the training patients up to which a germline variant is rare.
        dosage_origins: whose single variants are candidates.
        min_carriers: training patients who carry a single variant.
    """

    kinds: tuple[str, ...] = ("burden", "dosage", "count", "fraction")
    damaging: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    gene_sets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)
    germline_frequency: str = "none"
    callable_mb: float | None = None
    fasta: Path | None = None
    log_counts: bool = True
    min_call_rate: float = 0.8
    max_germline_frequency: float = 0.02
    dosage_origins: tuple[str, ...] = ("somatic",)
    min_carriers: int = 5


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What is fitted across training patients before selection.

    Attributes:
        excluded: origin → variants that no burden counts: called too rarely, or germline and not rare.
        recurrent: origin → single variants that are candidates.
        genes: genes with a damaging variant in a training patient.
        frequencies: germline variant → allele frequency, of damaging ones that are weighted by it; empty otherwise.
    """

    excluded: Mapping[str, tuple[str, ...]]
    recurrent: Mapping[str, tuple[str, ...]]
    genes: tuple[str, ...]
    frequencies: Mapping[str, float] = field(default_factory=dict)
