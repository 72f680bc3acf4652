"""The partial likelihood of patients who came under observation late: by hand, against lifelines and torch's."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.optimize import approx_fprime

from fusion.contract import Truth
from fusion.evaluation.outcomes.partial import RiskSets, breslow
from fusion.evaluation.outcomes.survival import harrell
from fusion.heads.cox import concordance, partial_likelihood
from tests.helpers.survival import followed_late

HAND = Truth(
    label=np.array([1, 1, 1, 0]),
    time=np.array([2.0, 3.0, 4.0, 5.0]),
    entry=np.array([0.0, 2.0, 1.0, 3.5]),
)
"""At 2 the first and the third are at risk (the second comes then, too late for it); at 3 the second and the third; at
4 the third and the fourth."""


def late(number=90, *, seed=0, ties=False):
    times, events, entry, risk = followed_late(number, seed=seed)
    if ties:
        times, entry = np.ceil(times) + 1, np.floor(entry)
    return Truth(label=events.astype(np.int64), time=times, entry=entry), risk


def test_by_hand():
    risks = np.log([1.0, 2.0, 3.0, 4.0])
    losses = np.array([np.log(4 / 1), np.log(5 / 2), np.log(7 / 3), 0.0])
    np.testing.assert_allclose(RiskSets.of(HAND).losses(risks), losses)
    found = partial_likelihood(*(torch.tensor(one) for one in (risks, HAND.label, HAND.times, HAND.entry)))
    assert found.item() == pytest.approx(losses.sum() / 3)
    np.testing.assert_allclose(breslow(HAND, risks)[1], np.cumsum([1 / 4, 1 / 5, 1 / 7]))
    # Of (1, 3), (2, 3) and (3, 4) the earlier has less risk each time; (1, 2), (1, 4) and (2, 4) were never together.
    assert harrell(risks, HAND) == 0.0
    assert harrell(np.array([3.0, 9.0, 2.0, 2.0]), HAND) == pytest.approx(2.5 / 3)
    tensors = [torch.tensor(one) for one in (HAND.label, HAND.times, HAND.entry)]
    assert concordance(torch.tensor([3.0, 9.0, 2.0, 2.0]), *tensors) == pytest.approx(2.5 / 3)


@pytest.mark.parametrize("ties", [False, True])
def test_numpy_and_torch_agree_and_derivatives_are_those_of_the_loss(ties):
    truth, risk = late(60, ties=ties)
    design = np.random.default_rng(1).normal(size=(60, 3))
    sets = RiskSets.of(truth)
    tensors = [torch.tensor(one) for one in (truth.label, truth.times, truth.entry)]
    eta = torch.tensor(risk, requires_grad=True)
    loss = partial_likelihood(eta, *tensors)
    loss.backward()
    events = int(truth.label.sum())
    assert sets.losses(risk).sum() == pytest.approx(loss.item() * events, abs=1e-6)
    np.testing.assert_allclose(sets.gradient(risk), eta.grad.numpy() * events, atol=1e-6)
    by_beta = approx_fprime(np.zeros(3), lambda beta: sets.gradient(risk + design @ beta) @ design, 1e-7)
    np.testing.assert_allclose(sets.hessian(risk, design), by_beta, atol=1e-4)
    first, second = sets.along(risk, design[:, 0])
    assert first.sum() == pytest.approx(sets.gradient(risk) @ design[:, 0])
    assert second.sum() == pytest.approx(sets.hessian(risk, design)[0, 0])
    np.testing.assert_allclose(sets.curvature(risk), np.diag(sets.hessian(risk, np.eye(60))), atol=1e-9)


def test_lifelines():
    """Coefficients and likelihood of CoxPHFitter with entry_col (Efron), and its baseline."""
    from lifelines import CoxPHFitter

    truth, risk = late(80)
    rows = np.column_stack([risk, np.random.default_rng(2).normal(size=80)])
    table = pd.DataFrame(rows, columns=["a", "b"]).assign(time=truth.times, event=truth.label, entry=truth.entry)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = CoxPHFitter().fit(table, "time", "event", entry_col="entry")
    risks = rows @ fitted.params_.to_numpy()
    sets = RiskSets.of(truth)
    assert sets.losses(risks).sum() == pytest.approx(-fitted.log_likelihood_, abs=1e-6)
    assert np.abs(rows.T @ sets.gradient(risks)).max() < 1e-3
    ignoring = RiskSets.of(replace(truth, entry=None)).losses(risks).sum()
    assert abs(ignoring + fitted.log_likelihood_) > 1.0


def test_the_hazard_is_nelson_and_aalens_of_lifelines():
    from lifelines import NelsonAalenFitter

    truth, _ = late(70)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = NelsonAalenFitter(nelson_aalen_smoothing=False).fit(truth.times, truth.label, entry=truth.entry)
    at, hazard = breslow(truth, np.zeros(70))
    expected = fitted.cumulative_hazard_.iloc[:, 0].loc[at].to_numpy()
    np.testing.assert_allclose(hazard, expected, atol=1e-6)


def test_parts_apart_and_everyone_from_zero_on_is_as_without():
    truth, risk = late(60, ties=True)
    part = np.arange(60) % 2
    whole = RiskSets.of(replace(truth, part=part)).losses(risk + 50.0 * part)
    for one in range(2):
        inside = part == one
        np.testing.assert_allclose(RiskSets.of(truth[inside]).losses(risk[inside]), whole[inside], atol=1e-9)
    alone, zero = replace(truth, entry=None), replace(truth, entry=np.zeros(60))
    for made in ("losses", "gradient", "curvature"):
        assert (getattr(RiskSets.of(alone), made)(risk) == getattr(RiskSets.of(zero), made)(risk)).all()
    assert harrell(risk, alone) == harrell(risk, zero)
    np.testing.assert_allclose(breslow(alone, risk)[1], breslow(zero, risk)[1])


def test_far_risks_leave_a_loss_that_can_be():
    """The only patient at risk beside many whose weights are a rounding error's size larger."""
    truth = Truth(label=np.array([1, 1, 1]), time=np.array([1.0, 9.0, 8.0]), entry=np.array([0.0, 2.0, 3.0]))
    losses = RiskSets.of(truth).losses(np.array([-60.0, 40.0, 41.0]))
    assert losses[0] == pytest.approx(0.0, abs=1e-6)
