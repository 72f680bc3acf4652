"""How many tiles training must draw where few of them tell: AUROC on new patients by `datamodule.tiles_per_patient`.

Run: ``python benchmarks/tiles_drawn.py [seeds]``. Bags of 1,500 embeddings of 16 numbers; of those who respond, 2 % of
the tiles are shifted in one number. Attention pooling (`mil`) is trained on 120 patients, stopped by 60, tried on 400.
24 is what the general preset drew until 2c33775, auto (here 512) what it draws.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from omegaconf import OmegaConf
from sklearn.metrics import roc_auc_score

from data_modules.batches.datamodule import FusionDataModule
from fusion.contract import EndpointSpec, Item, ModalitySpec
from fusion.network.fitting import fit_network, predict_scores
from fusion.network.model import build_model

CONF = Path(__file__).parents[1] / "conf"
TILES, WIDTH, SHARE, SHIFT = 1_500, 16, 0.02, 3.0
TRAIN, VAL, TEST = 120, 60, 400


class Bags:
    """A fitted modality of embeddings."""

    def __init__(self, labels: pd.Series[int], rng: np.random.Generator) -> None:
        self.spec = ModalitySpec(name="slides", kind="embeddings", token_shape=(WIDTH,))
        self.selection = None
        self._bags = {}
        for patient, label in labels.items():
            bag = rng.normal(size=(TILES, WIDTH)).astype(np.float32)
            bag[: int(SHARE * TILES), 0] += SHIFT * label
            self._bags[patient] = rng.permutation(bag)

    def load(self, patient_id: str) -> Item:
        return Item(values=self._bags[patient_id], mask=np.ones(TILES, dtype=np.bool_))


def tried(tiles: Any, *, seed: int) -> tuple[float, float, float]:
    """AUROC on new patients, the share of tiles an epoch sees, and seconds of training."""
    rng = np.random.default_rng(seed)
    ids = [f"P{row:03}" for row in range(TRAIN + VAL + TEST)]
    labels = pd.Series(rng.integers(0, 2, len(ids)), index=ids)
    bags: Any = Bags(labels, rng)
    part: Any = OmegaConf.load(CONF / "model/encoder/mil.yaml")
    node = {
        "width": 32,
        "modality_dropout": 0.0,
        "auxiliary": 0.0,
        "encoders": {"slides": part},
        "fuser": OmegaConf.load(CONF / "model/fuser/cross_attention.yaml"),
        "head": OmegaConf.load(CONF / "model/head/response.yaml"),
    }
    trainer: Any = OmegaConf.to_container(OmegaConf.load(CONF / "trainer/default.yaml"))
    trainer |= {"auxiliary": 0.0, "device": "cpu", "precision": 32}
    endpoint = EndpointSpec(name="response", kind="binary", classes=("no", "yes"))
    model = build_model(OmegaConf.create(node), {"slides": bags.spec}, endpoint, seed=seed)
    data = FusionDataModule(
        fitted={"slides": bags},
        train_ids=ids[:TRAIN],
        val_ids=ids[TRAIN : TRAIN + VAL],
        labels=labels,
        tiles_per_patient=tiles,
        seed=seed,
    )
    begin = time.perf_counter()
    fit_network(model, data, trainer, seed=seed)
    seconds = time.perf_counter() - begin
    test = ids[TRAIN + VAL :]
    area = float(roc_auc_score(labels.loc[test], predict_scores(model, data.predict_loader(test))))
    return area, float(data.sampling()["slides"]["share"]), seconds


def main() -> None:
    torch.set_num_threads(1)
    for tiles in (24, "auto"):
        found = [tried(tiles, seed=seed) for seed in range(int(sys.argv[1]) if len(sys.argv) > 1 else 5)]
        areas = ", ".join(f"{area:.3f}" for area, _, _ in found)
        share, seconds = found[0][1], float(np.mean([one[2] for one in found]))
        print(f"tiles_per_patient={tiles}: share seen {share:.3f}, AUROC {areas}, {seconds:.0f} s each", flush=True)


if __name__ == "__main__":
    main()
