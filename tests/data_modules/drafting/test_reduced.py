"""Wide tables drafted: components where columns are too many for attention."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from data_modules.drafting import modalities
from data_modules.drafting.draft import draft_folder


def drafted(root: Path, columns: int) -> tuple[str, dict[str, Any]]:
    patients = [f"PT-{at:03}" for at in range(6)]
    frame = pd.DataFrame({"patient": patients, "age": range(6), "response": ["CR", "PD"] * 3})
    frame.to_csv(root / "clinical.csv", index=False)
    numbers = np.arange(6 * columns).reshape(6, columns) + 0.5
    wide = pd.DataFrame(numbers, columns=[f"g{at}" for at in range(columns)])
    wide.insert(0, "patient", patients)
    wide.to_csv(root / "rna.csv", index=False)
    made = draft_folder(str(root), name="mine", config_dir="my_conf", progress=lambda *step: None)
    return made.text, yaml.safe_load(made.text)["modality"]["rna"]


def test_too_many_columns_become_components_with_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modalities, "MANY_COLUMNS", 70)
    assert "components" not in drafted(tmp_path, 70)[0]
    text, rna = drafted(tmp_path, 71)
    assert rna["components"] == 50
    assert "    components: 50  # principal components of training patients: 71 columns are many to relate" in text
