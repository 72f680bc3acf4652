"""What every head owns: loss, score and metrics, so that nothing else asks which kind of endpoint it is."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from fusion.contract import EndpointKind, EndpointSpec
from fusion.layers import ModelError


class Head(nn.Module):
    """From the fused vector to one endpoint.

    Labels are ``(patient,)`` int64; `time` is ``(patient,)`` of endpoints in time and None for all others; where
    patients came under observation late it is ``(patient, 2)``, with that time beside it.

    Args:
        endpoint: what is predicted.
        width: of the fused vector.

    Raises:
        ModelError: it is of another kind than this head predicts.
    """

    kind: ClassVar[EndpointKind]
    """Of the endpoints that it predicts, and"""
    predicts: ClassVar[str]
    """what messages call these."""

    def __init__(self, endpoint: EndpointSpec, *, width: int) -> None:
        super().__init__()
        if endpoint.kind != self.kind:
            raise ModelError(
                f"model.head: {type(self).__name__} predicts {self.predicts}; {endpoint.name!r} is {endpoint.kind}. "
                "Set model/head=by_endpoint, which takes the head of the endpoint's kind."
            )
        self.endpoint = endpoint
        self.width = width

    def learn_prevalence(self, label: Tensor, time: Tensor | None = None) -> None:
        """See the training labels ``(patient,)`` once before training: starting bias and class weights."""
        raise NotImplementedError

    def start_at_zero(self) -> None:
        """Make the output 0 for everybody: the head adds to a plain model, which knows how common classes are."""
        raise NotImplementedError

    def sample_weights(self, label: Tensor) -> Tensor:
        """``(patient,)``: what a patient of each label counts in `loss`, after `learn_prevalence`."""
        raise NotImplementedError

    def forward(self, fused: Tensor) -> Tensor:
        """``(batch, width)`` → the output that `loss` and `score` take: ``(batch,)``, or ``(batch, class)``."""
        raise NotImplementedError

    def with_offset(self, output: Tensor, offset: Tensor) -> Tensor:
        """The output with a plain model's logits added."""
        return offset + output

    def logit(self, output: Tensor) -> Tensor:
        """The output as plain models' logits are: of the shape that the gate and calibration take."""
        return output

    def loss(self, output: Tensor, label: Tensor, time: Tensor | None = None) -> Tensor:
        """The output and ``(batch,)`` int64 (−1 unknown, not counted) → the mean loss, a scalar."""
        raise NotImplementedError

    def score(self, output: Tensor) -> Tensor:
        """The output → as many numbers, of classes in [0, 1], before calibration."""
        raise NotImplementedError

    def metrics(self, output: Tensor, label: Tensor, time: Tensor | None = None) -> dict[str, float]:
        """What to show of validation patients while training."""
        raise NotImplementedError
