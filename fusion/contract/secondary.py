"""An endpoint that is trained beside the one that decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from fusion.contract.specs import EndpointSpec


ROLE = "secondary, decides nothing"
"""What reports call such an endpoint."""

ALONE = "and is never tested"
"""How cohort.csv ends the reason of a patient who lacks the primary label and trains secondary endpoints."""


@dataclass(frozen=True, kw_only=True)
class Secondary:
    """Outcomes of a secondary endpoint: it shares the network with the primary one and decides nothing.

    Attributes:
        endpoint: what is predicted.
        labels: index patient_id, of whom it may be known; position in the endpoint's classes, -1 where unknown.
        times: likewise, until the event or the last visit, NaN where unknown; None where the endpoint has no times.
        entry: likewise, when they came under observation; None where the endpoint declares none.
        offsets: index patient_id: a plain model's logits, to which the endpoint's head adds, of whoever trains it; None
            where the head starts from nothing.
    """

    endpoint: EndpointSpec
    labels: pd.Series[int]
    times: pd.Series[float] | None = None
    entry: pd.Series[float] | None = None
    offsets: pd.Series | pd.DataFrame | None = None

    @property
    def followed(self) -> pd.Series[float] | pd.DataFrame | None:
        """See `followed`."""
        return followed(self.times, self.entry)

    @property
    def known(self) -> frozenset[str]:
        """Patients with a label."""
        return frozenset(str(one) for one in self.labels.index[self.labels >= 0])

    def of(self, patients: Sequence[str]) -> Secondary:
        """The same of these patients alone, in their order; all of them must be there."""
        who = list(patients)
        times = None if self.times is None else self.times.loc[who]
        entry = None if self.entry is None else self.entry.loc[who]
        return replace(self, labels=self.labels.loc[who], times=times, entry=entry)


def followed(times: pd.Series[float] | None, entry: pd.Series[float] | None) -> pd.Series[float] | pd.DataFrame | None:
    """Times as loaders take them: a series; with `entry` a frame of time and entry; None without times."""
    return times if times is None or entry is None else times.to_frame("time").assign(entry=entry)
