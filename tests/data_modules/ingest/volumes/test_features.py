"""Features of volumes by hand and against SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from data_modules.ingest.volumes.features import PAIR_FEATURES, SEQUENCE_FEATURES, describe, feature_names


def first(values: np.ndarray, region: np.ndarray, spacing: tuple[float, float, float] = (1, 1, 1)) -> dict[str, float]:
    found = describe(values[None].astype(np.float32), region, present=[True], spacing=spacing)
    return dict(zip(SEQUENCE_FEATURES, found, strict=True))


def test_first_order_statistics_are_those_of_the_region_and_of_scipy() -> None:
    values = np.random.default_rng(0).gamma(2.0, size=(6, 6, 6))
    region = np.zeros((6, 6, 6), dtype=bool)
    region[1:5, 2:6, 1:4] = True
    inside = values[region].astype(np.float32).astype(np.float64)
    found = first(values, region)
    assert found["mean"] == pytest.approx(inside.mean()) and found["std"] == pytest.approx(inside.std())
    assert found["skewness"] == pytest.approx(stats.skew(inside)) and found["kurtosis"] == pytest.approx(
        stats.kurtosis(inside)
    )
    assert [found[f"p{q}"] for q in (10, 50, 90, 99)] == pytest.approx(np.percentile(inside, [10, 50, 90, 99]).tolist())
    empty = first(values, np.zeros_like(region))
    assert empty["mean"] == pytest.approx(values.mean(), rel=1e-6), "without a region it is everywhere"
    flat = first(np.ones((4, 4, 4)), np.ones((4, 4, 4), dtype=bool))
    assert [flat[name] for name in ("std", "skewness", "kurtosis", "gradient")] == [0, 0, 0, 0]


def test_the_gradient_is_a_millimetre() -> None:
    """3 a voxel of 2 mm along x and 4 a voxel of 1 mm along z: √(1.5² + 4²)."""
    x, _, z = np.mgrid[0:8, 0:8, 0:8]
    region = np.zeros((8, 8, 8), dtype=bool)
    region[3:5, 3:5, 3:5] = True
    found = first(3.0 * x + 4.0 * z, region, (2.0, 5.0, 1.0))
    assert found["gradient"] == pytest.approx(np.hypot(1.5, 4), rel=1e-4)


@pytest.mark.parametrize("thick", [8, 1])
def test_the_texture_of_a_checkerboard(thick: int) -> None:
    """Grey levels 8 and 11 of 16. Neighbours along an axis are of the other level, those along a diagonal of the same.
    Of a region one voxel thick there is one plane."""
    x, y, z = np.indices((thick, 8, 8))
    values = np.where((x + y + z) % 2 == 0, 0.0, 2.0)
    found = first(values, np.ones(values.shape, dtype=bool)) if thick > 1 else in_slab(values)
    assert found["glcm_contrast"] == pytest.approx(0.5 * 9)
    assert found["glcm_homogeneity"] == pytest.approx(0.5 + 0.5 / 10)
    assert found["glcm_energy"] == pytest.approx(np.sqrt(0.5), abs=1e-3)
    assert found["glcm_correlation"] == pytest.approx(0, abs=1e-3)


def in_slab(values: np.ndarray) -> dict[str, float]:
    """Its features where it is one slice of a thicker volume."""
    whole = np.full((5, 8, 8), 4.0)
    whole[2] = values[0]
    region = np.zeros(whole.shape, dtype=bool)
    region[2] = True
    return first(whole, region)


def test_levels_are_of_a_fixed_range() -> None:
    """-5 and below is level 0, and 5 and above 15."""
    x, y, z = np.indices((4, 4, 4))
    for low, high, apart in ((-9.0, 9.0, 15), (-5.0, 5.0, 15), (-4.9, 4.3, 14), (0.0, 0.6, 0)):
        found = first(np.where((x + y + z) % 2 == 0, low, high), np.ones((4, 4, 4), dtype=bool))
        assert found["glcm_contrast"] == pytest.approx(0.5 * apart**2)


def test_the_largest_bright_piece_by_hand() -> None:
    """4 × 4 × 4 voxels of 1 × 2 × 1 mm with one hole: 128 mm³ and 64 + 32 + 64 mm² of faces. A voxel is core where it
    lies deeper than half of the deepest, 2 mm: 2 × 4 × 2 voxels."""
    values = np.zeros((12, 12, 12))
    values[3:7, 4:8, 5:9] = 3.0
    values[4:6, 4:8, 6:8] = 4.0
    values[9, 1, 1] = 3.5  # another piece
    found = first(values, np.ones(values.shape, dtype=bool), (1.0, 2.0, 1.0))
    assert found["bright_ml"] == pytest.approx(0.128)
    assert found["bright_sphericity"] == pytest.approx((36 * np.pi * 128**2) ** (1 / 3) / 160)
    assert found["bright_mean"] == pytest.approx((48 * 3 + 16 * 4) / 64)
    assert found["bright_std"] == pytest.approx(np.sqrt(0.25 * 0.75))
    assert found["bright_rim_minus_core"] == pytest.approx(-1)


def test_changes_between_sequences_by_hand() -> None:
    """Of three sequences the second is missing; 3 of 8 voxels of 6 mm³ rise by more than 1, one by 1."""
    values = np.zeros((3, 2, 2, 2), dtype=np.float32)
    values[2] = np.array([0, 0, 0, -1, 1, 2, 3, 4], dtype=np.float32).reshape(2, 2, 2)
    region = np.ones((2, 2, 2), dtype=bool)
    found = describe(values, region, present=[True, False, True], spacing=(1.0, 2.0, 3.0))
    told = dict(zip(feature_names(["pre", "mid", "post"]), found, strict=True))
    assert len(told) == 3 * len(SEQUENCE_FEATURES) + 3 * len(PAIR_FEATURES)
    assert all(np.isnan(value) for name, value in told.items() if "mid" in name)
    rise = np.array([0, 0, 0, -1, 1, 2, 3, 4])
    assert told["post-pre:change_mean"] == pytest.approx(9 / 8)
    assert [told[f"post-pre:change_p{q}"] for q in (50, 90, 99)] == pytest.approx(
        np.percentile(rise, [50, 90, 99]).tolist()
    )
    assert told["post-pre:change_ml"] == pytest.approx(3 * 6 / 1000)
