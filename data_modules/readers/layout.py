"""How a text table is laid out: its header, separator, quotes and rows, found from its lines and checked once.

- Lines that begin with ``#`` above the header are comments, and so is nothing else: ``#`` may stand in any cell.
- A CSV quotes as RFC 4180 says. A TSV has no quoting (IANA, text/tab-separated-values); a cell that is quoted whole,
  as R writes it, loses its quotes. Where quotes open and do not close, or swallow rows, the line is named.
- Every row has as many fields as the header; further ones are left out where all of them are empty.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from data_modules.readers.content import Text
from data_modules.readers.unreadable import UnreadableError
from fusion.contract import some

SEPARATORS = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "bar"}
TITLES = 30
"""Lines in which a header is looked for below a title."""

LONGEST = 1 << 30
"""Characters of a cell that are read; `csv` stops at 131,072, which a header of 20,000 genes is longer than."""

_EXCELS_HINT = re.compile(r'"?sep=(.)"?\1*', re.IGNORECASE)
"""A line above the header that tells Excel the separator."""


Row = str | list[str]
"""A line that has no quotes, or the cells of a row."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A table's parts.

    Attributes:
        separator: between cells.
        names: of the columns, as written.
        header: the header's line, 1-based.
        raw: the rows; wide tables are cut into cells one row at a time.
        lines: the first line of each row, 1-based.
        notes: what was found and left out, in words.
    """

    separator: str
    names: list[str]
    header: int
    raw: list[Row]
    lines: list[int]
    notes: tuple[str, ...] = ()

    def rows(self) -> Iterator[list[str]]:
        """Cells of each row, as many as `names`."""
        width = len(self.names)
        for row in self.raw:
            yield (row.split(self.separator, width) if isinstance(row, str) else row)[:width]


def lay_out(text: Text, *, expected: Sequence[str] = (), separator: str | None = None) -> Layout:
    """Find a table in a text.

    Args:
        text: of a file.
        expected: names of columns that it should have; they tell which separator is meant.
        separator: None finds it.

    Raises:
        UnreadableError: no header, rows of other numbers of fields, or quotes that do not close.
    """
    at = header_line(text, expected)
    notes = list(text.notes)
    hint = _EXCELS_HINT.fullmatch(text.lines[at])
    if hint is not None and at + 1 < len(text.lines):
        separator = separator or hint[1]
        at = header_line(text, expected, after=at + 1)
        notes.append(f"its first line says that {SEPARATORS.get(separator, repr(separator))} separates its columns")
    titles = titles_above((_cells(line, separator, expected) for line in text.lines[at : at + TITLES]), expected)
    if titles:
        notes.append(f"line {at + titles + 1} is the header; what stands above it is left out")
        at += titles
    chosen = separator or _separator(text, at, expected)
    quoted = _quoted_rows(text, at, chosen)
    if isinstance(quoted, UnreadableError):
        if chosen != "\t":
            raise quoted
        quoted = None
    rows = quoted or _plain_rows(text, at, chosen)
    if quoted is not None and chosen == "\t":
        # A TSV knows no quotes: its lines are its rows wherever they all have one number of fields.
        plain = _plain_rows(text, at, chosen)
        rows = plain if len({_width(row, chosen) for row, _ in plain}) == 1 else quoted
    (head, _), *body = rows
    names = [cell.strip() for cell in (head.split(chosen) if isinstance(head, str) else head)]
    again = [line for row, line in body if row == head]
    if again:
        notes.append(f"the header stands again in {'line' if len(again) == 1 else 'lines'} {some(again)}, left out")
        body = [(row, line) for row, line in body if row != head]
    body = _checked(text, names, at, body, chosen, notes)
    if chosen != ("," if ".csv" in text.path.suffixes else "\t") and separator is None:
        notes.append(f"a {SEPARATORS[chosen]} separates its columns")
    if text.encoding not in ("utf-8", "utf-8-sig"):
        notes.append(f"written in {text.encoding}")
    return Layout(
        separator=chosen, names=names, header=at + 1, raw=[row for row, _ in body],
        lines=[line for _, line in body], notes=tuple(notes),
    )  # fmt: skip


def _width(row: Row, separator: str) -> int:
    return row.count(separator) + 1 if isinstance(row, str) else len(row)


def titles_above(rows: Iterable[Collection[str]], expected: Sequence[str]) -> int:
    """How many of the first rows stand above the header, as a title does: 0 where the first may be the header.

    The header holds the first expected name, more expected names than the first row, and more cells than it.

    Args:
        rows: the first rows' cells, as the separator cuts them by which the most names are found.
        expected: names of columns.
    """
    wanted = set(expected)
    first: Collection[str] | None = None
    for at, cells in enumerate(rows):
        if first is None:
            first = cells
        if expected and expected[0] in cells:
            better = len(wanted & set(cells)) > len(wanted & set(first))
            return at if better and sum(map(bool, cells)) > sum(map(bool, first)) else 0
    return 0


def _cells(line: str, separator: str | None, expected: Sequence[str]) -> list[str]:
    """A line's cells, by the separator that finds the most expected names."""
    cut = [[unquoted(cell).strip() for cell in line.split(one)] for one in ([separator] if separator else SEPARATORS)]
    return max(cut, key=lambda cells: (len(set(cells) & set(expected)), len(cells)))


def header_line(text: Text, expected: Sequence[str], *, after: int = 0) -> int:
    """Index of the header's line: the first that is no comment; a line that begins with ``#`` and an expected name."""
    for at, line in enumerate(text.lines[after:], start=after):
        if not line.strip():
            continue
        bare = line.lstrip("\"'")
        if not bare.startswith("#") or any(name and bare.startswith(name) for name in expected):
            return at
    raise UnreadableError(f"{text.path} has no header: every line begins with #", "Fetch or write it again")


def _separator(text: Text, at: int, expected: Sequence[str]) -> str:
    """The one by which the header's cells are the expected names, else the most frequent of the header."""
    header = text.lines[at]
    usual = "," if ".csv" in text.path.suffixes else "\t"
    order = [usual, *(one for one in SEPARATORS if one != usual)]
    found = {}
    for one in order:
        cells = {cell.strip() for cell in cut_quoted(header, one)}
        found[one] = (len(cells & set(expected)), header.count(one) > 0 and (one == usual or header.count(usual) == 0))
    best = max(order, key=lambda one: found[one])
    if best == usual or found[best] > found[usual]:
        if header.count(best) == 0 and " " in header.strip() and not found[best][0]:
            what = f"{text.path}, line {at + 1}: the header {header[:60]!r} has no tab, comma or semicolon"
            raise UnreadableError(what, "Separate its columns by tabs, not by spaces, or set {key}.separator")
        return best
    return usual


def cut_quoted(line: str, separator: str) -> list[str]:
    """Cells of one line by the rules of quoting; by a separator that is not its own, the line is one cell."""
    csv.field_size_limit(LONGEST)
    return next(csv.reader([line], delimiter=separator), [])


def _plain_rows(text: Text, at: int, separator: str) -> list[tuple[Row, int]]:
    """Lines as rows; a cell that is quoted whole loses its quotes."""
    rows: list[tuple[Row, int]] = []
    for number, line in enumerate(text.lines[at:], start=at + 1):
        if '"' in line:
            rows.append(([unquoted(cell) for cell in line.split(separator)], number))
        elif line.strip(f"{separator} "):
            rows.append((line, number))
    return rows


def unquoted(cell: str) -> str:
    """A cell without the quotes around all of it; a cell with other quotes as it is."""
    bare = cell.strip()
    if len(bare) < 2 or bare[0] != '"' or bare[-1] != '"':
        return cell
    inner = bare[1:-1]
    return cell if '"' in inner.replace('""', "") else inner.replace('""', '"')


def _quoted_rows(text: Text, at: int, separator: str) -> list[tuple[Row, int]] | UnreadableError | None:
    """Rows by the rules of quoting; None where no line has a quote, an error where quotes do not close."""
    if not any('"' in line for line in text.lines[at:]):
        return None
    spaced = _rows_of_csv(text, at, separator, skip=True) if separator != "\t" else None
    # After a separator a space may stand before a quote; where that fails, quotes count at the begin of cells alone.
    return spaced if isinstance(spaced, list) else _rows_of_csv(text, at, separator, skip=False)


def _rows_of_csv(text: Text, at: int, separator: str, *, skip: bool) -> list[tuple[Row, int]] | UnreadableError:
    """Rows as `csv` reads them; `skip`: spaces after a separator are left out."""
    lines = (f"{line}\n" for line in text.lines[at:])
    reader = csv.reader(lines, delimiter=separator, strict=True, skipinitialspace=skip)
    rows: list[tuple[Row, int]] = []
    begin, width = at + 1, 0
    csv.field_size_limit(LONGEST)
    try:
        for row in reader:
            width = width or len(row)
            swallowed = _swallowed(row, separator, width)
            if swallowed:
                what = (
                    f"{text.path}, line {begin}: a double quote opens and closes only in line {at + reader.line_num}, "
                    f"which makes one cell of whole rows, e.g. {swallowed[:60]!r}"
                )
                return UnreadableError(what, "Close or take out the quote")
            if any(cell.strip() for cell in row):
                rows.append((row, begin))
            begin = at + reader.line_num + 1
    except csv.Error as error:
        what = f"{text.path}, line {begin}: a double quote opens and does not close as a CSV's must ({error})"
        return UnreadableError(what, 'Close or take out the quote; a quote within a quoted cell is written ""')
    return rows


def _swallowed(row: Sequence[str], separator: str, width: int) -> str | None:
    """A line within a cell that is a row of its own."""
    for cell in row:
        if "\n" in cell:
            for line in cell.split("\n")[1:-1]:
                if width > 1 and line.count(separator) >= width - 1:
                    return line
    return None


def _checked(
    text: Text, names: list[str], at: int, rows: list[tuple[Row, int]], separator: str, notes: list[str]
) -> list[tuple[Row, int]]:
    """Rows with as many cells as the header or with empty ones beyond; empty names at its end are left out."""

    def beyond(row: Row, width: int) -> str:
        return "".join((row.split(separator) if isinstance(row, str) else row)[width:]).strip()

    while len(names) > 1 and not names[-1] and not any(beyond(row, len(names) - 1) for row, _ in rows):
        names.pop()
    width, longer = len(names), 0
    for row, line in rows:
        found = _width(row, separator)
        if found < width:
            last = line == rows[-1][1]
            what = f"{text.path}, line {line} has {found} fields, fewer than its header (line {at + 1} has {width})"
            raise UnreadableError(what, "Mend it; the file may have been cut off: copy it anew" if last else "Mend it")
        if found > width and beyond(row, width):
            what = f"{text.path}, line {line} has {found} fields and its header {width} (line {at + 1})"
            remedy = "Mend that line: a cell may hold the separator, unquoted"
            if all(_width(one, separator) == width + 1 for one, _ in rows):
                remedy = "Name the first column in the header: every row has one field more (R writes row names so)"
            raise UnreadableError(what, remedy)
        longer += found > width
    if longer:
        notes.append(f"empty fields at the end of {longer} rows are left out")
    return rows
