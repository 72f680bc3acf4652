from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import expit

from fusion.heads.cox import concordance
from fusion.heads.discrete_time import DiscreteTime
from fusion.layers import ModelError
from tests.helpers.times import MONTHS, invented


@pytest.fixture
def patients():
    rows, truth = invented(90)
    head = DiscreteTime(MONTHS, width=4, intervals=4)
    label, time = torch.tensor(truth.label), torch.tensor(truth.times)
    head.learn_prevalence(label, time)
    return head, torch.tensor(rows.to_numpy(), dtype=torch.float32), label, time


def test_intervals_hold_a_quarter_of_the_events_each(patients):
    head, _, label, time = patients
    events = np.sort(time[label == 1].numpy())
    np.testing.assert_allclose(head.edges, np.quantile(events, [0.25, 0.5, 0.75]))
    assert head.share.sum().item() == pytest.approx(1.0)
    assert (head.share > 0.15).all()  # months tie


def test_the_loss_is_that_of_person_periods(patients):
    """Logistic regression over every interval that a patient came to, its four origins fitted by scipy."""
    head, fused, label, time = patients
    output = head(fused).detach()
    rows = []
    for patient in range(len(label)):
        last = int(np.searchsorted(head.edges.numpy(), float(time[patient]), side="left"))
        rows += [(place, output[patient, place].item(), 0) for place in range(last)]
        if label[patient] == 1:
            rows.append((last, output[patient, last].item(), 1))
    interval, offset, happened = (np.array(column) for column in zip(*rows, strict=True))

    def loss(origin):
        probability = expit(origin[interval] + offset)
        return -np.log(np.where(happened == 1, probability, 1 - probability)).sum()

    # Nobody comes through the last interval, so that its origin is where all have the event there.
    finite = interval < 3
    interval, offset, happened = interval[finite], offset[finite], happened[finite]
    expected = minimize(loss, np.zeros(4)).fun / len(label)
    alone = time <= head.edges[-1]
    through = (time > head.edges[-1]).sum()
    assert alone.any()
    assert through > 0
    assert head.loss(output, label, time).item() == pytest.approx(expected, abs=1e-6)


def test_a_constant_means_nothing_and_a_log_risk_is_for_all_intervals(patients):
    head, fused, label, time = patients
    risks = 0.5 * fused[:, 0]
    alone = head.loss(risks, label, time).item()
    assert head.loss(risks + 4.0, label, time).item() == pytest.approx(alone, abs=1e-5)
    beside = head.with_offset(torch.zeros(90, 4), risks)
    assert head.loss(beside, label, time).item() == pytest.approx(alone, abs=1e-6)
    np.testing.assert_allclose(head.logit(beside), risks, atol=1e-6)
    assert head.metrics(beside, label, time)["c_harrell"] > 0.6
    head.start_at_zero()
    assert head(fused).abs().max() == 0


def test_gradients_are_those_of_the_profile(patients):
    head, fused, label, time = patients
    output = head(fused).detach().double().requires_grad_()
    head.loss(output, label, time).backward()
    for place in ((3, 0), (7, 1)):
        step = torch.zeros_like(output)
        step[place] = 1e-4
        with torch.no_grad():
            up, down = head.loss(output + step, label, time), head.loss(output - step, label, time)
        assert output.grad[place].item() == pytest.approx(((up - down) / 2e-4).item(), abs=1e-6)


def test_unknown_and_censored_at_once_say_nothing_and_what_is_refused(patients):
    head, fused, label, time = patients
    more = torch.cat([fused, fused[:1]]), torch.cat([label, torch.tensor([-1])]), torch.cat([time, time[:1] * math.nan])
    assert head.loss(head(more[0]), *more[1:]).item() == pytest.approx(head.loss(head(fused), label, time).item())
    censored = head.loss(head(fused), label * 0, time)
    censored.backward()
    assert censored.item() == 0
    with pytest.raises(ModelError, match="2 distinct times of events"):
        head.learn_prevalence(torch.ones(6), torch.tensor([1.0, 2, 1, 2, 1, 2]))
    with pytest.raises(ModelError, match=r"intervals is 1"):
        DiscreteTime(MONTHS, width=2, intervals=1)


def test_who_came_late_counts_in_intervals_through_all_of_which_they_were_there(patients):
    """By person-periods, from the first whole interval on; who came within that of their event says nothing."""
    head, fused, label, time = patients
    output = head(fused).detach()
    entry = torch.where(torch.arange(len(label)) % 2 == 0, time * 0.6, 0.0)
    edges = np.concatenate([[0.0], head.edges.numpy(), [np.inf]])
    rows = []
    for patient in range(len(label)):
        for place in range(4):
            begun = float(entry[patient]) <= edges[place]
            ended = edges[place] < float(time[patient]) <= edges[place + 1]
            if begun and float(time[patient]) > edges[place + 1]:
                rows.append((place, output[patient, place].item(), 0))
            elif begun and ended and label[patient] == 1:
                rows.append((place, output[patient, place].item(), 1))
    interval, offset, happened = (np.array(column) for column in zip(*rows, strict=True))

    def loss(origin):
        probability = expit(origin[interval] + offset)
        return -np.log(np.where(happened == 1, probability, 1 - probability)).sum()

    finite = interval < 3
    interval, offset, happened = interval[finite], offset[finite], happened[finite]
    found = head.loss(output, label, torch.stack([time, entry], dim=1)).item()
    assert found == pytest.approx(minimize(loss, np.zeros(4)).fun / len(label), abs=1e-6)
    zero = torch.stack([time, torch.zeros_like(time)], dim=1)
    assert head.loss(output, label, zero).item() == head.loss(output, label, time).item()
    assert found != pytest.approx(head.loss(output, label, time).item(), abs=1e-3)
    whole = head.metrics(output, label, torch.stack([time, entry], dim=1))["c_harrell"]
    assert whole == pytest.approx(concordance(head.logit(output), label, time, entry))
