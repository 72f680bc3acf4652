"""Tasks in processes: results as they come; a failure names its task, keeps what others finished, and leaves nobody."""

from __future__ import annotations

import os
import signal
import time
from multiprocessing import active_children
from pathlib import Path

import pytest

from fusion.contract import FusionError
from fusion.protocol.pool import Failure, TaskFailedError, Tell, Work, run_tasks


def start(folder: str) -> Work:
    def work(task: str, tell: Tell) -> str:
        tell(f"began {task}")
        if task == "raises":
            raise ValueError("no such thing")
        if task == "refuses":
            raise RuntimeError("wrapped") from FusionError("set key=value")
        if task == "memory":
            raise RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory")
        if task == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if task == "leaves":
            os._exit(3)
        if task == "sleeps":
            (Path(folder) / "sleeping").write_text(str(os.getpid()))
            time.sleep(60)
        if task == "waits":
            while not (Path(folder) / "sleeping").exists():
                time.sleep(0.01)
            raise ValueError("no such thing")
        return task.upper()

    return work


def run(tmp_path: Path, *tasks: str, workers: int = 2) -> tuple[list[tuple[str, str]], list[str]]:
    told: list[str] = []
    results = run_tasks(
        tasks, workers=workers, start=start, arguments=(str(tmp_path),), told=lambda task, what: told.append(what)
    )
    return sorted(results), told


def test_every_task_comes_back_with_its_result(tmp_path: Path) -> None:
    results, told = run(tmp_path, "a", "b", "c")
    assert results == [("a", "A"), ("b", "B"), ("c", "C")]
    assert sorted(told) == ["began a", "began b", "began c"]
    assert active_children() == []


@pytest.mark.parametrize(
    ("task", "said", "memory", "mendable"),
    [
        ("raises", "ValueError: no such thing", False, False),
        ("refuses", "set key=value", False, True),
        ("memory", "can't allocate memory", True, False),
        ("killed", r"ended by signal 9 \(SIGKILL\): most likely memory ran out", True, False),
        ("leaves", "ended by itself with code 3", False, False),
    ],
)
def test_a_failure_names_its_task_and_why(tmp_path: Path, task: str, said: str, memory: bool, mendable: bool) -> None:
    with pytest.raises(TaskFailedError, match=said) as raised:
        run(tmp_path, task, workers=1)
    assert raised.value.task == task
    assert (raised.value.failure.memory, raised.value.failure.mendable) == (memory, mendable)
    assert active_children() == []


def test_a_failure_ends_the_others_at_once(tmp_path: Path) -> None:
    with pytest.raises(TaskFailedError) as raised:
        run(tmp_path, "sleeps", "waits")
    assert raised.value.task == "waits"
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "sleeping").read_text()), 0)


def test_what_others_finished_is_handed_over_before_the_failure_is_told(tmp_path: Path) -> None:
    def slow(task: str, what: str) -> None:
        time.sleep(1.0)  # in which both end

    results = run_tasks(["raises", "a"], workers=2, start=start, arguments=(str(tmp_path),), told=slow)
    kept = []
    with pytest.raises(TaskFailedError, match="no such thing"):
        for done in results:
            kept.append(done)
    assert kept == [("a", "A")]


def test_memory_is_told_from_other_errors() -> None:
    assert Failure.of(MemoryError()).memory
    assert Failure.of(RuntimeError("CUDA out of memory. Tried to allocate 20 GiB")).memory
    assert not Failure.of(RuntimeError("shapes differ")).memory
    assert "RuntimeError: shapes differ" in Failure.of(RuntimeError("shapes differ")).details
    assert not Failure.of_exit(-15).memory


def test_what_the_user_can_mend_is_said_as_it_is() -> None:
    mend = FusionError("Set workers=1.")
    wrapped = RuntimeError("in a thread")
    wrapped.__cause__ = mend
    for error in (mend, wrapped):
        assert (Failure.of(error).said, Failure.of(error).mendable) == ("Set workers=1.", True)
    assert (Failure.of(KeyError()).said, Failure.of(KeyError()).mendable) == ("KeyError", False)
    assert Failure.of(ValueError("two\n  lines")).said == "ValueError: two lines"
