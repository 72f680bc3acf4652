"""Quality of samples by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from data_modules.ingest.variants import qc
from data_modules.ingest.variants.qc import draw, sample_table
from data_modules.ingest.variants.store import MISSING, NOT_LISTED

VARIANTS = pd.DataFrame(
    [("A", "G"), ("T", "C"), ("C", "A"), ("G", "GT"), ("GTT", "G"), ("AC", "GT")], columns=["ref", "alt"]
)
"""Two transitions, a transversion, an insertion, a deletion, and two bases at once."""
DOSAGE = np.array(
    [[1, 0, 2], [2, MISSING, 1], [1, NOT_LISTED, 0], [1, 2, MISSING], [0, 2, NOT_LISTED], [1, 0, 0]], dtype=np.int8
)


@pytest.mark.parametrize("block", [100_000, 2])
def test_counts_and_ratios_by_hand(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qc, "_BLOCK", block)
    table = sample_table(
        VARIANTS, DOSAGE, ["A", "B", "C"], depth=np.array([[60, 0, 7], [4, 0, 1]]),
        reasons={"low_gq": np.array([3, 0, 1])}, normals={"N": "a.vcf"},
    )  # fmt: skip
    found = table.set_index("sample")
    assert list(found.index) == ["A", "B", "C", "N"] and found["kept"].tolist() == [True, True, True, False]
    kept = found.loc[["A", "B", "C"]]
    expected = {
        "listed": [6, 5, 5], "called": [6, 4, 4], "het": [4, 0, 1], "hom": [1, 2, 1], "transitions": [2, 0, 2],
        "transversions": [1, 0, 0], "insertions": [1, 1, 0], "deletions": [0, 1, 0], "low_gq": [3, 0, 1],
    }  # fmt: skip
    assert {name: kept[name].tolist() for name in expected} == expected
    np.testing.assert_allclose(kept["call_rate"].astype(float), [1.0, 0.8, 0.8])
    np.testing.assert_allclose(kept["het_hom"].astype(float), [4.0, 0.0, 1.0])
    np.testing.assert_allclose(kept["titv"].astype(float), [2.0, np.nan, np.nan])
    np.testing.assert_allclose(kept["mean_depth"].astype(float), [15.0, np.nan, 7.0])
    assert found.loc["N", "reason"] == "normal of a pair" and kept["reason"].tolist() == ["", "", ""]
    alone = sample_table(VARIANTS, DOSAGE, ["A", "B", "C"], depth=np.zeros((2, 3), np.int64), reasons={}, normals={})
    assert alone["sample"].tolist() == ["A", "B", "C"] and alone["mean_depth"].isna().all()


def test_what_was_dropped_is_drawn_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    monkeypatch.setattr(Figure, "savefig", lambda self, *_, **__: made.append(self))
    table = sample_table(
        VARIANTS, DOSAGE, ["A", "B", "C"], depth=np.array([[60, 0, 7], [4, 0, 1]]), reasons={}, normals={"N": "a.vcf"}
    )
    sites = {"read": 9, "kept": 2, "low_gq": 3, "multi_allelic_split": 1, "no_call": 0, "in_normal": 5}
    draw(table, {"sites": sites, "genotypes": {"read": 9}}, tmp_path / "qc.png", stamp="SIMULATED")
    rates, _, _, _, left, none = made[0].axes
    assert [one.get_text() for one in left.get_yticklabels()] == ["low gq", "in normal"]
    assert [bar.get_width() for bar in left.patches] == [3, 5]
    assert left.get_title() == "Sites dropped" and [one.get_text() for one in none.texts] == ["none"]
    assert sum(bar.get_height() for bar in rates.patches) == 3
    assert made[0].get_suptitle() == "SIMULATED"
    draw(table.assign(het_hom=np.nan), {"sites": sites, "genotypes": {"read": 9}}, tmp_path / "qc.png")
    known, unknown = made[1].axes[1:3]
    assert known.axison and not unknown.axison, "an axis from 0 to 1 of what is not known"
    assert [one.get_text() for one in unknown.texts] == [
        "not known"
    ] and unknown.get_title() == "Heterozygous / homozygous"
