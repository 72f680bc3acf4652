"""From predictions to metrics.json: within folds, paired, with what cannot be judged told."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
from sksurv import metrics as sk

from fusion.contract import FusionError
from fusion.evaluation.survival.evaluate import _tau, evaluate_survival
from fusion.evaluation.survival.horizons import _followed
from tests.helpers.survival import survival_predictions


def _surv(rows):
    pairs = zip(rows["label"] == 1, rows["time"], strict=True)
    return np.array(list(pairs), dtype=[("event", bool), ("time", float)])


def test_concordances_are_within_folds_and_averaged():
    rows = survival_predictions(repeats=2, folds=3)
    found = evaluate_survival(rows, draws=50, tau=25.0)
    harrell, uno, auc = [], [], []
    for (_, fold), test in rows[rows["arm"] == "fusion"].groupby(["repeat", "fold"]):
        repeat = rows[(rows["arm"] == "fusion") & (rows["repeat"] == test["repeat"].iloc[0])]
        train = _surv(repeat[repeat["fold"] != fold])
        harrell.append(sk.concordance_index_censored(test["label"] == 1, test["time"], test["score"])[0])
        uno.append(sk.concordance_index_ipcw(train, _surv(test), test["score"], tau=25.0)[0])
        auc.append(sk.cumulative_dynamic_auc(train, _surv(test), test["score"], np.array([24.0]))[0][0])
    fusion = found["arms"]["fusion"]
    assert fusion["c_harrell"]["value"] == pytest.approx(np.mean(harrell), abs=1e-6)
    assert fusion["c_uno"]["value"] == pytest.approx(np.mean(uno), abs=1e-6)
    assert found["horizons"][1]["arms"]["fusion"]["auc"]["value"] == pytest.approx(np.mean(auc), abs=1e-6)
    by_fold = found["by_fold"]["fusion"]["c_harrell"]
    np.testing.assert_allclose(np.ravel(by_fold["values"]), harrell, atol=1e-6)
    assert by_fold["deviation"] == pytest.approx(np.std(harrell, ddof=1), abs=1e-6)
    # Each fold's scores have a level of their own; ranked together they would say something else.
    everyone = rows[(rows["arm"] == "fusion") & (rows["repeat"] == 0)]
    pooled = sk.concordance_index_censored(everyone["label"] == 1, everyone["time"], everyone["score"])[0]
    assert abs(pooled - fusion["c_harrell"]["value"]) > 0.05


def test_ibs_is_that_of_scikit_survival_over_all_patients():
    rows = survival_predictions(folds=3)
    found = evaluate_survival(rows, draws=20)
    total, number = 0.0, 0
    one = rows[rows["arm"] == "fusion"]
    for fold, test in one.groupby("fold"):
        survival = test[["survival@12", "survival@24", "survival@36"]].to_numpy()
        ibs = sk.integrated_brier_score(_surv(one[one["fold"] != fold]), _surv(test), survival, [12, 24, 36])
        total, number = total + len(test) * ibs, number + len(test)
    assert found["arms"]["fusion"]["ibs"]["value"] == pytest.approx(total / number, abs=1e-6)
    assert found["arms"]["fusion"]["ibs_skill"]["value"] > 0


def test_the_verdict_reads_harrell_below_a_hundred_events_and_uno_from_there():
    few = evaluate_survival(survival_predictions(100), draws=20)
    many = evaluate_survival(survival_predictions(300, censored=0.4), draws=20)
    assert few["events"] < 100 <= many["events"]
    assert few["verdict"]["metric"] == "c_harrell"
    assert many["verdict"]["metric"] == "c_uno"
    assert "Harrell" in few["verdict"]["text"] and "Uno" in many["verdict"]["text"]


def test_gains_are_paired_and_lower_ibs_is_better():
    found = evaluate_survival(survival_predictions(200), draws=200)
    gains = {(row["arm"], row["metric"]): row for row in found["comparisons"]}
    arms = found["arms"]
    for metric, sign in (("c_harrell", 1), ("ibs", -1)):
        gain = gains["late", metric]
        difference = arms["fusion"][metric]["value"] - arms["late"][metric]["value"]
        assert gain["gain"] == pytest.approx(sign * difference)
        apart = np.hypot(*(arms[arm][metric]["high"] - arms[arm][metric]["low"] for arm in ("fusion", "late")))
        assert gain["high"] - gain["low"] < apart  # paired: less than of two samples
    assert gains["late", "c_harrell"]["low"] > 0
    assert "corrected_low" in gains["late", found["verdict"]["metric"]]


def test_draws_in_which_a_fold_has_no_comparable_pair_are_counted():
    rows = survival_predictions(40, folds=2, censored=0.5)
    one = rows[(rows["fold"] == 0)].sort_values("time")["patient_id"].iloc[0]
    rows.loc[rows["fold"] == 0, "label"] = 0
    rows.loc[rows["patient_id"] == one, "label"] = 1  # one event in the fold, missed by some draws
    found = evaluate_survival(rows, draws=300)
    # Missed with probability (1 - 1/40)^40 = 0.36.
    assert 0.25 * 300 < found["without_pair"]["draws"] < 0.5 * 300
    assert found["without_pair"]["folds"] == 0
    assert found["arms"]["fusion"]["c_harrell"]["undefined"] == 0  # the other fold has events in each


def test_all_censored_is_told_without_a_number():
    rows = survival_predictions(30).assign(label=0)
    found = evaluate_survival(rows, draws=20)
    assert found["arms"]["fusion"]["c_harrell"] == {"value": None, "low": None, "high": None, "undefined": 20}
    assert found["without_pair"] == {"draws": 20, "folds": 4}
    assert found["verdict"]["status"] == "not shown"
    assert found["risk_groups"]["log_rank"]["p"] is None
    json.dumps(found, allow_nan=False)


def test_who_is_not_known_is_left_out_and_counted():
    rows = survival_predictions(60)
    shorter = evaluate_survival(rows[rows["patient_id"] >= "P-0010"], draws=20)
    unknown = rows["patient_id"] < "P-0010"
    rows.loc[unknown, "label"], rows.loc[unknown, "time"] = -1, np.nan
    found = evaluate_survival(rows, draws=20)
    assert found["unknown"] == 10 and shorter["unknown"] == 0
    assert found["arms"] == shorter["arms"]


def test_horizons_groups_and_curves():
    rows = survival_predictions(300)
    found = evaluate_survival(rows, draws=100, unit="months")
    assert [one["name"] for one in found["horizons"]] == ["12", "24", "36"]
    two_years = found["horizons"][1]
    fusion = two_years["arms"]["fusion"]
    once = rows.drop_duplicates("patient_id")
    assert two_years["events"] == ((once["time"] <= 24) & (once["label"] == 1)).sum()
    assert two_years["followed"] == (once["time"] > 24).sum()
    expected = fusion["observed"]["value"] / fusion["predicted"]
    assert fusion["observed_expected"]["value"] == pytest.approx(expected)
    assert sum(group["patients"] for group in fusion["groups"]) == 300
    predicted = [group["predicted"] for group in fusion["groups"]]
    assert predicted == sorted(predicted)
    groups = found["risk_groups"]["groups"]
    assert [group["patients"] for group in groups] == [100, 100, 100]  # 75 patients a fold, a third of each
    assert groups[0]["restricted_mean"]["value"] > groups[2]["restricted_mean"]["value"]
    assert groups[0]["at_risk"][0] == 100
    assert found["risk_groups"]["log_rank"]["p"] < 1e-6
    assert found["tau"] == pytest.approx(np.quantile(once["time"], 0.9))
    json.dumps(found, allow_nan=False)


def test_an_arm_without_survival_has_no_ibs_but_a_concordance():
    rows = survival_predictions(80)
    rows.loc[rows["arm"] == "late", "survival@24"] = np.nan
    found = evaluate_survival(rows, draws=20)
    assert found["arms"]["late"]["ibs"]["value"] is None
    assert found["arms"]["late"]["c_harrell"]["value"] > 0.5
    assert found["horizons"][1]["arms"]["late"]["groups"] == []


def test_without_horizons_there_is_no_calibration():
    rows = survival_predictions(60, horizons=())
    found = evaluate_survival(rows, draws=20)
    assert found["horizons"] == []
    assert found["arms"]["fusion"]["ibs"]["value"] is None


def _change(column, value, arm="late"):
    def change(rows):
        rows = rows.copy()
        rows.loc[(rows["arm"] == arm) & (rows["patient_id"] == "P-0003"), column] = value
        return rows

    return change


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda rows: rows.drop(columns="time"), "no column time"),
        (lambda rows: rows.assign(label=-1), "nothing can be judged"),
        (_change("time", 0.0), "time that is not above 0.*0.0 for patient P-0003, arm late"),
        (_change("score", np.inf), "score that is not finite"),
        (_change("survival@24", 1.2), "survival@24 that is not in 0 to 1"),
        (_change("label", 2), "label that is not 0 or 1"),
        (_change("time", 3.25), "several times or labels, e.g. P-0003"),
        (_change("fold", 9), "different folds"),
        (lambda rows: rows.rename(columns={"survival@24": "survival@late"}), "names no horizon"),
        (lambda rows: rows.iloc[1:], "exactly one out-of-fold prediction"),
    ],
)
def test_what_does_not_fit_is_refused(change, told):
    with pytest.raises(FusionError, match=told):
        evaluate_survival(change(survival_predictions(40)), draws=10)


@pytest.mark.parametrize("tau", [0, -3.0, 1e6, float("nan")])
def test_a_tau_to_which_nobody_is_followed_is_refused(tau):
    with pytest.raises(FusionError, match=r"tau is .*the longest follow-up in every training part"):
        evaluate_survival(survival_predictions(40), draws=10, tau=tau)


@pytest.mark.parametrize(
    ("folds", "declared", "tau"),
    [
        # Without the first fold the longest follow-up is 4, without the second 9.
        ([0, 0, 0, 1], 3.0, 3.0),
        ([0, 0, 0, 1], 4.0, 4.0),
        ([0, 0, 0, 1], None, 4.0),
        ([0, 0, 0, 0], 9.0, 9.0),
        ([0, 0, 0, 0], None, 7.5),  # the quantile 0.9 of 1, 2, 4, 9
        ([1, 0, 0, 0], None, 1.0),
    ],
)
def test_how_far_concordance_looks_by_hand(folds, declared, tau):
    data = SimpleNamespace(times=np.array([1.0, 2.0, 9.0, 4.0]), repeats=[SimpleNamespace(folds=np.array(folds))])
    assert _tau(data, declared) == pytest.approx(tau)
    last = 9.0 if len(set(folds)) == 1 else min(tau, 4.0) if declared is None else 4.0
    with pytest.raises(FusionError, match=f"at most {last:g}, the longest follow-up"):
        _tau(data, last + 0.1)


def test_the_longest_follow_up_of_those_drawn():
    data = SimpleNamespace(times=np.array([3.0, 1.0, 2.0]))
    drawn = np.array([[1, 1, 1], [0, 2, 1], [0, 3, 0], [3, 0, 0]])
    assert _followed(data, drawn).tolist() == [3.0, 2.0, 1.0, 3.0]
