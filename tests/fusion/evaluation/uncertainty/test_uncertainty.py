from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss
from sklearn.model_selection import StratifiedKFold

from fusion.contract import EndpointSpec
from fusion.evaluation.outcome import Outcome, outcome_of
from fusion.evaluation.uncertainty.conformal import p_values, sets
from fusion.evaluation.uncertainty.evaluate import uncertainty
from fusion.evaluation.uncertainty.firmness import firmness, summary
from fusion.evaluation.uncertainty.venn_abers import merged, venn_abers

BINARY = outcome_of(EndpointSpec(name="response", kind="binary", classes=("no", "yes")))
NOBODY = pd.DataFrame()


def cohort(seed: int, n: int = 80) -> pd.DataFrame:
    """Real models on real folds: five noisy columns, one third responders, logistic regression out of fold."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(n) < 0.35).astype(int)
    values = rng.normal(size=(n, 5)) + 0.5 * labels[:, None] * np.array([1, 1, 1, 0, 0])
    rows = pd.DataFrame(
        {"patient_id": [f"P{one:03}" for one in range(n)], "repeat": 0, "fold": 0, "label": labels, "score": 0.0,
         "threshold": 0.5}
    )  # fmt: skip
    for fold, (train, test) in enumerate(StratifiedKFold(5, shuffle=True, random_state=seed).split(values, labels)):
        model = LogisticRegression().fit(values[train], labels[train])
        rows.loc[test, ["fold", "score"]] = np.column_stack(
            [np.full(len(test), fold), model.predict_proba(values[test])[:, 1]]
        )
    return rows.assign(fold=rows["fold"].astype(int))


def test_p_values_by_hand() -> None:
    """Patient 0 of fold 0 with 0.4: of three responders elsewhere (0.3, 0.4, 0.9) two are as strange: 3/4."""
    labels = np.array([1, 1, 1, 1, 0, 0])
    yes = np.array([0.4, 0.3, 0.4, 0.9, 0.2, 0.7])
    p = p_values(labels, np.stack([1 - yes, yes], axis=1), np.array([0, 1, 1, 1, 1, 1]))
    assert p[0, 1] == pytest.approx(3 / 4)
    # As a non-responder it has 0.6; of two elsewhere (0.8, 0.3) one is as strange: 2/3.
    assert p[0, 0] == pytest.approx(2 / 3)
    # In fold 1 the only responder elsewhere is patient 0, and no non-responder is: nothing is strange then.
    assert p[3].tolist() == [1.0, 1.0]
    assert p[1, 1] == pytest.approx(1 / 2)
    assert sets(np.array([[0.1, 0.11]])).tolist() == [[False, True]]


class Told(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A fitted classifier for mapie, whose inputs are the probabilities themselves."""

    def fit(self, X: Any, y: Any) -> Told:
        self.classes_ = np.arange(np.shape(X)[1])
        return self

    def predict_proba(self, X: Any) -> Any:
        return np.asarray(X)

    def predict(self, X: Any) -> Any:
        return np.asarray(X).argmax(axis=1)


@pytest.mark.filterwarnings("ignore:WARNING. your conformalization dataset has less labels:UserWarning")
def test_sets_are_those_that_mapie_calibrates_on_each_class_of_the_other_folds() -> None:
    from mapie.classification import SplitConformalClassifier

    rng = np.random.default_rng(2)
    labels, folds = rng.integers(0, 3, 150), np.arange(150) % 3
    probability = rng.dirichlet(np.ones(3), 150) * 0.6 + 0.4 * np.eye(3)[labels]
    probability /= probability.sum(axis=1, keepdims=True)
    found = sets(p_values(labels, probability, folds))
    for fold in range(3):
        here = folds == fold
        for one in range(3):
            known = ~here & (labels == one)
            mapie = SplitConformalClassifier(
                Told().fit(probability, labels), confidence_level=0.9, conformity_score="lac", prefit=True
            )
            mapie.conformalize(probability[known], labels[known])
            assert (found[here, one] == mapie.predict_set(probability[here])[1][:, one, 0]).all()


def test_coverage_over_twenty_small_cohorts_is_what_was_asked_for_in_both_classes() -> None:
    parts = []
    for seed in range(20):
        rows = cohort(seed)
        labels, yes = rows["label"].to_numpy(), rows["score"].to_numpy()
        inside = sets(p_values(labels, np.stack([1 - yes, yes], axis=1), rows["fold"].to_numpy()))
        parts.append(pd.DataFrame({"label": labels, "held": inside[np.arange(len(labels)), labels].astype(float)}))
    every = pd.concat(parts)
    assert every["held"].mean() == pytest.approx(0.9, abs=0.03)
    for _, held in every.groupby("label")["held"]:
        assert held.mean() == pytest.approx(0.9, abs=0.04)


def test_sets_by_group_decisions_and_those_that_are_right() -> None:
    rows = cohort(3, n=200)
    groups = pd.DataFrame({"arm": ["a"] * 150 + ["b"] * 50}, index=rows["patient_id"])
    found = uncertainty(rows, NOBODY, groups, BINARY, draws=100, seed=0)
    inside = found.patients[["in_no", "in_yes"]].to_numpy()
    held = inside[np.arange(200), rows["label"]]
    single = inside.sum(axis=1) == 1
    by = {(one["column"], one["group"]): one for one in found.record["by"]}
    assert by["arm", "b"]["coverage"] == pytest.approx(held[150:].mean())
    assert by["class", "yes"]["coverage"] == pytest.approx(held[rows["label"] == 1].mean())
    assert by["arm", "a"]["decided"] == pytest.approx(single[:150].mean())
    for group, size, known in (("a", 150, held[:150]), ("b", 50, held[150:])):
        exact = binomtest(int(known.sum()), size).proportion_ci(method="wilson")
        assert (by["arm", group]["low"], by["arm", group]["high"]) == pytest.approx((exact.low, exact.high))
    assert found.record["decided"]["value"] == pytest.approx(single.mean())
    assert found.record["right_where_decided"]["value"] == pytest.approx(held[single].mean())
    assert found.record["coverage"]["low"] < held.mean() < found.record["coverage"]["high"]
    low, high = (found.patients[name].to_numpy() for name in ("low", "high"))
    expected = brier_score_loss(rows["label"], merged(low, high))
    assert found.record["probabilities"]["brier"]["venn_abers"]["value"] == pytest.approx(expected)
    platt = brier_score_loss(rows["label"], rows["score"])
    assert found.record["probabilities"]["gain"]["value"] == pytest.approx(platt - expected)


def test_families_are_drawn_whole() -> None:
    rows = cohort(3, n=60)
    families = rows.assign(group=[f"F{number // 3}" for number in range(60)])
    nobody = pd.DataFrame(index=rows["patient_id"])
    alone, drawn = (
        uncertainty(one, NOBODY, nobody, BINARY, draws=50, seed=0).record["decided"] for one in (rows, families)
    )
    assert drawn["value"] == alone["value"]
    assert (drawn["low"], drawn["high"]) != (alone["low"], alone["high"])


def test_who_is_in_no_group_is_left_out_and_a_patient_of_several_repeats_counts_once() -> None:
    rows = cohort(3, n=60)
    twice = pd.concat([rows, rows.assign(repeat=1)])
    groups = pd.DataFrame({"site": ["a"] * 30 + [None] * 30}, index=rows["patient_id"])
    one, two = (uncertainty(each, NOBODY, groups, BINARY, draws=5, seed=0).record["by"] for each in (rows, twice))
    assert [(row["column"], row["group"], row["patients"]) for row in two][2:] == [("site", "a", 30)]
    for first, second in zip(one, two, strict=True):
        assert (second["low"], second["high"]) == pytest.approx((first["low"], first["high"]))


def test_venn_abers_is_two_isotonic_fits_of_scikit_learn() -> None:
    rows = cohort(1, n=60)
    labels, scores, folds = (rows[name].to_numpy() for name in ("label", "score", "fold"))
    scores = scores.round(2)  # ties
    low, high = venn_abers(labels, scores, folds)
    for place in (0, 7, 31):
        others = folds != folds[place]
        for given, bound in ((0, low), (1, high)):
            x, y = np.append(scores[others], scores[place]), np.append(labels[others], given)
            fitted = IsotonicRegression(out_of_bounds="clip").fit(x, y).predict([scores[place]])[0]
            assert bound[place] == pytest.approx(fitted)
    assert (low <= high).all()
    assert merged(np.array([0.2]), np.array([0.4]))[0] == pytest.approx(0.4 / 1.2)


def test_several_classes_have_sets_and_no_bounds() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 120)
    probability = rng.dirichlet([1, 1, 1], 120) * 0.6 + 0.4 * np.eye(3)[labels]
    rows = pd.DataFrame(
        {"patient_id": [f"P{one:03}" for one in range(120)], "repeat": 0, "fold": np.arange(120) % 4, "label": labels,
         **{f"score_{name}": probability[:, place] for place, name in enumerate("abc")}}
    )  # fmt: skip
    outcome = outcome_of(EndpointSpec(name="kind", kind="multiclass", classes=("a", "b", "c")))
    found = uncertainty(rows, NOBODY, pd.DataFrame(index=rows["patient_id"]), outcome, draws=10, seed=0)
    assert found.record["coverage"]["value"] == pytest.approx(0.9, abs=0.06)
    assert "probabilities" not in found.record


def test_firmness_by_hand() -> None:
    outer = pd.DataFrame({"patient_id": ["a", "b"], "score": [0.6, 0.2], "threshold": [0.5, 0.5]})
    inner = pd.DataFrame({"patient_id": ["a", "a", "b", "b"], "score": [0.4, 0.8, 0.2, 0.2]})
    found = firmness(outer, inner, BINARY)
    assert found.loc["a", "spread"] == pytest.approx(np.std([0.6, 0.4, 0.8], ddof=1))
    assert found["flips"].tolist() == [0.5, 0.0]
    told = summary(found, BINARY)
    assert told["flips"] == 0.25
    assert told["unsure"] == 0.5
    assert told["spread"]["median"] == pytest.approx(np.std([0.6, 0.4, 0.8], ddof=1) / 2)


def rows_of(outcome: Outcome, patients: list[str], scores: Any) -> pd.DataFrame:
    """Columns of predictions."""
    return pd.DataFrame({"patient_id": patients, "threshold": np.nan, **outcome.columns(np.array(scores))})


def test_firmness_of_classes_is_of_the_class_called_and_of_grades_of_the_expected_one() -> None:
    outer, inner = [[0.6, 0.3, 0.1]], [[0.2, 0.3, 0.5], [0.7, 0.2, 0.1]]
    kinds = {
        "multiclass": ([0.6, 0.2, 0.7], "call another class", 0.5),
        # Expected grades 0.5, 1.3 and 0.4, called 0 (half to even), 1 and 0.
        "ordinal": ([0.5, 1.3, 0.4], "call another grade", 0.5),
    }
    for kind, (numbers, flip, flips) in kinds.items():
        outcome = outcome_of(EndpointSpec(name="kind", kind=kind, classes=("a", "b", "c")))  # type: ignore[arg-type]
        found = firmness(rows_of(outcome, ["P"], outer), rows_of(outcome, ["P", "P"], inner), outcome)
        assert found.loc["P", "spread"] == pytest.approx(np.std(numbers, ddof=1))
        assert found.loc["P", "flips"] == flips
        assert summary(found, outcome)["flip"] == flip


def test_firmness_of_times_is_of_the_risk_at_the_middle_horizon_and_there_is_no_call() -> None:
    endpoint = EndpointSpec(name="death", kind="survival", classes=("no", "yes"), horizons=(1.0, 2.0), unit="years")
    outcome = outcome_of(endpoint)
    outer = rows_of(outcome, ["P", "Q"], [[0.1, 0.9, 0.8], [3.0, 0.5, 0.1]])
    inner = rows_of(outcome, ["P", "P", "Q", "R"], [[9.0, 0.1, 0.6], [0, 0, 0.4], [0, 0, 0.1], [0, 0, 0]])
    found = firmness(outer, inner, outcome)
    assert found["spread"].tolist() == pytest.approx([0.2, 0.0])
    assert outcome.number(outer, np.array([-1, -1])).tolist() == pytest.approx([0.2, 0.9])
    told = summary(found, outcome)
    assert (told["of"], told["flips"], told["unsure"]) == ("risk at 2 years", None, None)
    nothing = pd.DataFrame(index=pd.Index(["P", "Q"]))
    made = uncertainty(outer.assign(repeat=0, label=1, fold=0), inner, nothing, outcome, draws=5, seed=0)
    assert set(made.record) == {"firmness"}
    assert list(made.patients) == ["patient_id", "repeat", "spread", "flips"]
    without = outcome_of(EndpointSpec(name="death", kind="survival", classes=("no", "yes")))
    assert firmness(outer, inner, without).empty
