"""Secondary endpoints of a run on other patients: gathered over the folds, and judged where the cohort has labels.

They decide nothing. A patient who trained on a secondary endpoint alone did so in every fold: no model left them out,
and they have no value of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion.apply.compared import Compared, compared
from fusion.apply.judging import evaluated
from fusion.contract import ALONE, ROLE, EndpointSpec, Secondary
from fusion.evaluation.outcome import Outcome, outcome_of
from fusion.evaluation.units import held_together

if TYPE_CHECKING:
    from fusion.protocol.setup import Setup
    from fusion.run.folder import RunFolder

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class AppliedSecondary:
    """What a run says of a cohort's patients by a secondary endpoint.

    Attributes:
        endpoint: of the run.
        table: its rows of secondary.csv: patient_id, endpoint, what predictions.csv has of the primary endpoint's
            kind, and fold_models; empty cells where no fold's models may speak.
        threshold: mean of the folds' thresholds; NaN where nothing is cut.
        compared: the other arms that the run kept of it, where labels allow to compare them.
    """

    endpoint: EndpointSpec
    table: pd.DataFrame
    threshold: float
    compared: Mapping[str, Compared] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Of the endpoint."""
        return self.endpoint.name

    @property
    def outcome(self) -> Outcome:
        """Of its kind."""
        return outcome_of(self.endpoint)


class SecondaryScores:
    """Gathers what fold after fold says of secondary endpoints.

    Args:
        endpoints: of the run.
        patients: whom to score, in this order.
        alone: of them, who trained secondary endpoints in every fold; see `trained_alone`.
        arm: which speaks; the others are what it is compared with.
    """

    def __init__(
        self, endpoints: Sequence[EndpointSpec], patients: Sequence[str], alone: frozenset[str], *, arm: str
    ) -> None:
        self._endpoints = {one.name: one for one in endpoints}
        self._patients = list(patients)
        self._alone = np.array([one in alone for one in self._patients], dtype=np.bool_)
        self._arm = arm
        self._scores: dict[str, dict[str, list[Floats]]] = {}
        self._thresholds: dict[str, dict[str, list[float]]] = {}

    def add(self, found: Mapping[str, Mapping[str, tuple[Floats, float]]], unseen: Sequence[str]) -> None:
        """A fold's scores and thresholds by endpoint and arm, of the patients on whom it did not train."""
        rows = np.isin(self._patients, list(unseen))
        for name, by_arm in found.items():
            for arm, (mine, threshold) in by_arm.items():
                scores = np.full((len(self._patients), *mine.shape[1:]), np.nan)
                scores[rows] = mine
                scores[self._alone] = np.nan
                self._scores.setdefault(name, {}).setdefault(arm, []).append(scores)
                self._thresholds.setdefault(name, {}).setdefault(arm, []).append(threshold)

    def applied(self) -> tuple[AppliedSecondary, ...]:
        """All folds together; nothing of an endpoint of which the arm said nothing."""
        return tuple(self._applied(self._endpoints[name]) for name, found in self._scores.items() if self._arm in found)

    def _applied(self, endpoint: EndpointSpec) -> AppliedSecondary:
        scores = {arm: np.stack(found) for arm, found in self._scores[endpoint.name].items()}
        thresholds, outcome = self._thresholds[endpoint.name], outcome_of(endpoint)
        models = np.isfinite(scores[self._arm]).reshape(*scores[self._arm].shape[:2], -1)[..., 0].sum(axis=0)
        index, told = pd.Index(self._patients, name="patient_id"), models > 0

        def summary(arm: str) -> pd.DataFrame:
            rows = pd.DataFrame(outcome.summary(scores[arm][:, told]), index=index[told])
            return rows.reindex(index).reset_index()

        return AppliedSecondary(
            endpoint=endpoint,
            table=summary(self._arm).assign(endpoint=endpoint.name, fold_models=models),
            threshold=float(np.mean(thresholds[self._arm])),
            compared={
                arm: compared(dict(summary(arm)), thresholds[arm], outcome) for arm in scores if arm != self._arm
            },
        )


def trained_alone(folder: RunFolder) -> frozenset[str]:
    """Patients of the run without its primary label, who trained its secondary endpoints in every fold."""
    if not folder.cohort_spec().secondary:
        return frozenset()
    rows = folder.cohort()
    mine = rows["reason"].astype(str).str.endswith(ALONE)
    return frozenset(rows.loc[mine, "patient_id"].astype(str))


def labels_beside(endpoint: EndpointSpec, setup: Setup, patients: Sequence[str]) -> pd.Series[int] | None:
    """The patients' labels of the cohort's endpoint of that name, be it primary there or secondary.

    Positions are those of the run's classes, −1 where unknown; None where the cohort has no such endpoint.
    """
    found = _of_cohort(endpoint.name, setup)
    if found is None:
        return None
    return outcome_of(endpoint).align(found.labels, found.endpoint.classes).loc[list(patients)]


def _of_cohort(name: str, setup: Setup) -> Secondary | None:
    """The cohort's endpoint of that name."""
    cohort = setup.cohort
    if name == cohort.spec.endpoint.name:
        return Secondary(endpoint=cohort.spec.endpoint, labels=cohort.labels, times=cohort.times, entry=cohort.entry)
    return cohort.secondary.get(name)


def labelled_beside(found: AppliedSecondary, setup: Setup, arm: str) -> pd.DataFrame | None:
    """Scored patients with a label of the endpoint, every arm's, as `fusion.evaluation.evaluate` takes them.

    Args:
        found: what the run says.
        setup: the cohort.
        arm: which spoke.

    Returns:
        None where the cohort has no such endpoint, or too few labels of it.
    """
    patients = list(found.table["patient_id"])
    known, cohort = labels_beside(found.endpoint, setup, patients), _of_cohort(found.name, setup)
    if known is None or cohort is None:
        return None
    label = known.where(found.table["fold_models"].to_numpy() > 0, -1)
    if not found.outcome.enough(label):
        return None
    own: dict[str, Any] = {
        "repeat": 0, "fold": 0, "label": label.to_numpy(), "group": held_together(patients, setup.cohort.groups).array
    }  # fmt: skip
    if cohort.times is not None:
        own["time"] = cohort.times.loc[patients].to_numpy()
    if cohort.entry is not None:
        own["entry"] = cohort.entry.loc[patients].to_numpy()
    parts = [found.table.assign(arm=arm, threshold=found.threshold, **own)]
    parts += [
        found.table.assign(**other.columns, arm=name, threshold=other.threshold, **own)
        for name, other in found.compared.items()
    ]
    return pd.concat([part[(label >= 0).to_numpy()] for part in parts], ignore_index=True)


def judged_beside(
    rows: pd.DataFrame, found: AppliedSecondary, arm: str, evaluation: Any, *, simulated: bool, modalities: int
) -> dict[str, Any]:
    """A part ``secondary`` of metrics.json: what `fusion.apply.judging.evaluated` says, and the role.

    Args:
        rows: see `labelled_beside`.
        found: what the run says.
        arm: which spoke.
        evaluation: draws and seed of the bootstrap; a margin is the primary endpoint's alone.
        simulated: the run, or the cohort.
        modalities: how many the run has.
    """
    metrics = evaluated(rows, arm, found.outcome, evaluation, simulated=simulated, modalities=modalities, margin=None)
    return {"role": ROLE, "kind": found.endpoint.kind, **metrics}


def meanings_beside(said: AppliedSecondary, meaning: Callable[[str, EndpointSpec], str]) -> dict[str, Any]:
    """What predictions.json says of a secondary endpoint.

    Args:
        said: of it.
        meaning: column and endpoint → what the column means, where the endpoint's kind does not say.
    """
    endpoint, own = said.endpoint, said.outcome.meanings()
    return {
        "role": ROLE,
        "kind": endpoint.kind,
        "classes": list(endpoint.classes),
        **({"unit": endpoint.unit} if endpoint.unit else {}),
        "columns": {str(name): own.get(name) or meaning(name, endpoint) for name in said.table.columns},
    }
