"""Grades, and classes without an order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fusion.attribution.scales.base import Observed, Scale, percent
from fusion.contract import EndpointSpec
from fusion.evaluation.calibration import Temperature
from fusion.evaluation.outcomes.ordinal import Grades

if TYPE_CHECKING:
    from fusion.evaluation.outcome import Calibrator

Floats = NDArray[np.float64]


class HigherGrade(Scale):
    """Of grades: the log-odds of a higher one, mean over cuts; of proportional odds contributions are alike at each."""

    unit = "log-odds of a higher grade"

    def __init__(self, endpoint: EndpointSpec) -> None:
        super().__init__(endpoint)
        self.subject = endpoint.name
        self.positive = self.towards = "a higher grade"
        self.groups = (endpoint.classes[-1], endpoint.classes[0])
        self.heading, self.cause = "Likeliest grade", endpoint.name
        self.method = (
            "the mean over the fold's members of the log-odds of a higher grade, themselves the mean over cut-points. "
            "By proportional odds a contribution is the same at each cut-point."
        )

    def line(self, calibrator: Calibrator) -> tuple[float, float]:
        assert isinstance(calibrator, Grades)
        return calibrator.slope, -float(np.mean(calibrator.cuts))

    @property
    def names(self) -> list[str]:
        return list(self.endpoint.classes)

    def _probabilities(self, outputs: Floats, calibrator: Calibrator) -> Floats:
        slope, intercept = self.line(calibrator)
        return calibrator((outputs - intercept) / slope)

    def score(self, outputs: Floats, predicted: Mapping[str, float]) -> float:
        return max(predicted.values())

    def told(self, facts: Mapping[str, Any]) -> str:
        likeliest = max(facts["predicted"], key=facts["predicted"].__getitem__)
        return f"{likeliest} ({percent(facts['predicted'][likeliest])})"

    def sentence(self, facts: Mapping[str, Any]) -> str:
        return f"Probabilities: {', '.join(f'{name} {percent(one)}' for name, one in facts['predicted'].items())}"

    def side(self, patient: Observed) -> int | None:
        """The highest grade against the lowest."""
        return {len(self.endpoint.classes) - 1: 1, 0: 0}.get(patient.label)


class AgainstRest(Scale):
    """Of three or more classes without an order: the logit of one less the mean of those of the others.

    That is the log of the class's probability over the geometric mean of theirs: a straight line of what models add up,
    as the log-odds of two classes are, so that contributions add up.

    Args:
        endpoint: explained.
        name: of the class.
    """

    unit = "log-odds against the rest"

    def __init__(self, endpoint: EndpointSpec, name: str) -> None:
        super().__init__(endpoint)
        self._place, number = endpoint.classes.index(name), len(endpoint.classes)
        self.contrast = np.where(np.arange(number) == self._place, 1.0, -1.0 / (number - 1))
        self.subject = self.positive = self.cause = name
        self.groups = (name, "the rest")
        self.heading = f"Predicted probability of {name}"
        self.method = (
            f"the mean over the fold's members of the calibrated logit of {name} less the mean of the other classes' "
            f"logits: the log of its probability over the geometric mean of theirs. Each class is explained by a "
            "command of its own (class=)."
        )

    def line(self, calibrator: Calibrator) -> tuple[float, float]:
        assert isinstance(calibrator, Temperature) and self.contrast is not None
        bias = float(self.contrast @ np.array(calibrator.bias)) if calibrator.bias else 0.0
        return 1 / calibrator.temperature, bias

    @property
    def names(self) -> list[str]:
        return list(self.endpoint.classes)

    def score(self, outputs: Floats, predicted: Mapping[str, float]) -> float:
        return max(predicted.values())

    def told(self, facts: Mapping[str, Any]) -> str:
        return percent(facts["predicted"][self.positive])

    def sentence(self, facts: Mapping[str, Any]) -> str:
        return f"Probabilities: {', '.join(f'{name} {percent(one)}' for name, one in facts['predicted'].items())}"

    def side(self, patient: Observed) -> int | None:
        """The class against all others."""
        return None if patient.label < 0 else int(patient.label == self._place)
