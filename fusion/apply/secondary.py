"""Secondary endpoints of a run on other patients: gathered over the folds, and judged where the cohort has labels.

They decide nothing. A patient who trained on a secondary endpoint alone did so in every fold: no model left them out,
and they have no value of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion.apply.judging import evaluated
from fusion.contract import ALONE, ROLE, EndpointSpec
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
    """

    endpoint: EndpointSpec
    table: pd.DataFrame
    threshold: float

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
    """

    def __init__(self, endpoints: Sequence[EndpointSpec], patients: Sequence[str], alone: frozenset[str]) -> None:
        self._endpoints = {one.name: one for one in endpoints}
        self._patients = list(patients)
        self._alone = np.array([one in alone for one in self._patients], dtype=np.bool_)
        self._scores: dict[str, list[Floats]] = {}
        self._thresholds: dict[str, list[float]] = {}

    def add(self, found: Mapping[str, tuple[Floats, float]], unseen: Sequence[str]) -> None:
        """A fold's scores and thresholds by endpoint, of the patients on whom it did not train."""
        rows = np.isin(self._patients, list(unseen))
        for name, (mine, threshold) in found.items():
            scores = np.full((len(self._patients), *mine.shape[1:]), np.nan)
            scores[rows] = mine
            scores[self._alone] = np.nan
            self._scores.setdefault(name, []).append(scores)
            self._thresholds.setdefault(name, []).append(threshold)

    def applied(self) -> tuple[AppliedSecondary, ...]:
        """All folds together; nothing of an endpoint of which nothing was added."""
        return tuple(
            AppliedSecondary(
                endpoint=self._endpoints[name],
                table=self._table(self._endpoints[name], np.stack(scores)),
                threshold=float(np.mean(self._thresholds[name])),
            )
            for name, scores in self._scores.items()
        )

    def _table(self, endpoint: EndpointSpec, by_fold: Floats) -> pd.DataFrame:
        models = np.isfinite(by_fold).reshape(*by_fold.shape[:2], -1)[..., 0].sum(axis=0)
        index = pd.Index(self._patients, name="patient_id")
        told = models > 0
        rows = pd.DataFrame(outcome_of(endpoint).summary(by_fold[:, told]), index=index[told]).reindex(index)
        return rows.reset_index().assign(endpoint=endpoint.name, fold_models=models)


def trained_alone(folder: RunFolder) -> frozenset[str]:
    """Patients of the run without its primary label, who trained its secondary endpoints in every fold."""
    if not folder.cohort_spec().secondary:
        return frozenset()
    rows = folder.cohort()
    mine = rows["reason"].astype(str).str.endswith(ALONE)
    return frozenset(rows.loc[mine, "patient_id"].astype(str))


def labelled_beside(found: AppliedSecondary, setup: Setup, arm: str) -> pd.DataFrame | None:
    """Scored patients with a label of the endpoint, as `fusion.evaluation.evaluate` takes them.

    Labels are those of the cohort's endpoint of the same name, be it primary there or secondary.

    Args:
        found: what the run says.
        setup: the cohort.
        arm: which spoke.

    Returns:
        None where the cohort has no such endpoint, or too few labels of it.
    """
    cohort, name = setup.cohort, found.name
    if name == cohort.spec.endpoint.name:
        classes, labels, times, entry = cohort.spec.endpoint.classes, cohort.labels, cohort.times, cohort.entry
    elif name in cohort.secondary:
        one = cohort.secondary[name]
        classes, labels, times, entry = one.endpoint.classes, one.labels, one.times, one.entry
    else:
        return None
    patients = list(found.table["patient_id"])
    label = found.outcome.align(labels, classes).loc[patients].where(found.table["fold_models"].to_numpy() > 0, -1)
    if not found.outcome.enough(label):
        return None
    own: dict[str, Any] = {
        "arm": arm, "repeat": 0, "fold": 0, "label": label.to_numpy(), "threshold": found.threshold,
        "group": held_together(patients, cohort.groups).array,
    }  # fmt: skip
    if times is not None:
        own["time"] = times.loc[patients].to_numpy()
    if entry is not None:
        own["entry"] = entry.loc[patients].to_numpy()
    return found.table.assign(**own)[(label >= 0).to_numpy()].reset_index(drop=True)


def judged_beside(
    rows: pd.DataFrame, found: AppliedSecondary, arm: str, evaluation: Any, *, simulated: bool
) -> dict[str, Any]:
    """A part ``secondary`` of metrics.json: what `fusion.apply.judging.evaluated` says, and the role.

    Args:
        rows: see `labelled_beside`.
        found: what the run says.
        arm: which spoke.
        evaluation: draws and seed of the bootstrap; a margin is the primary endpoint's alone.
        simulated: the run, or the cohort.
    """
    metrics = evaluated(rows, arm, found.outcome, evaluation, simulated=simulated, modalities=1, margin=None)
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
