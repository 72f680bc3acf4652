"""A real Ray cluster on this machine: ``ray start --head``, then ``ray start --address``, each its own processes."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil


class Rays:
    """Nodes of one core each; the first is the head. Close it."""

    def __init__(self) -> None:
        # Not under pytest's folder: a socket's path has room for some hundred letters.
        self.folder = Path(tempfile.mkdtemp(prefix="rays", dir="/tmp"))
        self._nodes: list[subprocess.Popen[bytes]] = []
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        port = self.address.rpartition(":")[2]
        # Without an autoscaler, and below without a reader of logs: each would be a process of its own.
        spared = ("--include-dashboard=false", "--no-monitor")
        self._start("--head", f"--port={port}", *spared, f"--temp-dir={self.folder}")

    def node(self) -> int:
        """One more node; its number."""
        self._start(f"--address={self.address}")
        return len(self._nodes) - 1

    def _start(self, *arguments: str) -> None:
        ray = Path(sys.executable).with_name("ray")
        common = ("--num-cpus=1", "--object-store-memory=80000000", "--disable-usage-stats", "--block")
        common += ("--include-log-monitor=false",)
        quiet = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_enable_metrics_collection": "false"}
        with (self.folder / f"{len(self._nodes)}.out").open("wb") as said:
            command = [str(ray), "start", *arguments, *common]
            # A session of its own, as it would have on a machine of its own.
            node = subprocess.Popen(
                command, env={**os.environ, **quiet}, stdout=said, stderr=said, start_new_session=True
            )
        self._nodes.append(node)
        until = time.monotonic() + 180  # a machine that is busy with other work
        while "Ray runtime started" not in Path(said.name).read_text(errors="replace"):
            if node.poll() is not None or time.monotonic() > until:
                why = Path(said.name).read_text(errors="replace")
                self.close()
                raise RuntimeError(f"Ray did not start: {why}")
            time.sleep(0.05)

    def working(self) -> int:
        """Workers that are busy with a task."""
        busy = 0
        for node in self._nodes:
            with suppress(psutil.NoSuchProcess):
                for process in psutil.Process(node.pid).children(recursive=True):
                    with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                        busy += " ".join(process.cmdline()).startswith("ray::serve")
        return busy

    def lose(self, node: int) -> None:
        """As a machine is lost: all its processes at once, without a word."""
        with suppress(psutil.NoSuchProcess):
            started = psutil.Process(self._nodes[node].pid)
            for process in [*started.children(recursive=True), started]:
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(signal.SIGKILL)
        self._nodes[node].wait()

    def close(self) -> None:
        for node in reversed(range(len(self._nodes))):
            self.lose(node)
        shutil.rmtree(self.folder, ignore_errors=True)
