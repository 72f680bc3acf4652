"""What canaries found in a cohort, kept by the digest of its data: a page shows them for these data and no others."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusion.run.bounded import as_mapping, read_json
from fusion.run.files import replace_file

if TYPE_CHECKING:
    from fusion.run.folder import RunFolder

NAME = "canary.json"
DATA = "data"
"""Key of run.json and canary.json: the digest of what was looked at."""
_PLACES = {"root", "cache", "_target_"}
"""Keys of a cohort that say where its files lie and what reads them, not what they are."""


def data_digest(cohort: Mapping[str, Any], endpoint: str, files: Mapping[str, str], patients: tuple[str, ...]) -> str:
    """SHA-256 of what a cohort is: its declaration, its files' contents, and who is in it.

    Args:
        cohort: the configuration's `cohort`, plain.
        endpoint: that is predicted.
        files: that are read → SHA-256.
        patients: who is kept after ingest.
    """
    declared = {key: value for key, value in cohort.items() if key not in _PLACES}
    what = {"cohort": declared, "endpoint": endpoint, "files": dict(files), "patients": list(patients)}
    return hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()


def keep(found: Mapping[str, Any], folder: Path) -> Path:
    """Write what canaries found, with its digest, where runs on the same data look for it; the file.

    Args:
        found: of `fusion.canary`, with `DATA`.
        folder: the cache that training uses too.
    """
    path = folder / "canaries" / f"{found[DATA]}.json"
    _write(found, path)
    return path


def take(run: RunFolder, folder: Path, digest: str) -> None:
    """Write the digest into run.json, and what canaries found in these data, if anything, into the run folder."""
    run.note(**{DATA: digest})
    path = folder / "canaries" / f"{digest}.json"
    if path.is_file():
        give(run, as_mapping(read_json(path), path))
    else:
        (run.path / NAME).unlink(missing_ok=True)


def give(run: RunFolder, found: Mapping[str, Any]) -> None:
    """Write it into the run folder."""
    _write(found, run.path / NAME)


def canaries_of(run: RunFolder) -> dict[str, Any] | None:
    """What canaries found in the data of a run; None where none ran, or on other data than the run's.

    Raises:
        RunFolderError: the file cannot be read.
    """
    path = run.path / NAME
    if not path.is_file():
        return None
    found = dict(as_mapping(read_json(path), path))
    return found if found.get(DATA) and found[DATA] == run.record().get(DATA) else None


def _write(found: Mapping[str, Any], path: Path) -> None:
    text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, lambda partial: partial.write_text(text, encoding="utf-8"))
