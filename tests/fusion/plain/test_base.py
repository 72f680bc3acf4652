"""Cross-fitting, prevalence where nothing else can be, and what a run folder keeps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fusion.contract import FusionError
from fusion.plain.base import check_base, fit_base, load_base, save_base
from fusion.plain.families import spread


def rows_of(number: int) -> pd.DataFrame:
    return pd.DataFrame(np.random.default_rng(0).normal(size=(number, 3)), columns=["a:x", "a:y", "b:z"])


def test_every_patient_is_held_out_once_and_groups_stay_whole() -> None:
    labels = np.arange(60) % 2
    groups = np.arange(60) // 4
    splits = spread(labels, needed=range(2), groups=groups)
    assert sorted(np.concatenate([held for _, held in splits])) == list(range(60))
    for seen, held in splits:
        assert not set(groups[seen]) & set(groups[held])
        assert not set(seen) & set(held) and len(seen) + len(held) == 60


def test_rare_classes_are_cross_fitted_in_fewer_parts_or_not_at_all() -> None:
    labels = np.array([1, 1, 1] + [0] * 30)
    assert len(spread(labels, needed=range(2))) == 3
    assert spread(np.array([1] + [0] * 30), needed=range(2)) == []
    assert spread(labels, needed=range(2), groups=np.array([0, 0, 0, *range(1, 31)])) == [], "one family"


def test_prevalence_where_there_is_nothing_else() -> None:
    labels = np.array([1] + [0] * 9)
    base = fit_base("linear", rows_of(10), labels, classes=2)
    assert base.model.kind == "prevalence"
    assert base.held_out == pytest.approx(np.full(10, np.log(1 / 9)))
    alike = pd.DataFrame({"a:x": [1.0] * 18 + [np.nan] * 2, "b:y": 0.0})
    for kind in ("linear", "choose"):
        assert fit_base(kind, alike, np.arange(20) % 2, classes=2).model.kind == "prevalence"
    nothing = pd.DataFrame(index=range(20))
    three = fit_base("linear", nothing, np.arange(20) % 3, classes=3)
    assert np.exp(three.model.logits(nothing))[0] == pytest.approx([7 / 20, 7 / 20, 6 / 20])


@pytest.mark.parametrize("number", [10, 60])
def test_it_is_kept_and_read_again(tmp_path: Path, number: int) -> None:
    labels = np.array([1] + [0] * 9) if number == 10 else np.arange(60) % 2
    model = fit_base("linear", rows_of(number), labels, classes=2).model
    save_base(tmp_path, model)
    again = load_base(tmp_path)
    assert again is not None
    assert np.array_equal(again.logits(rows_of(5)), model.logits(rows_of(5)))
    assert load_base(tmp_path / "nowhere") is None


def test_a_strange_kind_is_refused() -> None:
    check_base("none")
    with pytest.raises(FusionError, match=r"model\.base is 'ridge'; choose none, linear"):
        check_base("ridge")


def test_an_altered_base_is_refused(tmp_path: Path) -> None:
    save_base(tmp_path, fit_base("linear", rows_of(60), np.arange(60) % 2, classes=2).model)
    file = tmp_path / "base.json"
    file.write_text(file.read_text().replace('"linear"', '"os.system"'))
    with pytest.raises(FusionError, match="holds no plain model"):
        load_base(tmp_path)
