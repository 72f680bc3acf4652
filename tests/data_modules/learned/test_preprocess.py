from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from data_modules.columns import Column
from data_modules.learned.preprocess import TablePreprocessor
from fusion.run.state import load_state, save_state

COLUMNS = [
    Column(name="age", time="baseline", kind="number", unit="years", label="Age"),
    Column(name="grade", time="baseline", kind="ordered", levels=("G1", "G2", "G3"), label="Grade"),
    Column(name="er", time="baseline", label="ER"),
]
TRAIN = pd.DataFrame(
    {
        "age": [40.0, 50.0, np.nan, 90.0],
        "grade": ["G1", "G3", "G3", "G1"],
        "er": ["pos", "neg", None, "pos"],
    },
    index=["a", "b", "c", "d"],
)


def test_by_hand():
    learned = TablePreprocessor.fit(TRAIN, COLUMNS)
    assert [part.name for part in learned.features] == ["age", "age:missing", "grade", "er=neg", "er=pos", "er:missing"]
    assert [part.label for part in learned.features][3:] == ["ER = neg", "ER = pos", "ER is missing"]
    # Ages with the median in the gap: 40, 50, 50, 90; mean 57.5, variance 1475/4.
    spread = np.sqrt(1475 / 4)
    assert learned.features[0].center == 57.5
    assert learned.features[0].scale == pytest.approx(spread)
    assert learned.features[0].unit == "years"
    expected = [
        [(40 - 57.5) / spread, 0, -1, 0, 1, 0],
        [(50 - 57.5) / spread, 0, 1, 1, 0, 0],
        [(50 - 57.5) / spread, 1, 1, 0, 0, 1],
        [(90 - 57.5) / spread, 0, -1, 0, 1, 0],
    ]
    values = learned.transform(TRAIN)
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, expected, rtol=1e-6)


def test_new_patients_meet_what_training_patients_taught():
    learned = TablePreprocessor.fit(TRAIN, COLUMNS)
    new = pd.DataFrame({"age": [57.5], "grade": ["G2"], "er": ["equivocal"]}, index=["e"])
    np.testing.assert_array_equal(learned.transform(new), [[0, 0, 0, 0, 0, 0]])


def test_against_scikit_learn():
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(3)
    frame = pd.DataFrame(rng.gamma(30, 10, (60, 4)), columns=list("abcd"))
    frame = frame.mask(rng.random(frame.shape) < 0.2)
    columns = [Column(name=name, time="baseline", kind="number", label=name) for name in "abcd"]
    learned = TablePreprocessor.fit(frame.iloc[:40], columns)
    keep = [position for position, part in enumerate(learned.coded) if part.coding == "number"]
    theirs = make_pipeline(SimpleImputer(strategy="median"), StandardScaler()).fit(frame.iloc[:40])
    np.testing.assert_allclose(learned.transform(frame)[:, keep], theirs.transform(frame), rtol=1e-5, atol=1e-6)


def test_constant_and_empty_columns():
    frame = pd.DataFrame({"age": [60.0, 60.0], "grade": [None, None], "er": ["pos", "pos"]})
    learned = TablePreprocessor.fit(frame, COLUMNS)
    assert [part.name for part in learned.features] == ["age", "er=pos"]
    np.testing.assert_array_equal(learned.transform(frame), [[0, 1], [0, 1]])


def test_order_of_rows_changes_no_bit():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"age": rng.normal(50, 9, 301)}, index=[f"P{number:03d}" for number in range(301)])
    one, other = (
        TablePreprocessor.fit(part, COLUMNS[:1]).state() for part in (frame, frame.sample(frac=1, random_state=1))
    )
    for name, array in one.arrays.items():
        np.testing.assert_array_equal(array, other.arrays[name])


def test_state_through_files_is_bit_equal(tmp_path):
    learned = TablePreprocessor.fit(TRAIN, COLUMNS)
    save_state(tmp_path, "clinical", learned.state())
    restored = TablePreprocessor.restore(load_state(tmp_path, "clinical"))
    assert restored.coded == learned.coded
    assert restored.features == learned.features
    np.testing.assert_array_equal(restored.transform(TRAIN), learned.transform(TRAIN))
