"""The run folder: everything a run leaves behind, complete in itself. Nothing else reads or writes it.

::

    config.yaml  run.json  folds.json  cohort.csv  quality.json  predictions.parquet  metrics.json  examples.json
    selected.parquet  curves.parquet  inner.parquet  models/<fold>/…  figures/  report.html

Files are replaced whole (`replace_file`). A finished fold is a folder ``models/<fold>`` with a ``result.json``, so an
interrupted run resumes. ``run.json`` carries the format's number and, once complete, a hash of every file that
predictions, explanations and the report rest on.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusion.contract import CohortSpec, EndpointSpec, Quality
from fusion.contract.places import modernise
from fusion.run.files import RunFolderError, disk_errors, replace_file
from fusion.run.integrity import hash_files, refuse_another_run, verify_hashes
from fusion.run.record import git_commit, machine, now, package_versions, peak_memory, quality_record

if TYPE_CHECKING:
    import pandas as pd

    from fusion.run.result import FoldResult

FORMAT = 1
"""Of the folder's layout; raised when an older program could misread a newer folder."""

TABLES = ("predictions", "inner", "selected", "curves")
"""The tables of a `FoldResult`; gathered over folds at the top of the folder."""

_OWN = (
    "config.yaml", "run.json", "folds.json", "cohort.csv", "quality.json", "metrics.json", "examples.json",
    "report.html", *(f"{table}.parquet" for table in TABLES), "models", "figures",
)  # fmt: skip
_REGENERATED = ("run.json", "metrics.json", "report.html", "figures")
_HASHED = tuple(name for name in _OWN if name not in _REGENERATED)


@dataclass(frozen=True)
class RunFolder:
    """One run's folder. Make it with `create`, read it with `open`."""

    path: Path

    @classmethod
    def create(cls, path: Path | str, *, overwrite: bool = False, resume: bool = False) -> RunFolder:
        """A folder to write a run into; existing results are never touched unasked.

        Raises:
            RunFolderError: the folder holds a run (and neither key is set) or something that is no run.
        """
        run = cls(Path(path))
        if (run.path / "run.json").exists():
            status = run.record().get("status")
            if overwrite:
                run._clear()
            elif status == "complete":
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
        elif resume:
            raise RunFolderError(f"{run.path}: there is no interrupted run to resume; leave out resume=true.")
        with disk_errors(run.path):
            run.path.mkdir(parents=True, exist_ok=True)
            if not (run.path / "run.json").exists():
                # Folds of an attempt that ended before it was a run: they may be of other settings.
                run.folds_path.unlink(missing_ok=True)
        return run

    @classmethod
    def open(cls, path: Path | str, *, verify: bool = True) -> RunFolder:
        """A finished run.

        Args:
            path: of the folder.
            verify: compare every file with its hash.

        Raises:
            RunFolderError: it is no run folder, of a newer version, incomplete or altered.
        """
        run = cls(Path(path))
        if not (run.path / "run.json").is_file():
            raise RunFolderError(
                f"{run.path}: is not a run folder (no run.json). Set run=<folder that fusion.train wrote>."
            )
        record = run.record()
        if record.get("status") != "complete":
            raise RunFolderError(
                f"{run.path}: this run did not finish. Finish it with fusion.train … output={run.path} resume=true."
            )
        if verify:
            verify_hashes(run.path, _HASHED, record["files"])
        return run

    # Writing, in the order of a run.

    def begin(self, *, config: Mapping[str, Any], cohort: CohortSpec, seed: int, command: Sequence[str] = ()) -> None:
        """Write config.yaml and run.json; when resuming, refuse another configuration or other data.

        Args:
            config: resolved, plain containers.
            cohort: what the run learns from.
            seed: of the run.
            command: the command line, for the record.

        Raises:
            RunFolderError: the interrupted run in this folder was another one.
        """
        import yaml

        if (self.path / "run.json").exists():
            refuse_another_run(
                self.path,
                config=(self.config(), json.loads(json.dumps(config))),
                hashes=(self.cohort_spec().hashes, cohort.hashes),
            )
        text = yaml.safe_dump(json.loads(json.dumps(config)), sort_keys=False, allow_unicode=True)
        replace_file(self.path / "config.yaml", lambda partial: partial.write_text(text, encoding="utf-8"))
        self._write_json(
            "run.json",
            {
                "format": FORMAT,
                "status": "running",
                "simulated": cohort.simulated,
                "started": now(),
                "seed": seed,
                "command": list(command),
                "cohort": asdict(cohort),
                "git_commit": git_commit(),
                "versions": package_versions(),
                "machine": machine(),
            },
        )

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

    def quality(self) -> list[dict[str, Any]]:
        """What `write_quality` wrote; nothing for runs of versions that did not."""
        return list(self._json("quality.json")["parts"]) if (self.path / "quality.json").exists() else []

    def save_fold(self, name: str, result: FoldResult) -> None:
        """Keep a finished fold's tables beside its models; the fold counts as finished from here on."""
        for table in TABLES:
            self._write_table(f"models/{name}/{table}.parquet", getattr(result, table))
        self._write_json(f"models/{name}/result.json", {"fold": name, "predictions": len(result.predictions)})

    def gather(self, names: Sequence[str]) -> pd.DataFrame:
        """Join the folds' tables at the top of the folder; the predictions.

        Raises:
            RunFolderError: a fold is not finished.
        """
        import pandas as pd

        folds = [self.load_fold(name) for name in names]
        for table in TABLES:
            parts = [part for part in (getattr(fold, table) for fold in folds) if not part.empty]
            whole = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
            self._write_table(f"{table}.parquet", whole)
        return self.predictions()

    def write_metrics(self, metrics: Mapping[str, Any]) -> None:
        """metrics.json, as `fusion.evaluation.evaluate` makes it."""
        self._write_json("metrics.json", metrics)

    def write_examples(self, examples: Sequence[Mapping[str, Any]]) -> None:
        """examples.json: cases that the report shows in pictures, so that it needs no other file; none, no file."""
        if examples:
            self._write_json("examples.json", {"examples": list(examples)})

    def examples(self) -> list[dict[str, Any]]:
        """What `write_examples` wrote; nothing where a run has none."""
        return list(self._json("examples.json")["examples"]) if (self.path / "examples.json").exists() else []

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
            "files": hash_files(self.path, _HASHED),
        }
        self._write_json("run.json", record)

    # Reading.

    @property
    def folds_path(self) -> Path:
        """folds.json, which `data_modules.folds.draw` writes."""
        return self.path / "folds.json"

    @property
    def report_path(self) -> Path:
        return self.path / "report.html"

    @property
    def figures_path(self) -> Path:
        return self.path / "figures"

    def models(self, fold: str) -> Path:
        """Where a fold keeps its fitted state."""
        return self.path / "models" / fold

    def finished_folds(self) -> tuple[str, ...]:
        """Names of folds that need not run again."""
        return tuple(sorted(path.parent.name for path in self.path.glob("models/*/result.json")))

    def load_fold(self, name: str) -> FoldResult:
        """A finished fold's tables.

        Raises:
            RunFolderError: the fold is not finished.
        """
        from fusion.run.result import FoldResult

        if not (self.models(name) / "result.json").exists():
            raise RunFolderError(f"{self.models(name)}: this fold is not finished; go on with resume=true.")
        return FoldResult(**{table: self._table(f"models/{name}/{table}.parquet") for table in TABLES})

    def record(self) -> dict[str, Any]:
        """run.json.

        Raises:
            RunFolderError: it cannot be read, or a newer program wrote it.
        """
        record = self._json("run.json")
        if not isinstance(record.get("format"), int):
            raise RunFolderError(f"{self.path / 'run.json'}: is not a run's record (no format number).")
        if record["format"] > FORMAT:
            writer = record.get("versions", {}).get("oncofusion", "unknown")
            raise RunFolderError(
                f"{self.path}: was written by a newer version, {writer} (folder format {record['format']}; this one "
                f"reads up to {FORMAT}). Update the package."
            )
        return record

    def cohort_spec(self) -> CohortSpec:
        """What the run learned from."""
        stored = self.record()["cohort"]
        endpoint = EndpointSpec(**(stored["endpoint"] | {"classes": tuple(stored["endpoint"]["classes"])}))
        return CohortSpec(**(stored | {"endpoint": endpoint}))

    def config(self) -> dict[str, Any]:
        """config.yaml, resolved; classes by their places of today."""
        import yaml

        try:
            content = yaml.safe_load((self.path / "config.yaml").read_text(encoding="utf-8"))
        except (OSError, yaml.YAMLError) as error:
            raise RunFolderError(f"{self.path / 'config.yaml'}: cannot be read ({error}).") from error
        return dict(modernise(content))

    def metrics(self) -> dict[str, Any]:
        return self._json("metrics.json")

    def folds(self) -> dict[str, Any]:
        return self._json("folds.json")

    def predictions(self) -> pd.DataFrame:
        return self._table("predictions.parquet")

    def inner(self) -> pd.DataFrame:
        return self._table("inner.parquet")

    def selected(self) -> pd.DataFrame:
        return self._table("selected.parquet")

    def curves(self) -> pd.DataFrame:
        return self._table("curves.parquet")

    def cohort(self) -> pd.DataFrame:
        """cohort.csv; ids and reasons as text."""
        import pandas as pd

        try:
            return pd.read_csv(
                self.path / "cohort.csv", dtype={"patient_id": str, "dropped_at": str, "reason": str}, encoding="utf-8"
            )
        except (OSError, ValueError) as error:
            raise RunFolderError(f"{self.path / 'cohort.csv'}: cannot be read ({error}).") from error

    # Inside.

    def _table(self, name: str) -> pd.DataFrame:
        import pandas as pd

        try:
            return pd.read_parquet(self.path / name)
        except (OSError, ValueError) as error:
            raise RunFolderError(f"{self.path / name}: cannot be read ({error}). The run is incomplete.") from error

    def _write_table(self, name: str, table: pd.DataFrame) -> None:
        replace_file(self.path / name, lambda partial: table.to_parquet(partial, index=False))

    def _json(self, name: str) -> dict[str, Any]:
        try:
            content = json.loads((self.path / name).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RunFolderError(f"{self.path / name}: cannot be read ({error}). The run is incomplete.") from error
        return dict(modernise(content))

    def _write_json(self, name: str, content: Mapping[str, Any]) -> None:
        text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        replace_file(self.path / name, lambda partial: partial.write_text(text, encoding="utf-8"))

    def _clear(self) -> None:
        """Remove what a run writes, and nothing else that a user may keep there."""
        for name in _OWN:
            item = self.path / name
            if item.is_dir() and not item.is_symlink():
                shutil.rmtree(item)
            else:
                item.unlink(missing_ok=True)


def _incidental(item: Path) -> bool:
    """What may lie in a folder before a run begins: logs, and what loggers and Hydra put there."""
    return item.name.startswith(".") or item.suffix == ".log" or item.name in ("wandb", "logs", "folds.json")
