"""Comparisons and verdict, over all repeats and in each of them; the same for every kind of endpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusion.evaluation.comparison import Comparison, compare
from fusion.evaluation.intervals import Interval, Resampling, finite
from fusion.evaluation.units import Units
from fusion.evaluation.verdict import Verdict, check_margin, judge, kinds_of

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What the draws of every arm say of the reference.

    Attributes:
        by_repeat: arm → for each repeat, metric → ``(1 + draws + blocks, …)`` values.
        plan: what was drawn.
        units: likewise.
        reference: the arm that is judged; nothing is compared where it is not among the arms.
        metrics: that are compared; the first decides.
        label: what texts call the first.
        modalities: how many were given to fusion.
        margin: of non-inferiority.
        delong: arm → DeLong's interval of the gain in AUROC over all repeats; None leaves it out.
    """

    by_repeat: Mapping[str, Sequence[Mapping[str, Floats]]]
    plan: Resampling
    units: Units
    reference: str
    metrics: Sequence[str]
    label: str
    modalities: int
    margin: float | None
    delong: Callable[[str], Interval] | None = None

    def __post_init__(self) -> None:
        check_margin(self.margin)

    @cached_property
    def draws(self) -> dict[str, dict[str, Floats]]:
        """Arm → metric → values, mean over repeats."""
        return {
            arm: {name: np.mean([one[name] for one in repeats], axis=0) for name in repeats[0]}
            for arm, repeats in self.by_repeat.items()
        }

    def record(self) -> dict[str, Any]:
        """The keys `comparisons` and `verdict` of metrics.json.

        The verdict's `by_repeat` is what each repeat alone would say, `holds` in how many that is the verdict.
        """
        comparisons = self._compare(self.draws, self.delong)
        verdict = self._judge(comparisons)
        number = min(len(repeats) for repeats in self.by_repeat.values())
        each = [
            self._judge(self._compare({arm: repeats[place] for arm, repeats in self.by_repeat.items()})).status
            for place in range(number)
        ]
        return {
            "comparisons": [finite(row.record()) for row in comparisons],
            "verdict": {
                "reference": self.reference,
                "metric": self.metrics[0],
                **asdict(verdict),
                "by_repeat": each,
                "holds": each.count(verdict.status),
            },
        }

    def _compare(
        self, draws: Mapping[str, Mapping[str, Floats]], delong: Callable[[str], Interval] | None = None
    ) -> list[Comparison]:
        if self.reference not in draws:
            return []
        kinds = kinds_of(self.modalities)
        return compare(draws, self.plan, reference=self.reference, kinds=kinds, metrics=self.metrics, delong=delong)

    def _judge(self, comparisons: Sequence[Comparison]) -> Verdict:
        return judge(
            comparisons,
            reference=self.reference,
            metric=self.metrics[0],
            label=self.label,
            kinds=kinds_of(self.modalities),
            margin=self.margin,
            groups=self.units.groups if self.units.conditional else None,
        )
