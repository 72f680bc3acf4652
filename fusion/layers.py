"""Small parts that encoders, fusers and heads share."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fusion.contract import FusionError


class ModelError(FusionError):
    """A model configuration that cannot be built or run; names the config key that mends it."""


def in_float32(module: nn.Module, vector: Tensor) -> Tensor:
    """`module` of `vector`, outside of any mixed precision: a logit in bfloat16 has two digits, and many ties."""
    kind = vector.device.type
    if not torch.amp.is_autocast_available(kind):
        return module(vector)  # type: ignore[no-any-return]
    with torch.autocast(kind, enabled=False):
        return module(vector.float())  # type: ignore[no-any-return]


def mlp(inputs: int, hidden: int, outputs: int, *, dropout: float) -> nn.Sequential:
    """Linear, GELU, dropout, linear: ``(..., inputs)`` → ``(..., outputs)``."""
    return nn.Sequential(nn.Linear(inputs, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, outputs))
