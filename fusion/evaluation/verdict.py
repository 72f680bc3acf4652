"""What the data say of fusion, in one word and one sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from fusion.contract import FusionError
from fusion.evaluation.comparison import CLASSICAL, KINDS, Comparison, arm_label, arm_phrase, deciding, of_kind
from fusion.evaluation.intervals import Interval
from fusion.evaluation.units import FEWEST

Status = Literal["supported", "worse", "non-inferior", "not shown"]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What these data say of fusion.

    Attributes:
        status: supported, worse, non-inferior or not shown.
        text: the sentence.
        against: the arms that decide.
        missing: kinds of arm that the rule asks for and the run left out.
        compares: what is compared with what, in words.
        margin: below 0 by how much a gain may lie and fusion still be called non-inferior; None: never called so.
    """

    status: Status
    text: str
    against: tuple[str, ...]
    missing: tuple[str, ...]
    compares: str
    margin: float | None


def kinds_of(modalities: int) -> Mapping[str, str]:
    """Kinds of arm that decide.

    With one modality that modality alone is the same model as fusion, and late fusion is it once more: neither can say
    anything of fusing, so the classical model alone decides.
    """
    return KINDS if modalities > 1 else CLASSICAL


def check_margin(margin: float | None) -> None:
    """Refuse a margin that is none.

    Raises:
        FusionError: it is not above 0.
    """
    if margin is not None and not (isinstance(margin, int | float) and math.isfinite(margin) and margin > 0):
        raise FusionError(
            f"evaluation.margin is {margin!r}: it must be above 0, the loss that would not matter (0.02 in AUROC, "
            "say), or null, so that nothing is called non-inferior. Declare it before the run."
        )


def check_draws(draws: object) -> None:
    """Refuse a number of bootstrap draws that is none.

    Raises:
        FusionError: it is not a whole number of at least 1.
    """
    if not isinstance(draws, int) or isinstance(draws, bool) or draws < 1:
        raise FusionError(f"evaluation.draws is {draws!r}: it must be a whole number of at least 1; 2000 is usual.")


def judge(
    comparisons: Sequence[Comparison],
    *,
    reference: str = "fusion",
    metric: str = "auroc",
    label: str = "AUROC",
    kinds: Mapping[str, str] = KINDS,
    margin: float | None = None,
    groups: int | None = None,
) -> Verdict:
    """The verdict, the first of these that holds.

    *Supported*: the gain over every deciding arm lies above 0, and every kind was compared. All must, so nothing is
    corrected (Berger 1982). *Worse*: the gain over any lies below 0, by intervals that hold for all deciding arms
    together. *Non-inferior*: the gain over every deciding arm lies above ``-margin``, and every kind was compared.
    *Not shown*: all else, also where a gain does not exist.

    Args:
        comparisons: of the reference arm with every other.
        reference: the arm that is judged.
        metric: that decides.
        label: what the sentence calls it.
        kinds: of arms that decide and must have been compared; see `kinds_of`.
        margin: of non-inferiority, declared before the run.
        groups: how many groups the cases come in, where they are too few for *supported*; None: enough, or none.
    """
    rows = {row.arm: row for row in comparisons if row.metric == metric}
    against = deciding(rows, kinds)
    gains = {arm: rows[arm].gain for arm in against}
    together = {arm: rows[arm].corrected or rows[arm].gain for arm in against}
    missing = tuple(name for name, start in kinds.items() if not any(of_kind(arm, start) for arm in against))
    name = arm_label(reference)
    unknown = [arm for arm, gain in gains.items() if not (math.isfinite(gain.low) and math.isfinite(gain.high))]
    complete = not missing and not unknown and groups is None
    worse = {arm: interval for arm, interval in together.items() if interval.high < 0}
    on_these = "" if groups is None else f" Cases come in {groups} groups, so this holds for these groups alone."
    status: Status
    if complete and all(gain.low > 0 for gain in gains.values()):
        arm = min(gains, key=lambda key: gains[key].low)
        status = "supported"
        text = (
            f"{name} is supported by these data: its {label} exceeds that of {_EVERY[len(kinds) > 1]}. The least "
            f"certain gain, over {arm_phrase(arm)}, is {_range(gains[arm])}."
        )
    elif worse:
        arm = min(worse, key=lambda key: worse[key].high)
        several = f", corrected for {len(against)} comparisons" if len(against) > 1 else ""
        status = "worse"
        text = (
            f"{name} is worse than {arm_phrase(arm)} on these data: its {label} differs by "
            f"{_range(worse[arm], several)}.{on_these}"
        )
    elif complete and margin is not None and all(gain.low > -margin for gain in gains.values()):
        arm = min(gains, key=lambda key: gains[key].low)
        status = "non-inferior"
        text = (
            f"{name} is non-inferior on these data: its {label} is less than {margin:g} below that of "
            f"{_EVERY[len(kinds) > 1]}, the margin declared before the run. The least certain gain, over "
            f"{arm_phrase(arm)}, is {_range(gains[arm])}."
        )
    else:
        status = "not shown"
        text = f"{name} not supported by these data: {_why_not(gains, unknown, missing, groups, label)}"
    return Verdict(
        status=status, text=text, against=against, missing=missing, margin=margin,
        compares=_compares(name, against, kinds),
    )  # fmt: skip


def _why_not(
    gains: Mapping[str, Interval], unknown: Sequence[str], missing: Sequence[str], groups: int | None, label: str
) -> str:
    if missing:
        return f"this run did not compare it with {listed(missing)}."
    if unknown:
        over = listed([arm_phrase(arm) for arm in unknown])
        return f"its {label} gain over {over} cannot be computed (a class is too rare, or scores are all alike)."
    unclear = [arm for arm, gain in gains.items() if not gain.low > 0]
    if not unclear:
        return (
            f"its cases come in {groups} groups, and below {FEWEST} nothing can be said of other groups, though all "
            f"gains in {label} lie above 0 on these."
        )
    arm = min(unclear, key=lambda key: gains[key].value)
    over = listed([arm_phrase(one) for one in unclear])
    return (
        f"its {label} gain over {over} has an interval that does not lie above 0. The smallest, over "
        f"{arm_phrase(arm)}, is {_range(gains[arm])}."
    )


def _compares(name: str, against: Sequence[str], kinds: Mapping[str, str]) -> str:
    if len(kinds) == 1:
        only = f"{name} with the classical model that inner folds chose"
        told = only if against else f"Nothing: {name[0].lower() + name[1:]} would be compared with the classical model"
        return f"{told}. There is one modality and so nothing to fuse: that modality alone is the same model again."
    if not against:
        return "Nothing: no arm that decides was trained."
    return f"{name} with {listed([arm_phrase(arm) for arm in against])}."


_EVERY = {
    True: "every single modality, of late fusion and of the classical model",
    False: "the classical model; with one modality there is nothing to fuse",
}


def listed(names: Sequence[str]) -> str:
    """``a, b and c``."""
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


def _range(gain: Interval, more: str = "") -> str:
    return f"{gain.value:+.3f} (95 % interval {gain.low:+.3f} to {gain.high:+.3f}{more})".replace("-", "−")
