"""How far two volumes lie over each other, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from data_modules.ingest.volumes.files import VolumeFile
from data_modules.ingest.volumes.geometry import overlap


def box(shape: tuple[int, int, int], *, at: float = 0.0, size: float = 1.0) -> VolumeFile:
    affine = np.diag([size, size, size, 1.0])
    affine[0, 3] = at
    return VolumeFile(name="v", kind="nifti", paths=(), shape=shape, affine=tuple(map(tuple, affine.tolist())))


@pytest.mark.parametrize(
    ("other", "share"),
    [
        (box((5, 5, 5)), 1.0),
        (box((5, 5, 5), at=1.0), 0.75),  # of 4 mm between outer centres 3 are shared
        (box((5, 5, 5), at=4.0), 0.0),
        (box((5, 5, 5), at=9.0), 0.0),
        (box((3, 3, 3), at=1.0), 1.0),  # the smaller lies within
        (box((3, 3, 3), size=4.0), 1.0),
        (box((5, 5, 1)), 0.0),  # a single slice has no volume between its centres
    ],
)
def test_the_share_of_the_smaller_box_that_lies_in_the_other(other: VolumeFile, share: float) -> None:
    assert overlap(box((5, 5, 5)), other) == pytest.approx(share)
    assert overlap(other, box((5, 5, 5))) == pytest.approx(share)
