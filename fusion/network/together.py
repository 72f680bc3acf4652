"""One network trained by several processes of this machine, each on a device of its own, that share out every batch.

Data-parallel training (torch's DistributedDataParallel through Lightning): for encoders of pixels, whose gradients are
most of the work. Processes are spawned for each network and meet through a file. All see the same batches; each takes
its share of their patients, and gradients are averaged, so that a step is that of one process up to the order of sums
and the random numbers of dropout, which each process has of its own.
"""

from __future__ import annotations

import copy
import multiprocessing
import os
import tempfile
import threading
from collections.abc import Mapping
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from fusion.contract import FusionError
from fusion.contract.devices import device_of, spread_over
from fusion.network.best_weights import EpochHook
from fusion.network.fitting import NetworkFit, fit_network, load_weights, save_weights
from fusion.network.model import FusionModel
from fusion.network.share import Share, backend

_APART = 7_919
"""Between the seeds of processes: of dropout."""


def fit_on_devices(
    model: FusionModel,
    data: pl.LightningDataModule,
    trainer: Mapping[str, Any],
    *,
    seed: int,
    on_epoch: EpochHook | None = None,
) -> NetworkFit:
    """As `fusion.network.fitting.fit_network`, by as many processes as ``trainer.devices`` says.

    Raises:
        FusionError: what `fit_network` raises; devices that are not there; a process that ended.
    """
    count = spread_over(trainer, at="trainer.")
    if count == 1:
        return fit_network(model, data, trainer, seed=seed, on_epoch=on_epoch)
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="together_") as folder:
        pipes, processes = [], []
        for rank in range(count):
            here, there = context.Pipe(duplex=False)
            arguments = (there, Path(folder), Share(rank=rank, of=count), model, data, dict(trainer), seed)
            process = context.Process(target=_train, args=arguments, daemon=True)
            process.start()
            there.close()
            pipes.append(here)
            processes.append(process)
        try:
            result = _heard(pipes, on_epoch)
        finally:
            # Others wait for one that failed, and for ever.
            for process in processes:
                process.terminate()
                process.join()
        load_weights(model, Path(folder) / "weights.safetensors")
    return result


def _heard(pipes: list[Connection], on_epoch: EpochHook | None) -> NetworkFit:
    """Pass on what the first process tells, until all are done.

    Raises:
        FusionError: one failed.
    """
    result: NetworkFit | None = None
    running = list(pipes)
    while running:
        for pipe in wait(running):
            assert isinstance(pipe, Connection)
            try:
                kind, content = pipe.recv()
            except EOFError as error:
                raise FusionError(
                    "trainer.devices: one of the processes that train a network together ended, perhaps for want of "
                    "memory. Lower datamodule.batch_size, or set trainer.devices=1."
                ) from error
            if kind == "epoch" and on_epoch is not None:
                on_epoch(content)
            elif kind == "failed":
                raise content
            elif kind == "done":
                result = content or result
                running.remove(pipe)
    assert result is not None
    return result


def _train(
    pipe: Connection,
    folder: Path,
    share: Share,
    model: FusionModel,
    data: pl.LightningDataModule,
    trainer: dict[str, Any],
    seed: int,
) -> None:
    """What a process does."""
    import torch

    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    first = share.rank == 0
    # Tensors come as memory that all processes share: each would step the others' weights.
    model = copy.deepcopy(model)
    try:
        device = device_of(trainer, at="trainer.")
        if device.kind == "cuda":
            trainer |= {"device": f"cuda:{share.rank}"}
            torch.cuda.set_device(share.rank)
        else:
            os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
        torch.distributed.init_process_group(
            backend(device), init_method=f"file://{folder / 'meeting'}", rank=share.rank, world_size=share.of
        )
        told: EpochHook | None = (lambda row: pipe.send(("epoch", dict(row)))) if first else None
        result = fit_network(model, data, trainer, seed=seed + _APART * share.rank, on_epoch=told, share=share)
        if first:
            save_weights(model, folder / "weights.safetensors")
        torch.distributed.destroy_process_group()
    except FusionError as error:
        pipe.send(("failed", FusionError(str(error))))
    except Exception as error:
        pipe.send(("failed", RuntimeError(f"process {share.rank} of {share.of}: {type(error).__name__}: {error}")))
    else:
        pipe.send(("done", result if first else None))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
