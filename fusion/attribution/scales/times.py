"""Times until an event: the log-risk, or the probability to be free of the event at a horizon."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fusion.attribution.scales.base import Observed, Scale, percent
from fusion.contract import EndpointSpec
from fusion.evaluation.outcomes.survival import Baseline

if TYPE_CHECKING:
    from fusion.evaluation.outcome import Calibrator

Floats = NDArray[np.float64]


class LogRisk(Scale):
    """Of times until an event: log hazard ratios."""

    unit = "log-risk"

    def __init__(self, endpoint: EndpointSpec) -> None:
        super().__init__(endpoint)
        self.subject = f"the risk of {endpoint.name}"
        self.positive = self.towards = "an earlier event"
        self.groups = ("event seen", "censored")
        self.heading, self.cause = "Predicted log-risk", endpoint.name
        self.method = (
            "the mean over the fold's members of the calibrated log-risk, a log hazard ratio to a training patient of "
            "average risk. Only patients of one fold have one scale; who was censored may have the event later."
        )

    def line(self, calibrator: Calibrator) -> tuple[float, float]:
        assert isinstance(calibrator, Baseline)
        return calibrator.slope, -calibrator.slope * calibrator.centre

    @property
    def names(self) -> list[str]:
        return [f"{one:g}" for one in self.endpoint.horizons]

    def _probabilities(self, outputs: Floats, calibrator: Calibrator) -> Floats:
        slope, intercept = self.line(calibrator)
        return calibrator((outputs - intercept) / slope)[:, 1:]

    def score(self, outputs: Floats, predicted: Mapping[str, float]) -> float:
        return float(outputs.mean())

    def told(self, facts: Mapping[str, Any]) -> str:
        return f"{facts['score']:+.2f}".replace("-", "−")

    def sentence(self, facts: Mapping[str, Any]) -> str:
        told = (
            f"Log-risk {LogRisk.told(self, facts)}, {_figures(np.exp(facts['score']))} times the hazard of average risk"
        )
        free = [f"{percent(share)} at {self._at(name)}" for name, share in facts["predicted"].items()]
        return f"{told}; probability to be free of the event {', '.join(free)}" if free else told

    def observed(self, patient: Observed) -> str:
        if patient.label < 0 or patient.time is None:
            return "unknown"
        return f"{'event at' if patient.label == 1 else 'no event until'} {_figures(patient.time)}{self._unit}"

    def _at(self, horizon: str) -> str:
        return f"{horizon}{self._unit}"

    @property
    def _unit(self) -> str:
        return f" {self.endpoint.unit}" if self.endpoint.unit else ""


class Horizon(LogRisk):
    """Of times: the probability to be free of the event at one of the declared horizons."""

    unit = "probability"

    def __init__(self, endpoint: EndpointSpec, at: float) -> None:
        super().__init__(endpoint)
        self._place, self._horizon = endpoint.horizons.index(at), at
        when = self._at(f"{at:g}")
        self.subject = self.positive = self.towards = f"being free of {endpoint.name} at {when}"
        self.groups = (f"free at {when}", f"event by {when}")
        self.heading = f"Predicted probability of {self.subject}"
        self.method = (
            f"the probability of {self.subject}, by the mean over the fold's members of the calibrated log-risk and "
            "Breslow's baseline. A patient's contributions are those to the log-risk times the change of the "
            "probability over that of the log-risk (the rescale rule, Shrikumar et al. 2017); of modalities and of "
            "deletion, probabilities themselves. Group means leave out who was last seen before."
        )

    def value(self, outputs: Floats, calibrator: Calibrator) -> Floats:
        return np.asarray(self._probabilities(outputs.ravel(), calibrator)[:, self._place].reshape(outputs.shape))

    def told(self, facts: Mapping[str, Any]) -> str:
        return percent(facts["predicted"][f"{self._horizon:g}"])

    def side(self, patient: Observed) -> int | None:
        """Who was last seen before the horizon is of neither group."""
        if patient.label < 0 or patient.time is None:
            return None
        return 1 if patient.time > self._horizon else 0 if patient.label == 1 else None


def _figures(value: float) -> str:
    return f"{value:.3g}"
