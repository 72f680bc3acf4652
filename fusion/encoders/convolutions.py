"""Convolutions of small networks over images and volumes, and what normalises the output of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

from torch import nn

from fusion.layers import ModelError


def convolutions(
    dims: Literal[2, 3], inputs: int, channels: Sequence[int], *, norm: str, where: str
) -> tuple[nn.ModuleList, nn.ModuleList]:
    """3×3 or 3×3×3 convolutions that follow one another, and a normalisation for each.

    Args:
        dims: of what they pass over.
        inputs: channels of that.
        channels: of the convolutions.
        norm: ``batch``, ``group`` (one group) or ``none``.
        where: config key of the encoder.

    Raises:
        ModelError: `norm` is none of these.
    """
    norms: dict[str, Callable[[int], nn.Module]] = {
        "none": nn.Identity,
        "group": partial(nn.GroupNorm, 1),
        "batch": nn.BatchNorm2d if dims == 2 else nn.BatchNorm3d,
    }
    if norm not in norms:
        raise ModelError(f"{where}.norm is {norm!r}; choose none, group or batch.")
    make = nn.Conv2d if dims == 2 else nn.Conv3d
    layers = [
        make(i, o, kernel_size=3, padding=1, bias=norm != "batch")
        for i, o in zip((inputs, *channels[:-1]), channels, strict=True)
    ]
    for layer in layers:
        # He et al., ICCV 2015, eq. 10: variance stays the same through layers with ReLU.
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return nn.ModuleList(layers), nn.ModuleList(norms[norm](count) for count in channels)
