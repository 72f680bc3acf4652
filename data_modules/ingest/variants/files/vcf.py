"""What a VCF says of itself: build, samples, declared keys, how many lines of what sort; remembered by content."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

from data_modules.readers.bounds import bounded_lines, lines_of_blocks

Compression = Literal["bgzip", "gzip", "plain"]

LENGTHS = {
    "GRCh37": (
        249250621, 243199373, 198022430, 191154276, 180915260, 171115067, 159138663, 146364022, 141213431, 135534747,
        135006516, 133851895, 115169878, 107349540, 102531392, 90354753, 81195210, 78077248, 59128983, 63025520,
        48129895, 51304566, 155270560, 59373566,
    ),
    "GRCh38": (
        248956422, 242193529, 198295559, 190214555, 181538259, 170805979, 159345973, 145138636, 138394717, 133797422,
        135086622, 133275309, 114364328, 107043718, 101991189, 90338345, 83257441, 80373285, 58617616, 64444167,
        46709983, 50818468, 156040895, 57227415,
    ),
}  # fmt: skip
"""Lengths in bases of chromosomes 1 to 22, X, Y (Genome Reference Consortium)."""

BUILDS = tuple(LENGTHS)

_MAIN = re.compile(r"(chr)?([1-9]|1\d|2[0-2]|[XY])", re.IGNORECASE)

_BUILD_NAMES = {
    "GRCh37": re.compile(r"grch37|hg19|b37|v37|hs37", re.IGNORECASE),
    "GRCh38": re.compile(r"grch38|hg38|hs38", re.IGNORECASE),
}
_FOREIGN_NAMES = re.compile(
    r"(?<![a-z0-9])(mm\d{1,2}|mus_musculus|grcm\d+|rn\d|grcr\d|canfam|chm13|t2t|hg1[678]|ncbi3[456]|grcz\d|danrer|susscr)",
    re.IGNORECASE,
)
"""Genomes of mice, rats, dogs, pigs, fish; and human ones that are not read: CHM13, NCBI 34 to 36."""


@dataclass(frozen=True, kw_only=True)
class VcfFacts:
    """What the header and one pass over a VCF say.

    Attributes:
        path: the file.
        compression: by its first bytes, whatever its name says.
        samples: in the order of the columns.
        lengths: contig → length in bases from the header, None where the header gives none.
        reference: the ``##reference`` line's value.
        assemblies: what ``##contig`` lines call the genome.
        info: INFO keys that the header declares → ``Number,Type``.
        fields: FORMAT keys that the header declares → ``Number,Type``.
        layouts: INFO key → its Description, of keys whose values are several fields with ``|`` between them.
        tumours: samples that ``##tumor_sample`` names.
        normals: samples that ``##normal_sample`` names.
        records: data lines.
        contigs: contig → its number of records, in the order of first sight.
        star_alleles: how many ``*`` alternate alleles there are.
        reduced_ploidy: genotypes such as Mutect2's 0/1/2, read as 1/2.
        depthless: records whose FORMAT has no DP.
        filters: FILTER value → its number of records.
        formats: FORMAT value → its number of records.
        half_calls: genotypes of which one allele is alternate and the other not called, such as ./1.
        lower_case: records with bases in lower case.
        marked: whether the file begins with a byte order mark.
        without_genotypes: whether it has none by design (Strelka's somatic calls).
        problem: what makes the file unreadable, None where it is sound.
    """

    path: str
    compression: Compression
    samples: tuple[str, ...] = ()
    lengths: dict[str, int | None] = field(default_factory=dict)
    reference: str | None = None
    assemblies: tuple[str, ...] = ()
    info: dict[str, str] = field(default_factory=dict)
    fields: dict[str, str] = field(default_factory=dict)
    layouts: dict[str, str] = field(default_factory=dict)
    tumours: tuple[str, ...] = ()
    normals: tuple[str, ...] = ()
    records: int = 0
    contigs: dict[str, int] = field(default_factory=dict)
    star_alleles: int = 0
    reduced_ploidy: int = 0
    depthless: int = 0
    filters: dict[str, int] = field(default_factory=dict)
    formats: dict[str, int] = field(default_factory=dict)
    half_calls: int = 0
    lower_case: int = 0
    marked: bool = False
    without_genotypes: bool = False
    problem: str | None = None

    @property
    def foreign(self) -> str | None:
        """What tells that a file is of another genome (mouse, CHM13), None where nothing does.

        The lengths of chromosomes, where no build that is read has any of them; else the genome's name.
        """
        known = {length for lengths in LENGTHS.values() for length in lengths}
        main = {name: length for name, length in self.lengths.items() if length and _MAIN.fullmatch(name)}
        if any(length in known for length in main.values()):
            return None
        if main:
            name, length = next(iter(main.items()))
            return f"{name} has {length} bases, a length of neither {' nor '.join(BUILDS)}"
        strange = [name for name in self._names if _FOREIGN_NAMES.search(name) and not builds_of(name)]
        return f"its header says {strange[0]}" if strange else None

    @property
    def _names(self) -> tuple[str, ...]:
        """What the header calls the genome: a file's name, without its folders."""
        return (*([PurePosixPath(self.reference).name] if self.reference else []), *self.assemblies)

    @property
    def undeclared(self) -> tuple[str, ...]:
        """Reserved FORMAT keys that records have and the header does not declare."""
        used = {key for layout in self.formats for key in layout.split(":")}
        return tuple(key for key in ("GT", "DP", "AD", "GQ") if key in used and key not in self.fields)

    @property
    def build(self) -> str | None:
        """GRCh37 or GRCh38 by contig lengths, else by ``##reference`` and the assembly of contigs, else None."""
        told = {length for name, length in self.lengths.items() if length and len(name) < 6}
        votes = {build: len(told & set(lengths)) for build, lengths in LENGTHS.items()}
        best = max(BUILDS, key=lambda build: votes[build])
        if votes[best]:
            return best
        named = set(builds_of(self.reference or "")).union(*map(builds_of, self.assemblies))
        return named.pop() if len(named) == 1 else None


def builds_of(name: str) -> list[str]:
    """Builds that a name holds."""
    return [build for build, pattern in _BUILD_NAMES.items() if pattern.search(name)]


def compression_of(path: Path) -> Compression:
    """By the first bytes: block-gzipped, plain gzip or text."""
    with path.open("rb") as stream:
        head = stream.read(16)
    if head[:2] != b"\x1f\x8b":
        return "plain"
    return "bgzip" if head[3] & 4 and head[12:14] == b"BC" else "gzip"


@contextmanager
def open_vcf(path: Path, *, careful: bool = False) -> Iterator[Iterable[bytes]]:
    """The uncompressed lines of a VCF, with or without their line ends.

    Args:
        path: the file.
        careful: read block gzip as plain gzip: twice as slow, and it says where the data are damaged.

    Raises:
        UnreadableError: a line is longer than any VCF's.
    """
    kind = compression_of(path)
    if kind == "bgzip" and not careful:
        import pysam

        with pysam.BGZFile(str(path), "rb", index=None) as blocks:
            yield lines_of_blocks(path, blocks.read)
        return
    with path.open("rb") if kind == "plain" else gzip.open(path) as stream:
        yield bounded_lines(path, stream.readline)
