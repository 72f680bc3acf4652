"""Attributions are complete whichever fuser joins the modalities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
import yaml

from fusion.apply.trained import Member
from fusion.attribution.gradients import attribute
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


def member(fuser: str) -> ExplainedMember:
    rng = np.random.default_rng(0)
    shapes = {"slides": (6, 5), "clinical": (2,)}
    items = {
        name: {
            who: Item(values=rng.normal(size=shape).astype(np.float32), mask=np.ones(shape[0], dtype=np.bool_))
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
    model = build_model(config, SPECS, endpoint, seed=0)
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
