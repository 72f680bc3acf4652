"""What a run folder says: every file of it read, within bounds and never through a link; nothing is written here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusion.contract import CohortSpec, EndpointSpec
from fusion.contract.places import modernise
from fusion.run.bounded import as_mapping, plain_name, read_json, read_table, read_yaml
from fusion.run.files import RunFolderError
from fusion.run.measured import measured

if TYPE_CHECKING:
    import pandas as pd

    from fusion.run.result import FoldResult

FORMAT = 1
"""Of the folder's layout; raised when an older program could misread a newer folder."""

LATER = (
    "choices",
    "inner_predictions",
    "audit",
    "described",
    "withheld",
    "uncertainty",
    "policy",
    "left_out",
    "secondary",
)
"""Tables that runs of older versions lack."""

TABLES = (
    "predictions", "inner", "selected", "curves", "choices", "inner_predictions", "audit", "withheld", "policy",
    "left_out", "secondary",
)  # fmt: skip
"""The tables of a `FoldResult`; gathered over folds at the top of the folder."""


@dataclass(frozen=True)
class RunReading:
    """One run's folder, to be read."""

    path: Path

    @property
    def folds_path(self) -> Path:
        """folds.json, which `data_modules.folds.draw` writes."""
        return self.path / "folds.json"

    @property
    def report_path(self) -> Path:
        """report.html."""
        return self.path / "report.html"

    @property
    def figures_path(self) -> Path:
        """The report's figures, as PNG and SVG."""
        return self.path / "figures"

    @property
    def status(self) -> str | None:
        """``running``, ``complete``, or ``clearing`` while it is removed; None where there is no run."""
        return str(self.record().get("status")) if (self.path / "run.json").exists() else None

    def models(self, fold: str) -> Path:
        """Where a fold keeps its fitted state."""
        return self.path / "models" / plain_name(fold, where=f"{self.path}, name of a fold")

    def unfinished(self, fold: str) -> Path:
        """Where a fold that is not finished keeps the networks that are."""
        return self.models(fold) / "unfinished"

    def failure_path(self, fold: str) -> Path:
        """Where it is written down why a fold failed."""
        return self.models(fold).with_suffix(".log")

    def made(self, fold: str) -> dict[str, Any]:
        """When, with which versions and on what a finished fold was made; nothing for runs of versions before that."""
        return dict(self._json(f"models/{fold}/result.json").get("made", {}))

    def inputs(self) -> dict[str, str]:
        """File → SHA-256 of all that the run read; nothing for runs of versions before that."""
        return dict(self._json("inputs.json")["files"]) if (self.path / "inputs.json").exists() else {}

    def hashes(self) -> dict[str, str]:
        """File of the run → the SHA-256 it had when the run ended.

        Raises:
            RunFolderError: a name leads out of the folder.
        """
        files = as_mapping(self.record().get("files"), self.path / "run.json, files")
        for name in files:
            for part in str(name).split("/"):
                plain_name(part, where=f"{self.path / 'run.json'}, files")
        return files

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
        tables: dict[str, Any] = {table: self._table(f"models/{name}/{table}.parquet") for table in TABLES}
        return FoldResult(**tables)

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
        try:
            stored = self.record()["cohort"]
            beside = tuple(_endpoint(one) for one in stored.get("secondary", ()))  # older versions had one endpoint
            return CohortSpec(**(stored | {"endpoint": _endpoint(stored["endpoint"]), "secondary": beside}))
        except (KeyError, TypeError) as error:
            raise RunFolderError(
                f"{self.path / 'run.json'}: does not say what the run learned from ({error})."
            ) from error

    def config(self) -> dict[str, Any]:
        """config.yaml, resolved; classes by their places of today."""
        import yaml

        path = self.path / "config.yaml"
        try:
            content = read_yaml(path)
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise RunFolderError(f"{path}: cannot be read ({error}).") from error
        return as_mapping(modernise(content), path)

    def metrics(self) -> dict[str, Any]:
        """metrics.json.

        Raises:
            RunFolderError: it cannot be read, or what every page reads of it is missing or altered.
        """
        return measured(self._json("metrics.json"), self.path / "metrics.json")

    def folds(self) -> dict[str, Any]:
        """folds.json."""
        content = self._json("folds.json")
        if not isinstance(content.get("folds"), list):
            raise RunFolderError(f"{self.path / 'folds.json'}: has no list of folds. The file was altered; restore it.")
        # Folders are found by these numbers.
        if not all(type(fold[key]) is int for fold in content["folds"] for key in ("repeat", "index")):
            raise RunFolderError(f"{self.path / 'folds.json'}: repeat and index of a fold must be whole numbers.")
        return content

    def sampling(self) -> dict[str, list[dict[str, Any]]]:
        """Modality → of each network in each fold, what share of its bags training saw; nothing for older versions."""
        found: dict[str, list[dict[str, Any]]] = {}
        for path in sorted(self.path.glob("models/*/*/arm.json")):
            seen = self._json(str(path.relative_to(self.path))).get("sampling") or {}
            for modality, facts in as_mapping(seen, path).items():
                found.setdefault(modality, []).append(facts)
        return found

    def predictions(self) -> pd.DataFrame:
        """predictions.parquet: out of fold, a row a patient, arm and repeat."""
        return self._table("predictions.parquet")

    def inner(self) -> pd.DataFrame:
        """inner.parquet: inner out-of-fold metrics by arm and fold."""
        return self._table("inner.parquet")

    def selected(self) -> pd.DataFrame:
        """selected.parquet: which features were selected in which fold."""
        return self._table("selected.parquet")

    def curves(self) -> pd.DataFrame:
        """curves.parquet: losses and metrics by epoch."""
        return self._table("curves.parquet")

    def audit(self) -> pd.DataFrame:
        """audit.parquet: out-of-fold scores of the fused arm with one modality altered."""
        return self._table("audit.parquet")

    def described(self) -> pd.DataFrame:
        """described.parquet: what was declared of each patient at baseline; empty for older versions."""
        return self._table("described.parquet")

    def withheld(self) -> pd.DataFrame:
        """withheld.parquet: out-of-fold scores of the fused arm with some modalities alone."""
        return self._table("withheld.parquet")

    def policy(self) -> pd.DataFrame:
        """policy.parquet: out-of-fold scores of each patient under each regimen that was a candidate for them."""
        return self._table("policy.parquet")

    def left_out(self) -> pd.DataFrame:
        """left_out.parquet: scores of each patient by models that saw nobody given the patient's regimen."""
        return self._table("left_out.parquet")

    def secondary(self) -> pd.DataFrame:
        """secondary.parquet: out-of-fold scores of secondary endpoints; empty where there is none."""
        return self._table("secondary.parquet")

    def uncertainty(self) -> pd.DataFrame:
        """uncertainty.parquet: each patient's conformal set, and bounds and spread of their score."""
        return self._table("uncertainty.parquet")

    def choices(self) -> pd.DataFrame:
        """choices.parquet: what inner folds said of each candidate of an arm, and which was chosen where."""
        return self._table("choices.parquet")

    def inner_predictions(self) -> pd.DataFrame:
        """inner_predictions.parquet: in each fold, its training patients' out-of-fold scores by arm."""
        return self._table("inner_predictions.parquet")

    def cohort(self) -> pd.DataFrame:
        """cohort.csv; ids and reasons as text."""
        import pandas as pd

        try:
            return pd.read_csv(
                self.path / "cohort.csv", dtype={"patient_id": str, "dropped_at": str, "reason": str}, encoding="utf-8"
            )
        except (OSError, ValueError) as error:
            raise RunFolderError(f"{self.path / 'cohort.csv'}: cannot be read ({error}).") from error

    def quality(self) -> list[dict[str, Any]]:
        """What `write_quality` wrote; nothing for runs of versions that did not."""
        parts = list(self._json("quality.json")["parts"]) if (self.path / "quality.json").exists() else []
        for part in parts:
            if part["figure"] is not None:
                plain_name(part["figure"], where=f"{self.path / 'quality.json'}, figure")
        return parts

    def examples(self) -> list[dict[str, Any]]:
        """What `write_examples` wrote; nothing where a run has none."""
        found = list(self._json("examples.json")["examples"]) if (self.path / "examples.json").exists() else []
        if any(not str(one["image"]).startswith("data:image/") for one in found):
            # A page that fetches a picture from elsewhere tells its maker who reads it.
            raise RunFolderError(
                f"{self.path / 'examples.json'}: has a picture that lies elsewhere; no run writes that."
            )
        return found

    # Inside.

    def _table(self, name: str) -> pd.DataFrame:
        import pandas as pd

        if Path(name).stem in LATER and not (self.path / name).exists():
            return pd.DataFrame()
        try:
            return read_table(self.path / name)
        except (OSError, ValueError) as error:
            raise RunFolderError(f"{self.path / name}: cannot be read ({error}). The run is incomplete.") from error

    def _json(self, name: str) -> dict[str, Any]:
        try:
            content = read_json(self.path / name)
        except (OSError, ValueError) as error:
            raise RunFolderError(f"{self.path / name}: cannot be read ({error}). The run is incomplete.") from error
        return as_mapping(modernise(content), self.path / name)


def _endpoint(stored: Mapping[str, Any]) -> EndpointSpec:
    lists = {key: tuple(stored.get(key, ())) for key in ("classes", "horizons", "competing")}
    return EndpointSpec(**{**stored, **lists})
