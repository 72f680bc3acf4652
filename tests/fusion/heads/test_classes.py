"""The head of several classes: its loss by hand, class weights, prevalence, and what it refuses."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from fusion.contract import EndpointSpec
from fusion.heads.classes import Classes
from fusion.layers import ModelError

ENDPOINT = EndpointSpec(name="tissue", kind="multiclass", classes=("fat", "stroma", "tumour"))
LABEL = torch.tensor([0] * 6 + [1] * 3 + [2] * 1)


def test_the_loss_is_cross_entropy_over_known_labels() -> None:
    head = Classes(ENDPOINT, width=4)
    output = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    label = torch.tensor([0, 2, -1, 1])
    known = torch.tensor([0, 1, 3])
    assert head.loss(output, label).item() == pytest.approx(F.cross_entropy(output[known], label[known]).item())
    assert head.loss(output, torch.full((4,), -1)).item() == 0.0


def test_it_starts_at_the_shares_of_the_classes() -> None:
    head = Classes(ENDPOINT, width=4)
    head.learn_prevalence(LABEL)
    assert torch.softmax(head.linear.bias, dim=0).tolist() == pytest.approx([0.6, 0.3, 0.1])


@pytest.mark.parametrize(("choice", "ratio"), [("none", 1.0), ("root", math.sqrt(6)), ("balanced", 6.0)])
def test_rare_classes_weigh_more_and_the_mean_weight_stays_one(choice: str, ratio: float) -> None:
    head = Classes(ENDPOINT, width=4, class_weight=choice)
    head.learn_prevalence(LABEL)
    assert (head.class_weights[2] / head.class_weights[0]).item() == pytest.approx(ratio)
    assert head.class_weights[LABEL].mean().item() == pytest.approx(1.0)


def test_balanced_loss_gives_every_class_the_same_pull() -> None:
    head = Classes(ENDPOINT, width=4, class_weight="balanced")
    head.learn_prevalence(LABEL)
    output = torch.zeros(len(LABEL), 3, requires_grad=True)
    head.loss(output, LABEL).backward()
    assert output.grad is not None
    assert output.grad.sum(dim=0).abs().max().item() == pytest.approx(0.0, abs=1e-6)


def test_smoothing_is_for_training_alone() -> None:
    head = Classes(ENDPOINT, width=4, label_smoothing=0.3)
    output, label = torch.tensor([[3.0, 0.0, 0.0]]), torch.tensor([0])
    smooth = head.loss(output, label)
    assert head.eval().loss(output, label) < smooth


def test_metrics_and_scores() -> None:
    head = Classes(ENDPOINT, width=4)
    output = torch.tensor([[2.0, 0, 0], [2.0, 0, 0], [0, 0, 1.0], [0, 0, 1.0]])
    assert head.metrics(output, torch.tensor([0, 1, 2, -1])) == {"balanced_accuracy": pytest.approx(2 / 3)}
    assert math.isnan(head.metrics(output, torch.full((4,), -1))["balanced_accuracy"])
    assert head.score(output).sum(dim=1).tolist() == pytest.approx([1.0] * 4)


def test_what_is_refused() -> None:
    binary = EndpointSpec(name="response", kind="binary", classes=("no", "yes"))
    with pytest.raises(ModelError, match="model/head=by_endpoint"):
        Classes(binary, width=4)
    with pytest.raises(ModelError, match="class_weight"):
        Classes(ENDPOINT, width=4, class_weight="some")
    with pytest.raises(ModelError, match="of class tumour"):
        Classes(ENDPOINT, width=4).learn_prevalence(torch.tensor([0, 1, 1]))
