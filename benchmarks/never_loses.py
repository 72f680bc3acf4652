"""Fusion that does not lose: every arm of the package on eleven generated cohorts, scored on 20,000 fresh patients.

    python benchmarks/never_loses.py                              # all cells; goes on where it was interrupted
    python benchmarks/never_loses.py --seeds 0-4 --n 600 --cells product xor
    python benchmarks/never_loses.py --fuser gated --arms fusion --n 600 --seeds 0-2 --cells product xor
    python benchmarks/never_loses.py --table                      # what was measured, against the rules below

A *cell* is a cohort (`generated_cohorts.py`) of 150 or 600 patients and a seed. Configuration is what a user gets who
names a cohort and nothing else. Results are one JSON line a cell in ``benchmarks/results/never_loses.jsonl``.

The best other arm of a cohort is the one with the highest mean over seeds 0–4, floors and fusion's own plain model left
out; fusion is compared with it on seeds 25–34, which nobody runs before the core is frozen (5–14 were seen before the
gate was last changed, 15–24 before an elastic net was averaged in, see docs/experiments.md), and with its plain model
in a column of its own. Rules: mean
difference at least −0.01 (n 600) or −0.02 (n 150) and the upper end of its 95 % interval (Student's t over seeds) not
below 0; *product* and *xor* at n 600 at least +0.03; *treatment_subtype* not below 0. *nothing* is cross-validated in
three outer folds too, and *supported* in at most 1 of 30 runs. The exit code of ``--table`` is 1 where a rule is
broken, 2 where cells lack.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from generated_cohorts import COHORTS, FRESH, generate

RESULTS = Path(__file__).parent / "results" / "never_loses.jsonl"
SIZES, CHOOSING = (600, 150), range(5)
SEEDS = (*CHOOSING, *range(25, 35))
OUTER = 3
"""Outer folds of the run whose verdict is asked for on *nothing*."""
FLOORS, PLAIN = ("prevalence", "floor"), "base"
"""How arms begin that decide nothing; and the plain model that fusion starts from, which is a part of it."""
DEFAULT = "preset"


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What one line of results is of."""

    cohort: str
    patients: int
    seed: int
    fuser: str = DEFAULT
    """``preset``: the one that the package takes by itself."""

    def run(self, arms: Sequence[str], fresh: int) -> dict[str, Any]:
        """Fit all arms, score fresh patients; seconds are of the processor."""
        from generated_fold import configuration, run_folds, run_fresh

        begun = time.process_time()
        cohort = generate(self.cohort, patients=self.patients, seed=self.seed, fresh=fresh)
        given = [] if self.fuser == DEFAULT else [f"model/fuser={self.fuser}"]
        given += [f"arms=[{','.join(arms)}]"] if arms else []
        config = configuration(cohort, *given)
        line = {**asdict(self), "fresh": fresh, "auroc": run_fresh(cohort, config)}
        if self.cohort == "nothing" and self.fuser == DEFAULT:
            line["verdict"] = run_folds(cohort, config, OUTER)
        return {**line, "seconds": round(time.process_time() - begun, 1)}


def read(path: Path) -> list[dict[str, Any]]:
    """Results so far; a line that an interruption cut short is left out."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    found = []
    for line in lines:
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            print(f"{path}: a line was cut short and is measured again", file=sys.stderr)
    return found


def missing(cells: Sequence[Cell], results: Sequence[dict[str, Any]]) -> list[Cell]:
    """Cells without a result."""
    done = {(one["cohort"], one["patients"], one["seed"], one["fuser"]) for one in results}
    return [cell for cell in cells if (cell.cohort, cell.patients, cell.seed, cell.fuser) not in done]


def measure(cells: Sequence[Cell], path: Path, *, arms: Sequence[str], fresh: int, workers: int) -> None:
    """Run cells side by side and keep each as soon as it is done."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True, check=False
    ).stdout.strip()
    path.parent.mkdir(parents=True, exist_ok=True)
    begun, done = time.monotonic(), 0
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_alone) as pool:
        waiting = iter(cells)
        running: dict[Future[dict[str, Any]], Cell] = {}
        while True:
            for cell in _next(waiting, workers - len(running)):
                running[pool.submit(cell.run, arms, fresh)] = cell
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                cell, line = running.pop(future), {**future.result(), "commit": commit}
                with path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(line) + "\n")
                done += 1
                left = (time.monotonic() - begun) / done * (len(cells) - done)
                print(f"[{done}/{len(cells)}, {left / 60:.0f} min left] {told(cell, line)}", flush=True)


def told(cell: Cell, line: dict[str, Any]) -> str:
    """A cell in one line."""
    best = sorted(line["auroc"].items(), key=lambda one: -one[1])[:3]
    scores = ", ".join(f"{arm} {value:.3f}" for arm, value in best)
    verdict = f", {line['verdict']}" if "verdict" in line else ""
    fusion = line["auroc"].get("fusion", float("nan"))
    return (
        f"{cell.cohort} n {cell.patients} seed {cell.seed}: fusion {fusion:.3f}; {scores}{verdict}; {line['seconds']} s"
    )


@dataclass(frozen=True, kw_only=True)
class Row:
    """A cohort and size against its rule."""

    cohort: str
    patients: int
    fusion: float
    best: str
    other: float
    gain: float
    low: float
    high: float
    seeds: int
    added: float
    least: float
    supported: int | None = None

    @property
    def passes(self) -> bool:
        """Whether the rule of the cohort holds."""
        if self.supported is not None:
            return self.supported <= 1
        return self.gain >= self.least and (self.high >= 0 or self.least > 0)


def summarise(results: Sequence[dict[str, Any]], fuser: str, choosing: Sequence[int]) -> list[Row]:
    """Rows of what is measured; the best other arm is chosen on `choosing` and compared on the other seeds."""
    from scipy.stats import t

    rows = []
    supported = sum(one.get("verdict") == "supported" for one in results if one["fuser"] == fuser)
    for cohort in COHORTS:
        for patients in SIZES:
            of = [one for one in results if (one["cohort"], one["patients"], one["fuser"]) == (cohort, patients, fuser)]
            first = [one["auroc"] for one in of if one["seed"] in choosing]
            rest = [one["auroc"] for one in of if one["seed"] not in choosing]
            added = [one["fusion"] - one[PLAIN] for one in rest if PLAIN in one]
            if not first or len(rest) < 2:
                continue
            others = [arm for arm in first[0] if arm not in ("fusion", PLAIN) and not arm.startswith(FLOORS)]
            best = max(others, key=lambda arm: float(np.mean([one[arm] for one in first])))
            gains = np.array([one["fusion"] - one[best] for one in rest])
            half = float(t.ppf(0.975, len(gains) - 1) * gains.std(ddof=1) / np.sqrt(len(gains)))
            rows.append(
                Row(
                    cohort=cohort,
                    patients=patients,
                    best=best,
                    seeds=len(rest),
                    added=float(np.mean(added)) if added else float("nan"),
                    fusion=float(np.mean([one["fusion"] for one in rest])),
                    other=float(np.mean([one[best] for one in rest])),
                    gain=float(gains.mean()),
                    low=float(gains.mean()) - half,
                    high=float(gains.mean()) + half,
                    least=_least(cohort, patients),
                    supported=supported if cohort == "nothing" else None,
                )
            )
    return rows


def _least(cohort: str, patients: int) -> float:
    """The mean difference that a cohort's rule asks for."""
    if cohort in ("product", "xor") and patients == max(SIZES):
        return 0.03
    if cohort == "treatment_subtype":
        return 0.0
    return -0.01 if patients == max(SIZES) else -0.02


def table(rows: Sequence[Row]) -> str:
    """Rows as Markdown."""
    lines = [
        "| cohort | n | fusion | over plain | best other arm | its AUROC | difference (95 %) | seeds | rule |",
        "|" + "---|" * 9,
    ]
    for row in rows:
        rule = f"≥ {row.least:+.2f}" if row.supported is None else f"{row.supported} supported"
        lines.append(
            f"| {row.cohort} | {row.patients} | {row.fusion:.3f} | {row.added:+.3f} | {row.best} | {row.other:.3f} "
            f"| {row.gain:+.3f} ({row.low:+.3f} to {row.high:+.3f}) | {row.seeds} "
            f"| {rule}: {'holds' if row.passes else 'BROKEN'} |"
        )
    return "\n".join(lines)


def _next(cells: Iterator[Cell], most: int) -> Iterator[Cell]:
    for _, cell in zip(range(most), cells, strict=False):
        yield cell


def _alone() -> None:
    """A worker uses one core."""
    import warnings

    import torch

    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")


def _numbers(text: str) -> list[int]:
    """``0-4,7`` → 0, 1, 2, 3, 4, 7."""
    parts = [part.split("-") for part in text.split(",")]
    return [number for part in parts for number in range(int(part[0]), int(part[-1]) + 1)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", nargs="+", choices=list(COHORTS), default=list(COHORTS), metavar="COHORT")
    parser.add_argument("--n", nargs="+", type=int, default=list(SIZES))
    parser.add_argument("--seeds", type=_numbers, default=list(SEEDS), help="e.g. 0-4,7")
    parser.add_argument("--choosing", type=_numbers, default=list(CHOOSING), help="seeds that choose the other arm")
    parser.add_argument("--fuser", default=DEFAULT, help="of conf/model/fuser; preset: what the package takes")
    parser.add_argument("--arms", nargs="+", default=[], help="as in conf/train.yaml; none named: the package's own")
    parser.add_argument("--fresh", type=int, default=FRESH)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--table", action="store_true", help="run nothing")
    given = parser.parse_args()
    cells = [
        Cell(cohort=cohort, patients=patients, seed=seed, fuser=given.fuser)
        for seed in given.seeds
        for patients in given.n
        for cohort in given.cells
    ]
    todo = missing(cells, read(given.out))
    if not given.table:
        print(f"{len(cells) - len(todo)} of {len(cells)} cells are in {given.out}", flush=True)
        # Here, for workers inherit it: threads of numerical libraries would only fight for the cores.
        os.environ["OMP_NUM_THREADS"] = "1"
        measure(todo, given.out, arms=given.arms, fresh=given.fresh, workers=given.workers)
        todo = []
    rows = summarise(read(given.out), given.fuser, given.choosing)
    print(table(rows))
    seconds = sum(one["seconds"] for one in read(given.out))
    print(f"{seconds / 3600:.1f} processor hours in all; {len(todo)} of {len(cells)} cells lack")
    return 2 if todo else int(not all(row.passes for row in rows))


if __name__ == "__main__":
    sys.exit(main())
