"""How soon help and configuration errors answer: a whole process, over that of ``python -c "import hydra"``.

    python benchmarks/start_up.py

The aim is one second, or three times Hydra's own import. Runs alternate, because a shared machine drifts; medians.
That nothing heavy is imported on these ways is a test (tests/fusion/test_config.py).
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

RUNS = 7
COMMANDS = {
    "train --help": ("-m", "fusion.train", "--help"),
    "train, unknown experiment": ("-m", "fusion.train", "+experiment=typo"),
    "train, unknown key": ("-m", "fusion.train", "+experiment=breast_tcga", "folds.outr=1"),
    "predict --help": ("-m", "fusion.predict", "--help"),
    "explain --help": ("-m", "fusion.explain", "--help"),
}


def seconds(*arguments: str) -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, *arguments], capture_output=True, check=False)
    return time.perf_counter() - begun


def main() -> None:
    taken: dict[str, list[float]] = {name: [] for name in ("import hydra", *COMMANDS)}
    for _ in range(RUNS):
        taken["import hydra"].append(seconds("-c", "import hydra"))
        for name, arguments in COMMANDS.items():
            taken[name].append(seconds(*arguments))
    base = statistics.median(taken["import hydra"])
    for name, values in taken.items():
        middle = statistics.median(values)
        print(f"{name:28s} {middle:5.2f} s  {middle / base:4.2f} × import hydra")


if __name__ == "__main__":
    main()
