"""The import rules that import-linter cannot see: what importing a module drags in."""

from __future__ import annotations

import json
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEAVY = {"torch", "numpy", "pandas", "scipy", "sklearn", "matplotlib", "monai", "pytorch_lightning", "wandb", "captum"}
BEHIND_THE_WALL = {"hail", "pyspark", "py4j"}


def modules() -> list[str]:
    """Every module of the package; scripts (``__main__``) run when imported and are left out."""
    names = [
        module.name
        for package in ("fusion", "data_modules")
        for module in pkgutil.walk_packages([str(ROOT / package)], f"{package}.")
    ]
    return [name for name in names if not name.endswith("__main__")]


def imported_by(*names: str) -> set[str]:
    """Top-level packages that a fresh interpreter holds after importing `names`."""
    program = (
        "import importlib, json, sys\n"
        "for name in sys.argv[1:]: importlib.import_module(name)\n"
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, *names], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_hail_stays_behind_its_process_wall() -> None:
    found = modules()
    assert "data_modules.ingest.variants.hail.job" in found
    assert not imported_by(*found) & BEHIND_THE_WALL


def test_entries_contract_and_configuration_are_light() -> None:
    light = [
        "fusion",
        "data_modules",
        "fusion.contract",
        "fusion.config.command",
        "fusion.config.check",
        "fusion.train",
        "fusion.draft",
        "fusion.encoders",
        "fusion.fusers",
        "fusion.heads",
    ]
    assert not imported_by(*light) & (HEAVY | BEHIND_THE_WALL)


def test_settings_are_light_so_that_the_configuration_is_checked_at_once() -> None:
    found = [name for name in modules() if name.endswith(".settings") and name.startswith("data_modules.")]
    assert len(found) >= 9
    assert not imported_by(*found) & (HEAVY | BEHIND_THE_WALL | {"omegaconf"})


def test_no_pickle_and_no_shell() -> None:
    forbidden = re.compile(
        r"from pickle import (?!UnpicklingError$)|[Pp]ickle\.(load|dump|Unpickler|Pickler)|joblib\.(load|dump)"
        r"|torch\.save\(|shell=True|torch\.load\((?!.*weights_only=True)"
    )
    for folder in ("fusion", "data_modules"):
        for file in (ROOT / folder).rglob("*.py"):
            for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
                assert not forbidden.search(line.split("#")[0]), f"{file}:{number}"
