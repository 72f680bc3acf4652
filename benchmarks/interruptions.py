"""kill -9 at random moments of train, ingest, explain and predict: nothing lost, nothing half made counts, equal bytes.

    python benchmarks/interruptions.py --folder /tmp/interruptions [--kills 4] [--commands train,predict] [--seed 1]

Each command runs undisturbed: its result is the reference, its time the span in which moments are drawn, one in each
of as many equal parts as there are kills. Then, for every kill, it starts in an empty place, its first process is
killed at the moment, and the same command is given again.

- After the kill no process stays, and no file under its final name differs from the reference.
- What was finished by then (slides, a variant store, folds) is not made again: its files are not written anew.
- At the end every file is what the reference has, byte for byte, but for times, hosts and paths; nothing else stays.

A small cohort: 12 patients for ingest; 40, with their clinical table alone, for the others. Five commands, four kills
each: about 15 minutes on two busy cores.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

SIMULATED = "+experiment=breast_tcga"
INGESTED = (SIMULATED, "cohort.patients=12", "folds.outer=2", "folds.inner=2")
TRAINED = (
    SIMULATED, "cohort.patients=40", "~modality.slides", "~modality.variants", "folds.outer=4", "folds.inner=2",
    "trainer.max_epochs=2", "trainer.min_epochs=1", "evaluation.draws=50", "arms=[fusion,classical_lr]", "workers=1",
    "logger=none",
)  # fmt: skip
TIMED = ("run.json", "result.json", "report.html", "config.yaml", "explain.json", "metrics.csv", "hparams.yaml")
"""Files that tell when and where they were made; of these only that they can be read is compared."""
SKIPPED = (".lock", ".log", ".err", ".skops", ".html", ".svg", ".png")
"""skops writes times and addresses; pages tell durations. The scores that estimators gave are compared."""

FINISHED = ("holds predictions already", "holds finished explanations")
"""What explain and predict say where the kill came between their last file and their end."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command under test.

    Attributes:
        arguments: given a place of its own → the command line after ``python -m``.
        results: below that place, what it leaves.
        finished: of a part of the results that is not made again once it is there, the file that says so.
    """

    arguments: Callable[[Path], Sequence[str]]
    results: str
    finished: str | None = None


def commands(folder: Path) -> dict[str, Command]:
    """By name; all read the cohort and the reference run in `folder`."""
    data = f"cohort.root={folder / 'data'}"
    small = f"cohort.root={folder / 'small'}"
    cache = f"cache={folder / 'cache'}"
    run = folder / "train" / "reference" / "run"
    return {
        "slides": Command(
            arguments=lambda place: ("data_modules.ingest.slides", *INGESTED, small, f"cache={place / 'cache'}"),
            results="cache/slides",
            finished="*/slide.json",
        ),
        "variants": Command(
            arguments=lambda place: ("data_modules.ingest.variants", *INGESTED, small, f"cache={place / 'cache'}"),
            results="cache/variants",
            finished="*/*/variants.parquet",
        ),
        "train": Command(
            arguments=lambda place: ("fusion.train", *TRAINED, data, cache, "resume=true", f"output={place / 'run'}"),
            results="run",
            finished="models/*/result.json",
        ),
        "explain": Command(
            arguments=lambda place: (
                "fusion.explain", f"run={run}", "steps=4", "evaluation.draws=50", "workers=1",
                f"output={place / 'explanations'}",
            ),
            results="explanations",
        ),
        "predict": Command(
            arguments=lambda place: (
                "fusion.predict", f"run={run}", "cohort=tcga_brca_simulated", "cohort.patients=40", data, cache,
                "evaluation.draws=50", f"output={place / 'predictions'}",
            ),
            results="predictions",
        ),
    }  # fmt: skip


def start(command: Command, place: Path) -> subprocess.Popen[bytes]:
    place.mkdir(parents=True, exist_ok=True)
    with (place / "said.log").open("ab") as said:
        return subprocess.Popen(
            [sys.executable, "-m", *command.arguments(place)],
            cwd=place,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )


def contents(root: Path) -> dict[str, bytes]:
    """Files that count → their content; what tells times is only read."""
    found = {}
    for path in sorted(root.rglob("*")):
        if (
            path.is_file()
            and path.suffix not in SKIPPED
            and not any(part.startswith(".") for part in path.relative_to(root).parts)
        ):
            content = path.read_bytes()
            if path.suffix == ".json":
                json.loads(content)
            found[path.relative_to(root).as_posix()] = b"" if path.name in TIMED else content
    return found


def half_made(root: Path, reference: dict[str, bytes]) -> list[str]:
    """Files that stand under their final names with another content than at the end of the undisturbed command."""
    return [
        name
        for name, content in (contents(root) if root.is_dir() else {}).items()
        if name in reference and content != reference[name]
    ]


def children_gone(session: int, *, within: float = 10.0) -> bool:
    """Whether all that the killed process had started ends by itself."""
    until = time.monotonic() + within
    while time.monotonic() < until:
        if not any(_session(item.name) == session for item in Path("/proc").iterdir() if item.name.isdigit()):
            return True
        time.sleep(0.1)
    return False


def _session(pid: str) -> int | None:
    try:
        state, _, _, session = Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[:4]
    except (OSError, ValueError):
        return None
    return None if state == "Z" else int(session)


def finished(command: Command, root: Path) -> dict[str, int]:
    """Files of the parts that are finished → when each was written, in nanoseconds."""
    parts = [path.parent for path in root.glob(command.finished)] if command.finished else []
    files = [path for part in parts for path in part.rglob("*") if path.is_file() and path.suffix != ".lock"]
    return {path.relative_to(root).as_posix(): path.stat().st_mtime_ns for path in files}


def left_behind(root: Path) -> list[str]:
    """Hidden files and folders but for locks: what is partial has a name that begins with a point."""
    return [path.relative_to(root).as_posix() for path in sorted(root.rglob(".*")) if not path.name.endswith(".lock")]


def interrupted(command: Command, place: Path, reference: dict[str, bytes], moment: float) -> tuple[list[str], str]:
    """Kill the command `moment` seconds after its start and give it again; what was wrong, and what was there."""
    root = place / command.results
    process = start(command, place)
    try:
        process.wait(timeout=moment)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
    process.wait()
    if process.returncode == 0:
        return [], "ended before"
    problems = [] if children_gone(process.pid) else ["processes stay"]
    problems += [f"half made: {name}" for name in half_made(root, reference)]
    kept, there = finished(command, root), len(contents(root)) if root.is_dir() else 0
    code, said = start(command, place).wait(), (place / "said.log").read_text()[-400:]
    if code != 0 and not any(words in said for words in FINISHED):
        problems.append(f"ended with {code}: {said}")
    problems += [f"made again: {name}" for name, when in kept.items() if finished(command, root).get(name) != when]
    found = contents(root)
    differing = [name for name in sorted(found.keys() | reference.keys()) if found.get(name) != reference.get(name)]
    problems += [f"differs: {name}" for name in differing]
    problems += [f"left behind: {name}" for name in left_behind(root)]
    return problems, f"{there} files there, {len(kept)} of finished parts"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="for cohort, reference and trials")
    parser.add_argument("--kills", type=int, default=4, help="of each command")
    parser.add_argument("--commands", default="slides,variants,train,explain,predict")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    folder, draw = given.folder.resolve(), random.Random(given.seed)
    every = commands(folder)
    wanted = given.commands.split(",")
    failed = 0
    run = folder / "train" / "reference" / "run"
    trained: dict[str, bytes] = {}
    for name, command in every.items():
        place = folder / name / "reference"
        if name not in wanted and not (name == "train" and {"explain", "predict"} & set(wanted)):
            continue
        if not (place / "seconds").exists():
            for _ in range(2):  # the first writes the cohort and, for train, ingests; the trials find that there
                shutil.rmtree(place, ignore_errors=True)
                began = time.monotonic()
                if start(command, place).wait() != 0:
                    sys.stderr.write(f"{name}: the reference failed, see {place / 'said.log'}\n")
                    return 1
            (place / "seconds").write_text(str(time.monotonic() - began))
        trained = trained or (contents(run) if name in ("explain", "predict") else {})
        span, reference = float((place / "seconds").read_text()), contents(place / command.results)
        for number in range(given.kills if name in wanted else 0):
            trial = folder / name / f"kill{number}"
            shutil.rmtree(trial, ignore_errors=True)
            moment = (number + draw.random()) * span / given.kills
            problems, there = interrupted(command, trial, reference, moment)
            failed += bool(problems)
            told = "; ".join(problems[:4]) or f"equal, {len(reference)} files"
            sys.stdout.write(f"{name:<9} killed at {moment:6.1f} of {span:.1f} s, {there}: {told}\n")
            sys.stdout.flush()
            if not problems:
                shutil.rmtree(trial)
    if trained and contents(run) != trained:
        sys.stdout.write("explain or predict changed the run folder that they read\n")
        failed += 1
    sys.stdout.write(f"{failed} failed\n")
    return int(failed > 0)


if __name__ == "__main__":
    raise SystemExit(main())
