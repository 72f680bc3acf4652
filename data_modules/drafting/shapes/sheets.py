"""Tables that say whose a file or sample is: they are no patients' data, and name the patient where no name does."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from data_modules.drafting.ids import ENOUGH, Join
from data_modules.drafting.tables import Table
from data_modules.patient_ids import bare_name


def of_files(table: Table, files: Collection[str]) -> str | None:
    """The column of a table that names files of the folder in most rows; None where none does.

    Args:
        table: as read.
        files: below the folder.
    """
    names = {one for file in files for one in (file, file.rpartition("/")[2])}
    for name in table.frame.columns:
        hits = sum(cell in names for cell in table.frame[name])
        if hits and hits >= ENOUGH * len(table.frame):
            return str(name)
    return None


def join_by_sheet(
    names: Iterable[str], known: Collection[str], tables: Sequence[Table], *, paths: bool = False
) -> Join | None:
    """Whose names are by a table that has a column of them and one of known patients; None where none has.

    Args:
        names: of samples, or of files below the folder where `paths`.
        known: patients.
        tables: that may be such a sheet.
        paths: names of files: a sheet may have them with or without folders and endings.
    """
    names, known = list(dict.fromkeys(names)), set(known)
    spelt = {name: (name, name.rpartition("/")[2], bare_name(name.rpartition("/")[2])) if paths else (name,)
             for name in names}  # fmt: skip
    for table in tables:
        frame = table.frame
        for key in frame.columns:
            cells = set(frame[key])
            hits = [next((one for one in spelt[name] if one in cells), None) for name in names]
            if not names or sum(hit is not None for hit in hits) < ENOUGH * len(names):
                continue
            for column in frame.columns:
                owners = dict(zip(frame[key], frame[column], strict=True))
                found = [owners[hit] for hit in hits if hit is not None]
                shared = {one for one in found if one in known}
                if column != key and len([one for one in found if one in known]) >= ENOUGH * len(names):
                    told = f"{table.file} says whose {len(found)} of {len(names)} are"
                    return Join(
                        patients=tuple(dict.fromkeys(found)), shared=len(shared), reason=told,
                        sheet=(table.file, str(key), str(column)),
                    )  # fmt: skip
    return None
