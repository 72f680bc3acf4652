"""Loaders of one member of the protocol: shuffled training patients, validation patients, and anyone to predict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd
import pytorch_lightning as pl
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Sampler

from data_modules.batches.dataset import FIXED, Draw, ItemCache, PatientDataset
from data_modules.batches.loader import Loader
from data_modules.batches.sampling import Tiles, check_tiles
from fusion.contract import Batch, FittedModality, Secondary


class EpochBatches(Sampler[list[Draw]]):
    """Batches of everyone once, in another order each epoch; the order depends on (seed, epoch) alone.

    Sizes differ by at most one, so that no batch is a lone patient. Lightning says which epoch it is by `set_epoch`;
    without it, epochs count themselves.

    Args:
        labels: (patient,) of the dataset.
        batch_size: at most.
        seed: of the order.
        stratified: give every batch the same share of each class, as nearly as its size allows.
    """

    def __init__(self, labels: NDArray[np.int64], *, batch_size: int, seed: int, stratified: bool = False) -> None:
        self._labels = labels
        self._batches = max(1, -(-len(labels) // batch_size))
        self._seed = seed
        self._stratified = stratified
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Draw batches and tiles of another epoch."""
        self._epoch = epoch

    def __len__(self) -> int:
        return self._batches

    def __iter__(self) -> Iterator[list[Draw]]:
        epoch, self._epoch = self._epoch, self._epoch + 1
        generator = np.random.default_rng([self._seed, epoch])
        order = generator.permutation(len(self._labels))
        if self._stratified:
            place = np.empty(len(order))
            for label in np.unique(self._labels):
                of_class = np.flatnonzero(self._labels[order] == label)
                # Each class evenly over the epoch, its first patient at a random phase.
                place[of_class] = (np.arange(len(of_class)) + generator.random()) / len(of_class)
            order = order[np.argsort(place, kind="stable")]
        for part in np.array_split(order, self._batches):
            yield [Draw(position=int(position), epoch=epoch) for position in part]


class InOrder(Sampler[list[Draw]]):
    """Batches in the order of the ids.

    A batch is padded to its largest bag, so that large bags come in smaller batches: memory grows with the largest bag
    alone, not with `batch_size` times it.

    Args:
        sizes: bytes of each patient's bags.
        batch_size: patients at most.
        limit: bytes of a padded batch, unless a single patient has more.
        epoch: `FIXED` for a fixed sample of tokens; None for every token of everyone.
    """

    def __init__(
        self, sizes: Sequence[int], *, batch_size: int, limit: int = 256 << 20, epoch: int | None = None
    ) -> None:
        self._epoch = epoch
        self._batches: list[list[int]] = []
        largest = 0
        for position, size in enumerate(sizes):
            current = self._batches[-1] if self._batches else []
            padded = (len(current) + 1) * max(largest, size)
            if current and len(current) < batch_size and padded <= limit:
                current.append(position)
                largest = max(largest, size)
            else:
                self._batches.append([position])
                largest = size

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[list[Draw]]:
        for batch in self._batches:
            yield [Draw(position=position, epoch=self._epoch) for position in batch]


class FusionDataModule(pl.LightningDataModule):
    """Loaders over fitted modalities.

    Args:
        fitted: name → modality fitted on `train_ids`.
        train_ids: whom to train on.
        val_ids: for early stopping.
        labels: index patient_id; those it lacks are -1.
        batch_size: patients.
        tiles_per_patient: tiles or embeddings drawn per training patient and epoch: a number; ``auto``, by how many the
            patient has (`data_modules.batches.sampling`); None for all. Prediction uses all.
        validation_tiles: of the fixed sample of each validation patient, by which training stops early; likewise.
        stratified: give training batches equal shares of each class.
        cache_bytes: of items kept in memory between epochs.
        seed: of order and draws.
        num_workers: threads that load batches ahead, out of the one cache; 0 loads in turn with the network, which is
            fastest for items that are cached. Rows on disk are announced to the system a batch ahead in either case.
        offsets: index patient_id: logits of the plain model, for training and validation patients; None: none.
        times: index patient_id, until the event (label 1) or the last visit (label 0), or a frame of this and of when
            they came under observation (`fusion.contract.secondary.followed`); None: the endpoint has no times.
            With times a training batch is a risk set: it is stratified, and large enough for `EVENTS` events.
        secondary: secondary endpoint → its outcomes, for training patients; None: there is none. Of one with times too
            a training batch holds `EVENTS` events.
    """

    def __init__(
        self,
        *,
        fitted: Mapping[str, FittedModality],
        train_ids: Sequence[str],
        val_ids: Sequence[str],
        labels: pd.Series[int],
        batch_size: int = 16,
        tiles_per_patient: int | Literal["auto"] | None = "auto",
        validation_tiles: int | Literal["auto"] | None = "auto",
        stratified: bool = False,
        cache_bytes: int = 1 << 30,
        seed: int = 0,
        num_workers: int = 0,
        offsets: pd.Series | pd.DataFrame | None = None,
        times: pd.Series[float] | pd.DataFrame | None = None,
        secondary: Mapping[str, Secondary] | None = None,
    ) -> None:
        super().__init__()
        self._fitted = fitted
        self._labels = labels
        self._batch_size = batch_size
        self._stratified = stratified
        self._validation_tiles = check_tiles(validation_tiles, key="validation_tiles")
        self._seed = seed
        self._workers = num_workers
        self._cache = ItemCache(cache_bytes)
        self._val_ids = tuple(val_ids)
        self._offsets = offsets
        self._times = times
        self._secondary = dict(secondary or {})
        self._train = PatientDataset(
            fitted, train_ids, labels, tiles=tiles_per_patient, seed=seed, cache=self._cache, offsets=offsets,
            times=times, secondary=secondary,
        )  # fmt: skip

    def sampling(self) -> dict[str, dict[str, float | int]]:
        """Modality → how much of the training patients' bags an epoch sees."""
        return self._train.sampling()

    def train_dataloader(self) -> DataLoader[Batch]:
        """Training patients, shuffled and stratified anew each epoch."""
        size, stratified = self._batch_size, self._stratified
        if self._times is not None:
            size, stratified = risk_set(self._train.labels, batch_size=size), True
        for one in self._secondary.values():
            if one.times is not None:
                labels = one.labels.reindex(list(self._train.patient_ids)).fillna(-1)
                size = risk_set(np.asarray(labels, dtype=np.int64), batch_size=size)
        batches = EpochBatches(self._train.labels, batch_size=size, seed=self._seed, stratified=stratified)
        return self._loader(self._train, batches)

    def val_dataloader(self) -> DataLoader[Batch]:
        """Validation patients, in order, with the same sample of their tiles each time."""
        return self._in_order(self._val_ids, self._offsets, tiles=self._validation_tiles)

    def predict_loader(self, patient_ids: Sequence[str]) -> DataLoader[Batch]:
        """Anyone's batches in the order of `patient_ids`, with all tokens and without offsets."""
        return self._in_order(patient_ids, None)

    def _in_order(
        self, patient_ids: Sequence[str], offsets: pd.Series | pd.DataFrame | None, *, tiles: Tiles = None
    ) -> DataLoader[Batch]:
        patients = PatientDataset(
            self._fitted, patient_ids, self._labels, tiles=tiles, seed=self._seed, cache=self._cache, offsets=offsets,
            times=self._times,
        )  # fmt: skip
        epoch = None if tiles is None else FIXED
        sizes = [patients.size(position, epoch) for position in range(len(patients))]
        return self._loader(patients, InOrder(sizes, batch_size=self._batch_size, epoch=epoch))

    def _loader(self, patients: PatientDataset, batches: Sampler[list[Draw]]) -> DataLoader[Batch]:
        return Loader(patients, batches, threads=self._workers)


EVENTS = 16
"""Events in a training batch of a survival endpoint, where so many are seen: a partial likelihood compares each event
with those of the batch who are still at risk, and of two or three events it is mostly noise."""


def risk_set(labels: NDArray[np.int64], *, batch_size: int) -> int:
    """Patients in a batch that holds `EVENTS` events on average, at least `batch_size` and at most everyone.

    Args:
        labels: ``(patient,)``, 1 where the event was seen.
        batch_size: as asked for.
    """
    events = int((labels == 1).sum())
    return min(max(batch_size, -(-EVENTS * len(labels) // max(events, 1))), max(len(labels), 1))
