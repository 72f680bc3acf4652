"""Deletion of tiles from a model that adds up what each tile says, by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from fusion.attribution.faithfulness import SHARES, delete_tiles

SAYS = torch.tensor([4.0, 0.0, 1.0, 2.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])


def member(times: float) -> Any:
    return SimpleNamespace(
        log_odds=lambda tokens, masks, plain: times * (masks["slides"].float() @ SAYS[: masks["slides"].shape[1]])
    )


def inputs(tiles: list[bool]) -> Any:
    return SimpleNamespace(masks={"slides": torch.tensor([tiles])}, tokens={}, plain=None)


def test_two_tiles_of_which_one_is_deleted() -> None:
    """One goes, whatever the share: the one that supports most, or either by chance."""
    one = inputs([True, False, True])
    curve = delete_tiles([member(1), member(3)], [one, one], "slides", np.array([4.0, 9.0, 1.0]), seed=0)
    assert curve is not None
    assert curve.top.tolist() == [2 * 1.0]
    assert curve.top[0] < curve.chance[0] < 2 * 4.0


def test_as_many_go_as_the_shares_say() -> None:
    """Of ten tiles one to five."""
    one = inputs([True] * 10 + [False])
    curve = delete_tiles([member(1)], [one], "slides", SAYS.double().numpy(), seed=0)
    assert curve is not None
    assert len(SHARES) == len(curve.top)
    assert curve.top.tolist() == [3.5, 1.5, 0.5, 0.0, 0.0]
    assert curve.area == pytest.approx(float((curve.chance - curve.top).mean()))
    assert curve.area > 0
