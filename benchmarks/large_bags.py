"""Large bags: what a training epoch, a validation epoch and one prediction take, in time and in memory.

    python benchmarks/large_bags.py [--bags 30] [--tiles 15000] [--width 1024] [--encoder mil] [--folder /tmp]

Writes bags of distinct random float16 features as HDF5, as CLAM and TRIDENT write them (30 bags of 15,000 × 1,024 are
0.9 GB; removed at the end), and reads them as `python -m fusion.train` does, in one process of one thread, with a cache
that holds a part of them (`--cache`, MB):

- *training*: an epoch at 512 drawn tiles a bag, over a bare loop of the same network over the same drawn tiles in
  memory; once with files that the system holds in its cache (warm), once after POSIX_FADV_DONTNEED (cold);
- *validation*: an epoch of the same bags at as many tiles, over the training epoch: the first, which reads the fixed
  sample, and later ones;
- *prediction*: one bag, all tiles, reading and computing apart, and the processor's seconds of computing, which other
  work on the machine lengthens less;
- *memory*: the peak of the process's own, not of files that the system keeps in its cache. `num_workers` are threads of
  the process and share its cache (data_modules/batches), so it is the memory of all of training.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import h5py
import numpy as np
import pandas as pd
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from data_modules.batches.bags import Bag
from data_modules.batches.datamodule import FusionDataModule
from data_modules.ingest.slides.feature_files import read_header
from fusion.contract import Batch, EndpointSpec, Item, ModalitySpec, State
from fusion.network.fitting import predict_scores
from fusion.network.model import FusionModel, build_model

ROOT = Path(__file__).resolve().parents[1]
DRAWN = 512


class Bags:
    """A fitted modality of HDF5 files, as `data_modules.modalities.slides.tile_features` has it."""

    selection = None

    def __init__(self, files: dict[str, Path], width: int) -> None:
        self.spec = ModalitySpec(name="slides", kind="embeddings", token_shape=(width,))
        self._headers = {patient: read_header(path) for patient, path in files.items()}

    def has(self, patient: str) -> bool:
        return patient in self._headers

    def load(self, patient: str) -> Item:
        header = self._headers[patient]
        bag: Any = Bag([header.part()], shape=self.spec.token_shape, dtype=getattr(header, "dtype", np.float32))
        return Item(values=cast("Any", bag.settled()), mask=np.ones(len(bag), dtype=np.bool_), coords=header.coords())

    def table(self, patients: Sequence[str]) -> pd.DataFrame:
        return pd.DataFrame(index=list(patients))

    def state(self) -> State:
        return State(config={}, arrays={})


def write(folder: Path, *, bags: int, tiles: int, width: int) -> dict[str, Path]:
    """Bags of distinct random values."""
    rng = np.random.default_rng(0)
    side = int(tiles**0.5) + 1
    place = np.arange(tiles)
    files = {}
    for number in range(bags):
        files[f"P{number:04}"] = path = folder / f"P{number:04}.h5"
        with h5py.File(path, "w") as file:
            values = file.create_dataset("features", (tiles, width), dtype=np.float16)
            for start in range(0, tiles, 2048):
                stop = min(start + 2048, tiles)
                values[start:stop] = rng.standard_normal((stop - start, width), dtype=np.float32)
            file["coords"] = np.stack([place % side, place // side], axis=1) * 256
    return files


def forget(files: Sequence[Path]) -> None:
    """Make the system drop what it keeps of the files."""
    for path in files:
        with path.open("rb") as stream:
            os.fsync(stream.fileno())
            os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def own_memory() -> float:
    """Gigabytes that are this process's alone now: not files mapped into it."""
    told = Path("/proc/self/status").read_text(encoding="ascii")
    return int(told.partition("RssAnon:")[2].split()[0]) / 2**20


class Peak:
    """The most of `own_memory` within it, looked at every few milliseconds."""

    def __enter__(self) -> Peak:
        self.value, self._done = own_memory(), threading.Event()
        self._watch = threading.Thread(target=self._see)
        self._watch.start()
        return self

    def _see(self) -> None:
        while not self._done.wait(0.003):
            self.value = max(self.value, own_memory())

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._watch.join()


def timed(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def network(spec: ModalitySpec, encoder: str) -> FusionModel:
    node = {
        "width": 32,
        "encoders": {"slides": OmegaConf.load(ROOT / f"conf/model/encoder/{encoder}.yaml")},
        "fuser": {"_target_": "fusion.fusers.concat.ConcatFuser"},
        "head": {"_target_": "fusion.heads.response.BinaryResponse"},
    }
    endpoint = EndpointSpec(name="response", kind="binary", classes=("no", "yes"))
    return build_model(OmegaConf.create(node), {"slides": spec}, endpoint, seed=0)


def train(model: FusionModel, batches: Any) -> None:
    """An epoch."""
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    model.train()
    for batch in batches:
        loss = model.head.loss(model(batch).logit, batch.label)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


def validate(model: FusionModel, batches: Any) -> None:
    """An epoch, as training validates."""
    model.eval()
    with torch.inference_mode():
        for batch in batches:
            model(batch)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for key, default in (
        ("bags", 30), ("tiles", 15_000), ("width", 1_024), ("repeats", 3), ("cache", 256), ("workers", 0),
    ):  # fmt: skip
        parser.add_argument(f"--{key}", type=int, default=default)
    parser.add_argument("--encoder", default="mil")
    parser.add_argument("--folder", default=None)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    folder = Path(tempfile.mkdtemp(dir=asked.folder, prefix="large_bags_"))
    try:
        measure(write(folder, bags=asked.bags, tiles=asked.tiles, width=asked.width), asked)
    finally:
        shutil.rmtree(folder)


def bare(model: FusionModel, batches: list[Batch], repeats: int) -> float:
    """Seconds of an epoch over batches in memory."""
    return min(timed(lambda: train(model, batches)) for _ in range(repeats))


def measure(files: dict[str, Path], asked: argparse.Namespace) -> None:
    fitted = Bags(files, asked.width)
    patients = list(files)
    labels = pd.Series(np.arange(len(patients)) % 2, index=patients)
    make = instantiate({"_target_": "data_modules.batches.datamodule.FusionDataModule", "_partial_": True})
    data: FusionDataModule = make(
        fitted={"slides": fitted}, train_ids=patients, val_ids=patients, labels=labels, batch_size=16,
        tiles_per_patient=DRAWN, validation_tiles=DRAWN, cache_bytes=asked.cache << 20, num_workers=asked.workers,
    )  # fmt: skip
    model = network(fitted.spec, asked.encoder)
    size = asked.tiles * asked.width * 2 / 2**20
    print(f"{asked.encoder}: {len(patients)} bags of {asked.tiles} × {asked.width}, {size:.0f} MB each", flush=True)
    print(f"load of the machine: {os.getloadavg()[0]:.1f}; own memory at first {own_memory():.2f} GB", flush=True)
    base = bare(model, list(data.train_dataloader()), asked.repeats)
    loader = data.train_dataloader()
    with Peak() as peak:
        warm = min(timed(lambda: train(model, loader)) for _ in range(asked.repeats))
        forget(list(files.values()))
        cold = timed(lambda: train(model, loader))
    print(f"bare loop {base:.2f} s; warm {warm:.2f} s ({warm / base:.2f} ×), cold {cold:.2f} s ({cold / base:.2f} ×)")
    print(f"own memory in training {peak.value:.2f} GB", flush=True)
    validation = data.val_dataloader()
    with Peak() as peak:
        first = timed(lambda: validate(model, validation))
        again = min(timed(lambda: validate(model, validation)) for _ in range(asked.repeats))
    print(f"validation {first:.2f} s, again {again:.2f} s ({again / warm:.2f} × training), own {peak.value:.2f} GB")
    one = data.predict_loader(patients[:1])
    batch = next(iter(one))
    reading = timed(lambda: next(iter(one)))
    with Peak() as peak:
        used = time.process_time()
        computing = min(timed(lambda: predict_scores(model, [batch])) for _ in range(asked.repeats))
        used = (time.process_time() - used) / asked.repeats
    print(
        f"a prediction: reading {reading:.2f} s, computing {computing:.2f} s (processor {used:.2f} s); own "
        f"{peak.value:.2f} GB",
        flush=True,
    )


if __name__ == "__main__":
    main()
