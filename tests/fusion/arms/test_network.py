"""The ensemble arm: what it learns from, what it scores with, what it keeps."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from omegaconf import OmegaConf
from scipy.special import expit

from data_modules.batches.datamodule import FusionDataModule
from fusion.apply.trained import Member, member_logits, score
from fusion.arms.base import FoldData
from fusion.arms.network import NetworkArm
from fusion.evaluation.calibration import Platt
from fusion.network.fitting import load_weights
from fusion.network.model import build_model

Raw = dict[str, pd.DataFrame]
ROOT = Path(__file__).parents[3]
MODEL = OmegaConf.create(
    {
        "width": 8,
        "modality_dropout": 0.0,
        "auxiliary": 0.0,
        "encoders": {
            name: {"_target_": "fusion.encoders.tables.linear.LinearEncoder"} for name in ("clinical", "blood")
        },
        "fuser": {"_target_": "fusion.fusers.concat.ConcatFuser"},
        "head": {"_target_": "fusion.heads.response.BinaryResponse"},
    }
)
MAKE_DATA = partial(FusionDataModule, batch_size=16)


def arm(make_data: Callable[..., Any] = MAKE_DATA) -> NetworkArm:
    trainer: Any = OmegaConf.to_container(OmegaConf.load(ROOT / "conf/trainer/default.yaml"))
    trainer |= {"auxiliary": 0.0, "accelerator": "cpu", "max_epochs": 12, "min_epochs": 4, "learning_rate": 0.02}
    return NetworkArm("fusion", modalities=["clinical", "blood"], model=MODEL, trainer=trainer, make_data=make_data)


@pytest.fixture(autouse=True)
def _one_thread() -> Any:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_all_members_score_and_the_mean_of_their_logits_is_calibrated(
    tmp_path: Path, raw: Raw, labels: pd.Series, fold_of: Callable[..., FoldData]
) -> None:
    data = fold_of(raw, labels)
    found = arm().fit(data, tmp_path, lambda: None)
    kept = json.loads((tmp_path / "arm.json").read_text())["calibration"]
    assert kept["of"] == "mean logit"
    assert kept["slope"] > kept["member"]["slope"] > 0
    members = []
    for index in range(3):
        fitted = data.members[index]
        model = build_model(MODEL, {name: part.spec for name, part in fitted.items()}, data.endpoint, seed=9)
        load_weights(model, tmp_path / f"member{index}.safetensors")
        platt = Platt(slope=kept["slope"], intercept=kept["intercept"])
        members.append(Member(fold="f", index=index, model=model.eval(), fitted=fitted, calibrator=platt))
    logits = member_logits(members, data.fold.test, MAKE_DATA)
    assert logits.shape == (3, 20)
    assert np.ptp(logits, axis=0).min() > 0
    by_hand = expit(kept["slope"] * logits.mean(axis=0) + kept["intercept"])
    assert found.test.to_numpy() == pytest.approx(by_hand, rel=1e-6)
    assert np.array_equal(score(members, logits), found.test.to_numpy())
    # Runs of earlier versions: the mean of the members' calibrated scores.
    old = [replace(member, averages_logits=False) for member in members]
    assert score(old, logits) == pytest.approx(expit(kept["slope"] * logits + kept["intercept"]).mean(axis=0))


def test_inner_scores_are_of_the_member_that_did_not_train_on_the_patient(
    raw: Raw, labels: pd.Series, fold_of: Callable[..., FoldData]
) -> None:
    data = fold_of(raw, labels)
    found = arm().fit(data, None, lambda: None)
    assert found.members is not None
    for member, inner in enumerate(data.fold.inner):
        rows = [data.fold.train.index(patient) for patient in inner.val]
        assert found.inner.loc[list(inner.val)].to_numpy() == pytest.approx(found.members.train[member, rows])
        assert found.members.unseen[member].sum() == len(inner.val)
        assert found.members.unseen[member, rows].all()


def test_every_member_trains_on_its_inner_part_and_stops_by_the_other(
    raw: Raw, labels: pd.Series, fold_of: Callable[..., FoldData]
) -> None:
    """Stopped by patients whom it trained on, a member would be sure of them, and calibration would believe it."""
    given: list[dict[str, Any]] = []

    def make_data(**asked: Any) -> FusionDataModule:
        given.append(asked)
        return MAKE_DATA(**asked)

    data = fold_of(raw, labels)
    arm(make_data).fit(data, None, lambda: None)
    assert len(given) == len(data.fold.inner)
    for asked, inner, fitted in zip(given, data.fold.inner, data.members, strict=True):
        assert asked["train_ids"] == list(inner.train) and asked["val_ids"] == list(inner.val)
        assert asked["fitted"] == fitted, "modalities were fitted on this part alone"
        assert list(asked["labels"].index) == list(data.fold.train)
    assert len({asked["seed"] for asked in given}) == len(given)


def test_held_out_patients_change_nothing_that_is_learned(
    tmp_path: Path, raw: Raw, labels: pd.Series, fold_of: Callable[..., FoldData]
) -> None:
    """Test patients' columns are poisoned: weights, calibration and threshold stay, byte for byte."""
    arm().fit(fold_of(raw, labels), tmp_path / "one", lambda: None)
    poisoned = {name: part.copy() for name, part in raw.items()}
    for part in poisoned.values():
        part.iloc[80:] = 1000.0
    arm().fit(fold_of(poisoned, labels), tmp_path / "other", lambda: None)
    for file in sorted((tmp_path / "one").iterdir()):
        assert file.read_bytes() == (tmp_path / "other" / file.name).read_bytes(), file.name
