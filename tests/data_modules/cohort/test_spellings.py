"""Values that may not be what they look like, by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from data_modules.cohort.spellings import bare_id, code_notes, ids_alike, spelt_alike


def test_words_in_several_spellings() -> None:
    values = pd.Series(["pos", "NEG", "Pos", "neg ", "other", "pos", "ER  low", "er low"], dtype="string")
    found = spelt_alike(values)
    # The first cell of each spelling, alike ones side by side; inner and outer spaces count as one and none.
    assert found.tolist() == ["ER  low", "er low", "NEG", "neg ", "pos", "Pos"]
    assert found.index.tolist() == [6, 7, 1, 3, 0, 2]
    assert spelt_alike(pd.Series(["a", "b", "a"], dtype="string")).empty


@pytest.mark.parametrize(
    ("values", "codes"),
    [
        ([30, 40, 50, 999, 999], "999"), ([30, 40, 50, -9], "-9"),
        ([30, 40, -99, -88], "-99, -88"), ([1, 2, 998], "998"),
        ([0, 1, 2, 9998], "9998"), ([-6, 2, 3, -9], None), ([-1.0, 0.5, -99], "-99"), ([70, 80, 90, 99], None),
        ([10, 20, 30, 77], "77"), ([10, 20, 70, 77], None), ([1, 2, 3, 99.5], None), ([99, 99], None), ([], None),
        ([1, 2, 66], None), ([20, 30, 40, 88], "88"), ([40, 60, 88], None),
        ([-0.5, 20, -8], None), ([0, 20, -8], "-8"),
    ],
)  # fmt: skip
def test_numbers_that_may_say_that_nothing_is_known(values: list[float], codes: str | None) -> None:
    """Far from all others: by more than their range, or half of the highest where that is more; or negative alone."""
    notes = code_notes("age", pd.Series([*values, np.nan], dtype=float), "cohort.tables.t.columns.age")
    assert len(notes) == (codes is not None)
    if codes is not None:
        assert f"set cohort.tables.t.columns.age.missing: [{codes}]" in notes[0]


def test_how_often_a_code_stands_there() -> None:
    (told,) = code_notes("age", pd.Series([30.0, 40.0, 999.0, 999.0]), "k")
    assert told.startswith("column 'age' has 999 (2 times), far from all its other values")


@pytest.mark.parametrize(
    ("ids", "groups"),
    [
        (["MEL-007", "mel_7", "MEL 007", "MEL-008"], [("MEL 007", "MEL-007", "mel_7")]),
        (["7", "007", "7.0", "70", "8"], [("007", "7", "7.0")]),
        (["P1", "P-01", "1P"], [("P-01", "P1")]),
        (["1-11", "11-1", "111"], []), (["A.0", "A"], []), (["0", "00", "000.0"], [("0", "00", "000.0")]),
        (["TCGA-A1-A0SB", "TCGA-A1-A0SB-01"], []), (["größe-1", "GRÖSSE-1"], [("GRÖSSE-1", "größe-1")]),
        (["-", "--"], []),
    ],
)  # fmt: skip
def test_ids_of_one_patient_in_several_spellings(ids: list[str], groups: list[tuple[str, ...]]) -> None:
    assert ids_alike(ids) == groups
    for group in groups:
        assert len({bare_id(one) for one in group}) == 1
