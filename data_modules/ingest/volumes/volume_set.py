"""All volumes of a cohort: entries made side by side, failures listed, a quality table and contact sheets.

The set's folder holds ``quality.csv`` (one row a volume, the error where a patient failed), ``contact_sheet_*.png`` and
``set.json``, written last, which says that the set was gone through.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_modules.ingest.common.pieces import make_missing
from data_modules.ingest.common.sets import IngestedSet, set_folder, side_by_side
from data_modules.ingest.volumes.files import VolumeError
from data_modules.ingest.volumes.ingest import PatientVolumes, VolumeEntry, VolumeRules, entry_for, ingest_patient

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from fusion.contract import Progress
    from fusion.contract.pieces import Elsewhere

_KIND = "volume_sets"

VolumeSet = IngestedSet[VolumeEntry]


def ingest_volumes(
    requests: Sequence[PatientVolumes],
    settings: VolumeRules,
    *,
    cache: Path,
    progress: Progress,
    workers: int = 2,
    max_failed: float = 0.05,
    name: str = "volumes",
    simulated: bool = False,
    elsewhere: Elsewhere | None = None,
) -> VolumeSet:
    """Make every missing entry; nothing to do where the cache holds them all.

    Args:
        requests: distinct patients.
        settings: what an entry holds.
        cache: the cache folder.
        progress: told after each patient.
        workers: threads; decoding and resampling leave Python's lock.
        max_failed: share of patients that may fail before the run stops. One who failed counts as lacking the modality.
        name: the modality, for messages.
        simulated: stamped on the contact sheets and in the quality table.
        elsewhere: what makes the entries on other machines; None makes them here.

    Raises:
        FusionError: more patients failed than `max_failed` allows, or the disk is full.
    """
    places = {request.patient: entry_for(request, settings, cache=cache) for request in requests}
    folder = set_folder(_KIND, places, cache=cache, simulated=simulated)
    known = VolumeSet.known(VolumeEntry, places, folder)
    if known is not None and not known.errors:
        return known
    missing = [request for request in requests if not places[request.patient].complete]
    errors = make_missing(
        missing, requests, elsewhere=elsewhere, name=name, max_failed=max_failed,
        here=lambda: attempt_volumes(missing, settings, cache=cache, workers=workers),
        address=lambda one: places[one.patient].key, label=lambda one: one.patient,
        told=lambda done: progress(f"{name}: volumes", done, len(requests)),
        failed="the volumes of {} patients failed",
        remedy=f"Mend these files, leave them out of modality.{name}.files",
    )  # fmt: skip
    result = VolumeSet.of(VolumeEntry, places, errors, folder)
    _describe(result, requests, settings, simulated=simulated)
    return result


def attempt_volumes(
    requests: Sequence[PatientVolumes], settings: VolumeRules, *, cache: Path, workers: int
) -> Generator[tuple[PatientVolumes, str | None]]:
    """Make these entries on this machine; each patient as they are done, with the error of their volumes.

    Args:
        requests: patients without an entry.
        settings: what an entry holds.
        cache: the cache folder.
        workers: threads.

    Raises:
        FusionError: the disk is full.
    """
    with ThreadPoolExecutor(max(1, workers)) as pool:
        yield from side_by_side(pool, requests, partial(_attempt, settings=settings, cache=cache))


def _attempt(request: PatientVolumes, settings: VolumeRules, cache: Path) -> str | None:
    """The error of a patient whose volumes failed; what is not the files' fault (a full disk) is raised."""
    try:
        ingest_patient(request, settings, cache=cache)
    except VolumeError as error:
        return str(error)
    return None


def load_set(
    requests: Sequence[PatientVolumes], settings: VolumeRules, *, cache: Path, simulated: bool = False
) -> VolumeSet | None:
    """The set as `ingest_volumes` left it, or None where it has not run to its end or entries are gone."""
    places = {request.patient: entry_for(request, settings, cache=cache) for request in requests}
    return VolumeSet.known(VolumeEntry, places, set_folder(_KIND, places, cache=cache, simulated=simulated))


def _describe(result: VolumeSet, requests: Sequence[PatientVolumes], settings: VolumeRules, *, simulated: bool) -> None:
    import pandas as pd

    rows: list[dict[str, Any]] = []
    panels = []
    for request in requests:
        entry = result.entries.get(request.patient)
        if entry is None:
            rows.append({"patient": request.patient, "error": result.errors.get(request.patient, "")})
            continue
        of_patient = entry.record()
        # The entry may be of files that had other names, or of a patient who had another id.
        now = {name: file.name for name, file in request.files.items()}
        rows += [
            {**row, "patient": request.patient, "file": now.get(row["sequence"], row["file"]), "error": ""}
            for row in of_patient
        ]
        caption = f"{request.patient} {len(of_patient)}/{len(settings.sequences)}"
        panels.append((caption, entry.folder / "panel.png"))
    if simulated:
        rows = [{**row, "simulated": True} for row in rows]
    table = pd.DataFrame(rows)
    result.describe(table, panels, simulated=simulated)
