"""What jobs of a sweep set, and which key explains how they differ."""

from __future__ import annotations

import pytest

from fusion.report.sweeps.searched import importances, shared, values_of

SETTINGS = {
    "0": "+experiment=x trainer.learning_rate=0.001 model/fuser=concat",
    "1": "+experiment=x trainer.learning_rate=0.01 model/fuser=concat",
    "2": "+experiment=x trainer.learning_rate=0.01 model/fuser=gated seed=8",
}


def test_keys_that_are_not_the_same_in_all() -> None:
    assert values_of(SETTINGS) == {
        "0": {"trainer.learning_rate": "0.001", "model/fuser": "concat", "seed": ""},
        "1": {"trainer.learning_rate": "0.01", "model/fuser": "concat", "seed": ""},
        "2": {"trainer.learning_rate": "0.01", "model/fuser": "gated", "seed": "8"},
    }
    assert values_of({"0": "a=1", "1": "a=1"}) == {"0": {}, "1": {}}


def test_what_every_job_set_alike_and_spaces_in_quotes_and_brackets() -> None:
    assert shared(SETTINGS) == ["+experiment=x"]
    spaced = {
        "0": "cohort.name='mine and yours' ~modality.slides choose={a: [1, 2]} x=1",
        "1": "cohort.name='mine and hers' ~modality.slides choose={a: [1, 2]} x=1",
    }
    assert values_of(spaced)["1"] == {"cohort.name": "'mine and hers'"}
    assert shared(spaced) == ["~modality.slides", "choose={a: [1, 2]}", "x=1"]


def test_the_key_that_makes_the_difference_has_the_larger_share() -> None:
    pytest.importorskip("optuna", reason="Optuna is not installed: pip install 'oncofusion[optuna]'")
    values = {str(job): {"rate": str(10.0 ** -(job % 4)), "width": ("8", "16")[job // 4 % 2]} for job in range(16)}
    by_rate = {job: float(one["rate"]) ** 0.25 + (0.01 if one["width"] == "8" else 0) for job, one in values.items()}
    by_width = {job: 1.0 if one["width"] == "8" else 0.0 for job, one in values.items()}
    found = importances(values, by_rate)
    assert list(found) == ["rate", "width"] and found["rate"] > 0.9
    assert sum(found.values()) == pytest.approx(1)
    assert list(importances(values, by_width)) == ["width", "rate"]
    few = dict(list(values.items())[:7])
    assert importances(few, by_rate) == {}
    assert importances(values, dict.fromkeys(values, 0.5)) == {}


def test_numbers_are_numbers_and_far_apart_ones_are_looked_at_by_their_logarithm() -> None:
    optuna = pytest.importorskip("optuna", reason="Optuna is not installed: pip install 'oncofusion[optuna]'")
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    values = {
        str(job): {"rate": str(10.0 ** -(job % 5)), "depth": str(job % 3), "net": "ab"[job % 2]} for job in range(15)
    }
    scores = {job: float(one["rate"]) ** 0.3 + 0.1 * float(one["depth"]) for job, one in values.items()}
    space = {
        "rate": FloatDistribution(1e-4, 1.0, log=True), "depth": FloatDistribution(0.0, 2.0),
        "net": CategoricalDistribution(["a", "b"]),
    }  # fmt: skip
    study = optuna.create_study(direction="maximize")
    for job, one in values.items():
        params = {"rate": float(one["rate"]), "depth": float(one["depth"]), "net": one["net"]}
        study.add_trial(optuna.create_trial(params=params, distributions=space, value=scores[job]))
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    expected = optuna.importance.get_param_importances(study, evaluator=evaluator)
    assert importances(values, scores) == pytest.approx(dict(expected))
