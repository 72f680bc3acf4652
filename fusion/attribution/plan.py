"""Whom to explain and by which fold's members; refused early: strangers, missing slides, data that changed since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusion.apply.settings import on_device
from fusion.attribution.jobs import Task, chunks
from fusion.attribution.scale import scale_of
from fusion.contract import CohortSpec, EndpointSpec, FusionError, some

if TYPE_CHECKING:
    from fusion.contract import Progress
    from fusion.protocol.setup import Setup
    from fusion.run.folder import RunFolder


CACHE = ".cache"
"""Where ingested results go, where the run's own cache is not on this machine."""
_WRITES_NOTHING = "data_modules.cohort.declared.refuse_writing"


@dataclass(frozen=True, kw_only=True)
class Patient:
    """Who is explained.

    Attributes:
        id: in the cohort.
        name: in the output; the id, or its hash.
        fold: the place, in folds.json, of the fold that left them out.
        label: position in the endpoint's classes, -1 unknown.
        score: of the run, out of fold.
        time: until the event or the last visit, of endpoints that have times.
    """

    id: str
    name: str
    fold: int
    label: int
    score: float
    time: float | None = None


def explained(spec: CohortSpec, asked: str | None) -> EndpointSpec:
    """The endpoint that is explained: the primary one, or a secondary one that is asked for.

    Raises:
        FusionError: the run was not trained for it.
    """
    if asked is None:
        return spec.endpoint
    every = {one.name: one for one in (spec.endpoint, *spec.secondary)}
    if asked not in every:
        raise FusionError(f"endpoint={asked}: the run was trained for {', '.join(every)}; choose one of them.")
    return every[asked]


def plan_patients(folder: RunFolder, config: Any) -> list[Patient]:
    """The patients that `config` asks for, each with the fold in which they were tested.

    Raises:
        FusionError: an arm, repeat, horizon or patient that the run does not have, or an endpoint not explained.
    """
    spec = folder.cohort_spec()
    endpoint = explained(spec, config.endpoint)
    scale_of(endpoint, config.horizon, getattr(config, "class", None))
    predictions = folder.predictions()
    if endpoint is not spec.endpoint:
        predictions = folder.secondary()
        predictions = predictions[predictions["endpoint"] == endpoint.name]
    arms = list(predictions["arm"].unique())
    kept = sorted({path.parent.name for path in folder.path.glob("models/*/*/member0.safetensors")})
    if not kept:
        raise FusionError(f"{folder.path}: this run kept no network weights, so there is nothing to explain.")
    if config.arm not in kept:
        other = f" {config.arm!r} is an arm of this run, but no network." if config.arm in arms else ""
        raise FusionError(f"arm: the run keeps no network arm {config.arm!r}; there are {', '.join(kept)}.{other}")
    if config.steps < 1 or config.tiles < 0:
        raise FusionError(f"steps={config.steps} and tiles={config.tiles}: give at least 1 step, and 0 tiles or more.")
    scored = predictions[(predictions["arm"] == config.arm) & (predictions["repeat"] == config.repeat)]
    if scored.empty:
        repeats = predictions["repeat"].nunique()
        raise FusionError(f"repeat={config.repeat}: the run has repeats 0 to {repeats - 1}.")
    scored = scored.set_index("patient_id")
    asked = list(scored.index) if config.patients is None else [str(one) for one in config.patients]
    strangers = [one for one in asked if one not in scored.index]
    if strangers:
        raise FusionError(
            f"patients: {len(strangers)} were never scored out of fold by this run ({', '.join(strangers[:3])}), so no "
            f"fold left them out or their {endpoint.name} is unknown; patients are listed in its cohort.csv. For new "
            "patients use fusion.predict."
        )
    folds = folder.folds()["folds"]
    tested = {
        patient: place
        for place, fold in enumerate(folds)
        if fold["repeat"] == config.repeat
        for patient in fold["test"]
    }
    naming = _naming(folder, anonymise=config.anonymise)
    rows = scored.loc[asked]
    times: list[float | None] = rows["time"].tolist() if "time" in rows else [None] * len(rows)
    return [
        Patient(id=patient, name=naming(patient), fold=tested[patient], label=int(label), score=float(score), time=time)
        for patient, label, score, time in zip(asked, rows["label"], rows["score"], times, strict=True)
    ]


def open_run_setup(
    folder: RunFolder, config: Any, patients: Sequence[Patient], progress: Progress
) -> tuple[Setup, dict[str, Any]]:
    """The run's own cohort, opened again, and the configuration for workers to do the same.

    Raises:
        FusionError: files are missing or not those that the run read.
    """
    from omegaconf import OmegaConf

    from fusion.protocol.setup import open_setup

    merged = on_device(folder.config(), config) | {"canary": None}
    # The folder may be a stranger's: it does not say where files are written.
    cache = config.cache or (merged["cache"] if (Path(str(merged["cache"])) / "hashes").is_dir() else CACHE)
    merged["cache"] = merged["cohort"]["cache"] = cache
    if config.root is not None:
        merged["cohort"]["root"] = config.root
    elif merged["cohort"].get("generator") is not None:
        merged["cohort"]["generator"] = {"_target_": _WRITES_NOTHING, "_partial_": True}
    setup = open_setup(OmegaConf.create(merged), progress, require_labels=False)
    _refuse_missing(folder, setup, patients)
    _refuse_changed(folder, setup, progress, verify=config.verify)
    setup.prepare(progress)
    return setup, merged


def plan_tasks(folder: RunFolder, patients: Sequence[Patient]) -> list[Task]:
    """Tasks over folds, interleaved so that two workers mostly stay on folds of their own."""
    folds = folder.folds()["folds"]
    queues = []
    for place, fold in enumerate(folds):
        of_fold = [(patient.id, patient.name) for patient in patients if patient.fold == place]
        name = f"repeat{fold['repeat']}_fold{fold['index']}"
        train = tuple(tuple(inner["train"]) for inner in fold["inner"])
        queues.append(chunks(name, folder.models(name), train, of_fold))
    tasks = []
    for first in range(0, len(queues), 2):
        pair = queues[first : first + 2]
        for row in range(max(map(len, pair), default=0)):
            tasks += [queue[row] for queue in pair if row < len(queue)]
    return tasks


def _naming(folder: RunFolder, *, anonymise: bool) -> Any:
    if not anonymise:
        return str
    from fusion.run.identifiers import hash_id, read_salt

    salt = read_salt(folder.path)
    return lambda patient: hash_id(patient, salt)


def _refuse_changed(folder: RunFolder, setup: Setup, progress: Progress, *, verify: str) -> None:
    """Files must be those that the run read; what it did not read does not matter.

    Raises:
        FusionError: naming the files.
    """
    from omegaconf import OmegaConf

    from fusion.encoders.variants.gene_files import gene_files
    from fusion.run.integrity import changed_inputs

    known, now = folder.cohort_spec().hashes, setup.cohort.spec.hashes
    if folder.inputs():  # of a gene network the trained model carries what it needs
        now = setup.inputs(progress, verify=verify)
        beside = {str(path.resolve()) for path in gene_files(OmegaConf.create(folder.config()))}
        known = {name: digest for name, digest in folder.inputs().items() if name not in beside}
    changed = changed_inputs(known, {name: digest for name, digest in now.items() if name in known})
    if changed:
        raise FusionError(
            f"{some(changed, rest='others')}: not what the run was trained on (the SHA-256 differs). Restore "
            f"{'it' if len(changed) == 1 else 'them'}, or point root=<folder> to the cohort as it was."
        )


def _refuse_missing(folder: RunFolder, setup: Setup, patients: Sequence[Patient]) -> None:
    """Patients must still have what the run saw of them.

    Raises:
        FusionError: naming modality and patients.
    """
    then = folder.cohort().set_index("patient_id")
    lost = {
        name: [one.id for one in patients if bool(then[name].get(one.id)) and one.id not in modality.patients]
        for name, modality in setup.modalities.items()
        if name in then
    }
    problems = [
        f"modality.{name}: {len(ids)} patients had it in the run and have it no more ({', '.join(ids[:3])}); restore "
        f"their files (modality.{name}.files under cohort.root) or leave them out with patients=[…]"
        for name, ids in lost.items()
        if ids
    ]
    if problems:
        raise FusionError(". ".join(problems) + ".")
