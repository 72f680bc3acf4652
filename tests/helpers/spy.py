"""Modalities for tests of the whole protocol: one writes down whom it is fitted on, one has its store already."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data_modules.ingest.variants.store import COLUMNS, VariantStore, write_store
from data_modules.learned.selection import Selector
from data_modules.modalities.tables.table import Table
from data_modules.modalities.variants.settings import FeatureSettings
from data_modules.modalities.variants.stored import StoredVariants
from data_modules.patient_ids import PatientIds
from fusion.contract import FittedModality


class SpyTable(Table):
    """A real table that appends to `log`, at every fit, in whatever process, the ids and labels it was given."""

    def __init__(self, *, log: str, **settings: Any) -> None:
        super().__init__(**settings)
        self._log = Path(log)

    def fit(self, train_ids: Sequence[str], labels: np.ndarray) -> FittedModality:
        line = json.dumps({"pid": os.getpid(), "ids": list(train_ids), "labels": [int(label) for label in labels]})
        with self._log.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        return super().fit(train_ids, labels)


class Shelf:
    """An ingest whose store is there already."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.origins = ("somatic",)
        self.input_files = sorted(file for file in folder.rglob("*") if file.is_file())

    def samples(self, origin: str) -> tuple[str, ...]:
        return VariantStore.open(self.folder / origin).samples

    def check(self) -> list[str]:
        return []

    def run(self, progress: object) -> None:
        pass

    @property
    def folders(self) -> dict[Any, Path]:
        return {"somatic": self.folder / "somatic"}

    def stores(self) -> dict[Any, VariantStore]:
        return {origin: VariantStore.open(folder) for origin, folder in self.folders.items()}


class ShelvedVariants(StoredVariants):
    """Somatic variants of a store that a test wrote, filtered, selected and read as any."""

    def __init__(self, *, name: str, source: Any, folder: str) -> None:
        super().__init__(
            name=name,
            source=source,
            ingest=Shelf(Path(folder)),
            patient_ids=PatientIds(pattern=r"^(.*)-T$"),
            settings=FeatureSettings(damaging={"somatic": ("nonsynonymous", "stopgain")}, min_carriers=2),
            keep=(),
            selector=Selector(method="rfe", features=3, univariate=100),
            absent_is="reference",
        )

    def quality(self) -> tuple[()]:
        return ()


def shelve(folder: Path, dosage: dict[str, np.ndarray], genes: Sequence[str]) -> None:
    """A store of one variant a gene; `dosage` is patient → (variant,)."""
    rows = [
        ("17", 100 + at, "A", "C", gene, "nonsynonymous", None, "somatic", "a.vcf") for at, gene in enumerate(genes)
    ]
    write_store(
        folder / "somatic",
        variants=pd.DataFrame(rows, columns=list(COLUMNS)),
        dosage=np.array(list(dosage.values()), dtype=np.int8).T,
        samples=[f"{patient}-T" for patient in dosage],
        qc={},
        meta={"build": "GRCh38", "origin": "somatic"},
    )
