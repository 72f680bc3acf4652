"""Calibration of what is scored, before and after it was the ensemble that was calibrated; resumable.

Run: ``python benchmarks/calibration.py <folder> [--cohort tables|embedded] [--seeds 10] [key=value …]``. Trains the
fused arm at each seed by the real command (a finished run in the folder is not trained again), then scores every
patient out of fold from the stored models twice: *before*, as until 2c33775, the mean of members' scores, each
calibrated for a single member; *after*, the calibrated mean of their logits. Prints slope and calibration in the large.

``tables``: five generated tables as of TransNEO (7, 1, 8, 11 and 6 columns), 240 patients, another cohort a seed, with
1,000 new patients of the same distribution beside it, scored by the mean over folds as `predict` does. ``embedded``:
the package's simulated cohort; the seed is of folds and training, and, by ``cohort.seed``, of the cohort too. Further
arguments go to the training command. An embedded run takes some three minutes on two idle cores, tables 15 s.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from fusion.apply.arms import FoldArms
from fusion.apply.reading import FoldReading
from fusion.evaluation.metrics import auroc, calibration_in_the_large, calibration_line
from fusion.run.folder import RunFolder

Floats = NDArray[np.float64]

SIZES = {"clinical": 7, "digpath": 1, "dna": 8, "rna": 11, "treatment": 6}
PATIENTS, NEW, STRENGTH = 240, 1_000, 2.6


def write_tables(folder: Path, *, seed: int) -> list[str]:
    """train.csv, new.csv and the cohort's configuration; the arguments that train on it."""
    rng = np.random.default_rng(1_000 + seed)
    rows = PATIENTS + NEW
    common, parts, effect = rng.normal(size=(rows, 1)), {}, np.zeros(rows)
    for name, size in SIZES.items():
        values = rng.normal(size=(rows, size)) + 0.5 * common
        parts |= {f"{name}_{column}": values[:, column] for column in range(size)}
        effect += values @ (rng.normal(size=size) * (rng.random(size) < 0.4) / np.sqrt(size))
    effect += 0.8 * parts["clinical_0"] * parts["rna_1"]
    effect = STRENGTH * (effect - effect.mean()) / effect.std() - 0.9
    table = pd.DataFrame(parts, index=pd.Index([f"P{row:04}" for row in range(rows)], name="patient")).round(5)
    table["response"] = (rng.random(rows) < expit(effect)).astype(int)
    (folder / "conf/cohort").mkdir(parents=True, exist_ok=True)
    table.iloc[:PATIENTS].to_csv(folder / "train.csv")
    table.iloc[PATIENTS:].to_csv(folder / "new.csv")
    names = {name: [column for column in parts if column.startswith(f"{name}_")] for name in SIZES}
    lines = ["# @package _global_", "defaults:"]
    lines += [f"  - /modality@modality.{name}: table" for name in SIZES]
    lines += [
        "cohort:",
        "  _target_: data_modules.cohort.source.CohortSource",
        "  name: generated",
        f"  root: {folder}",
    ]
    lines += ["  tables:", "    features:", "      file: train.csv", "      id: patient", "      columns:"]
    lines += ["        response: {time: outcome}"]
    lines += [f"        {column}: {{time: baseline, kind: number}}" for column in parts]
    lines += ["  endpoints:", "    response: {table: features, column: response, positive: [1], negative: [0]}"]
    lines += ["modality:", *(f"  {name}: {{table: features, columns: {columns}}}" for name, columns in names.items())]
    (folder / "conf/cohort/generated.yaml").write_text("\n".join([*lines, ""]))
    return ["--config-dir", str(folder / "conf"), "cohort=generated"]


def train(run: Path, arguments: list[str], *, seed: int) -> float:
    """Seconds that it took; 0 where it was finished."""
    record = json.loads((run / "run.json").read_text()) if (run / "run.json").exists() else {}
    if record.get("status") == "complete":
        return 0.0
    resume = ["resume=true"] if record else []
    command = [sys.executable, "-m", "fusion.train", *arguments, f"seed={seed}", f"output={run}"]
    begin = time.perf_counter()
    common = ["arms=[fusion]", "logger=none", "evaluation.draws=100", *resume]
    subprocess.run([*command, *common], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def scores(folder: RunFolder, *, table: str | None) -> tuple[Floats, dict[str, Floats]]:
    """Labels and scores: out of fold, or with `table` of that file's patients by the mean over folds."""
    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    from fusion.protocol.setup import open_setup

    config: Any = OmegaConf.create(folder.config())
    if table is not None:
        config.cohort.tables.features.file = table
    setup = open_setup(config, _silent).prepare(_silent)
    labels = setup.cohort.labels
    found: dict[str, list[pd.Series[float]]] = {"before": [], "after": []}
    for fold in folder.folds()["folds"]:
        reading = FoldReading(
            folder.models(f"repeat{fold['repeat']}_fold{fold['index']}"),
            config=config,
            endpoint=folder.cohort_spec().endpoint,
            modalities=setup.modalities,
            patients=fold["test"] if table is None else list(labels.index),
            make_data=instantiate(config.datamodule),
        )
        arms = FoldArms(reading)
        members, logits = arms.network("fusion")
        single = members[0].single or members[0].calibrator
        patients = fold["test"] if table is None else list(labels.index)
        found["before"].append(pd.Series(np.mean([single(part) for part in logits], axis=0), index=patients))
        found["after"].append(pd.Series(arms.score("fusion"), index=patients))
    joined = {name: pd.concat(parts).groupby(level=0).mean() for name, parts in found.items()}
    order = joined["after"].index
    return labels.loc[order].to_numpy(np.float64), {name: part.loc[order].to_numpy() for name, part in joined.items()}


def _silent(step: str, done: int, total: int) -> None:
    pass


def describe(labels: Floats, found: dict[str, Floats]) -> list[float]:
    """Slope and intercept before and after, and the area under the ROC curve after."""
    once = np.ones((1, len(labels)))
    values = []
    for name in ("before", "after"):
        values.append(float(calibration_line(labels, found[name], once)[0, 0]))
        values.append(float(calibration_in_the_large(labels, found[name], once)[0]))
    return [*values, float(auroc(labels, found["after"], once)[0])]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cohort", choices=("tables", "embedded"), default="tables")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("overrides", nargs="*")
    asked = parser.parse_intermixed_args()
    rows: dict[str, list[list[float]]] = {"out of fold": [], "new patients": []}
    for seed in range(1, asked.seeds + 1):
        place = (asked.folder / f"{asked.cohort}{seed}").resolve()
        place.mkdir(parents=True, exist_ok=True)
        if asked.cohort == "tables":
            arguments = write_tables(place, seed=seed)
        else:
            arguments = ["+experiment=breast_tcga", f"cohort.seed={seed}", f"cohort.root={place / 'data'}"]
        seconds = train(place / "run", [*arguments, f"cache={place / 'cache'}", *asked.overrides], seed=seed)
        run = RunFolder.open(place / "run")
        for name, table in (("out of fold", None), ("new patients", "new.csv")):
            if table is None or asked.cohort == "tables":
                rows[name].append(describe(*scores(run, table=table)))
                before, low, after, high, area = rows[name][-1]
                print(
                    f"seed {seed:2} {name:12} slope {before:5.2f} → {after:5.2f}   in the large {low:+.3f} → "
                    f"{high:+.3f}   AUROC {area:.3f}   {seconds:.0f} s",
                    flush=True,
                )
    for name, found in rows.items():
        if found:
            mean, spread = np.mean(found, axis=0), np.std(found, axis=0, ddof=min(1, len(found) - 1))
            print(
                f"mean of {len(found)}, {name}: slope {mean[0]:.2f} (±{spread[0]:.2f}) → {mean[2]:.2f} "
                f"(±{spread[2]:.2f}), in the large {mean[1]:+.3f} → {mean[3]:+.3f}, AUROC {mean[4]:.3f}"
            )


if __name__ == "__main__":
    main()
