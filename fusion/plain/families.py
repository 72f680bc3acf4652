"""What plain models and the gate need of each kind of endpoint: how to fit, and how a loss changes along a line."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from fusion.contract import EndpointSpec, Truth
from fusion.evaluation.outcomes.cumulative import along, fit_cuts
from fusion.evaluation.outcomes.partial import RiskSets
from fusion.plain.boosted import Boosted, Objective, fit_boosted, fit_boosted_to
from fusion.plain.elastic import fit_elastic
from fusion.plain.gate import class_derivatives
from fusion.plain.grades import ProportionalOdds, as_numbers
from fusion.plain.hazards import fit_cox, in_parts
from fusion.plain.linear import Linear, fit_averaged, fit_linear
from fusion.plain.prevalence import Prevalence
from fusion.plain.products.crossed import Crossed
from fusion.plain.products.fit import fit_crossed
from fusion.plain.training import Split, Training

Floats = NDArray[np.float64]

FOLDS = 5
"""Of cross-fitting, where every class has as many patients."""


class Family(ABC):
    """How one kind of endpoint is learned by plain models."""

    @abstractmethod
    def splits(self, truth: Truth, *, classes: int, groups: NDArray[Any] | None, seed: int) -> list[Split]:
        """For cross-fitting: everybody held out once, whole groups together; none where there are too few."""

    @abstractmethod
    def linear(self, training: Training) -> tuple[Linear, Floats]:
        """A regression with its penalty chosen, and the logits of held-out patients."""

    @abstractmethod
    def boosted(self, training: Training, *, seed: int) -> tuple[Boosted, Floats]:
        """Trees, likewise."""

    def elastic(self, training: Training) -> tuple[Linear, Floats]:
        """A regression by an elastic net, likewise; of times alone, classes have scikit-learn's."""
        raise NotImplementedError("no elastic net of this kind of endpoint")

    def crossed(
        self, linear: Linear, training: Training, *, held_out: Floats, treatments: Sequence[str]
    ) -> tuple[Linear | Crossed, Floats]:
        """What `linear` gave, and products of its columns (`fusion.plain.products`); as it is where none are sought."""
        return linear, held_out

    @abstractmethod
    def constant(self, truth: Truth, weights: Floats, *, classes: int) -> Prevalence:
        """The same logits for everybody."""

    @abstractmethod
    def derivatives(self, gate: float, base: Floats, added: Floats, truth: Truth) -> tuple[Floats, Floats]:
        """First and second derivative by the gate of each patient's loss of ``base + gate · added``."""

    def held_out(self, truth: Truth, splits: Sequence[Split]) -> Truth:
        """The truth that goes with logits of held-out patients."""
        return in_parts(truth, splits)


class ClassFamily(Family):
    """Classes: log-loss."""

    def splits(self, truth: Truth, *, classes: int, groups: NDArray[Any] | None, seed: int) -> list[Split]:
        labels = truth.label
        return spread(labels, needed=range(classes), groups=groups, seed=seed)

    def linear(self, training: Training) -> tuple[Linear, Floats]:
        return fit_linear(training)

    def boosted(self, training: Training, *, seed: int) -> tuple[Boosted, Floats]:
        return fit_boosted(training, seed=seed)

    def crossed(
        self, linear: Linear, training: Training, *, held_out: Floats, treatments: Sequence[str]
    ) -> tuple[Linear | Crossed, Floats]:
        return fit_crossed(linear, training, held_out=held_out, treatments=treatments)

    def constant(self, truth: Truth, weights: Floats, *, classes: int) -> Prevalence:
        return Prevalence.fit(truth.label, weights, classes=classes)

    def derivatives(self, gate: float, base: Floats, added: Floats, truth: Truth) -> tuple[Floats, Floats]:
        return class_derivatives(gate, base, added, truth.label)


class RiskFamily(Family):
    """Times until an event: Cox's partial likelihood within parts. Logits are log-risks; patients weigh alike."""

    def splits(self, truth: Truth, *, classes: int, groups: NDArray[Any] | None, seed: int) -> list[Split]:
        censored = int((truth.label == 0).sum())
        # Few censored patients need not be in every part; spread by them they would be.
        labels = truth.label if censored >= FOLDS else np.ones(len(truth), dtype=np.int64)
        found = spread(labels, needed=(1,), groups=groups, seed=seed)
        return found if all(_comparable(truth[held]) for _, held in found) else []

    def linear(self, training: Training) -> tuple[Linear, Floats]:
        return fit_cox(training)

    def elastic(self, training: Training) -> tuple[Linear, Floats]:
        return fit_elastic(training)

    def boosted(self, training: Training, *, seed: int) -> tuple[Boosted, Floats]:
        # XGBoost's form of the partial likelihood is Breslow's; held-out ties are Efron's. A time below 0 is censored.
        truth = training.truth
        target = np.where(truth.label == 1, truth.times, -truth.times)
        settings: dict[str, Any] = {"objective": "survival:cox", "base_score": 1.0}
        objective = None
        if truth.entry is not None:
            # XGBoost's own takes everybody to be followed from time zero on.
            settings, objective = {"base_score": 0.0}, lambda places: _followed_late(truth[places])
        apart = RiskSets.of(in_parts(truth, training.splits))
        return fit_boosted_to(
            training, target, seed=seed, settings=settings, loss=lambda risks: float(apart.losses(risks).sum()),
            objective=objective,
        )  # fmt: skip

    def constant(self, truth: Truth, weights: Floats, *, classes: int) -> Prevalence:
        return Prevalence(intercept=np.zeros(1))

    def derivatives(self, gate: float, base: Floats, added: Floats, truth: Truth) -> tuple[Floats, Floats]:
        return RiskSets.of(truth).along(base + gate * added, added)


class GradeFamily(ClassFamily):
    """Grades: proportional odds on one latent logit; trees regress the grade as a number."""

    def linear(self, training: Training) -> tuple[Linear, Floats]:
        grades = int(training.labels.max()) + 1
        odds = ProportionalOdds(labels=training.labels, grades=grades, splits=training.splits)
        return fit_averaged(training.rows, odds)

    def boosted(self, training: Training, *, seed: int) -> tuple[Boosted, Floats]:
        target = as_numbers(training.labels)
        settings = {"objective": "reg:squarederror", "base_score": 0.0}
        return fit_boosted_to(
            training, target, seed=seed, settings=settings, loss=lambda told: float(((told - target) ** 2).sum())
        )

    def crossed(
        self, linear: Linear, training: Training, *, held_out: Floats, treatments: Sequence[str]
    ) -> tuple[Linear | Crossed, Floats]:
        return linear, held_out  # products are of two classes

    def constant(self, truth: Truth, weights: Floats, *, classes: int) -> Prevalence:
        return Prevalence(intercept=np.zeros(1))

    def derivatives(self, gate: float, base: Floats, added: Floats, truth: Truth) -> tuple[Floats, Floats]:
        grades = int(truth.label.max()) + 1
        latent = base + gate * added
        first, second = along(latent, fit_cuts(latent, truth.label, grades), truth.label)
        # What is the same for everybody moves cut-points alone.
        step = added - (second * added).sum() / max(second.sum(), 1e-12)
        return first * step, second * step**2


def spread(
    labels: NDArray[np.int64], *, needed: Sequence[int], groups: NDArray[Any] | None = None, seed: int = 0
) -> list[Split]:
    """Splits that hold every patient out once, whole groups together, labels spread; none where one is too rare.

    Args:
        labels: ``(patient,)``.
        needed: labels that must be in every part that is fitted on.
        groups: ``(patient,)`` of whom folds keep all or none.
        seed: of the splits.
    """
    folds = min(FOLDS, *(int((labels == one).sum()) for one in needed))
    if groups is not None and len(set(groups)) < len(groups):
        folds = min(folds, *(len(set(groups[labels == one])) for one in needed))
        if folds < 2:
            return []
        parts = StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(labels, labels, groups)
    else:
        if folds < 2:
            return []
        parts = StratifiedKFold(folds, shuffle=True, random_state=seed).split(labels, labels)
    splits = [(np.asarray(seen), np.asarray(held)) for seen, held in parts]
    complete = all(set(needed) <= set(labels[seen].tolist()) and len(held) for seen, held in splits)
    return splits if complete else []


def _comparable(truth: Truth) -> bool:
    """Whether somebody had the event while another was still at risk."""
    event = truth.label == 1
    if truth.entry is not None:
        at = truth.times[event][:, None]
        return bool(((truth.entry < at) & (at < truth.times)).any())
    return bool(event.any() and truth.times[event].min() < truth.times.max())


def _followed_late(truth: Truth) -> Objective:
    """Cox's partial likelihood of patients of whom some came under observation late, as trees take it."""
    sets = RiskSets.of(truth)

    def objective(risks: Any, _: Any) -> tuple[Any, Any]:
        risks = np.asarray(risks, dtype=np.float64)
        return sets.gradient(risks), np.maximum(sets.curvature(risks), 1e-16)

    return objective


CLASSES = ClassFamily()

FAMILIES: Mapping[str, Family] = {
    "binary": CLASSES,
    "multiclass": CLASSES,
    "ordinal": GradeFamily(),
    "survival": RiskFamily(),
}
"""Kind of endpoint → its family."""


def family_of(endpoint: EndpointSpec) -> Family:
    """The family of an endpoint's kind."""
    return FAMILIES[endpoint.kind]
