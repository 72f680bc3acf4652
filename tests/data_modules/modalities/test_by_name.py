"""What names give away, by hand."""

from __future__ import annotations

import pytest

from data_modules.modalities.by_name import told_by_names

UUID = "cd20aaaa-1111-4d68-8333-444444444444"


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (
            ["P1_HE.svs", "P1_ER.svs", "P2-Ki67.svs"],
            "2 are of another stain than H&E by their names (P1_ER.svs, P2",
        ),
        (["P1_a.svs", "P2-PD-L1.svs"], "1 are of another stain than H&E by their names (P2-PD-L1.svs)"),
        (
            ["P1/t1.nii", "P2/follow-up/t1.nii"],
            "1 are of a later time than baseline by their names (P2/follow-up/t1",
        ),
        (["P1/week12/t1.nii"], "1 are of a later time than baseline"),
        (["P1_postNAC.nii"], "1 are of a later time than baseline"),
        (["P1_surgery.svs", "P2_biopsy.svs"], "1 are of surgery, as others are not, by their names (P1_surgery.svs)"),
    ],
)
def test_words_of_names(names: list[str], said: str) -> None:
    (told,) = told_by_names({name: name[:2] for name in names}, key="modality.x")
    assert told.startswith(said) and told.endswith("if so, leave them out of modality.x.files")


def test_barcodes_of_tcga() -> None:
    names = [f"TCGA-ER-A19T-{rest}.{UUID}.svs" for rest in ("01Z-00-DX1", "01A-01-BSA", "11A-02-TS2", "06A-01-DX1")]
    told = told_by_names(dict.fromkeys(names, "TCGA-ER-A19T"), key="modality.slides")
    assert [text.partition(" by their")[0] for text in told] == [
        "1 are of normal tissue (TCGA's sample types 10 to 19)", "2 are of frozen sections (TCGA's TS, BS, MS)",
    ]  # fmt: skip
    assert names[2] in told[0] and names[1] in told[1] and names[2] in told[1]


@pytest.mark.parametrize(
    "names",
    [
        ["P1_HE.svs", "P2_HE.svs"],
        ["P1_ER.svs", "P2_ER.svs"],  # what all have in common
        ["t1_post/P1.nii", "t1_pre/P2.nii", "week0/P1.nii"],
        [f"P1.{UUID}.svs", "P2.svs"],
        ["P1_resection.svs", "P2_resection.svs"],
    ],
)
def test_names_that_tell_nothing(names: list[str]) -> None:
    assert told_by_names({name: name[:2] for name in names}, key="k") == ()
    assert told_by_names({"ER-1.svs": "ER-1", "PAS2.svs": "PAS2", "P3.svs": "P3"}, key="k") == ()
