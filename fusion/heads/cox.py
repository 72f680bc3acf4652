"""Log-risk of an event, by Cox's partial likelihood."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from fusion.contract import EndpointSpec
from fusion.heads.base import Head
from fusion.layers import ModelError


class CoxRisk(Head):
    """One log hazard ratio a patient, trained by the partial likelihood of the batch (DeepSurv: Katzman et al. 2018).

    A batch is one risk set, so it must hold events and who is still at risk then: loaders of endpoints in time make
    batches large enough. Risks have no origin: what a constant adds means nothing.

    Args:
        endpoint: of kind ``survival``.
        width: of the fused vector.
        options: of heads of classes, which mean nothing here.
    """

    kind, predicts = "survival", "times until an event"

    def __init__(self, endpoint: EndpointSpec, *, width: int, **options: Any) -> None:
        super().__init__(endpoint, width=width)
        refuse_class_options(endpoint, options, name="CoxRisk")
        self.linear = nn.Linear(width, 1, bias=False)

    def learn_prevalence(self, label: Tensor, time: Tensor | None = None) -> None:
        """See that somebody had the event."""
        if not bool((label == 1).any()):
            raise ModelError(
                f"Endpoint {self.endpoint.name!r}: no training patient of a fold had the event. Lower folds.outer or "
                "folds.inner, or check the endpoint's events."
            )

    def start_at_zero(self) -> None:
        """Nobody at more risk than others."""
        nn.init.zeros_(self.linear.weight)

    def sample_weights(self, label: Tensor) -> Tensor:
        """``(patient,)`` ones."""
        return torch.ones(len(label))

    def forward(self, fused: Tensor) -> Tensor:
        """``(batch, width)`` → log-risks ``(batch,)``."""
        risks: Tensor = self.linear(fused).squeeze(-1)
        return risks

    def loss(self, output: Tensor, label: Tensor, time: Tensor | None = None) -> Tensor:
        """Mean over the events of the batch; zero where there is none."""
        known = label >= 0
        return partial_likelihood(output[known], label[known], times_of(time)[known], entry_of(time, known))

    def score(self, output: Tensor) -> Tensor:
        """Log-risks as they are."""
        return output

    def metrics(self, output: Tensor, label: Tensor, time: Tensor | None = None) -> dict[str, float]:
        """Harrell's C of the validation patients."""
        known = label >= 0
        return {"c_harrell": concordance(output[known], label[known], times_of(time)[known], entry_of(time, known))}


def partial_likelihood(risks: Tensor, event: Tensor, time: Tensor, entry: Tensor | None = None) -> Tensor:
    r"""Negative log partial likelihood over the number of events, ties by Efron (JASA 1977); zero without events.

    :math:`\frac1d \sum_i \log(\sum_{t_j \ge t_i} e^{\eta_j} - \frac{l_i}{d_i} \sum_{j \in D_i} e^{\eta_j}) - \eta_i`,
    with :math:`D_i` the :math:`d_i` events at the time of *i*, of which *i* is number :math:`l_i` from 0.

    Args:
        risks: ``(patient,)`` log-risks.
        event: ``(patient,)`` 1 where the event was seen, else 0.
        time: ``(patient,)`` until then, or until the last visit.
        entry: ``(patient,)`` from when on they were under observation: at risk of later events alone. None: all from
            time zero on.
    """
    if risks.dtype in (torch.float16, torch.bfloat16):
        risks = risks.float()  # of half-precision networks: sums over patients need more digits
    order = torch.argsort(time, descending=True, stable=True)
    risks, event, time = risks[order], event[order] == 1, time[order]
    at = torch.nonzero(event).squeeze(-1)
    if not len(at):
        return risks.sum() * 0.0
    eta = risks - risks.max().detach()
    weight = eta.exp()
    end = torch.searchsorted(-time, -time[at], right=True) - 1
    _, group, number = torch.unique_consecutive(time[at], return_inverse=True, return_counts=True)
    first = torch.cumsum(number, 0) - number
    share = ((torch.arange(len(at), device=at.device) - first[group]) / number[group]).to(weight.dtype)
    tied = torch.zeros(len(number), dtype=weight.dtype, device=weight.device).index_add(0, group, weight[at])
    # A matrix, for sums along a vector have no deterministic kernel on a GPU.
    followed = torch.arange(len(time), device=time.device) <= end[:, None]
    if entry is not None:
        followed = followed & (entry[order] < time[at][:, None])
    risk = (followed * weight).sum(dim=1) - share * tied[group]
    return (torch.log(risk.clamp_min(1e-30)) - eta[at]).sum() / len(at)


def concordance(risks: Tensor, event: Tensor, time: Tensor, entry: Tensor | None = None) -> float:
    """Harrell's C (JAMA 1982): of pairs whose earlier time is an event, the share in which that one has more risk.

    A censored patient of the same time as an event outlived it; equal risks count half. Who was not yet under
    observation (`entry`) when the event happened is not compared with it.
    """
    earlier = (time[:, None] < time[None, :]) | ((time[:, None] == time[None, :]) & (event[None, :] == 0))
    pairs = earlier & (event[:, None] == 1)
    if entry is not None:
        pairs = pairs & (entry[None, :] < time[:, None])
    difference = risks[:, None] - risks[None, :]
    right = (difference > 0).double() + 0.5 * (difference == 0).double()
    number = int(pairs.sum())
    return float(right[pairs].sum()) / number if number else math.nan


def refuse_class_options(endpoint: EndpointSpec, options: dict[str, Any], *, name: str) -> None:
    """Refuse what weighs or smooths classes.

    Raises:
        ModelError: naming the key.
    """
    for key, nothing in (("class_weight", "none"), ("label_smoothing", 0.0)):
        if options.pop(key, nothing) != nothing:
            raise ModelError(f"model.head.{key}: endpoint {endpoint.name!r} has no classes; set it to {nothing}.")
    if options:
        raise ModelError(f"model.head: {name} knows no {', '.join(options)}.")


def times_of(time: Tensor | None) -> Tensor:
    """Times of an endpoint that has them.

    Raises:
        ModelError: it has none.
    """
    if time is None:
        raise ModelError("model.head: this endpoint has no times; a head of survival cannot learn from it.")
    return time if time.ndim == 1 else time[:, 0]


def entry_of(time: Tensor | None, known: Tensor) -> Tensor | None:
    """When `known` patients came under observation; None where all are followed from time zero on."""
    return None if time is None or time.ndim == 1 else time[:, 1][known]
