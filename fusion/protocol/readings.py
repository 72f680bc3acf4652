"""How candidates of `choose` read modalities: opened beside the run's own, ingested, and of the same patients."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from fusion.contract import FusionError, some

if TYPE_CHECKING:
    from collections.abc import Collection

    from fusion.contract import Modality, Progress

Readings = Mapping[str, Mapping[str, "Modality"]]


def open_readings(
    config: Any, modalities: Mapping[str, Modality], make: Callable[[str, Any], Modality]
) -> dict[str, dict[str, Modality]]:
    """Number of a candidate → its modalities, of those that read some otherwise than the run itself.

    What has the same settings is the same object, so that it is ingested and fitted once.

    Args:
        config: with `modality` and, perhaps, `choose`.
        modalities: of the run, opened.
        make: name and settings of a modality → the modality.

    Raises:
        FusionError: what a candidate's modality finds wrong with its settings or files.
    """
    known = {(name, _settings(config.modality[name])): one for name, one in modalities.items()}
    found: dict[str, dict[str, Modality]] = {}
    for number, candidate in (config.get("choose") or {}).items():
        if candidate.get("modality") is None:
            continue
        reading = {}
        for name in modalities:
            node = candidate.modality[name]
            key = name, _settings(node)
            if key not in known:
                known[key] = make(name, node)
                wrong = known[key].check()
                if wrong:
                    raise FusionError(f"{_named(config, str(number))}: " + "\n".join(map(str, wrong)))
            reading[name] = known[key]
        found[str(number)] = reading
    return found


def distinct(modalities: Mapping[str, Modality], readings: Readings) -> Iterator[tuple[str, Modality]]:
    """Every modality once, with the number of the first candidate that reads so; of the run's own it is empty."""
    seen = set()
    for number, reading in [("", modalities), *readings.items()]:
        for modality in reading.values():
            if id(modality) not in seen:
                seen.add(id(modality))
                yield number, modality


def told(progress: Progress, number: str) -> Progress:
    """Progress that says for which candidate a modality is ingested."""
    if not number:
        return progress
    return lambda step, done, total: progress(f"{step} (candidate {number})", done, total)


def refuse_other_patients(
    config: Any, modalities: Mapping[str, Modality], readings: Readings, patients: Collection[str]
) -> None:
    """Refuse candidates by whose reading other patients have a modality: arms are compared on the same ones.

    Args:
        config: for how a candidate is called.
        modalities: of the run.
        readings: of candidates.
        patients: of the cohort.

    Raises:
        FusionError: naming candidate, modality and patients, and why ingest could not use what they have.
    """
    problems = []
    for number, reading in readings.items():
        for name, modality in reading.items():
            own = modalities[name]
            here, first = _having(modality, patients), _having(own, patients)
            for who, what, why in ((first - here, "lack", modality.failed), (here - first, "have", own.failed)):
                if who:
                    named = [f"{one} ({why[one]})" if one in why else one for one in sorted(who)]
                    problems.append(
                        f"{_named(config, number)}: {len(who)} patients {what} modality.{name} by its settings and "
                        f"not by those of candidate 1: {some(named, 3)}."
                    )
    if problems:
        raise FusionError(
            "\n".join(problems)
            + "\nAll candidates are compared on the same patients. Take the files of these out of the cohort, or the "
            "candidate out of choose."
        )


def _having(modality: Modality, patients: Collection[str]) -> set[str]:
    return set(patients) & (modality.patients - modality.failed.keys())


def _named(config: Any, number: str) -> str:
    from fusion.config.candidates import settings_of

    return f"choose, candidate {number} ({settings_of(config)[number]})"


def _settings(node: Any) -> str:
    from omegaconf import OmegaConf

    plain = OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node
    return json.dumps(plain, sort_keys=True, default=str)
