"""What a user may set about variants; explained in conf/modality/variants.yaml. And what training patients teach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from data_modules.ingest.reads.settings import ReadsSettings
from data_modules.ingest.variants.annotation.settings import AnnotationSettings
from data_modules.ingest.variants.consequences import Consequence
from data_modules.ingest.variants.settings import (
    ORIGINS,
    GenotypeFilters,
    InputFiles,
    Origin,
    SparkSettings,
    VariantFiles,
)
from data_modules.modalities.settings import NamedPatients
from fusion.contract import NotNegative, Positive, Settings, Share, Whole

Kind = Literal["burden", "dosage", "count", "length", "fraction", "context", "tmb", "vaf"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""What `modality.variants.features` may list; see docs/variant_features.md."""

DEFAULT_KINDS: tuple[Kind, ...] = ("burden", "dosage", "count", "length", "fraction")


@dataclass(frozen=True, kw_only=True)
class FeatureSettings(Settings):
    """What features are made; see conf/modality/variants.yaml.

    Attributes:
        features: kinds of them.
        damaging: origin → consequence classes that burdens count.
        gene_sets: name → genes, for ``burden:SET:name``.
        weights: consequence class → what a damaging variant of it adds to a burden; 1 where not named.
        germline_frequency: ``none``, or ``beta``: a germline variant of frequency p weighs (1 − p)²⁴, the density of
            Beta(1, 25) over its maximum (Wu et al., Am. J. Hum. Genet. 89:82, 2011).
        callable_mb: megabases of callable sequence, for mutations per megabase; None where unknown.
        fasta: reference genome, for trinucleotide contexts; relative to the cohort's root.
        log_counts: counts as ln(1 + n).
        min_call_rate: of a variant in the training patients.
        max_germline_frequency: allele frequency in the training patients up to which a germline variant is rare.
        dosage_origins: whose single variants are candidates.
        min_carriers: training patients who carry a single variant.
    """

    features: tuple[Kind, ...] = ("burden", "dosage", "count", "fraction")
    damaging: Mapping[Origin, tuple[Consequence, ...]] = field(default_factory=dict)
    gene_sets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    weights: Mapping[Consequence, NotNegative] = field(default_factory=dict)
    germline_frequency: Literal["none", "beta"] = "none"
    callable_mb: Positive | None = None
    fasta: str | None = None
    log_counts: bool = True
    min_call_rate: Share = 0.8
    max_germline_frequency: Share = 0.02
    dosage_origins: tuple[Origin, ...] = ("somatic",)
    min_carriers: Whole = 5


@dataclass(frozen=True, kw_only=True)
class GeneSetFile(Settings):
    """A GMT file, with where it comes from and what one may do with it; reports show both."""

    file: str
    source: str
    licence: str


@dataclass(frozen=True, kw_only=True)
class VariantSettings(NamedPatients, FeatureSettings):
    """Of `modality.variants`, from VCF and MAF files.

    Attributes:
        files: paths or globs, relative to the cohort's root, or such with their origin; somatic without one.
        absent_is: what a site means that none of a patient's files lists; None: as the cohort says.
        filters: by origin; per genotype and by the caller.
        annotation: where gene and consequence stand in INFO.
        inputs: what files need that do not say everything themselves.
        gene_sets_file: further gene sets.
        keep: patterns of features that selection does not touch.
        several_samples: of one patient among somatic ones: ``refuse``, or ``merge`` where all were taken at baseline.
        spark: where and with what Hail runs.
        reads: what `data_modules.ingest.reads` makes the files of; nothing else looks at it.
    """

    files: str | VariantFiles | tuple[str | VariantFiles, ...]
    features: tuple[Kind, ...] = DEFAULT_KINDS
    absent_is: Literal["reference", "unknown"] | None = None
    filters: Mapping[Origin, GenotypeFilters] = field(default_factory=dict)
    annotation: AnnotationSettings = field(default_factory=AnnotationSettings)
    inputs: InputFiles = field(default_factory=InputFiles)
    gene_sets_file: GeneSetFile | None = None
    keep: tuple[str, ...] = ()
    several_samples: Literal["refuse", "merge"] = "refuse"
    spark: SparkSettings = field(default_factory=SparkSettings)
    reads: ReadsSettings | None = None

    def conflicts(self) -> list[str]:
        """Contexts without a genome to read them from."""
        problems = super().conflicts()
        if "context" in self.features and self.fasta is None:
            problems.append("features lists context, which needs the reference genome. Set fasta.")
        return problems

    @property
    def patterns(self) -> list[VariantFiles]:
        """`files`, each with its origin."""
        entries = (self.files,) if isinstance(self.files, str | VariantFiles) else self.files
        return [VariantFiles(path=one) if isinstance(one, str) else one for one in entries]

    @property
    def all_filters(self) -> dict[Origin, GenotypeFilters]:
        """`filters` of every origin, those not named with their defaults."""
        return {origin: self.filters.get(origin, GenotypeFilters()) for origin in ORIGINS}


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
