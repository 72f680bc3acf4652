"""What image encoders share: which tiles are run, in what pieces, how they are normalised, varied and pooled."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fusion.contract import ModalityBatch, ModalitySpec, Tokens
from fusion.encoders.base import Encoder, scattered
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
        match_colours: normalise each channel by the mean and spread over all of the patient's tiles, as Reinhard et al.
            (IEEE CG&A 2001) do in another colour space, instead of by `mean` and `std`. Stains and scanners differ by
            hospital and a little by slide, by which a network tells a hundred patients apart and learns them by heart.
        augment: random flips, quarter turns and slight changes of colour, in training.
        jitter: standard deviation of the factor and the shift of a patient's normalised channels, when augmented.
        stain_jitter: the amount of each stain (haematoxylin, eosin, what is left) in a patient's tiles is multiplied by
            a number drawn from 1 ± this, when augmented; 0 leaves stains as they are.
        chunk: tiles that pass through the network at once in evaluation; bounds memory.
        mean, std: of each channel of values in [0, 1], where colours are not matched.
    """

    kinds = ("tiles",)
    of_pixels = True

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
        match_colours: bool,
        augment: bool,
        jitter: float,
        chunk: int,
        mean: Sequence[float],
        std: Sequence[float],
        stain_jitter: float = 0.0,
    ) -> None:
        super().__init__(spec, width=width)
        if chunk < 1:
            raise ModelError(f"model.encoders.{spec.name}.chunk is {chunk}; it must be at least 1 tile.")
        self.match_colours = match_colours
        self.augment = augment
        self.jitter = jitter
        if not 0 <= stain_jitter < 1:
            raise ModelError(
                f"model.encoders.{spec.name}.stain_jitter is {stain_jitter}; it is at least 0 and below 1."
            )
        self.stain_jitter = stain_jitter
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
        tokens = torch.zeros(*x.mask.shape, self.width, device=x.mask.device)
        if x.mask.any():
            images, patient = x.values[x.mask], x.mask.nonzero()[:, 0]
            tokens = scattered(self.encode(images, patient, *self.moments(images, patient)), x.mask, tokens.shape)
        pooled = self.pool(tokens, x.mask)
        return Tokens(values=tokens, mask=x.mask, summary=pooled.values, weights=pooled.weights)

    def moments(self, images: Tensor, patient: Tensor) -> tuple[Tensor, Tensor]:
        """By what colours are normalised: `mean` and `std`, or where they are matched, each patient's own.

        Args:
            images: ``(tile, 3, H, W)``, uint8 or in [0, 1].
            patient: ``(tile,)`` int64, whose tile it is.

        Returns:
            Center and scale ``(patient, 3, 1, 1)``.
        """
        if self.match_colours:
            return colour_moments(images, patient, chunk=self.chunk)
        patients = int(patient.max()) + 1
        return self.mean.expand(patients, 3, 1, 1), self.std.expand(patients, 3, 1, 1)

    def encode(self, images: Tensor, patient: Tensor, center: Tensor, scale: Tensor) -> Tensor:
        """Tiles ``(tile, 3, H, W)`` of patients ``(tile,)``, normalised by what `moments` gave → ``(tile, width)``."""
        # Training needs all tiles of a batch at once, for batch statistics and the way back.
        chunk = len(images) if self.training else self.chunk
        encoded = []
        for part, owner in zip(torch.split(images, chunk), torch.split(patient, chunk), strict=True):
            image = _unit(part)
            if self.training and self.augment and self.stain_jitter:
                image = vary_stains(image, owner, self.stain_jitter)
            normal = (image - center[owner]) / scale[owner]
            if self.training and self.augment:
                normal = shift_colours(turn(normal), owner, self.jitter)
            encoded.append(self.project(self.features(normal)))
        return torch.cat(encoded)


def _unit(images: Tensor) -> Tensor:
    """uint8 → float in [0, 1]; floats as they are, so that gradients reach them."""
    return images.float() / 255 if images.dtype == torch.uint8 else images


def colour_moments(images: Tensor, patient: Tensor, *, chunk: int) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each patient's colour channels over all their pixels.

    Args:
        images: ``(tile, 3, H, W)``, uint8 or in [0, 1]; all of one size.
        patient: ``(tile,)`` int64, whose tile it is.
        chunk: tiles that are floats at the same time.

    Returns:
        Two tensors ``(patient, 3, 1, 1)``; patients without tiles have mean 0.
    """
    parts = (_unit(part) for part in torch.split(images, chunk))
    of_tiles = torch.cat([torch.stack([p.mean(dim=(-2, -1)), p.square().mean(dim=(-2, -1))], dim=1) for p in parts])
    count = int(patient.max()) + 1
    tiles = torch.bincount(patient, minlength=count).clamp(min=1).view(-1, 1, 1)
    mean, square = (of_tiles.new_zeros(count, 2, 3).index_add(0, patient, of_tiles) / tiles).unbind(dim=1)
    # A blank tile has no spread; its floor is about one of 255 grey levels.
    std = (square - mean.square()).clamp(min=1.6e-5).sqrt()
    return mean[..., None, None], std[..., None, None]


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
        images: ``(tile, 3, H, W)``, normalised.
        patient: ``(tile,)`` int64, whose tile it is.
        size: standard deviation, in standard deviations of the channel.
    """
    factor, shift = size * torch.randn(2, int(patient.max()) + 1, 3, 1, 1, device=images.device)
    shifted: Tensor = images * (1 + factor[patient]) + shift[patient]
    return shifted


# Optical densities of haematoxylin, eosin and a residual in R, G, B, by row: Ruifrok and Johnston (2001), as
# scikit-image's `rgb2hed` has them.
_STAINS = ((0.65, 0.70, 0.29), (0.07, 0.99, 0.11), (0.27, 0.57, 0.78))


def vary_stains(images: Tensor, patient: Tensor, size: float) -> Tensor:
    """Each patient's stains stronger or weaker, after Tellez et al. (IEEE TMI 2018): glass stays glass.

    By Beer and Lambert, the density -log(I) of a pixel is amounts · M with the stains' densities M, so that factors f
    of the amounts make of it density · M⁻¹ diag(f) M.

    Args:
        images: ``(tile, 3, H, W)`` in [0, 1].
        patient: ``(tile,)`` int64, whose tile it is.
        size: factors are drawn uniformly from 1 - size … 1 + size.
    """
    # Inverted on the processor: nine numbers, and not every device inverts.
    stains, inverse = torch.tensor(_STAINS).to(images.device), torch.linalg.inv(torch.tensor(_STAINS)).to(images.device)
    factor = 1 + size * (2 * torch.rand(int(patient.max()) + 1, 3, device=images.device) - 1)
    change = inverse @ torch.diag_embed(factor) @ stains
    # Half a grey level stands for black.
    density = -images.clamp(min=0.5 / 255).log()
    varied = torch.einsum("tchw,tcd->tdhw", density, change[patient])
    return torch.exp(-varied).clamp(max=1.0)
