"""A drawn breast: where the chest wall lies, and that the lesion is in the breast."""

from __future__ import annotations

import numpy as np

from data_modules.sources.simulated_mri.anatomy import SHAPE, Breast, _vessel, draw_breast


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


def test_a_vessel_is_a_thin_tube_through_the_middle_of_the_breast() -> None:
    """Its place in the middle slice: 0.3 to 0.7 of the width and 0.35 to 0.6 of the depth, all of both in 60 draws."""
    place = tuple(np.mgrid[0:41, 0:41, 0:5].astype(float))
    tubes = [_vessel(np.random.default_rng(seed), place, np.zeros((41, 41, 5))) for seed in range(60)]
    middle = np.array([np.argwhere(tube[:, :, 2]).mean(axis=0) for tube in tubes])
    assert ((middle >= [11, 13]) & (middle <= [29, 25])).all()  # of 40, and half a voxel of rounding
    assert (np.ptp(middle, axis=0) > [13, 8]).all()
    assert all(3 <= tube[:, :, at].sum() <= 8 for tube in tubes for at in range(5))
    assert not _vessel(np.random.default_rng(0), place, np.full((41, 41, 5), 0.85)).any()
