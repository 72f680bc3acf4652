"""Hazards over intervals of time."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fusion.contract import EndpointSpec
from fusion.contract.devices import has_float64
from fusion.heads.base import Head
from fusion.heads.cox import concordance, entry_of, refuse_class_options, times_of
from fusion.layers import ModelError

_TINY = 1e-6


class DiscreteTime(Head):
    r"""One log-odds of the event an interval, among who came to it (Gensheimer and Narasimhan, PeerJ 2019).

    :math:`\operatorname{logit} h_k(x) = a_k + f_k(x)` in interval *k*; the loss is the negative log-likelihood of
    discrete times (Zadeh and Schmid, IEEE TPAMI 43:3126–3137, 2021). Intervals end at quantiles of the events
    among training patients. The origins :math:`a_k` are those of greatest likelihood given *f* (a profile likelihood),
    so that, as with Cox's, what a constant adds means nothing, and a plain model's log-risk is judged by its order and
    spread alone. Effects may differ between intervals; for ranks and late fusion a patient has one log-risk, the log of
    the mean of :math:`e^{f_k}` over intervals, each weighed by its share of the training events.

    Args:
        endpoint: of kind ``survival``.
        width: of the fused vector.
        intervals: how many; no more than there are distinct times of events.
        options: of heads of classes, which mean nothing here.
    """

    kind, predicts = "survival", "times until an event"
    edges: Tensor
    share: Tensor

    def __init__(self, endpoint: EndpointSpec, *, width: int, intervals: int = 4, **options: Any) -> None:
        super().__init__(endpoint, width=width)
        refuse_class_options(endpoint, options, name="DiscreteTime")
        if intervals < 2:
            raise ModelError(f"model.head.intervals is {intervals}; set it to 2 or more.")
        self.linear = nn.Linear(width, intervals, bias=False)
        self.register_buffer("edges", torch.full((intervals - 1,), torch.inf, dtype=torch.float64))
        self.register_buffer("share", torch.full((intervals,), 1 / intervals))

    def learn_prevalence(self, label: Tensor, time: Tensor | None = None) -> None:
        """Intervals between quantiles of the events' times."""
        times = times_of(time)[label == 1]
        intervals = len(self.share)
        distinct = len(torch.unique(times))
        if distinct < intervals:
            raise ModelError(
                f"Endpoint {self.endpoint.name!r}: {distinct} distinct times of events in the training part of a fold, "
                f"fewer than model.head.intervals={intervals}. Lower it, or set model/head=cox."
            )
        places = torch.arange(1, intervals, dtype=torch.float64) / intervals
        self.edges.copy_(torch.quantile(times.double().cpu(), places))
        self.share.copy_(torch.bincount(self._interval(times), minlength=intervals) / len(times))

    def start_at_zero(self) -> None:
        """Nobody at more risk than others, in any interval."""
        nn.init.zeros_(self.linear.weight)

    def sample_weights(self, label: Tensor) -> Tensor:
        """``(patient,)`` ones."""
        return torch.ones(len(label))

    def forward(self, fused: Tensor) -> Tensor:
        """``(batch, width)`` → ``(batch, interval)`` log-odds beside the origins."""
        odds: Tensor = self.linear(fused)
        return odds

    def with_offset(self, output: Tensor, offset: Tensor) -> Tensor:
        """A plain model's log-risk ``(batch,)``, in every interval."""
        return output + offset[:, None]

    def logit(self, output: Tensor) -> Tensor:
        """``(batch, interval)`` → log-risks ``(batch,)``."""
        share = self.share.to(output.device)  # metrics are of outputs on the processor
        return torch.logsumexp(output + torch.log(share.clamp_min(_TINY)), dim=-1)

    def loss(self, output: Tensor, label: Tensor, time: Tensor | None = None) -> Tensor:
        """Mean over patients; ``(batch,)`` is a log-risk for all intervals. Zero where nobody came through one."""
        known = label >= 0
        output, event, times = output[known], label[known] == 1, times_of(time)[known]
        entry = entry_of(time, known)
        if output.ndim == 1:
            output = output[:, None].expand(-1, len(self.share))
        last = self._interval(times)[:, None]
        number = torch.arange(len(self.share), device=output.device)
        # Who is censored within an interval did not come through it, and had no event there: it says nothing of them.
        happened = (number == last) & event[:, None]
        if entry is not None:
            # Nor does who came under observation within it: of whom it had befallen before, none could come.
            begun = number >= self._first(entry)[:, None]
            happened, last = happened & begun, torch.where(begun, last, -1)
        counted = (number < last) | happened
        origin = _origins(output.detach(), happened, counted)
        each = F.binary_cross_entropy_with_logits(output + origin, happened.to(output.dtype), reduction="none")
        seen = counted & _mixed(happened, counted)
        return (each * seen).sum() / max(len(event), 1)

    def score(self, output: Tensor) -> Tensor:
        """Log-risks as they are."""
        return output

    def metrics(self, output: Tensor, label: Tensor, time: Tensor | None = None) -> dict[str, float]:
        """Harrell's C of the validation patients."""
        known = label >= 0
        risks = self.logit(output)[known]
        return {"c_harrell": concordance(risks, label[known], times_of(time)[known], entry_of(time, known))}

    def _interval(self, times: Tensor) -> Tensor:
        """Edges are times of patients or lie between them, so they are rounded as the times are."""
        edges = self.edges if has_float64(times.device) else self.edges.to(times.dtype)
        return torch.bucketize(times.to("cpu", edges.dtype), edges).to(times.device)

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        """Moved with the network are all tensors but the edges, in float64 on the processor wherever the rest is."""
        edges = self._buffers["edges"]
        self._buffers["edges"] = None
        try:
            return super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        finally:
            self._buffers["edges"] = edges

    def _first(self, entry: Tensor) -> Tensor:
        """The first interval through all of which a patient was under observation."""
        return torch.where(entry > 0, self._interval(entry) + 1, 0)


def _mixed(happened: Tensor, counted: Tensor) -> Tensor:
    """``(interval,)``: where some had the event and some came through; elsewhere risks are all as likely."""
    events = happened.sum(dim=0)
    return (events > 0) & (events < counted.sum(dim=0))


def _origins(output: Tensor, happened: Tensor, counted: Tensor) -> Tensor:
    """``(interval,)`` log-odds under which as many events are expected as were seen, by bisection."""
    wanted = happened.sum(dim=0).to(output.dtype)
    weight = counted.to(output.dtype)
    far = 30.0 + output.abs().amax() if output.numel() else torch.tensor(30.0)
    low, high = torch.full_like(wanted, -1.0) * far, torch.full_like(wanted, 1.0) * far
    for _ in range(60):
        middle = (low + high) / 2
        over = (torch.sigmoid(output + middle) * weight).sum(dim=0) > wanted
        low, high = torch.where(over, low, middle), torch.where(over, middle, high)
    return (low + high) / 2
