"""Floors: what is known of patients before anything expensive is measured. They decide nothing and are always shown.

A fused score that does not beat the clinical table, or the share of responders by treatment or by hospital, has no
claim, whatever it is compared with. A floor is a ridge regression on one modality, or on indicators of the hospitals,
calibrated as every plain model is; of indicators alone that is each group's share, shrunken towards that of all. The
share of all itself has no order to it: the Brier skill score compares with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pandas as pd

from fusion.arms.base import ArmScores, FoldData
from fusion.arms.choice import chosen_of
from fusion.arms.start import base_arm, plain_models, unseen_of
from fusion.contract import FittedModality

PREFIX = "floor_"
SITE = "site"


class Indicators:
    """One column a group, 1 for its patients: what a plain model reads of a cohort's sites."""

    def __init__(self, groups: pd.Series) -> None:
        names = groups.astype(object)
        self._table = pd.get_dummies(names).astype(np.float64).where(names.notna(), np.nan)

    def table(self, patient_ids: Sequence[str]) -> pd.DataFrame:
        """``(patient, group)``; NaN where a patient's group is not known."""
        return self._table.reindex(list(patient_ids))


def floors(
    data: FoldData,
    names: Iterable[str],
    sites: pd.Series | None,
    readings: Callable[[Sequence[str]], Sequence[str]] = lambda modalities: (),
) -> dict[str, ArmScores]:
    """Arms ``floor_<name>``, fitted on the training part like every other.

    Args:
        data: the fold.
        names: modalities that are floors where the cohort has them, beside others; alone they are no floor.
        sites: index patient_id, of the cohort; None where it declares none.
        readings: modalities → candidates of `choose` that read them differently, between which a floor chooses.
    """
    found = {name: data for name in names if name in data.whole and len(data.whole) > 1}
    if sites is not None and len(sites.dropna().unique()) > 1:
        indicators: Any = {SITE: cast(FittedModality, Indicators(sites))}
        found[SITE] = replace(data, whole=indicators, members=[indicators] * len(data.members))
    made = {}
    for name, seen in found.items():
        numbers = list(readings([name])) if name != SITE else []
        tried = {number: _floor(name, seen.read_by(number)) for number in numbers or [""]}
        made[PREFIX + name] = chosen_of(tried, data)
    return made


def _floor(name: str, data: FoldData) -> ArmScores:
    start = plain_models(data, [name], "linear")
    return base_arm(start, unseen_of(data.fold), data, name=PREFIX + name)[0]
