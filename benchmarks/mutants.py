"""Change the code at random places, one at a time, and see whether a test notices.

    python benchmarks/mutants.py --seed 1 --number 60 --log mutants.log [--integration] [--only data_modules/folds]

Both packages are copied to a temporary folder. There each mutant meets, until a test fails: the test files that name
its module; what is recorded of its room (`RECORDS`); the folder of tests that mirrors its own (``a/b.py`` →
``tests/a/``, else the nearest above); with ``--wide`` the test files that name a module which imports it; with
``--integration``, whole commands. Survivors are printed as what was and what became of it: each wants a test, or an
argument that it changes nothing. `benchmarks/results/mutants.md` has them. With ``--log`` a second call goes on where
the first ended, over the same code.
Each run of tests is a fork of one process that has imported torch and the like, but nothing of these packages.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

from mutants_drawn import PACKAGES, ROOT, draw, logged

HERE = Path(__file__).resolve().parent
NO_TESTS = 5
"""Exit code of pytest that found none."""
RECORDS = {
    "fusion/evaluation": ["tests/fusion/evaluation/test_recorded.py"],
    "fusion/report": [
        "tests/fusion/report/test_report_page.py", "tests/fusion/report/test_class_page.py",
        "tests/fusion/report/survival/test_survival_page.py", "tests/fusion/report/test_compare_page.py",
        "tests/fusion/report/test_applied.py", "tests/fusion/report/test_assessed.py",
        "tests/fusion/report/test_audit.py",
    ],
    "data_modules/drafting": ["tests/data_modules/drafting/test_whole.py"],
    "data_modules/sources/simulated": ["tests/data_modules/sources/test_simulated.py"],
    "data_modules/sources/simulated_mri": ["tests/data_modules/sources/test_simulated_mri.py"],
}  # fmt: skip
"""Folder of code → tests that compare all that it makes with what it made before."""
IMPORTED = (
    "numpy", "pandas", "torch", "pytest", "sklearn.ensemble", "sklearn.linear_model", "scipy.stats", "scipy.ndimage",
    "matplotlib.pyplot", "jinja2", "h5py", "pyarrow.parquet", "PIL.Image", "pytorch_lightning", "skops.io",
    "safetensors.torch", "rich.console", "filelock", "yaml", "pysam", "tifffile", "openslide", "pydicom", "nibabel",
    "torch_geometric.nn", "skimage.measure", "omegaconf",
)  # fmt: skip


def tests_of(path: Path, root: Path, *, wide: bool, integration: bool) -> list[list[str]]:
    """Test files in the order in which a mutant of `path` meets them, the nearest first; none stands twice."""
    every = sorted((root / "tests").rglob("test_*.py"))
    whole = [test for test in every if "integration" in test.parts]
    parts = [test for test in every if test not in whole and test.parent != root / "tests"]
    folder = root / "tests" / path.parent
    while not any(folder.glob("test_*.py")):
        folder = folder.parent
    importers = [
        other.relative_to(root)
        for name in PACKAGES
        for other in sorted((root / name).rglob("*.py"))
        if wide and other.stem != "__init__" and _names(other, path)
    ]
    records = [root / test for room, tests in RECORDS.items() if path.is_relative_to(room) for test in tests]
    steps = [
        sorted((test for test in parts if _names(test, path)), key=lambda one: one.stem != f"test_{path.stem}"),
        records,
        [test for test in parts if test.parent == folder],
        [test for test in parts if any(_names(test, other) for other in importers)],
        whole if integration else [],
    ]
    seen: set[Path] = set()
    found = []
    for step in steps:
        found.append([str(test) for test in step if test not in seen])
        seen.update(step)
    return [step for step in found if step]


def _names(file: Path, module: Path) -> bool:
    """Whether a file names a module by its dotted path."""
    dotted = ".".join(module.with_suffix("").parts)
    return re.search(rf"\b{re.escape(dotted)}\b", file.read_text(encoding="utf-8")) is not None


def run(tests: Sequence[str], root: Path, seconds: int) -> tuple[str, str]:
    """A word for how the tests ended, and the first that failed.

    Args:
        tests: files.
        root: of the copy.
        seconds: of processor time that the tests may take, and ten times that by the clock.
    """
    said = root.parent / "said"
    started = os.fork()
    if not started:
        _tests(tests, root, said, seconds)
    end, status = time.monotonic() + 10 * seconds, None
    while status is None and time.monotonic() < end:
        done, code = os.waitpid(started, os.WNOHANG)
        status = code if done else None
        time.sleep(0.05)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(started, signal.SIGKILL)  # and what the tests left
    status = os.waitpid(started, 0)[1] if status is None else status
    if os.WIFSIGNALED(status):
        return "TIMEOUT", ""
    failed = [line for line in said.read_text(errors="replace").splitlines() if line.startswith(("FAILED", "ERROR"))]
    word = "SURVIVED" if os.waitstatus_to_exitcode(status) in (0, NO_TESTS) else "killed"
    return word, failed[0].replace(f"{root}/", "")[:200] if failed else ""


def _tests(tests: Sequence[str], root: Path, said: Path, seconds: int) -> None:
    """Run pytest in this process, the forked one, and end it."""
    code = 99
    try:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
        out = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(out, 1)
        os.dup2(out, 2)
        os.chdir(root)
        os.environ["PYTHONPATH"] = str(root)
        sys.path[:] = [str(root), *(place for place in sys.path if Path(place).resolve() not in (ROOT, HERE))]
        sys.argv[:] = ["pytest"]
        import pytest

        given = ["-x", "-q", "--tb=line", "-W", "ignore::pytest.PytestAssertRewriteWarning", f"--rootdir={root}"]
        code = int(pytest.main([*given, f"--basetemp={root.parent / 'made'}", *tests]))
        sys.stdout.flush()
    finally:
        os._exit(code)


def _write(path: Path, source: str, number: int) -> None:
    """Write a module with a date of its own: compiled code is told apart by seconds and size alone."""
    path.write_text(source, encoding="utf-8")
    os.utime(path, (1e9 + 10 * number,) * 2)


def _results(folder: str, names: list[str]) -> set[str]:
    """What is no code: hidden files, and what runs left at the top."""
    at_top = ("runs", "data", "multirun", "site") if Path(folder) == ROOT else ()
    return {name for name in names if name in at_top or name.startswith(".")}


def judged(steps: Sequence[Sequence[str]], root: Path, seconds: int) -> tuple[str, str]:
    """The same for all steps, up to the first that notices."""
    word, by = "NO TESTS", ""
    for tests in steps:
        word, by = run(tests, root, seconds)
        if word != "SURVIVED":
            break
    return word, by


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--number", type=int, default=60)
    parser.add_argument("--of", type=int, nargs="+", help="these numbers of the draw alone")
    parser.add_argument("--only", default="", help="a folder or file")
    parser.add_argument("--integration", action="store_true", help="run tests/integration as well: minutes a mutant")
    parser.add_argument("--wide", action="store_true", help="run the tests of what imports a module, too")
    parser.add_argument("--steps", type=int, help="how many of these at most; the first alone takes seconds a mutant")
    parser.add_argument("--seconds", type=int, default=120, help="of processor time a step; TIMEOUT is yours to judge")
    parser.add_argument("--log", type=Path, help="results, one a line; mutants that it holds are not run again")
    options = parser.parse_args()
    mutants, possible = draw(options.seed, options.number, options.only)
    done = logged(options.log)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in IMPORTED:
            importlib.import_module(name)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "copy"
        shutil.copytree(ROOT, root, ignore=_results)
        (root.parent / "shared").symlink_to(ROOT.parent / "shared")
        for mutant in mutants:
            if mutant.number in done or (options.of and mutant.number not in options.of):
                continue
            original = (root / mutant.path).read_text(encoding="utf-8")
            steps = tests_of(mutant.path, root, wide=options.wide, integration=options.integration)
            _write(root / mutant.path, mutant.source(), mutant.number)
            word, by = judged(steps[: options.steps], root, options.seconds)
            _write(root / mutant.path, original, 0)
            done[mutant.number] = mutant.line(word, by)
            print(done[mutant.number], flush=True)
            if options.log:
                with options.log.open("a", encoding="utf-8") as stream:
                    stream.write(f"{done[mutant.number]}\n")
    survived = sum(line.split()[1] != "killed" for line in done.values())
    print(f"{survived} of {len(done)} mutants of {possible} possible ones were not killed (seed {options.seed}).")


if __name__ == "__main__":
    main()
