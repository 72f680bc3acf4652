"""Heavy tails: against scipy, undone, and left alone where there are none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import skew, yeojohnson, yeojohnson_normmax

from data_modules.columns import Column
from data_modules.learned.bending import bend_of
from data_modules.learned.preprocess import TablePreprocessor
from fusion.contract import Bend, FeatureSpec, State

RANDOM = np.random.default_rng(2)
VOLUMES = np.exp(RANDOM.normal(9, 1.5, size=200))


@pytest.mark.parametrize("unit", [1.0, 1e-6, 1e6])
def test_a_volume_is_bent_to_a_bell_whatever_its_unit(unit: float) -> None:
    bend = bend_of(VOLUMES * unit)
    assert bend is not None
    assert bend.size == pytest.approx(np.median(VOLUMES) * unit)
    expected = yeojohnson_normmax(np.sort(VOLUMES) / np.median(VOLUMES))
    assert bend.power == pytest.approx(expected, abs=1e-5)
    bent = bend(VOLUMES * unit)
    assert bent == pytest.approx(yeojohnson(VOLUMES / np.median(VOLUMES), lmbda=expected), abs=1e-4)
    assert abs(skew(VOLUMES)) > 3 and abs(skew(bent)) < 0.5


@pytest.mark.parametrize("power", [-1.0, 0.0, 0.4, 1.0, 2.0, 3.0])
def test_it_can_be_undone(power: float) -> None:
    bend, values = Bend(power=power, size=5.0), np.array([-30.0, -1.0, 0.0, 0.2, 7.0, 40.0])
    assert bend.undo(bend(values)) == pytest.approx(values)
    assert np.isnan(bend(np.array([np.nan]))).all()


def test_what_no_number_is_bent_to_is_undone_to_a_finite_one() -> None:
    assert np.isfinite(Bend(power=-1.0, size=1.0).undo(np.array([5.0]))).all()


@pytest.mark.parametrize(
    "values",
    [
        RANDOM.normal(60, 10, 200),
        np.r_[np.zeros(180), np.ones(20)],
        np.r_[np.zeros(190), np.arange(9.0), 100.0][:199],
        np.full(50, 3.0),
        np.zeros(50),
    ],
    ids=["bell", "code", "few values", "constant", "nothing"],
)
def test_other_columns_stay_as_they_are(values: np.ndarray) -> None:
    assert bend_of(values) is None


def test_it_is_learned_in_the_order_of_nothing() -> None:
    assert bend_of(VOLUMES) == bend_of(VOLUMES[::-1])


def test_a_table_bends_scales_keeps_and_undoes() -> None:
    frame = pd.DataFrame({"volume": VOLUMES, "age": RANDOM.normal(60, 10, 200)})
    frame.loc[3, "volume"] = np.nan
    columns = [Column(name=name, kind="number", time="baseline", label=name) for name in frame]
    learned = TablePreprocessor.fit(frame, columns)
    made = learned.transform(frame)
    assert abs(skew(made[:, 0])) < 0.5 and made[:, 0].std() == pytest.approx(1, abs=1e-5)
    volume, age = learned.features[0], learned.features[-1]
    assert age.name == "age" and age.bend is None
    known = frame["volume"].notna()
    assert volume.raw(made[known, 0]) == pytest.approx(VOLUMES[known], rel=1e-4)
    kept = learned.state()
    again = TablePreprocessor.restore(State(config=kept.config, arrays=kept.arrays))
    assert np.array_equal(again.transform(frame), made)
    older = [{key: value for key, value in part.items() if key != "bend"} for part in kept.config["coded"]]
    plain = TablePreprocessor.restore(State(config={"coded": older}, arrays=kept.arrays))
    assert plain.coded[0].bend is None, "runs of versions that did not bend"


def test_a_feature_without_a_bend_is_only_scaled_back() -> None:
    spec = FeatureSpec(name="age", kind="column", label="Age", center=60.0, scale=10.0)
    assert spec.raw(np.array([1.5])).tolist() == [75.0]
