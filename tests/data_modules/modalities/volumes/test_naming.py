"""Volumes by patient and sequence, and what speaks against them, by hand; no file is opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from data_modules.ingest.volumes.files import VolumeFile
from data_modules.modalities.volumes.naming import Sorted, sort_volumes, volume_owners
from data_modules.modalities.volumes.settings import MaskSettings, SequenceSettings
from data_modules.patient_ids import PatientIds

KEY = "modality.mri"
SEQUENCES = {name: SequenceSettings(match=name, time="baseline", intensity="mr") for name in ("pre", "post")}
MASK = MaskSettings(match="mask", of="pre")
IDS = PatientIds(pattern=r"P\d+")


def volume(name: str, *, at: float = 0.0, **given: Any) -> VolumeFile:
    affine = np.eye(4)
    affine[:2, 3] = at, 7.0  # the identity alone is a lost header
    facts = {"kind": "nifti", "paths": (Path(name),), "shape": (5, 5, 5), "affine": tuple(map(tuple, affine.tolist()))}
    return VolumeFile(name=name, **(facts | given))


def sorted_(*files: VolumeFile, mask: MaskSettings | None = None) -> Sorted:
    return sort_volumes(files, IDS, sequences=SEQUENCES, mask=mask, key=KEY)


def problems(*files: VolumeFile, mask: MaskSettings | None = None, needs_mask: bool = False) -> list[str]:
    return sorted_(*files, mask=mask).problems(len(files), needs_mask=needs_mask)


def test_each_volume_has_its_place(tmp_path: Path) -> None:
    text = tmp_path / "notes.doc"
    text.write_text("no volume")
    broken = volume("P3/pre.nii", shape=(), affine=None, problem="P3/pre.nii is empty")
    strange = [
        volume(name, shape=(), affine=None, problem=f"{name} does not open", paths=(text,))
        for name in ("P1/notes.doc", "P1/pre.doc")
    ]
    hidden = volume("P1/IM0001", shape=(), affine=None, problem="P1/IM0001 does not open")
    found = sorted_(
        volume("P1/pre.nii"), volume("P1/post.nii"), volume("P1/mask.nii"), volume("P2/pre.nii"), volume("x/pre.nii"),
        volume("x/mask_pre.nii"), volume("P2/pre_post.nii"), volume("P2/scout.nii"), broken, *strange, hidden,
        mask=MASK,
    )  # fmt: skip
    names = {
        who: {name: [one.name for one in files] for name, files in part.items()} for who, part in found.volumes.items()
    }
    assert names == {"P1": {"pre": ["P1/pre.nii"], "post": ["P1/post.nii"]}, "P2": {"pre": ["P2/pre.nii"]}}
    assert {who: [one.name for one in files] for who, files in found.masks.items()} == {"P1": ["P1/mask.nii"]}
    assert found.stray == ["x/pre.nii", "x/mask_pre.nii"] and found.several == ["P2/pre_post.nii (pre, post)"]
    assert found.unused == ["P2/scout.nii"] and found.unknown == ["P1/notes.doc"]
    assert found.unopened == ["P3/pre.nii is empty", "P1/pre.doc does not open", "P1/IM0001 does not open"]
    plain = sorted_(volume("P1/mask.nii"), volume("P1/mask_pre.nii"))
    assert plain.unused == ["P1/mask.nii"] and plain.volumes["P1"]["pre"][0].name == "P1/mask_pre.nii"


def test_all_is_well() -> None:
    assert problems(volume("P1/pre.nii"), volume("P1/post.nii")) == []
    masked = [volume("P1/pre.nii"), volume("P1/post.nii"), volume("P1/mask.nii")]
    assert problems(*masked, mask=MASK, needs_mask=True) == []
    assert sorted_(*masked).remarks == ()


def test_what_speaks_against_files_is_said_with_its_remedy() -> None:
    pre, post = volume("P1/pre.nii"), volume("P1/post.nii")
    (told,) = problems(pre, post, volume("P2/post.nii", problem="P2/post.nii breaks off"))
    assert told.startswith(f"{KEY}: 1 of 3 volumes cannot be used: P2/post.nii breaks off. Mend these files")
    (told,) = problems(pre, post, volume("x/pre.nii"))
    assert told.startswith(f"{KEY}: 1 of 3 volumes belong to no patient (x/pre.nii)")
    (told,) = problems(pre, post, volume("P2/pre_post.nii"))
    assert told.startswith(f"{KEY}.sequences: several sequences match P2/pre_post.nii (pre, post).")
    (told,) = problems(pre, post, volume("P1/pre_2.nii"))
    assert told.startswith(
        f"{KEY}.sequences.pre: 1 patients have more than one volume (P1: P1/pre.nii and P1/pre_2.nii)."
    )
    (told,) = problems(pre, volume("P2/pre.nii"))
    assert told.startswith(f"{KEY}.sequences.post: its `match` finds none of 2 volumes.")
    (told,) = problems(pre, volume("P1/post.nii", at=3.9))
    assert told.startswith(
        f"{KEY}: 1 volumes lie outside of another sequence's of their patient (P1: P1/post.nii and P1/pre.nii)"
    )
    assert problems(pre, volume("P1/post.nii", at=3.7)) == [], "a thirteenth of both is shared"
    assert problems(pre, volume("P1/post.nii", affine=None)) == []


def test_what_speaks_against_masks() -> None:
    files = [volume("P1/pre.nii"), volume("P1/post.nii"), volume("P2/pre.nii"), volume("P1/mask.nii")]
    assert problems(*files, mask=MASK) == []
    (told,) = problems(*files, mask=MASK, needs_mask=True)
    assert told.startswith(f"{KEY}.crop is mask, but 1 of 2 patients have none (P2).")
    (told,) = problems(*files, volume("P1/mask_2.nii"), mask=MASK)
    assert told == f"{KEY}.mask: P1 have more than one mask. Narrow {KEY}.mask.match."
    (told,) = problems(*files, volume("P2/mask.nii", at=1.0), mask=MASK)
    assert told.startswith(
        f"{KEY}.mask: 1 masks are not drawn on the sequence pre (P2/mask.nii has the voxels of P2/pre.nii"
    )
    assert problems(*files, volume("P3/mask.nii", at=1.0), mask=MASK) == [], (
        "without an image there is nothing to compare"
    )


def test_several_frames_of_reference_are_remarked() -> None:
    files = [
        volume("P1/pre.nii", frame="1"), volume("P1/post.nii", frame="2"), volume("P2/pre.nii", frame="1"),
        volume("P2/post.nii"), volume("P3/pre.nii", frame="1"), volume("P3/mask.nii", frame="3"),
    ]  # fmt: skip
    found = sorted_(*files, mask=MASK)
    assert found.several_frames == ["P1", "P3"]
    assert found.remarks[0].startswith("Of 2 patients (P1, P3) the volumes are of several frames of reference")


def test_whose_a_volume_is() -> None:
    nifti = [volume("a/P7.nii.gz"), volume("b/P8_pre.nii")]
    dicom = [volume("c/X/pre", kind="dicom", patient="X"), volume("d/P9/pre", kind="dicom", patient="Y")]

    def owners(**given: Any) -> dict[str, str]:
        return {file.name: patient for file, patient in volume_owners([*nifti, *dicom], PatientIds(**given)).items()}

    assert owners() == {"a/P7.nii.gz": "P7", "b/P8_pre.nii": "P8_pre", "c/X/pre": "X", "d/P9/pre": "Y"}
    assert owners(pattern=r"P\d") == {"a/P7.nii.gz": "P7", "b/P8_pre.nii": "P8", "d/P9/pre": "P9"}
    assert volume_owners([volume("e/z", kind="dicom", patient=None)], PatientIds()) == {}
