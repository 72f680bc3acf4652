"""What ends the workflow from outside: a scheduler, a full disk, another process in its folder."""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
import time
from pathlib import Path

import pytest
from filelock import FileLock

from data_modules.ingest.reads import process, workflow
from data_modules.ingest.reads.plan import Plan
from data_modules.ingest.reads.settings import ReadsSettings
from fusion.contract import FusionError
from fusion.contract.devices import cores


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """Of one sample, with a program that lasts in the place of Snakemake."""
    (tmp_path / "fastq").mkdir()
    (tmp_path / "fastq/A.fastq").write_text("@r1\nACGT\n+\nIIII\n")
    return Plan(ReadsSettings(reference="genome.fa", folder="fastq"), tmp_path, None)


DEAF = (
    "signal.signal(signal.SIGINT, signal.SIG_IGN); "
    "signal.signal(signal.SIGTERM, lambda *_: (pathlib.Path({tidied!r}).touch(), os._exit(0)));"
)


def lasting(monkeypatch: pytest.MonkeyPatch, pid: Path, *, deaf: bool = False) -> None:
    program = (
        f"import os, pathlib, signal, time; {DEAF.format(tidied=str(pid.with_name('tidied'))) if deaf else ''}"
        f"pathlib.Path({str(pid)!r}).write_text(str(os.getpid())); "
        "print('1 of 2 steps (50%) done', flush=True); time.sleep(60)"
    )
    monkeypatch.setattr(workflow, "command", lambda plan, config: [sys.executable, "-c", program])


def ended(pid: Path) -> bool:
    try:
        os.kill(int(pid.read_text()), 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize(("number", "deaf"), [(signal.SIGTERM, False), (signal.SIGHUP, True)])
def test_a_scheduler_ends_the_steps_too(
    plan: Plan, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, number: signal.Signals, deaf: bool
) -> None:
    """Those too that have Ctrl-C ignored, as what a script starts in the background has."""
    lasting(monkeypatch, tmp_path / "pid", deaf=deaf)
    monkeypatch.setattr(process, "PATIENCE", 0.3 if deaf else 25.0)
    ignored = signal.signal(number, signal.SIG_DFL)  # tests started by nohup have it ignored, and so it would stay
    begin, before = time.monotonic(), signal.getsignal(signal.SIGTERM)
    with pytest.raises(process.TerminatedError):
        workflow.run(plan, lambda step, done, total: signal.raise_signal(number))
    assert time.monotonic() - begin < 30
    assert ended(tmp_path / "pid")
    assert (tmp_path / "tidied").exists() is deaf  # it was asked to end, not killed
    assert signal.getsignal(signal.SIGTERM) is before
    signal.signal(number, ignored)
    with FileLock(plan.output / ".lock", timeout=0):
        pass


def test_a_full_disk_is_told_and_the_steps_end(plan: Plan, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    lasting(monkeypatch, tmp_path / "pid")
    (plan.output / "logs").mkdir(parents=True)
    (plan.output / workflow.SAID).symlink_to("/dev/full")
    begin = time.monotonic()
    with pytest.raises(FusionError, match=r"variants cannot be written: the disk is full .*reads\.output"):
        workflow.run(plan, lambda step, done, total: None)
    assert time.monotonic() - begin < 40
    assert ended(tmp_path / "pid")


def test_two_in_one_folder(plan: Plan) -> None:
    plan.output.mkdir()
    with (
        FileLock(plan.output / ".lock", is_singleton=False),
        pytest.raises(FusionError, match="another process is working there"),
    ):
        workflow.run(plan, lambda step, done, total: None)


def test_cores_are_those_that_the_process_may_use(plan: Plan, tmp_path: Path) -> None:
    line = workflow.command(plan, tmp_path / "config.yaml")
    assert line[line.index("--cores") + 1] == str(cores())
    name, equals, megabytes = line[line.index("--resources") + 1].partition("=")
    assert (name, equals) == ("mem_mb", "=")
    if Path("/proc/meminfo").exists():  # "MemTotal:  24689764 kB"
        total = int(Path("/proc/meminfo").read_text().split()[1]) / 2**10
        assert int(megabytes) == pytest.approx(total, rel=0.01)
    own = dataclasses.replace(plan.settings, snakemake=("--profile", "slurm"))
    assert workflow.command(Plan(own, tmp_path, None), tmp_path / "c")[-3:] == ["--printshellcmds", *own.snakemake]
