"""What image encoders share: which tiles are run, in what pieces, how they are normalised, varied and pooled."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fusion.contract import ModalityBatch, ModalitySpec, Tokens
from fusion.encoders.base import Encoder
from fusion.encoders.pooling import make_pooling
from fusion.layers import ModelError


class TileEncoder(Encoder):
    """A bag of RGB tiles → one token a tile, pooled by attention (multiple instance learning).

    Tiles come as uint8, or as floats in [0, 1] (what Captum differentiates). Only real tiles are run.

    Args:
        spec: a modality of kind ``tiles``.
        width: of a token.
        pooling: ``attention`` (Ilse et al. 2018) or ``mean``.
        dropout: of token elements, in training.
        augment: random flips, quarter turns and slight changes of colour, in training.
        jitter: standard deviation of the factor and the shift that a patient's colour channels get when augmented.
        chunk: tiles that pass through the network at once in evaluation; bounds memory.
        mean, std: per-channel normalisation of values in [0, 1].
    """

    kinds = ("tiles",)
    mean: Tensor
    std: Tensor

    def __init__(
        self,
        spec: ModalitySpec,
        *,
        width: int,
        channels: int,
        pooling: str,
        dropout: float,
        augment: bool,
        jitter: float,
        chunk: int,
        mean: Sequence[float],
        std: Sequence[float],
    ) -> None:
        super().__init__(spec, width=width)
        if chunk < 1:
            raise ModelError(f"model.encoders.{spec.name}.chunk is {chunk}; it must be at least 1 tile.")
        self.augment = augment
        self.jitter = jitter
        self.chunk = chunk
        self.register_buffer("mean", torch.tensor(list(mean)).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(list(std)).view(3, 1, 1), persistent=False)
        self.project = nn.Sequential(nn.Linear(channels, width), nn.ReLU(), nn.Dropout(dropout))
        self.pool = make_pooling(pooling, width=width, where=f"model.encoders.{spec.name}")

    def features(self, images: Tensor) -> Tensor:
        """Normalised images ``(tile, 3, H, W)`` → ``(tile, channels)``."""
        raise NotImplementedError

    def forward(self, x: ModalityBatch) -> Tokens:
        """``(batch, tile, 3, H, W)`` → one token a tile, and their attention-weighted sum as the summary."""
        real = x.values[x.mask]  # (real tile, 3, H, W)
        if self.training and self.augment and len(real):
            # Which patient a tile is of: a slide's colours vary as a whole.
            real = shift_colours(turn(_unit(real)), x.mask.nonzero()[:, 0], self.jitter)
        tokens = torch.zeros(*x.mask.shape, self.width, device=x.mask.device)
        if len(real):
            # Training needs all tiles of a batch at once, for batch statistics and the way back.
            chunk = len(real) if self.training else self.chunk
            tokens[x.mask] = torch.cat([self._encode(part) for part in torch.split(real, chunk)])
        pooled = self.pool(tokens, x.mask)
        return Tokens(values=tokens, mask=x.mask, summary=pooled.values, weights=pooled.weights)

    def _encode(self, images: Tensor) -> Tensor:
        """``(tile, 3, H, W)`` → ``(tile, width)``."""
        encoded: Tensor = self.project(self.features((_unit(images) - self.mean) / self.std))
        return encoded


def _unit(images: Tensor) -> Tensor:
    """uint8 → float in [0, 1]; floats as they are, so that gradients reach them."""
    return images.float() / 255 if images.dtype == torch.uint8 else images


def turn(images: Tensor) -> Tensor:
    """Each square image ``(tile, 3, H, H)`` in one of its eight orientations, drawn from torch's generator."""
    flip_x, flip_y, transpose = (torch.rand(3, len(images), device=images.device) < 0.5)[:, :, None, None, None]
    images = torch.where(flip_x, images.flip(-1), images)
    images = torch.where(flip_y, images.flip(-2), images)
    if images.shape[-1] == images.shape[-2]:
        images = torch.where(transpose, images.transpose(-1, -2), images)
    return images


def shift_colours(images: Tensor, patient: Tensor, size: float) -> Tensor:
    """Each patient's channels times 1 + N(0, size²), plus N(0, size²): stains and scanners differ a little.

    Args:
        images: ``(tile, 3, H, W)``.
        patient: ``(tile,)`` int64, whose tile it is.
        size: standard deviation, as a share of the full range.
    """
    factor, shift = size * torch.randn(2, int(patient.max()) + 1, 3, 1, 1, device=images.device)
    shifted: Tensor = images * (1 + factor[patient]) + shift[patient]
    return shifted
