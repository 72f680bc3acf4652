"""Where networks run, and in what precision: one answer for training, scores, explanations and embeddings.

``device`` is ``auto`` (a CUDA GPU, else Apple's, else the processor), ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.
Processes side by side take the GPUs in turn: ``auto`` and ``cuda`` are the GPU *i mod n* in worker *i* of a machine
with *n* of them. One network fits one GPU, and folds are many: this beats sharing a network between GPUs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fusion.contract.errors import FusionError

PRECISIONS = ("32", "bf16", "16")
"""float32; or what multiplies matrices in bfloat16 or float16 (torch's autocast), weights staying float32."""

_ASKED = re.compile(r"auto|cpu|mps|cuda(:\d+)?")
_WANTED = re.compile(r"Tried to allocate [\d.]+ \w+")
_OF_ACCELERATOR = {"gpu": "cuda", "cuda": "cuda", "cpu": "cpu", "mps": "mps"}
"""What ``trainer.accelerator`` of earlier versions says of the device."""

WITHOUT_FLOAT64 = {"mps"}
"""Kinds of device on which no float64 tensor can be."""


@dataclass(frozen=True, kw_only=True)
class Device:
    """A device that is there, in a precision that it has.

    Attributes:
        name: ``cpu``, ``cuda:0`` … or ``mps``, as torch takes it.
        precision: one of `PRECISIONS`.
    """

    name: str = "cpu"
    precision: str = "32"

    @property
    def kind(self) -> str:
        """``cpu``, ``cuda`` or ``mps``."""
        return self.name.partition(":")[0]

    @property
    def gpus(self) -> list[int]:
        """The number of the CUDA GPU, alone: whose random numbers are kept and given back. None of other devices."""
        return [int(self.name.partition(":")[2])] if self.kind == "cuda" else []

    def autocast(self) -> AbstractContextManager[Any]:
        """Within it matrices are multiplied in the precision; nothing changes in float32."""
        if self.precision == "32":
            return nullcontext()
        import torch

        return torch.autocast(self.kind, dtype=torch.bfloat16 if self.precision == "bf16" else torch.float16)

    def for_lightning(self) -> dict[str, Any]:
        """Arguments of its Trainer. On a GPU, kernels that are not deterministic are allowed: some have no other."""
        mixed = {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}[self.precision]
        where = {"cpu": "cpu", "cuda": "gpu", "mps": "mps"}[self.kind]
        return {
            "accelerator": where,
            "devices": self.gpus or 1,
            "precision": mixed,
            "deterministic": True if self.kind == "cpu" else "warn",
        }

    @property
    def told(self) -> str:
        """For the record of a run: ``cpu``, ``mps`` or the GPU's name; the precision where it is not float32."""
        name = self.name
        if self.kind == "cuda":
            import torch

            name = torch.cuda.get_device_name(self.gpus[0])
        return name if self.precision == "32" else f"{name}, {self.precision}"

    @contextmanager
    def memory_told(self, keys: str) -> Iterator[None]:
        """Work that may ask for more memory than the GPU has.

        Args:
            keys: settings that make it less, for the message.

        Raises:
            FusionError: it did.
        """
        import torch

        try:
            yield
        except RuntimeError as error:
            known = isinstance(error, torch.OutOfMemoryError) or "out of memory" in str(error)
            if self.kind == "cpu" or not known:
                raise
            wanted = _WANTED.search(str(error))
            raise FusionError(
                f"device={self.name} ran out of its memory{f' ({wanted[0].lower()})' if wanted else ''}. Lower {keys}; "
                f"or set {'precision=bf16 or ' if self.precision == '32' else ''}device=cpu. Other processes on this "
                "GPU count too: workers=1 leaves it to one."
            ) from error


CPU = Device()


class Machine:
    """What this machine has; torch is asked only for what is needed."""

    @cached_property
    def gpus(self) -> int:
        """CUDA GPUs."""
        import torch

        return torch.cuda.device_count() if torch.cuda.is_available() else 0

    @cached_property
    def mps(self) -> bool:
        """Whether Apple's GPU is there."""
        import torch

        return torch.backends.mps.is_available()

    def bf16(self, gpu: int) -> bool:
        """Whether the CUDA GPU computes in bfloat16 by itself (from Ampere on)."""
        import torch

        return torch.cuda.get_device_capability(gpu) >= (8, 0)


def has_float64(device: object) -> bool:
    """Whether a device, told as torch takes it, can hold float64."""
    return str(device).partition(":")[0] not in WITHOUT_FLOAT64


def cores() -> int:
    """Processor cores that this process may use; of the machine, where the system does not tell (macOS)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_worker = 0
"""Number of this process among those that work side by side."""


def be_worker(number: int) -> None:
    """Say once, in a process that works side by side with others, which of them it is, from 0."""
    global _worker
    _worker = number


def device_of(settings: Mapping[str, Any], *, at: str = "", machine: Machine | None = None) -> Device:
    """The device that settings ask for.

    Args:
        settings: ``device`` and ``precision``; ``accelerator`` of earlier versions, where `device` is ``auto``.
        at: key of these settings, with a dot at its end, for messages.
        machine: to be asked; None: this one.

    Raises:
        FusionError: there is no such device or precision, here or at all.
    """
    asked = str(settings.get("device") or "auto")
    accelerator = str(settings.get("accelerator") or "auto")
    if asked == "auto":
        asked = _OF_ACCELERATOR.get(accelerator, accelerator)
    precision = str(settings.get("precision") or "32")
    if not _ASKED.fullmatch(asked):
        raise FusionError(f"{at}device={asked}: set it to auto, cpu, cuda, cuda:<number> or mps.")
    if precision not in PRECISIONS:
        raise FusionError(f"{at}precision={precision}: set it to {', '.join(PRECISIONS)}.")
    machine = machine or Machine()
    device = Device(name=_found(asked, machine, at=at), precision=precision)
    _refuse_precision(device, asked, machine, at=at)
    return device


def spread_over(trainer: Mapping[str, Any], *, at: str = "", machine: Machine | None = None) -> int:
    """How many devices train a network together.

    Args:
        trainer: ``devices``, and what `device_of` reads.
        at: key of these settings, with a dot at its end, for messages.
        machine: to be asked; None: this one.

    Raises:
        FusionError: it is no number above 0, or there are not so many devices.
    """
    count = trainer.get("devices", 1)
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise FusionError(f"{at}devices={count}: how many devices train one network together; give 1, 2, 3 …")
    if count == 1:
        return 1
    machine = machine or Machine()
    device = device_of(trainer, at=at, machine=machine)
    if device.kind == "mps":
        raise FusionError(f"{at}devices={count}: Apple's GPU is one. Set {at}devices=1.")
    if device.kind == "cuda" and (":" in str(trainer.get("device") or "") or count > machine.gpus):
        raise FusionError(
            f"{at}devices={count}: there are {machine.gpus} CUDA GPUs here, and device={trainer.get('device')}. Set "
            f"{at}devices to at most {machine.gpus}, and device=cuda; or {at}devices=1."
        )
    return count


def check_device(settings: Mapping[str, Any]) -> str | None:
    """Refuse what `device_of` would, before any work; nothing is imported for the defaults.

    Args:
        settings: a whole configuration: `device`, `precision` and, of training, `trainer`.

    Returns:
        What to say of ``trainer.accelerator``, where it is set; else None.

    Raises:
        FusionError: see `device_of`.
    """
    accelerator = str((settings.get("trainer") or {}).get("accelerator") or "auto")
    asked = {key: settings.get(key) for key in ("device", "precision")} | {"accelerator": accelerator}
    elsewhere = str(settings.get("execution") or "local") != "local"  # where folds run is asked there
    if not elsewhere and any(str(value) not in ("auto", "cpu", "32", "None") for value in asked.values()):
        device_of(asked)
    if accelerator == "auto":
        return None
    device = _OF_ACCELERATOR.get(accelerator, accelerator)
    return f"trainer.accelerator={accelerator} is an older name: set device={device}, which holds for all networks."


def _found(asked: str, machine: Machine, *, at: str) -> str:
    """The device's name, where it is there."""
    kind, _, number = asked.partition(":")
    if kind == "auto":
        kind = "cuda" if machine.gpus else "mps" if machine.mps else "cpu"
    if kind == "cuda":
        if not machine.gpus:
            raise FusionError(
                f"{at}device={asked}: torch finds no CUDA GPU here (no driver, a CPU-only torch, or "
                "CUDA_VISIBLE_DEVICES hides them). Set device=cpu or auto."
            )
        gpu = int(number) if number else _worker % machine.gpus
        if gpu >= machine.gpus:
            last = machine.gpus - 1
            raise FusionError(f"{at}device={asked}: this machine has {machine.gpus} CUDA GPUs, cuda:0 to cuda:{last}.")
        return f"cuda:{gpu}"
    if kind == "mps" and not machine.mps:
        raise FusionError(f"{at}device=mps: torch finds no Apple GPU here. Set device=cpu or auto.")
    return kind


def _refuse_precision(device: Device, asked: str, machine: Machine, *, at: str) -> None:
    """A precision that the device lacks, or in which nothing here was tried on it."""
    if device.kind == "cuda":
        lacks = device.precision == "bf16" and not machine.bf16(device.gpus[0])
    else:
        lacks = device.precision == "16" if device.kind == "cpu" else device.precision != "32"
    if lacks:
        other = {"cpu": "bf16 or 32", "cuda": "16 or 32", "mps": "32"}[device.kind]
        raise FusionError(
            f"{at}precision={device.precision}: {device.name} (device={asked}) does not compute in it. Set {other}."
        )
