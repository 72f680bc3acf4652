"""Rows of ``cohort.therapy.agents`` as they are written, from a file or from the YAML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_modules.errors import CohortError, Problem
from data_modules.readers.tables import read_text_table
from data_modules.readers.unreadable import UnreadableError
from fusion.contract import some

KEY = "cohort.therapy.agents"
NEEDED = ("regimen", "agent")
FIELDS = ("class", "atc", "rxnorm", "dose", "unit", "order")
NONE = "none"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One agent of one regimen as written; ``where`` for messages."""

    where: str
    regimen: str
    cells: Mapping[str, str]

    def __getitem__(self, field: str) -> str:
        return self.cells.get(field, "")


def rows_of_file(cohort: str, path: Path, strange: list[str]) -> Iterator[Row]:
    """Rows of a file; columns that are not read are added to `strange`.

    Raises:
        CohortError: there is no such file, or it is no table of agents.
    """
    if not path.is_file():
        raise CohortError(cohort, [Problem(what=f"there is no file {path}", remedy=f"Mend {KEY} or cohort.root")])
    try:
        frame = read_text_table(path, expected=[*NEEDED, *FIELDS]).frame
    except UnreadableError as error:
        raise CohortError(cohort, [Problem(what=error.what, remedy=error.mended(KEY))]) from error
    lacking = [name for name in NEEDED if name not in frame]
    if lacking or frame.empty:
        what = (
            f"{path} has no column {lacking[0]!r}; it has {some(list(frame.columns), 8)}"
            if lacking
            else f"{path} has no rows"
        )
        raise CohortError(cohort, [Problem(what=what, remedy=f"A row is an agent of a regimen ({KEY})")])
    strange += [str(name) for name in frame.columns if name not in (*NEEDED, *FIELDS)]
    for number, cells in zip(frame.index, frame.to_dict("records"), strict=True):
        yield Row(where=f"{path}, row {number}", regimen=cells["regimen"], cells=_texts(cells))


def rows_of_yaml(cohort: str, given: Mapping[str, Any]) -> Iterator[Row]:
    """Rows of regimen → list of agents.

    Raises:
        CohortError: what is no such list, or has keys that are not known.
    """
    for name, several in given.items():
        key = f"{KEY}.{name}"
        parts = several if isinstance(several, list) else [several]
        if not all(isinstance(part, Mapping) and part.get("agent") for part in parts):
            remedy = "Give a list of agents as {agent: …, class: …, atc: …}, [] for none"
            raise CohortError(cohort, [Problem(what=f"{key} is {several!r}", remedy=remedy)])
        unknown = sorted({str(field) for part in parts for field in part} - {"agent", *FIELDS})
        if unknown:
            remedy = f"Known: agent, {', '.join(FIELDS)}"
            raise CohortError(cohort, [Problem(what=f"{key} has unknown keys {some(unknown)}", remedy=remedy)])
        for part in parts or [{"agent": NONE}]:
            yield Row(where=key, regimen=str(name), cells=_texts(part))


def _texts(cells: Mapping[Any, Any]) -> dict[str, str]:
    return {str(key): "" if value is None else str(value).strip() for key, value in cells.items()}


def empty(row: Row) -> bool:
    """Whether the row says that the regimen has no agent."""
    return row["agent"].lower() == NONE
