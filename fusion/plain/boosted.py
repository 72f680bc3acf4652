"""Gradient-boosted trees as a plain model: XGBoost (Chen and Guestrin, KDD 2016), explained by TreeSHAP.

Missing values go the way that a split has learned for them; nothing is imputed or scaled.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion.plain.logistic import log_loss
from fusion.plain.training import Training

Floats = NDArray[np.float64]

ROUNDS = (10, 20, 40, 70, 120, 200)
"""How many trees; chosen by the log-loss of held-out patients."""

SETTINGS: Mapping[str, Any] = {
    "max_depth": 3, "eta": 0.06, "min_child_weight": 4, "subsample": 0.8, "colsample_bytree": 0.6, "lambda": 2.0,
    "tree_method": "hist", "nthread": 1, "verbosity": 0,
}  # fmt: skip
"""Small trees, a slow pace and half of the columns: what a few hundred patients allow."""


Objective = Callable[[Any, Any], tuple[Any, Any]]
"""``(patient,)`` logits and XGBoost's matrix → first and second derivative of each patient's loss."""


@dataclass(frozen=True, kw_only=True)
class Boosted:
    """A boosted model; everything that is kept of it.

    Attributes:
        names: of the columns that it reads.
        classes: how many.
        rounds: as chosen.
        model: XGBoost's own JSON.
    """

    names: tuple[str, ...]
    classes: int
    rounds: int
    model: bytes

    kind = "boosted"

    @cached_property
    def _booster(self) -> Any:
        import xgboost

        booster = xgboost.Booster({"nthread": 1})
        booster.load_model(bytearray(self.model))
        return booster

    def logits(self, rows: pd.DataFrame) -> Floats:
        """``(patient,)`` log-odds, or ``(patient, class)``."""
        return np.asarray(self._booster.predict(self._matrix(rows), output_margin=True), dtype=np.float64)

    def terms(self, rows: pd.DataFrame) -> pd.DataFrame:
        """``(patient, column)`` Shapley values of the trees (Lundberg et al., Nature Machine Intelligence 2020)."""
        parts = np.asarray(self._booster.predict(self._matrix(rows), pred_contribs=True), dtype=np.float64)
        return pd.DataFrame(parts[:, :-1], index=rows.index, columns=list(self.names))

    def contributions(self, rows: pd.DataFrame) -> Floats:
        """``(patient, class, column + 1)`` of several classes: the same class by class, the mean logit last."""
        return np.asarray(self._booster.predict(self._matrix(rows), pred_contribs=True), dtype=np.float64)

    @cached_property
    def reference(self) -> float:
        """Mean log-odds over the training patients, as the trees know them."""
        nobody = pd.DataFrame(np.nan, index=[0], columns=list(self.names))
        return float(self._booster.predict(self._matrix(nobody), pred_contribs=True)[0, -1])

    @property
    def modalities(self) -> tuple[str, ...]:
        """Whose columns it reads."""
        return tuple(dict.fromkeys(name.split(":", 1)[0] for name in self.names))

    def _matrix(self, rows: pd.DataFrame) -> Any:
        return _matrix(rows.reindex(columns=list(self.names)))

    def state(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Settings as JSON; the trees as the bytes of their JSON."""
        config = {"kind": self.kind, "names": list(self.names), "classes": self.classes, "rounds": self.rounds}
        return config, {"model": np.frombuffer(self.model, dtype=np.uint8)}

    @classmethod
    def restore(cls, config: Mapping[str, Any], arrays: Mapping[str, Any]) -> Boosted:
        """The inverse of `state`.

        Raises:
            ValueError: trees that are none: following them would leave their memory.
        """
        model = np.asarray(arrays["model"], dtype=np.uint8).tobytes()
        names = tuple(str(name) for name in config["names"])
        _check_trees(model, columns=len(names))
        return cls(names=names, classes=int(config["classes"]), rounds=int(config["rounds"]), model=model)


def fit_boosted(training: Training, *, seed: int) -> tuple[Boosted, Floats]:
    """Choose the number of trees by the log-loss of held-out patients, fit on all; see `fit_linear`."""
    import xgboost

    rows, labels, weights = training.rows, training.labels, training.weights
    classes = int(labels.max()) + 1
    task = {"objective": "binary:logistic"} if classes == 2 else {"objective": "multi:softprob", "num_class": classes}
    settings = {**SETTINGS, **task, "seed": seed}
    held_out = np.zeros((len(ROUNDS), len(labels), *((classes,) if classes > 2 else ())))
    for seen, out in training.splits:
        data = _matrix(rows.iloc[seen], labels[seen], weights[seen])
        booster, others = xgboost.train(settings, data, ROUNDS[-1]), _matrix(rows.iloc[out])
        for place, rounds in enumerate(ROUNDS):
            held_out[place, out] = booster.predict(others, output_margin=True, iteration_range=(0, rounds))
    losses = [float(np.average(log_loss(logits, labels), weights=weights)) for logits in held_out]
    best = int(np.argmin(losses))
    model = xgboost.train(settings, _matrix(rows, labels, weights), ROUNDS[best])
    fitted = Boosted(
        names=tuple(map(str, rows.columns)),
        classes=classes,
        rounds=ROUNDS[best],
        model=bytes(model.save_raw(raw_format="json")),
    )
    return fitted, held_out[best]


def fit_boosted_to(
    training: Training,
    target: Floats,
    *,
    seed: int,
    settings: Mapping[str, Any],
    loss: Callable[[Floats], float],
    objective: Callable[[NDArray[np.intp]], Objective] | None = None,
) -> tuple[Boosted, Floats]:
    """One logit a patient by trees that are no classifier, their number chosen by held-out patients.

    Args:
        training: the patients.
        target: ``(patient,)`` as XGBoost's objective takes it.
        seed: of the trees.
        settings: XGBoost's objective and base score.
        loss: ``(patient,)`` logits of held-out patients → what the number of trees makes least.
        objective: places of the patients that are fitted on → their objective, where XGBoost has none.
    """
    import xgboost

    def own(places: NDArray[np.intp]) -> dict[str, Any]:
        return {} if objective is None else {"obj": objective(places)}

    rows, every = training.rows, {**SETTINGS, **settings, "seed": seed}
    held_out = np.zeros((len(ROUNDS), len(target)))
    for seen, out in training.splits:
        booster, others = (
            xgboost.train(every, _matrix(rows.iloc[seen], target[seen]), ROUNDS[-1], **own(seen)),
            _matrix(rows.iloc[out]),
        )
        for place, rounds in enumerate(ROUNDS):
            held_out[place, out] = booster.predict(others, output_margin=True, iteration_range=(0, rounds))
    best = int(np.argmin([loss(logits) for logits in held_out]))
    model = xgboost.train(every, _matrix(rows, target), ROUNDS[best], **own(np.arange(len(target))))
    fitted = Boosted(
        names=tuple(map(str, rows.columns)),
        classes=2,
        rounds=ROUNDS[best],
        model=bytes(model.save_raw(raw_format="json")),
    )
    return fitted, held_out[best]


def _matrix(rows: pd.DataFrame, labels: Any = None, weights: Any = None) -> Any:
    import xgboost

    values = rows.to_numpy(dtype=np.float32)
    return xgboost.DMatrix(np.where(np.isfinite(values), values, np.nan), label=labels, weight=weights, nthread=1)


def _check_trees(model: bytes, *, columns: int) -> None:
    """Every node leads to later nodes of its tree or nowhere, and asks a column that there is."""
    content = json.loads(model)
    booster = content["learner"]["gradient_booster"]
    if booster["name"] != "gbtree" or int(content["learner"]["learner_model_param"]["num_feature"]) != columns:
        raise ValueError("it is no boosted model of these columns")
    for tree in booster["model"]["trees"]:
        left, right = np.asarray(tree["left_children"]), np.asarray(tree["right_children"])
        asked, place = np.asarray(tree["split_indices"]), np.arange(len(left))
        leaf = left == -1
        inside = (left > place) & (left < len(left)) & (right > place) & (right < len(left))
        known = (asked >= 0) & (asked < max(columns, 1))
        if not len(left) or len(right) != len(left) or not np.where(leaf, right == -1, inside & known).all():
            raise ValueError("it holds a decision tree that is none")
        if any(len(tree[key]) != len(left) for key in ("split_conditions", "default_left", "base_weights", "parents")):
            raise ValueError("it holds a decision tree that is cut short")
