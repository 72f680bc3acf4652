"""TCGA's clinical tables as the Biospecimen Core Resource distributes them ("biotab", open access at the GDC).

A biotab is a tab-separated file whose header is followed by two rows that are no patients: the element names of
the XML schema and the CDE ids of caDSR (``CDE_ID:2003301``). Cells that hold nothing say why: ``[Not Available]``,
``[Not Applicable]``, ``[Not Evaluated]``, ``[Unknown]``, ``[Discrepancy]``, ``[Completed]`` and their like.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from data_modules.errors import AbsentFileError
from fusion.contract import FusionError, some

PATIENT_COLUMN = "bcr_patient_barcode"
_MARKER = r"^\s*\[[A-Za-z/ ]+\]\s*$"


class BiotabError(FusionError):
    """A biotab that cannot be read, with the file and the line to look at."""


class NoBiotabError(BiotabError, AbsentFileError):
    """A biotab, or the column that is asked of it, is not there."""


def read_biotab(path: Path) -> pd.DataFrame:
    """One biotab as text columns: CDE rows gone, bracketed markers missing.

    Args:
        path: a ``nationwidechildrens.org_clinical_*.txt`` file.

    Returns:
        The records in the file's order, ``(record, column)`` of strings; a patient may have several records.

    Raises:
        BiotabError: the file is absent, ragged, or has no `PATIENT_COLUMN`.
    """
    try:
        table = pd.read_csv(path, sep="\t", dtype="string", keep_default_na=False, encoding="utf-8", quoting=3)
    except FileNotFoundError as error:
        raise NoBiotabError(
            f"no such biotab: {path}; set cohort.root to the folder that holds clinical_biotab/"
        ) from error
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise BiotabError(f"{path} is not a whole biotab ({error}); download it again") from error
    if PATIENT_COLUMN not in table.columns:
        raise BiotabError(
            f"{path} has no column {PATIENT_COLUMN!r}, but {some(list(table.columns))}; is it a TCGA biotab?"
        )
    barcode = table[PATIENT_COLUMN]
    table = table[~(barcode.str.startswith("CDE_ID:") | (barcode == PATIENT_COLUMN))].reset_index(drop=True)
    missing = table.apply(lambda column: column.str.fullmatch(_MARKER) | (column.str.strip() == ""))
    return table.mask(missing.astype(bool))


def days(column: pd.Series[str]) -> pd.Series[float]:
    """A column of days from diagnosis as numbers, NaN where missing.

    Raises:
        BiotabError: a value that is neither a number nor missing.
    """
    numbers = pd.to_numeric(column, errors="coerce").astype("float64")
    wrong = column[numbers.isna() & column.notna()]
    if len(wrong):
        raise BiotabError(
            f"column {column.name!r}, record {wrong.index[0] + 1}: {wrong.iloc[0]!r} is no number of days"
        )
    return numbers
