"""Classical models on all features: what fusion must beat to be worth its trouble.

Slides enter as pooled colour, texture and nuclear features, variants as the selected ones, tables as scaled columns.
Hyperparameters are chosen by inner folds; the winner is fitted on all training patients of the outer fold.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from fusion.arms.base import ArmScores, Fitted, FoldData, Table, calibrate, table
from fusion.arms.choice import best, choice_rows, inner_quality
from fusion.evaluation.outcome import Outcome
from fusion.run.state import save_estimator, save_json

Build = Callable[[float, int], Any]


def features(fitted: Fitted, patient_ids: Sequence[str]) -> pd.DataFrame:
    """``(patient, feature)`` of all modalities side by side, columns ``modality:feature``, NaN where missing."""
    index = pd.Index(list(patient_ids))
    parts = [part.table(patient_ids).add_prefix(f"{name}:") for name, part in fitted.items()]
    return pd.concat([pd.DataFrame(index=index), *parts], axis=1).astype(np.float64)


def logistic_regression(strength: float, seed: int) -> Pipeline:
    """L2-regularised logistic regression; `strength` is scikit-learn's C."""
    return Pipeline(
        [
            ("impute", SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)),
            ("scale", StandardScaler()),
            ("model", LogisticRegression(C=strength, max_iter=2000, random_state=seed)),
        ]
    )


def elastic_net(strength: float, seed: int) -> Pipeline:
    """Logistic regression with half of the penalty L1, half L2 (Zou and Hastie 2005): few columns, alike ones together.

    `strength` is scikit-learn's C.
    """
    pipeline = logistic_regression(strength, seed)
    pipeline.set_params(model__solver="saga", model__l1_ratio=0.5, model__tol=1e-3, model__max_iter=500)
    return pipeline


def forest(leaf: float, seed: int) -> Pipeline:
    """Random forest (Breiman 2001) with `leaf` patients in a leaf at least."""
    return Pipeline(
        [
            ("impute", SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)),
            ("model", RandomForestClassifier(n_estimators=300, min_samples_leaf=int(leaf), random_state=seed)),
        ]
    )


_WORDS: dict[Build, str] = {logistic_regression: "C", elastic_net: "C", forest: "leaf"}
"""What tables of choices call the hyperparameter."""

GRIDS: dict[str, tuple[Build, tuple[float, ...]]] = {
    "classical_lr": (logistic_regression, (0.001, 0.01, 0.1, 1.0)),
    "classical_elastic": (elastic_net, (0.01, 0.03, 0.1, 0.3)),
    "classical_forest": (forest, (1, 5, 15)),
}


def _fitted(model: Pipeline, rows: pd.DataFrame, labels: NDArray[Any]) -> Pipeline:
    """The model fitted; a path that stops early is a model too, with more of its penalty left."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(rows, labels)


def model_logits(model: Pipeline, rows: pd.DataFrame, outcome: Outcome) -> NDArray[np.float64]:
    """Finite logits, as `outcome` shapes them: a forest may be unanimous."""
    probability = np.asarray(model.predict_proba(rows), dtype=np.float64)
    return outcome.logits(outcome.within(outcome.scores(probability), 1e-3))


class ClassicalArm:
    """One scikit-learn model on tabulated features, tuned on inner folds.

    Args:
        name: of the arm.
        grid: key of `GRIDS`; None is the arm's name.
        modalities: whose features it sees; None is all.
    """

    def __init__(self, name: str, *, grid: str | None = None, modalities: Sequence[str] | None = None) -> None:
        self.name = name
        self._build, self._grid = GRIDS[grid or name]
        self._word = _WORDS[self._build]
        self._modalities = modalities

    def units(self, inner_folds: int) -> int:
        """Steps of work it reports for a fold."""
        return 1

    def fit(self, data: FoldData, folder: Path | None, step: Callable[[], None]) -> ArmScores:
        """Choose the hyperparameter on inner folds, refit on all training patients, score the test patients."""
        inner = {value: self._inner_logits(data, value) for value in self._grid}
        truth = data.labels.loc[list(data.fold.train)]
        named = {f"{self._word}={value:g}": value for value in self._grid}
        quality = {name: inner_quality(inner[value], data) for name, value in named.items()}
        chosen = named[best(quality)]
        calibration = calibrate(inner[chosen], data)

        train, test = list(data.fold.train), list(data.fold.test)
        model = _fitted(self._build(chosen, data.seed), self._features(data.whole, train), truth.to_numpy())
        scores = calibration.calibrator(model_logits(model, self._features(data.whole, test), data.outcome))
        if folder is not None:
            save_estimator(folder / "model.skops", model)
            save_json(folder / "arm.json", {"hyperparameter": chosen, "calibration": calibration.state()})
        step()
        return ArmScores(
            arm=self.name,
            inner=calibration.inner,
            test=table(scores, test),
            threshold=calibration.threshold,
            choices=choice_rows(quality, data),
        )

    def _features(self, fitted: Fitted, patient_ids: Sequence[str]) -> pd.DataFrame:
        seen = fitted if self._modalities is None else {name: fitted[name] for name in self._modalities}
        return features(seen, patient_ids)

    def _inner_logits(self, data: FoldData, value: float) -> Table:
        """Logits of every training patient by the model of the inner fold that did not train on them."""
        parts = []
        for fitted, inner in zip(data.members, data.fold.inner, strict=True):
            labels = data.labels.loc[list(inner.train)].to_numpy()
            model = _fitted(self._build(value, data.seed), self._features(fitted, inner.train), labels)
            parts.append(table(model_logits(model, self._features(fitted, inner.val), data.outcome), inner.val))
        return pd.concat(parts)
