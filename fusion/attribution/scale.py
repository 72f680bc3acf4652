"""What contributions are measured in, for each kind of endpoint; nothing else of attribution asks which kind it is.

Everything is explained on a scale that is a straight line of what models add up, before calibration: log-odds of two
classes, the log-risk of times, of grades the mean over cuts of the log-odds of a higher one. The probability to be free
of an event at a horizon is no straight line of the log-risk; a patient's contributions to it are those to the log-risk
times ``(S(r) − S(r')) / (r − r')``, of the risk r and that of average values r'. Where all parts of a sum move together
this is their integrated gradient, and it adds up (the rescale rule: Shrikumar et al., ICML 2017).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from fusion.contract import EndpointSpec, FusionError
from fusion.evaluation.calibration import Platt
from fusion.evaluation.outcome import kinds_that, outcome_of
from fusion.evaluation.outcomes.ordinal import Grades
from fusion.evaluation.outcomes.survival import Baseline

if TYPE_CHECKING:
    from fusion.evaluation.outcome import Calibrator

Floats = NDArray[np.float64]

_NEAR = 1e-9
"""Outputs nearer to one another than this have the slope between them for a quotient of differences."""


class Observed(Protocol):
    """What became of a patient."""

    @property
    def label(self) -> int:
        """Position in the endpoint's classes; -1 unknown."""
        ...

    @property
    def time(self) -> float | None:
        """Until the event or the last visit, of endpoints that have times."""
        ...


class Scale:
    """Of two classes: log-odds. Others derive from it.

    Attributes:
        endpoint: explained.
        unit: of contributions.
        subject: what is predicted, after "predictions of".
        positive: what a contribution above 0 speaks for, and
        towards: how a sentence calls it that named it before.
        groups: what the two groups are called that `side` makes, the positive one first.
        heading: of `told`.
        cause: what attribution does not tell the causes of.
        method: what is explained, a sentence or two.
    """

    unit = "log-odds"
    towards = "it"

    def __init__(self, endpoint: EndpointSpec) -> None:
        self.endpoint = endpoint
        self.subject = self.positive = endpoint.classes[1]
        self.groups = (endpoint.classes[1], endpoint.classes[0])
        self.heading = f"Predicted probability of {self.positive}"
        self.cause = self.positive
        self.method = (
            f"the mean over the fold's members of the calibrated log-odds of {self.positive}. The predicted "
            "probability is that of this mean, in older run folders the mean of the members' probabilities."
        )

    def line(self, calibrator: Calibrator) -> tuple[float, float]:
        """Slope and intercept: output = slope · logit + intercept."""
        assert isinstance(calibrator, Platt)
        return calibrator.slope, calibrator.intercept

    def value(self, outputs: Floats, calibrator: Calibrator) -> Floats:
        """What is explained of outputs, in their shape: the same, but for probabilities."""
        return outputs

    def factor(self, output: float, reference: float, calibrator: Calibrator) -> float:
        """By what contributions to the output are multiplied to be contributions to the value."""
        if abs(output - reference) < _NEAR:
            output, reference = output + 1e-4, output - 1e-4
        ends = self.value(np.array([output, reference]), calibrator)
        return float((ends[0] - ends[1]) / (output - reference))

    def predicted(self, outputs: Floats, calibrator: Calibrator) -> dict[str, float]:
        """Probabilities by name, the mean over `outputs`, ``(member,)`` or the one of a mean logit."""
        return dict(zip(self.names, self._probabilities(outputs, calibrator).mean(axis=0).tolist(), strict=True))

    @property
    def names(self) -> list[str]:
        """Of the probabilities."""
        return [self.endpoint.classes[1]]

    def _probabilities(self, outputs: Floats, calibrator: Calibrator) -> Floats:
        return np.asarray(expit(outputs)[:, None], dtype=np.float64)

    def score(self, outputs: Floats, predicted: Mapping[str, float]) -> float:
        """The column `score` of the run's own predictions."""
        return next(iter(predicted.values()))

    def told(self, facts: Mapping[str, Any]) -> str:
        """The prediction in a few words, of what is kept of a patient."""
        return _percent(facts["score"])

    def sentence(self, facts: Mapping[str, Any]) -> str:
        """The same for the beginning of a sentence."""
        return f"{_percent(facts['score'])} probability of {self.positive}"

    def observed(self, patient: Observed) -> str:
        """What became of the patient."""
        return "unknown" if patient.label < 0 else self.endpoint.classes[patient.label]

    def side(self, patient: Observed) -> int | None:
        """1 and 0: the groups whose mean contributions are set side by side; None: neither."""
        return {1: 1, 0: 0}.get(patient.label)


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
        free = [f"{_percent(share)} at {self._at(name)}" for name, share in facts["predicted"].items()]
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
        return _percent(facts["predicted"][f"{self._horizon:g}"])

    def side(self, patient: Observed) -> int | None:
        """Who was last seen before the horizon is of neither group."""
        if patient.label < 0 or patient.time is None:
            return None
        return 1 if patient.time > self._horizon else 0 if patient.label == 1 else None


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
        return f"{likeliest} ({_percent(facts['predicted'][likeliest])})"

    def sentence(self, facts: Mapping[str, Any]) -> str:
        return f"Probabilities: {', '.join(f'{name} {_percent(one)}' for name, one in facts['predicted'].items())}"

    def side(self, patient: Observed) -> int | None:
        """The highest grade against the lowest."""
        return {len(self.endpoint.classes) - 1: 1, 0: 0}.get(patient.label)


_SCALES: Mapping[str, type[Scale]] = {"binary": Scale, "survival": LogRisk, "ordinal": HigherGrade}


def scale_of(endpoint: EndpointSpec, horizon: float | None = None) -> Scale:
    """The scale on which an endpoint's predictions are explained.

    Args:
        endpoint: of the run.
        horizon: explain the probability to be free of the event then; None: the log-risk.

    Raises:
        FusionError: several classes without order, or a horizon that the endpoint has not.
    """
    if not outcome_of(endpoint).can("explained"):
        raise FusionError(
            f"fusion.explain explains {kinds_that('explained')} endpoints; {endpoint.name!r} is {endpoint.kind}. Train "
            "with two classes (cohort.label_map for image folders) to explain one against the rest."
        )
    if horizon is None:
        return _SCALES[endpoint.kind](endpoint)
    if horizon not in endpoint.horizons:
        have = ", ".join(f"{one:g}" for one in endpoint.horizons)
        raise FusionError(
            f"horizon={horizon}: the run's endpoint {endpoint.name!r} "
            + (f"has the horizons {have}; choose one, or null for the log-risk." if have else "has no horizons.")
        )
    return Horizon(endpoint, horizon)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _figures(value: float) -> str:
    return f"{value:.3g}"
