"""Small parts that encoders, fusers and heads share."""

from __future__ import annotations

from torch import nn

from fusion.contract import FusionError


class ModelError(FusionError):
    """A model configuration that cannot be built or run; names the config key that mends it."""


def mlp(inputs: int, hidden: int, outputs: int, *, dropout: float) -> nn.Sequential:
    """Linear, GELU, dropout, linear: ``(..., inputs)`` → ``(..., outputs)``."""
    return nn.Sequential(nn.Linear(inputs, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, outputs))
