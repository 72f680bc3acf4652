"""``python -m data_modules.ingest.volumes`` on a cohort of one's own: exit codes, and what it prints and leaves."""

from __future__ import annotations

import csv
from pathlib import Path
from types import SimpleNamespace

import pytest

from data_modules.ingest.volumes.__main__ import main
from tests.helpers.ingest import files_of, ingest, over_cohort, write_cohort

_MODALITY = """
files: volumes
patient_pattern: '(P\\d)'
sequences:
  t1: {match: 't1|T1', time: baseline, intensity: mr}
size: 8
patch: 4
max_failed: 0.4
"""


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory, files: SimpleNamespace) -> Path:
    """A NIfTI file, a DICOM series, and a volume of one value."""
    root = tmp_path_factory.mktemp("mine")
    files.nifti(root / "volumes/P1_t1.nii.gz", files.ball())
    files.series(root / "volumes/P2", files.ball(seed=1), patient="P2")
    files.nifti(root / "volumes/P3_t1.nii.gz", files.ball() * 0 + 7)
    write_cohort(root / "conf", root, name="mri", option="volumes", modality=_MODALITY)
    return root


def given(mine: Path, *overrides: str) -> list[str]:
    return over_cohort(mine / "conf", mine / "cache", *overrides)


def test_it_ingests_lists_failures_and_finds_its_work_again(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = ingest("volumes", given(mine))
    assert first.returncode == 0, first.stderr
    assert "modality.mri: 2 patients, 2 volumes" in first.stdout
    assert "1 failed: volumes/P3_t1.nii.gz holds one value only (7)" in first.stdout
    assert "mri: volumes" in first.stderr  # progress, beside the output
    folder = Path(first.stdout.rstrip().rpartition(" in ")[2])
    with (folder / "quality.csv").open(newline="") as stream:
        rows = {row["patient"]: row for row in csv.DictReader(stream)}
    assert [rows[f"P{number}"]["kind"] for number in (1, 2, 3)] == ["nifti", "dicom", ""]
    assert "one value" in rows["P3"]["error"]
    assert list(folder.glob("contact_sheet_*.png"))
    made = files_of(mine / "cache/volumes", "values.npy")
    assert main(given(mine)) == 0
    assert capsys.readouterr().out == first.stdout
    assert made == files_of(mine / "cache/volumes", "values.npy")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["modality.mri.max_failed=0.1"], "the volumes of 1 of 3 patients failed, above modality.mri.max_failed=0.1"),
        (["modality.mri.files=none"], "modality.mri.files: no file matches none"),
        (["modality.mri.patch=3"], "modality.mri.size [8, 8, 8] is no multiple of patch [3, 3, 3]"),
        (["~modality.mri"], "cohort 'mine' has no volumes to ingest"),
    ],
)
def test_what_can_be_mended_is_said_with_exit_code_two(
    mine: Path, overrides: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(given(mine, *overrides)) == 2
    assert message in capsys.readouterr().err
