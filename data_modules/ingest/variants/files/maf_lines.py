"""The calls of a MAF, a line each, in one spelling: what the header, the light pass and Hail all read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing

from data_modules.ingest.variants.files.maf import OPTIONAL, REQUIRED, MafError, MafHeader, class_of
from data_modules.readers.layout import cut_quoted, unquoted
from data_modules.readers.stream import lines_of
from data_modules.readers.unreadable import UnreadableError

FIELDS = (*REQUIRED, *OPTIONAL, "reason", "copies", "class")
"""Of a call: the fields of a MAF; why its Mutation_Status leaves it out, empty where it does not; on how many of the
tumour's two chromosomes its alternate allele is, 2 where both alleles are it; the class of its classification."""

STATUS: Mapping[str, tuple[str, ...]] = {
    "somatic": ("somatic", "", ".", "na", "unknown"),
    "germline": ("germline", "", ".", "na", "unknown"),
}
"""Mutation_Status, in lower case, of the lines of an origin; where nothing is said, the file's origin holds."""

KNOWN_STATUS = frozenset(
    {"none", "germline", "somatic", "loh", "post-transcriptional modification", "wildtype", "uncalled", "unknown",
     "redacted", "", ".", "na"}
)  # fmt: skip

_TRUE = frozenset({"TRUE", "True", "true"})
_WHOLE = re.compile(r"(\d+)\.0+")
_POWER = re.compile(r"(\d+(?:\.\d+)?)e\+?(\d+)")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+")
_SEPT = re.compile(r"0?(\d{1,2})-Sep|Sep-0?(\d{1,2})|\d{4}-09-0?(\d{1,2})", re.IGNORECASE)
_DATE = re.compile(r"\d{1,2}-[A-Z][a-z]{2}|[A-Z][a-z]{2}-\d{2}|\d{4}-\d{2}-\d{2}")
_NO_GENE = frozenset({"unknown", ".", "-", "na", "0", "none"})
_PERCENT = re.compile(r"(\d+(?:\.\d+)?) ?%")


def calls_of(header: MafHeader, *, origin: str = "somatic") -> Iterator[tuple[int, list[str]]]:
    """Line number and the values of `FIELDS`, empty where the file says nothing.

    Alleles are in upper case, and TRUE, which programs make of a column of T, is T; 1e+05 is 100000; 9-Sep is SEPT9. A
    line of two alternate alleles is two calls. A header that stands again, as in files put together, is no call.

    Raises:
        MafError: a line with fewer or more fields than the header, or a Mutation_Status that no MAF has.
    """
    fields = FIELDS[:-3]
    at = [header.names.index(header.columns[name]) if name in header.columns else -1 for name in fields]
    places = {name: place for place, name in enumerate(fields)}
    gene, start, contig, barcode, kind, share = (
        places[name] for name in ("gene", "start", "chromosome", "barcode", "classification", "vaf")
    )
    status = header.names.index(header.columns["status"]) if "status" in header.columns else -1
    width, accepted = len(header.names), STATUS[origin]
    cells: Sequence[str]
    for number, line in _body(header):
        cells = _cut(line, header.separator)
        if len(cells) != width:
            cells = _fitting(header, number, cells)
        values = ["" if place < 0 else cells[place].strip() for place in at]
        if values[barcode] == header.columns["barcode"] and values[start] == header.columns["start"]:
            continue
        for name in ("reference", "allele1", "allele2", "normal1", "normal2"):
            values[places[name]] = _allele(values[places[name]])
        if values[places["reference"]] == ".":  # some write an insertion so; of an allele it says that nobody knows it
            values[places["reference"]] = "-"
        values[start] = _whole(values[start])
        values[contig] = _contig(values[contig])
        values[gene] = symbol(values[gene])
        percent = _PERCENT.fullmatch(values[share])
        if percent:
            values[share] = f"{float(percent[1]) / 100:.6g}"
        said = cells[status].strip() if status >= 0 else ""
        if said.lower() not in KNOWN_STATUS:
            raise MafError(
                f"{header.path.name}, line {number}, {values[barcode]}: Mutation_Status is {said!r}, which "
                "is none of a MAF's. Mend it to Somatic, Germline, LOH, Wildtype, None or Unknown."
            )
        reason = "" if said.lower() in accepted else f"Mutation_Status {said.capitalize()}"
        copies, second = _genotype(*(values[places[name]] for name in _ALLELES))
        ends = [reason, copies, class_of(values[kind])[0]]
        yield number, [*values, *ends]
        if second:
            values[places["allele2"]] = second
            yield number, [*values, *ends]


_BASES = frozenset("ACGT")
_ALLELES = ("reference", "allele1", "allele2", "normal1", "normal2")


def _genotype(reference: str, first: str, second: str, *normal: str) -> tuple[str, str]:
    """Copies of the alternate allele, and the other alternate allele of a line that has two, else nothing.

    An allele that the matched normal has is no mutation of the tumour; of insertions and deletions, whose first allele
    programs write in several ways, the second allele counts alone.
    """
    if not first or reference in (first, second):
        return "1", ""
    if first == second:
        return "2", ""
    single = reference in _BASES and first in _BASES and second in _BASES
    return "1", first if single and first not in normal else ""


def _allele(value: str) -> str:
    """Upper case; TRUE is T."""
    return "T" if value in _TRUE else value.upper()


def _contig(value: str) -> str:
    """``17.0`` is 17, as programs write a column of numbers with gaps; letter case means nothing."""
    whole = _WHOLE.fullmatch(value)
    return whole[1] if whole else value.upper().replace("CHR", "chr", 1) if value[-1:] in ("x", "y", "m") else value


def symbol(value: str) -> str:
    """A gene's symbol; nothing where a word says that there is none; SEPT9 where a program made 9-Sep of it."""
    if value.lower() in _NO_GENE:
        return ""
    return _SEPT.sub(lambda match: f"SEPT{next(filter(None, match.groups()))}", value) if "-" in value else value


def is_date(gene: str) -> bool:
    """Whether a symbol is a date that a program made of one, and nobody knows of which: 1-Mar is MARCH1 or MARC1."""
    return _DATE.fullmatch(gene) is not None


def _body(header: MafHeader) -> Iterator[tuple[int, str]]:
    try:
        with closing(lines_of(header.path)) as lines:
            for number, line in enumerate(lines, start=1):
                # A line that begins with # is a comment; in a cell it is a character like others.
                if number > header.line and line.strip() and not line.startswith("#"):
                    yield number, line
    except UnreadableError as error:
        raise MafError(str(error)) from error


def _cut(line: str, separator: str) -> list[str]:
    if separator != "\t":
        return cut_quoted(line, separator)
    cells = line.split("\t")
    return [unquoted(cell) for cell in cells] if '"' in line else cells


def _fitting(header: MafHeader, number: int, cells: Sequence[str]) -> list[str]:
    """Cells as many as the header's; further empty ones are left out, and empty names at its end need none."""
    width = len(header.names)
    if len(cells) > width and not "".join(cells[width:]).strip():
        return list(cells[:width])
    if len(cells) < width and not "".join(header.names[len(cells) :]).strip():
        return [*cells, *[""] * (width - len(cells))]
    raise MafError(
        f"{header.path.name}, line {number} has {len(cells)} fields and its header {width} (line {header.line}). Mend "
        "that line, or fetch the file again: it may be cut or shifted"
    )


def _whole(value: str) -> str:
    """A position as digits: ``100000.0`` and R's ``1e+05`` are numbers without a doubt, Excel's ``1.23E+08`` is not."""
    if value.isdigit():
        return value
    if _THOUSANDS.fullmatch(value):
        return value.replace(",", "")
    whole = _WHOLE.fullmatch(value)
    if whole:
        return whole[1]
    power = _POWER.fullmatch(value)
    if power and float(value).is_integer():
        return str(int(float(value)))
    return value


def sequenced_samples(comments: Sequence[str]) -> tuple[str, ...]:
    """Samples that were sequenced, with mutations or without.

    cBioPortal lists them behind ``#sequenced_samples:``, the GDC names the one of a file of a case behind
    ``#tumor.aliquots.submitter_id``.
    """
    found: list[str] = []
    for line in comments:
        word, *samples = line.lstrip("# ").split()[:2] or [""]
        if word == "tumor.aliquots.submitter_id":
            found += samples
        key, colon, names = line.lstrip("# ").partition(":")
        if colon and key.strip().lower() == "sequenced_samples":
            found += re.split(r"[\s,]+", names.strip())
    return tuple(dict.fromkeys(name for name in found if name))


def exported(header: MafHeader, *, origin: str) -> Iterator[str]:
    """Lines of a plain TSV of `FIELDS`, with its header first."""
    yield "\t".join(FIELDS)
    for _, values in calls_of(header, origin=origin):
        yield "\t".join(values)
