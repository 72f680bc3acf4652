"""One of several grades, in order."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fusion.contract import EndpointSpec
from fusion.evaluation.outcomes.cumulative import fit_cuts
from fusion.heads.base import Head
from fusion.layers import ModelError


class CumulativeLink(Head):
    r"""One latent logit, trained by proportional odds: :math:`P(y > k) = \sigma(\eta - \theta_k)` (McCullagh 1980).

    The cut-points :math:`\theta` are learned beside it. Validation patients are judged with the cut-points that suit
    them best, so that of a plain model and of what is added to it the order counts, and not where cut-points lie, which
    calibration fits anew.

    Args:
        endpoint: of kind ``ordinal``.
        width: of the fused vector.
        class_weight: ``none``; others would shift cut-points, which have nothing else to stand on.
        label_smoothing: 0, likewise.
    """

    kind, predicts = "ordinal", "grades"

    def __init__(
        self, endpoint: EndpointSpec, *, width: int, class_weight: str = "none", label_smoothing: float = 0.0
    ) -> None:
        super().__init__(endpoint, width=width)
        if class_weight != "none" or label_smoothing:
            raise ModelError("model.head: grades take no class_weight and no label_smoothing; set none and 0.")
        self.linear = nn.Linear(width, 1, bias=False)
        self.first = nn.Parameter(torch.zeros(1))
        self.steps = nn.Parameter(torch.zeros(len(endpoint.classes) - 2))

    @property
    def cuts(self) -> Tensor:
        """``(grade − 1,)`` ascending."""
        steps = F.softplus(self.steps)
        # A matrix, for sums along a vector have no deterministic kernel on a GPU.
        up_to = torch.ones(len(steps), len(steps), dtype=steps.dtype, device=steps.device).tril()
        return torch.cat([self.first, self.first + (up_to * steps).sum(dim=1)])

    def learn_prevalence(self, label: Tensor, time: Tensor | None = None) -> None:
        """Start at the cut-points of the training grades' shares."""
        count = torch.bincount(label[label >= 0], minlength=len(self.endpoint.classes)).double()
        if not bool((count > 0).all()):
            absent = [name for name, number in zip(self.endpoint.classes, count.tolist(), strict=True) if not number]
            raise ModelError(
                f"Endpoint {self.endpoint.name!r}: no training patient of a fold is of grade {', '.join(absent)}. "
                "Lower folds.outer or folds.inner, or collapse rare grades."
            )
        share = torch.cumsum(count, 0)[:-1] / count.sum()
        with torch.no_grad():
            self.place(torch.logit(share))

    def place(self, cuts: Tensor) -> None:
        """Start at these cut-points, ``(grade − 1,)`` ascending."""
        self.first.copy_(cuts[:1])
        self.steps.copy_(torch.log(torch.expm1(torch.diff(cuts).clamp_min(1e-3))))

    def start_at_zero(self) -> None:
        """Every patient's latent logit 0."""
        nn.init.zeros_(self.linear.weight)

    def sample_weights(self, label: Tensor) -> Tensor:
        """``(patient,)`` ones."""
        return torch.ones(len(label))

    def forward(self, fused: Tensor) -> Tensor:
        """``(batch, width)`` → latent logits ``(batch,)``."""
        latent: Tensor = self.linear(fused).squeeze(-1)
        return latent

    def loss(self, output: Tensor, label: Tensor, time: Tensor | None = None) -> Tensor:
        """Mean −log probability of patients' grades; zero where none is known."""
        known = label >= 0
        output, label = output[known], label[known]
        if not len(label):
            return output.sum() * 0.0
        cuts = self.cuts
        if not self.training:
            best = fit_cuts(output.detach().cpu().double().numpy(), label.cpu().numpy(), len(self.endpoint.classes))
            cuts = torch.as_tensor(best, dtype=output.dtype).to(output.device)
        none = torch.full((1,), math.inf, dtype=cuts.dtype, device=cuts.device)
        ends = torch.cat([-none, cuts, none])
        share = torch.sigmoid(output - ends[label]) - torch.sigmoid(output - ends[label + 1])
        return -torch.log(share.clamp_min(1e-12)).mean()

    def score(self, output: Tensor) -> Tensor:
        """Latent logits as they are."""
        return output

    def metrics(self, output: Tensor, label: Tensor, time: Tensor | None = None) -> dict[str, float]:
        """The share of pairs of patients of two grades whose order is right, ties half."""
        known = label >= 0
        output, label = output[known], label[known]
        more = label[:, None] > label[None, :]
        difference = (output[:, None] - output[None, :])[more]
        if not len(difference):
            return {"concordance": math.nan}
        return {"concordance": float(((difference > 0).double() + 0.5 * (difference == 0).double()).mean())}
