"""Every modality names all files it reads, so that no change of one goes unnoticed."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import data_modules.modalities
from data_modules.modalities.base import BaseModality
from data_modules.modalities.slides.slides import Slides
from data_modules.modalities.tables.features import Features
from data_modules.modalities.tables.table import Table


def every_modality() -> set[type[BaseModality]]:
    found = set()
    for module in pkgutil.walk_packages(data_modules.modalities.__path__, "data_modules.modalities."):
        for _, kind in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if issubclass(kind, BaseModality) and not inspect.isabstract(kind):
                found.add(kind)
    return found


def test_no_modality_forgets_its_files() -> None:
    """A table's file is the cohort's, which is hashed with the other tables."""
    silent = {kind for kind in every_modality() if kind.input_files is BaseModality.input_files}
    assert silent == {Table}


def test_slides_with_all_their_files_sheet_and_weights(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for name in ("a.mrxs", "a/Slidedat.ini", "a/Data0000.dat", "b.svs", "sheet.csv", "weights.safetensors"):
        (tmp_path / name).write_text("x")
    source: Any = SimpleNamespace(root=tmp_path, cache=tmp_path / "cache", name="x")
    slides = Slides(
        name="slides",
        source=source,
        files=["*.mrxs", "*.svs"],
        sample_sheet={"file": "sheet.csv", "key": "file", "patient": "patient"},
        embed={"weights": str(tmp_path / "weights.safetensors")},
    )
    names = {path.relative_to(tmp_path).as_posix() for path in slides.input_files}
    assert names == {"a.mrxs", "a/Slidedat.ini", "a/Data0000.dat", "b.svs", "sheet.csv", "weights.safetensors"}


def test_a_table_of_features(tmp_path: Path) -> None:
    source: Any = SimpleNamespace(root=tmp_path, name="x")
    assert Features(name="f", source=source, file="f.csv", time="baseline").input_files == [tmp_path / "f.csv"]
