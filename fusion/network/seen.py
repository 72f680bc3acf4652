"""What a network is shown before it is trained: training patients, once, and the plain model's loss."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from fusion.contract import TABULATED, Batch, ModalityBatch, Target
from fusion.encoders.base import Encoder
from fusion.heads.base import Head
from fusion.network.model import FusionModel


def show_training_patients(model: FusionModel, loader: Iterable[Batch]) -> None:
    """Before training, heads see how common each class is, and encoders of numbers how their values lie."""
    encoders = {
        name: encoder
        for name, encoder in model.encoders.items()
        if isinstance(encoder, Encoder) and encoder.spec.kind in TABULATED
    }
    seen: dict[str, list[ModalityBatch]] = {name: [] for name in encoders}
    labels, times = [], []
    targets: dict[str, list[Target]] = {}
    for batch in loader:
        labels.append(batch.label)
        if batch.time is not None:
            times.append(batch.time)
        for name, target in batch.targets.items():
            targets.setdefault(name, []).append(target)
        for name in encoders:
            seen[name].append(batch.modalities[name])
    for name, encoder in encoders.items():
        encoder.start(seen[name])
    secondary = model.secondary
    others = set() if secondary is None else set(secondary.modules())
    label, time = torch.cat(labels), torch.cat(times) if times else None
    if secondary is not None:  # who has another label alone says nothing of the primary endpoint
        known = label >= 0
        label, time = label[known], None if time is None else time[known]
    for part in model.modules():
        if isinstance(part, Head) and part not in others:
            part.learn_prevalence(label, time)
    if secondary is not None:
        secondary.learn_prevalence({name: _joined(parts) for name, parts in targets.items()})
    if model.adds:
        model.head.start_at_zero()


def _joined(parts: list[Target]) -> Target:
    times = [part.time for part in parts if part.time is not None]
    return Target(label=torch.cat([part.label for part in parts]), time=torch.cat(times) if times else None)


def plain_loss(model: FusionModel, loader: Iterable[Batch]) -> float:
    """Validation loss of the plain model alone."""
    batches = [(batch.offset, batch.label, batch.time) for batch in loader]
    offsets = torch.cat([offset for offset, _, _ in batches if offset is not None])
    times = [time for _, _, time in batches if time is not None]
    head = model.head.eval()
    loss = float(head.loss(offsets, torch.cat([label for _, label, _ in batches]), torch.cat(times) if times else None))
    head.train()
    return loss
