"""The tables of a folder, all rows and, where they are large, the first columns; and what each of them is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from data_modules.drafting.listing import Found
from data_modules.drafting.words import tokens
from data_modules.readers.heading import heading
from data_modules.readers.tables import TableFormat, TextTable, read_text_table
from data_modules.readers.unreadable import UnreadableError
from fusion.contract import some

if TYPE_CHECKING:
    import pandas as pd

LARGEST = 1_000_000_000
"""Bytes of a file above which only its name is told: reading it takes longer than a draft should."""

MOST_CELLS = 1_000_000
"""Cells of a table that are looked at: of 300 patients' 20,000 genes the first 3,333 tell what the others are."""

MOST_TABLES = 200
"""Tables of a folder that are read."""

ALIKE = 20
"""Files of one folder and one name but for its numbers from which they are looked at for being one a patient."""

_SHEET = ", sheet "
_OF_PATIENTS = frozenset(["patient", "participant", "subject", "donor", "case", "sample", "barcode"])

Sort = Literal["patients", "maf", "segments"]

_CHROMOSOMES = ("chr", "chrom", "chromosome", "contig", "seqnames")
_STARTS = ("startpos", "start", "loc.start", "start_position", "loc_start", "segstart")
_ENDS = ("endpos", "end", "loc.end", "end_position", "loc_end", "segend")
_MAJORS = ("nmajor", "major", "major_cn", "majorcn", "nmaj", "n_major", "major_copy_number")
_MINORS = ("nminor", "minor", "minor_cn", "minorcn", "nmin", "n_minor", "minor_copy_number")
_LOG2 = ("segment_mean", "seg.mean", "log2", "seg_mean", "logr", "log2_ratio", "segmean")
_SAMPLES = ("sample", "id", "sampleid", "sample_id", "tumor_sample_barcode", "trial.id", "patient_id", "gdc_aliquot")


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table.

    Attributes:
        key: its name in the cohort.
        file: below the folder.
        path: the file.
        sort: of patients, or a MAF or segments by its columns.
        frame: cells as text; index: line in the file. Of a MAF without rows.
        form: what has to be declared to read it: encoding, sheet.
        separator: between cells.
        notes: of the reader, in words.
        columns: of segments, by the names of conf/modality/copy_number.yaml.
        skipped: lines below the header that describe columns, as TCGA's biotabs have them.
        names: of all columns; `frame` has the first of them where the table is large.
    """

    key: str
    file: str
    path: Path
    sort: Sort = "patients"
    frame: pd.DataFrame
    form: dict[str, str] = field(default_factory=dict)
    separator: str = ","
    notes: tuple[str, ...] = ()
    columns: dict[str, str] = field(default_factory=dict)
    skipped: tuple[int, ...] = ()
    names: tuple[str, ...] = ()

    @property
    def unseen(self) -> tuple[str, ...]:
        """Columns that were not looked at."""
        return tuple(name for name in self.names if name not in self.frame)


def read_tables(files: Sequence[Found], keys: dict[str, str]) -> tuple[list[Table], dict[str, str]]:
    """Read the tables.

    Args:
        files: of the kind ``table``.
        keys: file → name in the cohort.

    Returns:
        The tables, and file → why it is left out.
    """
    groups: dict[str, list[Found]] = {}
    for file in files:
        groups.setdefault(_numberless(file.name), []).append(file)
    tables: list[Table] = []
    left: dict[str, str] = {}
    for group in groups.values():
        why = _one_a_patient(group) if len(group) >= ALIKE else None
        left |= dict.fromkeys((file.name for file in group), why) if why else {}
    # Names that stand alone first: a cohort's own tables come before one of many.
    for file in sorted(files, key=lambda file: len(groups[_numberless(file.name)])):
        if file.name in left:
            continue
        size = file.path.stat().st_size
        if len(tables) >= MOST_TABLES:
            left[file.name] = f"not looked at: {MOST_TABLES} tables are read at most"
        elif size > LARGEST:
            left[file.name] = f"not looked at: {size / 1e6:,.0f} MB; a file of many numbers is declared as `features`"
        else:
            found, unread = _read(file, keys[file.name])
            tables += found
            left |= unread
    place = {file.name: at for at, file in enumerate(files)}
    return sorted(tables, key=lambda table: place[table.file]), dict(
        sorted(left.items(), key=lambda one: place[one[0].partition(_SHEET)[0]])
    )


def _numberless(name: str) -> str:
    """A name with 0 for every number, those of UUIDs and checksums too."""
    return re.sub(r"[0-9a-f]*[0-9][0-9a-f]*", "0", name)


def _one_a_patient(files: Sequence[Found]) -> str | None:
    """Why files are left out that hold the same rows, each of another patient; None where they do not, by three."""
    rows: list[tuple[list[str], list[str]]] = []
    for file in files[:3]:
        read, _ = _read(file, "one") if file.path.stat().st_size <= LARGEST else ([], {})
        if len(read) != 1 or len(read[0].frame) < 2 or set(tokens(str(read[0].frame.columns[0]))) & _OF_PATIENTS:
            return None
        rows.append((list(read[0].frame.columns), list(read[0].frame.iloc[:, 0])))
    if rows[0] != rows[1] or rows[0] != rows[2]:
        return None
    names = some([str(one) for one in rows[0][1]], 2)
    return (
        f"one file a patient? The first three have the same columns and rows ({names}). Write them as one table: a row "
        "a patient, or a column a patient"
    )


def _read(file: Found, key: str) -> tuple[list[Table], dict[str, str]]:
    """The tables of a file, and file or sheet → why it is left out."""
    told: list[str] = []
    for form in ({}, {"encoding": "cp1252"}):
        try:
            return [_table(file, key, form)], {}
        except UnreadableError as error:
            if "sheets (" in error.what and error.what.startswith(f"{file.path} is an Excel workbook of"):
                return _sheets(file, key)
            told.append(_told(file, error, key))
            if "is no UTF-8" not in error.what:
                break
        except OSError as error:
            return [], {file.name: f"cannot be read ({error.strerror or error})"}
    # of bytes that are of neither encoding, what is said of the first tells more
    return [], {file.name: told[0 if "is no CHARMAP" in told[-1] else -1]}


def _told(file: Found, error: UnreadableError, key: str) -> str:
    if re.search(r"the header '\w+: .* has no tab, comma or semicolon", error.what):
        return "a text that is no table"
    return f"{error.what.removeprefix(str(file.path)).lstrip(',: ')}. {error.mended(f'cohort.tables.{key}')}"


def _sheets(file: Found, key: str) -> tuple[list[Table], dict[str, str]]:
    import openpyxl

    book = openpyxl.load_workbook(file.path, read_only=True)
    try:
        titles = [sheet.title for sheet in book.worksheets]
    finally:
        book.close()
    tables, left = [], {}
    for title in titles:
        name = "".join(letter if letter.isalnum() else "_" for letter in title.lower())
        try:
            tables.append(_table(file, f"{key}_{name}", {"sheet": title}))
        except UnreadableError as error:
            if not error.empty:
                left[f"{file.name}{_SHEET}{title}"] = _told(file, error, f"{key}_{name}")
    return tables, left


def _table(file: Found, key: str, form: dict[str, str]) -> Table:
    read = _headed(file.path, form)
    frame, lower = read.frame, {str(name).lower(): str(name) for name in read.frame}
    skipped = _descriptions(frame)
    frame = frame.drop(index=list(skipped))
    sort, columns = sort_of(lower)
    return Table(
        key=key, file=file.name, path=file.path, sort=sort, frame=frame, form=form, separator=read.separator,
        notes=(*read.notes, *_partly(read)), columns=columns, skipped=skipped, names=read.names,
    )  # fmt: skip


def _partly(read: TextTable) -> list[str]:
    seen, every = len(read.frame.columns), len(read.names)
    return [f"the first {seen:,} of its {every:,} columns were looked at"] if seen < every else []


def _headed(path: Path, form: dict[str, str]) -> TextTable:
    """As it stands; by what looks like its header, where that cannot be read or stands behind a ``#``."""
    given = TableFormat(**form)
    try:
        read = read_text_table(path, given, most_cells=MOST_CELLS)
    except UnreadableError:
        names = heading(path, encoding=form.get("encoding"), sheet=form.get("sheet"))
        if not names:
            raise
        return read_text_table(path, given, expected=names, most_cells=MOST_CELLS)
    first = read.frame.index.min() if len(read.frame) else 2
    names = heading(path, encoding=form.get("encoding"), sheet=form.get("sheet")) if first > 2 else []
    behind = bool(names) and names[0].startswith("#")
    return read_text_table(path, given, expected=names, most_cells=MOST_CELLS) if behind else read


def sort_of(lower: dict[str, str]) -> tuple[Sort, dict[str, str]]:
    """What a table is by its header, and the columns of segments.

    Args:
        lower: name in lower case → as written.
    """
    if {"hugo_symbol", "tumor_sample_barcode"} <= set(lower) and "variant_classification" in lower:
        return "maf", {}
    wanted = {
        "sample": _SAMPLES, "chromosome": _CHROMOSOMES, "start": _STARTS, "end": _ENDS, "major": _MAJORS,
        "minor": _MINORS, "log2": _LOG2,
    }  # fmt: skip
    found = {part: next((lower[one] for one in names if one in lower), None) for part, names in wanted.items()}
    places = {part: name for part, name in found.items() if name is not None}
    if found["sample"] is None and lower:
        places["sample"] = next(iter(lower.values()))
    if {"chromosome", "start", "end"} <= set(places) and ({"major", "minor"} <= set(places) or "log2" in places):
        if {"major", "minor"} <= set(places):
            places.pop("log2", None)
        return "segments", places
    return "patients", {}


def is_list_of_mutations(table: Table) -> bool:
    """Whether a table has a place and two alleles a row, and none of a MAF's names for them."""
    words = {str(name).lower().lstrip("#") for name in table.names}
    wanted = (
        _CHROMOSOMES,
        (*_STARTS, "pos", "position"),
        ("ref", "reference", "reference_allele"),
        ("alt", "alternate"),
    )
    return all(not words.isdisjoint(names) for names in wanted)


def _descriptions(frame: pd.DataFrame) -> tuple[int, ...]:
    """Lines below the header that name columns again or give CDE ids, as the biotabs of TCGA have them."""
    lines = []
    for line, row in frame.head(3).iterrows():
        cells = [str(cell) for cell in row]
        coded = sum(cell.startswith("CDE_ID:") for cell in cells)
        again = sum(cell == name for cell, name in zip(cells, frame.columns, strict=True))
        if coded > len(cells) / 2 or (again >= 2 and again > len(cells) / 10):
            lines.append(int(line))  # type: ignore[call-overload]
    return tuple(lines) if any(lines) else ()
