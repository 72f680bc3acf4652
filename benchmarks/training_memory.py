"""Memory of training against the size of bags: peak resident memory of ``python -m fusion.train`` on features of tiles.

    python benchmarks/training_memory.py [--patients 24]

Writes a cohort of HDF5 features (512 numbers a tile, as CLAM writes them) for each size of bag into a temporary folder,
and trains one epoch a member with one process. Training samples `datamodule.tiles_per_patient`; scoring takes all.
Three figures in one run: small bags, bags ten times as large with the same sample, and the large ones with a sample ten
times as large. Labels and features are noise.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np
from cohorts import describe_cohort

ROOT = Path(__file__).resolve().parents[1]
WIDTH = 512


def write_cohort(folder: Path, *, patients: int, tiles: int) -> list[str]:
    """Write features of noise, and return the arguments that train on them."""
    rng = np.random.default_rng(0)
    (folder / "features").mkdir(parents=True)
    side = int(tiles**0.5) + 1
    place = np.arange(tiles)
    for number in range(patients):
        with h5py.File(folder / f"features/P{number:03}.h5", "w") as file:
            file["features"] = rng.standard_normal((tiles, WIDTH), dtype=np.float32)
            file["coords"] = np.stack([place % side, place // side], axis=1) * 256
    return describe_cohort(folder, patients=patients, modality="tile_features", files="features/*.h5")


def peak(arguments: list[str], output: Path, *, sample: int) -> float:
    """Peak resident gigabytes of a run's largest process."""
    line = [sys.executable, "-m", "fusion.train", *arguments, f"output={output}", "arms=[fusion]", "workers=1"]
    line += [f"datamodule.tiles_per_patient={sample}", "folds.inner=2", "evaluation.draws=20"]
    line += ["trainer.max_epochs=1", "trainer.min_epochs=1"]
    run = subprocess.Popen(line, cwd=ROOT, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(run.pid, 0)
    if status:
        raise SystemExit("the run failed")
    return used.ru_maxrss / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=24)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        for tiles, samples in ((2_000, (200,)), (20_000, (200, 2_000))):
            folder = Path(name) / str(tiles)
            arguments = write_cohort(folder, patients=options.patients, tiles=tiles)
            for sample in samples:
                bag = tiles * WIDTH * 4 / 2**30
                used = peak(arguments, folder / f"run{sample}", sample=sample)
                print(f"bags of {tiles} tiles ({bag:.3f} GB each), {sample} sampled: {used:.2f} GB", flush=True)


if __name__ == "__main__":
    main()
