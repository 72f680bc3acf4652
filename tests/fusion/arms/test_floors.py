"""Floors: a modality alone, the shares of sites; none where they would be the whole, and no part in the verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from fusion.arms.base import FoldData
from fusion.arms.floors import floors
from fusion.arms.start import plain_models
from fusion.evaluation.comparison import KINDS, arm_label, deciding

Raw = dict[str, pd.DataFrame]


@pytest.fixture
def data(raw: Raw, labels: pd.Series, fold_of: Callable[..., FoldData]) -> FoldData:
    return fold_of(raw, labels)


def test_a_modality_alone_is_its_plain_model(data: FoldData) -> None:
    found = floors(data, ["clinical", "treatment"], None)
    assert list(found) == ["floor_clinical"], "there is no treatment here"
    logits = plain_models(data, ["clinical"], "linear").test
    scores = found["floor_clinical"].test.to_numpy()
    assert list(np.argsort(scores)) == list(np.argsort(logits))
    assert scores.min() > 0 and scores.max() < 1


def test_where_it_is_all_there_is_it_is_no_floor(data: FoldData) -> None:
    one = replace(
        data,
        whole={"clinical": data.whole["clinical"]},
        members=[{"clinical": part["clinical"]} for part in data.members],
    )
    assert floors(one, ["clinical"], None) == {}


def test_sites_are_told_by_their_training_patients_alone(labels: pd.Series, data: FoldData) -> None:
    """Two hospitals whose patients differ: everyone of one gets one score; who comes from elsewhere lies between."""
    sites = pd.Series(np.where(labels == 1, "north", "south"), index=labels.index, name="site")
    test = list(data.fold.test)
    sites.loc[test[0]], sites.loc[test[1]] = "elsewhere", None
    found = floors(data, [], sites)["floor_site"].test
    rest = sites.loc[test[2:]]
    assert found.loc[rest.index].groupby(rest).nunique().to_dict() == {"north": 1, "south": 1}
    low, high = (found.loc[rest[rest == name].index[0]] for name in ("south", "north"))
    assert low < found.loc[test[:2]].min() <= found.loc[test[:2]].max() < high
    assert roc_auc_score(labels.loc[rest.index], found.loc[rest.index]) == 1
    dealt = sites.copy()
    dealt.loc[test] = list(sites.loc[test])[::-1]
    again = floors(data, [], dealt)["floor_site"].test
    assert set(again.round(12)) == set(found.round(12)), "whose test patients they are teaches nothing"
    assert floors(data, [], sites.where(sites == "north")) == {}, "one site says nothing"


def test_floors_decide_nothing() -> None:
    assert deciding(["floor_clinical", "floor_site", "late"], KINDS) == ("late",)
    assert arm_label("floor_site") == "Floor: site"
