"""What a VCF is, without Hail: its header, and one light pass over its lines for what would break the ingest later."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Literal

from data_modules.ingest.cache import file_hash, write_text_atomic

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

_BUILD_NAMES = {
    "GRCh37": re.compile(r"grch37|hg19|b37|v37|hs37", re.IGNORECASE),
    "GRCh38": re.compile(r"grch38|hg38|hs38", re.IGNORECASE),
}
_BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
_FIELD = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|[^,>]*)')
_POLYPLOID = re.compile(rb"\t(\d+(?:[/|]\d+){2,})")
_ZERO_FIRST = re.compile(rb"0[/|]\d+[/|]\d+$")
_FACTS_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class VcfFacts:
    """What the header and one pass over a VCF say.

    Attributes:
        path: the file.
        compression: by its first bytes, whatever its name says.
        samples: in the order of the columns.
        lengths: contig → length in bases from the header, None where the header gives none.
        reference: the ``##reference`` line's value.
        info: INFO keys that the header declares.
        fields: FORMAT keys that the header declares.
        records: data lines.
        contigs: contig → its number of records, in the order of first sight.
        star_alleles: how many ``*`` alternate alleles there are.
        reduced_ploidy: genotypes such as Mutect2's 0/1/2, read as 1/2.
        filters: FILTER value → its number of records.
        problem: what makes the file unreadable, None where it is sound.
    """

    path: str
    compression: Compression
    samples: tuple[str, ...] = ()
    lengths: dict[str, int | None] = field(default_factory=dict)
    reference: str | None = None
    info: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    records: int = 0
    contigs: dict[str, int] = field(default_factory=dict)
    star_alleles: int = 0
    reduced_ploidy: int = 0
    filters: dict[str, int] = field(default_factory=dict)
    problem: str | None = None

    @property
    def build(self) -> str | None:
        """GRCh37 or GRCh38 by contig lengths, else by ``##reference``, else None."""
        told = {length for name, length in self.lengths.items() if length and len(name) < 6}
        votes = {build: len(told & set(lengths)) for build, lengths in LENGTHS.items()}
        best = max(BUILDS, key=lambda build: votes[build])
        if votes[best]:
            return best
        named = [build for build, name in _BUILD_NAMES.items() if self.reference and name.search(self.reference)]
        return named[0] if len(named) == 1 else None


def compression_of(path: Path) -> Compression:
    """By the first bytes: block-gzipped, plain gzip or text."""
    with path.open("rb") as stream:
        head = stream.read(16)
    if head[:2] != b"\x1f\x8b":
        return "plain"
    return "bgzip" if head[3] & 4 and head[12:14] == b"BC" else "gzip"


@contextmanager
def open_vcf(path: Path) -> Iterator[IO[bytes]]:
    """The uncompressed bytes of a VCF."""
    with path.open("rb") if compression_of(path) == "plain" else gzip.open(path) as stream:
        yield stream  # type: ignore[misc]  # GzipFile reads as a binary stream does


def read_facts(path: Path, *, cache: Path) -> VcfFacts:
    """`scan` of a file, remembered in the cache by the file's content."""
    note = cache / "vcf" / f"{file_hash(path, memo=cache)[:32]}.json"
    try:
        content = json.loads(note.read_text(encoding="utf-8"))
        if content.pop("version") == _FACTS_VERSION:
            tuples = {key: tuple(content[key]) for key in ("samples", "info", "fields")}
            return VcfFacts(**{**content, **tuples, "path": str(path)})
    except (OSError, ValueError, KeyError, TypeError):
        pass  # absent, damaged or of another version: scan again
    facts = scan(path)
    write_text_atomic(note, json.dumps({**asdict(facts), "version": _FACTS_VERSION}))
    return facts


def scan(path: Path) -> VcfFacts:
    """Read a VCF once, lightly; never raises for what is wrong with its content, but says so in `problem`."""
    compression = compression_of(path)
    reading = _Reading(path=path)
    problem: str | None = None
    try:
        with open_vcf(path) as stream:
            problem = reading.header(stream) or reading.body(stream)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        problem = f"is truncated: its compressed data end after line {reading.line}"
    if problem is None and compression == "bgzip" and not _ends_as_bgzf(path):
        problem = f"is truncated: the end-of-file block that bgzip writes is missing (after line {reading.line})"
    return VcfFacts(
        path=str(path),
        compression=compression,
        samples=tuple(reading.samples),
        lengths=reading.lengths,
        reference=reading.reference,
        info=tuple(reading.info),
        fields=tuple(reading.fields),
        records=sum(reading.contigs.values()),
        contigs=reading.contigs,
        star_alleles=reading.star_alleles,
        reduced_ploidy=reading.reduced_ploidy,
        filters=reading.filters,
        problem=problem,
    )


def _ends_as_bgzf(path: Path) -> bool:
    with path.open("rb") as stream:
        stream.seek(0, 2)
        if stream.tell() < len(_BGZF_END):
            return False
        stream.seek(-len(_BGZF_END), 2)
        return stream.read() == _BGZF_END


@dataclass(kw_only=True)
class _Reading:
    """A scan under way; `line` is where it is, 1-based."""

    path: Path
    line: int = 0
    samples: list[str] = field(default_factory=list)
    lengths: dict[str, int | None] = field(default_factory=dict)
    reference: str | None = None
    info: list[str] = field(default_factory=list)
    fields: list[str] = field(default_factory=list)
    contigs: dict[str, int] = field(default_factory=dict)
    filters: dict[str, int] = field(default_factory=dict)
    star_alleles: int = 0
    reduced_ploidy: int = 0

    def header(self, stream: IO[bytes]) -> str | None:
        """Read up to and with the #CHROM line; returns a problem."""
        for raw in stream:
            self.line += 1
            text = raw.decode("utf-8", errors="replace").rstrip("\r\n")
            if self.line == 1 and not text.startswith("##fileformat=VCF"):
                return f"has no VCF header: its first line is {text[:40]!r} instead of ##fileformat=VCFv4.x"
            if text.startswith("#CHROM"):
                columns = text.split("\t")
                self.samples = columns[9:]
                return None if self.samples else "has no sample columns: sites only, no genotypes"
            if not text.startswith("##"):
                return f"has no #CHROM line: line {self.line} is data already"
            self._meta(text[2:])
        return "is empty" if not self.line else "has no #CHROM line"

    def _meta(self, text: str) -> None:
        key, _, value = text.partition("=")
        if key == "reference":
            self.reference = value
        if key not in ("contig", "INFO", "FORMAT"):
            return
        facts = dict(_FIELD.findall(value))
        name = facts.get("ID", "")
        if key == "contig":
            length = facts.get("length", "")
            self.lengths[name] = int(length) if length.isdigit() else None
        else:
            (self.info if key == "INFO" else self.fields).append(name)

    def body(self, stream: IO[bytes]) -> str | None:
        """Count what the data lines hold; returns the first problem."""
        tabs = 8 + len(self.samples)
        raw = b"\n"
        for raw in stream:
            self.line += 1
            if raw.count(b"\t") != tabs:
                if raw.strip():
                    found = raw.count(b"\t") + 1
                    return f"is truncated or damaged: line {self.line} has {found} columns instead of {tabs + 1}"
                continue
            contig, position, _, _, alts, _, filters, _, layout, calls = raw.split(b"\t", 9)
            name = contig.decode()
            self.contigs[name] = self.contigs.get(name, 0) + 1
            reasons = filters.decode()
            self.filters[reasons] = self.filters.get(reasons, 0) + 1
            self.star_alleles += alts.split(b",").count(b"*") if b"*" in alts else 0
            if layout[:2] != b"GT":
                return f"has no genotypes (GT) at line {self.line}, {name}:{position.decode()}"
            for match in _POLYPLOID.finditer(b"\t" + calls):
                if not _ZERO_FIRST.match(match[1]):
                    return (
                        f"has a call of ploidy above two at line {self.line}, {name}:{position.decode()}: "
                        f"{match[1].decode()}"
                    )
                self.reduced_ploidy += 1
        return None if raw.endswith(b"\n") else f"is truncated: its last line, {self.line}, does not end"
