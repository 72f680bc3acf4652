"""Patients' items padded into one batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from data_modules.batches.bags import Bag
from fusion.contract import Batch, Item, ModalityBatch, ModalitySpec, Target

Time = np.float64 | NDArray[np.float64]

BAG_KINDS = ("tiles", "embeddings")
"""Kinds whose tokens are a bag of any number, so that a sample of them stands for all."""


Outcome = tuple[int, Time | None, NDArray[np.float32] | None]
"""Label, time and offset of one patient by one endpoint."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One patient, ready to be padded.

    Attributes:
        items: name → tokens, None where the patient lacks the modality.
        label: 0/1, -1 unknown.
        index: position in the list of ids.
        offset: the plain model's logit, or one a class; None where there is none.
        time: until the event or the last visit, or this and from when on the patient was under observation; None where
            the endpoint has no times.
        targets: secondary endpoint → label, time and offset, likewise.
    """

    items: Mapping[str, Item | None]
    label: int
    index: int
    offset: NDArray[np.float32] | None = None
    time: Time | None = None
    targets: Mapping[str, Outcome] = field(default_factory=dict)


def collate(samples: Sequence[Sample], specs: Mapping[str, ModalitySpec]) -> Batch:
    """Pad each modality to the longest patient of the batch; `Batch` states the shapes.

    Args:
        samples: at least one.
        specs: name → spec, for the shape of a modality that nobody in the batch has.
    """
    offsets = [one.offset for one in samples if one.offset is not None]
    times = [one.time for one in samples if one.time is not None]
    return Batch(
        modalities={name: _pad([one.items[name] for one in samples], spec) for name, spec in specs.items()},
        label=torch.tensor([one.label for one in samples], dtype=torch.int64),
        index=torch.tensor([one.index for one in samples], dtype=torch.int64),
        offset=torch.from_numpy(np.stack(offsets)) if offsets else None,
        time=_times(times),
        targets={name: _target([one.targets[name] for one in samples]) for name in samples[0].targets},
    )


def _times(times: Sequence[Time]) -> torch.Tensor | None:
    return torch.from_numpy(np.stack(times).astype(np.float64)) if times else None


def _target(outcomes: Sequence[Outcome]) -> Target:
    times = [time for _, time, _ in outcomes if time is not None]
    offsets = [offset for _, _, offset in outcomes if offset is not None]
    return Target(
        label=torch.tensor([label for label, _, _ in outcomes], dtype=torch.int64),
        time=_times(times),
        offset=torch.from_numpy(np.stack(offsets)) if offsets else None,
    )


def _pad(items: Sequence[Item | None], spec: ModalitySpec) -> ModalityBatch:
    """(patient, token, *token_shape) and its mask. Padding is zero; so is the one token of a batch that has none."""
    fixed = len(spec.features) if spec.kind not in BAG_KINDS else 0
    length = max([1, fixed, *(len(item.mask) for item in items if item is not None)])
    dtype = _dtype(items, spec)
    values = np.zeros((len(items), length, *spec.token_shape), dtype=dtype)
    mask = np.zeros((len(items), length), dtype=np.bool_)
    for row, item in enumerate(items):
        if item is not None:
            tokens: Any = item.values
            if isinstance(tokens, Bag):
                tokens.copy_to(values[row])
            else:
                values[row, : len(item.mask)] = tokens
            mask[row, : len(item.mask)] = item.mask
    return ModalityBatch(values=torch.from_numpy(values), mask=torch.from_numpy(mask), coords=_places(items, length))


def _dtype(items: Sequence[Item | None], spec: ModalitySpec) -> Any:
    """Of a batch's values: embeddings that all are float16 stay so, half as large; encoders read float32 of them."""
    if spec.kind == "tiles":
        return np.uint8
    kinds = {np.dtype(item.values.dtype) for item in items if item is not None}
    return np.float16 if spec.kind == "embeddings" and kinds == {np.dtype(np.float16)} else np.float32


def _places(items: Sequence[Item | None], length: int) -> torch.Tensor | None:
    """``(patient, token, 3)``: slide, x, y; None where no item has places."""
    if not any(item is not None and item.coords is not None for item in items):
        return None
    places = np.zeros((len(items), length, 3), dtype=np.int64)
    for row, item in enumerate(items):
        if item is not None and item.coords is not None:
            places[row, : len(item.mask), 1:] = item.coords
            places[row, : len(item.mask), 0] = 0 if item.source is None else item.source
    return torch.from_numpy(places)
