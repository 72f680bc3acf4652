"""Training curves while networks train: a file of lines (``logs/live.csv``), or a W&B run for each outer fold.

W&B's runs of folds have the job type ``fold`` and the group of the experiment, as its users compare cross-validated
runs; the run that holds the result has the job type ``result``. A node of a cluster logs nothing by itself: what it
tells comes to the command that was started, which writes it.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Self

from fusion.report.loggers import STAMP, privacy, start_wandb

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from fusion.run.folder import RunFolder

FILE = Path("logs") / "live.csv"
WHERE = ("arm", "repeat", "fold", "member")


class LiveCurves:
    """Takes each epoch of each network, whichever process trains it; a context manager.

    Args:
        config: the whole configuration; `config.logger.backend` says where rows go, and of ``none`` they go nowhere.
        folder: of the run.
        simulated: stamps what is logged.
        patient_ids: what must not leave the machine.
    """

    def __init__(self, config: DictConfig, folder: RunFolder, *, simulated: bool, patient_ids: Sequence[str]) -> None:
        self._config, self._folder, self._simulated = config, folder, simulated
        self._backend = str(config.logger.backend)
        self._scrub = privacy(config, folder.path, patient_ids)
        self._file: IO[str] | None = None
        self._writer: csv.DictWriter[str] | None = None
        self._runs: dict[str, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
        for run in self._runs.values():
            run.finish(exit_code=int(kind is not None))
        self._runs = {}

    def epoch(self, row: Mapping[str, Any]) -> None:
        """A row: arm, repeat, fold, member, epoch, then losses and metrics."""
        if self._backend == "csv":
            self._write(row)
        elif self._backend == "wandb":
            curves = {
                f"{row['arm']}/member{row['member']}/{name}": float(value)
                for name, value in row.items()
                if name not in (*WHERE, "epoch") and value == value
            }
            self._run(f"repeat{row['repeat']}_fold{row['fold']}").log({"epoch": int(row["epoch"]), **curves})

    def finished(self, fold: str) -> None:
        """A fold is saved: its inner metrics, which alone may choose, are the summary of its run."""
        run = self._runs.pop(fold, None)
        if run is None:
            return
        inner = self._folder.load_fold(fold).inner.drop(columns=["repeat", "fold"])
        for row in inner.to_dict("records"):
            arm = str(row.pop("arm"))
            numbers = {name: value for name, value in row.items() if isinstance(value, int | float) and value == value}
            run.summary.update({f"inner/{arm}/{name}": float(value) for name, value in numbers.items()})
        run.finish()

    def _write(self, row: Mapping[str, Any]) -> None:
        if self._writer is None:
            path = self._folder.path / FILE
            path.parent.mkdir(parents=True, exist_ok=True)
            # Of this command alone: whatever earlier ones finished is in the folds' tables.
            self._file = path.open("w", encoding="utf-8", newline="")
            stamp = ["data"] if self._simulated else []
            self._writer = csv.DictWriter(self._file, [*stamp, *row], restval="", extrasaction="ignore")
            self._writer.writeheader()
        assert self._file is not None
        self._writer.writerow({**row, "data": STAMP})
        self._file.flush()

    def _run(self, fold: str) -> Any:
        if fold not in self._runs:
            run = start_wandb(
                self._config, self._folder.path, simulated=self._simulated, job="fold", about=fold, beside=True
            )
            run.define_metric("epoch", hidden=True)
            run.define_metric("*", step_metric="epoch")
            run.config.update(self._scrub({"fold": fold, "simulated": self._simulated}))
            self._runs[fold] = run
        return self._runs[fold]
