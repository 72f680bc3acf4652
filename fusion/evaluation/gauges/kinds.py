"""Which gauge measures which kind of endpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fusion.contract import Truth
from fusion.evaluation.gauges.base import Floats, Gauge
from fusion.evaluation.gauges.classes import BinaryGauge, MulticlassGauge
from fusion.evaluation.gauges.grades import GradesGauge
from fusion.evaluation.gauges.times import TimesGauge
from fusion.evaluation.outcome import Outcome

GAUGES: Mapping[str, type[Gauge]] = {
    "binary": BinaryGauge,
    "multiclass": MulticlassGauge,
    "ordinal": GradesGauge,
    "survival": TimesGauge,
}


def gauge_of(outcome: Outcome, truths: Sequence[Truth], counts: Floats) -> Gauge:
    """The gauge of an endpoint's kind; arguments as of `Gauge`."""
    return GAUGES[outcome.endpoint.kind](outcome, truths, counts)
