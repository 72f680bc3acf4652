"""What a user may set about the ingest of variants; explained in conf/modality/variants.yaml and conf/spark."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from fusion.contract import Count, Positive, Range, Settings, Whole

Origin = Literal["somatic", "germline"]
ORIGINS: tuple[Origin, ...] = ("somatic", "germline")


@dataclass(frozen=True, kw_only=True)
class GenotypeFilters(Settings):
    """What is decided per genotype or by the caller, and so may be applied before folds are made.

    Attributes:
        accept: FILTER values of which a record's must be; ``.`` stands for records that were never filtered.
        min_gq: genotypes of lower quality (phred) become missing; those without GQ stay.
        min_dp: genotypes of fewer reads become missing: DP, on lines without it the sum of AD; those without either
            stay.
        min_balance: heterozygous genotypes become missing where fewer of the reads of their two alleles (AD), as a
            share, bear the rarer one; those without AD stay. For germline variants: a somatic share says how many cells
            have the mutation.
        max_lost: share of a file's lines that may be lost to faults (alleles, positions, contigs that cannot be read)
            before the file is refused.
    """

    accept: tuple[str, ...] = ("PASS",)
    min_gq: Whole | None = None
    min_dp: Whole | None = None
    min_balance: Annotated[float, Range(low=0, high=0.5)] | None = None
    max_lost: Annotated[float, Range(low=0, high=1)] = 0.5

    def passes(self, reasons: str) -> bool:
        """Whether a FILTER value as the file writes it is accepted."""
        return all(reason in self.accept for reason in reasons.split(";"))


@dataclass(frozen=True, kw_only=True)
class SparkSettings(Settings):
    """Where and with what Hail runs; see conf/spark/.

    Attributes:
        master: ``local[*]``, ``spark://host:port`` or ``yarn``.
        driver_memory: heap of the JVM on this machine.
        executor_memory: of a cluster's executors.
        executor_cores: of a cluster's executors.
        start_timeout: seconds in which a cluster must have run a first task.
        timeout: seconds after which an ingest counts as hung.
        scratch: folder that driver and executors see.
        conf: further Spark properties.
    """

    master: str = "local[*]"
    driver_memory: str = "3g"
    executor_memory: str | None = None
    executor_cores: Count | None = None
    start_timeout: Positive = 60
    timeout: Positive = 7200
    scratch: str | None = None
    conf: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class InputFiles(Settings):
    """`modality.variants.inputs`: what files need that do not say everything themselves, as a user writes it.

    Attributes:
        chain: see `InputSettings`; relative to the cohort's root.
        genes: the same.
        tumour: sample names, or one.
        names: see `InputSettings`.
    """

    chain: str | None = None
    genes: str | None = None
    tumour: str | tuple[str, ...] = ()
    names: Literal["column", "file"] = "column"

    def within(self, root: Path, *, fasta: Path | None) -> InputSettings:
        """Where these files lie."""
        chain, genes = (root / Path(name).expanduser() if name else None for name in (self.chain, self.genes))
        tumour = self.tumour or ()
        tumours = (tumour,) if isinstance(tumour, str) else tumour
        return InputSettings(fasta=fasta, chain=chain, genes=genes, tumour=tumours, names=self.names)


@dataclass(frozen=True, kw_only=True)
class InputSettings:
    """`InputFiles` beside the genome, where they lie.

    Attributes:
        fasta: the genome of cohort.build, with its .fai: indels are left-aligned, and a reference base that differs
            from it is refused.
        chain: UCSC chain file from the other build to cohort.build: files of the other build are lifted over.
        genes: GTF or BED of cohort.build, for files that no annotator has seen: the gene of a variant by its place.
        tumour: sample names of tumours in files that hold pairs; empty: the header's ``##tumor_sample`` tells.
        names: where a sample's name stands: in its ``column`` (barcode of a MAF), or, for files of one sample each, in
            the name of the ``file`` less its endings.
    """

    fasta: Path | None = None
    chain: Path | None = None
    genes: Path | None = None
    tumour: tuple[str, ...] = ()
    names: Literal["column", "file"] = "column"

    @property
    def paths(self) -> dict[str, Path]:
        """The files that are set, by key."""
        given = {"fasta": self.fasta, "chain": self.chain, "genes": self.genes}
        return {key: path for key, path in given.items() if path is not None}


@dataclass(frozen=True, kw_only=True)
class VariantFiles(Settings):
    """An entry of `modality.variants.files`.

    Attributes:
        path: or glob, relative to the cohort's root.
        origin: whose mutations the files list.
    """

    path: str
    origin: Origin = "somatic"


@dataclass(frozen=True, kw_only=True)
class VcfFile:
    """A VCF, BCF or MatrixTable and whose mutations it lists."""

    path: Path
    origin: Origin
