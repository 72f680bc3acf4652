"""A process's share of a network that several train together: which patients of a batch, and how much they count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from pytorch_lightning.strategies import DDPStrategy

from fusion.contract import Batch, ModalityBatch, Target
from fusion.contract.devices import Device


@dataclass(frozen=True, kw_only=True)
class Share:
    """Which of the processes this is.

    Attributes:
        rank: from 0.
        of: how many there are.
    """

    rank: int
    of: int

    def part(self, batch: Batch) -> tuple[Batch, float]:
        """Every `of`-th patient of a batch, and by what their mean loss is multiplied.

        Gradients are averaged over processes. Multiplied so, their average is the gradient of the mean loss over the
        patients of the whole batch whose label is known. A process without any patient has the first one at 0.
        """
        rows = list(range(self.rank, len(batch.label), self.of)) or [0]
        mine = rows_of(batch, rows)
        empty = self.rank >= len(batch.label)
        known = int((batch.label >= 0).sum())
        counted = 0 if empty else int((mine.label >= 0).sum())
        return mine, self.of * counted / max(known, 1)

    def for_lightning(self, device: Device) -> dict[str, Any]:
        """Arguments of Lightning's Trainer, once torch's process group is there."""
        return {
            # The processes are there already; batches are shared out here, not by Lightning.
            "strategy": DDPStrategy(
                cluster_environment=_Started(self),
                process_group_backend=backend(device),
                # A modality that nobody in a share has gives its encoder no gradient.
                find_unused_parameters=True,
            ),
            "devices": list(range(self.of)) if device.kind == "cuda" else self.of,
            "use_distributed_sampler": False,
        }


def backend(device: Device) -> str:
    """What processes speak to one another through."""
    return "nccl" if device.kind == "cuda" else "gloo"


def rows_of(batch: Batch, rows: list[int]) -> Batch:
    """Some patients of a batch."""
    return Batch(
        modalities={
            name: ModalityBatch(
                values=part.values[rows],
                mask=part.mask[rows],
                coords=None if part.coords is None else part.coords[rows],
            )
            for name, part in batch.modalities.items()
        },
        label=batch.label[rows],
        index=batch.index[rows],
        offset=None if batch.offset is None else batch.offset[rows],
        time=None if batch.time is None else batch.time[rows],
        targets={
            name: Target(
                label=one.label[rows],
                time=None if one.time is None else one.time[rows],
                offset=None if one.offset is None else one.offset[rows],
            )
            for name, one in batch.targets.items()
        },
    )


class _Started(LightningEnvironment):
    """Processes that were started by us, all of one machine."""

    def __init__(self, share: Share) -> None:
        super().__init__()
        self._share = share

    @property
    def creates_processes_externally(self) -> bool:
        return True

    def world_size(self) -> int:
        return self._share.of

    def global_rank(self) -> int:
        return self._share.rank

    def local_rank(self) -> int:
        return self._share.rank

    def node_rank(self) -> int:
        return 0

    def set_world_size(self, size: int) -> None:
        pass

    def set_global_rank(self, rank: int) -> None:
        pass
