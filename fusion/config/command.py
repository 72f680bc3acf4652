"""From the command line to a checked configuration: what `fusion.train`, `explain` and `predict` start with.

Everything a user can mistype is found here, before anything heavy is imported, and answered with the nearest right
spelling. Then Hydra takes over, so `--multirun`, `--cfg` and `--config-dir` work as its manual says.
"""

from __future__ import annotations

import errno
import functools
import json
import os
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NoReturn

from fusion.config.files import ConfigError, conf_dir
from fusion.contract import FusionError
from fusion.run.files import replace_file

if TYPE_CHECKING:
    from omegaconf import DictConfig

    Task = Callable[[DictConfig], float | None]

INTERRUPTED = 130
TERMINATED = 143
MENDABLE = 2
_DATA_ALONE = {"predict", "plan", "canary"}


class _MendableError(BaseException):
    """A `FusionError` on its way past Hydra, which would write a line about every exception of a job."""


class _TerminatedError(KeyboardInterrupt):
    """SIGTERM: a scheduler, or a person, wants the process to end."""


@contextmanager
def _ended_by_scheduler() -> Iterator[None]:
    """SIGTERM ends a command as Ctrl-C does: processes and jobs that it started end with it."""

    def end(number: int, frame: Any) -> NoReturn:
        raise _TerminatedError

    if threading.current_thread() is not threading.main_thread():
        yield  # the only one that may
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _mendable(error: BaseException | None) -> FusionError | None:
    """The `FusionError` in a chain of causes: Hydra's `instantiate` wraps what a constructor raises."""
    while error is not None and not isinstance(error, FusionError):
        error = error.__cause__
    return error


def run(
    task: Task, config_name: str, *, after_sweep: Callable[[Path], str] | None = None, resumable: bool = False
) -> None:
    """Be a command: check the command line, run `task` with the composed configuration, end with an exit code.

    Exit codes: 0 done; 1 a defect of the program (traceback); 2 something the user can mend, in one message on
    stderr; 130 interrupted, 143 by SIGTERM.

    Args:
        task: takes the configuration, with `output` set to this run's folder; a returned number is what sweeps compare.
        config_name: of the primary configuration, e.g. ``train``.
        after_sweep: folder of a sweep whose jobs are done → what is said of it; sweep.json with the jobs lies there.
        resumable: whether ``resume=true`` goes on where it ended, which a message of an early end then says.
    """
    jobs = _Jobs(task, after_sweep=after_sweep, resumable=resumable)
    try:
        with _ended_by_scheduler():
            _command(jobs, config_name)
    except (FusionError, _MendableError) as error:
        jobs.tidy()
        _stop(MENDABLE, str(error))
    except _TerminatedError:
        _stop(TERMINATED, "\nEnded by SIGTERM." + jobs.resume_hint())
    except KeyboardInterrupt:
        _stop(INTERRUPTED, "\nInterrupted." + jobs.resume_hint())
    except OSError as error:
        message = _disk_problem(error)
        if message is None:
            raise
        _stop(MENDABLE, message + jobs.resume_hint())


@dataclass
class _Jobs:
    """The task as Hydra calls it: once, or once a job of a sweep."""

    task: Task
    after_sweep: Callable[[Path], str] | None = None
    resumable: bool = False
    sweeper: str = ""
    output: Path | None = None
    user_dir: Path | None = None
    copied: TemporaryDirectory[str] | None = None
    advised: set[str] = field(default_factory=set)
    overrides: list[str] = field(default_factory=list)
    scores: list[dict[str, Any]] = field(default_factory=list)

    def as_task(self) -> Task:
        """For Hydra, which names the job after the module the task is written in."""

        @functools.wraps(self.task)
        def job(config: DictConfig) -> float | None:
            return self.run(config)

        return job

    def run(self, config: DictConfig) -> float | None:
        from hydra.core.hydra_config import HydraConfig

        from fusion.config.compose import completed, with_candidates

        hydra = HydraConfig.get()
        self.output = Path(hydra.runtime.output_dir)
        self.overrides = list(hydra.overrides.hydra)
        self.sweeper = str(hydra.sweeper.get("_target_"))
        self._advise(hydra.runtime.choices)
        config = completed(config, self.user_dir)
        config = with_candidates(config, str(hydra.job.config_name), list(hydra.overrides.task), self.user_dir)
        config.output = str(self.output)
        try:
            score = self.task(config)
        except Exception as error:
            mendable = _mendable(error)
            if mendable is None:
                raise
            raise _MendableError(str(mendable)) from error
        self.scores.append({"job": self.output.name, "overrides": list(hydra.overrides.task), "score": score})
        return score

    def _advise(self, choices: Mapping[str, Any]) -> None:
        """Say once which cohort file holds choices that belong into a preset."""
        from fusion.config.declared import advice

        line = advice(str(choices["cohort"]), self.user_dir) if "preset" in choices else None
        if line is not None and line not in self.advised:
            self.advised.add(line)
            sys.stderr.write(f"{line}\n")

    def data_alone(self, user_dir: Path | None) -> Path | None:
        """The user's YAML without the choices that cohort files may hold: a copy, where they hold any."""
        from fusion.config.declared import overlay

        if user_dir is None:
            return None
        self.copied = TemporaryDirectory(prefix="oncofusion_conf_")
        if not overlay(user_dir, Path(self.copied.name)):
            return user_dir
        kept = [argument for argument in sys.argv if not argument.startswith(("--config-dir=", "-cd="))]
        for flag in ("--config-dir", "-cd"):
            if flag in kept:
                at = kept.index(flag)
                del kept[at : at + 2]
        sys.argv[:] = [*kept, "--config-dir", self.copied.name]
        self.user_dir = Path(self.copied.name)
        return self.user_dir

    def tidy(self) -> None:
        """Remove the folder of a run that never began, and those above it that were made for it alone."""
        if self.output is None:
            return
        with suppress(OSError):
            for folder in (self.output.absolute(), *self.output.absolute().parents):
                if folder == Path.cwd():
                    break
                folder.rmdir()  # fails, and so ends the loop, where a folder holds anything

    def resume_hint(self) -> str:
        if not self.resumable or self.output is None or not self.output.is_dir():
            return ""
        if "hydra.mode=MULTIRUN" in self.overrides:
            return f"\nJobs of the sweep that finished are in {self.output.parent}."
        arguments = [
            argument for argument in sys.argv[1:] if not argument.startswith(("output=", "resume=", "overwrite="))
        ]
        command = shlex.join([*arguments, f"output={self.output}", "resume=true"])
        return f"\nFinished folds are kept. To go on:\n  {_program()} {command}"

    def swept(self) -> bool:
        """Whether there are several jobs: of this command, of one that it went on with, or of other machines."""
        if len(self.scores) > 1 or self.output is None or "hydra.mode=MULTIRUN" not in self.overrides:
            return len(self.scores) > 1
        return len(list(self.output.parent.glob("*/run.json"))) > 1

    def report_sweep(self, folder: Path) -> None:
        """Jobs of a sweep by their inner score, on the console and as sweep.json."""
        ranked = sorted(self.scores, key=lambda job: -(job["score"] if job["score"] is not None else float("-inf")))
        text = json.dumps({"sweeper": self.sweeper, "jobs": ranked}, indent=2)
        replace_file(folder / "sweep.json", lambda partial: partial.write_text(text, encoding="utf-8"))
        lines = [
            f"  {'' if job['score'] is None else format(job['score'], '.4f'):>8}  {' '.join(job['overrides'])}"
            for job in ranked
        ]
        sys.stdout.write("\n".join(["Sweep, best inner score first:", *lines, f"Saved: {folder / 'sweep.json'}", ""]))
        if self.after_sweep is not None:
            sys.stdout.write(self.after_sweep(folder) + "\n")


def _command(jobs: _Jobs, config_name: str) -> None:
    from hydra import main
    from hydra._internal.utils import get_args_parser  # what hydra.main itself parses with

    from fusion.config.check import check_command
    from fusion.config.choices import register
    from fusion.config.help import help_text
    from fusion.config.resume import resumed

    arguments = get_args_parser().parse_args()
    if arguments.experimental_rerun is not None:
        raise ConfigError(
            "--experimental-rerun loads a pickle, which can run any code; repeat the command line instead."
        )
    user_dir = None if arguments.config_dir is None else Path(arguments.config_dir).absolute()
    if user_dir is not None and not user_dir.is_dir():
        raise ConfigError(f"--config-dir {arguments.config_dir}: no such folder.")
    jobs.user_dir = user_dir
    name = arguments.config_name or config_name
    if arguments.help:
        sys.stdout.write(help_text(_program(), sys.modules[jobs.task.__module__].__doc__ or "", name, user_dir))
        return
    user_dir = jobs.data_alone(user_dir) if name in _DATA_ALONE else user_dir
    if not (arguments.hydra_help or arguments.info or arguments.shell_completion):
        corrected = check_command(arguments.overrides, name, user_dir, multirun=arguments.multirun)
        _replace_in_argv(arguments.overrides, corrected)
        if not arguments.multirun:
            sys.argv += resumed(corrected, name, user_dir)
    else:
        register(user_dir)  # which composing for the check does otherwise

    # Hydra re-raises errors instead of formatting them itself when this is set: `run` does that.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    main(config_path=str(conf_dir()), config_name=config_name, version_base="1.3")(jobs.as_task())()
    if jobs.output is not None and jobs.swept():
        jobs.report_sweep(jobs.output.parent)


def _replace_in_argv(old: Sequence[str], new: Sequence[str]) -> None:
    """Put corrected overrides where the user's were."""
    corrected = dict(zip(old, new, strict=True))
    sys.argv[1:] = [corrected.get(argument, argument) for argument in sys.argv[1:]]


def _program() -> str:
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return f"python -m {spec.name}" if spec is not None else f"python {sys.argv[0]}"


def _disk_problem(error: OSError) -> str | None:
    """One sentence for what is the machine's state rather than a defect; None for all else."""
    where = f" ({error.filename})" if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk is full{where}. Free some space, or set output=… and cache=… to another disk."
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return (
            f"Permission denied{where}. Give access to it, or set output=… and cache=… to folders that may be written."
        )
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return f"A file stands where a folder is needed{where}. Set output=… or cache=… to another place."
    return None


def _stop(code: int, message: str) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.write(message.rstrip() + "\n")
    raise SystemExit(code)
