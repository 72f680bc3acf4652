"""Whether fusion beat what it is made of: paired gains on the same bootstrap draws, and the verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fusion.evaluation.intervals import Interval, delong_gain, percentile
from fusion.evaluation.metrics import LOWER_IS_BETTER

Floats = NDArray[np.float64]
Status = Literal["supported", "not shown", "worse"]

COMPARED = ("auroc", "auprc", "brier")
"""Metrics whose paired gains are reported; the verdict reads the first."""

CLASSICAL = {"the classical model": "classical"}
KINDS = {"the single modalities": "only_", "late fusion": "late", **CLASSICAL}
"""Kinds of arm that decide → how their names start."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The reference arm's gain over another arm in one metric; above 0 the reference is better, whatever the metric.

    `delong` is DeLong's interval of the same difference, for AUROC only.
    """

    arm: str
    metric: str
    gain: Interval
    delong: Interval | None = None

    def record(self) -> dict[str, float | str]:
        """A row of metrics.json."""
        row: dict[str, float | str] = {"arm": self.arm, "metric": self.metric}
        row |= {"gain": self.gain.value, "low": self.gain.low, "high": self.gain.high}
        if self.delong is not None:
            row |= {"delong_low": self.delong.low, "delong_high": self.delong.high}
        return row


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What these data say of fusion, in one word and one sentence.

    Attributes:
        status: supported, worse or not shown.
        text: the sentence.
        against: the arms that decide.
        missing: kinds of arm that the rule asks for and the run left out.
    """

    status: Status
    text: str
    against: tuple[str, ...]
    missing: tuple[str, ...]


def arm_label(arm: str) -> str:
    """What figures and tables call an arm."""
    names = {
        "fusion": "Fusion",
        "late": "Late fusion",
        "classical": "Classical (chosen)",
        "classical_lr": "Logistic regression",
        "classical_forest": "Random forest",
        "handcrafted": "Hand-crafted features",
    }
    return names.get(arm, f"{arm.removeprefix('only_')} alone" if arm.startswith("only_") else arm)


def compare(
    draws: Mapping[str, Mapping[str, Floats]],
    *,
    reference: str,
    labels: Floats | None = None,
    components: Mapping[str, Floats] | None = None,
    metrics: Sequence[str] = COMPARED,
) -> list[Comparison]:
    """Gains of `reference` over every other arm.

    Args:
        draws: arm → metric → ``(1 + draws,)`` values on the same draws.
        reference: the arm that is judged.
        labels: ``(patient,)`` 0/1.
        components: arm → ``(patient,)`` DeLong components, averaged over repeats; None leaves DeLong out.
        metrics: to compare.
    """
    rows = []
    for arm in (name for name in draws if name != reference):
        for metric in metrics:
            difference = draws[reference][metric] - draws[arm][metric]
            sign = -1.0 if metric in LOWER_IS_BETTER else 1.0
            delong = None
            if metric == "auroc" and labels is not None and components is not None:
                delong = delong_gain(labels, components[reference], components[arm])
            rows.append(Comparison(arm=arm, metric=metric, gain=percentile(sign * difference), delong=delong))
    return rows


def judge(
    comparisons: Sequence[Comparison],
    *,
    reference: str = "fusion",
    metric: str = "auroc",
    label: str = "AUROC",
    kinds: Mapping[str, str] = KINDS,
) -> Verdict:
    """The verdict: *supported* when the gain over every deciding arm lies above 0, *worse* when any lies below 0.

    Deciding arms are every single modality, late fusion and the classical arm chosen on inner folds. A run without
    one of these kinds cannot reach *supported*.

    Args:
        comparisons: of the reference arm with every other.
        reference: the arm that is judged.
        metric: that decides.
        label: what the sentence calls it.
        kinds: that must have been compared; see `KINDS`.
    """
    gains = {row.arm: row.gain for row in comparisons if row.metric == metric}
    deciding = {arm: gain for arm, gain in gains.items() if arm.startswith("only_") or arm in ("late", "classical")}
    missing = tuple(name for name, start in kinds.items() if not any(arm.startswith(start) for arm in deciding))
    name = arm_label(reference)
    worse = {arm: gain for arm, gain in deciding.items() if gain.high < 0}
    status: Status
    if worse:
        arm = min(worse, key=lambda key: worse[key].high)
        status = "worse"
        text = f"{name} is worse than {arm_phrase(arm)} on these data: its {label} differs by {_range(worse[arm])}."
    elif missing:
        status = "not shown"
        text = f"{name} not supported by these data: this run did not compare it with {_listed(missing)}."
    elif all(gain.low > 0 for gain in deciding.values()):
        arm = min(deciding, key=lambda key: deciding[key].low)
        status = "supported"
        text = (
            f"{name} is supported by these data: its {label} exceeds that of {_EVERY[len(kinds) > 1]}. The least "
            f"certain gain, over {arm_phrase(arm)}, is {_range(deciding[arm])}."
        )
    else:
        unclear = [arm for arm, gain in deciding.items() if not gain.low > 0]
        arm = min(unclear, key=lambda key: deciding[key].value)
        status = "not shown"
        over = _listed([arm_phrase(one) for one in unclear])
        text = (
            f"{name} not supported by these data: its {label} gain over {over} "
            f"has an interval that includes 0. The smallest, over {arm_phrase(arm)}, is {_range(deciding[arm])}."
        )
    return Verdict(status=status, text=text, against=tuple(deciding), missing=missing)


_EVERY = {
    True: "every single modality, of late fusion and of the classical model",
    False: "the classical model; with one modality there is nothing to fuse",
}


def arm_phrase(arm: str) -> str:
    """`arm_label` inside a sentence."""
    label = arm_label(arm)
    return label[0].lower() + label[1:] if not arm.startswith("only_") else label


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


def _range(gain: Interval) -> str:
    return f"{gain.value:+.3f} (95 % interval {gain.low:+.3f} to {gain.high:+.3f})".replace("-", "−")
