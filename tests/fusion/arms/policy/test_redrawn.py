"""Draws of a cohort's patients, the same in every fold, and what a fold keeps of its plain model's refits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from fusion.arms.base import FUSION, FoldData
from fusion.arms.policy.redrawn import DRAWS, FILE, draws_of, keep_redrawn
from fusion.arms.start import plain_models
from fusion.plain.base import save_base
from fusion.plain.redrawn import Redrawn
from fusion.run.state import load_state

MODEL = {"head": {"_target_": "fusion.heads.response.BinaryResponse", "_partial_": True}, "width": 4}


def test_who_is_held_together_is_drawn_together() -> None:
    groups = pd.Series(["f", "f", None, "f", None], index=list("abcde"))
    draws = draws_of(list("abcde"), groups, seed=3)
    assert draws.shape == (DRAWS, 5)
    assert (draws["a"] == draws["b"]).all() and (draws["a"] == draws["d"]).all()
    assert (draws["a"] != draws["c"]).any() and (draws["c"] != draws["e"]).any()
    assert (draws[["a", "c", "e"]].sum(axis=1) == 3).all()
    assert draws.equals(draws_of(list("abcde"), groups, seed=3))
    assert not draws.equals(draws_of(list("abcde"), groups, seed=4))


def test_a_fold_keeps_what_its_plain_model_changes_by(fold_of: Callable[..., FoldData], tmp_path: Path) -> None:
    ids = [f"P{number:02d}" for number in range(60)]
    rng = np.random.default_rng(2)
    raw = {"clinical": pd.DataFrame(rng.normal(size=(60, 2)), index=ids, columns=["age", "size"])}
    labels = pd.Series((raw["clinical"]["age"] + rng.normal(size=60) > 0).astype(int), index=ids)
    data = fold_of(raw, labels)
    draws = draws_of(ids, pd.Series(pd.NA, index=ids), seed=0)
    assert not keep_redrawn(data, tmp_path, draws, MODEL)  # the arm started from nothing
    model = plain_models(data, ["clinical"], "linear").whole
    (tmp_path / FUSION).mkdir()
    save_base(tmp_path / FUSION, model)
    assert keep_redrawn(data, tmp_path, draws, MODEL)
    state = load_state(tmp_path, FILE)
    assert state.config == {"draws": DRAWS}
    test = data.whole["clinical"].table(list(data.fold.test)).add_prefix("clinical:")
    change = Redrawn.restore(state.arrays).change(model, test)
    assert change.shape == (DRAWS, len(data.fold.test))
    assert np.abs(np.median(change, axis=0)).max() < change.std(axis=0).max()
    assert change.std(axis=0).min() > 0
