"""CT volumes in which nothing is as dark as air."""

from __future__ import annotations

from pathlib import Path

from data_modules.ingest.volumes.grid import AIR_HU
from data_modules.modalities.volumes.told import without_air


def test_volumes_brighter_than_air_are_named(tmp_path: Path) -> None:
    rows = [f"a.nii,ct,{AIR_HU},", f"b.nii,ct,{AIR_HU + 1},", "c.nii,mr,0,", "d.nii,ct,0,torn", "e.nii,ct,0,"]
    (tmp_path / "quality.csv").write_text("\n".join(["file,sequence,lowest,error", *rows]))
    (said,) = without_air(tmp_path, {"ct"}, key="modality.ct")
    told = f"no voxel of 2 of 3 CT volumes is as dark as air (b.nii (lowest {AIR_HU + 1:.0f}), e.nii (lowest 0))"
    assert said.startswith(f"modality.ct: {told}: they are cut")
    assert without_air(tmp_path, {"pet"}, key="modality.ct") == ()
