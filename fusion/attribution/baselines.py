"""Where integration starts: what a member's training patients are on average."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fusion.attribution.genes import GeneSum
from fusion.contract import FittedModality


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """What a member's training patients are on average: where integration starts.

    Attributes:
        mean: ``(feature,)`` mean of the loaded values for numbers; ``(width,)`` mean encoded token for bags.
        sums: position of a feature that is a sum over genes → ``(gene,)`` mean of each summand, raw.
        colour: ``(3,)`` mean of tiles' pixels, normalised as the encoder does.
        intensity: ``(token,)`` mean voxel of the sequence to which each patch of a volume belongs.
    """

    mean: Tensor
    sums: dict[int, NDArray[np.float64]] = field(default_factory=dict)
    colour: Tensor | None = None
    intensity: Tensor | None = None


def numbers_baseline(fitted: FittedModality, sums: Mapping[int, GeneSum], train_ids: Sequence[str]) -> Baseline:
    """The mean over training patients who have the modality."""
    rows = [item.values * item.mask for item in map(fitted.load, train_ids) if item is not None]
    mean = np.mean(rows, axis=0) if rows else np.zeros(len(fitted.spec.features))
    means = {place: total.mean(train_ids) for place, total in sums.items()}
    return Baseline(mean=torch.as_tensor(mean, dtype=torch.float32), sums=means)


def of_sequences(levels: NDArray[np.float64], sequences: int) -> Tensor:
    """Mean voxels ``(patient, token)``, NaN where there is no patch → the mean of each token's sequence; 0 of none."""
    parts = np.moveaxis(levels.reshape(len(levels), sequences, -1), 1, 0).reshape(sequences, -1)
    known = np.isfinite(parts)
    means = np.where(known, parts, 0).sum(axis=1) / np.maximum(1, known.sum(axis=1))
    return torch.as_tensor(np.repeat(means, levels.shape[1] // sequences), dtype=torch.float32)
