"""Patients with labels, validated and reconciled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pandas as pd

    from fusion.contract.secondary import Secondary
    from fusion.contract.specs import CohortSpec


class Cohort(Protocol):
    """Patients with labels, validated and reconciled."""

    @property
    def spec(self) -> CohortSpec:
        """For reports."""
        ...

    @property
    def patient_ids(self) -> tuple[str, ...]:
        """Kept patients, sorted: those with a label of the primary endpoint, where labels are required."""
        ...

    @property
    def secondary(self) -> Mapping[str, Secondary]:
        """Secondary endpoint → its outcomes, of `patient_ids` and of `alone`; empty where one endpoint is trained."""
        ...

    @property
    def alone(self) -> tuple[str, ...]:
        """Patients without a label of the primary endpoint and with one of a secondary: they train, and are in no fold.

        Sorted; `sites` and `groups` know them too.
        """
        ...

    @property
    def labels(self) -> pd.Series[int]:
        """Index patient_id; position in the endpoint's `classes` (0/1 where binary), -1 where unknown."""
        ...

    @property
    def times(self) -> pd.Series[float] | None:
        """Index patient_id: until the event (label 1) or the last visit without it (label 0), above 0.

        In the endpoint's `unit`; NaN where unknown. None where the endpoint is no survival.
        """
        ...

    @property
    def entry(self) -> pd.Series[float] | None:
        """Index patient_id: when they came under observation (left truncation), counted as `times` are, before these.

        0: followed from time zero on; NaN where unknown. None where the endpoint declares none: all are followed so.
        """
        ...

    @property
    def causes(self) -> pd.Series[int] | None:
        """Index patient_id: 0 censored, 1 the event, 2 and above what competes with it in the order of the endpoint's.

        -1 unknown; None where nothing competes.
        """
        ...

    @property
    def sites(self) -> pd.Series[str] | None:
        """Index patient_id: hospital or batch, for site-aware folds and subgroups."""
        ...

    @property
    def groups(self) -> pd.Series[str] | None:
        """Index patient_id: what stays whole in folds, e.g. a family or the patient of a slide; not everyone is in one.

        None where nothing is declared.
        """
        ...

    @property
    def reconciliation(self) -> pd.DataFrame:
        """cohort.csv: patient_id, kept, dropped_at, reason, then one bool column a source file and modality."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What is no error and yet to be known, each a sentence."""
        ...

    def permuted(self, seed: int) -> Cohort:
        """The same patients with their labels dealt out anew: nothing can be learned from it (a canary)."""
        ...
