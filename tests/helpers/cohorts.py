"""A cohort of ten invented patients, and modalities over folders of nothing but names."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_modules.cohort.source import CohortSource
from data_modules.modalities.base import BaseModality
from fusion.contract import FittedModality, State

CLINICAL = [
    "case_submitter_id\tage\tgrade\tsubtype\tsite\tmargin\tfreetext",
    *(
        f"P{number:02d}\t{40 + number}\tG{number % 3 + 1}\t{'luminal' if number % 2 else 'basal'}\tS{number % 2}\tR0\tx"
        for number in range(1, 11)
    ),
]
TREATMENT = [
    "case_submitter_id\tagent\toutcome",
    *(f"P{number:02d}\tcarboplatin\t{'CR' if number <= 4 else 'PD'}" for number in range(1, 11)),
]
SETTINGS: dict[str, Any] = {
    "name": "invented",
    "tables": {
        "clinical": {
            "file": "clinical.tsv",
            "id": "case_submitter_id",
            "columns": {
                "age": {"time": "baseline", "kind": "number", "unit": "years", "label": "Age"},
                "grade": {"time": "baseline", "kind": "ordered", "levels": ["G1", "G2", "G3"]},
                "subtype": {"time": "baseline"},
                "site": {"time": "baseline"},
                "margin": {"time": "post_baseline"},
            },
        },
        "treatment": {
            "file": "treatment.tsv",
            "id": "case_submitter_id",
            "columns": {"agent": {"time": "baseline"}, "outcome": {"time": "outcome"}},
        },
    },
    "endpoints": {
        "response": {
            "table": "treatment",
            "column": "outcome",
            "positive": ["CR"],
            "negative": ["PD"],
            "ignore": ["NE"],
        },
    },
    "site": {"table": "clinical", "column": "site"},
}


class Cohort:
    """Files of a cohort that a test may spoil before it reads them."""

    def __init__(self, root: Path) -> None:
        self.root = root / "cohort"
        self.root.mkdir()
        self.settings = copy.deepcopy(SETTINGS)
        self.clinical = list(CLINICAL)
        self.treatment = list(TREATMENT)

    def source(self, **changes: Any) -> CohortSource:
        (self.root / "clinical.tsv").write_text("\n".join(self.clinical) + "\n", encoding="utf-8")
        (self.root / "treatment.tsv").write_text("\n".join(self.treatment) + "\n", encoding="utf-8")
        arguments = {**self.settings, "root": self.root, "cache": self.root.parent / "cache", **changes}
        return CohortSource(**arguments)


class Named(BaseModality):
    """A modality of which only the patients matter."""

    def __init__(self, source: CohortSource, patients: Sequence[str], *, problems: Sequence[str] = ()) -> None:
        super().__init__(name="slides", source=source)
        self._patients = frozenset(patients)
        self._problems = list(problems)

    @property
    def patients(self) -> frozenset[str]:
        return self._patients

    def check(self) -> list[str]:
        return self._problems

    def fit(self, train_ids: Sequence[str], labels: np.ndarray) -> FittedModality:
        raise NotImplementedError

    def restore(self, state: State) -> FittedModality:
        raise NotImplementedError


@pytest.fixture
def cohort(tmp_path: Path) -> Cohort:
    return Cohort(tmp_path)


@pytest.fixture
def named() -> Callable[..., Named]:
    return Named
