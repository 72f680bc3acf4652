"""What a user may set about the ingest of variants; explained in conf/modality/variants.yaml and conf/spark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from fusion.contract import FusionError

Origin = Literal["somatic", "germline"]
ORIGINS: tuple[Origin, ...] = ("somatic", "germline")


@dataclass(frozen=True, kw_only=True)
class GenotypeFilters:
    """What is decided per genotype or by the caller, and so may be applied before folds are made.

    Attributes:
        accept: FILTER values of which a record's must be; ``.`` stands for records that were never filtered.
        min_gq: genotypes of lower quality (phred) become missing; those without GQ stay.
        min_dp: genotypes of fewer reads become missing: DP, on lines without it the sum of AD; those without either
            stay.
        min_balance: heterozygous genotypes become missing where fewer of the reads of their two alleles (AD), as a
            share, bear the rarer one; those without AD stay. For germline variants: a somatic share says how many cells
            have the mutation.
    """

    accept: tuple[str, ...] = ("PASS",)
    min_gq: int | None = None
    min_dp: int | None = None
    min_balance: float | None = None

    def passes(self, reasons: str) -> bool:
        """Whether a FILTER value as the file writes it is accepted."""
        return all(reason in self.accept for reason in reasons.split(";"))


@dataclass(frozen=True, kw_only=True)
class SparkSettings:
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
    executor_cores: int | None = None
    start_timeout: float = 60
    timeout: float = 7200
    scratch: str | None = None
    conf: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class InputSettings:
    """What files need that do not say everything themselves.

    Attributes:
        fasta: the genome of cohort.build, with its .fai: indels are left-aligned, and a reference base that differs
            from it is refused.
        chain: UCSC chain file from the other build to cohort.build: files of the other build are lifted over.
        genes: GTF or BED of cohort.build, for files that no annotator has seen: the gene of a variant by its place.
        tumour: sample names of tumours in files that hold pairs; empty: the header's ``##tumor_sample`` tells.
    """

    fasta: Path | None = None
    chain: Path | None = None
    genes: Path | None = None
    tumour: tuple[str, ...] = ()

    @classmethod
    def parse(cls, given: Mapping[str, Any], root: Path) -> InputSettings:
        """From config; relative paths start at `root`."""
        paths = {
            key: root / Path(str(given[key])).expanduser() for key in ("fasta", "chain", "genes") if given.get(key)
        }
        tumour = given.get("tumour") or ()
        return cls(**paths, tumour=(tumour,) if isinstance(tumour, str) else tuple(map(str, tumour)))

    @property
    def paths(self) -> dict[str, Path]:
        """The files that are set, by key."""
        given = {"fasta": self.fasta, "chain": self.chain, "genes": self.genes}
        return {key: path for key, path in given.items() if path is not None}


@dataclass(frozen=True, kw_only=True)
class VcfFile:
    """A VCF, BCF or MatrixTable and whose mutations it lists."""

    path: Path
    origin: Origin


def parse_files(files: Sequence[Any]) -> list[tuple[str, Origin]]:
    """Config entries, each a path or ``{path, origin}``, as pattern and origin.

    Raises:
        FusionError: another shape, or another origin.
    """
    parsed: list[tuple[str, Origin]] = []
    for item in [files] if isinstance(files, str | Mapping) else files:
        given = {"path": item} if isinstance(item, str) else dict(item)
        origin = given.get("origin", "somatic")
        if set(given) - {"path", "origin"} or "path" not in given or origin not in ORIGINS:
            raise FusionError(f"files: {item!r} is neither a path nor {{path, origin: {' | '.join(ORIGINS)}}}.")
        parsed.append((str(given["path"]), origin))
    return parsed
