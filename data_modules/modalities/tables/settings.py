"""What a user may set about tables and files of columns; explained in conf/modality/table.yaml and features.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from data_modules.learned.settings import ReductionSettings
from data_modules.readers.measured import Limits
from fusion.contract import Pattern, Settings

REGIMEN_FIELDS = ("agents", "class", "dose", "order")
"""What a regimen may be told by; see `data_modules.cohort.regimens.fields`."""


@dataclass(frozen=True, kw_only=True)
class TableSettings(Settings):
    """Of a cohort table; see conf/modality/table.yaml.

    Attributes:
        table: key in ``cohort.tables``.
        columns: which columns; None takes all that are known at baseline, the endpoint and the site excepted.
    """

    table: str
    columns: tuple[str, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class RegimenSettings(Settings):
    """Of the regimen as its agents; see conf/modality/regimen.yaml.

    Attributes:
        fields: which of `REGIMEN_FIELDS` are read.
    """

    fields: tuple[str, ...] = REGIMEN_FIELDS

    def conflicts(self) -> list[str]:
        """Fields that there are not."""
        wrong = [name for name in self.fields if name not in REGIMEN_FIELDS]
        if not wrong and self.fields:
            return []
        return [f"fields is {list(self.fields)}: name any of {', '.join(REGIMEN_FIELDS)}."]


@dataclass(frozen=True, kw_only=True)
class FeatureFileSettings(ReductionSettings):
    """Of a file of many numeric columns; see conf/modality/features.yaml.

    Attributes:
        file: CSV or TSV, relative to the cohort's root.
        id: column of the patient id or barcode.
        id_pattern: regular expression whose group is the patient id.
        time: when the columns are known; only ``baseline`` may be inputs.
        exclude: columns to leave out.
        transpose: a row is a feature, named in `id`, and a column is a patient.
        reduce: what several rows of one feature become, of a table that is the other way round; None refuses them.
        missing: words and codes that say that nothing is known, beside the usual ones.
        limits: what ``<0.5`` and ``>100`` count as: the limit's ``value``, or ``half`` of a lower one; None refuses.
        separator: between cells, ``tab`` for a tab; None finds it.
        decimal: sign of numbers, ``.`` or ``,``; None finds it.
        encoding: of the file; None is UTF-8, or what its mark says.
        sheet: of an Excel workbook; None takes the only one.
    """

    file: str
    id: str = "patient_id"
    id_pattern: Pattern | None = None
    time: str | None = None
    exclude: tuple[str, ...] = ()
    transpose: bool = False
    reduce: Literal["mean", "max", "first"] | None = None
    missing: tuple[str, ...] = ()
    limits: Limits | None = None
    separator: str | None = None
    decimal: Literal[".", ","] | None = None
    encoding: str | None = None
    sheet: str | None = None

    def conflicts(self) -> list[str]:
        """Columns that are not known at baseline; rows to be put together that are patients."""
        wrong = []
        if self.time != "baseline":
            wrong.append(
                f"time is {self.time!r}: only columns known at baseline may be inputs. Set time=baseline if they are."
            )
        if self.reduce is not None and not self.transpose:
            wrong.append(
                f"reduce is {self.reduce!r}, which is for several rows of one feature, and rows are patients here. Set "
                "reduce=null, or transpose=true where rows are features."
            )
        return wrong
