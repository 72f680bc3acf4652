"""One light pass over a VCF, without Hail, for what would break its ingest later or bend its result in silence."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from data_modules.hashes import file_hash, write_text_atomic
from data_modules.ingest.variants.files.mended import HALF as _HALF
from data_modules.ingest.variants.files.mended import TUMOURS, upper
from data_modules.ingest.variants.files.vcf import VcfFacts, compression_of, open_vcf
from data_modules.readers.unreadable import UnreadableError

_BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
_FIELD = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|[^,>]*)')
_POLYPLOID = re.compile(rb"\t(\d+(?:[/|]\d+){2,})")
_UNPHASED = bytes.maketrans(b"|", b"/")
_ZERO_FIRST = re.compile(rb"0[/|]\d+[/|]\d+$")

_BEYOND = {number: (b"/%d" % (number + 1), b"|%d" % (number + 1)) for number in range(9)}
"""How many alternate alleles a line has → what its genotypes cannot hold: the next number after a separator."""

_FACTS_VERSION = 5


def read_facts(path: Path, *, cache: Path) -> VcfFacts:
    """`scan` of a file, remembered in the cache by the file's content."""
    note = cache / "vcf" / f"{file_hash(path, memo=cache)[:32]}.json"
    try:
        content = json.loads(note.read_text(encoding="utf-8"))
        if content.pop("version") == _FACTS_VERSION:
            tuples = {key: tuple(content[key]) for key in ("samples", "tumours", "normals", "assemblies")}
            return VcfFacts(**{**content, **tuples, "path": str(path)})
    except (OSError, ValueError, KeyError, TypeError):
        pass  # absent, damaged or of another version: scan again
    facts = scan(path)
    write_text_atomic(note, json.dumps({**asdict(facts), "version": _FACTS_VERSION}))
    return facts


def scan(path: Path) -> VcfFacts:
    """Read a VCF once, lightly; never raises for what is wrong with its content, but says so in `problem`."""
    compression = compression_of(path)
    whole = compression != "bgzip" or _ends_as_bgzf(path)
    reading, problem = _read(path, careful=not whole)
    if problem is None and not whole:
        problem = f"is truncated: the end-of-file block that bgzip writes is missing (after line {reading.line})"
    return VcfFacts(
        path=str(path),
        compression=compression,
        samples=tuple(reading.samples),
        lengths=reading.lengths,
        reference=reading.reference,
        assemblies=tuple(reading.assemblies),
        info=reading.info,
        fields=reading.fields,
        layouts=reading.layouts,
        tumours=tuple(reading.tumours),
        normals=tuple(reading.normals),
        records=sum(reading.contigs.values()),
        contigs=reading.contigs,
        star_alleles=reading.star_alleles,
        reduced_ploidy=reading.reduced_ploidy,
        depthless=sum(number for name, number in reading.formats.items() if b"DP" not in name.split(b":")),
        filters={name.decode(errors="replace"): number for name, number in reading.filters.items()},
        formats={name.decode(errors="replace"): number for name, number in reading.formats.items()},
        half_calls=reading.half_calls,
        lower_case=reading.lower_case,
        marked=reading.marked,
        without_genotypes=reading.without_genotypes > 0,
        problem=problem,
    )


def _read(path: Path, *, careful: bool) -> tuple[_Reading, str | None]:
    reading = _Reading()
    try:
        with open_vcf(path, careful=careful) as stream:
            lines = iter(stream)
            # The reader of block gzip cuts line ends off; its last block has vouched for the last line.
            ends = careful or compression_of(path) != "bgzip"
            return reading, reading.header(lines) or reading.body(lines, ends=ends)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        return reading, f"is truncated: its compressed data end after line {reading.line}"
    except UnreadableError as error:
        return reading, f"is no VCF: {error.what.removeprefix(f'{path}, ')}"
    except OSError as error:
        if careful:
            return reading, f"cannot be read after line {reading.line} ({error})"
        return _read(path, careful=True)


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

    line: int = 0
    samples: list[str] = field(default_factory=list)
    lengths: dict[str, int | None] = field(default_factory=dict)
    reference: str | None = None
    assemblies: dict[str, None] = field(default_factory=dict)
    info: dict[str, str] = field(default_factory=dict)
    fields: dict[str, str] = field(default_factory=dict)
    layouts: dict[str, str] = field(default_factory=dict)
    tumours: list[str] = field(default_factory=list)
    normals: list[str] = field(default_factory=list)
    contigs: dict[str, int] = field(default_factory=dict)
    filters: dict[bytes, int] = field(default_factory=dict)
    star_alleles: int = 0
    reduced_ploidy: int = 0
    formats: dict[bytes, int] = field(default_factory=dict)
    half_calls: int = 0
    lower_case: int = 0
    marked: bool = False
    without_genotypes: int = 0

    def header(self, lines: Iterator[bytes]) -> str | None:
        """Read up to and with the #CHROM line; returns a problem."""
        for raw in lines:
            self.line += 1
            text = raw.decode("utf-8", errors="replace").rstrip("\r\n")
            if self.line == 1 and text.startswith("\ufeff"):
                self.marked, text = True, text[1:]
            if self.line == 1 and not text.startswith("##fileformat=VCF"):
                is_one = text.startswith(("##", "#CHROM"))
                mend = ". Put that line first, as the specification asks" if is_one else ""
                return f"has no VCF header: its first line is {text[:40]!r} instead of ##fileformat=VCFv4.x{mend}"
            if text.startswith("#CHROM"):
                columns = text.split("\t")
                if len(columns) < 8 and len(text.split()) >= 8:
                    return (
                        f"is separated by spaces, not by tabs (line {self.line}, #CHROM). Write tabs, e.g. with "
                        "sed 's/  */\\t/g' below its ## lines"
                    )
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
        elif key in ("tumor_sample", "normal_sample"):  # Mutect2
            (self.tumours if key == "tumor_sample" else self.normals).append(value.strip())
        if key not in ("contig", "INFO", "FORMAT"):
            return
        facts = dict(_FIELD.findall(value))
        name = facts.get("ID", "")
        if key == "contig":
            length = facts.get("length", "")
            if facts.get("assembly"):
                self.assemblies[facts["assembly"].strip('"')] = None
            self.lengths[name] = int(length) if length.isdigit() else None
            return
        (self.info if key == "INFO" else self.fields)[name] = f"{facts.get('Number', '')},{facts.get('Type', '')}"
        described = facts.get("Description", "")
        if key == "INFO" and "|" in described:
            self.layouts[name] = described.strip('"')

    def body(self, lines: Iterable[bytes], *, ends: bool) -> str | None:
        """Count what the data lines hold; returns the first problem. `ends`: whether lines come with their ends."""
        tabs = 8 + len(self.samples)
        before, last = b"", 0
        raw = b"\n"
        for raw in lines:
            self.line += 1
            if raw.count(b"\t") != tabs:
                if raw.strip():
                    found = raw.count(b"\t") + 1
                    return f"is truncated or damaged: line {self.line} has {found} columns instead of {tabs + 1}"
                continue
            contig, place, _, bases, alts, _, reasons, _, layout, calls = raw.split(b"\t", 9)
            if not place.isdigit():
                return f"has no position at line {self.line}: POS is {place.decode(errors='replace')!r}"
            position = int(place)
            if contig != before:
                name = contig.decode(errors="replace")
                if name in self.contigs:
                    return f"is not sorted: line {self.line} comes back to contig {name}. Use `bcftools sort`"
                before, self.contigs[name] = contig, 0
            elif position < last:
                return f"is not sorted: line {self.line}, {name}:{position}, comes after {last}. Use `bcftools sort`"
            last = position
            self.contigs[name] += 1
            self.filters[reasons] = self.filters.get(reasons, 0) + 1
            if b"*" in alts:
                self.star_alleles += alts.split(b",").count(b"*")
            if layout[:2] != b"GT":
                problem = self._no_genotypes(alts, f"{name}:{position}")
                if problem is not None:
                    return problem
            self.formats[layout] = self.formats.get(layout, 0) + 1
            if not (bases.isupper() and alts.isupper()):
                self.lower_case += upper(bases) != bases or upper(alts) != alts
            beyond = _BEYOND.get(alts.count(b",") + (alts != b"."), ())
            if any(allele in calls for allele in beyond):
                problem = self._no_such_allele(calls, alts, f"{name}:{position}")
                if problem is not None:
                    return problem
            # Without its digits a call of three alleles has two separators side by side: quicker than a pattern.
            bare = calls.translate(_UNPHASED, b"0123456789")
            if b"//" in bare:
                problem = self._polyploid(calls, f"{name}:{position}")
                if problem is not None:
                    return problem
            if b"./" in bare or b"/." in bare:
                whole = bare.count(b"./.")
                if bare.count(b"./") > whole or bare.count(b"/.") > whole:
                    self.half_calls += len(_HALF.findall(b"\t" + calls.rstrip(b"\r\n")))
        if ends and not raw.endswith(b"\n"):
            return f"is truncated: its last line, {self.line}, does not end"
        return None

    def _no_genotypes(self, alts: bytes, place: str) -> str | None:
        """A record without GT is sound where Strelka wrote it for one tumour; else what is wrong with it."""
        where = f"at line {self.line}, {place}"
        if not ({"AU", "CU", "GU", "TU"} <= set(self.fields) or {"TAR", "TIR"} <= set(self.fields)):
            return f"has no genotypes (GT) {where}"
        tumours = [name for name in self.samples if name.upper() in TUMOURS]
        if len(self.samples) > 1 and len(tumours) != 1:
            return (
                f"has no genotypes (GT) {where}, as Strelka writes none, and which of its columns is the tumour is not "
                "known: name it TUMOR with `bcftools reheader -s`"
            )
        if b"," in alts:
            return (
                f"has no genotypes (GT) {where}, as Strelka writes none, and several alternate alleles. Split them "
                "with `bcftools norm -m -any`"
            )
        self.without_genotypes += 1
        return None

    def _no_such_allele(self, calls: bytes, alts: bytes, place: str) -> str | None:
        """A genotype that names an allele which its line has not; other fields may look like one."""
        number = 0 if alts == b"." else alts.count(b",") + 1
        for sample, call in zip(self.samples, calls.split(b"\t"), strict=True):
            genotype = call.partition(b":")[0].strip()
            if any(one.isdigit() and int(one) > number for one in genotype.translate(_UNPHASED).split(b"/")):
                return (
                    f"has a genotype of an allele that its line has not: line {self.line}, {place}, sample {sample}, "
                    f"{genotype.decode()} with {number} alternate alleles"
                )
        return None

    def _polyploid(self, calls: bytes, place: str) -> str | None:
        for match in _POLYPLOID.finditer(b"\t" + calls):
            if not _ZERO_FIRST.match(match[1]):
                sample = self.samples[(b"\t" + calls).count(b"\t", 0, match.start())]
                return (
                    f"has a call of ploidy above two at line {self.line}, {place}, sample {sample}: {match[1].decode()}"
                )
            self.reduced_ploidy += 1
        return None
