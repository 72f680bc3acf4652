"""What contributions are measured in, for each kind of endpoint; nothing else of attribution asks which kind it is.

Everything is explained on a scale that is a straight line of what models add up, before calibration: log-odds of two
classes, the log-risk of times, of grades the mean over cuts of the log-odds of a higher one, of several classes the
logit of one less the mean of the others'. The probability to be free of an event at a horizon is no straight line of
the log-risk; a patient's contributions to it are those to the log-risk times ``(S(r) − S(r')) / (r − r')``, of the
risk r and that of average values r'. Where all parts of a sum move together this is their integrated gradient, and it
adds up (the rescale rule: Shrikumar et al., ICML 2017).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fusion.attribution.scales.base import Scale
from fusion.attribution.scales.classes import AgainstRest, HigherGrade
from fusion.attribution.scales.times import Horizon, LogRisk
from fusion.contract import EndpointSpec, FusionError

_SCALES: Mapping[str, Callable[..., Scale]] = {
    "binary": Scale,
    "survival": LogRisk,
    "ordinal": HigherGrade,
    "multiclass": AgainstRest,
}


def scale_of(endpoint: EndpointSpec, horizon: float | None = None, of_class: str | None = None) -> Scale:
    """The scale on which an endpoint's predictions are explained.

    Args:
        endpoint: of the run.
        horizon: explain the probability to be free of the event then; None: the log-risk.
        of_class: which of several classes without an order is explained against the rest.

    Raises:
        FusionError: a horizon or a class that the endpoint has not, or no class of several.
    """
    if horizon is not None and horizon not in endpoint.horizons:
        have = ", ".join(f"{one:g}" for one in endpoint.horizons)
        raise FusionError(
            f"horizon={horizon}: the run's endpoint {endpoint.name!r} "
            + (f"has the horizons {have}; choose one, or null for the log-risk." if have else "has no horizons.")
        )
    made = _SCALES[endpoint.kind]
    if made is not AgainstRest:
        if of_class is not None:
            raise FusionError(
                f"class={of_class}: {endpoint.name!r} is {endpoint.kind}; one class against the rest is explained of "
                "three or more without an order. Leave class=null."
            )
        return made(endpoint) if horizon is None else Horizon(endpoint, horizon)
    if of_class not in endpoint.classes:
        raise FusionError(
            f"class={'null' if of_class is None else of_class}: say which class of {endpoint.name!r} is explained "
            f"against the rest: {', '.join(endpoint.classes)}. Each is a command of its own, with an output=<folder>."
        )
    return made(endpoint, of_class)
