"""Settings of tiles, tissue and embeddings refuse what cannot be, each field by its own name."""

from __future__ import annotations

from typing import Any

import pytest

from data_modules.ingest.slides.settings import EmbedSettings, TileSettings, TissueSettings
from fusion.contract import Settings, SettingsError, read_settings


@pytest.mark.parametrize(
    ("kind", "wrong", "right"),
    [
        (TileSettings, {"size": 0}, {"size": 1}),
        (TileSettings, {"mpp": 0.0}, {"mpp": 0.25}),
        (TileSettings, {"overlap": -1}, {"overlap": 0}),
        (TileSettings, {"overlap": 64}, {"overlap": 63}),
        (TileSettings, {"min_tissue": 50}, {"min_tissue": 0.5}),
        (TileSettings, {"max_tiles": 0}, {"max_tiles": None}),
        (TissueSettings, {"mpp": -4.0}, {"mpp": 8.0}),
        (TissueSettings, {"saturation": 5.0}, {"saturation": 0.05}),
        (TissueSettings, {"saturation": "otzu"}, {"saturation": "otsu"}),
        (TissueSettings, {"min_area": -1.0}, {"min_area": 0.0}),
        (TissueSettings, {"max_hole": -1.0}, {"max_hole": 0.0}),
        (TissueSettings, {"reject": ("ink",)}, {"reject": ("pen",)}),
        (TissueSettings, {"fold": 35.0}, {"fold": 0.35}),
        (TissueSettings, {"blur": -8.0}, {"blur": 0.0}),
        (EmbedSettings, {"input_size": 16}, {"input_size": 32}),
        (EmbedSettings, {"batch": 0}, {"batch": 1}),
    ],
)
def test_a_field_out_of_range_is_named_and_mended(
    kind: type[Settings], wrong: dict[str, Any], right: dict[str, Any]
) -> None:
    (key,) = wrong
    with pytest.raises(SettingsError) as told:
        kind(**wrong)
    (problem,) = told.value.problems
    assert problem.startswith(key)
    kind(**right)


def test_all_problems_at_once() -> None:
    with pytest.raises(SettingsError) as told:
        TileSettings(size=0, mpp=0.0, overlap=-1, min_tissue=2.0, max_tiles=0)
    assert [problem.split()[0] for problem in told.value.problems] == [
        "size",
        "mpp",
        "overlap",
        "min_tissue",
        "max_tiles",
    ]


def test_to_reject_nothing_is_an_empty_list_or_null() -> None:
    given = read_settings(TissueSettings, {"reject": ["pen"], "mpp": 8}, at="tissue")
    assert given == TissueSettings(reject=("pen",), mpp=8.0)
    assert read_settings(TissueSettings, {"reject": None}, at="tissue") == TissueSettings(reject=())
