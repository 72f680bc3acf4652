"""A small cohort with every kind of modality that learns, and the real configuration of a training run over it.

Tables, a wide table, copy-number segments, tile features, slides and variants, all as files; no Java. Some patients can
be *poisoned*: other values, other files, unknown levels, flipped labels. Nothing of it may reach who is not poisoned.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
from omegaconf import DictConfig, open_dict
from PIL import Image

from tests.helpers.spy import shelve

WIDE = 200
"""Columns of the wide table: whoever chooses among them by labels of test patients finds what is not there."""
GENES = [f"GENE{number}" for number in range(12)]
CHEAP = (
    "folds.outer=2",
    "folds.inner=2",
    "trainer.max_epochs=2",
    "trainer.min_epochs=1",
    "device=cpu",
    "evaluation.draws=50",
    "logger=none",
    "model.width=8",
    "model.encoders.slides.channels=[4,4,4,4,4]",
    "workers=1",
)
EXPERIMENT = """\
# @package _global_
# A small cohort.
defaults:
  - override /cohort: small
name: leaks
"""
COHORT = """\
# @package _global_
defaults:
  - /modality@modality.clinical: table
  - /modality@modality.expression: features
  - /modality@modality.segments: copy_number
  - /modality@modality.tiles: tile_features
  - /modality@modality.slides: slides
  - /model/encoder@model.encoders.clinical: linear
  - /model/encoder@model.encoders.expression: linear
  - /model/encoder@model.encoders.segments: linear
  - /model/encoder@model.encoders.tiles: mil
  - /model/encoder@model.encoders.slides: cnn

cohort:
  _target_: data_modules.cohort.source.CohortSource
  name: small
  root: ROOT
  cache: ${cache}
  build: GRCh38
  absent_is: reference
  require: []
  tables:
    clinical:
      file: clinical.tsv
      id: patient
      columns:
        age: {time: baseline, kind: number}
        subtype: {time: baseline}
        site: {time: baseline}
        outcome: {time: outcome}
  endpoint: ${endpoint}
  endpoints:
    response: {table: clinical, column: outcome, positive: [yes_], negative: [no_], classes: ['no', 'yes']}
  site: {table: clinical, column: site}

modality:
  clinical: {table: clinical, columns: [age, subtype]}
  expression: {file: expression.csv, time: baseline, screen: 8, components: 3}
  segments:
    file: segments.tsv
    genes: genes.bed
    patient_pattern: '(P\\d+)'
    keep: []
    selector: {method: rfe, features: 2}
  tiles: {files: 'tiles/*.h5', patient_pattern: '(P\\d+)'}
  slides: {files: 'slides/*.png', patient_pattern: '(P\\d+)', mpp: 1.0, stain: fold, workers: 1,
           tile: {size: 32, max_tiles: 2}, tissue: {reject: [], min_area: 100.0}}
"""


def write_cohort(root: Path, *, patients: int = 32, seed: int = 0, signal: float = 1.5, poison: Collection[str] = ()):
    """Fill `root`; `signal` is by how many standard deviations classes differ in what tells them apart."""
    for folder in ("tiles", "slides"):
        (root / folder).mkdir(parents=True)
    ids = [f"P{number:03d}" for number in range(patients)]
    rows, expression, segments, dosage = [], {}, [], {}
    for number, patient in enumerate(ids):
        other = patient in poison
        rng = np.random.default_rng([seed, number, int(other)])
        label = number % 2
        shift = signal * label
        shown = 1 - label if other else label
        age = 900.0 + number if other else 50 + 5 * shift + rng.normal(0, 5)
        subtype = "unheard" if other else ("luminal", "basal")[int(rng.random() < 0.3 + 0.1 * shift)]
        rows.append((patient, f"{age:.1f}", subtype, f"S{number // 2 % 2}", ("no_", "yes_")[shown]))
        values = rng.normal(size=WIDE) * (40 if other else 1) + (1000 if other else 0)
        values[:3] += shift
        expression[patient] = values
        copies = rng.integers(0, 9 if other else 3, size=(4, 2)) + int(label)
        segments += [(patient, "1", 1 + 100 * at, 100 + 100 * at, *pair) for at, pair in enumerate(copies.tolist())]
        dosage[patient] = np.where(rng.random(len(GENES)) < (0.9 if other else 0.25 + 0.1 * shift), 1, 0)
        if other:
            dosage[patient][:2] = -1
        else:
            dosage[patient][-2:] = 0  # genes that the poisoned alone carry
        with h5py.File(root / "tiles" / f"{patient}.h5", "w") as file:
            tiles = rng.normal(size=(9 if other else 3 + number % 3, 6)) * (30 if other else 1) + shift
            file["features"] = tiles.astype(np.float32)
            file["coords"] = np.arange(2 * len(tiles)).reshape(-1, 2) * 256
        colour = np.array([90, 160, 60] if other else [190 - 15 * shift, 110, 170])
        pixels = np.full((128, 128, 3), 243.0)
        pixels[16:112, 16:112] = colour + np.kron(rng.integers(-30, 31, (12, 12, 1)), np.ones((8, 8, 1)))
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(root / "slides" / f"{patient}.png")
    columns = ["patient", "age", "subtype", "site", "outcome"]
    pd.DataFrame(rows, columns=columns).to_csv(root / "clinical.tsv", sep="\t", index=False)
    table = pd.DataFrame.from_dict(expression, orient="index", columns=[f"g{at}" for at in range(WIDE)])
    table.rename_axis("patient_id").to_csv(root / "expression.csv")
    names = ["sample", "chr", "startpos", "endpos", "nMajor", "nMinor"]
    pd.DataFrame(segments, columns=names).to_csv(root / "segments.tsv", sep="\t", index=False)
    bed = [f"chr1\t{100 * at + 10}\t{100 * at + 60}\tGENE{at}" for at in range(4)]
    (root / "genes.bed").write_text("\n".join(bed) + "\n")
    shelve(root / "variants", dosage, GENES)


def configured(root: Path, monkeypatch: pytest.MonkeyPatch, *overrides: str, only: Collection[str] = ()) -> DictConfig:
    """The configuration that ``python -m fusion.train`` makes of these files and overrides.

    Args:
        root: where `write_cohort` wrote.
        monkeypatch: for the command line.
        overrides: as a user types them, beside `CHEAP`.
        only: modalities to keep; none named keeps all.
    """
    from fusion.config.command import run

    conf = root.with_name(f"{root.name}_conf")
    (conf / "cohort").mkdir(parents=True, exist_ok=True)
    (conf / "cohort" / "small.yaml").write_text(COHORT.replace("ROOT", str(root)))
    (conf / "experiment").mkdir(exist_ok=True)
    (conf / "experiment" / "leaks.yaml").write_text(EXPERIMENT)
    made: list[DictConfig] = []

    def keep(config: DictConfig) -> None:
        made.append(config)

    keep.__module__ = "fusion.train"
    places = (f"output={root.with_name(root.name + '_run')}", f"cache={root.with_name(root.name + '_cache')}")
    arguments = ["train", "--config-dir", str(conf), "+experiment=leaks", *CHEAP, *places, *overrides]
    monkeypatch.setattr(sys, "argv", arguments)
    run(keep, "train")
    config = made[0]
    with open_dict(config):  # what only tests have
        spy = {"_target_": "tests.helpers.spy.SpyTable", "log": str(root / "fits.jsonl")}
        config.modality.clinical.update(spy)
        config.modality.variants = {"_target_": "tests.helpers.spy.ShelvedVariants", "folder": str(root / "variants")}
        config.model.encoders.variants = config.model.encoders.clinical
        gone = [name for name in config.modality if only and name not in only]
        for one in (config.choose or {}).values():
            one.model.encoders.variants = one.model.encoders.clinical
        for name in gone:
            del config.modality[name]
            for one in (config, *(config.choose or {}).values()):
                del one.model.encoders[name]
    return config


def silent(step: str, done: int, total: int) -> None:
    pass


def fits(root: Path) -> list[dict[str, Any]]:
    """What the spy wrote down."""
    return [json.loads(line) for line in (root / "fits.jsonl").read_text().splitlines()]
