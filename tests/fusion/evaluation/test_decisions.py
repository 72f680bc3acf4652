"""Who is called at a threshold, and whose threshold it is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

from fusion.evaluation.calibration import fit_platt
from fusion.evaluation.evaluate import evaluate
from fusion.evaluation.metrics import at_threshold


def test_a_score_at_the_threshold_is_called() -> None:
    """Thresholds are scores of patients, so that equality is no accident: two of three positives, one of two others."""
    labels = np.array([1.0, 1.0, 1.0, 0.0, 0.0])
    scores = np.array([0.4, 0.5, 0.3, 0.4, 0.1])
    found = at_threshold(labels, scores, np.full(5, 0.4), np.ones((1, 5)))
    assert found["recall"] == pytest.approx([2 / 3])
    assert found["specificity"] == pytest.approx([1 / 2])
    assert found["precision"] == pytest.approx([2 / 3])


def test_every_fold_decides_by_its_own_threshold() -> None:
    """Two folds of the same scores: at 0.2 all four positives are called and two others, at 0.85 one and nobody."""
    scores = [0.9, 0.8, 0.6, 0.3, 0.5, 0.4, 0.1, 0.05]
    labels = [1, 1, 1, 1, 0, 0, 0, 0]
    rows = [
        {"patient_id": f"{fold}{at}", "arm": arm, "repeat": 0, "fold": fold, "endpoint": "response",
         "label": label, "score": score, "threshold": (0.2, 0.85)[fold]}
        for arm in ("fusion", "only_clinical")
        for fold in (0, 1)
        for at, (label, score) in enumerate(zip(labels, scores, strict=True))
    ]  # fmt: skip
    fusion = evaluate(pd.DataFrame(rows), draws=20)["arms"]["fusion"]
    assert fusion["recall"]["value"] == pytest.approx((4 + 1) / 8)
    assert fusion["specificity"]["value"] == pytest.approx((2 + 4) / 8)


def test_platts_slope_is_that_of_its_penalised_likelihood() -> None:
    """The prior is of precision 0.1 on the slope of the standardised logit, no more."""
    rng = np.random.default_rng(4)
    labels = (rng.random(30) < 0.5).astype(int)
    logits = 2.0 * labels + rng.normal(size=30)
    z = (logits - logits.mean()) / logits.std()

    def loss(beta: np.ndarray) -> float:
        eta = beta[0] * z + beta[1]
        return float(np.sum(np.logaddexp(0, eta) - labels * eta) + 0.05 * beta[0] ** 2)

    best = minimize(loss, np.zeros(2), method="BFGS", options={"gtol": 1e-9}).x
    found = fit_platt(logits, labels)
    assert found.slope == pytest.approx(best[0] / logits.std(), rel=1e-5)
    assert found.intercept == pytest.approx(best[1] - best[0] * logits.mean() / logits.std(), rel=1e-4)
