from __future__ import annotations

import math
import warnings

import pytest
import torch

from fusion.contract import EndpointSpec
from fusion.heads.by_endpoint import by_endpoint
from fusion.heads.cox import CoxRisk, concordance, partial_likelihood
from fusion.layers import ModelError
from tests.helpers.times import MONTHS, invented


@pytest.fixture
def patients():
    rows, truth = invented(70)
    risks = torch.tensor(0.7 * rows.to_numpy()[:, 0])
    return risks, torch.tensor(truth.label), torch.tensor(truth.times)


def test_the_loss_is_torchsurvs(patients):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of ties, and of what torch has deprecated
        from torchsurv.loss.cox import neg_partial_log_likelihood

        risks, event, time = patients
        expected = neg_partial_log_likelihood(risks, event.bool(), time, ties_method="efron", reduction="sum")
    assert float(partial_likelihood(risks, event, time)) == pytest.approx(float(expected) / int(event.sum()), abs=1e-6)
    order = torch.randperm(len(risks), generator=torch.Generator().manual_seed(0))
    assert float(partial_likelihood(risks[order], event[order], time[order])) == pytest.approx(
        float(partial_likelihood(risks + 3.0, event, time))
    ), "neither order nor origin matters"


def test_concordance_is_scikit_survivals(patients):
    from sksurv.metrics import concordance_index_censored

    risks, event, time = patients
    rounded = torch.round(risks, decimals=1)  # ties in risks
    expected = concordance_index_censored(event.bool().numpy(), time.numpy(), rounded.numpy())[0]
    assert concordance(rounded, event, time) == pytest.approx(expected, abs=1e-6)
    assert math.isnan(concordance(risks, event * 0, time))


def test_heavy_censoring_one_event_and_none():
    risks = torch.tensor([0.0, 1.0, 2.0], requires_grad=True)
    time = torch.tensor([1.0, 2.0, 3.0])
    one = partial_likelihood(risks, torch.tensor([0, 1, 0]), time)
    assert one.item() == pytest.approx(math.log(math.exp(1) + math.exp(2)) - 1)
    none = partial_likelihood(risks, torch.tensor([0, 0, 0]), time)
    none.backward()
    assert none.item() == 0.0
    assert risks.grad.tolist() == [0.0, 0.0, 0.0]


def test_the_head_learns_and_counts_only_known_patients():
    torch.manual_seed(0)
    head = CoxRisk(MONTHS, width=3)
    fused, event = torch.randn(6, 3), torch.tensor([1, 0, 1, -1, 1, 0])
    time = torch.tensor([3.0, 4.0, 5.0, math.nan, 1.0, 2.0])
    known = event >= 0
    loss = head.loss(head(fused), event, time)
    assert loss.item() == partial_likelihood(head(fused)[known], event[known], time[known]).item()
    loss.backward()
    assert head.linear.weight.grad.abs().sum() > 0
    assert set(head.metrics(head(fused), event, time)) == {"c_harrell"}
    head.start_at_zero()
    assert head(fused).tolist() == [0.0] * 6
    with pytest.raises(ModelError, match="no training patient of a fold had the event"):
        head.learn_prevalence(torch.zeros(4, dtype=torch.int64), time[:4])


def test_what_it_refuses():
    assert isinstance(by_endpoint(MONTHS, width=2, class_weight="none", label_smoothing=0.0), CoxRisk)
    with pytest.raises(ModelError, match=r"class_weight: endpoint 'os' has no classes"):
        by_endpoint(MONTHS, width=2, class_weight="balanced")
    with pytest.raises(ModelError, match="predicts times until an event; 'r' is binary"):
        CoxRisk(EndpointSpec(name="r", kind="binary", classes=("no", "yes")), width=2)
    with pytest.raises(ModelError, match="has no times"):
        CoxRisk(MONTHS, width=2).loss(torch.zeros(2), torch.tensor([0, 1]))
