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
        self.pool = make_pooling(pooling, width, hidden=width)

    def features(self, images: Tensor) -> Tensor:
        """Normalised images ``(tile, 3, H, W)`` → ``(tile, channels)``."""
        raise NotImplementedError

    def forward(self, x: ModalityBatch) -> Tokens:
        """``(batch, tile, 3, H, W)`` → one token a tile, and their attention-weighted sum as the summary."""
        real = x.values[x.mask]  # (real tile, 3, H, W)
        # A tile's position in its patient's bag of the batch, to vary the colours of a whole slide alike.
        patient = x.mask.nonzero()[:, 0]
        if len(real) == 0:
            encoded = torch.zeros(0, self.width, device=x.mask.device)
        elif self.training:
            encoded = self.project(self.features(self._prepare(real, patient)))
        else:
            pieces = [self.project(self.features(self._prepare(part, patient))) for part in real.split(self.chunk)]
            encoded = torch.cat(pieces)
        tokens = encoded.new_zeros(*x.mask.shape, self.width)
        tokens[x.mask] = encoded
        pooled = self.pool(tokens, x.mask)
        return Tokens(values=tokens, mask=x.mask, summary=pooled.values, weights=pooled.weights)

    def _prepare(self, images: Tensor, patient: Tensor) -> Tensor:
        """To floats of about zero mean and unit variance, varied in training."""
        images = images.float() / 255 if images.dtype == torch.uint8 else images
        if self.training and self.augment:
            images = turn(images)
            images = self._jitter(images, patient)
        normalised: Tensor = (images - self.mean) / self.std
        return normalised

    def _jitter(self, images: Tensor, patient: Tensor) -> Tensor:
        """Each patient's channels times 1 + N(0, jitter²), plus N(0, jitter²): stains and scanners differ a little."""
        patients = int(patient.max()) + 1
        noise = self.jitter * torch.randn(2, patients, 3, 1, 1, device=images.device)
        varied: Tensor = images * (1 + noise[0, patient]) + noise[1, patient]
        return varied


def turn(images: Tensor) -> Tensor:
    """Each square image ``(tile, 3, H, H)`` in one of its eight orientations, drawn from torch's generator."""
    flip_x, flip_y, transpose = (torch.rand(3, len(images), device=images.device) < 0.5)[:, :, None, None, None]
    images = torch.where(flip_x, images.flip(-1), images)
    images = torch.where(flip_y, images.flip(-2), images)
    if images.shape[-1] == images.shape[-2]:
        images = torch.where(transpose, images.transpose(-1, -2), images)
    return images
