"""Endpoints of TCGA-BRCA from its open-access files: drug response, HRD, overall survival, progression-free interval.

Each function takes the cohort's root, laid out as ``conf/cohort/tcga_brca.yaml`` describes, and returns one row a
patient. Nothing here is an input of a model: every column made here is known only after baseline.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from data_modules.sources.biotab import PATIENT_COLUMN, BiotabError, NoBiotabError, days, read_biotab
from fusion.contract import some

BIOTABS = "clinical_biotab"
_PREFIX = "nationwidechildrens.org_clinical_"

RESPONSE_ORDER = ("Complete Response", "Partial Response", "Stable Disease", "Clinical Progressive Disease")
"""`treatment_best_response`, best to worst."""


def drug_response(root: Path) -> pd.DataFrame:
    """The worst best response over a patient's drugs: CR/PR is ``response``, SD/PD ``no_response``.

    A patient is treated with several drugs, each with its own `treatment_best_response`; a regimen has failed when
    one of its drugs is recorded to have failed, hence the worst. Drugs without a recorded response say nothing.

    Args:
        root: the cohort's folder.

    Returns:
        Index patient_id; columns ``worst_response``, ``drug_response`` (``response`` or ``no_response``), ``drugs``
        (how many records had a response).

    Raises:
        BiotabError: the drug table is absent or holds a response that the rule does not know.
    """
    drugs = read_biotab(_biotab(root, "drug"))
    if "treatment_best_response" not in drugs:
        raise NoBiotabError(
            f"{_biotab(root, 'drug')} has no column 'treatment_best_response', but {some(list(drugs.columns))}"
        )
    known = drugs.dropna(subset=["treatment_best_response"])
    strange = set(known["treatment_best_response"]) - set(RESPONSE_ORDER)
    if strange:
        raise BiotabError(
            f"{_biotab(root, 'drug')}: unknown treatment_best_response {sorted(strange)}; known: {RESPONSE_ORDER}"
        )
    rank = known["treatment_best_response"].map({name: i for i, name in enumerate(RESPONSE_ORDER)}).astype(int)
    by_patient = rank.groupby(known[PATIENT_COLUMN])
    worst = by_patient.max()
    table = pd.DataFrame(
        {
            "worst_response": worst.map(lambda i: RESPONSE_ORDER[i]),
            "drug_response": worst.map(lambda i: "response" if i <= 1 else "no_response"),
            "drugs": by_patient.size(),
        }
    )
    return table.rename_axis("patient_id").sort_index()


def hrd(root: Path, *, file: str = "hrd_labels.csv") -> pd.DataFrame:
    """Homologous recombination deficiency, high or low, as the label file draws the line (low ≤ 44, high ≥ 45).

    A *proxy of response*: high scores go with sensitivity to platinum and PARP inhibitors, but no patient's response
    is measured here. Scores come from copy number, so sequencing and slides predict it without seeing it.

    Returns:
        Index patient_id; columns ``hrd_score`` and ``hrd`` (``high`` or ``low``).

    Raises:
        BiotabError: the file is absent, lacks a column, or a patient stands in it twice.
    """
    path = root / file
    if not path.is_file():
        raise NoBiotabError(f"no such file: {path}; HRD scores per TCGA barcode go there (cohort.root)")
    table = pd.read_csv(path, dtype={PATIENT_COLUMN: "string"})
    lacking = {PATIENT_COLUMN, "HRD_Score", "HRD_Score_Binarized"} - set(table.columns)
    if lacking:
        raise BiotabError(f"{path} has no column {sorted(lacking)}; it has {list(table.columns)}")
    if table[PATIENT_COLUMN].duplicated().any():
        twice = table.loc[table[PATIENT_COLUMN].duplicated(), PATIENT_COLUMN].iloc[0]
        raise BiotabError(f"{path}: patient {twice} has two rows; keep one")
    wrong = table[~table["HRD_Score_Binarized"].isin([0, 1])]
    if len(wrong):
        raise BiotabError(
            f"{path}, patient {wrong[PATIENT_COLUMN].iloc[0]}: HRD_Score_Binarized is "
            f"{wrong['HRD_Score_Binarized'].iloc[0]}, not 0 or 1"
        )
    return pd.DataFrame(
        {
            "hrd_score": table["HRD_Score"].to_numpy(),
            "hrd": table["HRD_Score_Binarized"].map({0: "low", 1: "high"}).to_numpy(),
        },
        index=pd.Index(table[PATIENT_COLUMN], name="patient_id"),
    ).sort_index()


def survival(root: Path) -> pd.DataFrame:
    """Overall survival and progression-free interval by the rules of the TCGA clinical data resource.

    Liu et al., *Cell* 2018; 173:400–416 (TCGA-CDR), Methods and Table S1's notes:

    - vital status, tumour status and days are taken from the patient form, updated by the follow-up forms, the most
      recent one prevailing; a death once recorded stands;
    - OS: event when Dead; time is days to death, else to last contact, the largest on record;
    - PFI: event at the first new tumour event of any kind (progression, local recurrence, distant metastasis, new
      primary; an event whose type is not given counts), or at death with tumour where no new event is recorded;
      all others are censored at last contact or at death (tumour-free or tumour status unknown).

    An event without a date, or a time below zero, leaves the time missing, and ``*_from`` says so.

    Returns:
        Index patient_id; ``os`` and ``pfi`` (1 event, 0 censored, missing where vital status is), ``os_days``,
        ``pfi_days`` (days from diagnosis), ``os_from``, ``pfi_from`` (which record decided).
    """
    patients = read_biotab(_biotab(root, "patient"))
    follow_ups = [read_biotab(path) for path in _files(root, "follow_up_v*", without="nte")]
    events = [read_biotab(path) for path in _files(root, "*nte*", without="patient")]
    if patients[PATIENT_COLUMN].duplicated().any():
        twice = patients.loc[patients[PATIENT_COLUMN].duplicated(), PATIENT_COLUMN].iloc[0]
        raise BiotabError(f"{_biotab(root, 'patient')}: patient {twice} has two rows")
    ids = pd.Index(patients[PATIENT_COLUMN].astype(object), name="patient_id")
    status = _status([patients, *follow_ups]).reindex(ids)
    event = _new_tumour_events([patients, *follow_ups], events).reindex(ids)
    return _intervals(status, event).sort_index()


def _status(forms: list[pd.DataFrame]) -> pd.DataFrame:
    """Per patient: dead (bool or missing), death_days, contact_days, with_tumour (bool or missing)."""
    records = pd.concat([_status_records(form, order=i) for i, form in enumerate(forms)], ignore_index=True)
    # Most recent last: by the day the form speaks of, then by form version where that is missing or equal.
    records = records.sort_values(["known_until", "order"], na_position="first", kind="stable")
    by_patient = records.groupby("patient_id", sort=False)
    return pd.DataFrame(
        {
            "dead": by_patient["dead"].max(),
            "death_days": by_patient["death_days"].max(),
            "contact_days": by_patient["contact_days"].max(),
            "with_tumour": by_patient["with_tumour"].last(),
        }
    )


def _status_records(form: pd.DataFrame, *, order: int) -> pd.DataFrame:
    death, contact = days(form["death_days_to"]), days(form["last_contact_days_to"])
    return pd.DataFrame(
        {
            "patient_id": form[PATIENT_COLUMN].astype(object),
            "dead": form["vital_status"].map({"Dead": 1.0, "Alive": 0.0}).astype("float64"),
            "death_days": death,
            "contact_days": contact,
            "with_tumour": form["tumor_status"].map({"WITH TUMOR": 1.0, "TUMOR FREE": 0.0}).astype("float64"),
            "known_until": death.fillna(contact),
            "order": order,
        }
    )


def _new_tumour_events(forms: list[pd.DataFrame], events: list[pd.DataFrame]) -> pd.DataFrame:
    """Per patient: new_event (1 or 0) and event_days, the first of all on record."""
    parts = []
    for table in (*forms, *events):
        missing = pd.Series(pd.NA, index=table.index, dtype="string")
        when = days(table.get("new_tumor_event_dx_days_to", missing))
        kind = table.get("new_tumor_event_type", missing)
        said = table.get("new_tumor_event_dx_indicator", missing) == "YES"
        happened = said.fillna(False).astype(bool) | when.notna() | kind.notna()
        part = pd.DataFrame(
            {"patient_id": table[PATIENT_COLUMN].astype(object), "new_event": happened, "event_days": when}
        )
        parts.append(part)
    by_patient = pd.concat(parts, ignore_index=True).groupby("patient_id")
    return pd.DataFrame({"new_event": by_patient["new_event"].max(), "event_days": by_patient["event_days"].min()})


def _intervals(status: pd.DataFrame, event: pd.DataFrame) -> pd.DataFrame:
    """OS and PFI of each patient from what `_status` and `_new_tumour_events` found."""
    dead, progressed = status["dead"] == 1, event["new_event"].fillna(False).astype(bool)
    died_with_tumour = dead & (status["with_tumour"] == 1) & ~progressed
    last_seen = status[["death_days", "contact_days"]].max(axis=1)
    death = status["death_days"].where(status["death_days"].notna(), float("nan"))
    table = pd.DataFrame(index=status.index)
    table["os"] = dead.astype("Int64").where(status["dead"].notna())
    table["os_days"] = death.where(dead, status["contact_days"])
    table["os_from"] = pd.Series("last contact", index=status.index).mask(dead, "death")
    table["pfi"] = (progressed | died_with_tumour).astype("Int64").where(status["dead"].notna())
    table["pfi_days"] = last_seen.mask(died_with_tumour, death).mask(progressed, event["event_days"])
    table["pfi_from"] = (
        pd.Series("last contact", index=status.index)
        .mask(dead, "death without tumour")
        .mask(died_with_tumour, "death with tumour")
        .mask(progressed, "new tumour event")
    )
    for name in ("os", "pfi"):
        undated = table[f"{name}_days"].isna() | (table[f"{name}_days"] < 0)
        table[f"{name}_days"] = table[f"{name}_days"].mask(undated)
        table[f"{name}_from"] = table[f"{name}_from"].mask(undated, table[f"{name}_from"] + ", no valid date")
    return table


def _biotab(root: Path, form: str) -> Path:
    found = sorted((root / BIOTABS).glob(f"{_PREFIX}{form}_*.txt"))
    if not found:
        raise NoBiotabError(
            f"no {_PREFIX}{form}_*.txt in {root / BIOTABS}; download the clinical biotabs of TCGA-BRCA (open access, "
            "GDC data portal: Data Category Clinical, Data Format BCR Biotab) into that folder, or set cohort.root"
        )
    return found[0]


def _files(root: Path, pattern: str, *, without: str) -> list[Path]:
    return sorted(path for path in (root / BIOTABS).glob(f"{_PREFIX}{pattern}.txt") if f"_{without}_" not in path.name)
