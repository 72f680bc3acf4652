"""Parts of a backbone that keep the weights they came with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from torch import nn

from fusion.layers import ModelError

STAGES = ("conv1", "layer1", "layer2", "layer3", "layer4")
"""Of MONAI's ResNets, from the pixels on."""


class PartlyFrozen(nn.Module):
    """A module of which some parts do not learn, beside the class that builds them."""

    _frozen: Sequence[nn.Module] = ()

    def freeze(self, parts: Sequence[nn.Module]) -> None:
        """Let these learn no more."""
        self._frozen = tuple(parts)
        for part in parts:
            part.requires_grad_(False)

    def train(self, mode: bool = True) -> Self:
        """Frozen parts stay in evaluation, or their batch statistics would drift."""
        super().train(mode)
        for part in self._frozen:
            part.eval()
        return self


def check_stages(trainable_from: int, *, where: str) -> None:
    """Refuse a number that counts no stages of a ResNet.

    Raises:
        ModelError: naming the key under `where`.
    """
    if not 0 <= trainable_from <= len(STAGES):
        raise ModelError(f"{where}.trainable_from is {trainable_from}; it counts stages, 0 to {len(STAGES)}.")


def first_stages(backbone: nn.Module, trainable_from: int) -> list[nn.Module]:
    """A ResNet's stages before `trainable_from`, and the normalisation behind the first."""
    names = STAGES[:trainable_from]
    return [getattr(backbone, name) for name in (*names, *(("bn1",) if names else ()))]
