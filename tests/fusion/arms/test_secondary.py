"""A network arm of two endpoints: who trains, whose labels calibrate, and that nobody is scored by who saw them."""

from __future__ import annotations

import json
from copy import copy
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from omegaconf import OmegaConf
from sklearn.metrics import roc_auc_score

from fusion.apply.trained import endpoint_logits, load_members, member_logits, score
from fusion.arms.base import FoldData, Members, calibrate_ensemble
from fusion.arms.classical import features
from fusion.arms.finished import Finished, Trained
from fusion.arms.secondary import bases_of, mean_of, secondary_scores, secondary_starts, started, without_offset
from fusion.arms.start import unseen_of
from fusion.contract import EndpointSpec, FusionError, InnerFold, Secondary, State, Truth
from fusion.evaluation.outcome import outcome_of
from fusion.network.fitting import PRIMARY
from fusion.network.model import build_model
from fusion.plain.base import fit_base
from fusion.plain.families import family_of
from fusion.run.state import save_state
from tests.fusion.arms.conftest import ENDPOINT
from tests.fusion.arms.test_network import MAKE_DATA, MODEL, arm

RCB = EndpointSpec(name="rcb", kind="ordinal", classes=("0", "I", "II"))


@pytest.fixture
def data(raw: Any, labels: Any, fold_of: Any) -> FoldData:
    """Every seventh training patient has no rcb; the others' follows the first column."""
    one = fold_of(raw, labels)
    train = list(one.fold.train)
    value = raw["clinical"].loc[train, "age"].to_numpy()
    grade = pd.Series(np.digitize(value, [-0.5, 0.5]), index=train)
    grade.iloc[::7] = -1
    return replace(one, secondary={"rcb": Secondary(endpoint=RCB, labels=grade)}, memory={"plain": "of another"})


def test_beside_is_the_fold_of_who_has_the_label(data: FoldData) -> None:
    seen = data.beside("rcb")
    known = [patient for number, patient in enumerate(data.fold.train) if number % 7]
    assert list(seen.fold.train) == known == list(seen.labels.index)
    assert seen.fold.test == data.fold.test and seen.endpoint == RCB
    for mine, whole in zip(seen.fold.inner, data.fold.inner, strict=True):
        assert mine.train == tuple(one for one in whole.train if one in known)
        assert mine.val == tuple(one for one in whole.val if one in known)
    assert (seen.memory, seen.secondary, seen.alone, seen.unfinished) == ({}, {}, (), None)


def test_scores_are_calibrated_by_who_has_the_label(data: FoldData) -> None:
    rng = np.random.default_rng(2)
    members, patients = len(data.fold.inner), len(data.fold.train)
    train, test = rng.normal(size=(members, patients)), rng.normal(size=(members, len(data.fold.test)))
    scores, state = secondary_scores("fusion", data, "rcb", list(zip(train, test, strict=True)))
    known = np.arange(patients) % 7 != 0
    seen = data.beside("rcb")
    expected = calibrate_ensemble(Members(train=train[:, known], unseen=unseen_of(seen.fold), test=test), seen)
    assert state["calibration"] == expected.state()
    assert np.allclose(scores.test, expected.calibrator(test.mean(axis=0)))
    assert list(scores.inner.index) == list(seen.fold.train) and scores.members is not None
    assert np.allclose(scores.inner.sum(axis=1), 1)


def test_who_trains_alone_has_no_offset_and_members_are_means_of_their_networks() -> None:
    offsets = pd.Series([1.0, 2.0], index=pd.Index(["A", "B"], name="patient_id"))
    assert without_offset(offsets, ("X",)).to_dict() == {"A": 1.0, "B": 2.0, "X": 0.0}
    assert without_offset(offsets, ()).equals(offsets)
    train, test = mean_of([(np.array([1.0]), np.array([4.0])), (np.array([2.0]), np.array([8.0]))])
    assert (train.tolist(), test.tolist()) == ([1.5], [6.0])


def test_an_interrupted_fold_keeps_all_endpoints(data: FoldData, tmp_path: Any) -> None:
    specs = {name: part.spec for name, part in data.whole.items()}
    model = build_model(MODEL, specs, data.endpoint, seed=1, secondary=[RCB])
    both = (np.array([0.5, 1.0]), np.array([2.0]))
    kept = Trained(best_epoch=3, curves=[{"epoch": 0}], train=both[0], test=both[1], secondary={"rcb": both})
    Finished(tmp_path).save("key", model, kept)
    again = build_model(MODEL, specs, data.endpoint, seed=2, secondary=[RCB])
    found = Finished(tmp_path).load("key", again, ["rcb"])
    assert found is not None and found.secondary["rcb"][0].tolist() == [0.5, 1.0]
    assert all((value == again.state_dict()[name]).all() for name, value in model.state_dict().items())
    assert Finished(tmp_path).load("key", again, ["rcb", "pfs"]) is None


def test_a_network_learns_both_and_from_who_lacks_the_first(raw: Any, labels: Any, fold_of: Any) -> None:
    """The second endpoint is the sign of a column that the first has nothing to do with."""
    second = pd.Series((raw["blood"]["crp"] > 0).astype(int), index=labels.index)
    one = fold_of(raw, labels)
    alone = one.fold.train[-20:]
    kept = [patient for patient in one.fold.train if patient not in alone]
    inner = tuple(
        InnerFold(train=tuple(p for p in part.train if p in kept), val=tuple(p for p in part.val if p in kept))
        for part in one.fold.inner
    )
    fold = replace(one.fold, train=tuple(kept), inner=inner)
    beside = {"second": Secondary(endpoint=replace(ENDPOINT, name="second"), labels=second.loc[[*kept, *alone]])}
    data = replace(one, fold=fold, labels=labels.loc[kept], secondary=beside, alone=[alone] * len(inner))
    seen: list[list[str]] = []

    def make(**settings: Any) -> Any:
        seen.append(settings["train_ids"])
        return MAKE_DATA(**settings)

    scores = arm(make).fit(data, None, lambda: None)
    assert [ids[-20:] for ids in seen] == [list(alone)] * len(inner)
    assert list(scores.inner.index) == kept
    assert roc_auc_score(labels.loc[scores.test.index], scores.test) > 0.8
    found = scores.secondary["second"].test
    assert list(found.index) == list(fold.test)
    assert roc_auc_score(second.loc[found.index], found) > 0.8


STARTING = OmegaConf.merge(MODEL, {"endpoints": {"base": "linear"}})


def plain(fitted: Any, patients: list[str], grades: pd.Series, seed: int) -> Any:
    truth = Truth(label=grades.loc[patients].to_numpy())
    rows = features(fitted, patients)
    return fit_base("linear", rows, truth, classes=3, seed=seed, family=family_of(RCB))


def test_heads_start_from_plain_models_of_who_has_the_label(data: FoldData) -> None:
    """Of who trains alone too; whom a member trains on gets logits of models that did not see their label."""
    train, grades = list(data.fold.train), data.secondary["rcb"].labels
    alone = train[-14:]
    kept = [one for one in train if one not in alone]
    inner = tuple(
        InnerFold(train=tuple(p for p in part.train if p in kept), val=tuple(p for p in part.val if p in kept))
        for part in data.fold.inner
    )
    some = [tuple(alone), tuple(alone[:5]), ()]
    data = replace(data, fold=replace(data.fold, train=tuple(kept), inner=inner), alone=some)
    starts = secondary_starts(data, ["clinical", "blood"], STARTING)
    assert list(starts) == ["rcb"]
    known = [one for one in kept if grades[one] >= 0]
    assert starts["rcb"].train.shape == (3, len(known))
    for member, part in enumerate(inner[:2]):
        learners = [one for one in (*part.train, *some[member]) if grades[one] >= 0]
        fitted, held = data.members[member], [one for one in part.val if grades[one] >= 0]
        expected = plain(fitted, learners, grades, data.member_seed(member))
        offsets = starts["rcb"].offsets[member]
        assert set(offsets.index) == {*learners, *held}
        assert offsets.loc[learners].to_numpy() == pytest.approx(expected.held_out)
        assert offsets.loc[held].to_numpy() == pytest.approx(expected.model.logits(features(fitted, held)))
        given = started(data.secondary, starts, member)["rcb"]
        assert given.offsets is offsets and given.labels is grades
    everyone = [*known, *(one for one in sorted(alone) if grades[one] >= 0)]
    whole = plain(data.whole, everyone, grades, data.seed)
    assert starts["rcb"].test == pytest.approx(whole.model.logits(features(data.whole, data.fold.test)))
    assert started(data.secondary, {}, 0)["rcb"].offsets is None


def test_what_heads_start_from_is_asked_for_or_is_the_primarys() -> None:
    for model, kind in (
        ({}, "linear"),
        ({"base": "none"}, "linear"),
        ({"base": "choose"}, "choose"),
        ({"base": "choose", "endpoints": {"base": "none"}}, "none"),
        ({"base": "linear", "endpoints": {"base": {"rcb": "boosted"}}}, "boosted"),
        ({"base": "choose", "endpoints": {"base": {"pfs": "linear"}}}, "choose"),
    ):
        assert bases_of(OmegaConf.create(model), ["rcb", "pfs"])["rcb"] == kind, model
    assert bases_of({"endpoints": {"base": "trees"}}, []) == {}
    with pytest.raises(FusionError, match=r"model\.endpoints\.base is 'trees'; choose none, linear"):
        bases_of({"endpoints": {"base": "trees"}}, ["rcb"])
    with pytest.raises(FusionError, match=r"base names os; the secondary endpoints are rcb"):
        bases_of({"endpoints": {"base": {"os": "linear"}}}, ["rcb"])


def test_the_gate_is_its_own_and_the_score_is_never_far_from_the_plain_model(data: FoldData, tmp_path: Any) -> None:
    """What the networks add is invented: nothing to grades' sake, then the truth that the plain model lacks."""
    start = secondary_starts(data, ["clinical"], STARTING)["rcb"]
    rng = np.random.default_rng(4)
    train, test = len(data.fold.train), len(data.fold.test)
    grades = data.secondary["rcb"].labels.to_numpy()
    noise = [(rng.normal(size=train), rng.normal(size=test)) for _ in data.fold.inner]
    scores, state = secondary_scores("fusion", data, "rcb", noise, start=start, model=STARTING)
    assert scores.gate is not None and scores.base is not None and state["base"] == "base_secondary0"
    assert scores.gate.value < 0.3 and state["gate"]["value"] == scores.gate.value
    # By hand: the plain model's logits and the gate's part of the mean addition, calibrated by what is kept.
    latent = start.test + scores.gate.value * np.mean([one for _, one in noise], axis=0)
    calibrator = outcome_of(RCB).restore_calibrator(state["calibration"])
    assert np.allclose(scores.test, calibrator(latent))
    told = [(3.0 * grades + 0.1 * rng.normal(size=train), np.zeros(test)) for _ in data.fold.inner]
    opened, state = secondary_scores("fusion", data, "rcb", told, start=start, model=STARTING)
    assert opened.gate is not None and opened.gate.value > 0.5
    assert opened.gate.plain == 0 and opened.gate.members == 3
    # Of the base arm the gate changes nothing.
    assert opened.base is not None and np.allclose(opened.base.test, scores.base.test)


def test_a_network_adds_to_the_start_and_is_restored(data: FoldData, tmp_path: Any) -> None:
    """Weights, gate and plain model in the folder give the same scores again, bit for bit."""
    data = replace(data, alone=[()] * len(data.fold.inner))
    given: list[Any] = []

    def make(**settings: Any) -> Any:
        given.append(settings["secondary"]["rcb"].offsets)
        return MAKE_DATA(**settings)

    found = arm(make, model=STARTING, max_epochs=2, min_epochs=1).fit(data, tmp_path / "fusion", lambda: None)
    assert all(one is not None for one in given)
    for number, part in enumerate(data.members):
        for name, fitted in part.items():
            save_state(tmp_path / "modalities" / f"member{number}", name, fitted.state())
    for name, fitted in data.whole.items():
        save_state(tmp_path / "modalities" / "whole", name, fitted.state())
    parts = {name: SimpleNamespace(restore=partial(recentred, fitted)) for name, fitted in data.whole.items()}
    config = OmegaConf.create({"model": STARTING})
    members = list(
        load_members(
            tmp_path, "f", arm="fusion", config=config, endpoint=data.endpoint, modalities=parts, secondary=[RCB]
        )
    )
    logits = endpoint_logits(members, data.fold.test, MAKE_DATA)
    assert np.array_equal(score(members, logits[PRIMARY]), found.test.to_numpy())
    as_rcb = [one.secondary["rcb"] for one in members]
    assert np.array_equal(score(as_rcb, logits["rcb"]), found.secondary["rcb"].test.to_numpy())
    assert as_rcb[0].base is not None and as_rcb[0].gate == found.secondary["rcb"].gate.value  # type: ignore[union-attr]
    # Seen as of the secondary endpoint alone, a member says the same.
    assert np.array_equal(member_logits(as_rcb, data.fold.test, MAKE_DATA), logits["rcb"])
    # A run of an earlier version kept no start: its heads began with nothing.
    kept = json.loads((tmp_path / "fusion/arm.json").read_text())
    kept["secondary"]["rcb"] = {"calibration": kept["secondary"]["rcb"]["calibration"]}
    (tmp_path / "fusion/arm.json").write_text(json.dumps(kept))
    earlier = next(
        load_members(
            tmp_path, "f", arm="fusion", config=config, endpoint=data.endpoint, modalities=parts, secondary=[RCB]
        )
    )
    assert earlier.secondary["rcb"].base is None and earlier.secondary["rcb"].gate == 1.0


def recentred(fitted: Any, state: State) -> Any:
    """The table centred as the state says; names of columns are the table's."""
    made = copy(fitted)
    made._center = pd.Series(state.arrays["center"], index=fitted._center.index)
    return made
