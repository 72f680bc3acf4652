"""Experiment loggers (`logger=none|csv|wandb`), through Lightning's, and what may leave the machine with them.

With W&B go: the configuration and what was changed of it, training curves (live, of each fold), each arm's metrics, the
report and its figures. Never: tables by patient, pictures of patients (unless their ids may go too), console output,
host, user, git remote, or source code. Unless `logger.hash_ids=false`, patient ids in any text are replaced by hashes
salted for this run, and absolute paths are cut to their last part. The salt stays in the run folder (`id_salt`): with
it `hash_id` tells which patient a hash is, without it nobody can.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from fusion.contract import FusionError
from fusion.run.identifiers import hash_id, read_salt

if TYPE_CHECKING:
    import pandas as pd
    from omegaconf import DictConfig
    from pytorch_lightning.loggers import Logger, WandbLogger

STAMP = "SIMULATED"


def open_logger(config: DictConfig, folder: Path, *, simulated: bool, patient_ids: Sequence[str]) -> RunLogger:
    """Open the configured logger and log the configuration; a context manager.

    Args:
        config: the whole configuration; `config.logger.backend` is none, csv or wandb.
        folder: the run folder; all files of the logger are written into it.
        simulated: stamps everything that is logged.
        patient_ids: what must not leave the machine.

    Raises:
        FusionError: W&B is asked to send, and cannot.
    """
    from omegaconf import OmegaConf

    scrub = privacy(config, folder, patient_ids)
    backend = _backend(config, folder, simulated=simulated)
    logger = RunLogger(backend, simulated=simulated, scrub=scrub)
    plain: Any = OmegaConf.to_container(config, resolve=True)
    logger.log_config({**plain, **_asked()})
    return logger


def privacy(config: DictConfig, folder: Path, patient_ids: Sequence[str]) -> Callable[[Any], Any]:
    """What is done to everything before it goes to the logger: nothing, or ids hashed and paths cut."""
    if config.logger.backend == "wandb" and config.logger.hash_ids:
        return Scrubber(patient_ids, read_salt(folder))
    return lambda value: value


def _asked() -> dict[str, Any]:
    """What the command line set, and of a sweep its name and the job's number: W&B compares runs by them."""
    from hydra.core.hydra_config import HydraConfig

    if not HydraConfig.initialized():
        return {}
    hydra = HydraConfig.get()
    asked: dict[str, Any] = {"changed": list(hydra.overrides.task)}
    if "hydra.mode=MULTIRUN" in hydra.overrides.hydra:
        asked["sweep"] = {"id": Path(str(hydra.sweep.dir)).name, "job": str(hydra.job.num)}
    return asked


def check_logger(config: DictConfig) -> None:
    """Before any long work: can the configured logger start at all?

    Raises:
        FusionError: W&B is to send, and nobody is logged in.
    """
    if config.logger.backend == "wandb" and not config.logger.offline:
        import wandb

        try:
            reason = "" if wandb.login(prompt=False) else "nobody is logged in on this machine"
        except wandb.errors.Error as error:
            reason = str(error)
        if reason:
            raise FusionError(
                f"logger: W&B is to send (logger.offline=false) and cannot: {reason}. Run `wandb login`, or leave "
                "logger.offline=true and send the run later with `wandb sync`."
            )


class RunLogger:
    """What a run tells a logger; each call does nothing where there is none."""

    def __init__(self, backend: Logger | None, *, simulated: bool, scrub: Callable[[Any], Any]) -> None:
        self._backend = backend
        self._simulated = simulated
        self.scrub = scrub

    @property
    def wandb(self) -> Any:
        """W&B's run; None of other loggers."""
        from pytorch_lightning.loggers import WandbLogger

        return self._backend.experiment if isinstance(self._backend, WandbLogger) else None

    @property
    def private(self) -> bool:
        """Whether ids are hashed."""
        return isinstance(self.scrub, Scrubber)

    @property
    def searchable(self) -> bool:
        """Whether every id that must not leave can be found within a text."""
        return not isinstance(self.scrub, Scrubber) or self.scrub.searchable

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(failed=kind is not None)

    def log_config(self, config: Any) -> None:
        """The resolved configuration, as nested plain data."""
        if self._backend is not None:
            parameters = {**self.scrub(config), "simulated": self._simulated}
            self._backend.log_hyperparams(parameters)

    def log_curves(self, curves: pd.DataFrame) -> None:
        """Training curves: columns arm, repeat, fold, member, epoch; every other column is a curve."""
        if self._backend is None or curves.empty:
            return
        keys = ["arm", "repeat", "fold", "member"]
        for names, rows in curves.groupby(keys, sort=False):
            arm, repeat, fold, member = names
            name = f"{arm}/repeat{repeat}_fold{fold}_member{member}"
            for row in rows.drop(columns=keys).to_dict("records"):
                step = int(row.pop("epoch"))
                self._log(name, {str(key): float(value) for key, value in row.items() if value == value}, step)

    def log_metrics(self, arms: Mapping[str, Mapping[str, Mapping[str, float]]]) -> None:
        """Cross-validated metrics: arm → metric → value, low, high."""
        for arm, metrics in arms.items():
            for metric, parts in metrics.items():
                numbers = {part: number for part, number in parts.items() if isinstance(number, int | float)}
                self._log(f"arms/{arm}/{metric}", numbers, 0)

    def log_summary(self, metrics: Mapping[str, Any]) -> None:
        """W&B's summary, by which it ranks and compares runs: each arm's metrics with intervals, and the verdict."""
        run = self.wandb
        if run is None:
            return
        summary: dict[str, Any] = {}
        for arm, found in metrics["arms"].items():
            for metric, parts in found.items():
                for part, number in parts.items():
                    if isinstance(number, int | float):
                        summary[f"{arm}/{metric}" + ("" if part == "value" else f"/{part}")] = number
        verdict = metrics.get("verdict") or {}
        summary |= {"verdict": str(verdict["status"])} if "status" in verdict else {}
        run.summary.update(self.scrub(summary))

    def log_figures(self, files: Iterable[Path]) -> None:
        """PNG figures, under their file names. Pixels are not searched for ids: figures must not show any."""
        from pytorch_lightning.loggers import WandbLogger

        if isinstance(self._backend, WandbLogger):
            for file in files:
                caption = f"{STAMP} {file.stem}" if self._simulated else file.stem
                self._backend.log_image(f"figures/{file.stem}", [str(file)], caption=[caption])

    def close(self, *, failed: bool = False) -> None:
        """Write out what is pending; a sweep's next run starts anew."""
        from pytorch_lightning.loggers import WandbLogger

        if isinstance(self._backend, WandbLogger):
            import wandb

            self._backend.experiment.finish(exit_code=int(failed))
            # Its service writes the file, and may still do so after `finish`; this waits for its end.
            wandb.teardown(exit_code=int(failed))
        elif self._backend is not None:
            self._backend.finalize("failed" if failed else "success")
        self._backend = None

    def _log(self, group: str, values: Mapping[str, float], step: int) -> None:
        from pytorch_lightning.loggers import CSVLogger

        if self._backend is None:
            return
        if isinstance(self._backend, CSVLogger):
            # A long table: one row a point; Lightning's own, wide one has a column an arm, fold and member.
            stamp = {"data": STAMP} if self._simulated else {}
            self._backend.log_metrics({**stamp, "group": group, **values}, step)  # type: ignore[dict-item]
        else:
            self._backend.log_metrics({f"{group}/{key}": value for key, value in values.items()}, step)


class Scrubber:
    """Replaces patient ids in any nested text, and cuts absolute paths to their last part."""

    def __init__(self, patient_ids: Sequence[str], salt: str) -> None:
        self._salt = salt
        self._known = frozenset(patient_ids)
        # Ids as short as "7" would be found in any number: those are replaced only where they are the whole text.
        long = sorted((item for item in self._known if len(item) > 3), key=len, reverse=True)
        self.searchable = len(long) == len(self._known)
        inside = "|".join(map(re.escape, long)) or r"(?!)"
        self._pattern = re.compile(rf"(?<![A-Za-z0-9])(?:{inside})(?![A-Za-z0-9])")

    def __call__(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {self._text(str(key)): self(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self(item) for item in value]
        return self._text(value) if isinstance(value, str) else value

    def _text(self, text: str) -> str:
        if text in self._known:
            return hash_id(text, self._salt)
        cut = re.sub(r"(?<![\w./:])/(?:[^/\s:,]+/)+", "…/", text)
        return self._pattern.sub(lambda found: hash_id(found.group(), self._salt), cut)


def _backend(config: DictConfig, folder: Path, *, simulated: bool) -> Logger | None:
    if config.logger.backend == "csv":
        from pytorch_lightning.loggers import CSVLogger

        for old in ("metrics.csv", "hparams.yaml"):  # of the run that this one resumes or replaces
            (folder / "logs" / old).unlink(missing_ok=True)
        backend = CSVLogger(save_dir=folder, name="logs", version="")
        with warnings.catch_warnings():
            # It would say that files in logs/ will be deleted: metrics.csv was, above; live.csv is not.
            warnings.filterwarnings("ignore", message="Experiment logs directory")
            _ = backend.experiment
        return backend
    return _wandb(config, folder, simulated=simulated) if config.logger.backend == "wandb" else None


def _wandb(config: DictConfig, folder: Path, *, simulated: bool) -> WandbLogger:
    from pytorch_lightning.loggers import WandbLogger

    # Begun here and handed over: Lightning would pass on settings that W&B warns of, and set WANDB_MODE for good.
    run = start_wandb(config, folder, simulated=simulated, job="result")
    run.define_metric("trainer/global_step")
    run.define_metric("*", step_metric="trainer/global_step", step_sync=True)
    return WandbLogger(experiment=run)


def start_wandb(
    config: DictConfig, folder: Path, *, simulated: bool, job: str, about: str = "", beside: bool = False
) -> Any:
    """Begin a run of W&B in the run folder.

    Args:
        config: the whole configuration.
        folder: of the run.
        simulated: stamps its name and tags.
        job: its type: ``fold`` or ``result``.
        about: follows in its name.
        beside: others go on; else they are finished.

    Raises:
        FusionError: it is to send, and cannot.
    """
    import wandb

    settings = wandb.Settings(
        console="off",
        disable_git=True,
        host="",
        save_code=False,
        silent=True,
        x_disable_machine_info=True,
        x_disable_meta=True,
        x_disable_stats=True,
    )
    name = f"{config.name} seed {config.seed}" + (f" {about}" if about else "")
    try:
        return wandb.init(
            dir=folder,
            project=config.logger.project,
            group=str(config.name),
            job_type=job,
            name=f"{STAMP} {name}" if simulated else name,
            tags=[STAMP] if simulated else [],
            mode="offline" if config.logger.offline else "online",
            reinit="create_new" if beside else "finish_previous",
            settings=settings,
        )
    except (wandb.errors.UsageError, wandb.errors.CommError) as error:
        raise FusionError(
            f"logger: W&B cannot start ({error}). Run `wandb login`, or set logger.offline=true."
        ) from error
