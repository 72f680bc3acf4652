"""Fitted state survives the disk, and nothing on disk can run code."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from fusion.contract import FusionError, State
from fusion.run import state
from fusion.run.state import load_estimator, load_state, save_estimator, save_state


def test_state_comes_back_to_the_last_bit(tmp_path: Path) -> None:
    arrays = {"center": np.array([0.1, np.pi, np.nan]), "kept": np.array([True, False])}
    save_state(tmp_path, "clinical", State(config={"columns": ["age", "grade"]}, arrays=arrays))
    back = load_state(tmp_path, "clinical")
    assert back.config == {"columns": ["age", "grade"]}
    assert back.arrays["center"].tobytes() == arrays["center"].tobytes()
    assert back.arrays["kept"].tolist() == [True, False]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clinical.json", "clinical.npz"]


def test_state_without_arrays_is_json_alone(tmp_path: Path) -> None:
    save_state(tmp_path, "slides", State(config={"size": 64}, arrays={}))
    assert [path.name for path in tmp_path.iterdir()] == ["slides.json"]
    assert load_state(tmp_path, "slides") == State(config={"size": 64}, arrays={})


def test_a_pickled_array_is_refused(tmp_path: Path) -> None:
    (tmp_path / "evil.json").write_text(json.dumps({"config": {}, "arrays": ["x"]}))
    np.savez(tmp_path / "evil.npz", x=np.array([{"an": "object"}], dtype=object))
    with pytest.raises(FusionError, match="cannot be read"):
        load_state(tmp_path, "evil")
    with pytest.raises(ValueError, match="Object arrays"):
        save_state(tmp_path, "bad", State(config={}, arrays={"x": np.array([{}], dtype=object)}))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FusionError, match="clinical"):
        load_state(tmp_path, "clinical")


def test_an_estimator_predicts_the_same_after_the_disk(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(40, 3))
    model = LogisticRegression().fit(x, x[:, 0] > 0)
    save_estimator(tmp_path / "model.skops", model)
    assert np.array_equal(load_estimator(tmp_path / "model.skops").predict_proba(x), model.predict_proba(x))


def test_an_estimator_of_a_stranger_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.skops"
    save_estimator(path, LogisticRegression().fit([[0.0], [1.0]], [0, 1]))
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    schema = content["schema.json"].replace(b'"LogisticRegression"', b'"Popen"')
    schema = schema.replace(b'"sklearn.linear_model._logistic"', b'"subprocess"')
    assert schema != content["schema.json"]
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, schema if name == "schema.json" else data)
    with pytest.raises(FusionError, match=r"subprocess\.Popen"):
        load_estimator(path)


def test_a_forest_comes_back(tmp_path: Path) -> None:
    from sklearn.ensemble import RandomForestClassifier

    random = np.random.default_rng(0)
    X, y = random.normal(size=(60, 4)), np.arange(60) % 2
    forest = RandomForestClassifier(n_estimators=3, random_state=0).fit(X, y)
    save_estimator(tmp_path / "model.skops", forest)
    assert np.array_equal(load_estimator(tmp_path / "model.skops").predict_proba(X), forest.predict_proba(X))


SOUND_TREE = {"children_left": [1, -1, -1], "children_right": [2, -1, -1], "feature": [3, -2, -2]}


def tree(**altered: list[int]) -> SimpleNamespace:
    arrays = {name: np.array(value, dtype=int) for name, value in {**SOUND_TREE, **altered}.items()}
    return SimpleNamespace(**arrays, n_features=4)


@pytest.mark.parametrize(
    "altered",
    [
        {"children_left": [3, -1, -1]},  # beyond the tree
        {"children_right": [3, -1, -1]},
        {"children_left": [0, -1, -1]},  # in a circle
        {"children_right": [0, -1, -1]},
        {"children_left": [1, -1, 1]},  # backwards
        {"children_right": [2, 2, -1]},  # half a leaf
        {"feature": [4, -2, -2]},  # of four features
        {"feature": [-1, -2, -2]},
        {name: [] for name in SOUND_TREE},
    ],
)
def test_a_tree_that_leads_elsewhere_is_refused(tmp_path: Path, altered: dict[str, list[int]]) -> None:
    """A tree whose node points beyond the tree would be followed into foreign memory."""
    state._check_tree(tmp_path, tree())
    state._check_tree(tmp_path, tree(feature=[0, -2, -2]))
    with pytest.raises(FusionError, match="decision tree that is none"):
        state._check_tree(tmp_path, tree(**altered))
