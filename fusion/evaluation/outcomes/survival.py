"""The time until an event: a log-risk, and the probability to be without the event at declared horizons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from fusion.contract import Truth
from fusion.evaluation.calibration import narrowed
from fusion.evaluation.outcomes.base import Ability, Calibrator, Outcome, mean_over_folds
from fusion.evaluation.outcomes.partial import RiskSets, breslow
from fusion.evaluation.survival.pairs import harrell_draws

Floats = NDArray[np.float64]

AT = "survival@"
"""Before a horizon in columns of predictions: ``survival@12``."""


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """Log-risks on one scale, and survival by Breslow's baseline.

    ``risk = slope · (logit − centre)`` and ``survival(t) = exp(−hazard(t) · exp(risk))``.

    Attributes:
        slope: a Cox regression on the logit; above 0, so that ranks stay.
        centre: the mean logit.
        times: of events, ascending.
        hazard: the cumulative baseline hazard from each of `times` on.
        horizons: of the endpoint.
        spread: standard deviation of the logits it was fitted to, about the mean of each part.
    """

    slope: float
    centre: float
    times: tuple[float, ...]
    hazard: tuple[float, ...]
    horizons: tuple[float, ...]
    spread: float = 0.0

    def __call__(self, logits: ArrayLike) -> Floats:
        """Of ``(patient,)`` logits ``(patient, 1 + horizon)``: the log-risk, then survival at each horizon."""
        risks = self.risks(logits)
        place = np.searchsorted(np.array(self.times), np.array(self.horizons), side="right")
        reached = np.concatenate([[0.0], self.hazard])[place]
        with np.errstate(over="ignore"):
            survival = np.exp(-np.exp(risks)[:, None] * reached)
        return np.concatenate([risks[:, None], survival], axis=1)

    def risks(self, logits: ArrayLike) -> Floats:
        """``(patient,)`` log hazard ratios to a patient of mean logit."""
        return np.asarray(self.slope * (np.asarray(logits, dtype=np.float64) - self.centre), dtype=np.float64)

    def steeper(self, factor: float, logits: ArrayLike, *, narrower: float) -> Baseline:
        """The same with `factor` times the slope, for logits whose variance is `narrower` times smaller.

        The hazard keeps its mean over `logits`, ``(patient,)``, that were calibrated so far.
        """
        values = np.asarray(logits, dtype=np.float64)
        found = replace(self, slope=self.slope * factor)
        share = float(np.exp(self.risks(values)).mean() / np.exp(found.risks(narrowed(values, narrower))).mean())
        return replace(found, hazard=tuple(share * one for one in self.hazard))

    def variance(self, logits: ArrayLike) -> float:
        """0: log-risks are no log odds."""
        return 0.0

    def state(self) -> dict[str, Any]:
        """For JSON."""
        lists = {"times": list(self.times), "hazard": list(self.hazard)}
        return {"slope": self.slope, "centre": self.centre, "spread": self.spread, **lists}


def fit_baseline(
    logits: Floats, truth: Truth, *, horizons: Sequence[float], strength: float = 1.0, steps: int = 50
) -> Baseline:
    """Learn scale and baseline from log-risks of patients whom their models did not see.

    The slope maximises the partial likelihood within parts, with a Gaussian prior on that of the standardised logit
    (`strength` is its precision, worth an event or so) which draws useless risks together; one below 0 would turn the
    ranking round on the strength of inner folds alone, and becomes one just above 0. The baseline is of all parts.

    Args:
        logits: ``(patient,)`` finite.
        truth: of the same patients; `part` is the model that spoke.
        horizons: of the endpoint.
        strength: precision of the prior.
        steps: of Newton at most.
    """
    centre, scale = float(logits.mean()), _spread_within(logits, truth)
    slope = 0.0
    if scale > 1e-12:
        standard, sets = (logits - centre) / scale, RiskSets.of(truth)
        for _ in range(steps):
            first, second = sets.along(slope * standard, standard)
            step = (first.sum() + strength * slope) / (second.sum() + strength)
            slope -= float(np.clip(step, -1.0, 1.0))
            if abs(step) < 1e-10:
                break
        slope = max(slope, 1e-3) / scale
    found = Baseline(slope=slope or 1e-3, centre=centre, times=(), hazard=(), horizons=tuple(horizons), spread=scale)
    times, hazard = breslow(truth, found.risks(logits))
    return replace(found, times=tuple(times.tolist()), hazard=tuple(hazard.tolist()))


def _spread_within(logits: Floats, truth: Truth) -> float:
    """Standard deviation about the mean of each part, for a part has an origin of its own."""
    if truth.part is None:
        return float(logits.std())
    places = np.unique(truth.part, return_inverse=True)[1]
    means = np.bincount(places, weights=logits) / np.bincount(places)
    return float(np.sqrt(((logits - means[places]) ** 2).mean()))


def harrell(risks: Floats, truth: Truth) -> float:
    """Harrell's C (JAMA 1982) within parts, averaged over parts that have a comparable pair; NaN where none has.

    Of pairs whose earlier time is an event, the share in which that patient has more risk; equal risks count half, and
    a censored patient of the time of an event outlived it. Who was not yet under observation then is not compared.
    """
    part = np.zeros(len(truth), dtype=np.int64) if truth.part is None else truth.part
    found = []
    for one in np.unique(part):
        mine, eta = truth[part == one], risks[part == one]
        event = mine.label == 1
        time, risk = mine.times[event], eta[event]
        pairs = (time[:, None] < mine.times) | ((time[:, None] == mine.times) & ~event)
        if mine.entry is not None:
            pairs &= mine.entry < time[:, None]
        right = (risk[:, None] > eta) + 0.5 * (risk[:, None] == eta)
        if pairs.any():
            found.append(float(right[pairs].mean()))
    return float(np.mean(found)) if found else float("nan")


class SurvivalOutcome(Outcome):
    """A log-risk on the scale of log hazard ratios, survival by Breslow's baseline, Harrell's C within folds.

    Scores are ``(patient, 1 + horizon)``: the log-risk, then survival at each horizon; logits are ``(patient,)``.
    """

    chosen = "c_harrell"
    compares = True
    label = "Harrell's C"
    abilities: ClassVar[frozenset[Ability]] = frozenset(("canaries",))
    stands_in: ClassVar[Mapping[str, str | None]] = {
        "classical_lr": "classical_cox",
        "classical_elastic": "classical_cox_elastic",
        "classical_forest": "classical_boosting",
        "handcrafted": None,
    }

    def scores(self, probability: Floats) -> Floats:
        raise NotImplementedError("a classifier knows no times")

    def logits(self, scores: Floats) -> Floats:
        return scores if scores.ndim == 1 else scores[..., 0]

    def within(self, scores: Floats, edge: float) -> Floats:
        return scores

    def inverse(self, logits: Floats) -> Floats:
        return logits

    def fit_calibrator(self, logits: Floats, truth: Truth) -> Calibrator:
        return fit_baseline(logits, truth, horizons=self.endpoint.horizons)

    def restore_calibrator(self, state: Mapping[str, Any]) -> Calibrator:
        return Baseline(
            slope=float(state["slope"]),
            centre=float(state["centre"]),
            times=tuple(map(float, state["times"])),
            hazard=tuple(map(float, state["hazard"])),
            horizons=self.endpoint.horizons,
            spread=float(state["spread"]),
        )

    def single(self, calibrator: Calibrator) -> Calibrator:
        """Log-risks in their standard deviations: modalities weigh alike in late fusion, as the field has it."""
        assert isinstance(calibrator, Baseline)
        return replace(calibrator, slope=1 / calibrator.spread if calibrator.spread > 1e-12 else 0.0)

    def threshold(self, truth: Truth, scores: Floats) -> float:
        return float("nan")

    def inner(self, truth: Truth, scores: Floats) -> dict[str, float]:
        return {"c_harrell": harrell(self.logits(scores), truth)}

    def drawn(self, truth: Truth, scores: Floats, counts: Floats) -> Floats:
        return harrell_draws(self.logits(scores), truth, counts)

    @property
    def firm(self) -> tuple[str, str]:
        if self.endpoint.middle is None:
            return "", ""
        unit = f" {self.endpoint.unit}" if self.endpoint.unit else ""
        return f"risk at {self.endpoint.horizons[self.endpoint.middle]:g}{unit}", ""

    def number(self, rows: pd.DataFrame, called: NDArray[np.int64]) -> Floats:
        """The risk at the middle horizon: log-risks of two models have no common scale."""
        return 1 - rows[self.names[1:]].to_numpy(np.float64)[:, self.endpoint.middle]

    def of_columns(self, rows: pd.DataFrame) -> Floats:
        return rows[self.names].to_numpy(np.float64)

    def columns(self, scores: Floats) -> dict[str, Floats]:
        return {name: scores[:, at] for at, name in enumerate(self.names)}

    def summary(self, by_fold: Floats) -> dict[str, Any]:
        """Mean log-risk and survival over folds, each with the least and most that a fold says."""
        mean = mean_over_folds(by_fold)
        columns: dict[str, Any] = {}
        for at, name in enumerate(self.names):
            beside = name.removeprefix("score").removeprefix("survival")
            columns[name] = mean[:, at]
            columns[f"low{beside}"] = np.nanmin(by_fold[..., at], axis=0)
            columns[f"high{beside}"] = np.nanmax(by_fold[..., at], axis=0)
        return columns

    def meanings(self) -> dict[str, str]:
        """Of every column of `summary`."""
        unit = f" {self.endpoint.unit}" if self.endpoint.unit else ""
        told = {
            "score": "mean of the fold models' log hazard ratios to a training patient of average risk",
            "low": "the lowest of them; no confidence interval",
            "high": "the highest of them",
        }
        for one in self.endpoint.horizons:
            told[f"{AT}{one:g}"] = f"mean of the fold models' probabilities to be without the event at {one:g}{unit}"
            told |= {f"low@{one:g}": "the lowest of them", f"high@{one:g}": "the highest of them"}
        return told

    def enough(self, labels: pd.Series[int]) -> bool:
        """Two events, and a third patient to compare them with."""
        return bool((labels == 1).sum() > 1 and (labels >= 0).sum() > 2)

    def two_groups(self, labels: pd.Series[int]) -> tuple[pd.Series[int], tuple[str, str]]:
        """Whether the event was seen, whenever."""
        return labels, ("no event seen", "event seen")

    @property
    def names(self) -> list[str]:
        return ["score", *(f"{AT}{one:g}" for one in self.endpoint.horizons)]

    def align(self, labels: pd.Series[int], classes: Sequence[str]) -> pd.Series[int]:
        """An event is an event; another kind of outcome says nothing of times."""
        return labels if tuple(classes) == self.endpoint.classes else labels * 0 - 1

    def evaluate(self, predictions: pd.DataFrame, **settings: Any) -> dict[str, Any]:
        from fusion.evaluation.survival.evaluate import evaluate_survival

        return evaluate_survival(predictions, **settings, unit=self.endpoint.unit or None)
