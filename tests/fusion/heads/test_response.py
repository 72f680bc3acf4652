from __future__ import annotations

import math

import pytest
import torch
from sklearn.metrics import log_loss, roc_auc_score

from fusion.contract import EndpointSpec
from fusion.heads.response import BinaryResponse
from fusion.layers import ModelError

ENDPOINT = EndpointSpec(name="response", kind="binary", classes=("no", "yes"))


def test_loss_equals_scikit_learns() -> None:
    torch.manual_seed(0)
    head = BinaryResponse(ENDPOINT, width=4)
    output, label = torch.randn(20), torch.arange(20) % 3 // 2
    expected = log_loss(label.numpy(), head.score(output).numpy())
    assert float(head.loss(output, label)) == pytest.approx(expected, rel=1e-5)


def test_unknown_labels_do_not_count() -> None:
    head = BinaryResponse(ENDPOINT, width=4)
    output = torch.tensor([1.0, -2.0, 5.0])
    assert head.loss(output, torch.tensor([1, 0, -1])) == head.loss(output[:2], torch.tensor([1, 0]))
    assert float(head.loss(output, torch.tensor([-1, -1, -1]))) == 0.0


def test_balanced_weights_by_hand() -> None:
    head = BinaryResponse(ENDPOINT, width=4, class_weight="balanced")
    head.learn_prevalence(torch.tensor([0, 0, 0, 1, -1]))
    assert head.class_weights.tolist() == [pytest.approx(4 / 6), pytest.approx(4 / 2)]
    # At logit 0 each patient's loss is ln 2, times the weight of the class.
    loss = float(head.loss(torch.zeros(4), torch.tensor([0, 0, 0, 1])))
    assert loss == pytest.approx(math.log(2) * (3 * 4 / 6 + 4 / 2) / 4)


def test_starts_at_the_prevalence() -> None:
    head = BinaryResponse(ENDPOINT, width=4)
    head.learn_prevalence(torch.tensor([0, 0, 0, 1]))
    score = head.score(head(torch.zeros(1, 4))).detach()
    assert float(score) == pytest.approx(0.25)


def test_smoothing_in_training_only() -> None:
    head = BinaryResponse(ENDPOINT, width=4, label_smoothing=0.2)
    output, label = torch.tensor([2.0]), torch.tensor([1])
    right, wrong = math.log(1 + math.exp(-2)), math.log(1 + math.exp(2))
    assert float(head.train().loss(output, label)) == pytest.approx(0.9 * right + 0.1 * wrong)
    assert float(head.eval().loss(output, label)) == pytest.approx(right)


def test_auroc_equals_scikit_learns() -> None:
    torch.manual_seed(0)
    head = BinaryResponse(ENDPOINT, width=4)
    output, label = torch.randn(50).round(decimals=1), (torch.rand(50) < 0.3).long()
    assert head.metrics(output, label)["auroc"] == pytest.approx(roc_auc_score(label.numpy(), output.numpy()))
    assert math.isnan(head.metrics(output, torch.zeros(50))["auroc"])


def test_refusals() -> None:
    with pytest.raises(ModelError, match="class_weight is 'heavy'"):
        BinaryResponse(ENDPOINT, width=4, class_weight="heavy")
    with pytest.raises(ModelError, match="all 3 training patients of a fold are of one class"):
        BinaryResponse(ENDPOINT, width=4).learn_prevalence(torch.tensor([1, 1, 1, -1]))
