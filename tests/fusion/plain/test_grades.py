"""Plain models of grades, and the gate of what is added to them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fusion.contract import Truth
from fusion.plain.base import fit_base
from fusion.plain.families import FAMILIES
from fusion.plain.gate import fit_gate

GRADES = FAMILIES["ordinal"]


def graded(patients: int = 150, *, seed: int = 0):
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame(rng.normal(size=(patients, 3)), columns=["clinical:a", "clinical:b", "clinical:c"])
    latent = 1.5 * rows["clinical:a"] + rng.logistic(size=patients)
    return rows, np.digitize(latent, [-1.5, 0.0, 1.5])


@pytest.mark.parametrize("kind", ["linear", "boosted", "choose"])
def test_a_plain_model_orders_those_it_did_not_see(kind):
    rows, labels = graded()
    base = fit_base(kind, rows, labels, classes=4, seed=1, family=GRADES)
    new, truth = graded(seed=9)
    logits = base.model.logits(new)
    assert logits.shape == (150,)
    assert np.corrcoef(logits, truth)[0, 1] > 0.5
    assert np.corrcoef(base.held_out, labels)[0, 1] > 0.4
    if kind == "linear":
        assert base.model.coefficients[0, 0] == pytest.approx(1.5, abs=0.5), "in log-odds"


def test_the_gate_opens_for_order_and_not_for_what_is_the_same_for_all():
    rows, labels = graded(300)
    signal, noise = rows["clinical:a"].to_numpy(), rows["clinical:b"].to_numpy()
    truth = Truth(label=labels)
    gate = fit_gate(np.zeros(300), signal, truth, derivatives=GRADES.derivatives)
    assert gate.raw == pytest.approx(1.5, abs=0.4)
    assert fit_gate(np.zeros(300), signal + 20.0, truth, derivatives=GRADES.derivatives).raw == pytest.approx(
        gate.raw, rel=1e-3
    )
    assert fit_gate(1.5 * signal, noise, truth, derivatives=GRADES.derivatives).value < 0.3
