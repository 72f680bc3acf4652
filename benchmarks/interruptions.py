"""kill -9 at random moments of train, ingest, explain and predict: nothing lost, nothing half made counts, equal bytes.

    python benchmarks/interruptions.py --kills 5 --folder /tmp/interruptions [--commands train,predict] [--seed 1]

Each command runs once undisturbed: its result is the reference, its time the span in which moments are drawn. Then, for
every kill, it starts in an empty place, its first process is killed at the moment, and the same command is given until
it ends by itself. After the kill no file that counts may be half written; at the end every file must be what the
reference has, byte for byte, but for times, hosts and paths.
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

SMALL = ("cohort.patients=40", "folds.outer=2", "folds.inner=2", "trainer.max_epochs=2", "trainer.min_epochs=1")
COHORT = ("+experiment=breast_tcga", *SMALL)
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
        before: what the place holds when it starts.
    """

    arguments: Callable[[Path], Sequence[str]]
    results: str
    before: Callable[[Path], object] = lambda place: None


def commands(folder: Path) -> dict[str, Command]:
    """By name; all read the cohort and the reference run in `folder`."""
    data, cache, run = (
        f"cohort.root={folder / 'data'}",
        f"cache={folder / 'cache'}",
        folder / "train" / "reference" / "run",
    )
    return {
        "slides": Command(
            arguments=lambda place: ("data_modules.ingest.slides", *COHORT, data, f"cache={place / 'cache'}"),
            results="cache/slides",
        ),
        "variants": Command(
            arguments=lambda place: ("data_modules.ingest.variants", *COHORT, data, f"cache={place / 'cache'}"),
            results="cache/variants",
        ),
        "train": Command(
            arguments=lambda place: (
                "fusion.train", *COHORT, data, cache, "evaluation.draws=50", "resume=true", f"output={place / 'run'}",
            ),
            results="run",
        ),
        "explain": Command(
            arguments=lambda place: (
                "fusion.explain", f"run={run}", "steps=4", "tiles=1", "evaluation.draws=50", "workers=2",
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


def interrupted(command: Command, place: Path, reference: dict[str, bytes], moment: float) -> tuple[str, int]:
    """Kill the command `moment` seconds after its start, then give it until it ends; what was wrong, and how often."""
    process = start(command, place)
    try:
        process.wait(timeout=moment)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
    process.wait()
    problems = [] if children_gone(process.pid) else ["processes stay"]
    problems += [f"half made: {name}" for name in half_made(place / command.results, reference)]
    calls = 1
    if process.returncode != 0:
        again = start(command, place)
        calls += 1
        code, said = again.wait(), (place / "said.log").read_text()[-400:]
        if code != 0 and not any(words in said for words in FINISHED):
            problems.append(f"ended with {code}: {said}")
    found = contents(place / command.results)
    differing = [name for name in sorted(found.keys() | reference.keys()) if found.get(name) != reference.get(name)]
    problems += [f"differs: {name}" for name in differing]
    return "; ".join(problems[:4]), calls


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="for cohort, reference and trials")
    parser.add_argument("--kills", type=int, default=5, help="of each command")
    parser.add_argument("--commands", default="slides,variants,train,explain,predict")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    folder, draw = given.folder.resolve(), random.Random(given.seed)
    every = commands(folder)
    wanted = given.commands.split(",")
    failed = 0
    for name, command in every.items():
        place = folder / name / "reference"
        if name not in wanted and not (name == "train" and {"explain", "predict"} & set(wanted)):
            continue
        began = time.monotonic()
        if not (place / "seconds").exists():
            if start(command, place).wait() != 0:
                sys.stderr.write(f"{name}: the reference failed, see {place / 'said.log'}\n")
                return 1
            if name == "train":  # the second time nothing is ingested, as in the trials
                shutil.rmtree(place / command.results)
                began = time.monotonic()
                start(command, place).wait()
            (place / "seconds").write_text(str(time.monotonic() - began))
        span, reference = float((place / "seconds").read_text()), contents(place / command.results)
        for number in range(given.kills if name in wanted else 0):
            trial = folder / name / f"kill{number}"
            shutil.rmtree(trial, ignore_errors=True)
            moment = draw.uniform(0, span)
            problem, calls = interrupted(command, trial, reference, moment)
            failed += bool(problem)
            told = problem or f"equal, {len(reference)} files"
            sys.stdout.write(f"{name:<9} killed at {moment:6.1f} of {span:.1f} s, {calls} calls: {told}\n")
            sys.stdout.flush()
            if not problem:
                shutil.rmtree(trial)
    return int(failed > 0)


if __name__ == "__main__":
    raise SystemExit(main())
