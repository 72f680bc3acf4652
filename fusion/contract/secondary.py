"""An endpoint that is trained beside the one that decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from fusion.contract.specs import EndpointSpec


@dataclass(frozen=True, kw_only=True)
class Secondary:
    """Outcomes of a secondary endpoint: it shares the network with the primary one and decides nothing.

    Attributes:
        endpoint: what is predicted.
        labels: index patient_id, of whom it may be known; position in the endpoint's classes, -1 where unknown.
        times: likewise, until the event or the last visit, NaN where unknown; None where the endpoint has no times.
    """

    endpoint: EndpointSpec
    labels: pd.Series[int]
    times: pd.Series[float] | None = None

    @property
    def known(self) -> frozenset[str]:
        """Patients with a label."""
        return frozenset(str(one) for one in self.labels.index[self.labels >= 0])

    def of(self, patients: Sequence[str]) -> Secondary:
        """The same of these patients alone, in their order; all of them must be there."""
        who = list(patients)
        times = None if self.times is None else self.times.loc[who]
        return replace(self, labels=self.labels.loc[who], times=times)
