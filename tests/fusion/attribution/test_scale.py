"""Times and grades explained: sums, the scores that predict gives, probabilities by hand, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.special import expit, softmax

from fusion.apply.trained import Member, member_logits, score
from fusion.attribution.members import ExplainedMember
from fusion.attribution.patient import WHOLE, Settings, explain_patient
from fusion.attribution.plain import ExplainedPlain
from fusion.attribution.plan import Patient
from fusion.attribution.scale import scale_of
from fusion.contract import EndpointSpec, FusionError
from fusion.evaluation.calibration import Temperature
from fusion.evaluation.outcomes.ordinal import Grades
from fusion.evaluation.outcomes.survival import Baseline
from fusion.network.model import build_model
from tests.helpers.explained import MODEL, PEOPLE, SPECS, Fitted, base

TIME = EndpointSpec(name="pfs", kind="survival", classes=("censored", "event"), unit="months", horizons=(12.0, 24.0))
RCB = EndpointSpec(name="rcb", kind="ordinal", classes=("0", "I", "II"))
TYPE = EndpointSpec(name="type", kind="multiclass", classes=("a", "b", "c"))
HAZARD = Baseline(slope=1.5, centre=0.2, times=(6.0, 20.0), hazard=(0.3, 0.8), horizons=TIME.horizons)
CASES = {
    "cox": (TIME, HAZARD, {"_target_": "fusion.heads.cox.CoxRisk"}, None),
    "discrete": (TIME, HAZARD, {"_target_": "fusion.heads.discrete_time.DiscreteTime", "intervals": 3}, None),
    "horizon": (TIME, HAZARD, {"_target_": "fusion.heads.cox.CoxRisk"}, 24),
    "classes": (
        TYPE,
        Temperature(temperature=0.5, bias=(0.3, -0.1, -0.2)),
        {"_target_": "fusion.heads.classes.Classes"},
        None,
    ),
    "grades": (RCB, Grades(slope=2.0, cuts=(-0.5, 1.5)), {"_target_": "fusion.heads.ordinal.CumulativeLink"}, None),
}


def fold_of(case: str) -> tuple[list[ExplainedMember], ExplainedPlain, Any]:
    endpoint, calibrator, head, horizon = CASES[case]
    plain = base()
    if case == "classes":
        each = np.outer([1.0, -0.3, 0.4], plain.coefficients[0])
        plain = replace(plain, coefficients=each, intercept=np.array([0.1, -0.2, 0.5]))
    fitted = {name: Fitted(name) for name in SPECS}
    members = [
        Member(
            fold="f", index=seed, model=build_model({**MODEL, "head": head}, SPECS, endpoint, seed=seed).eval(),
            fitted=fitted, calibrator=calibrator, gate=0.6, base=plain, base_fitted=fitted,
        )
        for seed in (0, 1)
    ]  # fmt: skip
    scale = scale_of(endpoint, horizon, "b" if case == "classes" else None)
    return (
        [ExplainedMember(one, PEOPLE[:20], scale=scale) for one in members],
        ExplainedPlain(members[0], PEOPLE, scale=scale),
        scale,
    )


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("patient", ["x", "without"])
def test_parts_add_up_to_what_predict_says(case: str, patient: str) -> None:
    from functools import partial

    from data_modules.batches.datamodule import FusionDataModule

    members, plain, scale = fold_of(case)
    settings = Settings(arm="fusion", method="integrated_gradients", steps=32, tiles=0, horizon=CASES[case][3])
    found = explain_patient(members, patient, settings, plain=plain)
    facts, rows = found.facts, found.rows[found.rows["feature"] != WHOLE]
    assert rows["attribution"].sum() == pytest.approx(facts["log_odds"] - facts["reference"], abs=1e-4)
    assert sum(facts["shapley"].values()) == pytest.approx(facts["log_odds"] - facts["none"], abs=1e-6)
    networks = [one.member for one in members]
    logits = member_logits(networks, [patient], partial(FusionDataModule, batch_size=4))
    told = score(networks, logits)[0]
    logit = logits.mean()
    if case == "classes":
        # By hand: softmax of 2 · logit + bias, and that of b less the mean of the others'.
        each = 2 * logits.mean(axis=0)[0] + np.array([0.3, -0.1, -0.2])
        assert facts["predicted"] == pytest.approx(dict(zip("abc", softmax(each), strict=True)), abs=1e-6)
        assert told == pytest.approx(softmax(each), abs=1e-6) and facts["score"] == pytest.approx(max(told), abs=1e-6)
        assert facts["log_odds"] == pytest.approx(each[1] - (each[0] + each[2]) / 2, abs=1e-5)
    elif case == "grades":
        # By hand: P(y > k) = sigmoid(2 · logit − cut), and the mean over the cuts of 2 · logit − cut.
        above = expit(2 * logit - np.array([-0.5, 1.5]))
        by_hand = {"0": 1 - above[0], "I": above[0] - above[1], "II": above[1]}
        assert facts["predicted"] == pytest.approx(by_hand, abs=1e-6)
        assert facts["log_odds"] == pytest.approx(2 * logit - 0.5, abs=1e-5)
        assert facts["score"] == pytest.approx(max(told), abs=1e-6)
    else:
        risk = 1.5 * (logit - 0.2)
        free = np.exp(-np.array([0.3, 0.8]) * np.exp(risk))
        assert (facts["score"], told[0]) == pytest.approx((risk, risk), abs=1e-5)
        assert list(facts["predicted"].values()) == pytest.approx(free, abs=1e-5)
        assert told[1:] == pytest.approx(free, abs=1e-5)
        assert facts["log_odds"] == pytest.approx(free[1] if case == "horizon" else risk, abs=1e-5)
    assert scale.names == list(facts["predicted"])


def test_what_speaks_for_an_event_speaks_against_being_free_of_it() -> None:
    """Contributions to the probability are those to the log-risk times one number, below 0, of the patient."""
    settings = {"arm": "fusion", "method": "integrated_gradients", "steps": 8, "tiles": 0}
    risk, free = (
        explain_patient(members, "x", Settings(**settings, horizon=at), plain=plain)
        for (members, plain, _), at in ((fold_of("cox"), None), (fold_of("horizon"), 24))
    )
    parts = [one.rows[one.rows["feature"] != WHOLE]["attribution"].to_numpy() for one in (risk, free)]
    ends = [np.exp(-0.8 * np.exp(risk.facts[name])) for name in ("log_odds", "reference")]
    factor = (ends[0] - ends[1]) / (risk.facts["log_odds"] - risk.facts["reference"])
    assert factor < 0
    assert parts[1] == pytest.approx(factor * parts[0], abs=1e-9)
    # Deleting what supports survival most lowers it more than chance; two curves of probabilities.
    assert set(free.facts["deletion"]) == {"variants: genes"}
    assert abs(free.facts["deletion"]["variants: genes"]) < 1
    assert free.facts["delta"] == pytest.approx(abs(factor) * risk.facts["delta"])


def test_of_no_change_the_factor_is_the_slope() -> None:
    """Of exp(−0.8 exp(r)) at r = 0.3: −0.8 · e^r · S."""
    slope = -0.8 * np.exp(0.3) * np.exp(-0.8 * np.exp(0.3))
    assert scale_of(TIME, 24.0).factor(0.3, 0.3, HAZARD) == pytest.approx(slope, rel=1e-6)
    assert scale_of(TIME).factor(0.3, 0.3, HAZARD) == pytest.approx(1)


def patient(label: int, time: float | None = None) -> Patient:
    return Patient(id="p", name="p", fold=0, label=label, score=0.5, time=time)


def test_words_and_groups() -> None:
    risk, free, grade = scale_of(TIME), scale_of(TIME, 12.0), scale_of(RCB)
    facts = {"score": np.log(2), "predicted": {"12": 0.8, "24": 0.5}}
    assert risk.told(facts) == "+0.69"
    assert risk.sentence(facts) == (
        "Log-risk +0.69, 2 times the hazard of average risk; probability to be free of the event 80 % at 12 months, "
        "50 % at 24 months"
    )
    assert free.told(facts) == "80 %"
    assert free.sentence(facts) == risk.sentence(facts)
    assert [risk.observed(one) for one in (patient(1, 7.5), patient(0, 20.0), patient(-1))] == [
        "event at 7.5 months", "no event until 20 months", "unknown",
    ]  # fmt: skip
    # At 12 months: an event before is one, who is followed beyond is free, who left before is neither.
    after = [patient(1, 7.5), patient(1, 12.0), patient(1, 30.0), patient(0, 30.0), patient(0, 11.0), patient(-1)]
    assert [free.side(one) for one in after] == [0, 0, 1, 1, None, None]
    assert [risk.side(one) for one in after] == [1, 1, 1, 0, 0, None]
    assert [grade.side(patient(label)) for label in (-1, 0, 1, 2)] == [None, 0, None, 1]
    one = scale_of(TYPE, of_class="b")
    assert [one.side(patient(label)) for label in (-1, 0, 1, 2)] == [None, 0, 1, 0] and one.groups == ("b", "the rest")
    assert one.told({"predicted": {"a": 0.2, "b": 0.3, "c": 0.5}}) == "30 %"
    assert one.sentence({"predicted": {"a": 0.2, "b": 0.3, "c": 0.5}}) == "Probabilities: a 20 %, b 30 %, c 50 %"
    assert grade.told({"predicted": {"0": 0.2, "I": 0.5, "II": 0.3}}) == "I (50 %)"


def test_what_cannot_be_explained_is_refused() -> None:
    with pytest.raises(FusionError, match=r"horizon=18: the run's endpoint 'pfs' has the horizons 12, 24; choose one"):
        scale_of(TIME, 18)
    with pytest.raises(FusionError, match=r"horizon=12: the run's endpoint 'rcb' has no horizons"):
        scale_of(RCB, 12)
    with pytest.raises(FusionError, match=r"class=null: say which class of 'type' is explained .*: a, b, c\."):
        scale_of(TYPE)
    with pytest.raises(FusionError, match=r"class=d: say which class of 'type'"):
        scale_of(TYPE, of_class="d")
    with pytest.raises(FusionError, match=r"class=I: 'rcb' is ordinal"):
        scale_of(RCB, of_class="I")
