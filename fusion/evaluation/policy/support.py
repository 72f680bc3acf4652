"""Which regimens training patients support in each stratum, how likely each was given, and which did best."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

LEAST = 10
"""Training patients of a stratum below which a regimen is no candidate in it."""

Counts = Mapping[str, Mapping[str, int]]
"""Stratum → regimen → how many."""


@dataclass(frozen=True, kw_only=True)
class Support:
    """Training patients by stratum and regimen.

    Attributes:
        patients: how many there are; only what occurs is named.
        responders: how many of them responded.
        least: patients from which a regimen is a candidate.
    """

    patients: Counts
    responders: Counts
    least: int

    def candidates(self, stratum: str) -> tuple[str, ...]:
        """Regimens between which there is a choice, by name; none where only one has enough patients."""
        found = sorted(name for name, number in self.patients.get(stratum, {}).items() if number >= self.least)
        return tuple(found) if len(found) > 1 else ()

    def propensity(self, stratum: str, regimen: str) -> float:
        """The regimen's share among the candidates' patients of the stratum."""
        row = self.patients[stratum]
        return row[regimen] / sum(row[name] for name in self.candidates(stratum))

    def best(self, stratum: str) -> str:
        """The candidate with the largest share of responders; of equal ones that with more patients, then the first."""
        number, responded = self.patients[stratum], self.responders[stratum]
        return max(
            self.candidates(stratum), key=lambda name: (responded.get(name, 0) / number[name], number[name])
        )  # fmt: skip

    def record(self) -> dict[str, Any]:
        """For the run folder: JSON."""
        return {"least": self.least, "patients": _plain(self.patients), "responders": _plain(self.responders)}

    @classmethod
    def restore(cls, record: Mapping[str, Any]) -> Support:
        """The inverse of `record`."""
        patients, responders = (_plain(record[name]) for name in ("patients", "responders"))
        return cls(patients=patients, responders=responders, least=int(record["least"]))


def _plain(counts: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    return {str(stratum): {str(name): int(one) for name, one in row.items()} for stratum, row in counts.items()}


def fit_support(
    regimens: pd.Series[str], strata: pd.Series[str], labels: pd.Series[int], patients: Sequence[str], *, least: int
) -> Support:
    """Count training patients; who has no known regimen or stratum counts nowhere.

    Args:
        regimens: index patient_id.
        strata: index patient_id.
        labels: index patient_id, 1 responded; of training patients.
        patients: those of the training part.
        least: see `Support`.
    """
    who = list(patients)
    number: dict[str, Counter[str]] = defaultdict(Counter)
    responded: dict[str, Counter[str]] = defaultdict(Counter)
    known = zip(regimens.reindex(who), strata.reindex(who), labels.reindex(who), strict=True)
    for regimen, stratum, label in known:
        if isinstance(regimen, str) and isinstance(stratum, str):
            number[stratum][regimen] += 1
            responded[stratum][regimen] += int(label)
    return Support(
        patients={name: dict(row) for name, row in sorted(number.items())},
        responders={name: dict(row) for name, row in sorted(responded.items())},
        least=least,
    )
