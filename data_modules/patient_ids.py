"""How names in files become patient ids."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class PatientIds:
    """How names in files (slide files, VCF samples, barcodes) become patient ids.

    Exactly one way is configured; with neither, the name is the id.

    Attributes:
        pattern: regular expression searched in the name; its group ``patient``, else its first group, else the whole
            match, is the id.
        sheet: a sample sheet ``{file, key, patient}``: the column that holds the name and the one that holds the id,
            e.g. GDC's ``File Name`` and ``Case ID``.
        root: where a relative `sheet` file starts.
    """

    pattern: str | None = None
    sheet: Mapping[str, str] | None = None
    root: Path = field(default_factory=Path)

    def check(self, *, key: str) -> list[str]:
        """Problems of the mapping itself; `key` is the config key of the modality, e.g. ``modality.slides``."""
        if self.pattern is not None and self.sheet is not None:
            return [f"{key}: patient_pattern and sample_sheet are both set. Set one of them to null."]
        if self.pattern is not None:
            try:
                re.compile(self.pattern)
            except re.error as error:
                return [f"{key}.patient_pattern={self.pattern!r} is no regular expression ({error}). Mend it."]
        if self.sheet is not None:
            try:
                self._read_sheet()
            except (OSError, UnicodeDecodeError, KeyError) as error:
                return [
                    f"{key}.sample_sheet={dict(self.sheet)} cannot be used ({error}). "
                    "It needs file, key (column of file or sample names) and patient (column of patient ids)."
                ]
        return []

    def map(self, names: Iterable[str]) -> tuple[dict[str, str], list[str]]:
        """Name → patient id, and the names that belong to no patient."""
        rows = self._read_sheet() if self.sheet is not None else None
        matched: dict[str, str] = {}
        stray: list[str] = []
        for name in names:
            patient = self._search(name) if rows is None else rows.get(name)
            if patient:
                matched[name] = patient
            else:
                stray.append(name)
        return matched, stray

    def _search(self, name: str) -> str | None:
        if self.pattern is None:
            return name
        match = re.search(self.pattern, name)
        if match is None:
            return None
        if "patient" in match.re.groupindex:
            return match["patient"]
        return match[1] if match.re.groups else match[0]

    def _read_sheet(self) -> dict[str, str]:
        if self.sheet is None:
            return {}
        path = self.root / Path(self.sheet["file"]).expanduser()
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, delimiter="," if path.suffix == ".csv" else "\t")
            return {row[self.sheet["key"]]: row[self.sheet["patient"]] for row in reader}
