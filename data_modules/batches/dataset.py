"""Patients as batches: tokens padded to the longest patient of a batch, tiles sampled anew each epoch.

A batch is read whole (the loader asks for a list of draws), so that cells are copied once, from a patient's array into
the batch. What is drawn depends on (seed, epoch, patient) alone: batch size, order and workers change no item.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch.utils.data import Dataset

from data_modules.batches.bags import Bag, resident
from data_modules.batches.collate import BAG_KINDS, Sample, collate
from data_modules.batches.sampling import Tiles, check_tiles, drawn, sampling
from fusion.contract import Batch, FittedModality, Item, Secondary

FIXED = 2**31
"""An epoch that is none: of the sample of tiles that validation sees again and again."""


@dataclass(frozen=True, kw_only=True)
class Draw:
    """What a loader asks for: the patient's position in the list of ids, and the epoch in training, or `FIXED`."""

    position: int
    epoch: int | None = None


class ItemCache:
    """Items kept in memory up to a bound, first come, first kept.

    Epochs visit everyone in turn; a cache that forgot the oldest would then forget each item just before its use.
    Threads share it: an item that two of them load at once is kept once.

    Args:
        limit: bytes of arrays kept.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: dict[tuple[str, str], Item | None] = {}
        self._lock = threading.Lock()
        self.bytes = 0

    def __getstate__(self) -> dict[str, Any]:
        """Another process begins with nothing in it."""
        return {"limit": self._limit}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["limit"])  # type: ignore[misc]

    def holds(self, modality: str, patient: str) -> bool:
        """Whether the item is kept."""
        return (modality, patient) in self._kept

    def get(self, modality: str, patient: str, load: Callable[[str], Item | None]) -> Item | None:
        """The item, loaded on first use."""
        key = (modality, patient)
        if key in self._kept:
            return self._kept[key]
        item = load(patient)
        values: Any = None if item is None else item.values  # noqa: PD011
        if item is not None and isinstance(values, Bag):
            # Read whole only where it stays: else every epoch would read megabytes for a few dozen tiles.
            item = replace(item, values=values.kept(self._limit - self.bytes))
        size = 0 if item is None else resident(item.values) + item.mask.nbytes
        with self._lock:
            if key not in self._kept and self.bytes + size <= self._limit:
                self._kept[key] = item
                self.bytes += size
        return item


class PatientDataset(Dataset[Batch]):
    """Maps a list of draws to a `Batch`.

    Args:
        fitted: name → fitted modality.
        patient_ids: whom; `Batch.index` points into it.
        labels: index patient_id; patients it lacks have label -1.
        tiles: tokens drawn per patient and epoch of the kinds ``tiles`` and ``embeddings``; ``auto``, by how many there
            are; None for all. Draws without an epoch (evaluation) always get all.
        seed: of these draws.
        cache: of loaded items, shared by datasets over the same `fitted`.
        offsets: index patient_id: the logits that the network adds to, for all of `patient_ids`; None: none.
        times: index patient_id, of a survival endpoint; patients it lacks have NaN. None: the endpoint has no times. A
            frame has from when on they were under observation beside it.
        secondary: secondary endpoint → its outcomes; patients whom these lack have label -1.
    """

    def __init__(
        self,
        fitted: Mapping[str, FittedModality],
        patient_ids: Sequence[str],
        labels: pd.Series[int],
        *,
        tiles: Tiles = None,
        seed: int = 0,
        cache: ItemCache | None = None,
        offsets: pd.Series | pd.DataFrame | None = None,
        times: pd.Series[float] | pd.DataFrame | None = None,
        secondary: Mapping[str, Secondary] | None = None,
    ) -> None:
        self.fitted = dict(fitted)
        self.patient_ids = tuple(patient_ids)
        self.labels = self._aligned(labels)
        self.specs = {name: part.spec for name, part in self.fitted.items()}
        self._tiles = check_tiles(tiles)
        self._seed = seed
        self._cache = cache or ItemCache(1 << 30)
        self._offsets: NDArray[np.float32] | None = None
        if offsets is not None:
            self._offsets = offsets.loc[list(self.patient_ids)].to_numpy(dtype=np.float32)
        self.times = self._timed(times)
        self._targets = {
            name: (self._aligned(one.labels), self._timed(one.followed), self._started(one.offsets))
            for name, one in (secondary or {}).items()
        }

    def _aligned(self, labels: pd.Series[int]) -> NDArray[np.int64]:
        return np.asarray(labels.reindex(list(self.patient_ids)).fillna(-1), dtype=np.int64)

    def _timed(self, times: pd.Series[float] | pd.DataFrame | None) -> NDArray[np.float64] | None:
        return None if times is None else np.asarray(times.reindex(list(self.patient_ids)), dtype=np.float64)

    def _started(self, offsets: pd.Series | pd.DataFrame | None) -> NDArray[np.float32] | None:
        """Of a secondary endpoint; 0 for who has no label of it, whose loss there is none."""
        if offsets is None:
            return None
        return np.asarray(offsets.reindex(list(self.patient_ids), fill_value=0.0), dtype=np.float32)

    def __len__(self) -> int:
        return len(self.patient_ids)

    def __getitem__(self, draws: Sequence[Draw]) -> Batch:
        return collate([self.sample(draw) for draw in draws], self.specs)

    def size(self, position: int, epoch: int | None = None) -> int:
        """Bytes of what a draw takes of a patient's bags, without an epoch all tokens; read from no disk."""
        patient, total = self.patient_ids[position], 0.0
        for name, spec in self.specs.items():
            item = self._cache.get(name, patient, self.fitted[name].load) if spec.kind in BAG_KINDS else None
            if item is not None and len(item.mask):
                tiles = None if epoch is None else self._tiles
                share = drawn(len(item.mask), tiles, kind=spec.kind) / len(item.mask)
                total += share * int(item.values.nbytes)  # noqa: PD011
        return round(total)

    def sampling(self) -> dict[str, dict[str, float | int]]:
        """Modality → what training sees of its bags, see `data_modules.batches.sampling.sampling`."""
        found = {}
        for name, spec in self.specs.items():
            if spec.kind in BAG_KINDS:
                items = [self._cache.get(name, patient, self.fitted[name].load) for patient in self.patient_ids]
                sizes = [len(item.mask) for item in items if item is not None and len(item.mask)]
                if sizes:
                    found[name] = sampling(sizes, self._tiles, kind=spec.kind)
        return found

    def sample(self, draw: Draw) -> Sample:
        """One patient's items, with tiles drawn where the draw has an epoch."""
        patient = self.patient_ids[draw.position]
        items = {name: self._cache.get(name, patient, part.load) for name, part in self.fitted.items()}
        if self._tiles is not None and draw.epoch is not None:
            for name, item in items.items():
                kind = self.specs[name].kind
                if item is None or kind not in BAG_KINDS:
                    continue
                number = drawn(len(item.mask), self._tiles, kind=kind)
                if number < len(item.mask):
                    items[name] = self._drawn(name, patient, item, number, draw.epoch)
        offset = None if self._offsets is None else self._offsets[draw.position]
        time = None if self.times is None else self.times[draw.position]
        label = int(self.labels[draw.position])
        targets = {
            name: (
                int(labels[draw.position]),
                None if times is None else times[draw.position],
                None if offsets is None else offsets[draw.position],
            )
            for name, (labels, times, offsets) in self._targets.items()
        }
        return Sample(items=items, label=label, index=draw.position, offset=offset, time=time, targets=targets)

    def will_need(self, draws: Sequence[Draw]) -> None:
        """Announce bags on disk that will be asked for, so that the disk works while the network does."""
        for draw in draws:
            patient = self.patient_ids[draw.position]
            for name, spec in self.specs.items():
                item = self._cache.get(name, patient, self.fitted[name].load) if spec.kind in BAG_KINDS else None
                tokens: Any = None if item is None else item.values  # noqa: PD011
                if item is None or not isinstance(tokens, Bag):
                    continue
                tiles = None if draw.epoch is None else self._tiles
                number = drawn(len(item.mask), tiles, kind=spec.kind)
                if number == len(item.mask):
                    tokens.will_need()
                elif draw.epoch is not None and not self._cache.holds(_sample_of(name, number), patient):
                    tokens.will_need(self._chosen(patient, item, number, draw.epoch))

    def _drawn(self, name: str, patient: str, item: Item, number: int, epoch: int) -> Item:
        """Some of an item's tokens; a fixed sample of a bag on disk is read once, where the cache has room."""

        def take(_: str) -> Item:
            return _take(item, self._chosen(patient, item, number, epoch))

        tokens: Any = item.values  # noqa: PD011
        if epoch != FIXED or not isinstance(tokens, Bag):
            return take(patient)
        kept = self._cache.get(_sample_of(name, number), patient, take)
        assert kept is not None
        return kept

    def _chosen(self, patient: str, item: Item, number: int, epoch: int) -> NDArray[np.int64]:
        """The places of a random `number` of an item's tokens, ascending."""
        # Of the patient's id, not of the position: other patients in the list change no draw.
        generator = np.random.default_rng([self._seed, epoch, zlib.crc32(patient.encode())])
        return np.sort(generator.choice(len(item.mask), number, replace=False))


def _sample_of(name: str, number: int) -> str:
    """What a fixed sample of a modality is called in the cache."""
    return f"{name}, {number} tiles"


def _take(item: Item, chosen: NDArray[np.int64]) -> Item:
    """An item's tokens at some places."""
    return replace(
        item,
        values=item.values[chosen],  # noqa: PD011
        mask=item.mask[chosen],
        coords=None if item.coords is None else item.coords[chosen],
        source=None if item.source is None else item.source[chosen],
    )
