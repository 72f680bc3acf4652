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


def never_one_wide(backbone: nn.Module) -> None:
    """Let convolutions that halve see a zero beside a lone pixel, in mixed precision: all that comes out stays.

    Where only padding meets a tap of the kernel, oneDNN's bfloat16 leaves the tap's gradient unwritten: whatever lay in
    that memory would be learned (torch 2.13 on a processor with AMX; inputs one pixel wide and strides above 1 alone).
    """
    for part in backbone.modules():
        if isinstance(part, nn.Conv2d | nn.Conv3d) and max(part.stride) > 1:
            part.register_forward_pre_hook(_beside_zero)


def _beside_zero(_: nn.Module, given: tuple[Tensor]) -> tuple[Tensor]:
    (image,) = given
    axes = image.shape[2:]
    if 1 not in axes or image.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
        return given
    return (nn.functional.pad(image, [wide for axis in reversed(axes) for wide in (0, int(axis == 1))]),)
