"""What encoders of radiology volumes share: which patches are run, how they are varied, named and pooled."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fusion.contract import ModalityBatch, ModalitySpec, Tokens
from fusion.encoders.base import Encoder, scattered
from fusion.encoders.pooling import make_pooling
from fusion.layers import ModelError


class VolumeEncoder(Encoder):
    """Patches of named sequences → one token a patch, pooled by attention.

    A token is what a 3D network makes of its patch, plus a learned vector of its place in the grid and one of its
    sequence (Dosovitskiy et al., ICLR 2021, equation 1), so that attention can tell the middle from the margin and
    before from after contrast. Only patches that were measured are run.

    Args:
        spec: a modality of kind ``volume``.
        width: of a token.
        channels: of what `features` returns.
        pooling: ``attention`` (Ilse et al. 2018) or ``mean``.
        dropout: of token elements, in training.
        flip_axes: axes (0 left-right, 1 front-back, 2 head-foot) along which a training patient is mirrored at random.
        jitter: standard deviation of the factor and the shift of a training patient's sequence.
        chunk: patches that pass through the network at once in evaluation; bounds memory.
    """

    kinds = ("volume",)
    of_pixels = True

    def __init__(
        self,
        spec: ModalitySpec,
        *,
        width: int,
        channels: int,
        pooling: str,
        dropout: float,
        flip_axes: Sequence[int],
        jitter: float,
        chunk: int,
    ) -> None:
        super().__init__(spec, width=width)
        where = f"model.encoders.{spec.name}"
        if chunk < 1:
            raise ModelError(f"{where}.chunk is {chunk}; it must be at least 1 patch.")
        if not set(flip_axes) <= {0, 1, 2}:
            raise ModelError(f"{where}.flip_axes is {list(flip_axes)}; axes are 0, 1 and 2.")
        self.flip_axes = tuple(flip_axes)
        self.jitter = jitter
        self.chunk = chunk
        self.project = nn.Sequential(nn.Linear(channels, width), nn.ReLU())
        self.drop = nn.Dropout(dropout)
        patches = spec.grid[0] * spec.grid[1] * spec.grid[2]
        self.position = nn.Parameter(0.02 * torch.randn(1, patches, width))
        self.sequence = nn.Parameter(0.02 * torch.randn(len(spec.sequences), 1, width))
        self.pool = make_pooling(pooling, width=width, where=where)

    def features(self, patches: Tensor) -> Tensor:
        """``(patch, 1, X, Y, Z)`` → ``(patch, channels)``."""
        raise NotImplementedError

    def forward(self, x: ModalityBatch) -> Tokens:
        """``(batch, patch, X, Y, Z)`` → one token a patch, and their attention-weighted sum as the summary."""
        values, mask = x.values.float(), x.mask
        if self.training:
            values, mask = self._vary(values, mask)
        tokens = torch.zeros(*mask.shape, self.width, device=mask.device)
        if mask.any():
            tokens = scattered(self.encode(values[mask], mask.nonzero()[:, 1]), mask, tokens.shape)
        pooled = self.pool(tokens, mask)
        return Tokens(values=tokens, mask=mask, summary=pooled.values, weights=pooled.weights)

    def encode(self, patches: Tensor, places: Tensor) -> Tensor:
        """Patches ``(patch, X, Y, Z)`` → tokens ``(patch, width)``.

        Args:
            patches: as loaded.
            places: ``(patch,)`` int64, of each among the patches of a patient, sequence by sequence.
        """
        # Training needs all patches of a batch at once, for batch statistics and the way back.
        chunk = len(patches) if self.training else self.chunk
        parts = [self.project(self.features(part.unsqueeze(1))) for part in torch.split(patches, chunk)]
        names = (self.position + self.sequence).flatten(0, 1)
        tokens: Tensor = self.drop(torch.cat(parts) + names[places])
        return tokens

    def _vary(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Mirror whole patients, and shift each sequence's intensities: scanners and coils differ a little."""
        count, sequences = len(values), len(self.spec.sequences)
        values, mask = mirror(values, mask, sequences=sequences, grid=self.spec.grid, axes=self.flip_axes)
        if self.jitter:
            factor, shift = self.jitter * torch.randn(2, count, sequences, 1, 1, device=values.device)
            parts = values.view(count, sequences, values.shape[1] // sequences, -1)
            values = (parts * (1 + factor) + shift).view_as(values)
        return values, mask


def mirror(
    values: Tensor, mask: Tensor, *, sequences: int, grid: Sequence[int], axes: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """Each patient, along each of `axes`, mirrored or not: the order of patches and the voxels within them.

    Args:
        values: ``(batch, sequence · patch, X, Y, Z)``.
        mask: ``(batch, sequence · patch)``.
        sequences: how many.
        grid: patches along each axis.
        axes: of 0, 1, 2; drawn from torch's generator.
    """
    count, shape = len(values), values.shape
    values = values.view(count, sequences, *grid, *shape[2:])
    mask = mask.view(count, sequences, *grid)
    for axis in axes:
        flip = torch.rand(count, device=values.device) < 0.5
        values = torch.where(flip.view(-1, *[1] * 7), values.flip(2 + axis, 5 + axis), values)
        mask = torch.where(flip.view(-1, *[1] * 4), mask.flip(2 + axis), mask)
    return values.reshape(shape), mask.reshape(shape[:2])
