"""The audit: what a modality is altered to, by hand, and which of two modalities the fused arm uses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from omegaconf import OmegaConf
from scipy.special import logit

from data_modules.batches.datamodule import FusionDataModule
from fusion.arms.audit import WAYS, Altered, _dealt, _mean, audit
from fusion.arms.base import ArmScores, FoldData
from fusion.arms.network import NetworkArm
from fusion.arms.withheld import withheld
from fusion.contract import Item, ModalitySpec

Raw = dict[str, pd.DataFrame]
ROOT = Path(__file__).parents[3]
MODEL = OmegaConf.create(
    {
        "width": 8,
        "encoders": {
            name: {"_target_": "fusion.encoders.tables.linear.LinearEncoder"} for name in ("clinical", "blood")
        },
        "fuser": {"_target_": "fusion.fusers.concat.ConcatFuser"},
        "head": {"_target_": "fusion.heads.response.BinaryResponse"},
    }
)


class Bags:
    """Tiles of three patients."""

    spec = ModalitySpec(name="slides", kind="tiles", token_shape=(1,))
    selection = None
    items: dict[str, Item] = {  # noqa: RUF012
        "a": Item(values=np.array([[10], [20]], dtype=np.uint8), mask=np.ones(2, dtype=bool)),
        "b": Item(values=np.array([[100]], dtype=np.uint8), mask=np.ones(1, dtype=bool)),
    }

    def load(self, patient_id: str) -> Item | None:
        return self.items.get(patient_id)

    def table(self, patient_ids: Any) -> pd.DataFrame:
        rows = [[self.items[one].values.mean()] if one in self.items else [np.nan] for one in patient_ids]
        return pd.DataFrame(rows, index=list(patient_ids), columns=["mean"])


def test_the_mean_of_bags_is_one_tile_of_the_same_type() -> None:
    item, row = _mean(Bags(), ["a", "b", "c"])  # type: ignore[arg-type]
    # 15 of a, 100 of b: patients count alike, however many tiles they have; 57.5 is a pixel of 58.
    assert item.values.tolist() == [[58]]
    assert item.values.dtype == np.uint8
    assert row["mean"] == 57.5


def test_the_mean_of_numbers_is_over_those_who_have_them(
    raw: Raw, labels: pd.Series, fold_of: Callable[..., FoldData]
) -> None:
    raw["blood"].iloc[::4] = np.nan
    data = fold_of(raw, labels)
    item, row = _mean(data.members[1]["blood"], data.fold.train)
    known = raw["blood"].loc[list(data.fold.train)].dropna()
    center = raw["blood"].loc[list(data.fold.inner[1].train)].dropna().mean()
    assert item.values == pytest.approx((known.mean() - center).to_numpy(), abs=1e-6)
    assert row.to_numpy() == pytest.approx((known.mean() - center).to_numpy())


def test_who_is_named_gets_the_donors_and_others_lack_it() -> None:
    bags = Bags()
    altered = Altered(bags, {"a": "b", "b": "a"})  # type: ignore[arg-type]
    assert altered.load("a") is bags.items["b"]
    assert altered.load("c") is None
    assert altered.table(["b", "c", "a"])["mean"].tolist() == [15.0, pytest.approx(np.nan, nan_ok=True), 100.0]
    assert list(altered.table(["b", "c", "a"]).index) == ["b", "c", "a"]
    removed = Altered(bags, {})  # type: ignore[arg-type]
    assert removed.load("a") is None
    assert removed.table(["a"])["mean"].isna().all()
    mean = Altered(bags, {"a": "a"}, mean=_mean(bags, ["a", "b"]))  # type: ignore[arg-type]
    assert mean.table(["a", "b"])["mean"].tolist() == [57.5, pytest.approx(np.nan, nan_ok=True)]


@pytest.mark.parametrize("count", [2, 3, 20])
def test_everybody_is_given_another(count: int) -> None:
    patients = [f"P{at}" for at in range(count)]
    dealt = _dealt(patients, np.random.default_rng(0))
    assert sorted(dealt) == sorted(patients)
    assert all(one != other for one, other in zip(patients, dealt, strict=True))
    assert _dealt(["alone"], np.random.default_rng(0)) == ["alone"]


@pytest.fixture(params=["none", "linear"])
def fused(
    request: pytest.FixtureRequest, raw: Raw, labels: pd.Series, fold_of: Callable[..., FoldData]
) -> tuple[ArmScores, FoldData]:
    """Labels follow clinical columns alone; blood is noise. With and without a plain model to start from."""
    told = (raw["clinical"]["age"] > 0).astype(int)
    data = fold_of(raw, told)
    trainer: Any = OmegaConf.to_container(OmegaConf.load(ROOT / "conf/trainer/default.yaml"))
    trainer |= {
        "auxiliary": 0.0,
        "device": "cpu",
        "precision": 32,
        "max_epochs": 12,
        "min_epochs": 4,
        "learning_rate": 0.02,
    }
    arm = NetworkArm(
        "fusion",
        modalities=list(raw),
        model={**MODEL, "base": request.param},
        trainer=trainer,
        make_data=partial(FusionDataModule),
    )
    return arm.fit(data, None, lambda: None), data


def test_the_fused_arm_is_scored_again_by_what_it_learned(fused: tuple[ArmScores, FoldData]) -> None:
    scores, data = fused
    assert scores.again is not None
    pd.testing.assert_series_equal(scores.again(lambda name, part: part), scores.test)
    found = {one.arm: one.test for one in audit(scores, data)}
    assert list(found) == [f"{name}: {way}" for name in ("clinical", "blood") for way in WAYS]
    moved = {arm: float((test - scores.test).abs().mean()) for arm, test in found.items()}
    assert all(moved[f"clinical: {way}"] > 2 * moved[f"blood: {way}"] for way in WAYS), moved
    # With the clinical columns at their mean, scores hang on blood alone, which orders nobody: they hardly differ.
    assert logit(found["clinical: mean"]).std() < 0.5 * logit(scores.test).std()
    # Of two modalities, keeping one is removing the other.
    kept = {one.arm: one.test for one in withheld(scores, data, seed=0)}
    assert list(kept) == ["clinical", "blood"]
    pd.testing.assert_series_equal(kept["clinical"], found["blood: removed"])
    pd.testing.assert_series_equal(kept["blood"], found["clinical: removed"])
    again = {one.arm: one.test for one in audit(scores, data)}
    assert all(found[arm].equals(again[arm]) for arm in found), "the same patients are dealt out"


def test_an_arm_that_cannot_score_again_is_not_audited(fused: tuple[ArmScores, FoldData]) -> None:
    scores, data = fused
    assert list(audit(replace(scores, again=None), data)) == []
    assert list(withheld(replace(scores, again=None), data, seed=0)) == []
