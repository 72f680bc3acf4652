"""A command that starts others, in a session of its own: heard line by line, and ended with all of them."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

PATIENCE = 10.0
"""Seconds between one signal and the next, stronger one."""
_ENDS = (signal.SIGTERM, signal.SIGHUP)


class TerminatedError(KeyboardInterrupt):
    """SIGTERM or SIGHUP: a scheduler, a person, or a terminal that was closed wants the command to end."""


def run_heard(line: Sequence[str], environment: Mapping[str, str], heard: Callable[[str], None]) -> int:
    """Run it, and hand on every line that it writes.

    Args:
        line: program and arguments.
        environment: of it.
        heard: takes a line.

    Returns:
        Its exit code.

    Raises:
        TerminatedError: this process was ended; so is the command. Likewise of whatever `heard` raises.
    """
    with (
        _ended_by_others(),
        subprocess.Popen(
            line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace", env=environment, start_new_session=True,
        ) as process,
    ):  # fmt: skip
        try:
            for said in process.stdout or ():
                heard(said)
        except BaseException:
            _end(process)
            raise
    return process.returncode


@contextmanager
def _ended_by_others() -> Iterator[None]:
    """What would end this process alone, and leave the command at work in a folder that is no longer locked."""

    def end(number: int, frame: Any) -> NoReturn:
        raise TerminatedError

    if threading.current_thread() is not threading.main_thread():
        yield  # the only one that may
        return
    # nohup has SIGHUP ignored, and so it stays.
    before = {one: now for one in _ENDS if (now := signal.getsignal(one)) != signal.SIG_IGN}
    for one in before:
        signal.signal(one, end)
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _end(process: subprocess.Popen[str]) -> None:
    """Ctrl-C to all of the session: Snakemake removes what its jobs had half written. What a script started in the
    background has Ctrl-C ignored, by this process and all below it: then the next stronger at once.
    """
    deaf = signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    for number, seconds in (
        (signal.SIGINT, 0 if deaf else PATIENCE),
        (signal.SIGTERM, PATIENCE),
        (signal.SIGKILL, None),
    ):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
            return
