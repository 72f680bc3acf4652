"""TCGA endpoints: invented records in the biotab format, answers by hand; the real files where present."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from data_modules.sources import tcga
from data_modules.sources.biotab import BiotabError, days, read_biotab

REAL = Path(__file__).parents[4] / "shared" / "data" / "tcga_brca"
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason=f"real TCGA-BRCA tables are absent: {REAL}")

NA, NAP = "[Not Available]", "[Not Applicable]"
STATUS = ["vital_status", "tumor_status", "last_contact_days_to", "death_days_to"]


def write_biotab(root: Path, form: str, columns: list[str], rows: list[list[str]]) -> Path:
    """A biotab as the BCR writes it: header, XML element names, CDE ids, records."""
    header = ["bcr_patient_uuid", "bcr_patient_barcode", *columns]
    lines = [header, ["bcr_patient_uuid", "bcr_patient_barcode", *(f"xml_{name}" for name in columns)]]
    lines += [["CDE_ID:", "CDE_ID:2003301", *("CDE_ID:1" for _ in columns)]]
    lines += [[f"uuid-{i}", *row] for i, row in enumerate(rows)]
    path = root / "clinical_biotab" / f"nationwidechildrens.org_clinical_{form}_brca.txt"
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join("\t".join(line) for line in lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def followed(tmp_path: Path) -> Path:
    """Seven invented patients, each one rule of the TCGA-CDR."""
    write_biotab(
        tmp_path,
        "patient",
        [*STATUS, "new_tumor_event_dx_indicator"],
        [
            ["XX-1", "Alive", "TUMOR FREE", "100", NAP, "NO"],  # followed up later, alive
            ["XX-2", "Alive", "TUMOR FREE", "50", NAP, "NO"],  # dies with tumour at follow-up
            ["XX-3", "Dead", "TUMOR FREE", NA, "700", NA],  # dies tumour-free
            ["XX-4", "Alive", "WITH TUMOR", "400", NAP, "YES"],  # two events, the earlier counts
            ["XX-5", "Dead", "WITH TUMOR", NA, NA, NA],  # death without a date
            ["XX-6", "Alive", "[Unknown]", "-3", NAP, NA],  # time below zero
            ["XX-7", "Alive", "TUMOR FREE", "10", NAP, NA],  # event of unknown kind, then dead with tumour
        ],
    )
    write_biotab(
        tmp_path,
        "follow_up_v2.1",
        [*STATUS, "new_tumor_event_dx_days_to", "new_tumor_event_type"],
        [
            ["XX-1", "Alive", "TUMOR FREE", "300", NAP, NAP, NA],
            ["XX-4", "Alive", "WITH TUMOR", "450", NAP, "390", "Distant Metastasis"],
        ],
    )
    write_biotab(
        tmp_path,
        "follow_up_v4.0",
        [*STATUS, "new_tumor_event_dx_indicator"],
        [
            ["XX-1", "Alive", "TUMOR FREE", "200", NAP, "NO"],  # an older form of a newer version
            ["XX-2", "Dead", "WITH TUMOR", NA, "600", "NO"],
            ["XX-7", "Dead", "WITH TUMOR", NA, "900", "YES"],
        ],
    )
    write_biotab(
        tmp_path,
        "follow_up_v4.0_nte",
        ["new_tumor_event_dx_days_to", "new_tumor_event_type"],
        [["XX-7", "500", NA], ["XX-4", "350", "Locoregional Recurrence"], ["XX-3", NA, NA]],
    )
    return tmp_path


def test_biotab_drops_cde_rows_and_markers(tmp_path: Path) -> None:
    path = write_biotab(tmp_path, "drug", ["a", "b"], [["XX-1", "[Not Evaluated]", "7"], ["XX-1", "[odd 1]", ""]])
    table = read_biotab(path)
    assert list(table["bcr_patient_barcode"]) == ["XX-1", "XX-1"]
    assert table["a"].isna().tolist() == [True, False]  # only the BCR's own markers, not any bracket
    assert table["b"].tolist()[0] == "7" and table["b"].isna().tolist() == [False, True]


def test_biotab_failures_name_the_file(tmp_path: Path) -> None:
    with pytest.raises(BiotabError, match=r"no such biotab.*cohort.root"):
        read_biotab(tmp_path / "absent.txt")
    odd = tmp_path / "odd.txt"
    odd.write_text("id\tx\nA\t1\n")
    with pytest.raises(BiotabError, match="no column 'bcr_patient_barcode'"):
        read_biotab(odd)
    odd.write_text("bcr_patient_barcode\tx\nA\t1\nB\t1\t2\t3\n")
    with pytest.raises(BiotabError, match="not a whole biotab"):
        read_biotab(odd)
    with pytest.raises(BiotabError, match="record 2: 'soon'"):
        days(pd.Series(["5", "soon", None], dtype="string", name="death_days_to"))


def test_survival_rules(followed: Path) -> None:
    table = tcga.survival(followed)
    expected = {  # os, os_days, pfi, pfi_days, pfi_from
        "XX-1": (0, 300, 0, 300, "last contact"),
        "XX-2": (1, 600, 1, 600, "death with tumour"),
        "XX-3": (1, 700, 0, 700, "death without tumour"),
        "XX-4": (0, 450, 1, 350, "new tumour event"),
        "XX-7": (1, 900, 1, 500, "new tumour event"),
    }
    for patient, values in expected.items():
        row = table.loc[patient]
        assert (row["os"], row["os_days"], row["pfi"], row["pfi_days"], row["pfi_from"]) == values, patient
    assert table.loc["XX-5", ["os", "pfi"]].tolist() == [1, 1]
    assert table.loc[["XX-5", "XX-6"], ["os_days", "pfi_days"]].isna().all(axis=None)
    assert table.loc["XX-5", "os_from"] == "death, no valid date"
    assert table.loc["XX-6", "pfi_from"] == "last contact, no valid date"


def test_drug_response_is_the_worst(tmp_path: Path) -> None:
    rows = [
        ["XX-1", "Complete Response"],
        ["XX-1", "Clinical Progressive Disease"],
        ["XX-2", "Partial Response"],
        ["XX-2", NA],
        ["XX-3", NAP],
        ["XX-4", "Stable Disease"],
    ]
    write_biotab(tmp_path, "drug", ["treatment_best_response"], rows)
    table = tcga.drug_response(tmp_path)
    assert table["drug_response"].to_dict() == {"XX-1": "no_response", "XX-2": "response", "XX-4": "no_response"}
    assert table.loc["XX-1", "worst_response"] == "Clinical Progressive Disease"
    assert table["drugs"].to_dict() == {"XX-1": 2, "XX-2": 1, "XX-4": 1}


def test_drug_response_failures(tmp_path: Path) -> None:
    with pytest.raises(BiotabError, match=r"BCR Biotab.*cohort.root"):
        tcga.drug_response(tmp_path)
    write_biotab(tmp_path, "drug", ["treatment_best_response"], [["XX-1", "Mixed"]])
    with pytest.raises(BiotabError, match=r"unknown treatment_best_response .'Mixed'"):
        tcga.drug_response(tmp_path)


def test_hrd_labels(tmp_path: Path) -> None:
    path = tmp_path / "hrd_labels.csv"
    path.write_text("bcr_patient_barcode,HRD_Score,HRD_Score_Binarized\nXX-2,60,1\nXX-1,7,0\n")
    assert tcga.hrd(tmp_path)["hrd"].to_dict() == {"XX-1": "low", "XX-2": "high"}
    path.write_text("bcr_patient_barcode,HRD_Score,HRD_Score_Binarized\nXX-2,60,1\nXX-2,7,0\n")
    with pytest.raises(BiotabError, match="XX-2 has two rows"):
        tcga.hrd(tmp_path)
    path.write_text("bcr_patient_barcode,HRD_Score,HRD_Score_Binarized\nXX-2,60,2\n")
    path.write_text("bcr_patient_barcode,HRD_Score,HRD_Score_Binarized\nXX-1,7,0\nXX-2,60,2\nXX-3,60,3\n")
    with pytest.raises(BiotabError, match="patient XX-2: HRD_Score_Binarized is 2"):
        tcga.hrd(tmp_path)
    path.write_text("bcr_patient_barcode,HRD_Score\nXX-2,60\n")
    with pytest.raises(BiotabError, match=r"no column .'HRD_Score_Binarized'"):
        tcga.hrd(tmp_path)


@needs_real
def test_real_endpoints_have_the_published_size() -> None:
    table = tcga.survival(REAL)
    # TCGA-CDR, Table 2 (BRCA, n = 1,097): 151 deaths, 145 progressions; the biotabs were amended once since.
    assert len(table) == 1097
    assert abs(int(table["os"].sum()) - 151) <= 2 and abs(int(table["pfi"].sum()) - 145) <= 2
    assert (table["pfi_days"] <= table["os_days"]).mean() > 0.98
    response = tcga.drug_response(REAL)["drug_response"].value_counts()
    assert response.to_dict() == {"response": 190, "no_response": 30}
    assert tcga.hrd(REAL)["hrd"].value_counts().to_dict() == {"low": 580, "high": 116}
