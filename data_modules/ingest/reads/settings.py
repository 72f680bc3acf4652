"""What a user may set about reads; explained in docs/reads.md."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from fusion.contract import Count, NotNegative, Pattern, Range, Settings, Share, Whole

SAMPLE_PATTERN = (
    r"^(?P<sample>[A-Za-z0-9][A-Za-z0-9_-]*?)(?:_S\d+)?(?:_L(?P<unit>\d{3}))?(?:[_.]R?(?P<mate>[12]))?(?:_001)?$"
)
"""A file's name less its endings, as Illumina and others write it: sample, lane, mate."""

TUMOUR_PATTERN = r"^(?P<patient>.+?)[-_](?:T|TUMOR|TUMOUR)$"
NORMAL_PATTERN = r"^(?P<patient>.+?)[-_](?:N|NORMAL)$"


@dataclass(frozen=True, kw_only=True)
class SomaticRule(Settings):
    """When an allele of a tumour is somatic, by read counts of tumour and normal; `data_modules.ingest.reads.somatic`.

    Attributes:
        min_lod: log10 likelihood ratio of the allele at its observed share against sequencing error, in the tumour
            (θ_T of MuTect, Cibulskis et al., Nat. Biotechnol. 31:213–219, 2013).
        min_normal_lod: log10 likelihood ratio of no allele against a heterozygous one, in the normal (θ_N there).
        min_reads: of the tumour that bear the allele.
        min_share: of the tumour's reads that bear it.
        min_depth: reads of the tumour at the place.
        min_normal_depth: reads of the normal at the place.
        error: chance that a read shows another base than its molecule has.
    """

    min_lod: float = 6.3
    min_normal_lod: float = 2.2
    min_reads: Count = 3
    min_share: Share = 0.03
    min_depth: Whole = 10
    min_normal_depth: Whole = 8
    error: Annotated[float, Range(above=0, below=0.5)] = 0.005


@dataclass(frozen=True, kw_only=True)
class GatkSettings(Settings):
    """Of the user's own GATK.

    Attributes:
        program: the executable.
        panel_of_normals: VCF; tumours without a normal need it.
        germline_resource: VCF with allele frequencies, for Mutect2.
        common_sites: VCF of common biallelic variants, for contamination; None leaves that filter out.
    """

    program: str = "gatk"
    panel_of_normals: str | None = None
    germline_resource: str | None = None
    common_sites: str | None = None


@dataclass(frozen=True, kw_only=True)
class AnnotatorSettings(Settings):
    """Which tool says what variants hit.

    Attributes:
        tool: ``none``, ``csq`` (bcftools csq), ``snpeff``, ``annovar``, ``vep``.
        gff: GFF3 in Ensembl's style, for csq.
        gtf: of which SnpEff's database is built; or
        database: a SnpEff database that is installed.
        program: the executable, where it is not on the path: ``table_annovar.pl``, ``vep``, ``snpEff``.
        folder: ANNOVAR's databases (humandb) or VEP's cache.
        build: hg19 or hg38 for ANNOVAR, GRCh37 or GRCh38 for VEP.
        protocol: ANNOVAR's, e.g. refGene.
        operation: ANNOVAR's, e.g. g.
    """

    tool: Literal["none", "csq", "snpeff", "annovar", "vep"] = "none"
    gff: str | None = None
    gtf: str | None = None
    database: str | None = None
    program: str | None = None
    folder: str | None = None
    build: str | None = None
    protocol: str = "refGene"
    operation: str = "g"

    def conflicts(self) -> list[str]:
        """A tool without what it needs."""
        needs = {"csq": ("gff",), "annovar": ("folder", "build"), "vep": ("folder", "build")}
        lacking = [name for name in needs.get(self.tool, ()) if getattr(self, name) is None]
        if self.tool == "snpeff" and (self.gtf is None) == (self.database is None):
            return [
                "tool is snpeff, which needs gtf (its database is built of it) or database, one of the two. Set it."
            ]
        return [f"tool is {self.tool}, which needs {' and '.join(lacking)}. Set it."] if lacking else []


@dataclass(frozen=True, kw_only=True)
class ReadsSettings(Settings):
    """`modality.variants.reads`: from FASTQ, BAM or CRAM to the files that `modality.variants.files` names.

    Attributes:
        folder: with the files, relative to the cohort's root; the sheet is written from their names. Or
        sheet: a sample sheet (TSV) of your own: sample, patient, kind, unit, fastq_1, fastq_2, bam.
        reference: FASTA of cohort.build with .fai and, for FASTQ, the aligner's index.
        output: folder of results, relative to the cohort's root.
        sample_pattern: regular expression on a file's name less its endings; groups sample, unit, mate.
        tumour_pattern: on a sample's name; group patient. Samples that match neither this nor
        normal_pattern: are germline ones of the patient of their name.
        caller: see docs/reads.md.
        germline: whether normals and germline samples are called together.
        aligner: ``bwa`` or ``bwa-mem2``; ``auto`` takes bwa-mem2 where it and its index are there.
        duplicates: what marks them.
        trim: whether fastp does.
        regions: BED of a panel or exome.
        interval_size: bases of a piece that is called by itself.
        min_quality: QUAL below is LowQual.
        known_sites: VCFs; the caller gatk recalibrates by them, and their contigs must be the reference's.
        somatic: the rule for pairs, of freebayes and bcftools.
        gatk: the user's own installation.
        annotation: of the result.
        multiqc: a page of quality reports; None where the tool is there.
        cores: that the workflow uses at once; None takes all.
        threads: of one alignment or sort.
        min_free_gb: of disk under `output`; None asks for three times the size of the reads.
        snakemake: further arguments, e.g. ``[--profile, slurm]``.
        container: image with all tools, for ``snakemake: [--software-deployment-method, apptainer]``.
    """

    reference: str
    folder: str | None = None
    sheet: str | None = None
    output: str = "variants"
    sample_pattern: Pattern = SAMPLE_PATTERN
    tumour_pattern: Pattern = TUMOUR_PATTERN
    normal_pattern: Pattern = NORMAL_PATTERN
    caller: Literal["freebayes", "bcftools", "gatk"] = "freebayes"
    germline: bool = True
    aligner: Literal["auto", "bwa", "bwa-mem2"] = "auto"
    duplicates: Literal["samtools", "sambamba", "none"] = "samtools"
    trim: bool = True
    regions: str | None = None
    interval_size: Annotated[int, Range(low=1000)] = 5_000_000
    min_quality: NotNegative = 20
    known_sites: tuple[str, ...] = ()
    somatic: SomaticRule = field(default_factory=SomaticRule)
    gatk: GatkSettings = field(default_factory=GatkSettings)
    annotation: AnnotatorSettings = field(default_factory=AnnotatorSettings)
    multiqc: bool | None = None
    cores: Count | None = None
    threads: Count = 2
    min_free_gb: NotNegative | None = None
    snakemake: tuple[str, ...] = ()
    container: str | None = None

    def conflicts(self) -> list[str]:
        """Neither a folder nor a sheet, or both."""
        if (self.folder is None) == (self.sheet is None):
            return ["folder and sheet are two ways to say which reads there are. Set one of them."]
        return []


def within(root: Path, name: str) -> Path:
    """A path of the settings, which may be relative to the cohort's root."""
    return (root / Path(name).expanduser()).absolute()
