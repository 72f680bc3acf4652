"""What a user may set about copy number; explained in conf/modality/copy_number.yaml."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from data_modules.modalities.settings import NamedPatients
from fusion.contract import Settings


@dataclass(frozen=True, kw_only=True)
class SegmentColumns(Settings):
    """Columns of a file of segments: `major` and `minor` copies (ASCAT), or `log2` alone (SEG)."""

    sample: str
    chromosome: str
    start: str
    end: str
    major: str | None = None
    minor: str | None = None
    log2: str | None = None

    def conflicts(self) -> list[str]:
        """Neither copies nor ratios, or both."""
        alleles, ratio = None not in (self.major, self.minor), self.log2 is not None
        if alleles != ratio and (alleles or (self.major, self.minor) == (None, None)):
            return []
        return ["major, minor and log2: name major and minor, or log2 alone, and set the others to null."]

    @property
    def named(self) -> dict[str, str]:
        """Those that are set."""
        return {key: value for key, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class SexColumn(Settings):
    """Who is a man and who a woman: a column of a table of the cohort, and its words; of others nothing is known.

    Attributes:
        table: key in ``cohort.tables``.
        column: declared there.
        male: its words for men.
        female: for women.
    """

    table: str
    column: str
    male: tuple[str, ...] = ("male", "Male", "M", "m")
    female: tuple[str, ...] = ("female", "Female", "F", "f")


@dataclass(frozen=True, kw_only=True)
class CopyNumberSettings(NamedPatients):
    """Of `modality.<copy number>`; see conf/modality/copy_number.yaml.

    Attributes:
        file: of segments, relative to the cohort's root.
        columns: of that file.
        genes: BED or GTF of the segments' build, for copies at genes; None: scores of the genome alone.
        sex: of patients, for genes on X and Y; None leaves these out.
        keep: patterns of features that selection does not touch.
    """

    file: str
    columns: SegmentColumns
    genes: str | None = None
    sex: SexColumn | None = None
    keep: tuple[str, ...] = ("cna:*",)
