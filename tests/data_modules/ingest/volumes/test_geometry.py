"""How far two volumes lie over each other, by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from data_modules.ingest.volumes.files import VolumeFile
from data_modules.ingest.volumes.geometry import corners, mask_problem, overlap


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


def test_a_mask_lies_on_its_image_or_it_is_said_why_not() -> None:
    """Corners may lie a hundredth of a voxel apart, or of a millimetre if that is more."""
    image = box((5, 5, 5), size=2.0)
    assert mask_problem(box((5, 5, 5), size=2.0), image) is None
    assert mask_problem(box((5, 5, 5), size=2.0, at=0.02), image) is None
    assert mask_problem(replace(image, affine=None), image) is None
    assert mask_problem(image, replace(image, affine=None)) is None
    told = mask_problem(box((5, 5, 5), size=2.0, at=0.021), image)
    assert told == (
        "v has the voxels of v but another affine: corners lie up to 0.021 mm apart "
        "(origin 0.021, 0, 0 against 0, 0, 0)"
    )
    fine = box((5, 5, 5), size=0.5)
    assert mask_problem(box((5, 5, 5), size=0.5, at=0.0099), fine) is None
    assert mask_problem(box((5, 5, 5), size=0.5, at=0.011), fine) is not None
    assert mask_problem(box((5, 4, 5), size=2.0), image) == "v has 5×4×5 voxels, v 5×5×5"


def test_a_mask_of_another_kind_may_have_its_axes_turned() -> None:
    image = box((5, 4, 3))
    turned = np.array([[0, 0, 1, 0], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]], dtype=float)
    other = replace(image, kind="dicom", shape=(3, 4, 5), affine=tuple(map(tuple, turned.tolist())))
    assert mask_problem(other, image) is None
    assert mask_problem(replace(other, kind="nifti"), image) == "v has 3×4×5 voxels, v 5×4×3"
    assert mask_problem(replace(other, shape=(3, 4, 6)), image) == "v has 3×4×6 voxels, v 5×4×3"
    for shift, problem in ((0.02, None), (0.04, "v lies at other places than v")):
        turned[0, 3] = shift
        assert mask_problem(replace(other, affine=tuple(map(tuple, turned.tolist()))), image) == problem


def test_corners_in_the_order_of_the_axes() -> None:
    found = corners(box((3, 4, 5), at=10.0, size=2.0))
    assert found.tolist() == [[10 + x, y, z] for x in (0.0, 4.0) for y in (0.0, 6.0) for z in (0.0, 8.0)]
