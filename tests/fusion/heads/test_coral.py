from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from fusion.contract import EndpointSpec
from fusion.heads.coral import Coral, best_biases
from fusion.layers import ModelError

RCB = EndpointSpec(name="rcb", kind="ordinal", classes=("0", "I", "II"))


def test_the_loss_by_hand() -> None:
    """Two cuts with biases 1 and -1. A patient of grade 1 with logit 0.5 is above the first and not the second."""
    head = Coral(RCB, width=2)
    with torch.no_grad():
        head.bias.copy_(torch.tensor([1.0, -1.0]))
    first = math.log1p(math.exp(-1.5)) + math.log1p(math.exp(-0.5))
    assert head.loss(torch.tensor([0.5]), torch.tensor([1])).item() == pytest.approx(first)
    # Of grade 2 with logit -2: above both; the unknown one does not count.
    second = math.log1p(math.exp(1.0)) + math.log1p(math.exp(3.0))
    both = head.loss(torch.tensor([0.5, -2.0, 9.0]), torch.tensor([1, 2, -1]))
    assert both.item() == pytest.approx((first + second) / 2)
    assert head.loss(torch.tensor([9.0]), torch.tensor([-1])).item() == 0


def test_it_starts_at_the_shares_and_learns_ranks_in_order() -> None:
    torch.manual_seed(0)
    head = Coral(RCB, width=1)
    label = torch.tensor([0, 0, 1, 2, 2, 2, 2, -1])
    head.learn_prevalence(label)
    assert torch.sigmoid(head.bias).tolist() == pytest.approx([5 / 7, 4 / 7])
    head.start_at_zero()
    assert head(torch.randn(3, 1)).tolist() == [0, 0, 0]
    fused = torch.randn(300, 1)
    grade = torch.bucketize(fused[:, 0] + 0.5 * torch.randn(300), torch.tensor([-0.5, 0.7]))
    optimiser = torch.optim.LBFGS(head.parameters(), max_iter=60)

    def step() -> torch.Tensor:
        optimiser.zero_grad()
        loss = head.loss(head(fused), grade)
        loss.backward()
        return loss

    optimiser.step(step)  # type: ignore[no-untyped-call]
    assert head.bias[0] > head.bias[1], "biases fall with the cut (theorem 1)"
    # The same likelihood by scikit-learn: a row a patient and cut, one slope, an intercept a cut.
    above = (grade[:, None] > torch.arange(2)).numpy()
    rows = np.concatenate(
        [np.column_stack([fused.numpy(), np.full(300, cut == 0), np.full(300, cut == 1)]) for cut in (0, 1)]
    )
    known = LogisticRegression(C=1e8, fit_intercept=False, tol=1e-8, max_iter=1000).fit(rows, above.T.ravel()).coef_[0]
    assert head.linear.weight.item() == pytest.approx(known[0], abs=1e-2)
    assert head.bias.tolist() == pytest.approx(known[1:].tolist(), abs=1e-2)


def test_validation_is_judged_by_order_and_spread_alone() -> None:
    head = Coral(RCB, width=1).eval()
    latent, label = torch.tensor([-1.0, 0.2, 0.1, 1.5]), torch.tensor([0, 1, 2, 2])
    judged = head.loss(latent, label).item()
    assert head.loss(latent + 7, label).item() == pytest.approx(judged, abs=1e-5)
    assert head.loss(-latent, label).item() > judged
    above = np.array([[0, 0], [1, 0], [1, 1], [1, 1]], dtype=float)
    found = best_biases(latent.double().numpy(), above)
    assert (1 / (1 + np.exp(-(latent.double().numpy()[:, None] + found)))).mean(axis=0) == pytest.approx([0.75, 0.5])
    with pytest.raises(ModelError, match="predicts grades; 'r' is binary"):
        Coral(EndpointSpec(name="r", kind="binary", classes=("no", "yes")), width=2)
