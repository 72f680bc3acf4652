"""The run folder: everything a run leaves behind, complete in itself. Nothing else reads or writes it.

::

    config.yaml  run.json  inputs.json  folds.json  cohort.csv  quality.json  predictions.parquet  metrics.json
    examples.json  selected.parquet  curves.parquet  inner.parquet  inner_predictions.parquet  choices.parquet
    audit.parquet  described.parquet  uncertainty.parquet  withheld.parquet  policy.parquet  left_out.parquet
    secondary.parquet
    models/<fold>/…  figures/  report.html  model_card.md  tripod_ai.md  canary.json

Files are replaced whole (`replace_file`). A finished fold is a folder ``models/<fold>`` with a ``result.json``, so an
interrupted run resumes. ``run.json`` carries the format's number and, once complete, a hash of every file that
predictions, explanations and the report rest on.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusion.contract import CohortSpec, Quality
from fusion.run.bounded import refuse_links
from fusion.run.files import RunFolderError, disk_errors, remove_partial, replace_file, replace_json
from fusion.run.integrity import changed_inputs, hash_files, refuse_another_run, verify_hashes
from fusion.run.reading import FORMAT, TABLES, RunReading
from fusion.run.record import git_commit, machine, now, package_versions, peak_memory, quality_record
from fusion.run.trust import require_trusted

if TYPE_CHECKING:
    import pandas as pd

    from fusion.run.result import FoldResult

_OWN = (
    "config.yaml", "inputs.json", "folds.json", "cohort.csv", "quality.json", "metrics.json", "examples.json",
    "report.html", "model_card.md", "tripod_ai.md", "canary.json", "described.parquet", "uncertainty.parquet",
    *(f"{table}.parquet" for table in TABLES), "models", "figures", "run.json",
)  # fmt: skip
"""What a run writes; run.json last, so that what is half removed is still known for a run."""
_REGENERATED = ("run.json", "metrics.json", "report.html", "model_card.md", "tripod_ai.md", "canary.json", "figures")
_HASHED = tuple(name for name in _OWN if name not in _REGENERATED)
_BESIDE = ("id_salt", "logs", "explanations", "predictions")
"""What later commands write into a run's folder unless told otherwise."""


@dataclass(frozen=True)
class RunFolder(RunReading):
    """One run's folder. Make it with `create`, read it with `open`."""

    @classmethod
    def create(cls, path: Path | str, *, overwrite: bool = False, resume: bool = False) -> RunFolder:
        """A folder to write a run into; existing results are never touched unasked.

        With `resume` what is there goes on, be it nothing, half a run or (then there is nothing to do: see `status`) a
        whole one.

        Raises:
            RunFolderError: the folder holds a run (and neither key is set) or something that is no run.
        """
        run = cls(Path(path))
        status = run.status
        if status is not None:
            if overwrite or status == "clearing":
                run._clear()
            elif status == "complete" and not resume:
                raise RunFolderError(
                    f"{run.path}: holds a finished run. Choose another folder with output=<folder> or replace it with "
                    "overwrite=true."
                )
            elif not resume:
                raise RunFolderError(
                    f"{run.path}: holds an interrupted run with {len(run.finished_folds())} finished folds. Go on with "
                    "resume=true, replace it with overwrite=true, or choose another folder with output=<folder>."
                )
        elif run.path.exists() and (not run.path.is_dir() or any(not _incidental(item) for item in run.path.iterdir())):
            raise RunFolderError(
                f"{run.path}: is not empty and holds no run. Choose another folder with output=<folder>."
            )
        with disk_errors(run.path):
            run.path.mkdir(parents=True, exist_ok=True)
            remove_partial(run.path, ("models", "figures"))
            if run.status is None:
                # Folds of an attempt that ended before it was a run: they may be of other settings.
                run.folds_path.unlink(missing_ok=True)
        return run

    @classmethod
    def open(cls, path: Path | str, *, verify: bool = True, trust: Collection[str] | None = ()) -> RunFolder:
        """A finished run, which may be a stranger's: nothing that it names is made or followed unless it is a run's.

        Args:
            path: of the folder.
            verify: compare every file with its hash.
            trust: classes of others that its configuration may name; see `fusion.run.trust`. None where nothing that it
                names is ever made, so that it may name anything.

        Raises:
            RunFolderError: it is no run folder, of a newer version, incomplete or altered, or asks for what is no
                run's.
        """
        run = cls(Path(path))
        if not (run.path / "run.json").is_file():
            raise RunFolderError(
                f"{run.path}: is not a run folder (no run.json). Set run=<folder that fusion.train wrote>."
            )
        refuse_links(run.path, _OWN, beside=_BESIDE)
        if run.status != "complete":
            raise RunFolderError(
                f"{run.path}: this run did not finish. Finish it with fusion.train … output={run.path} resume=true."
            )
        if verify:
            verify_hashes(run.path, _HASHED, run.hashes())
        if trust is not None:
            require_trusted(run.config(), trust, where=run.path)
        return run

    # Writing, in the order of a run.

    def begin(
        self,
        *,
        config: Mapping[str, Any],
        cohort: CohortSpec,
        seed: int,
        command: Sequence[str] = (),
        inputs: Mapping[str, str] | None = None,
        seconds: float = 0.0,
    ) -> None:
        """Write run.json, inputs.json and config.yaml; when resuming, refuse another configuration or other data.

        Args:
            config: resolved, plain containers.
            cohort: what the run learns from.
            seed: of the run.
            command: the command line, for the record.
            inputs: of every file that the run reads, its SHA-256.
            seconds: since the command began, which read the cohort before.

        Raises:
            RunFolderError: the interrupted run in this folder was another one.
        """
        import yaml

        plain = json.loads(json.dumps(config))
        attempt = {
            "started": now(ago=seconds),
            "command": list(command),
            "git_commit": git_commit(),
            "versions": package_versions(),
            "machine": machine(),
        }
        earlier: list[Any] = []
        # config.yaml is written last: where it lies, run.json and inputs.json do too.
        if (self.path / "config.yaml").exists():
            known = {**self.cohort_spec().hashes, **self.inputs()}
            today = {**cohort.hashes, **(inputs or {})} if self.inputs() else cohort.hashes
            refuse_another_run(self.path, config=(self.config(), plain), inputs=changed_inputs(known, today))
            earlier = self.record().get("attempts", [])
        self._write_json(
            "run.json",
            {
                "format": FORMAT,
                "status": "running",
                "simulated": cohort.simulated,
                "seed": seed,
                "cohort": asdict(cohort),
                **attempt,
                "started": earlier[0]["started"] if earlier else attempt["started"],
                "attempts": [*earlier, attempt],
            },
        )
        self._write_json("inputs.json", {"files": dict(inputs or {})})
        text = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)
        replace_file(self.path / "config.yaml", lambda partial: partial.write_text(text, encoding="utf-8"))

    def write_spec(self, cohort: CohortSpec) -> None:
        """Who is in the cohort, in run.json: known after ingest."""
        record = self.record()
        self._write_json("run.json", {**record, "cohort": asdict(cohort)})

    def write_cohort(self, reconciliation: pd.DataFrame) -> None:
        """cohort.csv: every patient seen in any file, kept or dropped, where and why."""
        replace_file(self.path / "cohort.csv", lambda partial: reconciliation.to_csv(partial, index=False))

    def write_quality(self, found: Mapping[str, Sequence[Quality]]) -> None:
        """quality.json, and the figures in it: what ingest read and dropped, by modality; nobody's name."""
        parts, figures = quality_record(found)
        for name, source in figures.items():
            replace_file(self.figures_path / name, partial(shutil.copyfile, source))
        self._write_json("quality.json", {"parts": parts})

    def save_fold(self, name: str, result: FoldResult) -> None:
        """Keep a finished fold's tables beside its models; the fold counts as finished from here on."""
        for table in TABLES:
            self._write_table(f"models/{name}/{table}.parquet", getattr(result, table))
        made = {**result.made, "finished": now(), "git_commit": git_commit(), "versions": package_versions()}
        self.failure_path(name).unlink(missing_ok=True)
        self._write_json(
            f"models/{name}/result.json", {"fold": name, "predictions": len(result.predictions), "made": made}
        )
        shutil.rmtree(self.unfinished(name), ignore_errors=True)

    def gather(self, names: Sequence[str]) -> pd.DataFrame:
        """Join the folds' tables at the top of the folder; the predictions.

        Raises:
            RunFolderError: a fold is not finished.
        """
        import pandas as pd

        folds = [self.load_fold(name) for name in names]
        for name in names:  # a kill between a fold's result and its tidying
            shutil.rmtree(self.unfinished(name), ignore_errors=True)
        for table in TABLES:
            parts = [part for part in (getattr(fold, table) for fold in folds) if not part.empty]
            whole = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
            self._write_table(f"{table}.parquet", whole)
        return self.predictions()

    def write_metrics(self, metrics: Mapping[str, Any]) -> None:
        """metrics.json, as `fusion.evaluation.evaluate` makes it."""
        self._write_json("metrics.json", metrics)

    def write_described(self, values: pd.DataFrame) -> None:
        """described.parquet: what was declared of each patient at baseline."""
        self._write_table("described.parquet", values.reset_index())

    def write_uncertainty(self, patients: pd.DataFrame) -> None:
        """uncertainty.parquet: of each patient and repeat the conformal set, bounds and spread of the fused score."""
        self._write_table("uncertainty.parquet", patients)

    def write_examples(self, examples: Sequence[Mapping[str, Any]]) -> None:
        """examples.json: cases that the report shows in pictures, so that it needs no other file; none, no file."""
        if examples:
            self._write_json("examples.json", {"examples": list(examples)})

    def finish(self, *, seconds: float, steps: Mapping[str, float] | None = None) -> None:
        """Mark the run complete: wall time, peak memory and the hash of every file that later commands rest on.

        Args:
            seconds: wall time of the whole run.
            steps: the same by step, for the report.
        """
        record = self.record() | {
            "status": "complete",
            "finished": now(),
            "seconds": round(seconds, 2),
            "steps": {name: round(value, 2) for name, value in (steps or {}).items()},
            "peak_memory_bytes": peak_memory(),
            "folds": {name: self.made(name) for name in self.finished_folds()},
            "files": hash_files(self.path, _HASHED),
        }
        self._write_json("run.json", record)

    def note(self, **facts: Any) -> None:
        """Add to run.json."""
        self._write_json("run.json", self.record() | facts)

    # Inside.

    def _write_table(self, name: str, table: pd.DataFrame) -> None:
        replace_file(self.path / name, lambda partial: table.to_parquet(partial, index=False))

    def _write_json(self, name: str, content: Mapping[str, Any]) -> None:
        replace_json(self.path / name, content)

    def _clear(self) -> None:
        """Remove what a run writes, and nothing else that a user may keep there."""
        # A kill on the way leaves what is neither a run nor empty: the next call goes on with clearing.
        self._write_json("run.json", {"format": FORMAT, "status": "clearing"})
        for name in _OWN:
            item = self.path / name
            if item.is_dir() and not item.is_symlink():
                shutil.rmtree(item)
            else:
                item.unlink(missing_ok=True)


def _incidental(item: Path) -> bool:
    """What may lie in a folder before a run begins: logs, and what loggers and Hydra put there."""
    return item.name.startswith(".") or item.suffix == ".log" or item.name in ("wandb", "logs", "folds.json")
