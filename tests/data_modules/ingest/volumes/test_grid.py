"""Orientation, spacing, intensity and crop: expected values by hand, and against nibabel."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest
from nibabel.processing import resample_from_to

from data_modules.ingest.volumes.files import Volume, VolumeError
from data_modules.ingest.volumes.grid import (
    box_center,
    center_of,
    find_foreground,
    from_patches,
    grid_origin,
    largest_piece,
    normalise,
    resample,
    to_patches,
)
from data_modules.ingest.volumes.settings import GridSettings, Intensity


def on_grid(values: np.ndarray, affine: np.ndarray, grid: GridSettings) -> np.ndarray:
    volume = Volume(values=values.astype(np.float32), affine=affine)
    origin = grid_origin(volume, center_of(volume, "none", np.ones(values.shape, dtype=bool)), grid)
    return resample(volume.values, affine, origin=origin, grid=grid).values


def test_ct_window_by_hand() -> None:
    values = np.array([-1000, -160, 40, 240, 3000], dtype=np.float32)
    scaled = normalise(values, np.ones(5, dtype=bool), Intensity(kind="ct", window=(-160, 240)))
    assert scaled.tolist() == [0, 0, 0.5, 1, 1]


def test_mr_z_score_by_hand_uses_the_foreground_alone_and_is_cut() -> None:
    values = np.array([0, 0, 10, 14, 12, 1000], dtype=np.float32)
    foreground = np.array([False, False, True, True, True, False])
    scaled = normalise(values, foreground, Intensity(kind="mr", clip=3))
    spread = np.sqrt(8 / 3)  # of 10, 14, 12 about 12
    np.testing.assert_allclose(scaled, [-3, -3, -2 / spread, 2 / spread, 0, 3], rtol=1e-6)


def test_gain_and_offset_of_an_mr_scanner_change_nothing() -> None:
    values = np.random.default_rng(0).gamma(2, 50, (6, 6, 6)).astype(np.float32)
    foreground = find_foreground(values, "mr")
    other = (2.5 * values + 7).astype(np.float32)
    assert (find_foreground(other, "mr") == foreground).all()
    how = Intensity(kind="mr")
    np.testing.assert_allclose(normalise(other, foreground, how), normalise(values, foreground, how), atol=1e-4)


def test_a_flat_foreground_is_refused() -> None:
    with pytest.raises(VolumeError, match="one value"):
        normalise(np.ones((3, 3, 3), dtype=np.float32), np.ones((3, 3, 3), dtype=bool), Intensity(kind="mr"))


def test_ct_foreground_is_the_body_with_its_holes_and_without_the_table() -> None:
    values = np.full((9, 9, 9), -1000, dtype=np.float32)
    values[2:7, 2:7, 2:7] = 40
    values[4, 4, 4] = -900  # air in the bowel
    values[8, 0, 0] = 300  # the table
    body = find_foreground(values, "ct")
    assert body.sum() == 125
    assert body[4, 4, 4]
    assert not body[8, 0, 0]


@pytest.mark.parametrize("axes", ["RAS", "LPS", "LAS", "PIR", "SRA", "ASL"])
def test_every_orientation_gives_the_same_grid_and_that_of_nibabel(axes: str) -> None:
    """Without interpolation: 1 mm volumes on a 1 mm grid, so equality is exact."""
    values = np.arange(6 * 5 * 4, dtype=np.float32).reshape(6, 5, 4)
    image = nibabel.Nifti1Image(values, np.array([[1, 0, 0, 3], [0, 1, 0, -7], [0, 0, 1, 11], [0, 0, 0, 1.0]]))
    turn = nibabel.orientations.ornt_transform(
        nibabel.io_orientation(image.affine), nibabel.orientations.axcodes2ornt(tuple(axes))
    )
    stored = image.as_reoriented(turn)
    assert "".join(nibabel.aff2axcodes(stored.affine)) == axes
    grid = GridSettings(size=(6, 5, 4), patch=(1, 1, 1))
    found = on_grid(np.asarray(stored.dataobj), stored.affine, grid)
    np.testing.assert_array_equal(found, values)
    np.testing.assert_array_equal(found, nibabel.as_closest_canonical(stored).get_fdata())


def test_spacing_by_hand() -> None:
    """A ramp of 1 a millimetre, stored every 2 mm: read every millimetre it is a ramp of 1 a voxel."""
    values = np.broadcast_to(2.0 * np.arange(5)[:, None, None], (5, 3, 3))
    affine = np.diag([2.0, 1.0, 1.0, 1.0])
    grid = GridSettings(size=(9, 3, 3), patch=(1, 1, 1))
    np.testing.assert_allclose(on_grid(values, affine, grid)[:, 1, 1], np.arange(9), atol=1e-6)


def test_oblique_resampling_equals_nibabels() -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(size=(14, 12, 10)).astype(np.float32)
    turn = nibabel.eulerangles.euler2mat(0.2, -0.3, 0.4)
    affine = nibabel.affines.from_matvec(turn @ np.diag([1.2, 1.1, 1.5]), [4, -8, 2])
    grid = GridSettings(size=(6, 6, 6), patch=(2, 2, 2))
    volume = Volume(values=values, affine=affine)
    origin = grid_origin(volume, center_of(volume, "none", values > 0), grid)
    mine = resample(values, affine, origin=origin, grid=grid)
    target = nibabel.affines.from_matvec(np.eye(3), origin)
    theirs = resample_from_to(nibabel.Nifti1Image(values, affine), ((6, 6, 6), target), order=1).get_fdata()
    assert mine.inside.all()
    np.testing.assert_allclose(mine.values, theirs, atol=1e-4)


def test_a_coarser_grid_averages_instead_of_skipping() -> None:
    """Stripes of one voxel: sampled every fourth voxel they would be all 0 or all 1."""
    values = np.broadcast_to((np.arange(32) % 2)[:, None, None], (32, 32, 32)).astype(np.float32)
    grid = GridSettings(spacing=(4.0, 4.0, 4.0), size=(6, 6, 6), patch=(1, 1, 1))
    np.testing.assert_allclose(on_grid(values, np.eye(4), grid), 0.5, atol=0.05)


def test_padding_is_the_lowest_value_and_outside() -> None:
    values = np.full((2, 2, 2), 5, dtype=np.float32)
    values[0, 0, 0] = -1
    grid = GridSettings(size=(4, 4, 4), patch=(2, 2, 2))
    volume = Volume(values=values, affine=np.eye(4))
    origin = grid_origin(volume, np.array([0.5, 0.5, 0.5]), grid)
    placed = resample(values, np.eye(4), origin=origin, grid=grid)
    assert origin.tolist() == [-1, -1, -1]
    assert placed.inside.sum() == 8
    np.testing.assert_array_equal(placed.values[1:3, 1:3, 1:3], values)
    assert set(placed.values[~placed.inside]) == {-1}


def test_crops_are_centred() -> None:
    region = np.zeros((10, 10, 10), dtype=bool)
    region[2:5, 6:7, 1:9] = True
    affine = np.diag([2.0, 1.0, 1.0, 1.0])
    assert box_center(region, affine).tolist() == [6, 6, 4.5]
    values = np.full((20, 20, 20), 10, dtype=np.float32)
    values[4:7, 12:15, 9:12] = 100
    volume = Volume(values=values, affine=np.eye(4))
    everywhere = np.ones(values.shape, dtype=bool)
    np.testing.assert_allclose(center_of(volume, "brightest", everywhere), [5, 13, 10], atol=0.51)
    assert center_of(volume, "none", everywhere).tolist() == [9.5, 9.5, 9.5]
    assert center_of(volume, "foreground", values > 50).tolist() == [5, 13, 10]


def test_largest_piece() -> None:
    above = np.zeros((5, 5, 5), dtype=bool)
    above[0, 0, :2] = above[3, 3, :4] = True
    assert largest_piece(above).sum() == 4
    assert largest_piece(np.zeros((2, 2, 2), dtype=bool)).sum() == 0


def test_patches_by_hand() -> None:
    values = np.arange(64, dtype=np.float32).reshape(4, 4, 4)
    patches = to_patches(values, (2, 2, 2))
    assert patches.shape == (8, 2, 2, 2)
    np.testing.assert_array_equal(patches[1], values[:2, :2, 2:])
    np.testing.assert_array_equal(patches[2], values[:2, 2:, :2])
    np.testing.assert_array_equal(patches[4], values[2:, :2, :2])


def test_patches_put_together_again() -> None:
    values = np.arange(2 * 6 * 4, dtype=np.float32).reshape(2, 6, 4)
    np.testing.assert_array_equal(from_patches(to_patches(values, (1, 2, 4)), (2, 3, 1)), values)


def test_a_grid_meets_the_lowest_corner_of_a_volume_whose_axes_run_backwards() -> None:
    """Of 4 × 6 × 8 voxels of 1.5 mm that end at 5.5, 12.5 and 19.5 mm: whole millimetres from there on."""
    affine = np.diag([-1.5, -1.5, -1.5, 1.0])
    affine[:3, 3] = 10, 20, 30
    volume = Volume(values=np.zeros((4, 6, 8), dtype=np.float32), affine=affine)
    origin = grid_origin(volume, np.array([8.0, 17.0, 26.0]), GridSettings(size=(4, 4, 4), patch=(2, 2, 2)))
    # Centred, the grid begins at 6.5, 15.5 and 24.5.
    assert origin.tolist() == [6.5, 15.5, 24.5]
    origin = grid_origin(volume, np.array([8.6, 17.4, 26.6]), GridSettings(size=(4, 4, 4), patch=(2, 2, 2)))
    assert origin.tolist() == [7.5, 15.5, 25.5]
