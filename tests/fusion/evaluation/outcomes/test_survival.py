"""Log-risks on one scale, Breslow's baseline, Harrell's C within parts."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from fusion.contract import Truth
from fusion.evaluation.outcome import outcome_of
from fusion.evaluation.outcomes.survival import SurvivalOutcome, fit_baseline, harrell
from tests.helpers.times import MONTHS, invented


@pytest.fixture
def logits():
    rows, truth = invented(200, effect=0.8)
    return rows.to_numpy()[:, 0], truth


def test_the_slope_and_survival_are_a_cox_regressions(logits):
    """lifelines, without a prior: the slope to what its ties allow, survival at both horizons to 0.5 %."""
    from lifelines import CoxPHFitter

    values, truth = logits
    found = fit_baseline(3.0 * values + 7.0, truth, horizons=MONTHS.horizons, strength=0.0)
    table = pd.DataFrame({"x": 3.0 * values + 7.0, "time": truth.times, "event": truth.label})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = CoxPHFitter().fit(table, "time", "event")
        survival = fitted.predict_survival_function(table, times=list(MONTHS.horizons)).T
    assert found.slope == pytest.approx(fitted.params_["x"], rel=1e-3)
    scores = found(3.0 * values + 7.0)
    assert scores.shape == (200, 3)
    assert np.corrcoef(scores[:, 0], values)[0, 1] == pytest.approx(1.0)
    np.testing.assert_allclose(scores[:, 1:], survival, atol=0.005)


def test_useless_risks_are_drawn_together_and_turned_ones_never_turned(logits):
    values, truth = logits
    noise = np.random.default_rng(0).normal(size=200)
    useless = fit_baseline(noise, truth, horizons=())
    assert 0 < useless.slope < 0.3
    turned = fit_baseline(-values, truth, horizons=())
    assert 0 < turned.slope < 0.01
    same = fit_baseline(np.full(200, 5.0), truth, horizons=(6.0,))
    assert np.ptp(same(np.full(3, 5.0))[:, 0]) == 0


def test_each_part_has_an_origin_of_its_own(logits):
    values, truth = logits
    parts = replace(truth, part=np.arange(200) % 4)
    plain, moved = (fit_baseline(one, parts, horizons=()) for one in (values, values + 10.0 * parts.part))
    assert moved.slope == pytest.approx(plain.slope)
    assert plain.slope > 0.5


def test_steeper_keeps_the_mean_hazard(logits):
    values, truth = logits
    found = fit_baseline(values, truth, horizons=(12.0,))
    steep = found.steeper(2.0, values, narrower=2.0)
    assert steep.slope == pytest.approx(2 * found.slope)
    narrow = values.mean() + (values - values.mean()) / np.sqrt(2)
    before, after = np.exp(found.risks(values)).mean(), np.exp(steep.risks(narrow)).mean()
    np.testing.assert_allclose(np.array(steep.hazard) * after, np.array(found.hazard) * before)


def test_state_goes_through_json_and_back(logits):
    values, truth = logits
    outcome = outcome_of(MONTHS)
    found = outcome.fit_calibrator(values, truth)
    again = outcome.restore_calibrator(json.loads(json.dumps({**found.state(), "threshold": None})))
    np.testing.assert_array_equal(found(values), again(values))


def test_harrells_c_is_scikit_survivals_within_parts(logits):
    from sksurv.metrics import concordance_index_censored

    values, truth = logits
    risks, part = np.round(values, 1), np.arange(200) % 3
    each = [
        concordance_index_censored(truth.label[part == one] == 1, truth.times[part == one], risks[part == one])[0]
        for one in range(3)
    ]
    assert harrell(risks, replace(truth, part=part)) == pytest.approx(np.mean(each), abs=1e-6)
    assert harrell(risks + 9.0 * part, replace(truth, part=part)) == pytest.approx(np.mean(each), abs=1e-6)
    censored = Truth(label=np.zeros(200, dtype=np.int64), time=truth.time)
    assert np.isnan(harrell(risks, censored))
    lone = truth.label.copy()
    lone[part == 2] = 0
    assert harrell(risks, Truth(label=lone, time=truth.time, part=part)) == pytest.approx(np.mean(each[:2]), abs=1e-6)


def test_drawn_is_the_metric_of_repeated_rows(logits):
    values, truth = logits
    outcome, few = SurvivalOutcome(MONTHS), truth[:12]
    counts = np.stack([np.ones(12), np.arange(12) % 3]).astype(float)
    found = outcome.drawn(few, values[:12], counts)
    assert found[0] == outcome.inner(few, values[:12])["c_harrell"]
    rows = np.repeat(np.arange(12), np.arange(12) % 3)
    assert found[1] == harrell(values[:12][rows], few[rows])


def test_columns_there_and_back_and_a_summary_over_folds(logits):
    values, truth = logits
    outcome = outcome_of(MONTHS)
    scores = outcome.fit_calibrator(values, truth)(values)
    columns = pd.DataFrame(outcome.columns(scores))
    assert list(columns) == ["score", "survival@6", "survival@12"]
    np.testing.assert_array_equal(outcome.of_columns(columns), scores)
    np.testing.assert_array_equal(outcome.logits(scores), scores[:, 0])
    assert (columns["survival@6"] >= columns["survival@12"]).all()
    by_fold = np.stack([scores, scores + 0.1])
    by_fold[1, 0] = np.nan
    told = pd.DataFrame(outcome.summary(by_fold))
    assert len(set(told.loc[0, ["score", "low", "high"]])) == 1
    assert told.loc[1, "survival@12"] == pytest.approx(scores[1, 2] + 0.05)
    assert told.loc[1, "high@12"] == scores[1, 2] + 0.1
    assert told.loc[1, "low@12"] == scores[1, 2]
    assert set(outcome.meanings()) == set(told.columns)


def test_arms_of_classes_give_way():
    listed = ["fusion", "singles", "classical_lr", "classical_forest", "classical_boosting", "handcrafted", "late"]
    assert outcome_of(MONTHS).arms(listed) == ["fusion", "singles", "classical_cox", "classical_boosting", "late"]
