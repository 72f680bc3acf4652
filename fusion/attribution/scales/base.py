"""Log-odds of two classes; scales of other endpoints derive from theirs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from fusion.contract import EndpointSpec
from fusion.evaluation.calibration import Platt

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
    contrast: Floats | None = None
    """``(class,)`` weights that sum to 0, by which logits of several classes become one; None where there is one."""

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

    def one(self, logits: Floats) -> Floats:
        """``(patient, class)`` logits by `contrast`, ``(patient,)``; as they are where there is none."""
        return logits if self.contrast is None or not logits.ndim else logits @ self.contrast

    def value(self, outputs: Floats, calibrator: Calibrator) -> Floats:
        """What is explained of outputs, in their shape: the same, but for probabilities."""
        return outputs

    def factor(self, output: float, reference: float, calibrator: Calibrator) -> float:
        """By what contributions to the output are multiplied to be contributions to the value."""
        if abs(output - reference) < _NEAR:
            output, reference = output + 1e-4, output - 1e-4
        ends = self.value(np.array([output, reference]), calibrator)
        return float((ends[0] - ends[1]) / (output - reference))

    def predicted(self, outputs: Floats, calibrator: Calibrator, logits: Floats | None = None) -> dict[str, float]:
        """Probabilities by name, the mean over what is given.

        Args:
            outputs: ``(member,)``, or the one of a mean logit.
            calibrator: of the fold.
            logits: ``(member, class)`` before calibration and `contrast`, likewise; None where there is no contrast.
        """
        found = self._probabilities(outputs, calibrator) if logits is None else calibrator(logits)
        return dict(zip(self.names, found.mean(axis=0).tolist(), strict=True))

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
        return percent(facts["score"])

    def sentence(self, facts: Mapping[str, Any]) -> str:
        """The same for the beginning of a sentence."""
        return f"{percent(facts['score'])} probability of {self.positive}"

    def observed(self, patient: Observed) -> str:
        """What became of the patient."""
        return "unknown" if patient.label < 0 else self.endpoint.classes[patient.label]

    def side(self, patient: Observed) -> int | None:
        """1 and 0: the groups whose mean contributions are set side by side; None: neither."""
        return {1: 1, 0: 0}.get(patient.label)


def percent(share: float) -> str:
    """Of a share, in whole ones."""
    return f"{100 * share:.0f} %"
