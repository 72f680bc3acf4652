"""``python -m data_modules.ingest.slides`` on a cohort of one's own: exit codes, what it prints, and what it leaves."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from data_modules.ingest.slides.__main__ import main

_COHORT = """# @package _global_
defaults:
  - /modality@modality.slides: slides
  - /model/encoder@model.encoders.slides: cnn
cohort:
  _target_: data_modules.cohort.source.CohortSource
  name: mine
  root: {root}
  cache: ${{cache}}
  tables:
    clinical:
      file: clinical.csv
      id: patient
      columns:
        response: {{time: outcome}}
  endpoints:
    response: {{table: clinical, column: response, positive: [1], negative: [0]}}
modality:
  slides:
    files: slides/*
    patient_pattern: '^(P\\d)'
    tissue: {{reject: [pen]}}
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
    (root / "clinical.csv").write_text("patient,response\nP1,1\nP2,0\nP3,1\n")
    (root / "conf/cohort").mkdir(parents=True)
    (root / "conf/cohort/mine.yaml").write_text(_COHORT.format(root=root))
    return root


def arguments(mine: Path, *overrides: str) -> list[str]:
    return ["--config-dir", str(mine / "conf"), "cohort=mine", f"cache={mine / 'cache'}", *overrides]


def command(mine: Path) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).resolve().parents[4]
    line = [sys.executable, "-m", "data_modules.ingest.slides", *arguments(mine)]
    return subprocess.run(line, cwd=root, capture_output=True, text=True, timeout=120)


def test_it_ingests_lists_failures_and_finds_its_work_again(mine: Path) -> None:
    first = command(mine)
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
    made = {path: path.stat().st_mtime_ns for path in (mine / "cache/slides").rglob("tiles.npy")}
    assert command(mine).stdout == first.stdout
    assert made == {path: path.stat().st_mtime_ns for path in (mine / "cache/slides").rglob("tiles.npy")}


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
    assert main(arguments(mine, *overrides)) == 2
    assert message in capsys.readouterr().err
