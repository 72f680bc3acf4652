"""`+experiment=cancer_tiles` and its three presets resolve to what docs/histology_tiles.md says of them."""

from __future__ import annotations

from typing import Any

import pytest

from fusion.config.compose import composed

CARCINOMA = ["tumor", "in_situ", "pgcc", "mucinous_change"]


@pytest.mark.parametrize(
    ("preset", "encoder", "embed", "learns"),
    [
        ("cancer_tiles", "fusion.encoders.images.mil.EmbeddingMIL", {"encoder": "efficientnet_lite0_layers"}, {}),
        ("cancer_seed_cnn", "fusion.encoders.images.cnn.TileCNN", None, {"channels": [16, 32, 32, 64, 64]}),
        ("cancer_resnet50", "fusion.encoders.images.resnet.TileResNet", None, {"depth": 50, "weights": "w.pth"}),
    ],
)
def test_carcinoma_is_the_positive_class_of_two(
    preset: str, encoder: str, embed: dict[str, str] | None, learns: dict[str, Any]
) -> None:
    given = ["model.encoders.tiles.weights=w.pth"] if preset == "cancer_resnet50" else []
    config = composed("train", ["+experiment=cancer_tiles", f"preset={preset}", *given], None)
    assert dict(config.cohort.label_map) == {"other": "*", "carcinoma": CARCINOMA}
    assert list(config.cohort.label_map)[-1] == "carcinoma"
    assert config.model.head._target_ == "fusion.heads.response.BinaryResponse"
    tiles = config.model.encoders.tiles
    assert tiles._target_ == encoder
    assert config.modality.tiles.embed == embed
    assert {name: tiles[name] for name in learns} == learns
