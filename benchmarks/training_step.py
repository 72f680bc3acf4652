"""Lightning's share of a training step: the same model, batches and optimiser with and without it.

    python benchmarks/training_step.py

Prints the time of an epoch by `fusion.network.fitting.fit_network` over that of a bare PyTorch loop. Runs are paired
and alternate, because a shared machine drifts; the median of the paired ratios is what counts. One thread.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from typing import Any

import pytorch_lightning as pl
import torch

from fusion.contract import Batch, EndpointSpec, FeatureSpec, ModalityBatch, ModalitySpec
from fusion.network.fitting import fit_network
from fusion.network.model import FusionModel, build_model

PATIENTS, BATCH, TILES, SIZE, GENES = 128, 16, 10, 32, 8
EPOCHS = 4
PAIRS = 7

SPECS = {
    "slides": ModalitySpec(name="slides", kind="tiles", token_shape=(3, SIZE, SIZE)),
    "variants": ModalitySpec(
        name="variants",
        kind="variants",
        features=tuple(FeatureSpec(name=f"g{i}", kind="burden", label=f"g{i}", gene=f"g{i}") for i in range(GENES)),
    ),
}
MODEL = {
    "width": 32,
    "modality_dropout": 0.1,
    "auxiliary": 0.1,
    "encoders": {
        "slides": {"_target_": "fusion.encoders.images.cnn.TileCNN"},
        "variants": {"_target_": "fusion.encoders.variants.features.VariantEncoder"},
    },
    "fuser": {"_target_": "fusion.fusers.cross_attention.CrossAttentionFuser"},
    "head": {"_target_": "fusion.heads.response.BinaryResponse"},
}
TRAINER = {
    "max_epochs": EPOCHS,
    "min_epochs": EPOCHS,
    "patience": EPOCHS,
    "smoothing": 0.5,
    "optimiser": "adamw",
    "learning_rate": 2e-3,
    "encoder_learning_rate": None,
    "weight_decay": 0.01,
    "schedule": "constant",
    "warmup": 0.0,
    "gradient_clip": 1.0,
    "auxiliary": 0.1,
    "accelerator": "cpu",
}


class Loader:
    """Batches made beforehand, so that both loops train on the same and nothing else is timed."""

    def __init__(self, patients: int) -> None:
        generator = torch.Generator().manual_seed(0)
        self.batches = []
        for _ in range(patients // BATCH):
            shape = (BATCH, TILES, 3, SIZE, SIZE)
            tiles = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
            parts = {
                "slides": ModalityBatch(values=tiles, mask=torch.ones(BATCH, TILES, dtype=torch.bool)),
                "variants": ModalityBatch(
                    values=torch.randn(BATCH, GENES, generator=generator),
                    mask=torch.ones(BATCH, GENES, dtype=torch.bool),
                ),
            }
            self.batches.append(Batch(modalities=parts, label=torch.arange(BATCH) % 2, index=torch.arange(BATCH)))

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Batch]:
        return iter(self.batches)


class Data(pl.LightningDataModule):
    """Both loaders, as Lightning wants them."""

    def __init__(self, train: Loader, val: Loader) -> None:
        super().__init__()
        self.train, self.val = train, val

    def train_dataloader(self) -> Loader:
        return self.train

    def val_dataloader(self) -> Loader:
        return self.val


def new_model() -> FusionModel:
    endpoint = EndpointSpec(name="response", kind="binary", classes=("no", "yes"))
    return build_model(MODEL, SPECS, endpoint, seed=0)


def bare_step(model: FusionModel, batch: Batch, optimiser: torch.optim.Optimizer) -> None:
    output = model(batch)
    loss = model.head.loss(output.logit, batch.label)
    own = [model.head.loss(logit, batch.label) for logit in output.auxiliary.values()]
    loss = loss + 0.1 * torch.stack(own).mean()
    optimiser.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimiser.step()


def bare(train: Loader, val: Loader) -> None:
    """What `fit_network` does, written out: train, validate, keep the best weights."""
    torch.use_deterministic_algorithms(True)
    model = new_model()
    optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)
    best = float("inf")
    for _ in range(EPOCHS):
        model.train()
        for batch in train:
            bare_step(model, batch, optimiser)
        model.eval()
        with torch.inference_mode():
            outputs: list[Any] = [(model(batch).logit, batch.label) for batch in val]
        loss = float(model.head.loss(torch.cat([o for o, _ in outputs]), torch.cat([label for _, label in outputs])))
        if loss < best:
            best = loss
            _kept = {name: value.clone() for name, value in model.state_dict().items()}
    torch.use_deterministic_algorithms(False)


def ours(train: Loader, val: Loader) -> None:
    fit_network(new_model(), Data(train, val), TRAINER, seed=0)


def seconds(run: Any, *args: Any) -> float:
    # Processor time: other processes on the machine do not count.
    start = time.process_time()
    run(*args)
    return time.process_time() - start


def main() -> None:
    torch.set_num_threads(1)
    train, val = Loader(PATIENTS), Loader(PATIENTS // 2)
    bare(train, val)
    ours(train, val)
    steps = EPOCHS * len(train)
    ratios = []
    for _ in range(PAIRS):
        plain, lightning = seconds(bare, train, val), seconds(ours, train, val)
        ratios.append(lightning / plain)
        print(f"bare {1000 * plain / steps:.1f} ms a step, fit_network {1000 * lightning / steps:.1f} ms")
    print(f"ratio: median {statistics.median(ratios):.3f} of {PAIRS} pairs ({min(ratios):.3f}–{max(ratios):.3f})")


if __name__ == "__main__":
    main()
