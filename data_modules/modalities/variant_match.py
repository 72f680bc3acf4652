"""How the variant features of a model meet another cohort."""

from __future__ import annotations

from dataclasses import dataclass

from data_modules.errors import some


@dataclass(frozen=True, kw_only=True)
class MatchReport:
    """How a model's features meet another cohort.

    Attributes:
        features: how many the model has.
        missing: those whose gene or variant no file of the cohort names.
        absent_is: how they are read: ``reference`` as no mutation, ``unknown`` as missing.
    """

    features: int
    missing: tuple[str, ...]
    absent_is: str

    @property
    def matched(self) -> int:
        return self.features - len(self.missing)

    def __str__(self) -> str:
        if not self.missing:
            return f"all {self.features} variant features are in the files"
        return (
            f"{self.matched} of {self.features} variant features are in the files; "
            f"{some(self.missing)} read as {self.absent_is}"
        )
