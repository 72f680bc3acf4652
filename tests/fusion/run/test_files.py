"""Files of a run: drafts that nobody shares, and folders that one process has to itself."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from fusion.contract import FusionError
from fusion.run.files import locked, remove_partial, replace_file

HOLD = """
import sys, time
from pathlib import Path
from fusion.run.files import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_threads_that_write_one_file_do_not_take_each_others_drafts(tmp_path: Path) -> None:
    together = threading.Barrier(4)
    errors: list[BaseException] = []

    def write(partial: Path) -> None:
        partial.write_text("{}")
        together.wait(timeout=10)

    def work() -> None:
        try:
            replace_file(tmp_path / "run.json", write)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_a_second_process_is_refused_and_a_dead_one_does_not_count(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as first:
        try:
            assert first.stdout is not None
            assert first.stdout.readline() == "held\n"
            with pytest.raises(FusionError, match="another process is writing"), locked(tmp_path):
                pass
        finally:
            first.send_signal(signal.SIGKILL)
    with locked(tmp_path):
        (tmp_path / "run.json").write_text("{}")
    assert (tmp_path / "run.json").exists()


def test_a_folder_in_which_nothing_was_written_holds_nothing(tmp_path: Path) -> None:
    with locked(tmp_path / "runs" / "new"):
        pass
    assert list((tmp_path / "runs" / "new").iterdir()) == []
    (tmp_path / "file").write_text("mine")
    with pytest.raises(FusionError, match="is no folder"), locked(tmp_path / "file"):
        pass


def test_what_killed_processes_left_half_written_goes_and_nothing_else(tmp_path: Path) -> None:
    keep = [tmp_path / "models" / "whole.json", tmp_path / "mine.partial", tmp_path / "explanations" / ".x.1.partial"]
    gone = [tmp_path / ".run.json.7.partial", tmp_path / "models" / "a" / ".member0.safetensors.8.partial"]
    for path in [*keep, *gone]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    remove_partial(tmp_path, ("models", "figures"))
    assert [path.exists() for path in keep] == [True, True, True]
    assert [path.exists() for path in gone] == [False, False]
