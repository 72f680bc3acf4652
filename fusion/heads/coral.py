"""One of several grades, in order, as one question a cut."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit
from torch import Tensor, nn
from torch.nn import functional as F

from fusion.contract import EndpointSpec
from fusion.heads.ordinal import CumulativeLink


class Coral(CumulativeLink):
    r"""One latent logit and a bias a cut, trained as binary questions (CORAL: Cao, Mirjalili and Raschka 2020).

    :math:`P(y > k) = \sigma(\eta + b_k)` with weights shared by all cuts, and their loss with equal weights of the
    cuts: :math:`-\sum_k [y > k] \log \sigma(\eta + b_k) + [y \le k] \log(1 - \sigma(\eta + b_k))`,
    mean over patients. Biases are free; at the least loss they fall with *k* (their theorem 1), so that no grade has a
    probability below 0. Beside proportional odds, whose likelihood is of the grade itself, an outer patient counts at
    every cut. Validation patients are judged with the biases that suit them best, as `CumulativeLink` judges them.

    Args:
        endpoint: of kind ``ordinal``.
        width: of the fused vector.
        class_weight: ``none``.
        label_smoothing: 0.
    """

    def __init__(
        self, endpoint: EndpointSpec, *, width: int, class_weight: str = "none", label_smoothing: float = 0.0
    ) -> None:
        super().__init__(endpoint, width=width, class_weight=class_weight, label_smoothing=label_smoothing)
        del self.first, self.steps
        self.bias = nn.Parameter(torch.zeros(len(endpoint.classes) - 1))

    @property
    def cuts(self) -> Tensor:
        """``(grade − 1,)``: what the latent logit must pass."""
        return -self.bias

    def place(self, cuts: Tensor) -> None:
        """Start at these cut-points."""
        self.bias.copy_(-cuts)

    def loss(self, output: Tensor, label: Tensor, time: Tensor | None = None) -> Tensor:
        """Mean over patients of the sum over cuts; zero where no label is known."""
        known = label >= 0
        output, label = output[known], label[known]
        if not len(label):
            return output.sum() * 0.0
        above = (label[:, None] > torch.arange(len(self.bias), device=label.device)).to(output.dtype)
        bias: Tensor = self.bias
        if not self.training:
            best = best_biases(output.detach().cpu().double().numpy(), above.cpu().double().numpy())
            bias = torch.as_tensor(best, dtype=output.dtype).to(output.device)
        each = F.binary_cross_entropy_with_logits(output[:, None] + bias, above, reduction="sum")
        return each / len(label)


def best_biases(latent: NDArray[np.float64], above: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(cut,)`` of least loss: the mean probability of each cut is the share above it.

    Args:
        latent: ``(patient,)`` logits.
        above: ``(patient, cut)`` 0/1.
    """
    found = []
    for share in above.mean(axis=0):
        wanted = float(np.clip(share, 1e-6, 1 - 1e-6))  # where nobody, or everybody, is above, no finite bias is best

        def off(bias: float, wanted: float = wanted) -> float:
            return float(expit(latent + bias).mean()) - wanted

        found.append(brentq(off, -float(latent.max()) - 30.0, -float(latent.min()) + 30.0))
    return np.array(found)
