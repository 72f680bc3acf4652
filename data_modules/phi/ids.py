"""Identifiers that must not leave: found in names and texts, and hidden in whatever is said of the place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

SHORTEST = 4
"""Characters below which an id cannot be told from other text."""
_DATE = re.compile(r"(?<!\d)(?:19|20)\d\d([-_.]?)(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12]\d|3[01])(?!\d)")


@dataclass(frozen=True, kw_only=True)
class Ids:
    """Patients' identifiers.

    Attributes:
        known: in the order of their table.
        learned: of the files themselves (names and numbers in DICOM tags): hidden, and searched for by nobody.
    """

    known: Sequence[str]
    learned: set[str] = field(default_factory=set)

    @cached_property
    def searched(self) -> dict[str, int]:
        """Id → its row, of those long enough to be found in text."""
        return {one: row for row, one in enumerate(self.known, start=1) if len(one) >= SHORTEST}

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        longest = sorted(self.searched, key=len, reverse=True)
        if not longest:
            return None
        return re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(map(re.escape, longest))})(?![A-Za-z0-9])")

    def count(self, text: str) -> int:
        """How many different ids stand in a text, as words of their own."""
        return 0 if self._pattern is None else len(set(self._pattern.findall(text)))

    def hidden(self, text: str) -> str:
        """The text with every id, and what files said of patients, put out of sight."""
        if self._pattern is not None:
            text = self._pattern.sub(lambda found: f"‹id of row {self.searched[found.group()]}›", text)
        for one in sorted(self.learned, key=len, reverse=True):
            edge = "" if len(one) >= SHORTEST else r"(?![A-Za-z0-9])"  # a short name only as a word of its own
            before = "" if len(one) >= SHORTEST else r"(?<![A-Za-z0-9])"
            text = re.sub(f"{before}{re.escape(one)}{edge}", "‹hidden›", text, flags=re.IGNORECASE)
        return _DATE.sub("‹date›", text)

    def learn(self, values: Iterable[str]) -> None:
        """Hide these too from now on; parts of names of people each for itself."""
        for value in values:
            parts = {value, *re.split(r"[\^\s,]+", value)}
            self.learned.update(one for one in parts if len(one) > 1)


def dates_in(text: str) -> int:
    """How many days, with year and month, a text names."""
    return len({found.group() for found in _DATE.finditer(text)})


def read_ids(path: Path, column: str) -> list[str]:
    """A table's column of identifiers, each once.

    Raises:
        FusionError: the table cannot be read or has no such column.
    """
    import pandas as pd

    from fusion.contract import FusionError

    try:
        separator = "\t" if path.suffix in (".tsv", ".maf") else ","
        table = pd.read_csv(path, sep=separator, dtype=str, comment=None, encoding="utf-8")
    except (OSError, ValueError) as error:
        raise FusionError(f"--ids {path}: cannot be read ({error}).") from error
    if column not in table:
        raise FusionError(f"--ids {path}: no column {column!r}. It has {', '.join(table.columns[:10])}; set --column.")
    return list(dict.fromkeys(table[column].dropna().str.strip()))
