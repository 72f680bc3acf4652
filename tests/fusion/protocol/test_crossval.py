"""What the protocol hands to modalities and arms of one outer fold."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fusion.contract import CohortSpec, EndpointSpec, Fold, InnerFold
from fusion.protocol.crossval import _groups, fold_data, fold_seed
from fusion.protocol.setup import Setup
from fusion.protocol.tables import out_of_fold

IDS = [f"P{number}" for number in range(9)]
FOLD = Fold(
    repeat=1,
    index=2,
    train=tuple(IDS[:6]),
    test=tuple(IDS[6:]),
    inner=(
        InnerFold(train=("P0", "P3", "P1"), val=("P2", "P4", "P5")),
        InnerFold(train=("P2", "P4", "P5"), val=("P0", "P3", "P1")),
    ),
)


class Recorder:
    """A modality that remembers its fits and returns their number."""

    def __init__(self) -> None:
        self.fits: list[tuple[list[str], list[int]]] = []

    def fit(self, train_ids: Any, labels: np.ndarray) -> int:
        assert labels.dtype == np.int64
        self.fits.append((list(train_ids), labels.tolist()))
        return len(self.fits)


@pytest.fixture
def setup() -> Setup:
    endpoint = EndpointSpec(name="response", kind="binary", classes=("no", "yes"))
    labels = pd.Series([0, 1, 0, 1, 1, 0, 1, 0, 1], index=pd.Index(IDS, name="patient_id"))
    spec = CohortSpec(name="invented", endpoint=endpoint, build=None, simulated=False, patients=9)
    families = pd.Series(["F", "F", *[None] * 7], index=labels.index)
    cohort: Any = SimpleNamespace(
        spec=spec,
        labels=labels,
        times=None,
        entry=None,
        patient_ids=tuple(IDS),
        groups=families,
        sites=None,
        secondary={},
        alone=(),
    )
    return Setup(cohort=cohort, modalities={"one": Recorder()})  # type: ignore[dict-item]


def test_labels_of_test_patients_are_withheld_from_arms(setup: Setup) -> None:
    data = fold_data(SimpleNamespace(seed=3, folds={}), setup, FOLD)
    assert list(data.labels.index) == list(FOLD.train)
    assert data.labels.to_list() == [0, 1, 0, 1, 1, 0]
    assert data.groups is not None and list(data.groups.index) == list(FOLD.train)
    assert data.groups.dropna().to_dict() == {one: "F" for one in FOLD.train if one in IDS[:2]}


def test_modalities_are_fitted_on_training_parts_with_their_labels(setup: Setup) -> None:
    data = fold_data(SimpleNamespace(seed=3, folds={}), setup, FOLD)
    recorder: Any = setup.modalities["one"]
    assert recorder.fits == [
        (["P0", "P3", "P1"], [0, 1, 1]),
        (["P2", "P4", "P5"], [0, 1, 0]),
        (IDS[:6], [0, 1, 0, 1, 1, 0]),
    ]
    assert [member["one"] for member in data.members] == [1, 2]
    assert data.whole["one"] == 3
    assert data.seed == fold_seed(3, FOLD)


def test_arms_are_told_which_modality_reads_the_regimen(setup: Setup) -> None:
    therapy = SimpleNamespace(table="clinical", columns=("arm",))
    recorder: Any = setup.modalities["one"]
    recorder.of_table, recorder.of_columns = "clinical", ("arm", "dose")
    config = SimpleNamespace(seed=3, folds={})
    assert fold_data(config, setup, FOLD).treatments == ()
    source: Any = SimpleNamespace(therapy=lambda patients: therapy)
    assert fold_data(config, replace(setup, source=source), FOLD).treatments == ("one",)


def test_every_outer_fold_has_a_seed_of_its_own() -> None:
    """One seed for all folds would give all networks the same first weights and batches."""
    folds = [
        Fold(repeat=repeat, index=index, train=(), test=(), inner=()) for repeat in range(5) for index in range(10)
    ]
    seeds = {fold_seed(seed, fold) for seed in range(20) for fold in folds}
    assert len(seeds) == 20 * 50
    assert fold_seed(7, folds[13]) == 7 * 1009 + 101 + 3
    assert 0 <= fold_seed(2**40, folds[0]) < 2**31


@pytest.mark.parametrize("site", ["stratify", "group"])
def test_predictions_say_which_patients_folds_keep_together(site: str) -> None:
    families = pd.Series({"P6": "F1", "P7": "F1"})
    sites = pd.Series({one: "north" if one in ("P7", "P8") else "south" for one in IDS})
    cohort: Any = SimpleNamespace(
        patient_ids=tuple(IDS), labels=pd.Series(0, index=IDS), times=None, groups=families, sites=sites, alone=()
    )
    data: Any = SimpleNamespace(
        fold=FOLD,
        endpoint=SimpleNamespace(name="response"),
        outcome=SimpleNamespace(columns=lambda scores: {"score": scores}),
    )
    arm: Any = SimpleNamespace(test=pd.Series(0.5, index=IDS), threshold=0.5)
    config: Any = SimpleNamespace(folds={"site": site})
    table = out_of_fold(
        data, {"fusion": arm, "late": arm}, labels=cohort.labels, times=None, groups=_groups(config, cohort)
    ).set_index(["arm", "patient_id"])["group"]
    for name in ("fusion", "late"):
        groups = table[name]
        if site == "stratify":
            assert groups["P6"] == groups["P7"] == "F1"
            assert pd.isna(groups["P8"])
        else:  # the family joins both sites
            assert groups["P6"] == groups["P7"] == groups["P8"]
