"""The changes of `mutants.py`, each met at once by the tests that reach its line: a second a change, for practice.

    python benchmarks/mutants_fast.py --seed 1000 --number 60 --log practice.log [--only fusion/run]

Tests are collected once, those left out that start whole commands or Hail (`LEFT_OUT`). Which lines each reaches is
measured by coverage.py, a file of tests at a time in a process of its own, and kept in ``--map``: measured again where
the file changed, or a module that is about to be changed. A change is then made in a fork of this process, by giving
the function that holds it the code of the changed one, and meets the tests of its line, the quickest first, then the
others of their files, until one fails or ``--seconds`` are spent.
*killed* is certain: the test that failed passes without the change. What *SURVIVED*, was *UNREACHED* (no collected test
comes to the line), ran out of time (*TIMEOUT*) or cannot be made this way (*UNABLE*) is for `mutants.py --of <numbers>`
to judge, which draws the same, changes the file itself and runs whole files of tests.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import hashlib
import importlib
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from _pytest.runner import runtestprotocol
from mutants import HERE, IMPORTED
from mutants_drawn import PACKAGES, ROOT, Mutant, draw, logged
from mutants_live import exchange, lines_of

LEFT_OUT = ("/integration/", "/execution/", "/hail/", "tests/test_", "tests/benchmarks/")
PASSED, FAILED, UNABLE = 0, 1, 3
Reached = dict[str, dict[str, set[int]]]
"""Module → test → lines."""


def code_of(path: Path) -> str:
    return hashlib.sha256((ROOT / path).read_bytes()).hexdigest()[:16]


def forked(work: Callable[[], int], said: Path, seconds: float) -> int | None:
    """The exit code of `work` in a fork of this process, FAILED of one that crashed, nothing where time ran out."""
    started = os.fork()
    if not started:
        code = UNABLE
        try:
            os.setsid()
            resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 6))
            code = work()
        except BaseException as error:  # pytest's own end by exceptions that are none
            said.write_text(f"{error!r}"[:200], encoding="utf-8")
        finally:
            os._exit(code)
    end, status = time.monotonic() + 10 * seconds, None
    while status is None and time.monotonic() < end:
        done, code = os.waitpid(started, os.WNOHANG)
        status = code if done else None
        time.sleep(0.01)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(started, signal.SIGKILL)
    status = os.waitpid(started, 0)[1] if status is None else status
    if not os.WIFSIGNALED(status):
        return os.WEXITSTATUS(status)
    if os.WTERMSIG(status) in (signal.SIGKILL, signal.SIGXCPU):
        return None
    said.write_text(f"ended by signal {os.WTERMSIG(status)}", encoding="utf-8")
    return FAILED


class Fast:
    """What pytest does here with the tests that it collected."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self.options, self.folder, self.said = options, folder, folder / "said"
        self.said.touch()
        self.sound: dict[str, bool] = {}  # tests that failed with a change → whether they pass without
        self.seconds: dict[str, float] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.items = {item.nodeid: item for item in session.items}
        import_all()
        gc.collect()
        gc.freeze()
        mutants, possible = draw(self.options.seed, self.options.number, *self.options.only)
        done = logged(self.options.log)
        mutants = [one for one in mutants if one.number not in done]
        reached = self._reached({str(one.path) for one in mutants})
        for mutant in mutants:
            word, by = self._judged(mutant, reached.get(str(mutant.path), {}))
            done[mutant.number] = mutant.line(word, by)
            print(done[mutant.number], file=sys.__stderr__, flush=True)
            if self.options.log:
                with self.options.log.open("a", encoding="utf-8") as stream:
                    stream.write(f"{done[mutant.number]}\n")
        words = [line.split()[1] for line in done.values()]
        counted = ", ".join(f"{words.count(word)} {word}" for word in sorted(set(words)))
        print(f"{counted}; of {possible} possible ones (seed {self.options.seed}).", file=sys.__stderr__)
        return True

    # which tests reach which lines

    def _reached(self, modules: set[str]) -> Reached:
        """What the map holds of some modules; what is not in it, or of other code, is measured first."""
        files: dict[str, list[pytest.Item]] = {}
        for item in self.items.values():
            files.setdefault(item.nodeid.split("::")[0], []).append(item)
        found: Reached = {}
        for file, items in files.items():
            kept = self.options.map / f"{hashlib.sha256(file.encode()).hexdigest()[:16]}.json"
            known = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
            stale = known.get("of") != code_of(Path(file)) or any(
                known["modules"][one]["of"] != code_of(Path(one)) for one in modules & known["modules"].keys()
            )
            if stale:
                code = forked(lambda items=items, kept=kept: self._measure(items, kept), self.said, 300)  # type: ignore[misc]
                if code != PASSED:
                    print(f"not measured: {file} ({self.said.read_text()})", file=sys.__stderr__)
                    continue
                known = json.loads(kept.read_text(encoding="utf-8"))
            self.seconds.update(known["seconds"])
            for module in modules & known["modules"].keys():
                lines = known["modules"][module]["lines"]
                found.setdefault(module, {}).update({test: set(numbers) for test, numbers in lines.items()})
        return found

    def _measure(self, items: list[pytest.Item], kept: Path) -> int:
        from coverage import Coverage

        cover = Coverage(data_file=None, include=[str(ROOT / name / "*") for name in PACKAGES])
        seconds, began = {}, time.process_time()
        cover.start()
        for item, following in zip(items, [*items[1:], None], strict=True):
            cover.switch_context(item.nodeid)
            start = time.process_time()
            reports = runtestprotocol(item, log=False, nextitem=following)
            passed = any(one.when == "call" and one.passed for one in reports)
            if passed and not any(one.failed for one in reports):
                seconds[item.nodeid] = round(time.process_time() - start, 4)
            if time.process_time() - began > self.options.measured:
                break
        cover.stop()
        data, modules = cover.get_data(), {}
        for file in data.measured_files():
            lines: dict[str, list[int]] = {}
            for line, tests in data.contexts_by_lineno(file).items():
                for test in seconds.keys() & set(tests):
                    lines.setdefault(test, []).append(line)
            path = Path(file).relative_to(ROOT)
            modules[str(path)] = {"of": code_of(path), "lines": lines}
        record = {"of": code_of(Path(items[0].nodeid.split("::")[0])), "seconds": seconds, "modules": modules}
        kept.write_text(json.dumps(record), encoding="utf-8")
        return PASSED

    # one change

    def _judged(self, mutant: Mutant, reached: dict[str, set[int]]) -> tuple[str, str]:
        wanted = lines_of(mutant)
        nearest = sorted((test for test in reached if reached[test] & wanted), key=self._cost)
        nearest = [test for test in nearest if test in self.items and self.sound.get(test, True)]
        if not nearest:
            return "UNREACHED", ""
        beside = {test.split("::")[0] for test in nearest}
        others = [test for test in self.seconds if test in self.items and test.split("::")[0] in beside]
        taken, total = [], 0.0
        for test in [*nearest, *sorted(set(others) - set(nearest), key=self._cost)]:
            if taken and total + self._cost(test) > self.options.seconds:
                break
            taken.append(test)
            total += self._cost(test)
        self.said.write_text("")
        code = forked(lambda: self._changed(mutant, taken), self.said, 20 + 3 * total)
        by = self.said.read_text(encoding="utf-8")
        if code == FAILED and by not in self.items:
            return "killed", by
        if code == FAILED and by not in self.sound:
            alone = forked(lambda: self._run([by]), self.folder / "alone", 20 + 3 * self._cost(by))
            self.sound[by] = alone == PASSED
        if code == FAILED and not self.sound[by]:
            return self._judged(mutant, {test: lines for test, lines in reached.items() if test != by})
        word = {None: "TIMEOUT", PASSED: "SURVIVED", FAILED: "killed"}.get(code, "UNABLE")
        return word, by if by else f"[{len(nearest)} tests]"

    def _cost(self, test: str) -> float:
        return self.seconds.get(test, 1.0)

    def _changed(self, mutant: Mutant, tests: Sequence[str]) -> int:
        exchange(mutant)
        return self._run(tests)

    def _run(self, tests: Sequence[str]) -> int:
        items = [self.items[test] for test in tests]
        made = self.folder / f"made-{os.getpid()}"
        items[0].config._tmp_path_factory._basetemp = made  # type: ignore[attr-defined]
        made.mkdir()
        try:
            for item, following in zip(items, [*items[1:], None], strict=True):
                if any(one.failed for one in runtestprotocol(item, log=False, nextitem=following)):
                    self.said.write_text(item.nodeid, encoding="utf-8")
                    return FAILED
            return PASSED
        finally:
            shutil.rmtree(made, ignore_errors=True)


def import_all() -> None:
    """All modules of both packages, so that no fork has to."""
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for name in PACKAGES
        for path in sorted((ROOT / name).rglob("*.py"))
        if path.stem[:2] != "__" and "hail" not in path.parts
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in (*IMPORTED, *names):
            importlib.import_module(name)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--number", type=int, default=60)
    parser.add_argument("--only", nargs="+", default=[""], help="folders or files of the code")
    parser.add_argument("--tests", nargs="+", default=["tests"], help="folders or files")
    parser.add_argument("--seconds", type=float, default=8, help="of processor time that a change's tests may take")
    parser.add_argument("--measured", type=float, default=60, help="seconds of a file of tests that are measured")
    parser.add_argument("--map", type=Path, default=Path(tempfile.gettempdir()) / "mutants_map", help="a folder")
    parser.add_argument("--log", type=Path, help="results, one a line; changes that it holds are not run again")
    options = parser.parse_args()
    options.map.mkdir(parents=True, exist_ok=True)
    sys.path[:] = [str(ROOT), *(place for place in sys.path if Path(place).resolve() not in (ROOT, HERE))]
    os.chdir(ROOT)
    files = [one for test in options.tests for one in (sorted(Path(test).rglob("test_*.py")) or [Path(test)])]
    files = [str(one) for one in files if not any(part in f"/{one}" for part in LEFT_OUT)]
    with tempfile.TemporaryDirectory() as folder:
        sys.argv[:] = ["pytest"]
        given = [
            "-q",
            f"--rootdir={ROOT}",
            f"--basetemp={folder}/made",
            "-W",
            "ignore::pytest.PytestAssertRewriteWarning",
        ]
        sys.exit(pytest.main(["-q", *given, *files], plugins=[Fast(options, Path(folder))]))


if __name__ == "__main__":
    main()
