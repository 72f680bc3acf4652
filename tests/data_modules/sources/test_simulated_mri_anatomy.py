"""A drawn breast: where the chest wall lies, and that the lesion is in the breast."""

from __future__ import annotations

import numpy as np

from data_modules.sources.simulated_mri.anatomy import SHAPE, Breast, draw_breast


def test_the_chest_wall_lies_alike_on_both_sides_and_deepest_in_the_middle() -> None:
    breast = Breast(rim=True, enhancement=1.2, gain=1.0)
    drawn = [draw_breast(np.random.default_rng(seed), breast) for seed in range(4)]
    behind = np.mean([one.pre[:, :12] for one in drawn], axis=(0, 3))  # (x, y), the 12 rows at the back
    assert np.abs(behind - behind[::-1]).mean() < 0.1 * behind.mean()
    # Rows of muscle (90; fat is 45): 0.18 of 60 mm are 7 of 1.5 mm, and at the sides 3 mm more.
    muscle = (behind > 70).sum(axis=1)
    assert (muscle[0], muscle[len(muscle) // 2], muscle[-1]) == (9, 7, 9)
    plane = np.mean([one.pre for one in drawn], axis=(0, 3))
    assert (np.abs(plane - plane[::-1]).mean(axis=0) < 0.25 * plane.mean(axis=0)).all(), "and so does the breast"
    for one in drawn:
        places = np.argwhere(one.lesion)
        assert len(places) > 100
        assert (places.mean(axis=0) > np.array(SHAPE) * (0.2, 0.2, 0.2)).all()
        assert (places.mean(axis=0) < np.array(SHAPE) * (0.8, 0.8, 0.8)).all()
