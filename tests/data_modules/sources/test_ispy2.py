"""Arms and tumours of I-SPY2: invented patients by hand; the real tables where present."""

from __future__ import annotations

from math import log
from pathlib import Path

import pytest
from hydra.utils import instantiate

from data_modules.sources.ispy2 import Ispy2Error, NoIspy2FileError, arms, tumours
from fusion.config.compose import composed

REAL = Path(__file__).parents[4] / "shared" / "data" / "ispy2"
MRI = "patient_id,mask_count,mask_start,mask_end,xy_spacing,slice_thick\n"


def test_the_control_arm_is_two_therapies(tmp_path: Path) -> None:
    rows = "patient_id,arm,HER2\nX1,Ctr,0\nX2,Ctr,1\nX3,MK2206,0\nX4,MK2206,1\nX5,,1\n"
    (tmp_path / "clinical.csv").write_text(rows)
    table = arms(tmp_path)
    assert table["arm"].to_dict() == {"X1": "Ctr/HER2-", "X2": "Ctr/HER2+", "X3": "MK2206", "X4": "MK2206", "X5": ""}


def test_tumours_by_hand(tmp_path: Path) -> None:
    (tmp_path / "mri.csv").write_text(MRI + "X1,1000,10,19,0.5,2\nX2,8,0,0,1,1\nX3,100,3,4,,2\n")
    table = tumours(tmp_path)
    assert table.loc["X1"].to_dict() == pytest.approx({"log_volume": log(500.0), "log_extent": log(20.0)})
    assert table.loc["X2"].to_dict() == pytest.approx({"log_volume": log(8.0), "log_extent": 0.0})
    assert table.loc["X3"].isna().tolist() == [True, False]
    assert table.loc["X3", "log_extent"] == pytest.approx(log(4.0))


def test_failures_name_file_patient_and_value(tmp_path: Path) -> None:
    with pytest.raises(NoIspy2FileError, match=r"clinical\.csv; set cohort\.root"):
        arms(tmp_path)
    (tmp_path / "clinical.csv").write_text("patient_id,arm\nX1,Ctr\n")
    with pytest.raises(NoIspy2FileError, match=r"no column \['HER2'\]"):
        arms(tmp_path)
    (tmp_path / "clinical.csv").write_text("patient_id,arm,HER2\nX1,Ctr,pos\nX2,VC,pos\n")
    with pytest.raises(Ispy2Error, match=r"0 or 1 \(X1: 'pos'\)"):
        arms(tmp_path)
    for row, said in (
        ("X1,many,1,2,1,1", r"X1, mask_count: 'many'"),
        ("X1,0,1,2,1,1", r"X1, mask_count: '0'"),
        ("X1,5,1,2,-1,1", r"X1, xy_spacing: '-1'"),
        ("X1,5,9,2,1,1", r"mask_end is before mask_start of X1"),
    ):
        (tmp_path / "mri.csv").write_text(MRI + row + "\n")
        with pytest.raises(Ispy2Error, match=said):
            tumours(tmp_path)


def test_an_absent_root_says_what_to_fetch_and_its_licence(tmp_path: Path) -> None:
    config = composed("train", ["+experiment=ispy2_pcr", f"cohort.root={tmp_path / 'none'}"], None)
    assert (config.name, config.preset) == ("ispy2_pcr", "general")
    assert list(config.modality) == ["clinical", "treatment", "expression", "protein", "mri"]
    source = instantiate(config.cohort)
    with pytest.raises(Exception, match=r"signatures\.csv.*state no licence.*mri\.csv.*CC BY 4\.0"):
        source.prepare(lambda step, done, total: None)


@pytest.mark.skipif(not REAL.is_dir(), reason=f"the real I-SPY2 tables are absent: {REAL}")
def test_the_real_tables_are_read_whole() -> None:
    config = composed("train", ["+experiment=ispy2_pcr", f"cohort.root={REAL}"], None)
    source = instantiate(config.cohort)
    modalities = {name: instantiate(node, name=name, source=source) for name, node in config.modality.items()}
    assert [problem for modality in modalities.values() for problem in modality.check()] == []
    cohort = source.reconcile(modalities)
    assert len(cohort.patient_ids) == 783
    assert int(cohort.labels.sum()) == 251
    table = source.table("treatment")["arm"]
    assert table.nunique() == 11
    assert (table == "Ctr/HER2+").sum() == 22
    assert (table == "Ctr/HER2-").sum() == 140
    # Two masks lack their in-plane spacing.
    assert source.table("mri").isna().sum().to_dict() == {"log_volume": 2, "log_extent": 0}
