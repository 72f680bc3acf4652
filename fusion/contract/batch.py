"""Tokens with masks: of one patient, of a batch, and what an encoder makes of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fusion.contract.devices import has_float64

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Item:
    """One patient's tokens of one modality.

    Attributes:
        values: ``(token, *token_shape)`` float32, or uint8 for tiles, or float16 for embeddings that are stored so.
        mask: ``(token,)`` bool; False for a table cell that is missing and not imputed, and for a patch of a sequence
            that is missing.
        coords: ``(token, 2)`` tile corners in level-0 pixels, where tokens have a place.
        source: which of the patient's slides a tile is of, ``(token,)`` int, an index into `files`.
        files: the slides.
    """

    values: NDArray[Any]
    mask: NDArray[np.bool_]
    coords: NDArray[np.int64] | None = None
    source: NDArray[np.int64] | None = None
    files: tuple[str, ...] = ()


@dataclass(kw_only=True)
class ModalityBatch:
    """Tokens of one modality for a batch of patients.

    Attributes:
        values: ``(batch, token, *token_shape)``; padding is zero and never read by encoders.
        mask: ``(batch, token)`` bool, True where a token is real. A patient without the modality has no True.
        coords: ``(batch, token, 3)`` int64, where tokens have a place: which of the patient's slides, then x and y of
            the tile's corner in level-0 pixels; zero where padded, None where the modality has no places.
    """

    values: Tensor
    mask: Tensor
    coords: Tensor | None = None

    @property
    def present(self) -> Tensor:
        """``(batch,)`` bool: which patients have this modality at all."""
        return self.mask.any(dim=1)

    def to(self, device: Any) -> ModalityBatch:
        """The same on another device."""
        coords = None if self.coords is None else self.coords.to(device)
        return ModalityBatch(values=self.values.to(device), mask=self.mask.to(device), coords=coords)


@dataclass(kw_only=True)
class Target:
    """What became of a batch's patients by a secondary endpoint.

    Attributes:
        label: ``(batch,)`` int64; -1 where unknown.
        time: ``(batch,)`` float64, NaN where unknown; None where the endpoint has no times. See `Batch`.
        offset: ``(batch,)`` or ``(batch, class)`` float32, a plain model's logits, to which the endpoint's head adds; 0
            where the label is unknown, None where it starts from nothing.
    """

    label: Tensor
    time: Tensor | None = None
    offset: Tensor | None = None

    @property
    def known(self) -> Tensor:
        """``(batch,)`` bool: whose label is known."""
        return self.label >= 0

    def to(self, device: Any) -> Target:
        """The same on another device."""
        offset = None if self.offset is None else self.offset.to(device)
        return Target(label=self.label.to(device), time=_times_on(device, self.time), offset=offset)


@dataclass(kw_only=True)
class Batch:
    """What the model sees: no files, no ids.

    Attributes:
        modalities: name → tokens.
        label: ``(batch,)`` int64 of the primary endpoint; -1 where unknown: new patients, and those who train
            secondary endpoints alone.
        index: ``(batch,)`` int64, the patient's row in the list of ids the loader was built with.
        offset: ``(batch,)`` or ``(batch, class)`` float32, the plain model's logits, to which the network adds; None
            where it starts from nothing, or where what it adds is asked for alone.
        time: ``(batch,)`` float64 (float32 on a device without it), until the event or the last visit; NaN where
            unknown, None where the endpoint has no times. Where patients came under observation late, ``(batch, 2)``:
            beside it from when on they were.
        targets: secondary endpoint → its outcomes.
    """

    modalities: dict[str, ModalityBatch]
    label: Tensor
    index: Tensor
    offset: Tensor | None = None
    time: Tensor | None = None
    targets: dict[str, Target] = field(default_factory=dict)

    def to(self, device: Any) -> Batch:
        """The same on another device."""
        return Batch(
            modalities={name: part.to(device) for name, part in self.modalities.items()},
            label=self.label.to(device),
            index=self.index.to(device),
            offset=None if self.offset is None else self.offset.to(device),
            time=_times_on(device, self.time),
            targets={name: target.to(device) for name, target in self.targets.items()},
        )


def _times_on(device: Any, time: Tensor | None) -> Tensor | None:
    """Times elsewhere: float32 on a device without float64. Rounding keeps their order, and equal ones equal."""
    if time is not None and not has_float64(device):
        time = time.float()
    return None if time is None else time.to(device)


@dataclass(kw_only=True)
class Tokens:
    """What an encoder makes of a `ModalityBatch`, and what a fuser takes.

    Attributes:
        values: ``(batch, token, width)``.
        mask: ``(batch, token)`` bool.
        summary: ``(batch, width)``, the modality in one vector; zeros for patients without it.
        weights: ``(batch, token)`` attention pooling weights that sum to 1 over real tokens, where the encoder pools.
    """

    values: Tensor
    mask: Tensor
    summary: Tensor
    weights: Tensor | None = None

    @property
    def present(self) -> Tensor:
        """``(batch,)`` bool: which patients have this modality at all."""
        return self.mask.any(dim=1)
