"""A wide table's numbers as a row a patient and a column a feature, and what speaks against that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd

from data_modules.modalities.tables.settings import FeatureFileSettings
from data_modules.patient_ids import PatientIds
from data_modules.readers.measured import measured
from data_modules.readers.numbers import is_unknown
from data_modules.readers.wide import WideTable
from fusion.contract import some

_SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A table the right way round.

    Attributes:
        frame: (patient, feature) float64, NaN where missing; None in the index where a row is nobody's.
        nobody: of these, name and line in the file.
        others: columns that are left out, of a table whose columns are patients.
        notes: what was left out or put together, in words.
    """

    frame: pd.DataFrame
    nobody: tuple[tuple[str, int], ...]
    others: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


def placed(wide: WideTable, ids: PatientIds, settings: FeatureFileSettings) -> Placed:
    """A row a patient.

    Where columns are patients, an `id_pattern` tells which of them: a gene's number or description beside its name is
    none, nor is the sample of another tissue that the pattern leaves out. They are left out and named.
    """
    if not settings.transpose:
        # NA is nobody.
        matched, _ = ids.map(one for one in wide.ids if ids.pattern is not None or not is_unknown(one))
        index = pd.Index([matched.get(one) for one in wide.ids], name="patient_id", dtype=object)
        frame = pd.DataFrame(wide.numbers, index=index, columns=wide.names)
        nobody = ((one, line) for one, line in zip(wide.ids, wide.lines, strict=True) if one not in matched)
        return Placed(frame=frame, nobody=tuple(nobody))
    matched, stray = ids.map(wide.names)
    notes = []
    others = frozenset(stray) if ids.pattern is not None and len(matched) >= len(stray) else frozenset()
    if others:
        notes.append(f"columns that are no patient by id_pattern are left out ({len(others)}: {some(stray, _SHOWN)})")
    names = [name for name in wide.names if name not in others]
    frame = pd.DataFrame(wide.numbers, index=wide.ids, columns=wide.names)[names]
    unnamed = frame.index == ""
    if unnamed.any():
        notes.append(f"{unnamed.sum()} rows without a name in {settings.id!r} are left out")
        frame = frame[~unnamed]
    twice = frame.index[frame.index.duplicated()].unique()
    if settings.reduce is not None and len(twice):
        told = {"mean": "their mean", "max": "the largest of them", "first": "the first of them"}[settings.reduce]
        notes.append(f"{len(twice)} features in several rows count as {told} ({some(list(twice), _SHOWN)})")
        frame = getattr(frame.groupby(level=0, sort=False), settings.reduce)()
    frame = frame.T.set_axis(pd.Index([matched.get(one) for one in names], name="patient_id", dtype=object), axis=0)
    frame.columns.name = None
    nobody = ((one, 1) for one in names if one not in matched)
    return Placed(frame=frame, nobody=tuple(nobody), others=others, notes=tuple(notes))


def wide_problems(
    wide: WideTable,
    rows: Placed,
    *,
    name: str,
    key: str,
    settings: FeatureFileSettings,
    ids: PatientIds,
    known: Collection[str],
) -> list[str]:
    """What is wrong with a table.

    Args:
        wide: as it is in the file.
        rows: as patients.
        name: of the file.
        key: config key of the modality.
        settings: of it.
        ids: how names become patients.
        known: patients of the cohort's tables.
    """
    table = rows.frame
    turned = _turned(table, name=name, key=key, settings=settings, ids=ids, known=known)
    if turned:
        return turned
    problems = []
    twice = sorted(set(table.index[table.index.duplicated() & table.index.notna()]))
    if twice and settings.transpose:
        names = [one for one in wide.names if one not in rows.others]
        of = {one: [column for column, owner in zip(names, table.index, strict=True) if owner == one] for one in twice}
        told = some([f"{patient}: {', '.join(columns)}" for patient, columns in of.items()], _SHOWN)
        problems.append(
            f"{key}.file: {name} has patients in several columns ({len(twice)}: {told}). Let {key}.id_pattern take the "
            "one of baseline alone, e.g. '^(…)-01$', or list the others in exclude."
        )
    elif twice:
        problems.append(f"{key}.file: {name} has patients with two rows ({some(twice)}). Keep one.")
    if rows.nobody and settings.transpose:
        columns = [one for one, _ in rows.nobody]
        problems.append(
            f"{key}.file: {len(columns)} columns of {name} are no patients ({some(columns)}). List them in "
            f"{key}.exclude, or mend {key}.id_pattern."
        )
    elif rows.nobody:
        nobody = [f"line {line}: {one!r}" for one, line in rows.nobody]
        problems.append(
            f"{key}.file: {name} has {len(nobody)} rows without a patient in {settings.id!r} ({some(nobody)}). Mend "
            f"them or {key}.id_pattern."
        )
    same = sorted(set(table.columns[table.columns.duplicated()]))
    if same and settings.transpose and table.shape[1] - len(set(table.columns)) > table.shape[1] / 2:
        others = [one for one in wide.names if one in {column for column, _, _ in wide.strange}]
        hint = f", e.g. {some(others)}" if others else ""
        problems.append(
            f"{key}.file: {settings.id!r} of {name} names most features twice or more ({some(same)}), so it does not "
            f"name features. Set {key}.id to the column that does{hint}."
        )
    elif same:
        remedy = f"Set {key}.reduce to mean, max or first" if settings.transpose else "Keep one of each"
        problems.append(f"{key}.file: {name} has features twice ({len(same)}: {some(same)}). {remedy}.")
    return [*problems, *_strange(wide, rows, name=name, key=key, settings=settings)]


def _strange(wide: WideTable, rows: Placed, *, name: str, key: str, settings: FeatureFileSettings) -> list[str]:
    """Cells that are no numbers: whole columns, and single cells of columns of numbers."""
    strange = [one for one in wide.strange if one[0] not in rows.others]
    words_of: dict[str, Counter[str]] = {}
    for column, _, cell in strange:
        if not _is_limit(cell):
            words_of.setdefault(column, Counter())[cell] += 1
    texts = [
        column
        for column, found in words_of.items()
        if found.total() > len(wide.ids) / 2
        and (len(found) > _SHOWN or not np.isfinite(wide.numbers[:, wide.names.index(column)]).any())
    ]
    problems = []
    if texts:
        problems.append(
            f"{key}.file: columns of {name} are no numbers ({some(texts)}). List them in {key}.exclude, or declare "
            "them in cohort.tables."
        )
    owner = dict(zip(wide.lines, wide.ids, strict=True))
    cells = [(f"{owner[line]}, line {line}, {column}: {cell!r}", cell) for column, line, cell in strange
             if column not in texts]  # fmt: skip
    if not cells:
        return problems
    words = Counter(cell for _, cell in cells)
    beyond = [cell for cell in words if _is_limit(cell)]
    remedies = []
    if beyond and settings.limits is None:
        count = sum(words[cell] for cell in beyond)
        remedies.append(
            f"{count} are beyond a limit: say what they count as by {key}.limits (value: the limit itself, or half)"
        )
    # What begins as a number does is a slip of the pen rather than a word.
    rest = [cell for cell in words if cell not in beyond and not cell[:1].isdigit() and cell[:1] not in "+-.,"]
    if rest:
        remedies.append(
            f"List words that say that nothing is known in {key}.missing, e.g. [{some(list(map(repr, rest)), _SHOWN)}]"
        )
    problems.append(
        f"{key}.file: {name} has {len(cells)} cells that are no finite numbers ({some([one for one, _ in cells])}). "
        f"{'; '.join([*remedies, 'mend others' if remedies else 'Mend them'])}, or leave them empty where nothing is "
        "known."
    )
    return problems


def _is_limit(cell: str) -> bool:
    return any((one := measured(cell, decimal=sign, declared=False)) is not None and one.limit for sign in ".,")


def _turned(
    table: pd.DataFrame,
    *,
    name: str,
    key: str,
    settings: FeatureFileSettings,
    ids: PatientIds,
    known: Collection[str],
) -> list[str]:
    """Whether patients are in the columns, by the ids of the cohort's tables."""
    matched, _ = ids.map(map(str, table.columns))
    inside = [column for column, patient in matched.items() if patient in known]
    if len(inside) < 2 or set(known) & set(table.index) or len(inside) < len(table.columns) / 2:
        return []
    others = [column for column in table.columns if column not in inside]
    if settings.transpose:
        return [
            f"{key}: the patients are in the rows of {name}. Set {key}.transpose=false and {key}.id to their column."
        ]
    remedy = f"Set {key}.transpose=true"
    if others:
        remedy += f" and {key}.exclude=[{', '.join(map(str, others[:20]))}]"
    return [
        f"{key}.file: {len(inside)} of {len(table.columns)} column names of {name} are patients ({some(inside, 3)}), "
        f"and none of its rows is: the table is the other way round. {remedy}."
    ]
