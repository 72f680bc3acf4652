from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from data_modules.learned.selection import Selector
from data_modules.modalities.selected import FittedSelected, choose
from fusion.contract import FeatureSpec, ModalitySpec


def described(name: str) -> FeatureSpec:
    return FeatureSpec(name=name, kind="copy_number", label=name, gene=name)


def test_features_are_scaled_by_the_training_patients_mean_and_deviation() -> None:
    """2, 4, 9 has mean 5 and variance 26/3; a fixture of deviation 1 would not tell a scale that is always 1."""
    measured = pd.DataFrame({"a": [2.0, 4.0, 9.0], "b": [0.0, np.nan, 10.0]}, index=["P1", "P2", "P3"])
    features, ranking = choose(
        measured, np.array([0, 1, 0]), keep=["*"], selector=Selector(method="none"), describe=described
    )
    assert [(one.name, one.center, one.scale) for one in features] == [
        ("a", 5.0, pytest.approx(np.sqrt(26 / 3))),
        ("b", 5.0, 5.0),
    ]
    assert ranking["rank"].tolist() == [0, 0]
    everyone = pd.concat([measured, pd.DataFrame({"a": [5 + np.sqrt(26 / 3)], "b": [20.0]}, index=["new"])])
    spec = ModalitySpec(name="cna", kind="variants", features=features)
    item = FittedSelected(spec, raw=everyone, ranking=ranking).load("new")
    assert item is not None
    assert item.values.tolist() == pytest.approx([1.0, 3.0])
