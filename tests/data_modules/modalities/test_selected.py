from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from data_modules.learned.selection import Selector
from data_modules.modalities.selected import FittedSelected, choose
from fusion.contract import FeatureSpec, FusionError, ModalitySpec


def described(name: str) -> FeatureSpec:
    return FeatureSpec(name=name, kind="copy_number", label=name, gene=name)


def test_features_are_scaled_by_the_training_patients_mean_and_deviation() -> None:
    """2, 4, 9 has mean 5 and variance 26/3; a fixture of deviation 1 would not tell a scale that is always 1."""
    measured = pd.DataFrame({"a": [2.0, 4.0, 9.0], "b": [0.0, np.nan, 10.0]}, index=["P1", "P2", "P3"])
    features, ranking = choose(
        measured,
        np.array([0, 1, 0]),
        key="modality.cna",
        keep=["*"],
        selector=Selector(method="none"),
        describe=described,
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


def test_patients_without_any_feature_are_refused_with_the_modality() -> None:
    """As of germline variants of a handful of patients: one carrier among them is no rare one."""
    measured = pd.DataFrame(index=["P1", "P2"])
    with pytest.raises(FusionError, match=r"^modality\.blood: in 2 training patients there is no feature"):
        choose(
            measured, np.array([0, 1]), key="modality.blood", keep=[], selector=Selector(), describe=described
        )  # fmt: skip
