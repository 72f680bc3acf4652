"""What computes, looked at on this machine: Python, packages, processors, memory, disk, GPU, and what is far away."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import socket
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from fusion.contract import Part, some
from fusion.contract.devices import Machine, cores

PACKAGE = "oncofusion"
PYTHONS = ((3, 11), (3, 12))
SPACE = 2_000_000_000
"""Bytes that a small cohort's ingest and run folder take."""

EACH_WORKER = 1_200_000_000
"""Bytes of the largest process of a small run, measured on the embedded cohort, with some to spare."""

HUB = ("huggingface.co", 443)
_SECONDS = 3.0


def python() -> Part:
    """The interpreter's version."""
    version = sys.version_info[:2]
    told = f"{platform.python_version()}, {platform.system()} {platform.machine()}"
    if version in PYTHONS:
        return Part(name="Python", health="ok", told=told)
    wanted = " or ".join(f"{major}.{minor}" for major, minor in PYTHONS)
    return Part(name="Python", health="mend", told=told, mend=f"Use Python {wanted}: python3.12 -m venv .venv")


def packages(constraints: Path | None = None) -> Part:
    """Installed packages against what the package requires, and against the versions that it is tested with.

    Args:
        constraints: file of tested versions; None takes the tree's, where there is one.
    """
    from packaging.requirements import Requirement

    try:
        texts = importlib.metadata.requires(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        told = "oncofusion itself is not installed, so nothing says what it needs"
        return Part(name="Packages", health="mend", told=told, mend="pip install -e . -c constraints.txt")
    needed = [one for one in map(Requirement, texts) if one.marker is None or one.marker.evaluate({"extra": ""})]
    wrong = []
    for one in needed:
        found = version_of(one.name)
        if found is None or not one.specifier.contains(found, prereleases=True):
            wrong.append(f"{one.name}{one.specifier} ({found or 'not installed'})")
    if wrong:
        names = " ".join(f"'{one.partition(' (')[0]}'" for one in wrong)
        mend = f"pip install {names} -c constraints.txt"
        return Part(name="Packages", health="mend", told="; ".join(wrong), mend=mend)
    told = f"all {len(needed)} that are needed"
    pins = constraints or Path(__file__).resolve().parents[2] / "constraints.txt"
    other = untested(pins, {one.name for one in needed})
    if other:
        told += f"; other versions than tested: {some(other)}"
    return Part(name="Packages", health="ok", told=told)


def untested(constraints: Path, names: set[str]) -> list[str]:
    """Packages whose version is another than the one tested: ``torch 2.9.0 (2.8.0)``; none without the file."""
    if not constraints.is_file():
        return []
    lines = constraints.read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==", 1) for line in lines if "==" in line and not line.startswith("#"))
    wanted = {name.lower().replace("_", "-"): version for name, version in pins.items()}
    made = []
    for name in sorted(names):
        pin, found = wanted.get(name.lower().replace("_", "-")), version_of(name)
        if pin is not None and found is not None and found.partition("+")[0] != pin:
            made.append(f"{name} {found} ({pin})")
    return made


def version_of(name: str) -> str | None:
    """The installed version of a distribution, None where it is not."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def processors() -> Part:
    """Cores that this process may use, and threads a process."""
    count = cores()
    asked = os.environ.get("OMP_NUM_THREADS")
    told = f"{count} cores, so {count} folds train side by side; OMP_NUM_THREADS is {asked or 'not set'}"
    return Part(name="Processors", health="ok", told=told)


def available_memory() -> int | None:
    """Bytes that are free to use, of this container where it has a limit of its own; None where nobody tells."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError):
        return None
    limit, used = (_number(Path("/sys/fs/cgroup", name)) for name in ("memory.max", "memory.current"))
    return free if limit is None or used is None else min(free, limit - used)


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None  # ``max``, or no such limit


def memory(available: int | None, folder: Path | None) -> Part:
    """Memory against the processes that train side by side, and against a cohort's files."""
    if available is None:
        return Part(name="Memory", health="optional", told="this system does not tell", mend="workers=1 needs 1.2 GB")
    told = f"{available / 1e9:.1f} GB free"
    possible = max(0, int(available // EACH_WORKER))
    if possible < 1:
        mend = f"A small cohort needs {EACH_WORKER / 1e9:.1f} GB: close other programs"
        return Part(name="Memory", health="mend", told=told, mend=mend)
    if folder is not None:
        size, largest = _sizes(folder)
        told += f"; {folder} holds {size / 1e9:.2f} GB, its largest file {largest / 1e9:.2f} GB"
    if possible < cores():
        told += f", enough for {possible} of {cores()} folds side by side"
        return Part(name="Memory", health="optional", told=told, mend=f"Give workers={possible} to train")
    return Part(name="Memory", health="ok", told=told)


def _sizes(folder: Path) -> tuple[int, int]:
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return sum(sizes), max(sizes, default=0)


def disks(folders: dict[str, Path]) -> Iterator[Part]:
    """Free space where results, caches and temporary files go; key → folder."""
    for key, folder in folders.items():
        there = next(one for one in (folder.absolute(), *folder.absolute().parents) if one.exists())
        free, writable = shutil.disk_usage(there).free, os.access(there, os.W_OK)
        told = f"{free / 1e9:.1f} GB free in {there}"
        if not writable:
            told = f"{there} may not be written"
            yield Part(name=f"Disk, {key}", health="mend", told=told, mend=f"Set {key}=<folder>")
        elif free < SPACE:
            mend = f"A small cohort needs {SPACE / 1e9:.0f} GB: free some, or set {key}=<folder on another disk>"
            yield Part(name=f"Disk, {key}", health="mend", told=told, mend=mend)
        else:
            yield Part(name=f"Disk, {key}", health="ok", told=told)


def gpu(machine: Machine | None = None) -> Part:
    """GPUs with their memory and the precisions that they have."""
    import torch

    there = machine or Machine()
    if there.gpus:
        told = []
        for number in range(there.gpus):
            facts = torch.cuda.get_device_properties(number)
            precision = "bf16" if there.bf16(number) else "16"
            told.append(f"{facts.name}, {facts.total_memory / 1e9:.0f} GB, precision={precision} is faster")
        return Part(name="GPU", health="ok", told="; ".join(told))
    if there.mps:
        return Part(name="GPU", health="ok", told="Apple's (mps)")
    built = "built for CUDA" if torch.version.cuda else "built without CUDA"
    mend = "The processor is used; slides and volumes from pixels are slow on it"
    return Part(name="GPU", health="optional", told=f"none that torch {torch.__version__} ({built}) sees", mend=mend)


def wandb_login() -> Part:
    """Whether W&B has a key on this machine; the key itself is not read."""
    name = "W&B"
    if find_spec("wandb") is None:
        return Part(name=name, health="mend", told="not installed", mend="pip install wandb")
    home = Path(os.environ.get("NETRC", Path.home() / ".netrc"))
    try:
        known = "api.wandb.ai" in home.read_text(encoding="utf-8", errors="replace")
    except OSError:
        known = False
    if known or os.environ.get("WANDB_API_KEY"):
        return Part(name=name, health="ok", told="logged in; logger=wandb logger.offline=false sends runs")
    mend = "logger=wandb works offline; to send runs: wandb login"
    return Part(name=name, health="optional", told="not logged in", mend=mend)


def hub(address: tuple[str, int] = HUB) -> Part:
    """Whether the model hub answers."""
    try:
        with socket.create_connection(address, timeout=_SECONDS):
            return Part(name="Model hub", health="ok", told=f"{address[0]} answers")
    except OSError as error:
        mend = "Encoders from the hub need their weights as a file: weights=<file>, docs/encoders.md"
        return Part(name="Model hub", health="optional", told=f"{address[0]} does not answer ({error})", mend=mend)


def extras() -> Iterator[Part]:
    """Optional parts of the package: which are installed."""
    from packaging.requirements import Requirement

    try:
        texts = importlib.metadata.requires(PACKAGE) or []
        names = importlib.metadata.metadata(PACKAGE).get_all("Provides-Extra") or []
    except importlib.metadata.PackageNotFoundError:
        return
    for extra in names:
        needed = [
            one
            for one in map(Requirement, texts)
            if one.marker is not None
            and one.marker.evaluate({"extra": extra})
            and not one.marker.evaluate({"extra": ""})
        ]
        lacking = [one.name for one in needed if version_of(one.name) is None]
        if lacking:
            told, mend = f"lacks {', '.join(lacking)}", f"pip install '{PACKAGE}[{extra}]'"
            yield Part(name=f"Extra {extra}", health="optional", told=told, mend=mend)
        else:
            yield Part(name=f"Extra {extra}", health="ok", told="installed")
