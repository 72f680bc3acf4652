"""Paired gains of one arm over every other, on the same bootstrap draws."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fusion.evaluation.intervals import Interval, Resampling, simultaneous_level
from fusion.evaluation.metrics import LOWER_IS_BETTER

Floats = NDArray[np.float64]

COMPARED = ("auroc", "auroc_fold_mean", "auprc", "brier")
"""Metrics whose paired gains are reported; the verdict reads the first."""

CLASSICAL = {"the classical model": "classical"}
KINDS = {"the single modalities": "only_", "late fusion": "late", **CLASSICAL}
"""Kinds of arm that decide → their name, or how their names start where they end in an underscore."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The reference arm's gain over another arm in one metric; above 0 the reference is better, whatever the metric.

    Attributes:
        arm: the other one.
        metric: that is compared.
        gain: with its own interval.
        corrected: of a deciding arm in the deciding metric: the interval that holds for all deciding arms together.
        delong: DeLong's interval of the same difference, for AUROC only.
    """

    arm: str
    metric: str
    gain: Interval
    corrected: Interval | None = None
    delong: Interval | None = None

    def record(self) -> dict[str, float | str]:
        """A row of metrics.json."""
        row: dict[str, float | str] = {"arm": self.arm, "metric": self.metric}
        row |= {"gain": self.gain.value, "low": self.gain.low, "high": self.gain.high}
        row["undefined"] = self.gain.undefined
        if self.corrected is not None:
            row |= {"corrected_low": self.corrected.low, "corrected_high": self.corrected.high}
        if self.delong is not None:
            row |= {"delong_low": self.delong.low, "delong_high": self.delong.high}
        return row


def arm_label(arm: str) -> str:
    """What figures and tables call an arm."""
    names = {
        "fusion": "Fusion",
        "base": "Plain model",
        "late": "Late fusion",
        "classical": "Classical (chosen)",
        "classical_lr": "Logistic regression",
        "classical_elastic": "Elastic net",
        "classical_forest": "Random forest",
        "classical_boosting": "Gradient boosting",
        "classical_cox": "Ridge Cox regression",
        "classical_cox_elastic": "Elastic net Cox regression",
        "classical_ordinal": "Ordinal ridge regression",
        "stacked": "Stacking",
        "handcrafted": "Hand-crafted features",
    }
    for start, said in (("only_", "{} alone"), ("floor_", "Floor: {}")):
        if arm.startswith(start):
            return said.format(arm.removeprefix(start))
    return names.get(arm, arm)


def arm_phrase(arm: str) -> str:
    """`arm_label` inside a sentence."""
    label = arm_label(arm)
    return label[0].lower() + label[1:] if not arm.startswith("only_") else label


def of_kind(arm: str, start: str) -> bool:
    """Whether an arm is of a kind, by `KINDS`' value: single modalities by prefix, others by name."""
    return arm.startswith(start) if start.endswith("_") else arm == start


def deciding(arms: Iterable[str], kinds: Mapping[str, str]) -> tuple[str, ...]:
    """The arms that decide; of classical ones the chosen alone, and never a floor or another candidate."""
    return tuple(arm for arm in arms if any(of_kind(arm, start) for start in kinds.values()))


def compare(
    draws: Mapping[str, Mapping[str, Floats]],
    plan: Resampling,
    *,
    reference: str,
    kinds: Mapping[str, str] = KINDS,
    metrics: Sequence[str] = COMPARED,
    delong: Callable[[str], Interval] | None = None,
) -> list[Comparison]:
    """Gains of `reference` over every other arm; the first metric's are corrected over the deciding arms.

    Args:
        draws: arm → metric → ``(1 + draws + blocks,)`` values on the same draws.
        plan: what was drawn.
        reference: the arm that is judged.
        kinds: of arms that decide.
        metrics: to compare.
        delong: arm → DeLong's interval of the gain in AUROC; None leaves it out.
    """
    others = [name for name in draws if name != reference]

    def gain(arm: str, metric: str) -> Floats:
        difference = draws[reference][metric] - draws[arm][metric]
        return -difference if metric in LOWER_IS_BETTER else difference

    decide = deciding(others, kinds)
    level = None
    if decide:
        level = simultaneous_level(np.stack([plan.bootstrap(gain(arm, metrics[0])) for arm in decide]))
    rows = []
    for arm in others:
        for metric in metrics:
            values = gain(arm, metric)
            corrected = level is not None and arm in decide and metric == metrics[0]
            rows.append(
                Comparison(
                    arm=arm,
                    metric=metric,
                    gain=plan.gain(values),
                    corrected=plan.gain(values, level=level) if corrected and level is not None else None,
                    delong=delong(arm) if delong is not None and metric == "auroc" else None,
                )
            )
    return rows
