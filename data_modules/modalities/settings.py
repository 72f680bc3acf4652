"""Settings that modalities share: which files, and whose they are."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from data_modules.patient_ids import PatientIds
from fusion.contract import Pattern, Settings


@dataclass(frozen=True, kw_only=True)
class SampleSheet(Settings):
    """A table that says whose a file or sample is.

    Attributes:
        file: relative to the cohort's root.
        key: its column of file or sample names,
        patient: that of patient ids,
        time: and that of time points, where samples were taken at several: rows of ``baseline`` count.
    """

    file: str
    key: str
    patient: str
    time: str | None = None


@dataclass(frozen=True, kw_only=True)
class NamedPatients(Settings):
    """How a name, of a file or of a sample, tells its patient; with neither it is the id, of files less its endings.

    Attributes:
        patient_pattern: regular expression that finds the id in a name, of files else in the path below the cohort's
            root; group ``patient`` or the first.
        sample_sheet: a table instead.
    """

    patient_pattern: Pattern | None = None
    sample_sheet: SampleSheet | None = None

    def conflicts(self) -> list[str]:
        """Both ways at once."""
        if self.patient_pattern is None or self.sample_sheet is None:
            return []
        return ["patient_pattern and sample_sheet are both set. Set one of them to null."]

    def patient_ids(self, root: Path) -> PatientIds:
        """The mapping; a relative sample sheet starts at `root`."""
        sheet = (
            None
            if self.sample_sheet is None
            else {name: value for name, value in asdict(self.sample_sheet).items() if value is not None}
        )
        return PatientIds(pattern=self.patient_pattern, sheet=sheet, root=Path(root))


@dataclass(frozen=True, kw_only=True)
class FileSettings(NamedPatients):
    """Files of patients.

    Attributes:
        files: paths or globs, relative to the cohort's root; links are followed, hidden files left out.
    """

    files: str | tuple[str, ...]
