"""The outcome of an endpoint: what depends on its kind between logits and metrics.

Arms, protocol and prediction ask `outcome_of(endpoint)`, so that nothing else asks which kind it is. *Scores* are what
predictions say: calibrated probabilities ``(patient,)`` of the positive class where the endpoint is binary, ``(patient,
class)`` where there are more; ``(patient, 1 + horizon)`` log-risk and survival where it is a time. *Logits* are what
models give: of the same shape, but for times and grades ``(patient,)``.
"""

from __future__ import annotations

from collections.abc import Mapping

from fusion.contract import EndpointSpec
from fusion.evaluation.outcomes.base import Ability, Calibrator, Outcome
from fusion.evaluation.outcomes.binary import BinaryOutcome
from fusion.evaluation.outcomes.multiclass import MulticlassOutcome
from fusion.evaluation.outcomes.ordinal import OrdinalOutcome
from fusion.evaluation.outcomes.survival import SurvivalOutcome
from fusion.evaluation.verdict import listed

__all__ = [
    "BinaryOutcome",
    "Calibrator",
    "MulticlassOutcome",
    "OrdinalOutcome",
    "Outcome",
    "SurvivalOutcome",
    "kinds_that",
    "outcome_of",
]

_OUTCOMES: Mapping[str, type[Outcome]] = {
    "binary": BinaryOutcome,
    "multiclass": MulticlassOutcome,
    "ordinal": OrdinalOutcome,
    "survival": SurvivalOutcome,
}


def outcome_of(endpoint: EndpointSpec) -> Outcome:
    """The outcome of an endpoint's kind."""
    return _OUTCOMES[endpoint.kind](endpoint)


def kinds_that(what: Ability) -> str:
    """Kinds of endpoint for which that is made, in words."""
    return listed([kind for kind, outcome in _OUTCOMES.items() if what in outcome.abilities])
