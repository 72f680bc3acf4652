"""Parts of explanations: which count as finished, and what a folder with other ones says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fusion.attribution.patient import Explanation
from fusion.attribution.plan import Patient
from fusion.attribution.store import TABLE, Store, file_name
from fusion.attribution.summary import COLUMNS, rows_of
from fusion.contract import FusionError

MADE = Explanation(
    rows=pd.DataFrame({"feature": ["age"], "attribution": [0.25]}),
    facts={"score": 0.75},
    pictures={"tile_slides_0": np.full((2, 2, 3), 7, dtype=np.uint8)},
)


def test_a_part_counts_once_its_json_names_these_settings(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "out", "these", overwrite=False)
    assert not store.finished("A/1")
    store.save("A/1", MADE)
    assert store.finished("A/1") and not store.finished("A/2")
    assert store.facts("A/1") == {"score": 0.75, "key": "these"}
    pd.testing.assert_frame_equal(store.rows("A/1"), MADE.rows)
    np.testing.assert_array_equal(store.pictures("A/1")["tile_slides_0"], MADE.pictures["tile_slides_0"])
    assert not Store(path=store.path, key="others").finished("A/1")
    (part,) = (store.path / "parts").glob("*.json")
    part.write_text("{")
    assert not store.finished("A/1"), "half a file is none"
    part.unlink()
    assert not store.finished("A/1")


def test_unfinished_ones_go_on_under_the_same_settings_alone(tmp_path: Path) -> None:
    store = Store.create(tmp_path, "these", overwrite=False)
    store.save("A", MADE)
    assert Store.create(tmp_path, "these", overwrite=False).finished("A")
    with pytest.raises(FusionError, match=r"holds unfinished explanations of another run or with other settings"):
        Store.create(tmp_path, "others", overwrite=False)
    store.write_state({"status": "complete", "key": "these"})
    with pytest.raises(FusionError, match="holds finished explanations"):
        Store.create(tmp_path, "these", overwrite=False)
    again = Store.create(tmp_path, "others", overwrite=True)
    assert not again.finished("A") and not list(tmp_path.rglob("*.parquet"))


def test_ids_that_differ_give_names_that_differ() -> None:
    names = [file_name(patient) for patient in ("A-1", "A/1", "A_1", "A 1", ".A-1", "Ä1", "Ö1")]
    assert len(set(names)) == len(names)
    assert names[0] == "A-1"
    assert not any("/" in name or name.startswith(".") for name in names)


def test_the_table_is_written_a_patient_at_a_time_and_reads_as_the_parts_together(tmp_path: Path) -> None:
    """Patients without slides lack columns; the types are those of all parts together."""
    store = Store.create(tmp_path / "out", "key", overwrite=False)
    tiles = pd.DataFrame(
        {
            "modality": "slides", "feature": ["tile:0:0,0", "tile:0:64,0"], "label": ["tile at 0, 0", "tile at 64, 0"],
            "attribution": [0.5, -0.25], "attention": [0.9, 0.1], "slide": [0, 0], "x": [0, 64], "y": [0, 0],
            "members": 2, "method": "integrated_gradients", "delta": 0.0,
        }
    )  # fmt: skip
    genes = pd.DataFrame(
        {
            "modality": "variants", "feature": ["burden:TP53"], "label": ["TP53"], "gene": ["TP53"], "value": [1.0],
            "attribution": [0.125], "members": 2, "method": "integrated_gradients", "delta": 0.0,
        }
    )  # fmt: skip
    rows = {"a": pd.concat([genes, tiles], ignore_index=True), "b": genes, "c": tiles}
    for name, table in rows.items():
        store.save(name, Explanation(rows=table, facts={}, pictures={}))
    patients = [Patient(id=name, name=name, fold=0, label=0, score=0.5) for name in rows]
    store.write_table(list(rows), COLUMNS, {"arm": "fusion", "endpoint": "response", "simulated": True})
    written = pd.read_parquet(store.path / TABLE)
    parts = [rows_of(store, patient, arm="fusion", endpoint="response") for patient in patients]
    pd.concat(parts, ignore_index=True).to_parquet(tmp_path / "whole.parquet", index=False)
    whole = pd.read_parquet(tmp_path / "whole.parquet")
    assert list(written.columns) == [*COLUMNS, "simulated"]
    assert written.pop("simulated").all()
    pd.testing.assert_frame_equal(written, whole, check_dtype=False)
    assert written["patient"].tolist() == ["a", "a", "a", "b", "c", "c"]
    few = store.chosen(["burden:TP53", "nothing"], ("feature", "gene", "attribution"))
    assert few.to_dict("list") == {"feature": ["burden:TP53"] * 2, "gene": ["TP53"] * 2, "attribution": [0.125] * 2}
