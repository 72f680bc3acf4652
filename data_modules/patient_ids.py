"""How names in files, and files themselves, become patient ids: one rule for all modalities."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from data_modules.readers.tables import read_text_table
from data_modules.readers.unreadable import UnreadableError
from fusion.contract import some

if TYPE_CHECKING:
    import pandas as pd

_PACKED = (".gz", ".bgz", ".bz2", ".xz", ".zip", ".zst")
_TABLES = (".bed", ".csv", ".feather", ".maf", ".parquet", ".seg", ".tsv", ".txt", ".xlsx")
_GENOMES = (".bam", ".bcf", ".g", ".mt", ".vcf")
_IMAGES = (".bif", ".czi", ".ibl", ".jpeg", ".jpg", ".mrxs", ".ndpi", ".ome", ".png", ".qptiff", ".scn", ".svs")
_MORE = (".svslide", ".tif", ".tiff", ".vms", ".vmu", ".h5", ".hdf5")
_VOLUMES = (".dcm", ".dicom", ".mha", ".mhd", ".nhdr", ".nii", ".nrrd")
_ENDINGS = frozenset((*_PACKED, *_TABLES, *_GENOMES, *_IMAGES, *_MORE, *_VOLUMES))
"""Endings of the formats that are read, which tell nothing of a patient; other dots belong to the name."""


def bare_name(name: str) -> str:
    """A file's name less its endings: ``A.01.ome.tif`` is ``A.01``, ``P7.vcf.gz`` is ``P7``."""
    while (suffix := Path(name).suffix).lower() in _ENDINGS:
        name = name.removesuffix(suffix)
    return name


def below(root: Path, path: Path) -> str:
    """A path as patterns, sheets and messages know it: below `root`, with ``/``."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


@dataclass(frozen=True, kw_only=True)
class PatientIds:
    """How names in files (VCF samples, barcodes) and files become patient ids.

    At most one way is configured. With neither, a name is the id; a file's id is its name less its endings.

    Attributes:
        pattern: regular expression searched in the name; its group ``patient``, else its first group, else the whole
            match, is the id. For files it is searched in the file's name, then in the path below `root`, so that
            ``([^/]+)/[^/]+$`` is the name of the folder.
        sheet: a sample sheet ``{file, key, patient}``: the column that holds the name and the one that holds the id,
            e.g. GDC's ``File Name`` and ``Case ID``. For files the column holds paths below `root`, or names, with or
            without their endings.
        root: where a relative `sheet` file starts.
    """

    pattern: str | None = None
    sheet: Mapping[str, str] | None = None
    root: Path = field(default_factory=Path)

    @property
    def files(self) -> list[Path]:
        """The sample sheet, where there is one."""
        return (
            []
            if self.sheet is None or not self.sheet.get("file")
            else [self.root / Path(str(self.sheet["file"])).expanduser()]
        )

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
                rows = self._rows()
            except (OSError, UnreadableError, KeyError) as error:
                return [
                    f"{key}.sample_sheet={dict(self.sheet)} cannot be used ({error}). "
                    "It needs file, key (column of file or sample names) and patient (column of patient ids), and may "
                    "have time (column of the sample's time point; rows of baseline count)."
                ]
            return [*self._contradictions(rows, key=key), *self._no_baseline(rows, key=key)]
        return []

    def _no_baseline(self, rows: list[tuple[str, str]], *, key: str) -> list[str]:
        """A sheet whose column of time never says baseline: nobody would be left."""
        later = self.later_names
        if rows or not later:
            return []
        words = some(sorted({repr(word) for word in self._table()[(self.sheet or {})["time"]]}))
        return [
            f"{key}.sample_sheet: no row of {self._sheet_path.name} is of baseline by its column "
            f"{(self.sheet or {})['time']!r}, which has {words}. Write baseline for what was taken before therapy."
        ]

    @property
    def later_names(self) -> frozenset[str]:
        """Names whose rows in the sheet are all of another time than baseline; none where it has no time.

        A sheet that cannot be read has none either, which `check` says.
        """
        if self.sheet is None or "time" not in self.sheet:
            return frozenset()
        try:
            names = set(self._table()[self.sheet["key"]])
            return frozenset(names.difference(name for name, _ in self._rows()))
        except (OSError, UnreadableError, KeyError):
            return frozenset()

    def later(self, paths: Iterable[Path]) -> list[Path]:
        """Files that the sheet knows by a row of another time than baseline."""
        names = self.later_names
        return [path for path in paths if names and names & {below(self.root, path), path.name, bare_name(path.name)}]

    def _contradictions(self, rows: list[tuple[str, str]], *, key: str) -> list[str]:
        """Names that the sheet gives to two patients: the last row would win."""
        owners: dict[str, set[str]] = {}
        for name, patient in rows:
            owners.setdefault(name, set()).add(patient)
        several = [f"{name}: {' and '.join(sorted(found))}" for name, found in owners.items() if len(found) > 1]
        if not several:
            return []
        return [
            f"{key}.sample_sheet: {self._sheet_path.name} gives {len(several)} names to several patients "
            f"({'; '.join(several[:3])}). Keep the right row of each, or name files by their path below cohort.root."
        ]

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

    def map_files(
        self, paths: Iterable[Path], *, told: Mapping[Path, str] | None = None
    ) -> tuple[dict[Path, str], list[Path]]:
        """File → patient id, and the files that belong to no patient; `told` are ids that files say themselves."""
        rows = self._read_sheet() if self.sheet is not None else None
        matched: dict[Path, str] = {}
        stray: list[Path] = []
        for path in paths:
            where = below(self.root, path)
            if rows is not None:
                patient = next((rows[one] for one in (where, path.name, bare_name(path.name)) if one in rows), None)
            elif self.pattern is None:
                patient = (told or {}).get(path) or bare_name(path.name)
            else:
                patient = self._search(path.name) or self._search(where)
            if patient:
                matched[path] = patient
            else:
                stray.append(path)
        return matched, stray

    def unsure(self, paths: Iterable[Path]) -> list[Path]:
        """Files that a sheet knows by a name which several of them have, so that nobody knows which is meant."""
        if self.sheet is None:
            return []
        rows = self._read_sheet()
        names: dict[str, list[Path]] = {}
        for path in paths:
            if below(self.root, path) not in rows:
                names.setdefault(path.name if path.name in rows else bare_name(path.name), []).append(path)
        return sorted(path for name, several in names.items() if name in rows and len(several) > 1 for path in several)

    def _search(self, name: str) -> str | None:
        if self.pattern is None:
            return name
        match = re.search(self.pattern, name)
        if match is None:
            return None
        if "patient" in match.re.groupindex:
            return match["patient"]
        return match[1] if match.re.groups else match[0]

    @property
    def _sheet_path(self) -> Path:
        return self.root / Path((self.sheet or {})["file"]).expanduser()

    def _read_sheet(self) -> dict[str, str]:
        return {} if self.sheet is None else dict(self._rows())

    def _rows(self) -> list[tuple[str, str]]:
        """Name and patient of each row of the sheet, those of other times than baseline excepted."""
        sheet, table = self.sheet or {}, self._table()
        if "time" in sheet:
            table = table[table[sheet["time"]].str.lower() == "baseline"]
        return list(zip(table[sheet["key"]], table[sheet["patient"]], strict=True))

    def _table(self) -> pd.DataFrame:
        sheet = self.sheet or {}
        columns = [sheet[name] for name in ("key", "patient", "time") if name in sheet]
        return read_text_table(self._sheet_path, expected=columns).frame
