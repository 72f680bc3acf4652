"""What lies beside volumes, by name, unless its bytes are a volume's."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_modules.ingest.volumes.find import is_side_file


@pytest.mark.parametrize(
    ("name", "dicom", "side"),
    [
        ("scan.json", False, True), ("scan.json", True, False), ("README", False, True), ("version", True, False),
        ("DICOMDIR", True, True), ("DICOMDIR", False, True), ("IM0001", True, False), ("IM0001", False, False),
    ],
)  # fmt: skip
def test_a_side_file_is_told_by_its_name_and_a_dicomdir_although_it_is_dicom(
    tmp_path: Path, name: str, dicom: bool, side: bool
) -> None:
    (tmp_path / name).write_bytes(bytes(128) + b"DICM\x02\0\0\0UL\x04\0" if dicom else b"words\n")
    assert is_side_file(tmp_path / name) == side
