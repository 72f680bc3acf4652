"""Several endpoints on one fused vector: a head each, and the sum of their losses."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from fusion.contract import EndpointSpec, Target
from fusion.heads.base import Head
from fusion.heads.by_endpoint import by_endpoint
from fusion.layers import ModelError, in_float32

LEARNED = "learned"
"""Instead of weights: learned from each endpoint's uncertainty."""

WEIGHT = 0.3
"""Of a secondary endpoint's loss beside the primary one's, where nobody says."""

Weights = Mapping[str, float] | None
"""Secondary endpoint → its weight; None where they are learned."""


class SecondaryHeads(nn.Module):
    r"""Heads of secondary endpoints, and what their losses weigh beside the primary one's.

    Fixed: :math:`L = L_1 + \sum_e w_e L_e`. Learned, by homoscedastic uncertainty (Kendall, Gal and Cipolla, CVPR 2018,
    equation 10, its form for likelihoods of classes): :math:`L = \sum_e \exp(-s_e) L_e + s_e / 2` over the primary and
    every secondary endpoint, with :math:`s_e = \log \sigma_e^2` learned beside the network, 0 at first.

    An endpoint of which a batch has no label adds nothing, its uncertainty included.

    Args:
        heads: secondary endpoint → its head.
        weights: see `weights_of`.
        adds: endpoints whose heads add to a plain model's logits (`Target.offset`): they start at 0.
    """

    def __init__(self, heads: Mapping[str, Head], weights: Weights, adds: Collection[str] = ()) -> None:
        super().__init__()
        self.adds = tuple(adds)
        self._keys = _keys(list(heads))
        self.heads = nn.ModuleDict({self._keys[name]: head for name, head in heads.items()})
        self.weights = None if weights is None else dict(weights)
        self.log_variance = nn.Parameter(torch.zeros(1 + len(heads))) if weights is None else None
        self.start_at_zero()

    def start_at_zero(self) -> None:
        """Heads that add to a plain model say nothing yet."""
        for name in self.adds:
            self.head(name).start_at_zero()

    def forward(self, fused: Tensor, targets: Mapping[str, Target]) -> dict[str, Tensor]:
        """``(batch, width)`` → secondary endpoint → its head's output, with the offset that its targets have."""
        said = {}
        for name in self._keys:
            said[name] = in_float32(self.head(name), fused)
            offset = targets[name].offset if name in targets else None
            if offset is not None:
                said[name] = self.head(name).with_offset(said[name], offset)
        return said

    def head(self, name: str) -> Head:
        """Of a secondary endpoint."""
        head = self.heads[self._keys[name]]
        assert isinstance(head, Head)
        return head

    def learn_prevalence(self, targets: Mapping[str, Target]) -> None:
        """Each head sees the training labels of its endpoint once before training."""
        for name, target in targets.items():
            self.head(name).learn_prevalence(target.label[target.known], _of(target.time, target.known))
        self.start_at_zero()

    def together(
        self, primary: Tensor, known: Tensor, losses: Mapping[str, Tensor], targets: Mapping[str, Target]
    ) -> Tensor:
        """The loss of all endpoints, a scalar.

        Args:
            primary: the primary endpoint's loss, 0 where a batch has no label of it.
            known: ``(batch,)`` bool: whose label of it is known.
            losses: secondary endpoint → its loss, likewise.
            targets: secondary endpoint → the batch's outcomes.
        """
        if self.log_variance is None:
            assert self.weights is not None
            weighed = [self.weights[name] * loss for name, loss in losses.items()]
            return primary + torch.stack(weighed).sum()
        there = torch.stack([known.any(), *(targets[name].known.any() for name in losses)])
        each = torch.stack([primary, *losses.values()])
        told = torch.exp(-self.log_variance) * each + self.log_variance / 2
        return torch.where(there, told, torch.zeros_like(told)).sum()


def _keys(names: Sequence[str]) -> dict[str, str]:
    """Names under which torch takes modules: it refuses dots, and what its own attributes are called, as ``type``."""
    taken, found = {*dir(nn.ModuleDict()), *names}, {}
    for name in names:
        key = name.replace(".", "_")
        while key in taken and (key != name or hasattr(nn.Module(), key) or hasattr(nn.ModuleDict, key)):
            key += "_"
        found[name] = key
        taken.add(key)
    return found


def _of(time: Tensor | None, known: Tensor) -> Tensor | None:
    return None if time is None else time[known]


def weights_of(model: Mapping[str, Any], names: Sequence[str]) -> Weights:
    """What the losses of secondary endpoints weigh, from the `model` config node.

    Args:
        model: its ``endpoints.weights`` is a number for all, a number an endpoint, or ``learned``; runs of versions
            with one endpoint have none.
        names: of the secondary endpoints.

    Raises:
        ModelError: it is none of these, below 0, or names another endpoint.
    """
    asked = (model.get("endpoints") or {}).get("weights", WEIGHT)
    if asked == LEARNED:
        return None
    by_name = dict(asked) if isinstance(asked, Mapping) else dict.fromkeys(names, asked)
    strangers = [str(name) for name in by_name if name not in names]
    if strangers and names:
        raise ModelError(
            f"model.endpoints.weights names {', '.join(strangers)}; the secondary endpoints are {', '.join(names)}."
        )
    wrong = [
        value
        for value in by_name.values()
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0
    ]
    if wrong:
        raise ModelError(
            f"model.endpoints.weights is {wrong[0]!r}; set a number of 0 or more (for all, or by endpoint: {{rcb: "
            f"0.3}}), or {LEARNED}."
        )
    return {name: float(by_name.get(name, WEIGHT)) for name in names}


def secondary_heads(
    model: Mapping[str, Any], endpoints: Sequence[EndpointSpec], *, width: int, adds: Collection[str] = ()
) -> SecondaryHeads | None:
    """Heads by the kind of each secondary endpoint; None where there is none.

    Args:
        model: the `model` config node.
        endpoints: the secondary ones.
        width: of the fused vector.
        adds: names of those whose heads add to a plain model's logits.
    """
    weights = weights_of(model, [one.name for one in endpoints])
    if not endpoints:
        return None
    return SecondaryHeads({one.name: by_endpoint(one, width=width) for one in endpoints}, weights, adds)
