r"""Ridge logistic regression over all modalities' columns, its penalty chosen by cross-fitting on training patients.

A wide modality beside a narrow one: with one penalty for all columns, 500 weak ones drown ten strong ones. So columns
of a modality with :math:`p_m` of them are scaled by :math:`p_m^{-a/2}`, which is a penalty of their own (Boulesteix et
al., "IPF-LASSO", Comput. Math. Methods Med. 2017): *a* = 0 treats columns alike, *a* = 1 modalities, and *a* = 2
favours narrow ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion.plain.blocks import sets_of, shares
from fusion.plain.columns import Columns
from fusion.plain.logistic import Logistic, ridge, shaped
from fusion.plain.penalties import STRENGTHS, Regression, near, strongest
from fusion.plain.training import Training

Floats = NDArray[np.float64]

POWERS = (0.0, 1.0, 2.0)
"""*a* above; others than 0 only where there are modalities of different width."""


@dataclass(frozen=True, kw_only=True)
class Linear:
    """``logit = intercept + coefficients · standardised columns``; everything that is kept of it.

    Attributes:
        columns: how columns are standardised.
        coefficients: ``(1, column)``, or ``(class, column)`` where there are more than two.
        intercept: ``(1,)`` or ``(class,)``.
        strength: C as chosen for all modalities together.
        power: *a* as chosen.
        sets: modalities, joined by ``+`` → the share of the model that reads these alone, and its C; see
            `fusion.plain.blocks`.
        net: the share of the model that is an elastic net of all modalities, and its penalty; see
            `fusion.plain.sparse`.
    """

    columns: Columns
    coefficients: Floats
    intercept: Floats
    strength: float
    power: float
    sets: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    net: tuple[float, float] = (0.0, 0.0)

    kind = "linear"

    def logits(self, rows: pd.DataFrame) -> Floats:
        """``(patient,)`` log-odds, or ``(patient, class)``."""
        return shaped(self.columns(rows) @ self.coefficients.T + self.intercept)

    def terms(self, rows: pd.DataFrame) -> pd.DataFrame:
        """``(patient, column)``: each column's part of the log-odds, exactly; they add up to logit − intercept.

        The intercept is the log-odds of a patient who is average in every column, so a term is what the patient's own
        value changes. Of two classes only.
        """
        parts = self.columns(rows) * self.coefficients[0]
        return pd.DataFrame(parts, index=rows.index, columns=list(self.columns.sources)).T.groupby(level=0).sum().T

    def again(self, values: Floats, labels: NDArray[np.int64], weights: Floats) -> Floats:
        """``(patient,)`` log-odds of some patients by all columns fitted to these alone, with the penalty as it is.

        Args:
            values: ``(patient, column)`` of `columns`.
            labels: ``(patient,)`` 0 or 1.
            weights: ``(patient,)`` in the loss.
        """
        blocks = [name.split(":", 1)[0] for name in self.columns.sources]
        width = np.array([blocks.count(block) for block in blocks], dtype=np.float64)
        design, _ = reduced(values * width ** (-self.power / 2))
        model = ridge(design, labels, weights, self.strength)
        return np.asarray(model.decision_function(design), dtype=np.float64)

    @property
    def modalities(self) -> tuple[str, ...]:
        """Whose columns it reads."""
        return tuple(dict.fromkeys(name.split(":", 1)[0] for name in self.columns.sources))

    @property
    def reference(self) -> float:
        """The log-odds of a patient who is average in every column."""
        return float(self.intercept[0])

    def state(self) -> tuple[dict[str, Any], dict[str, Floats]]:
        """Names and settings as JSON, numbers as arrays."""
        names, arrays = self.columns.state()
        settings: dict[str, Any] = {
            "kind": self.kind,
            "strength": self.strength,
            "power": self.power,
            "sets": dict(self.sets),
        }
        settings["net"] = list(self.net)
        return names | settings, arrays | {"coefficients": self.coefficients, "intercept": self.intercept}

    @classmethod
    def restore(cls, config: Mapping[str, Any], arrays: Mapping[str, Any]) -> Linear:
        """The inverse of `state`."""
        return cls(
            columns=Columns.restore(config, arrays),
            coefficients=np.asarray(arrays["coefficients"], dtype=np.float64),
            intercept=np.asarray(arrays["intercept"], dtype=np.float64),
            strength=float(config["strength"]),
            power=float(config["power"]),
            sets={name: (float(part[0]), float(part[1])) for name, part in config.get("sets", {}).items()},
            net=(float(config.get("net", (0, 0))[0]), float(config.get("net", (0, 0))[1])),
        )


def fit_linear(training: Training) -> tuple[Linear, Floats]:
    """Choose penalties by the log-loss of held-out patients, fit on all, average over sets of modalities.

    Of penalties that cannot be told from the best the strongest is taken: its loss, paired by patient, is within one
    standard error (Breiman et al., *Classification and Regression Trees*, 1984, section 3.4.3).

    Returns:
        The model, and the logits of each patient by the model that did not see their label.
    """
    told = Logistic(labels=training.labels, weights=training.weights, splits=training.splits)
    return fit_averaged(training.rows, told)


def fit_averaged(rows: pd.DataFrame, regression: Regression) -> tuple[Linear, Floats]:
    """Choose the penalties of a regression, fit it on all, average over sets of modalities; see `fit_linear`."""
    columns = Columns.fit(rows)
    values = columns(rows)
    blocks = np.array([name.split(":", 1)[0] for name in columns.sources])
    names = tuple(dict.fromkeys(str(block) for block in blocks))
    width = np.array([(blocks == block).sum() for block in blocks], dtype=np.float64)

    tried = regression.tried
    scales = {power: width ** (-power / 2) for power in (POWERS if len(set(width)) > 1 else POWERS[:1])}
    paths = {power: tried(reduced(values * scale)[0], STRENGTHS) for power, scale in scales.items()}
    power = min(paths, key=lambda one: min(found.loss.mean() for found in paths[one].values()))
    around = near(min(paths[power], key=lambda one: float(paths[power][one].loss.mean())))

    held_out, losses, fits, strengths = [], [], [], []
    for members in sets_of(names):
        inside = np.isin(blocks, members)
        scale = scales[power][inside]
        design, back = reduced(values[:, inside] * scale)
        path = paths[power] if members == names else tried(design, around)
        strength = strongest({one: found.loss for one, found in path.items()})
        found, intercept = regression.fit(design, strength)
        coefficients = np.zeros((len(intercept), len(blocks)))
        coefficients[:, inside] = found @ back * scale
        fits.append((coefficients, intercept))
        held_out.append(path[strength].logits)
        losses.append(path[strength].loss)
        strengths.append(strength)
    net = regression.net(values)
    if net is not None:
        fits.append((net.coefficients, net.intercept))
        held_out.append(net.tried.logits)
        losses.append(net.tried.loss)
    share = shares(losses)
    of_sets = zip(sets_of(names), share[: len(strengths)], strengths, strict=True)
    fitted = Linear(
        columns=columns,
        coefficients=np.tensordot(share, np.stack([coefficients for coefficients, _ in fits]), axes=1),
        intercept=share @ np.stack([intercept for _, intercept in fits]),
        strength=strengths[0],
        power=power,
        sets={"+".join(some): (float(one), strength) for some, one, strength in of_sets},
        net=(0.0, 0.0) if net is None else (float(share[-1]), net.penalty),
    )
    return fitted, np.tensordot(share, np.stack(held_out), axes=1)


def reduced(values: Floats) -> tuple[Floats, Floats]:
    """The design in the span of the patients, and the way back: ridge coefficients lie in it (representer theorem)."""
    if values.shape[1] <= values.shape[0]:
        return values, np.eye(values.shape[1])
    left, size, right = np.linalg.svd(values, full_matrices=False)
    kept = size > 1e-10 * size.max(initial=1e-300)
    return left[:, kept] * size[kept], right[kept]
