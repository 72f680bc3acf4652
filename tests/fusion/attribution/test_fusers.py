"""Attributions are complete whichever fuser joins the modalities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
import yaml

from fusion.apply.trained import Member
from fusion.attribution.gradients import attribute
from fusion.attribution.looked import looked
from fusion.attribution.members import ExplainedMember
from fusion.contract import EndpointSpec, FeatureSpec, Item, ModalitySpec
from fusion.evaluation.calibration import Platt
from fusion.network.model import build_model
from tests.helpers.fuser_examples import CONF, names

PATIENTS = ("t1", "t2", "t3", "x")
SPECS = {
    "slides": ModalitySpec(name="slides", kind="embeddings", token_shape=(5,)),
    "clinical": ModalitySpec(
        name="clinical",
        kind="table",
        features=tuple(FeatureSpec(name=name, kind="column", label=name) for name in ("age", "grade")),
    ),
}


@dataclass
class Held:
    """A fitted modality that holds its items."""

    spec: ModalitySpec
    items: dict[str, Item]

    def load(self, patient_id: str) -> Item | None:
        return self.items.get(patient_id)


def member(fuser: str, seed: int = 0) -> ExplainedMember:
    rng = np.random.default_rng(0)
    shapes = {"slides": (6, 5), "clinical": (2,)}
    items = {
        name: {
            who: Item(
                values=rng.normal(size=shape).astype(np.float32),
                mask=np.ones(shape[0], dtype=np.bool_),
                coords=np.arange(2 * shape[0]).reshape(-1, 2) * 10 if name == "slides" else None,
            )
            for who in PATIENTS
        }
        for name, shape in shapes.items()
    }
    config = {
        "width": 8,
        "encoders": {
            "slides": {"_target_": "fusion.encoders.images.mil.EmbeddingMIL"},
            "clinical": {"_target_": "fusion.encoders.tables.linear.LinearEncoder", "clip": None},
        },
        "fuser": yaml.safe_load((CONF / f"{fuser}.yaml").read_text()),
        "head": {"_target_": "fusion.heads.response.BinaryResponse"},
    }
    endpoint = EndpointSpec(name="response", kind="binary", classes=("no", "yes"))
    model = build_model(config, SPECS, endpoint, seed=seed)
    with torch.no_grad():
        for parameter in model.head.parameters():
            parameter.mul_(5)
    fitted = {name: Held(spec, items[name]) for name, spec in SPECS.items()}
    trained = Member(fold="f", index=0, model=model.eval(), fitted=fitted, calibrator=Platt(slope=2.0, intercept=0.0))  # type: ignore[arg-type]
    return ExplainedMember(trained, PATIENTS[:3])


@pytest.mark.parametrize("fuser", [name for name in names() if name != "additive_variants_first"])
def test_what_tokens_are_given_adds_up_to_the_change(fuser: str) -> None:
    explained = member(fuser)
    found = attribute(explained, explained.load("x"), method="integrated_gradients", steps=64)
    change = found.output - found.reference
    assert abs(change) > 1e-3
    assert abs(sum(float(part.sum()) for part in found.scores.values()) - change) < 0.01 * abs(change) + 1e-3
    assert all(part.abs().sum() > 0 for part in found.scores.values()), "every modality takes part"


def test_columns_are_named_with_the_tile_that_they_looked_at() -> None:
    members = [member("coattention", seed) for seed in (0, 1)]
    inputs = [one.load("x") for one in members]
    rows = looked(members, inputs)
    assert sorted((row["modality"], row["label"], row["at"]) for row in rows) == [
        ("clinical", "age", "slides"),
        ("clinical", "grade", "slides"),
    ]
    maps = []
    for one, given in zip(members, inputs, strict=True):
        fused = one.model.fuser(one.fused_tokens(given.tokens, given.masks))
        maps.append(fused.attention["images"][0].numpy())
    # Rows: the patient's token, age, grade; columns: nothing here, then six tiles.
    by_hand = np.mean(maps, axis=0)
    for row in rows:
        weights = by_hand[1 + ["age", "grade"].index(row["label"]), 1:]
        assert row["share"] == pytest.approx(weights.sum(), abs=1e-6)
        assert row["tile"] == weights.argmax()
        assert row["times"] == pytest.approx(weights.max() / weights.mean(), rel=1e-4)
        assert (row["x"], row["y"]) == (20 * row["tile"], 20 * row["tile"] + 10)
    assert rows[0]["share"] >= rows[1]["share"]


@pytest.mark.parametrize("fuser", ["concat", "gated", "bottleneck", "iterative"])
def test_fusers_without_such_a_map_name_nothing(fuser: str) -> None:
    explained = member(fuser)
    assert looked([explained], [explained.load("x")]) == []


def test_who_has_no_slide_looks_at_nothing() -> None:
    explained = member("coattention")
    del explained.member.fitted["slides"].items["x"]  # type: ignore[attr-defined]
    assert looked([explained], [explained.load("x")]) == []
