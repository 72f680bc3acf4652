"""What a fold's arms say of other patients, by hand."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import expit, logit

from fusion.apply.endpoint_arms import EndpointArms
from fusion.contract import EndpointSpec
from fusion.evaluation.calibration import Platt
from fusion.network.fitting import PRIMARY

RESPONSE = EndpointSpec(name="response", kind="binary", classes=("no", "yes"))
SINGLES = {
    "x": [[0.2, 0.6, 0.5], [0.4, 0.8, 0.7]],
    "y": [[0.4, 0.2, 0.9], [0.6, 0.2, 0.1]],
}
"""Modality → ``(member, patient)`` probabilities."""


def arms() -> EndpointArms:
    """Two members, patients A, B and C; C has no y."""
    members = [SimpleNamespace(single=None, calibrator=Platt(slope=1.0, intercept=0.0))] * 2
    reading = SimpleNamespace(
        modalities={"x": None, "y": None},
        has=lambda singles: np.array([{"x": [True] * 3, "y": [True, True, False]}[name] for name in singles]),
        network=lambda arm: (members, {PRIMARY: logit(SINGLES[arm.removeprefix("only_")])}),
    )
    return EndpointArms(reading, RESPONSE)  # type: ignore[arg-type]


def test_late_fusion_is_of_each_member_over_the_modalities_that_a_patient_has() -> None:
    """Members' mean probabilities are 0.3, 0.4, 0.5 and 0.5, 0.5, 0.7; of what has no file nothing is asked."""
    found = arms()._late({"modalities": ["x", "y", "gone"], "calibration": {"slope": 2.0, "intercept": 0.1}})
    mean = (logit([0.3, 0.4, 0.5]) + logit([0.5, 0.5, 0.7])) / 2
    assert found.tolist() == pytest.approx((expit(2.0 * mean + 0.1)).tolist())
