"""Parts of explanations: which count as finished, and what a folder with other ones says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fusion.attribution.patient import Explanation
from fusion.attribution.store import Store, file_name
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
