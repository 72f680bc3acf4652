"""Response or no response."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fusion.contract import EndpointSpec
from fusion.heads.base import Head
from fusion.layers import ModelError


class BinaryResponse(Head):
    """One logit, the log-odds of ``classes[1]``, trained by cross-entropy.

    Softmax cross-entropy over two classes is the same function of the difference of their logits.

    Args:
        endpoint: of kind ``binary``.
        width: of the fused vector.
        class_weight: ``none``, or ``balanced``: both classes weigh alike in the loss, whatever their sizes
            (n / (2 n_class), as scikit-learn has it). Balanced scores are no probabilities before calibration.
        label_smoothing: share of each label given to the other class, in training (Szegedy et al. 2016).
    """

    kind, predicts = "binary", "one of two classes"
    class_weights: Tensor

    def __init__(
        self, endpoint: EndpointSpec, *, width: int, class_weight: str = "none", label_smoothing: float = 0.0
    ) -> None:
        super().__init__(endpoint, width=width)
        if class_weight not in ("none", "balanced"):
            raise ModelError(f"model.head.class_weight is {class_weight!r}; choose none or balanced.")
        self.class_weight = class_weight
        self.label_smoothing = label_smoothing
        self.linear = nn.Linear(width, 1)
        self.register_buffer("class_weights", torch.ones(2), persistent=False)

    def learn_prevalence(self, label: Tensor, time: Tensor | None = None) -> None:
        """Start at the log-odds of the training labels, so that the first steps need not learn them."""
        known = label[label >= 0]
        positive = float(known.sum())
        negative = len(known) - positive
        if not positive or not negative:
            raise ModelError(
                f"Endpoint {self.endpoint.name!r}: all {len(known)} training patients of a fold are of one class. "
                "Lower folds.outer or folds.inner, or check the endpoint's labels."
            )
        bias = 0.0
        if self.class_weight == "balanced":
            total = positive + negative
            self.class_weights.copy_(torch.tensor([total / (2 * negative), total / (2 * positive)]))
        else:
            bias = math.log(positive / negative)
        nn.init.constant_(self.linear.bias, bias)

    def start_at_zero(self) -> None:
        """Weights and bias 0."""
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def sample_weights(self, label: Tensor) -> Tensor:
        """``(patient,)``: the weight of each label's class."""
        return self.class_weights[label]

    def forward(self, fused: Tensor) -> Tensor:
        """``(batch, width)`` → logits ``(batch,)``."""
        logits: Tensor = self.linear(fused).squeeze(-1)
        return logits

    def loss(self, output: Tensor, label: Tensor, time: Tensor | None = None) -> Tensor:
        """Mean cross-entropy over patients with a known label; zero where there is none."""
        known = label >= 0
        output, label = output[known], label[known]
        target = label.to(output.dtype)
        if self.training and self.label_smoothing:
            target = target * (1 - self.label_smoothing) + self.label_smoothing / 2
        loss = F.binary_cross_entropy_with_logits(output, target, weight=self.class_weights[label], reduction="sum")
        return loss / max(len(label), 1)

    def score(self, output: Tensor) -> Tensor:
        """Logits → probabilities of ``classes[1]``."""
        return torch.sigmoid(output)

    def metrics(self, output: Tensor, label: Tensor, time: Tensor | None = None) -> dict[str, float]:
        """Area under the ROC curve: the share of (responder, other) pairs in the right order, ties half."""
        positive, negative = output[label == 1], output[label == 0]
        if not len(positive) or not len(negative):
            return {"auroc": math.nan}
        difference = positive[:, None] - negative[None, :]
        return {"auroc": float(((difference > 0).double() + 0.5 * (difference == 0).double()).mean())}
