"""Explanations on a device that is not the processor: nothing is left behind, and bits stay what they are."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fusion.attribution.looked import looked
from fusion.attribution.members import ExplainedMember
from fusion.attribution.patient import Settings, explain_patient
from fusion.contract.devices import Device
from tests.fusion.attribution.test_attribution import TRAIN, make_member
from tests.fusion.attribution.test_volumes import volume_member
from tests.helpers.elsewhere import ELSEWHERE, Elsewhere

SETTINGS = Settings(arm="fusion", method="integrated_gradients", steps=4, tiles=1)


def test_a_patient_is_explained_elsewhere_as_here() -> None:
    near = make_member(0)
    here = explain_patient([near], "x", SETTINGS)
    maps = looked([near], [near.load("x")])
    with Elsewhere():
        far = ExplainedMember(make_member(0).member, TRAIN, device=Device(name=ELSEWHERE))
        assert {part.device.type for part in far.model.parameters()} == {ELSEWHERE}
        there = explain_patient([far], "x", SETTINGS)
        assert looked([far], [far.load("x")]) == maps
    pd.testing.assert_frame_equal(there.rows, here.rows)
    assert there.facts == here.facts
    assert all(np.array_equal(there.pictures[name], picture) for name, picture in here.pictures.items())
    assert maps


def test_a_volume_is_explained_elsewhere_as_here() -> None:
    here = explain_patient([volume_member()], "x", SETTINGS)
    with Elsewhere():
        far = ExplainedMember(volume_member().member, ("t1", "t2"), device=Device(name=ELSEWHERE))
        there = explain_patient([far], "x", SETTINGS)
    pd.testing.assert_frame_equal(there.rows, here.rows)
    assert there.facts == here.facts
