from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk
from sklearn.linear_model import LogisticRegression

from fusion.evaluation.intervals import resample
from fusion.evaluation.metrics import METRICS, Scored, auroc, average_precision, metric_draws


def example(patients: int = 157, *, seed: int = 1, decimals: int = 1) -> Scored:
    """Scores rounded so hard that many are tied."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(patients) < 0.35).astype(float)
    scores = np.clip(np.round(rng.beta(2, 3, patients) + 0.2 * labels, decimals), 0.05, 0.95)
    return Scored(labels=labels, scores=scores, thresholds=np.full(patients, 0.45), folds=np.arange(patients) % 5)


def repeated(data: Scored, counts: np.ndarray) -> Scored:
    """The drawn sample written out, a row a drawn patient."""
    rows = np.repeat(np.arange(len(data.labels)), counts.astype(int))
    return Scored(
        labels=data.labels[rows], scores=data.scores[rows], thresholds=data.thresholds[rows], folds=data.folds[rows]
    )


def by_sklearn(data: Scored) -> dict[str, float]:
    called = data.scores >= data.thresholds
    logits = np.log(data.scores / (1 - data.scores))[:, None]
    return {
        "auroc": sk.roc_auc_score(data.labels, data.scores),
        "auprc": sk.average_precision_score(data.labels, data.scores),
        "accuracy": sk.accuracy_score(data.labels, called),
        "balanced_accuracy": sk.balanced_accuracy_score(data.labels, called),
        "precision": sk.precision_score(data.labels, called),
        "recall": sk.recall_score(data.labels, called),
        "specificity": sk.recall_score(1 - data.labels, ~called),
        "f1": sk.f1_score(data.labels, called),
        "brier": sk.brier_score_loss(data.labels, data.scores),
        "brier_skill": sk.d2_brier_score(data.labels, data.scores),
        "calibration_slope": LogisticRegression(C=np.inf, tol=1e-10).fit(logits, data.labels).coef_[0, 0],
        "auroc_fold_mean": np.mean(
            [sk.roc_auc_score(data.labels[data.folds == fold], data.scores[data.folds == fold]) for fold in range(5)]
        ),
    }


def test_values_are_scikit_learns_for_the_sample_and_for_every_draw() -> None:
    data = example()
    counts = resample(np.arange(len(data.labels)), 2, seed=3).counts
    drawn = metric_draws(data, counts)
    assert list(drawn) == list(METRICS) or set(drawn) == set(METRICS)
    for draw, row in enumerate(counts):
        for name, value in by_sklearn(repeated(data, row)).items():
            assert drawn[name][draw] == pytest.approx(value, abs=2e-5 if name == "calibration_slope" else 1e-12), name


def test_calibration_in_the_large_solves_its_equation() -> None:
    data = example()
    shift = metric_draws(data, resample(np.arange(len(data.labels)), 0, seed=0).counts)["calibration_intercept"][0]
    recalibrated = 1 / (1 + np.exp(-(np.log(data.scores / (1 - data.scores)) + shift)))
    assert recalibrated.mean() == pytest.approx(data.labels.mean(), abs=1e-9)


def test_auroc_and_precision_by_hand() -> None:
    labels, scores = np.array([0.0, 1, 0, 1]), np.array([0.1, 0.4, 0.4, 0.8])
    counts = np.array([[1.0, 1, 1, 1], [2, 1, 0, 1], [1, 2, 1, 0], [0, 1, 0, 3]])
    # Pairs: (0.4 over 0.1) 1, (0.4 = 0.4) ½, (0.8 over both) 2 → 3.5 of 4; second: all of 2·2; third: 2·(1 + ½) of 4.
    assert auroc(labels, scores, counts)[:3] == pytest.approx([3.5 / 4, 1.0, 3 / 4])
    assert np.isnan(auroc(labels, scores, counts)[3])
    # From the top: 0.8 gives recall ½ at precision 1; the tie at 0.4 gives the other half at precision 2/3.
    assert average_precision(labels, scores, counts[:1])[0] == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)


def test_undefined_metrics_are_nan_not_errors() -> None:
    separated = Scored(
        labels=np.array([0.0, 0, 1, 1]),
        scores=np.array([0.1, 0.2, 0.8, 0.9]),
        thresholds=np.full(4, 0.95),
        folds=np.zeros(4, int),
    )
    values = {name: drawn[0] for name, drawn in metric_draws(separated, np.ones((1, 4))).items()}
    assert np.isnan(values["calibration_slope"])
    assert (values["auroc"], values["precision"], values["f1"]) == (1.0, 0.0, 0.0)
    constant = Scored(
        labels=separated.labels, scores=np.full(4, 0.5), thresholds=np.full(4, 0.5), folds=np.zeros(4, int)
    )
    values = {name: drawn[0] for name, drawn in metric_draws(constant, np.ones((1, 4))).items()}
    assert (values["auroc"], values["auprc"]) == (0.5, 0.5)
    assert np.isnan(values["calibration_slope"])


def test_auroc_does_not_depend_on_a_monotone_change_of_scores() -> None:
    data = example(decimals=3)
    counts = resample(np.arange(len(data.labels)), 50, seed=0).counts
    assert auroc(data.labels, data.scores, counts) == pytest.approx(
        auroc(data.labels, data.scores**3, counts), abs=1e-12
    )
