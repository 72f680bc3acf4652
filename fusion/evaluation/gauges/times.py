"""Of times to an event: Harrell's C within folds, and the risk at a horizon beside the observed one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from fusion.contract import Truth
from fusion.evaluation.gauges.base import FEWEST, Estimate, Floats, Gauge, Scores, mean_of
from fusion.evaluation.survival.pairs import pooled, pooled_influence
from fusion.evaluation.survival.steps import RiskTable, risk_table, survival_steps

if TYPE_CHECKING:
    from fusion.evaluation.outcome import Outcome


class TimesGauge(Gauge):
    """Calibration is of the middle one of the declared horizons (of two the later one).

    Where patients came under observation late there is none: what is observed is of all who were there at time zero,
    what is predicted of those who came, and few patients of a group do not tell how far the two lie apart.
    """

    rule: ClassVar[str] = f"or than {FEWEST} events"

    def __init__(self, outcome: Outcome, truths: Sequence[Truth], counts: Floats) -> None:
        super().__init__(outcome, truths, counts)
        self.late = truths[0].entry is not None
        self.at = None if self.late else outcome.endpoint.middle
        # Times after the horizon say no more than that the patient outlived it.
        self.horizon = float(outcome.endpoint.horizons[self.at]) if self.at is not None else float("inf")

    def value_of_few(self, scores: Scores) -> Floats:
        """Over the pairs within all folds together: of few patients some folds have hardly a pair."""
        pairs = zip(self.truths, scores, strict=True)
        return np.asarray(np.mean([pooled(one[:, 0], truth, self.counts) for truth, one in pairs], axis=0))

    def calibration(self, scores: Scores) -> Floats:
        """Kaplan and Meier's risk at the horizon minus the mean predicted one."""
        return self._observed - mean_of(self._risk(scores), self.counts)

    def tested(self, scores: Scores) -> Estimate:
        each = [pooled_influence(one[:, 0], truth, self.counts) for truth, one in zip(self.truths, scores, strict=True)]
        influence = np.mean([one for _, one, _ in each], axis=0)
        variance = (influence**2).sum(axis=1, dtype=np.float64)
        return Estimate(
            value=np.mean([one for one, _, _ in each], axis=0),
            variance=np.maximum(variance, np.mean([one for _, _, one in each], axis=0)),
        )

    def calibration_tested(self, scores: Scores) -> Estimate:
        """Groups have each their own Kaplan–Meier estimate, for they may be followed differently long."""
        risk = self._risk(scores)
        number = np.maximum(self.counts.sum(axis=1), 1)[:, None]
        expected = (risk - mean_of(risk, self.counts)[:, None]) / number
        influence = self._observed_influence - expected
        return Estimate(value=self.calibration(scores), variance=(self.counts * influence**2).sum(axis=1))

    def dealt_within(self) -> NDArray[np.int64] | None:
        """Groups keep their numbers of events."""
        return self.label

    def of_nobody(self) -> Floats:
        """A patient of average risk, and Kaplan and Meier's estimate of all."""
        once = np.ones((1, len(self.label)))
        steps = survival_steps(self._times, self.label.astype(np.float64), once, self.truths[0].entry)
        survival = steps.at(np.array(self.outcome.endpoint.horizons, dtype=np.float64))[0]
        return np.asarray(np.tile(np.concatenate([[0.0], survival]), (len(self.label), 1)), dtype=np.float64)

    def told(self) -> Mapping[str, str]:
        unit = f" {self.outcome.endpoint.unit}" if self.outcome.endpoint.unit else ""
        known = f"risk at {self.horizon:g}{unit}, observed minus expected"
        nothing = "patients came under observation late" if self.late else "no horizon is declared"
        return {
            "calibration": known if self.at is not None else f"not told, for {nothing}",
            "rule": self.rule,
            "nothing": "the average risk",
        }

    def _risk(self, scores: Scores) -> Floats:
        """``(patient,)`` predicted at the horizon, mean over repeats."""
        if self.at is None:
            return np.full(len(self.label), np.nan)
        return np.asarray(1 - np.mean([one[:, 1 + self.at] for one in scores], axis=0), dtype=np.float64)

    @property
    def _times(self) -> Floats:
        return self.truths[0].times

    @cached_property
    def _cut(self) -> tuple[Floats, Floats, RiskTable]:
        """Times and events up to the horizon, counted; whoever outlives it is last seen just after."""
        beyond = self._times > self.horizon
        times = np.where(beyond, np.nextafter(self.horizon, np.inf), self._times)
        events = np.where(beyond, 0.0, self.label.astype(np.float64))
        return times, events, risk_table(times, events, self.counts)

    @cached_property
    def _observed(self) -> Floats:
        """``(draw,)``; NaN where nobody is followed to the horizon."""
        _, _, table = self._cut
        stay = 1 - np.divide(table.events, table.at_risk, out=np.zeros_like(table.events), where=table.events > 0)
        followed = self.counts[:, self._times >= self.horizon].sum(axis=1) > 0
        return np.where(followed, 1 - stay.prod(axis=1), np.nan)

    @cached_property
    def _observed_influence(self) -> Floats:
        r"""``(draw, patient)`` what each does to the risk by the horizon *h*.

        :math:`\hat S(h)\,[d_i/(Y-dN)(t_i) - \sum_{s \le t_i} dN/(Y(Y-dN))(s)]` over times to *h*, with *Y* at risk: the
        derivative by a patient's weight (infinitesimal jackknife), whose squares sum to Greenwood's variance.
        """
        times, events, table = self._cut
        # Where all at risk have the event nobody survives, and the factor is 0.
        stay = np.maximum(table.at_risk - table.events, 0.5)
        hazard = np.cumsum(table.events / (np.maximum(table.at_risk, 1) * stay), axis=1)
        place = np.searchsorted(table.times, times)
        survival = 1 - self._observed
        return np.asarray(survival[:, None] * (events / stay[:, place] - hazard[:, place]), dtype=np.float64)
