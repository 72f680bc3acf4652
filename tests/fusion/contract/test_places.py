"""What earlier versions wrote is read as if it named today's places."""

from __future__ import annotations

from importlib import import_module

import pytest

from fusion.contract.places import MOVED, current, modernise


@pytest.mark.parametrize("old", MOVED)
def test_what_moved_is_where_the_table_says(old: str) -> None:
    import_module(MOVED[old])
    assert MOVED[old] not in MOVED, "a place of today is nobody's place of yesterday"


def test_a_class_is_followed_and_others_stay() -> None:
    assert current("data_modules.cohort.CohortSource") == "data_modules.cohort.source.CohortSource"
    assert current("data_modules.cohort.source.CohortSource") == "data_modules.cohort.source.CohortSource"
    assert current("my_lab.encoders.Mine") == "my_lab.encoders.Mine"
    assert current("alone") == "alone"


def test_targets_are_followed_at_any_depth_and_nothing_else_changes() -> None:
    old = {
        "model": {"encoders": {"slides": {"_target_": "fusion.encoders.cnn.TileCNN", "norm": "data_modules.splits.x"}}},
        "list": [{"_target_": "data_modules.splits.open_folds"}, 3, None],
    }
    new = modernise(old)
    assert new == {
        "model": {
            "encoders": {"slides": {"_target_": "fusion.encoders.images.cnn.TileCNN", "norm": "data_modules.splits.x"}}
        },
        "list": [{"_target_": "data_modules.folds.draw.open_folds"}, 3, None],
    }
    assert old["list"][0] == {"_target_": "data_modules.splits.open_folds"}, "the caller's stays as it was"
