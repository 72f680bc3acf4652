"""The ensemble arm: what it learns from, what it scores with, what it keeps."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from omegaconf import OmegaConf
from scipy.special import expit

from data_modules.batches.datamodule import FusionDataModule
from fusion.apply.trained import Member, member_logits, score
from fusion.arms.base import FoldData, Members
from fusion.arms.classical import features
from fusion.arms.network import NetworkArm
from fusion.arms.start import gate_of, gate_record, plain_start, unseen_of
from fusion.evaluation.calibration import Platt
from fusion.network.fitting import load_weights
from fusion.network.model import build_model
from fusion.plain.base import fit_base, load_base
from fusion.plain.gate import Gate
from fusion.plain.products.crossed import Crossed

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


def arm(make_data: Callable[..., Any] = MAKE_DATA, *, model: Any = MODEL, **changed: Any) -> NetworkArm:
    trainer: Any = OmegaConf.to_container(OmegaConf.load(ROOT / "conf/trainer/default.yaml"))
    trainer |= {
        "auxiliary": 0.0,
        "device": "cpu",
        "precision": 32,
        "max_epochs": 12,
        "min_epochs": 4,
        "learning_rate": 0.02,
    }
    trainer |= changed
    return NetworkArm("fusion", modalities=["clinical", "blood"], model=model, trainer=trainer, make_data=make_data)


@pytest.fixture(autouse=True)
def _one_thread() -> Any:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def restored(
    data: FoldData, folder: Path, kept: dict[str, Any], *, names: Sequence[str] = ("0", "1", "2")
) -> list[Member]:
    """The members as `predict` reads them, of modalities that are still in memory."""
    members = []
    for name in names:
        index = int(name[0])
        fitted = data.members[index]
        model = build_model(MODEL, {name: part.spec for name, part in fitted.items()}, data.endpoint, seed=9)
        load_weights(model, folder / f"member{name}.safetensors")
        platt = Platt(slope=kept["calibration"]["slope"], intercept=kept["calibration"]["intercept"])
        members.append(
            Member(
                fold="f", index=index, model=model.eval(), fitted=fitted, calibrator=platt,
                gate=kept.get("gate", {}).get("value", 1.0), base=load_base(folder), base_fitted=data.whole,
            )
        )  # fmt: skip
    return members


def test_all_members_score_and_the_mean_of_their_logits_is_calibrated(
    tmp_path: Path, raw: Raw, labels: pd.Series, fold_of: Callable[..., FoldData]
) -> None:
    data = fold_of(raw, labels)
    found = arm().fit(data, tmp_path, lambda: None)
    kept = json.loads((tmp_path / "arm.json").read_text())["calibration"]
    assert kept["of"] == "mean logit"
    assert kept["slope"] > kept["member"]["slope"] > 0
    members = restored(data, tmp_path, {"calibration": kept})
    logits = member_logits(members, data.fold.test, MAKE_DATA)
    assert logits.shape == (3, 20)
    assert np.ptp(logits, axis=0).min() > 0
    by_hand = expit(kept["slope"] * logits.mean(axis=0) + kept["intercept"])
    assert found.test.to_numpy() == pytest.approx(by_hand, rel=1e-6)
    assert np.array_equal(score(members, logits), found.test.to_numpy())
    # Runs of earlier versions: the mean of the members' calibrated scores.
    old = [replace(member, averages_logits=False) for member in members]
    assert score(old, logits) == pytest.approx(expit(kept["slope"] * logits + kept["intercept"]).mean(axis=0))


def test_networks_of_several_seeds_are_one_member(
    tmp_path: Path, raw: Raw, labels: pd.Series, fold_of: Callable[..., FoldData]
) -> None:
    """Their mean logit is what is calibrated; the first is what one seed gives; predict reads the same scores."""
    data = fold_of(raw, labels)
    steps: list[int] = []
    several = arm(seeds=2)
    one, two = arm().fit(data, None, lambda: None), several.fit(data, tmp_path, lambda: steps.append(1))
    assert len(steps) == several.units(3) == 6
    files = sorted(path.name for path in tmp_path.glob("*.safetensors"))
    assert files[:2] == ["member0.safetensors", "member0_seed1.safetensors"] and len(files) == 6
    kept = json.loads((tmp_path / "arm.json").read_text())
    members = restored(data, tmp_path, kept, names=[f"{at}{seed}" for at in range(3) for seed in ("", "_seed1")])
    logits = member_logits(members, data.fold.test, MAKE_DATA)
    assert logits.shape == (3, 20)
    assert np.array_equal(score(members, logits), two.test.to_numpy())
    alone = [member_logits([network], data.fold.test, MAKE_DATA)[0] for network in members]
    assert logits[1] == pytest.approx((alone[2] + alone[3]) / 2, rel=1e-6)
    assert not np.allclose(alone[2], alone[3])
    assert one.members is not None and two.members is not None
    # Of one seed, calibrated by itself: the same order of patients as the first network of two.
    assert np.array_equal(np.argsort(one.members.test[0]), np.argsort(alone[0]))
    assert {row["member"] for row in two.curves} == set(range(6))


def test_a_seed_of_any_size_trains(raw: Raw, labels: pd.Series, fold_of: Callable[..., FoldData]) -> None:
    """Folds' seeds go up to 2³¹; scikit-learn, which deals out the plain model's parts, takes 32 bits."""
    data = fold_of(raw, labels)
    assert (data.member_seed(2), data.member_seed(1, 1)) == (data.seed * 1000 + 2, data.seed * 1000 + 1_000_004)
    large = replace(data, seed=2**31 - 1)
    seeds = {large.member_seed(member, again) for member in range(5) for again in range(3)}
    assert len(seeds) == 15 and max(seeds) < 2**32
    model = OmegaConf.merge(MODEL, {"base": "linear"})
    found = arm(model=model, max_epochs=1, min_epochs=1).fit(large, None, lambda: None)
    assert found.test.notna().all()


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


STARTING = OmegaConf.merge(MODEL, {"base": "linear"})


def test_fusion_starts_from_the_plain_model_and_adds_what_inner_folds_support(
    tmp_path: Path, raw: Raw, labels: pd.Series, fold_of: Callable[..., FoldData]
) -> None:
    """Labels follow columns linearly: the plain model is an arm of its own, and fusion is never far from it."""
    data = fold_of(raw, labels)
    found = arm(model=STARTING).fit(data, tmp_path / "fusion", lambda: None)
    assert found.base is not None and found.gate is not None
    kept = json.loads((tmp_path / "fusion/arm.json").read_text())
    assert kept["gate"]["value"] == found.gate.value
    base = load_base(tmp_path / "fusion")
    assert base is not None
    rows = features(data.whole, data.fold.test)
    truth = data.labels.loc[list(data.fold.train)].to_numpy()
    whole = fit_base("linear", features(data.whole, data.fold.train), truth, classes=2, seed=data.seed).model
    assert base.logits(rows) == pytest.approx(whole.logits(rows)), "of all training patients"
    state = kept["base"]["calibration"]
    by_hand = expit(state["slope"] * base.logits(rows) + state["intercept"])
    assert found.base.test.to_numpy() == pytest.approx(by_hand)
    members = restored(data, tmp_path / "fusion", kept)
    logits = member_logits(members, data.fold.test, MAKE_DATA)
    assert np.array_equal(score(members, logits), found.test.to_numpy())
    added = np.stack([logits[place] - base.logits(rows) for place in range(3)])
    assert (np.abs(added).max() == 0) == (found.gate.value == 0)


def test_an_interaction_opens_the_gate(raw: Raw, fold_of: Callable[..., FoldData]) -> None:
    """The label is the sign of a product of two modalities' columns, in which a linear model sees nothing."""
    random = np.random.default_rng(5)
    ids = [f"P{number:03d}" for number in range(500)]
    many = {
        "clinical": pd.DataFrame(random.choice([-1.0, 1.0], size=(500, 1)), index=ids, columns=["age"]),
        "blood": pd.DataFrame(random.choice([-1.0, 1.0], size=(500, 1)), index=ids, columns=["crp"]),
    }
    labels = (many["clinical"]["age"] * many["blood"]["crp"] > 0).astype(int)
    model = OmegaConf.merge(STARTING, {"fuser": {"_target_": "fusion.fusers.cross_attention.CrossAttentionFuser"}})
    found = arm(model=model, max_epochs=40).fit(fold_of(many, labels), None, lambda: None)
    assert found.base is not None and found.gate is not None
    truth = labels.loc[found.test.index].to_numpy() == 1
    assert (found.test[truth].min() > found.test[~truth].max()) and found.gate.value > 0.8
    assert found.gate.plain == 0
    assert np.ptp(found.base.test.to_numpy()) < 0.3


@pytest.mark.parametrize(("strength", "kept"), [(0.05, False), (0.6, True)])
def test_what_a_network_adds_must_be_clear_of_two_errors(
    strength: float, kept: bool, raw: Raw, labels: pd.Series, fold_of: Callable[..., FoldData]
) -> None:
    """By Breiman's garrote: an epoch was searched for on the patients who judge what it adds."""
    data = fold_of(raw, labels)
    start = plain_start(data, ["clinical", "blood"], STARTING)
    assert start is not None
    truth = 2.0 * data.labels.loc[list(data.fold.train)].to_numpy() - 1
    added = 4.0 * (strength * truth + np.random.default_rng(0).normal(size=start.train.shape))
    members = Members(train=added, unseen=unseen_of(data.fold), test=np.zeros((len(added), len(data.fold.test))))
    gate = gate_of(start, members, data, STARTING)
    assert gate.raw > gate.error, "one error would let it in"
    assert gate.value == pytest.approx(max(0.0, gate.raw * (1 - (2 * gate.error / gate.raw) ** 2)))
    assert 0 < gate.value < 1 if kept else gate.value == 0


def test_pooled_columns_of_images_are_started_from_as_tables_are(
    raw: Raw, labels: pd.Series, fold_of: Callable[..., FoldData]
) -> None:
    data = fold_of(raw, labels)
    for fitted in (*data.members, data.whole):
        fitted["blood"].spec = replace(fitted["blood"].spec, kind="embeddings")
    start = plain_start(data, ["clinical", "blood"], STARTING)
    assert start is not None and start.whole.modalities == ("clinical", "blood")
    assert plain_start(fold_of(raw, labels), ["clinical", "blood"], MODEL) is None


def test_offsets_are_of_plain_models_that_did_not_see_the_label(
    raw: Raw, labels: pd.Series, fold_of: Callable[..., FoldData]
) -> None:
    """A member's validation patients: by its own plain model; its training patients: cross-fitted, so less sure."""
    data = fold_of(raw, labels)
    start = plain_start(data, ["clinical", "blood"], STARTING)
    assert start is not None
    for member, inner in enumerate(data.fold.inner):
        rows = [data.fold.train.index(patient) for patient in inner.val]
        assert start.offsets[member].loc[list(inner.val)].to_numpy() == pytest.approx(start.train[member, rows])
        own = [data.fold.train.index(patient) for patient in inner.train]
        truth = 2 * data.labels.loc[list(inner.train)].to_numpy() - 1
        seen, held_out = start.train[member, own] * truth, start.offsets[member].loc[list(inner.train)] * truth
        assert held_out.mean() < seen.mean()


def test_families_stay_together_in_cross_fitting(raw: Raw, labels: pd.Series, fold_of: Callable[..., FoldData]) -> None:
    """Twins with the same columns and label: a plain model that saw one twin would know the other."""
    random = np.random.default_rng(7)
    half = pd.DataFrame(random.normal(size=(50, 40)), index=[f"P{n:03d}" for n in range(50)])
    twins = pd.concat([half, half.set_axis([f"P{n:03d}" for n in range(50, 100)])]).rename(columns=str)
    coin = pd.Series(np.tile(random.integers(0, 2, 50), 2), index=twins.index)
    # Twins are three places apart, so that no inner fold parts them.
    order = [f"P{n + twin:03d}" for first in range(0, 48, 3) for twin in (0, 50) for n in range(first, first + 3)]
    data = fold_of({"clinical": twins.loc[order]}, coin.loc[order])
    family = pd.Series([f"F{int(one[1:]) % 50}" for one in data.fold.train], index=list(data.fold.train))
    alone = plain_start(data, ["clinical"], STARTING)
    together = plain_start(replace(data, groups=family), ["clinical"], STARTING)
    assert alone is not None and together is not None

    def right(offsets: Any, patients: Any) -> float:
        truth = 2 * data.labels.loc[list(patients)].to_numpy() - 1
        return float(((offsets.loc[list(patients)].to_numpy() * truth) > 0).mean())

    inner = data.fold.inner[0]
    assert right(alone.offsets[0], inner.train) > right(together.offsets[0], inner.train) + 0.1


def test_a_plain_model_has_the_regimens_products_where_it_reads_more_than_the_regimen(
    raw: Raw, labels: pd.Series, fold_of: Callable[..., FoldData]
) -> None:
    data = replace(fold_of(raw, labels, inner=2), treatments=("blood",))
    choose = OmegaConf.merge(MODEL, {"base": "choose"})
    both, alone = (plain_start(data, names, choose) for names in (["clinical", "blood"], ["blood"]))
    assert both is not None and alone is not None
    model = getattr(both.whole, "linear", both.whole) if both.whole.kind == "mixture" else both.whole
    assert isinstance(model, Crossed)
    asked = {pair for pair, searched in zip(model.named, model.pairs.searched, strict=True) if not searched}
    assert asked == {(f"blood:{one}", f"clinical:{other}") for one in raw["blood"] for other in raw["clinical"]}
    assert not hasattr(alone.whole, "pairs") or alone.whole.pairs.searched.all()


def test_networks_that_the_gate_shuts_out_stayed_at_the_plain_model() -> None:
    """As did those whose best epoch is before the first."""
    plain: Any = SimpleNamespace(products=["a:x × b:y"])
    shut, open_ = (gate_record(Gate(value=value, raw=0.2, error=0.3), [3, -1, 4], plain) for value in (0.0, 0.5))
    assert json.loads(open_.products) == ["a:x × b:y"]
    assert (shut.plain, open_.plain, shut.members) == (3, 1, 3)
