"""The calls of a MAF, a line each, in one spelling: what the header, the light pass and Hail all read."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing

from data_modules.ingest.variants.files.maf import OPTIONAL, REQUIRED, MafError, MafHeader
from data_modules.readers.content import UnreadableError
from data_modules.readers.layout import unquoted
from data_modules.readers.stream import lines_of

FIELDS = (*REQUIRED, *OPTIONAL, "reason")
"""Of a call: the fields of a MAF, and why its Mutation_Status leaves it out, empty where it does not."""

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
_SEPT = re.compile(r"(\d{1,2})-Sep")


def calls_of(header: MafHeader, *, origin: str = "somatic") -> Iterator[tuple[int, list[str]]]:
    """Line number and the values of `FIELDS`, empty where the file says nothing.

    Alleles are in upper case, and TRUE, which programs make of a column of T, is T; 1e+05 is 100000; 9-Sep is SEPT9.

    Raises:
        MafError: a line with fewer or more fields than the header, or a Mutation_Status that no MAF has.
    """
    at = [header.names.index(header.columns[name]) if name in header.columns else -1 for name in FIELDS[:-1]]
    places = {name: place for place, name in enumerate(FIELDS)}
    status = header.names.index(header.columns["status"]) if "status" in header.columns else -1
    width, accepted = len(header.names), STATUS[origin]
    cells: Sequence[str]
    for number, line in _body(header):
        cells = _cut(line, header.separator)
        if len(cells) != width:
            cells = _fitting(header, number, cells)
        values = ["" if place < 0 else cells[place].strip() for place in at]
        for name in ("reference", "allele1", "allele2"):
            allele = values[places[name]]
            values[places[name]] = "T" if allele in _TRUE else allele.upper()
        values[places["start"]] = _whole(values[places["start"]])
        values[places["gene"]] = _SEPT.sub(r"SEPT\1", values[places["gene"]])
        said = cells[status].strip() if status >= 0 else ""
        if said.lower() not in KNOWN_STATUS:
            raise MafError(
                f"{header.path.name}, line {number}, {values[places['barcode']]}: Mutation_Status is {said!r}, which "
                "is none of a MAF's. Mend it to Somatic, Germline, LOH, Wildtype, None or Unknown."
            )
        values.append("" if said.lower() in accepted else f"Mutation_Status {said.capitalize()}")
        yield number, values


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
        return next(csv.reader([line], delimiter=separator))
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
    whole = _WHOLE.fullmatch(value)
    if whole:
        return whole[1]
    power = _POWER.fullmatch(value)
    if power and float(value).is_integer():
        return str(int(float(value)))
    return value


def sequenced_samples(comments: Sequence[str]) -> tuple[str, ...]:
    """Samples that ``#sequenced_samples:`` lists, as cBioPortal writes them: sequenced, with mutations or without."""
    found: list[str] = []
    for line in comments:
        key, colon, names = line.lstrip("# ").partition(":")
        if colon and key.strip().lower() == "sequenced_samples":
            found += re.split(r"[\s,]+", names.strip())
    return tuple(dict.fromkeys(name for name in found if name))


def exported(header: MafHeader, *, origin: str) -> Iterator[str]:
    """Lines of a plain TSV of `FIELDS`, with its header first."""
    yield "\t".join(FIELDS)
    for _, values in calls_of(header, origin=origin):
        yield "\t".join(values)
