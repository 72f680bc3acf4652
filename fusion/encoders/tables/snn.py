"""A self-normalising network over all numbers of a patient."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from fusion.contract import ModalityBatch, ModalitySpec, Tokens
from fusion.encoders.base import Encoder, hide_absent


class SelfNormalisingEncoder(Encoder):
    """SELU layers whose activations stay near mean 0 and variance 1 without batch statistics.

    Klambauer, Unterthiner, Mayr and Hochreiter, "Self-normalizing neural networks" (NeurIPS 2017): weights drawn with
    variance 1/fan-in and no bias, ``selu(x) = λ(x > 0 ? x : α(eˣ − 1))`` with λ ≈ 1.0507 and α ≈ 1.6733, and alpha
    dropout, which sets to −λα and rescales so that mean and variance stay. The same block carries the genomic branch of
    Chen et al., "Pathomic fusion" (IEEE TMI 2022). One token, which is the summary; a missing number counts as 0, the
    mean.

    Args:
        spec: a modality of kind ``table`` or ``variants``.
        width: of the token and of the last layer.
        hidden: widths of the layers before it.
        clip: training standard deviations at which values are cut; None cuts nothing.
        dropout: alpha dropout after each hidden layer, in training.
    """

    kinds = ("table", "variants")

    def __init__(
        self,
        spec: ModalitySpec,
        *,
        width: int,
        hidden: Sequence[int] = (64,),
        clip: float | None = 2.0,
        dropout: float = 0.25,
    ) -> None:
        super().__init__(spec, width=width)
        self.clip = clip
        sizes = [max(len(spec.features), 1), *map(int, hidden), width]
        self.layers = nn.ModuleList(nn.Linear(fan_in, out) for fan_in, out in pairwise(sizes))
        self.drop = nn.AlphaDropout(dropout)
        for layer in self.layers:
            assert isinstance(layer, nn.Linear)
            nn.init.normal_(layer.weight, std=layer.in_features**-0.5)  # LeCun: variance 1/n (their section 2)
            nn.init.zeros_(layer.bias)

    @property
    def token_names(self) -> tuple[str, ...]:
        """The patient as a whole."""
        return (self.spec.name,)

    def forward(self, x: ModalityBatch) -> Tokens:
        """``(batch, feature)`` → one token ``(batch, 1, width)``, summary ``(batch, width)``."""
        values = x.values.float() * x.mask
        if self.clip is not None:
            values = values.clamp(-self.clip, self.clip)
        last = len(self.layers) - 1
        for number, layer in enumerate(self.layers):
            values = torch.selu(layer(values))
            if number < last:
                values = self.drop(values)
        summary: Tensor = hide_absent(values, x.mask)
        return Tokens(values=summary.unsqueeze(1), mask=x.present.unsqueeze(1), summary=summary)
