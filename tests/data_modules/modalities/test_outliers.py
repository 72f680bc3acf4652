"""Outliers of a cohort, by hand."""

from __future__ import annotations

from pathlib import Path

from data_modules.modalities.outliers import SLIDE_FACTS, VOLUME_FACTS, outlier_line


def test_slides_far_from_the_median(tmp_path: Path) -> None:
    table = tmp_path / "quality.csv"
    head = "file,mpp,tissue_mm2,error\n"
    rows = ["a.svs,0.5,10,\n", "b.svs,0.5,12,\n", "c.svs,0.5,11,\n", "d.svs,0.25,1.9,\n", "e.svs,,,broken\n"]
    table.write_text(head + "".join(rows))
    # The median tissue of four slides is 10.5 mm²; 1.9 is less than a fifth of it. 0.25 is half of 0.5.
    assert outlier_line(tmp_path, SLIDE_FACTS, key="modality.slides") == (
        "modality.slides: unlike the rest of the cohort: d.svs (resolution 0.25 µm a pixel, median 0.5), "
        "d.svs (tissue 1.9 mm², median 10.5)",
    )
    table.write_text(head + rows[0] + rows[3])  # too few to say
    assert outlier_line(tmp_path, SLIDE_FACTS, key="modality.slides") == ()


def test_volumes_are_compared_within_their_sequence(tmp_path: Path) -> None:
    rows = [f"{name}_{sequence},{sequence},{ml},1,\n" for sequence, ml in (("a", 100), ("b", 1000)) for name in "wxyz"]
    (tmp_path / "quality.csv").write_text("file,sequence,foreground_ml,foreground_in_grid,error\n" + "".join(rows))
    assert outlier_line(tmp_path, VOLUME_FACTS, key="modality.mri") == ()
    rows[1] = "x_a,a,20,1,\n"
    (tmp_path / "quality.csv").write_text("file,sequence,foreground_ml,foreground_in_grid,error\n" + "".join(rows))
    (line,) = outlier_line(tmp_path, VOLUME_FACTS, key="modality.mri")
    assert line.endswith("x_a (foreground 20 ml, median 100)")
