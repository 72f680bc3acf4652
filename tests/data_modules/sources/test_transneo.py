"""Regimens of TransNEO: invented patients by hand; the real table where present."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_modules.sources.transneo import RegimenError, regimens

REAL = Path(__file__).parents[4] / "shared" / "data" / "transneo"


def test_regimens_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "clinical.csv"
    path.write_text(
        "Donor.ID,Age,NAT.regimen\nX1,50,T-FEC + Trastuzumab\nX2,51,FEC-T\nX3,52,P-Carboplatin\n"
        "X4,53,TC + Pertuzumab + Trastuzumab\n"
    )
    table = regimens(tmp_path)
    assert list(table.columns) == ["taxane_first", "anthracycline", "platinum", "anti_her2"]
    assert table.loc["X1"].tolist() == ["yes", "yes", "no", "yes"]
    assert table.loc["X2"].tolist() == ["no", "yes", "no", "no"]
    assert table.loc["X3"].tolist() == ["yes", "no", "yes", "no"]
    assert table.loc["X4"].tolist() == ["yes", "no", "no", "yes"]


def test_regimen_failures_name_patient_and_drug(tmp_path: Path) -> None:
    with pytest.raises(RegimenError, match=r"no such file.*cohort\.root"):
        regimens(tmp_path)
    path = tmp_path / "clinical.csv"
    path.write_text("Donor.ID,NAT.regimen\nX1,T-Aspirin\n")
    with pytest.raises(RegimenError, match=r"patient X1: NAT\.regimen 'T-Aspirin' names Aspirin"):
        regimens(tmp_path)
    path.write_text("Donor.ID,Age\nX1,5\n")
    with pytest.raises(RegimenError, match=r"no column \['NAT\.regimen'\]"):
        regimens(tmp_path)


@pytest.mark.skipif(not REAL.is_dir(), reason=f"the real TransNEO tables are absent: {REAL}")
def test_real_anti_her2_follows_her2() -> None:
    import pandas as pd

    table = regimens(REAL)
    her2 = pd.read_csv(REAL / "clinical.csv").set_index("Donor.ID")["HER2.status"]
    assert table.loc[her2 == "POS", "anti_her2"].eq("yes").all()
    assert list(table.index[(table["anti_her2"] == "yes") & (her2 == "NEG")]) == ["T126", "T173"]
