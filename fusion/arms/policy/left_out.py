"""A regimen left out: a regression that saw nobody given it scores its patients by its agents and class alone.

In evaluation only: nobody is offered a regimen that training never saw. For every regimen that test patients of the
fold were given, the modalities and a ridge regression of all their columns are fitted anew on the training patients who
were given something else. It scores the test patients given the regimen

- *unseen*: with the regimen as it is: what its agents and class are worth elsewhere counts for them;
- *untold*: with the regimen as the average of those training patients: what the patient's own data say;

beside *seen*: the same kind of model fitted on all training patients, those given the regimen among them. Patients are
out of fold in all three. The penalty is chosen by cross-fitting, one for all columns: a fit takes a fraction of what
the fused arm's plain model takes, which averages over sets of modalities.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from fusion.arms.base import FoldData
from fusion.arms.classical import features
from fusion.arms.start import groups_of
from fusion.contract import FittedModality, Therapy
from fusion.plain.base import Plain, fit_base

Floats = NDArray[np.float64]
Fit = Callable[[Sequence[str]], Mapping[str, FittedModality]]
"""Patients → every modality fitted on them alone."""


def left_out(
    data: FoldData, therapy: Therapy, treatment: Sequence[str], fit: Fit, *, labels: pd.Series[int]
) -> pd.DataFrame:  # fmt: skip
    """Rows of left_out.parquet; none where the cohort gives no agents or no modality reads the regimen.

    Args:
        data: the fold.
        therapy: of the cohort.
        treatment: modalities that read the regimen, and nothing else of the patient.
        fit: fits modalities.
        labels: index patient_id, of test patients too; joined after the models have spoken.

    Returns:
        patient_id, repeat, fold, given, label, seen, unseen, untold: probabilities of response.
    """
    if not therapy.agents or not treatment:
        return pd.DataFrame()
    train = list(data.fold.train)
    given = therapy.regimens.reindex([*train, *data.fold.test])
    asked = sorted(set(given.loc[list(data.fold.test)].dropna()))
    whole = _model(data.whole, train, data)
    rows: list[dict[str, Any]] = []
    for name in asked:
        mine = [one for one in data.fold.test if given[one] == name]
        rest = [one for one in train if given[one] != name]
        if given.loc[rest].nunique() < 2 or data.labels.loc[rest].nunique() < 2:
            continue
        fitted = fit(rest)
        model, new = _model(fitted, rest, data), features(fitted, mine)
        scores = {
            "seen": _scores(whole, features(data.whole, mine)),
            "unseen": _scores(model, new),
            "untold": _scores(model, _averaged(new, features(fitted, rest), treatment)),
        }
        rows += [
            {
                "patient_id": patient,
                "repeat": data.fold.repeat,
                "fold": data.fold.index,
                "given": name,
                "label": int(labels[patient]),
                **{key: float(values[place]) for key, values in scores.items()},
            }
            for place, patient in enumerate(mine)
        ]
    return pd.DataFrame(rows)


def _model(fitted: Mapping[str, FittedModality], patients: Sequence[str], data: FoldData) -> Plain:
    known = np.asarray(data.labels.loc[list(patients)], dtype=np.int64)
    rows, groups = _one_block(features(fitted, patients)), groups_of(data, patients)
    return fit_base("linear", rows, known, classes=2, groups=groups, seed=data.seed).model


def _scores(model: Plain, rows: pd.DataFrame) -> Floats:
    return np.asarray(expit(model.logits(_one_block(rows))), dtype=np.float64)


def _one_block(rows: pd.DataFrame) -> pd.DataFrame:
    """Columns as if of one modality: one penalty, no averaging over sets."""
    return rows.add_prefix("all:")


def _averaged(new: pd.DataFrame, train: pd.DataFrame, treatment: Sequence[str]) -> pd.DataFrame:
    """The rows with the columns of the regimen as training patients have them on average."""
    told = [name for name in new.columns if name.split(":", 1)[0] in treatment]
    return new.assign(**{name: float(train[name].mean()) for name in told})
