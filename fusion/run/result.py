"""What one outer fold leaves in the run folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def _nothing() -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame()


@dataclass(frozen=True, kw_only=True)
class FoldResult:
    """What one outer fold gives.

    Attributes:
        predictions: patient_id, arm, repeat, fold, endpoint, label, score, threshold; test patients only. With several
            classes `score` is the probability of the called one, and a column ``score_<class>`` follows for each.
        inner: arm, repeat, fold, auroc (and others): inner out-of-fold metrics, which alone may choose.
        selected: modality, repeat, fold, member, feature, gene, rank, selected; member -1 is the whole training part.
        curves: arm, repeat, fold, member, epoch, then losses and metrics.
        choices: arm, repeat, fold, candidate, the metric that chooses, chosen; empty where nothing was chosen.
        inner_predictions: patient_id, arm, repeat, fold, label, score (and ``score_<class>``): of training patients,
            each by models that did not train on that patient.
        audit: as `predictions`, of the fused arm with the modality altered that `arm` names (`fusion.arms.audit`);
            empty where the arm cannot score again.
        withheld: as `predictions`, of the fused arm with those modalities alone that `arm` names
            (`fusion.arms.withheld`); empty where nobody asked.
        policy: patient_id, arm, repeat, fold, stratum, given, regimen, score, propensity, best, label, why: of test
            patients under each candidate regimen (`fusion.arms.policy`); empty where the cohort declares no therapy.
        left_out: patient_id, repeat, fold, given, label, seen, unseen, untold: of test patients, by models that saw
            nobody given their regimen (`fusion.arms.policy.left_out`); empty where regimens have no agents.
        secondary: as `predictions`, of secondary endpoints, each with its own columns of scores; test patients whose
            label is known. Empty where there is one endpoint.
        made: when it was begun, the seconds it took, and the accelerator.
    """

    predictions: pd.DataFrame
    inner: pd.DataFrame
    selected: pd.DataFrame
    curves: pd.DataFrame
    choices: pd.DataFrame
    inner_predictions: pd.DataFrame
    audit: pd.DataFrame
    withheld: pd.DataFrame = field(default_factory=_nothing)
    policy: pd.DataFrame = field(default_factory=_nothing)
    left_out: pd.DataFrame = field(default_factory=_nothing)
    secondary: pd.DataFrame = field(default_factory=_nothing)
    made: Mapping[str, Any] = field(default_factory=dict)
