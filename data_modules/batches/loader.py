"""Batches ahead of the network: rows on disk announced a batch before they are read, batches made by threads.

Threads, not processes: they share the one cache of items, so that more of them take no more memory, and what they wait
for, disks, other threads need not. Processes would hold a cache each.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch
from torch.utils.data import DataLoader, Sampler

from data_modules.batches.dataset import Draw, PatientDataset
from fusion.contract import Batch


class Loader(DataLoader[Batch]):
    """Batches in the order of the sampler, the same whatever makes them.

    Args:
        patients: whose.
        batches: what is drawn for each batch.
        threads: that make batches ahead, each holding one; 0: each is made when it is asked for.
    """

    def __init__(self, patients: PatientDataset, batches: Sampler[list[Draw]], *, threads: int = 0) -> None:
        # The sampler yields whole batches, so the loader neither batches nor collates.
        settings: dict[str, Any] = {"sampler": batches, "batch_size": None, "collate_fn": _as_is}
        super().__init__(patients, **settings)
        self._patients = patients
        self._threads = threads

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]  # any iterator does
        # As torch's own does for each epoch: a seed that nobody asks for, but it moves the stream that dropout is of.
        torch.empty((), dtype=torch.int64).random_(generator=self.generator)
        return self._by_threads() if self._threads else self._in_turn()

    def _in_turn(self) -> Iterator[Batch]:
        waiting: deque[list[Draw]] = deque()
        for draws in self.sampler:
            self._patients.will_need(draws)
            waiting.append(draws)
            if len(waiting) > 1:
                yield self._patients[waiting.popleft()]
        while waiting:
            yield self._patients[waiting.popleft()]

    def _by_threads(self) -> Iterator[Batch]:
        waiting: deque[Future[Batch]] = deque()
        with ThreadPoolExecutor(self._threads, thread_name_prefix="batches") as threads:
            try:
                for draws in self.sampler:
                    waiting.append(threads.submit(self._made, draws))
                    if len(waiting) > self._threads:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()

    def _made(self, draws: list[Draw]) -> Batch:
        self._patients.will_need(draws)
        return self._patients[draws]


def _as_is(batch: Batch) -> Batch:
    return batch
