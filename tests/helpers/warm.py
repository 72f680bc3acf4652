"""Commands in forks of a process that has the heavy libraries loaded: each saves the 4 s that imports cost.

A fork runs ``fusion.<command>`` as its main module, with its own folder, arguments, environment and streams, so the
command is the real one; only the libraries (none of this package) are there before it begins. That commands start
without them is tested where processes of their own start (`command` of tests/conftest.py).
"""

from __future__ import annotations

import atexit
import functools
import gc
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import IO, Any

LIBRARIES = (
    "torch",
    "pytorch_lightning",
    "monai.networks.nets",
    "captum.attr",
    "sklearn.linear_model",
    "sklearn.ensemble",
    "pandas",
    "scipy.stats",
    "matplotlib.pyplot",
    "jinja2",
    "hydra.main",
    "skops.io",
    "xgboost",
    "pyarrow.parquet",
)


@functools.cache
def _server() -> subprocess.Popen[str]:
    """The process that forks; it ends when its orders do, at the latest with this process."""
    started = subprocess.Popen(
        [sys.executable, "-m", "tests.helpers.warm"],
        cwd=Path(__file__).resolve().parents[2],
        env={**os.environ, "MPLBACKEND": "agg"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(started.__exit__, None, None, None)
    return started


def command(
    name: str, *arguments: str, cwd: Path | None = None, timeout: float = 600
) -> subprocess.CompletedProcess[str]:
    """``python -m fusion.<name> <arguments>``, as a user types it.

    Raises:
        subprocess.TimeoutExpired: it took longer than `timeout` seconds; it is killed.
    """
    server = _server()
    orders, answers = server.stdin, server.stdout
    assert orders is not None and answers is not None
    with tempfile.TemporaryDirectory() as streams:
        order = {
            "module": f"fusion.{name}",
            "arguments": arguments,
            "cwd": str(cwd or Path.cwd()),
            "environment": {**os.environ, "COLUMNS": "140"},
            "streams": streams,
        }
        orders.write(json.dumps(order) + "\n")
        orders.flush()
        began = time.monotonic()
        late = threading.Timer(timeout, os.kill, (int(answers.readline()), signal.SIGKILL))
        late.start()
        code = int(answers.readline())
        late.cancel()
        if code == -signal.SIGKILL and time.monotonic() - began >= timeout:
            raise subprocess.TimeoutExpired([name, *arguments], timeout)
        written, told = ((Path(streams) / stream).read_text() for stream in ("stdout", "stderr"))
    return subprocess.CompletedProcess([name, *arguments], code, written, told)


def _obey(order: dict[str, Any]) -> None:
    """In the fork: become the command."""
    for number, name in ((1, "stdout"), (2, "stderr")):
        opened = os.open(f"{order['streams']}/{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    silent = os.open(os.devnull, os.O_RDONLY)
    os.dup2(silent, 0)
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["cwd"])
    sys.path[0] = order["cwd"]
    sys.argv = ["python -m", *order["arguments"]]
    runpy.run_module(order["module"], run_name="__main__", alter_sys=True)


def main(orders: IO[str], answers: IO[str]) -> None:
    """Fork a command for each line of `orders`; write its process's number, then its exit code."""
    for name in LIBRARIES:
        __import__(name)
    gc.freeze()  # no fork looks for circles among these: it would copy every page that they lie on
    for line in orders:
        child = os.fork()
        if child == 0:
            _obey(json.loads(line))
            return
        answers.write(f"{child}\n")
        answers.flush()
        _, status = os.waitpid(child, 0)
        answers.write(f"{os.waitstatus_to_exitcode(status)}\n")
        answers.flush()


if __name__ == "__main__":
    # A copy of the stream that forks do not write to: their own standard output is a file.
    main(sys.stdin, os.fdopen(os.dup(1), "w"))
