"""What became of patients, as arms, losses and metrics are told it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Truth:
    """Outcomes of patients, in an order that goes with their scores.

    Attributes:
        label: ``(patient,)`` positions in the endpoint's classes; of survival 1 event, 0 censored.
        time: ``(patient,)`` until the event or the last visit; None where the endpoint has no times.
        entry: ``(patient,)`` from when on each was under observation, before `time`: nobody is at risk earlier. None
            where all were from time zero on.
        part: ``(patient,)`` which model spoke of each patient: scores of two models have no common scale where an
            endpoint's scores are ranks, so nothing is compared across parts. None: one model spoke of all.
    """

    label: NDArray[np.int64]
    time: NDArray[np.float64] | None = None
    part: NDArray[np.int64] | None = None
    entry: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.label)

    def __getitem__(self, rows: Any) -> Truth:
        """Those of some patients: a mask, or their places."""
        return Truth(
            label=self.label[rows],
            time=None if self.time is None else self.time[rows],
            part=None if self.part is None else self.part[rows],
            entry=None if self.entry is None else self.entry[rows],
        )

    @property
    def times(self) -> NDArray[np.float64]:
        """`time` of an endpoint that has times."""
        if self.time is None:
            raise ValueError("these outcomes have no times")
        return self.time
