"""A secondary endpoint explained: its own head, calibration, gate and plain model, and that all parts add up."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

from data_modules.batches.datamodule import FusionDataModule
from fusion.apply.trained import Member, endpoint_logits, score
from fusion.attribution.jobs import Job
from fusion.attribution.members import ExplainedMember
from fusion.attribution.patient import WHOLE, Settings, explain_patient
from fusion.attribution.plain import ExplainedPlain
from fusion.attribution.plan import explained
from fusion.attribution.scale import scale_of
from fusion.attribution.store import settings_key
from fusion.contract import CohortSpec, EndpointSpec, FusionError
from fusion.evaluation.calibration import Platt
from fusion.evaluation.outcomes.ordinal import Grades
from fusion.network.model import build_model
from tests.fusion.attribution.test_scale import HAZARD, RCB, TIME
from tests.helpers.explained import MODEL, PEOPLE, SPECS, Fitted, base

PCR = EndpointSpec(name="pcr", kind="binary", classes=("no", "yes"))
SPEC = CohortSpec(name="c", endpoint=PCR, build=None, simulated=False, patients=1, secondary=(RCB, TIME))


def members_of() -> list[Member]:
    """Grades start from a plain model, times from nothing."""
    fitted: Any = {name: Fitted(name) for name in SPECS}
    config = {**MODEL, "head": {"_target_": "fusion.heads.by_endpoint.by_endpoint"}}
    made = []
    for seed in (0, 1):
        model = build_model(config, SPECS, PCR, seed=seed, secondary=SPEC.secondary).eval()
        common: Any = {"fold": "f", "index": seed, "fitted": fitted}
        rcb = Member(
            **common, model=model.seen_as("rcb"), calibrator=Grades(slope=2.0, cuts=(-0.5, 1.5)), gate=0.6, base=base(),
            base_fitted=fitted,
        )  # fmt: skip
        pfs = Member(**common, model=model.seen_as("pfs"), calibrator=HAZARD)
        platt = Platt(slope=1.0, intercept=0.0)
        made.append(Member(**common, model=model, calibrator=platt, secondary={"rcb": rcb, "pfs": pfs}))
    return made


@pytest.mark.parametrize(("name", "endpoint"), [("rcb", RCB), ("pfs", TIME)])
def test_parts_add_up_to_what_predict_says_of_it(name: str, endpoint: EndpointSpec) -> None:
    settings = Settings(arm="fusion", method="integrated_gradients", steps=32, tiles=0, endpoint=name)
    job = Job(config={}, endpoint=PCR, settings=settings, store=None, secondary=SPEC.secondary)  # type: ignore[arg-type]
    assert job.explained is endpoint
    members, scale = members_of(), scale_of(job.explained)
    seen = [ExplainedMember(job.seen(one), PEOPLE[:20], scale=scale) for one in members]
    plain = ExplainedPlain(seen[0].member, PEOPLE) if name == "rcb" else None
    found = explain_patient(seen, "x", settings, plain=plain)
    facts, rows = found.facts, found.rows[found.rows["feature"] != WHOLE]
    assert rows["attribution"].sum() == pytest.approx(facts["log_odds"] - facts["reference"], abs=1e-4)
    assert sum(facts["shapley"].values()) == pytest.approx(facts["log_odds"] - facts["none"], abs=1e-6)
    logits = endpoint_logits(members, ["x"], partial(FusionDataModule, batch_size=4))[name]
    told = score([one.secondary[name] for one in members], logits)[0]
    assert facts["score"] == pytest.approx(max(told) if name == "rcb" else told[0], abs=1e-5)
    # The plain model's part is exact: what it says of the patient, on the scale of the calibration.
    if plain is not None:
        alone = 2.0 * float(np.asarray(seen[0].member.plain(["x"]))[0])
        network = 2.0 * 0.6 * float(np.mean([(row - alone / 2.0) / 0.6 for row in logits]))
        assert facts["log_odds"] == pytest.approx(alone + network - 0.5, abs=1e-5) and abs(alone) > 0.01


def test_an_endpoint_is_one_of_the_runs_and_the_first_where_none_is_named() -> None:
    assert (explained(SPEC, None), explained(SPEC, "pcr"), explained(SPEC, "pfs")) == (PCR, PCR, TIME)
    with pytest.raises(FusionError, match="endpoint=os: the run was trained for pcr, rcb, pfs; choose one of them"):
        explained(SPEC, "os")
    job = Job(config={}, endpoint=PCR, settings=Settings(arm="a", method="m", steps=1, tiles=0), store=None)  # type: ignore[arg-type]
    member = members_of()[0]
    assert job.explained is PCR and job.seen(member) is member


def test_explanations_that_were_interrupted_before_endpoints_had_names_go_on() -> None:
    """The key of the primary endpoint's is as it was; that of another differs."""
    settings = Settings(arm="fusion", method="integrated_gradients", steps=32, tiles=6)
    first = settings_key(settings, {"run.json": "1"}, repeat=0, anonymise=False)
    assert first == KEY
    other = Settings(arm="fusion", method="integrated_gradients", steps=32, tiles=6, endpoint="rcb")
    assert settings_key(other, {"run.json": "1"}, repeat=0, anonymise=False) != first


KEY = "941dcbab42eec49a0a0c150caf459525eeec0545ae7c05082d474ebf7c5aa7ab"
"""Of version 4 of a part, by the package before secondary endpoints were explained."""
