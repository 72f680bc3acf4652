"""A table of text out of a file: CSV, TSV, with semicolons or bars, packed or not, or an Excel workbook."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from data_modules.readers.content import is_workbook, read_text
from data_modules.readers.layout import Layout, lay_out
from data_modules.readers.unreadable import UnreadableError
from data_modules.readers.workbook import read_sheet
from fusion.contract import some

if TYPE_CHECKING:
    import pandas as pd

FEWEST = 100
"""Columns that are read of the largest tables too."""


@dataclass(frozen=True, kw_only=True)
class TableFormat:
    """How a file is written; what is None is found in the file.

    Attributes:
        separator: between cells; ``tab`` stands for a tab.
        decimal: ``.`` or ``,``.
        encoding: e.g. ``latin-1``.
        sheet: of an Excel workbook.
    """

    separator: str | None = None
    decimal: str | None = None
    encoding: str | None = None
    sheet: str | None = None

    def problems(self, key: str) -> list[str]:
        """What cannot be right of them."""
        wrong = []
        if self.decimal not in (None, ".", ","):
            wrong.append(f"{key}.decimal is {self.decimal!r}. Set it to '.' or ',', or to null to have it found.")
        if self.separator not in (None, "tab") and len(str(self.separator)) != 1:
            wrong.append(f"{key}.separator is {self.separator!r}. Set it to one character, to tab, or to null.")
        return wrong


@dataclass(frozen=True, kw_only=True)
class TextTable:
    """A table as text.

    Attributes:
        frame: columns as named; the index is each row's line in the file (row of a sheet), 1-based.
        notes: what was found out about the file, in words.
        separator: between its cells.
        names: of all columns that can be read, those too that `most_cells` left out of `frame`.
    """

    frame: pd.DataFrame
    notes: tuple[str, ...]
    separator: str = ","
    names: tuple[str, ...] = ()


def read_text_table(
    path: Path, given: TableFormat | None = None, *, expected: Sequence[str] = (), most_cells: int | None = None
) -> TextTable:
    """Read a table as text, cells stripped.

    Args:
        path: the file.
        given: how it is written, where that is known.
        expected: columns that it should have: they tell which separator is meant; each must be there once at most.
        most_cells: of a larger table the first columns are read, so many that they are no more cells than this, and
            `FEWEST` in any case. None reads all.

    Raises:
        UnreadableError: it cannot be read with certainty.
    """
    import pandas as pd

    given = given or TableFormat()
    layout = layout_of(path, given, expected=expected)
    twice = [name for name, number in Counter(layout.names).items() if number > 1 and name]
    wanted = [name for name in twice if not expected or name in expected]
    if wanted:
        places = [at for at, name in enumerate(layout.names, start=1) if name == wanted[0]]
        what = (
            f"{path}, line {layout.header}: column {some([repr(name) for name in wanted])} stands twice in the header "
            f"(columns {some(places)})"
        )
        raise UnreadableError(what, "Rename or take out the one that is not meant")
    keep = [at for at, name in enumerate(layout.names) if name and name not in twice]
    names = tuple(layout.names[at] for at in keep)
    if most_cells is not None and len(layout.raw) * len(keep) > most_cells:
        keep = keep[: max(FEWEST, most_cells // len(layout.raw))]
        layout = replace(layout, names=layout.names[: keep[-1] + 1])
    columns = list(zip(*layout.rows(), strict=True)) if layout.raw else [() for _ in layout.names]
    frame = pd.DataFrame(
        {layout.names[at]: pd.Series([cell.strip() for cell in columns[at]], dtype=object) for at in keep}
    )
    notes = list(layout.notes)
    if twice:
        notes.append(f"columns {some(twice)} stand twice and are not read")
    frame = frame.set_axis(pd.Index(layout.lines, dtype="int64"), axis=0)
    return TextTable(frame=frame, notes=tuple(notes), separator=layout.separator, names=names)


def layout_of(path: Path, given: TableFormat, *, expected: Sequence[str]) -> Layout:
    """The cells of a file, by its content."""
    with path.open("rb") as stream:
        packed = stream.read(4) == b"PK\x03\x04"
    if packed and is_workbook(path.read_bytes()):
        return read_sheet(path, sheet=given.sheet, expected=expected)
    separator = "\t" if given.separator == "tab" else given.separator
    return lay_out(read_text(path, encoding=given.encoding), expected=expected, separator=separator)
