"""What every encoder is given and gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from fusion.contract import ModalityBatch, ModalityKind, ModalitySpec, Tokens
from fusion.layers import ModelError


class Encoder(nn.Module):
    """Maps the tokens of one modality to tokens of width `width` and one summary vector.

    An encoder knows no files and no ids. In evaluation the result for a patient depends on that patient's real
    tokens only: not on padding, on the order of tiles or on who else is in the batch.

    Args:
        spec: the modality, as fitted on the training patients.
        width: of every token and of the summary.

    Raises:
        ModelError: where the encoder cannot read this kind of modality.
    """

    kinds: ClassVar[tuple[ModalityKind, ...]] = ()
    """Kinds of modality it reads; see the table in `fusion.contract`."""

    tokens_alone: ClassVar[bool] = True
    """Whether a token depends on its own tile or number alone, so that tiles can be encoded one by one."""

    of_pixels: ClassVar[bool] = False
    """Whether it learns from pixels or voxels: with a learning rate of its own, and never from all patients at once."""

    quick: bool = False
    """While training: validation after an epoch may do with less than prediction, e.g. one orientation of a tile."""

    def __init__(self, spec: ModalitySpec, *, width: int) -> None:
        super().__init__()
        if spec.kind not in self.kinds:
            raise ModelError(
                f"model.encoders.{spec.name}: {type(self).__name__} reads {' or '.join(self.kinds)}, but modality "
                f"{spec.name!r} is of kind {spec.kind!r}. Choose another encoder, e.g. "
                f"model/encoder@model.encoders.{spec.name}={_SUGGESTED[spec.kind]}."
            )
        self.spec = spec
        self.width = width

    @property
    def token_names(self) -> tuple[str, ...]:
        """What the output tokens are, for attention maps; empty where they are tiles."""
        return tuple(feature.name for feature in self.spec.features)

    def start(self, batches: Sequence[ModalityBatch]) -> None:
        """See the training patients' values once, before training; nothing, unless an encoder needs it.

        Of tables and variants alone: tiles, their embeddings and volumes are many and large.
        """

    def forward(self, x: ModalityBatch) -> Tokens:
        """``(batch, token, *token_shape)`` → tokens ``(batch, token, width)`` and summary ``(batch, width)``."""
        raise NotImplementedError


_SUGGESTED: dict[ModalityKind, str] = {
    "table": "table",
    "variants": "variants",
    "tiles": "cnn",
    "embeddings": "mil",
    "volume": "volume_cnn",
}


_AT_ONCE = 4096
"""Tokens that are projected at once in evaluation: a slide of any size takes no more memory than its tokens."""


def projected(project: nn.Module, values: Tensor, *, training: bool) -> Tensor:
    """``(batch, token, feature)`` of any type of number → ``(batch, token, width)``, token by token in float32."""
    if training or values.shape[1] <= _AT_ONCE:
        return project(values.float())  # type: ignore[no-any-return]
    return torch.cat([project(part.float()) for part in torch.split(values, _AT_ONCE, dim=1)], dim=1)


def scattered(encoded: Tensor, where: Tensor, shape: Sequence[int]) -> Tensor:
    """Zeros of `shape` with `encoded` at ``where`` (a mask of its leading axes): on its device, of its type."""
    out = encoded.new_zeros(*shape)
    out[where] = encoded
    return out


def hide_absent(summary: Tensor, mask: Tensor) -> Tensor:
    """Zero the summary ``(batch, width)`` of patients without a real token in `mask` ``(batch, token)``."""
    return summary * mask.any(dim=1, keepdim=True).to(summary.dtype)
