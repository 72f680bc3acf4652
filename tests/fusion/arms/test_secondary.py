"""A network arm of two endpoints: who trains, whose labels calibrate, and that nobody is scored by who saw them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from fusion.arms.base import FoldData, Members, calibrate_ensemble
from fusion.arms.finished import Finished, Trained
from fusion.arms.secondary import mean_of, secondary_scores, without_offset
from fusion.arms.start import unseen_of
from fusion.contract import EndpointSpec, InnerFold, Secondary
from fusion.network.model import build_model
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
    scores, state = secondary_scores("fusion", data, "rcb", train, test)
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
