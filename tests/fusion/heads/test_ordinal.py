from __future__ import annotations

import pytest
import torch

from fusion.contract import EndpointSpec
from fusion.evaluation.outcomes.cumulative import fit_cuts, losses
from fusion.heads.by_endpoint import by_endpoint
from fusion.heads.ordinal import CumulativeLink
from fusion.layers import ModelError

RCB = EndpointSpec(name="rcb", kind="ordinal", classes=("0", "I", "II", "III"))
LABEL = torch.tensor([0, 0, 1, 2, 2, 2, 3, -1])


@pytest.fixture
def head() -> CumulativeLink:
    torch.manual_seed(0)
    made = by_endpoint(RCB, width=3, class_weight="none", label_smoothing=0.0)
    made.learn_prevalence(LABEL)
    return made


def test_starts_at_the_shares_of_grades(head):
    assert torch.sigmoid(-head.cuts).tolist() == pytest.approx([5 / 7, 4 / 7, 1 / 7], abs=1e-5)


def test_the_loss_is_proportional_odds_with_its_own_cuts_in_training_and_the_best_ones_after(head):
    output = torch.linspace(-2, 2, 8)
    known = LABEL >= 0
    latent, label = output[known].double().numpy(), LABEL[known].numpy()
    cuts = head.cuts.detach().double().numpy()
    assert head.loss(output, LABEL).item() == pytest.approx(losses(latent, cuts, label).mean(), abs=1e-6)
    head.eval()
    best = losses(latent, fit_cuts(latent, label, 4), label).mean()
    assert head.loss(output, LABEL).item() == pytest.approx(best, abs=1e-6)
    assert head.loss(output + 5.0, LABEL).item() == pytest.approx(best, abs=1e-4), "an origin means nothing"


def test_gradients_reach_the_latent_logit_and_the_cuts(head):
    head.loss(head(torch.randn(8, 3)), LABEL).backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in head.parameters())
    unknown = head.loss(head(torch.randn(2, 3)), torch.tensor([-1, -1]))
    assert unknown.item() == 0
    assert head.metrics(torch.tensor([0.0, 1.0, 1.0]), torch.tensor([0, 1, 2]))["concordance"] == pytest.approx(2.5 / 3)
    head.start_at_zero()
    assert head(torch.randn(2, 3)).tolist() == [0, 0]


def test_what_it_refuses(head):
    with pytest.raises(ModelError, match="of grade III"):
        head.learn_prevalence(torch.tensor([0, 1, 2]))
    with pytest.raises(ModelError, match="no class_weight"):
        by_endpoint(RCB, width=2, class_weight="balanced")
    with pytest.raises(ModelError, match="predicts grades; 'r' is binary"):
        CumulativeLink(EndpointSpec(name="r", kind="binary", classes=("no", "yes")), width=2)
