"""A few 3×3×3 convolutions: small enough to learn from volumes of a hundred patients on a laptop."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fusion.contract import ModalitySpec
from fusion.encoders.convolutions import convolutions
from fusion.encoders.volumes.patches import VolumeEncoder
from fusion.layers import ModelError


class VolumeCNN(VolumeEncoder):
    """Blocks of 3×3×3 convolution, batch normalisation, ReLU and 2×2×2 max-pooling, averaged over what is left.

    A block does not pool an axis that is a single voxel, so patches may be flat. See `VolumeEncoder` for the parameters
    it shares with other encoders of volumes.

    Args:
        spec: a modality of kind ``volume``.
        width: of a token.
        channels: of the convolutions.
        norm: ``batch`` (over the patches of a training batch; running statistics in evaluation), ``group`` (one group:
            a patch is normalised by itself alone) or ``none``.
    """

    def __init__(
        self,
        spec: ModalitySpec,
        *,
        width: int,
        channels: Sequence[int] = (8, 16, 32),
        norm: str = "batch",
        pooling: str = "attention",
        dropout: float = 0.1,
        flip_axes: Sequence[int] = (0,),
        jitter: float = 0.1,
        chunk: int = 128,
    ) -> None:
        where = f"model.encoders.{spec.name}"
        if not channels:
            raise ModelError(f"{where}.channels is empty; list the channels of at least one convolution.")
        super().__init__(
            spec,
            width=width,
            channels=channels[-1],
            pooling=pooling,
            dropout=dropout,
            flip_axes=flip_axes,
            jitter=jitter,
            chunk=chunk,
        )
        self.convolutions, self.norms = convolutions(3, 1, channels, norm=norm, where=where)

    def features(self, patches: Tensor) -> Tensor:
        """``(patch, 1, X, Y, Z)`` → ``(patch, channels[-1])``."""
        x = patches
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = norm(convolution(x))
            x = nn.functional.max_pool3d(x, [2 if length > 1 else 1 for length in x.shape[-3:]])
            # After the pooling, for an eighth of the work: the maximum and ReLU may be exchanged.
            x = torch.relu(x)
        return x.mean(dim=(-3, -2, -1))
