"""Grids and intensities that cannot be are refused, each field by its own name."""

from __future__ import annotations

from typing import Any

import pytest

from data_modules.ingest.volumes.settings import GridSettings, Intensity
from fusion.contract import Settings, SettingsError


@pytest.mark.parametrize(
    ("kind", "wrong", "words", "right"),
    [
        (GridSettings, {"size": (72, 64, 64)}, "size [72, 64, 64] is no multiple of patch", {"size": (80, 64, 64)}),
        (GridSettings, {"spacing": (0.0, 1.0, 1.0)}, "spacing[0] must be at least 0.1", {"spacing": (0.5, 1.0, 1.0)}),
        (GridSettings, {"spacing": (1.0, 1.0, 25.0)}, "spacing[2] must be at least 0.1 and at most 20", {}),
        (GridSettings, {"size": (0, 64, 64)}, "size[0] must be at least 1, not 0", {"size": (16, 64, 64)}),
        (GridSettings, {"patch": (16, 0, 16)}, "patch[1] must be at least 1, not 0", {"patch": (16, 8, 16)}),
        (GridSettings, {"crop": "tumour"}, "crop must be one of foreground, mask", {"crop": "brightest"}),
        (Intensity, {"kind": "pet"}, "kind must be one of mr, ct, not 'pet'", {"kind": "ct"}),
        (Intensity, {"kind": "ct", "window": (3, 1)}, "window is [3, 1]", {"kind": "ct", "window": (1, 3)}),
        (Intensity, {"kind": "mr", "clip": 0}, "clip must be above 0, not 0", {"kind": "mr", "clip": 5}),
    ],
)
def test_a_field_out_of_range_is_named_and_mended(
    kind: type[Settings], wrong: dict[str, Any], words: str, right: dict[str, Any]
) -> None:
    with pytest.raises(SettingsError) as told:
        kind(**wrong)
    (problem,) = told.value.problems
    assert problem.startswith(words)
    kind(**right)
