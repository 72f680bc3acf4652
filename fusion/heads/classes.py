"""One of several classes."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fusion.contract import EndpointSpec
from fusion.heads.base import Head
from fusion.layers import ModelError


class Classes(Head):
    """One logit a class, trained by softmax cross-entropy.

    Args:
        endpoint: of kind ``multiclass``.
        width: of the fused vector.
        class_weight: ``none``; or ``balanced``: classes weigh alike in the loss, whatever their sizes (n / (K n_class),
            as scikit-learn has it); or ``root``, the square root of that. Weighted scores are no probabilities before
            calibration.
        label_smoothing: share of each label spread over all classes, in training (Szegedy et al. 2016).
    """

    kind, predicts = "multiclass", "one of three classes or more"
    class_weights: Tensor

    def __init__(
        self, endpoint: EndpointSpec, *, width: int, class_weight: str = "none", label_smoothing: float = 0.0
    ) -> None:
        super().__init__(endpoint, width=width)
        if class_weight not in _POWERS:
            raise ModelError(f"model.head.class_weight is {class_weight!r}; choose {', '.join(_POWERS)}.")
        self.class_weight = class_weight
        self.label_smoothing = label_smoothing
        self.linear = nn.Linear(width, len(endpoint.classes))
        self.register_buffer("class_weights", torch.ones(len(endpoint.classes)), persistent=False)

    def learn_prevalence(self, label: Tensor, time: Tensor | None = None) -> None:
        """Start at the logs of the training classes' shares, and weigh the classes."""
        count = torch.bincount(label[label >= 0], minlength=len(self.endpoint.classes)).float()
        if not bool((count > 0).all()):
            absent = [name for name, number in zip(self.endpoint.classes, count.tolist(), strict=True) if not number]
            raise ModelError(
                f"Endpoint {self.endpoint.name!r}: no training patient of a fold is of class {', '.join(absent)}. "
                "Lower folds.outer or folds.inner, or collapse rare classes."
            )
        weight = (count.sum() / (len(count) * count)) ** _POWERS[self.class_weight]
        # The mean weight over patients is 1, so that the size of a step does not depend on the choice.
        self.class_weights.copy_(weight * count.sum() / (weight * count).sum())
        seen = count * weight
        with torch.no_grad():
            self.linear.bias.copy_(torch.log(seen / seen.sum()))

    def start_at_zero(self) -> None:
        """Weights and bias 0."""
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def sample_weights(self, label: Tensor) -> Tensor:
        """``(patient,)``: the weight of each label's class."""
        return self.class_weights[label]

    def forward(self, fused: Tensor) -> Tensor:
        """``(batch, width)`` → logits ``(batch, class)``."""
        logits: Tensor = self.linear(fused)
        return logits

    def loss(self, output: Tensor, label: Tensor, time: Tensor | None = None) -> Tensor:
        """Mean weighted cross-entropy over patients with a known label; zero where there is none."""
        known = label >= 0
        output, label = output[known], label[known]
        each = F.cross_entropy(
            output, label, label_smoothing=self.label_smoothing if self.training else 0.0, reduction="none"
        )
        return (each * self.class_weights[label]).sum() / max(len(label), 1)

    def score(self, output: Tensor) -> Tensor:
        """Logits ``(batch, class)`` → probabilities that sum to 1."""
        return torch.softmax(output, dim=-1)

    def metrics(self, output: Tensor, label: Tensor, time: Tensor | None = None) -> dict[str, float]:
        """Balanced accuracy: the mean recall of the classes that are there."""
        known = label >= 0
        called, label = output[known].argmax(dim=-1), label[known]
        recalls = [float((called[label == one] == one).double().mean()) for one in set(label.tolist())]
        return {"balanced_accuracy": sum(recalls) / len(recalls) if recalls else math.nan}


_POWERS = {"none": 0.0, "root": 0.5, "balanced": 1.0}
"""How far the loss makes up for unequal classes."""
