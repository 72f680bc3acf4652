"""``python -m data_modules.ingest.slides`` on a cohort of one's own: exit codes, what it prints, and what it leaves."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from data_modules.ingest.slides.__main__ import main
from tests.helpers.ingest import files_of, ingest, over_cohort, write_cohort

_MODALITY = """
files: slides/*
patient_pattern: '^(P\\d)'
tissue: {reject: [pen]}
max_failed: 0.4
"""


@pytest.fixture(scope="module")
def mine(
    tmp_path_factory: pytest.TempPathFactory, write_slide: Callable[..., Path], draw_tissue: Callable[..., np.ndarray]
) -> Path:
    """Two slides of 16 tiles, one that is white."""
    root = tmp_path_factory.mktemp("mine")
    for number in (1, 2):
        write_slide(root / f"slides/P{number}.tif", draw_tissue((128, 256, 640, 768), seed=number))
    write_slide(root / "slides/P3.tif", np.full((512, 512, 3), 244, dtype=np.uint8))
    write_cohort(root / "conf", root, name="slides", option="slides", modality=_MODALITY)
    return root


def given(mine: Path, *overrides: str) -> list[str]:
    return over_cohort(mine / "conf", mine / "cache", *overrides)


def test_it_ingests_lists_failures_and_finds_its_work_again(mine: Path) -> None:
    first = ingest("slides", given(mine))
    assert first.returncode == 0, first.stderr
    assert "modality.slides: 2 slides, 32 tiles (pixels)" in first.stdout
    assert "1 failed: P3.tif shows 0.000 mm² of tissue and no tile of 64 pixels" in first.stdout
    assert "slides: tiles" in first.stderr  # progress, beside the output
    folder = Path(first.stdout.rstrip().rpartition(" in ")[2])
    with (folder / "quality.csv").open(newline="") as stream:
        rows = {row["file"]: row for row in csv.DictReader(stream)}
    assert [rows[f"P{number}.tif"]["tiles_kept"] for number in (1, 2, 3)] == ["16", "16", ""]
    assert float(rows["P1.tif"]["tiles_kept_share"]) == 1.0 and "tissue" in rows["P3.tif"]["error"]
    assert (folder / "contact_sheet_01.png").is_file()
    made = files_of(mine / "cache/slides", "tiles.npy")
    assert ingest("slides", given(mine)).stdout == first.stdout
    assert made == files_of(mine / "cache/slides", "tiles.npy")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["modality.slides.max_failed=0.1"], "1 of 3 slides failed, above modality.slides.max_failed=0.1: P3.tif"),
        (["modality.slides.files=none/*"], "modality.slides.files: no file matches none/*"),
        (["modality.slides.mpp={P2.tif: 300}"], "P2.tif has 300 microns per pixel"),
        (["modality.slides.tile.overlap=64"], "modality.slides.tile.overlap is 64"),
        (["cohort=nobody"], "nobody"),
        (["modality.slides.colour=red"], "The configuration cannot be composed"),
        (["~modality.slides"], "cohort 'mine' has no slides to ingest"),
    ],
)
def test_what_can_be_mended_is_said_with_exit_code_two(
    mine: Path, overrides: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(given(mine, *overrides)) == 2
    assert message in capsys.readouterr().err
