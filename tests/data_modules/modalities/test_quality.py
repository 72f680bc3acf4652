"""What ingest found, by hand from its tables."""

from __future__ import annotations

from pathlib import Path

from data_modules.modalities.account import Account
from data_modules.modalities.quality import slide_quality, volume_quality

FILES = Account(key="modality.x", noun="files", found=6, left_out={"hidden": ["a", "b"]})
COUNTED = {"files": {"found": 6, "used": 4, "hidden": 2}}


def test_an_account_in_words() -> None:
    assert str(FILES) == "modality.x: found 6 files, used 4, left out 2: 2 hidden (a, b)"
    assert str(Account(key="modality.x", noun="files", found=6, made="3 slides", remarks=("Of 1 patient …",))) == (
        "modality.x: found 6 files, used 6 as 3 slides. Of 1 patient …"
    )


def test_slides(tmp_path: Path) -> None:
    (tmp_path / "quality.csv").write_text(
        "file,tissue_mm2,pen_share,fold_share,blur_share,bubble_share,tiles_possible,tiles_kept,error\n"
        "a.svs,10,0.2,0,0,0,100,80,\n"
        "b.svs,20,0.1,0.01,0,0,50,50,\n"
        "c.svs,40,0,0,0,0,7,7,\n"
        'd.svs,,,,,,,,"d.svs: cannot be read"\n'
    )
    found = slide_quality(tmp_path, FILES)
    assert found.counts == COUNTED | {"slides": {"read": 3, "failed": 1}, "tiles": {"possible": 157, "kept": 137}}
    assert found.notes == {
        "tissue": "20 mm² a slide in the median (10 to 40)",
        "left out of masks": "pen on 2 slides, fold on 1 slide",
    }
    assert found.folder == tmp_path


def test_slides_that_all_failed(tmp_path: Path) -> None:
    (tmp_path / "quality.csv").write_text("file,error\na.svs,broken\n")
    found = slide_quality(tmp_path, FILES)
    assert found.counts == COUNTED | {"slides": {"read": 0, "failed": 1}, "tiles": {"possible": 0, "kept": 0}}
    assert not found.notes


def test_volumes(tmp_path: Path) -> None:
    (tmp_path / "quality.csv").write_text("patient,sequence,error\np1,t1,\np1,t2,\np2,,p2: slices are missing\n")
    assert volume_quality(tmp_path, FILES).counts == COUNTED | {"volumes": {"read": 2}, "patients": {"failed": 1}}
