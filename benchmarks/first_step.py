"""How soon a cached cohort trains: seconds from the start of ``python -m fusion.train`` to its first training step.

    python benchmarks/first_step.py [--runs 3] [+experiment=breast_tcga key=value …]
    python benchmarks/first_step.py --large --crops ../shared/data/histology

The first line times any experiment, by default the embedded cohort. The second makes a cohort of 24 slides of
40,000 × 40,000 pixels (hard links of one, embedded once by the package's CNN: 24 bags of some 21,000 tiles). A first
run fills the cache; each of the others is a process of its own, stopped at its first step. The aim is ten seconds.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Every process of the run reads this at its start; it waits for the module of the training step to be imported.
_HOOK = """
import os, sys, time
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import PathFinder

class Hook(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != "fusion.network.task":
            return None
        spec = PathFinder.find_spec(name, path)
        load = spec.loader.exec_module
        def exec_module(module):
            load(module)
            step = module.FusionTask.training_step
            def first(self, batch, number):
                with open(os.environ["FIRST_STEP"], "a") as stream:
                    stream.write(f"{time.time()}\\n")
                return step(self, batch, number)
            module.FusionTask.training_step = first
        spec.loader.exec_module = exec_module
        return spec

sys.meta_path.insert(0, Hook())
"""
SLIDES = 24


def first_step(arguments: list[str], *, hook: Path) -> float:
    """Seconds to the first training step, at which the run is ended."""
    with tempfile.TemporaryDirectory() as folder:
        note = Path(folder) / "note"
        line = [sys.executable, "-m", "fusion.train", *arguments, f"output={folder}/run"]
        path = os.pathsep.join(filter(None, [str(hook), os.environ.get("PYTHONPATH")]))
        environment = {**os.environ, "FIRST_STEP": str(note), "PYTHONPATH": path}
        begun = time.time()
        with subprocess.Popen(
            line, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
        ) as run:
            while run.poll() is None and not note.exists():
                time.sleep(0.02)
            ended = run.poll()
            if ended is None:
                os.killpg(run.pid, signal.SIGKILL)
            elif ended and not note.exists():
                raise SystemExit(run.stderr.read().decode() if run.stderr else "the run failed")
        return min(map(float, note.read_text().split())) - begun


def large_cohort(folder: Path, crops: Path) -> list[str]:
    """Write it, and return the arguments that train on it."""
    import slide_ingest
    import torch
    from cohorts import describe_cohort
    from safetensors.torch import save_file

    from fusion.contract import ModalitySpec
    from fusion.encoders.images.cnn import TileCNN

    (folder / "slides").mkdir()
    slide_ingest.write_slide(folder / "slides/P000.tif", crops)
    for number in range(1, SLIDES):
        os.link(folder / "slides/P000.tif", folder / f"slides/P{number:03}.tif")
    torch.manual_seed(0)
    network = TileCNN(ModalitySpec(name="slides", kind="tiles", token_shape=(3, 64, 64)), width=8)
    save_file(network.state_dict(), folder / "cnn.safetensors")
    embed = f"{{encoder: cnn, weights: {folder}/cnn.safetensors}}"
    return describe_cohort(folder, patients=SLIDES, modality="slides_embedded", files="slides/*", embed=embed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--large", action="store_true", help="the cohort of large slides")
    parser.add_argument("--crops", type=Path, help="folder with monuseg_breast/*.png, for --large")
    parser.add_argument("overrides", nargs="*", default=["+experiment=breast_tcga"])
    options, more = parser.parse_known_args()
    if options.large and options.crops is None:
        parser.error("--large needs --crops")
    print(f"load of the machine before: {os.getloadavg()[0]:.1f}, cores: {len(os.sched_getaffinity(0))}", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "sitecustomize.py").write_text(_HOOK)
        arguments = large_cohort(folder, options.crops) if options.large else [*options.overrides, *more]
        print(f"with ingest: {first_step(arguments, hook=folder):.1f} s", flush=True)
        taken = [first_step(arguments, hook=folder) for _ in range(options.runs)]
        print(f"cached: {', '.join(f'{value:.1f}' for value in taken)} s; median {statistics.median(taken):.1f} s")


if __name__ == "__main__":
    main()
