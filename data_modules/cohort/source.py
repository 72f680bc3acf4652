"""What a cohort YAML builds: the declared files, and the reconciliation of everything that names a patient.

`CohortSource.reconcile` makes of it, and of the modalities bound to it, a `ReconciledCohort` (the contract's `Cohort`),
or raises one `CohortError` with everything that is wrong.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from data_modules.cohort.declared import CohortFiles
from data_modules.cohort.described import described
from data_modules.cohort.examine import Remark, examine
from data_modules.cohort.reconcile import ReconciledCohort, reconcile
from data_modules.cohort.regimens.agents import Regimens, read_regimens
from data_modules.cohort.spellings import bare_id
from data_modules.cohort.therapy import names_of, strata_of, therapy_of
from fusion.contract import Described, Modality, Therapy

if TYPE_CHECKING:
    import pandas as pd


class CohortSource(CohortFiles):
    """The files of a cohort and what they mean; arguments as of `CohortFiles`."""

    def reconcile(self, modalities: Mapping[str, Modality], *, require_labels: bool = True) -> ReconciledCohort:
        """Keep labelled patients with at least one modality; list everyone else with the reason.

        Args:
            modalities: bound to this source.
            require_labels: without, patients are kept whose label is unknown (-1), as for prediction.

        Raises:
            CohortError: everything that is wrong, in one message.
        """
        return reconcile(self, modalities, require_labels=require_labels)

    def described(self, patient_ids: Sequence[str]) -> Described:
        """What was declared of patients at baseline, for tables of who they are and for subgroups."""
        return described(self, self.outcomes, patient_ids)

    def therapy(self, patient_ids: Sequence[str]) -> Therapy | None:
        """Regimen and stratum of patients; None where the cohort declares no therapy."""
        if self.regimens is None:
            return None
        agents = None if self.regimens.agents is None else self.agents.agents
        return therapy_of(self.name, self.table, self.regimens, patient_ids, agents)

    @cached_property
    def agents(self) -> Regimens:
        """What the cohort says its regimens are made of; of none where it says nothing.

        Raises:
            CohortError: everything that is wrong with ``cohort.therapy.agents``.
        """
        given = None if self.regimens is None else self.regimens.agents
        return Regimens(agents={}, notes=()) if given is None else read_regimens(self.name, given, self.root)

    def strata(self, patient_ids: Sequence[str]) -> tuple[tuple[str, ...], pd.Series[str]] | None:
        """Columns of the strata and each patient's, of patients who need no regimen; None as of `therapy`."""
        if self.regimens is None:
            return None
        return names_of(self.regimens), strata_of(self.table, self.regimens, patient_ids)

    def twins(self, ids: Iterable[str], others: Iterable[str]) -> list[tuple[str, str]]:
        """Ids that `others` have in another spelling, with that; none where `ids_alike` is distinct."""
        if self.ids_alike == "distinct":
            return []
        spelt = {bare_id(one): one for one in sorted(others)}
        return [(one, spelt[bare]) for one in ids if (bare := bare_id(one)) and spelt.get(bare, one) != one]

    def examine(
        self,
        labels: pd.Series[int],
        *,
        times: pd.Series[float] | None = None,
        present: Mapping[str, Collection[str]] | None = None,
    ) -> list[Remark]:
        """What is no error in the tables and yet to be looked at; arguments as of `examine.examine`."""
        return examine(self, labels, times=times, present=present)
