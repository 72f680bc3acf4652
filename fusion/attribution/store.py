"""Where explanations are kept: a part a patient, so that finished patients need not be explained again.

::

    explain.json  attributions.parquet  attribution_report.html  patients/<id>.html  parts/<id>.{parquet,npz,json}

A part counts once its JSON, written last, names the settings it was made with.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusion.contract import FusionError
from fusion.run.files import replace_file

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from fusion.attribution.patient import Explanation, Settings

VERSION = 4
"""Rises with every change of what a part holds or means."""
STATE = "explain.json"
TABLE = "attributions.parquet"
PAGE = "attribution_report.html"
EVIDENCE = "evidence.json"
_OWN = (STATE, TABLE, PAGE, EVIDENCE, "parts", "patients", "faithfulness.json")


def settings_key(settings: Settings, run_files: Mapping[str, str], *, repeat: int, anonymise: bool) -> str:
    """A hash of all that decides the parts: the settings and the run's own files."""
    asked = asdict(settings)
    for later in ("endpoint", "of_class"):
        if asked[later] is None:
            del asked[later]  # what was interrupted before others could be explained goes on
    content = {
        "version": VERSION,
        "settings": asked,
        "run": dict(run_files),
        "repeat": repeat,
        "anonymise": anonymise,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _words(texts: Sequence[str]) -> Any:
    import pyarrow as pa

    return pa.array(list(texts), pa.string())


def file_name(patient: str) -> str:
    """A file name for any patient id; ids that differ give names that differ."""
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", patient).lstrip(".")
    return plain if plain == patient else f"{plain}-{hashlib.sha256(patient.encode()).hexdigest()[:8]}"


@dataclass(frozen=True, kw_only=True)
class Store:
    """The output folder of `fusion.explain`.

    Attributes:
        path: of the folder.
        key: of the settings.
    """

    path: Path
    key: str

    @classmethod
    def create(cls, path: Path, key: str, *, overwrite: bool) -> Store:
        """Begin, or go on with what an interrupted command left.

        Raises:
            FusionError: finished explanations are there, or unfinished ones with other settings.
        """
        store = cls(path=path, key=key)
        state = store._state()
        if overwrite:
            store._clear()
        elif state.get("status") == "complete":
            raise FusionError(
                f"{path}: holds finished explanations. Choose another folder with output=<folder> or replace them with "
                "overwrite=true."
            )
        elif state and state.get("key") != key:
            raise FusionError(
                f"{path}: holds unfinished explanations of another run or with other settings. Replace them with "
                "overwrite=true or choose another folder with output=<folder>."
            )
        store.write_state({"status": "running", "key": key})
        return store

    def finished(self, patient: str) -> bool:
        """Whether the patient (as named in the output) is explained with these settings."""
        try:
            facts = json.loads(self._part(patient, "json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        return bool(facts.get("key") == self.key)

    def save(self, patient: str, explanation: Explanation) -> None:
        """Keep a patient's explanation."""
        import numpy as np

        def write_pictures(partial: Path) -> None:
            with partial.open("wb") as stream:
                np.savez_compressed(stream, allow_pickle=False, **explanation.pictures)

        replace_file(self._part(patient, "parquet"), lambda part: explanation.rows.to_parquet(part, index=False))
        replace_file(self._part(patient, "npz"), write_pictures)
        text = json.dumps({**explanation.facts, "key": self.key}, indent=1) + "\n"
        replace_file(self._part(patient, "json"), lambda part: part.write_text(text, encoding="utf-8"))

    def facts(self, patient: str) -> dict[str, Any]:
        """What was noted of a finished patient."""
        return dict(json.loads(self._part(patient, "json").read_text(encoding="utf-8")))

    def rows(self, patient: str) -> pd.DataFrame:
        """A finished patient's rows of attributions.parquet."""
        import pandas as pd

        return pd.read_parquet(self._part(patient, "parquet"))

    def chosen(self, features: Sequence[str], columns: Sequence[str]) -> pd.DataFrame:
        """Columns of the rows of some features, of all patients in order, out of attributions.parquet."""
        import pandas as pd
        from pyarrow import compute, parquet

        kept: list[pd.DataFrame] = []
        with parquet.ParquetFile(self.path / TABLE) as file:
            for number in range(file.num_row_groups):
                rows = file.read_row_group(number, columns=list(columns))
                kept.append(rows.filter(compute.is_in(rows["feature"], _words(features))).to_pandas())
        return pd.concat(kept, ignore_index=True)

    def pictures(self, patient: str) -> dict[str, NDArray[np.generic]]:
        """A finished patient's pictures by name; see `Explanation`."""
        import numpy as np

        with np.load(self._part(patient, "npz"), allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}

    def write_table(self, patients: Sequence[str], columns: Sequence[str], same: Mapping[str, Any]) -> None:
        """attributions.parquet from the parts, a patient at a time: large slides have thousands of rows each.

        Args:
            patients: finished ones, in order.
            columns: of the table; those that no part has are empty.
            same: column → its value in every row.
        """
        import pyarrow as pa
        from pyarrow import parquet

        stored = [parquet.read_schema(self._part(patient, "parquet")).remove_metadata() for patient in patients]
        found = pa.unify_schemas(stored, promote_options="permissive")
        types = {field.name: field.type for field in found} | {"patient": pa.string()}
        types |= {name: pa.scalar(value).type for name, value in same.items()}
        schema = pa.schema([(name, types.get(name, pa.float64())) for name in dict.fromkeys([*columns, *same])])

        def write(partial: Path) -> None:
            with parquet.ParquetWriter(partial, schema) as writer:
                for patient in patients:
                    rows = parquet.read_table(self._part(patient, "parquet"))
                    constant = {**same, "patient": patient}
                    writer.write_table(
                        pa.table(
                            [
                                rows[field.name].cast(field.type)
                                if field.name not in constant and field.name in rows.column_names
                                else pa.repeat(pa.scalar(constant.get(field.name), field.type), len(rows))
                                for field in schema
                            ],
                            schema=schema,
                        )
                    )

        replace_file(self.path / TABLE, write)

    def write_text(self, name: str, text: str) -> None:
        """A file of the folder by its name, replaced whole."""
        replace_file(self.path / name, lambda partial: partial.write_text(text, encoding="utf-8"))

    def write_state(self, content: Mapping[str, Any]) -> None:
        """What says of the folder whether it is finished, and under which settings."""
        self.write_text(STATE, json.dumps(content, indent=1, allow_nan=False) + "\n")

    def page(self, patient: str) -> str:
        """The patient's page, relative to the folder."""
        return f"patients/{file_name(patient)}.html"

    def _part(self, patient: str, kind: str) -> Path:
        return self.path / "parts" / f"{file_name(patient)}.{kind}"

    def _state(self) -> dict[str, Any]:
        try:
            return dict(json.loads((self.path / STATE).read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return {}

    def _clear(self) -> None:
        """Remove what explain writes, and nothing else that a user may keep there."""
        for name in _OWN:
            item = self.path / name
            if item.is_dir() and not item.is_symlink():
                shutil.rmtree(item)
            else:
                item.unlink(missing_ok=True)
