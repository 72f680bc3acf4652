"""The documented line that reads whole slides instead of TCGA's table of slide features, on real Aperio pixels."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra.utils import instantiate

from fusion.config.compose import composed

ROOT = Path(__file__).parents[3]
SLIDE = ROOT.parent / "shared" / "data" / "histology" / "cmu_small_region.svs"
LINE = (
    "+experiment=breast_tcga",
    "cohort=tcga_brca",
    "modality@modality.slides=tcga_slides",
    "model/encoder@model.encoders.slides=cnn",
    "model/fuser=cross_attention",
)


@pytest.mark.skipif(not SLIDE.is_file(), reason="the real slide region is not on this machine")
def test_svs_files_replace_the_table_of_slide_features(tmp_path: Path) -> None:
    names = ("TCGA-AA-0001-01Z-00-DX1.svs", "TCGA-AA-0001-01Z-00-DX2.svs", "TCGA-BB-0002-01Z-00-DX1.svs")
    (tmp_path / "slides").mkdir()
    for name in names:
        (tmp_path / "slides" / name).symlink_to(SLIDE)
    config = composed("train", [*LINE, f"cohort.root={tmp_path}", f"cache={tmp_path / 'cache'}", "output=none"], None)
    assert config.model.fuser._target_.endswith("CrossAttentionFuser")

    source = instantiate(config.cohort, endpoint=None)
    slides = instantiate(config.modality.slides, name="slides", source=source, workers=1)
    assert slides.check() == []
    assert slides.patients == {"TCGA-AA-0001", "TCGA-BB-0002"}
    slides.prepare(lambda step, done, total: None)
    fitted = slides.fit(["TCGA-AA-0001", "TCGA-BB-0002"], [0, 1])
    two, one = fitted.load("TCGA-AA-0001"), fitted.load("TCGA-BB-0002")
    # 2220 × 2967 pixels at 0.499 microns: no more than 9 × 13 tiles of 112 microns, and two slides make one bag.
    assert 20 <= len(one.mask) <= 117
    assert one.values.shape[1:] == (3, 224, 224)
    assert len(two.mask) == 2 * len(one.mask)
    assert sorted({two.files[at] for at in two.source}) == list(names[:2])
