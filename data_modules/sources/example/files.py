"""The files of an example, whole or not at all."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from data_modules.sources.example import measured
from data_modules.sources.example.patients import Patients, draw_patients
from data_modules.sources.simulated.source import STAMP_FILE, read_stamp
from fusion.contract import FusionError

KINDS: dict[str, Callable[[Path, Patients, int], None]] = {
    "tables": measured.write_tables,
    "slides": measured.write_slides,
    "variants": measured.write_variants,
    "volumes": measured.write_volumes,
}
"""Kind → what writes it: folder, patients, seed."""
GENERATOR = "data_modules.sources.example"


def write_example(out: Path, kinds: Sequence[str], *, patients: int, seed: int) -> list[str]:
    """Write an example; nothing to do where it stands.

    Args:
        out: folder.
        kinds: of `KINDS`.
        patients: how many.
        seed: of everything drawn.

    Returns:
        What lies in the folder, by name.

    Raises:
        FusionError: the folder exists and is no example.
    """
    settings: dict[str, Any] = {"generator": GENERATOR, "kinds": sorted(kinds), "patients": patients, "seed": seed}
    stamp = read_stamp(out)
    if stamp is None or any(stamp.get(key) != value for key, value in settings.items()):
        earlier = stamp is not None and stamp.get("generator") == GENERATOR
        if out.exists() and not earlier and not (out.is_dir() and not any(out.iterdir())):
            raise FusionError(f"out={out}: there is something already, and it is left alone. Name another folder.")
        _replace(out, kinds, settings)
    return sorted(f"{path.name}/" if path.is_dir() else path.name for path in out.iterdir() if path.name != STAMP_FILE)


def _replace(out: Path, kinds: Sequence[str], settings: dict[str, Any]) -> None:
    draft = out.with_name(f".{out.name}.{secrets.token_hex(8)}.partial")
    try:
        draft.mkdir(parents=True)
        patients = draw_patients(settings["patients"], settings["seed"])
        patients.clinical.to_csv(draft / "clinical.csv", index=False, lineterminator="\n")
        for kind in kinds:
            KINDS[kind](draft, patients, settings["seed"])
        notice = {"notice": "SIMULATED data: no patient, no finding", **settings}
        (draft / STAMP_FILE).write_text(json.dumps(notice, indent=1) + "\n", encoding="utf-8")
        if out.exists():
            shutil.rmtree(out)
        draft.replace(out)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
