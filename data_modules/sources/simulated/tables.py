"""Clinical, treatment and sample tables under the Genomic Data Commons' column names, as untidy as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from data_modules.sources.simulated.design import SITE_SHARES, SITES, STAGE

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

MISSING = "'--"
RESPONSES = ("Complete Response", "Partial Response", "Stable Disease", "Progressive Disease")
"""Values of treatment_outcome; the first two are a response."""


def draw_clinical(rng: np.random.Generator, ids: list[str], deficient: NDArray[np.bool_]) -> pd.DataFrame:
    """What is known at baseline, complete; `blank` takes cells away afterwards.

    As in life, deficient repair goes with hormone-negative disease and higher grade: clinical columns know a little.
    """
    import pandas as pd

    n = len(ids)
    age = rng.normal(58, 12, n).clip(27, 89).round()
    stage = rng.choice(list(STAGE), size=n, p=(0.24, 0.52, 0.24))
    suffix = np.where(stage == "Stage I", "A", rng.choice(["A", "B"], size=n, p=(0.65, 0.35)))
    er = np.where(rng.random(n) < np.where(deficient, 0.62, 0.82), "Positive", "Negative")
    pr = np.where((er == "Positive") & (rng.random(n) < 0.82), "Positive", "Negative")
    return pd.DataFrame(
        {
            "case_submitter_id": ids,
            "project_id": "SIMULATED-BR",
            "tissue_source_site": rng.choice(SITES, size=n, p=SITE_SHARES),
            "age_at_index": age.astype(int),
            "gender": np.where(rng.random(n) < 0.99, "female", "male"),
            "race": rng.choice(["white", "black or african american", "asian"], size=n, p=(0.72, 0.19, 0.09)),
            "ethnicity": rng.choice(["not hispanic or latino", "hispanic or latino"], size=n, p=(0.94, 0.06)),
            "year_of_diagnosis": rng.integers(2004, 2014, n),
            "menopause_status": np.where(age + rng.normal(0, 4, n) > 51, "Postmenopausal", "Premenopausal"),
            "bmi": rng.normal(27.5, 5, n).clip(17, 48).round(1),
            "primary_diagnosis": rng.choice(
                [
                    "Infiltrating duct carcinoma, NOS",
                    "Lobular carcinoma, NOS",
                    "Infiltrating duct and lobular carcinoma",
                ],
                size=n,
                p=(0.76, 0.18, 0.06),
            ),
            "tumor_grade": np.where(
                rng.random(n) < np.where(deficient, 0.55, 0.38), "G3", rng.choice(["G1", "G2"], size=n, p=(0.2, 0.8))
            ),
            "ajcc_pathologic_stage": np.char.add(stage, suffix),
            "ajcc_pathologic_m": "M0",
            "er_status_by_ihc": er,
            "pr_status_by_ihc": pr,
            "her2_status_by_ihc": np.where(rng.random(n) < 0.16, "Positive", "Negative"),
            "ki67_percent": rng.gamma(2.2, 11, n).clip(1, 95).round(),
        }
    )


def add_course(rng: np.random.Generator, clinical: pd.DataFrame, response: NDArray[np.int64]) -> pd.DataFrame:
    """Append what only later visits know: surgery, recurrence, survival. Informative, and not allowed as inputs."""
    n = len(clinical)
    dies = rng.random(n) < np.where(response == 1, 0.07, 0.24)
    days = rng.gamma(2.0, np.where(response == 1, 900, 620)).clip(40, 5500).astype(int)
    margin = np.where(rng.random(n) < np.where(response == 1, 0.05, 0.15), "Positive", "Negative")
    recurs = dies | (rng.random(n) < 0.08)
    return clinical.assign(
        surgical_margin_status=margin,
        residual_tumor_size_mm=(rng.gamma(2, 9, n) * np.where(response == 1, 0.15, 1.0)).round(1),
        progression_or_recurrence=np.where(recurs, "yes", "no"),
        vital_status=np.where(dies, "Dead", "Alive"),
        days_to_death=np.where(dies, days.astype(str), MISSING),
        days_to_last_follow_up=np.where(dies, MISSING, days.astype(str)),
    )


def blank(rng: np.random.Generator, clinical: pd.DataFrame) -> pd.DataFrame:
    """Take cells away, marked as GDC marks them: ``'--`` or "Not Reported"; for receptors also "Indeterminate"."""
    shares = {
        "age_at_index": 0.02,
        "race": 0.08,
        "ethnicity": 0.14,
        "menopause_status": 0.06,
        "bmi": 0.15,
        "tumor_grade": 0.05,
        "ajcc_pathologic_stage": 0.03,
        "er_status_by_ihc": 0.04,
        "pr_status_by_ihc": 0.05,
        "her2_status_by_ihc": 0.12,
        "ki67_percent": 0.25,
        "surgical_margin_status": 0.07,
    }
    untidy = clinical.astype(object)
    for column, share in shares.items():
        gone = rng.random(len(untidy)) < share
        words = {"race": "not reported", "ethnicity": "not reported", "tumor_grade": "Not Reported"}
        marks = [MISSING, words.get(column, MISSING)]
        if column.endswith("_by_ihc"):
            marks = [MISSING, "Indeterminate"]
        untidy.loc[gone, column] = rng.choice(marks, size=int(gone.sum()))
    return untidy


def draw_treatment(rng: np.random.Generator, ids: list[str], response: NDArray[np.int64]) -> pd.DataFrame:
    """One course of therapy a patient; what was planned is baseline, cycles received and the outcome are not."""
    import pandas as pd

    n = len(ids)
    best, worst = rng.choice(RESPONSES[:2], size=n, p=(0.6, 0.4)), rng.choice(RESPONSES[2:], size=n, p=(0.65, 0.35))
    agents = rng.choice(["Carboplatin;Paclitaxel;Pembrolizumab", "Carboplatin;Docetaxel;Pembrolizumab"], size=n)
    planned = rng.choice([4, 6, 8], size=n, p=(0.3, 0.5, 0.2))
    stopped = rng.random(n) < np.where(response == 1, 0.06, 0.3)
    return pd.DataFrame(
        {
            "case_submitter_id": ids,
            "treatment_type": "Pharmaceutical Therapy, NOS",
            "treatment_intent_type": "Neoadjuvant",
            "therapeutic_agents": agents,
            "days_to_treatment_start": rng.integers(8, 60, n),
            "planned_cycles": planned,
            "number_of_cycles": np.where(stopped, np.maximum(1, planned - rng.integers(1, 4, n)), planned),
            "days_to_treatment_end": rng.integers(90, 220, n),
            "treatment_outcome": np.where(response == 1, best, worst),
        }
    )


def sample_sheet(ids: list[str], *, slides: set[str], variants: set[str]) -> pd.DataFrame:
    """GDC's sample sheet: which file and sample belong to which case. A VCF holds many samples, so it has many rows."""
    import pandas as pd

    rows = []
    for case in ids:
        if case in slides:
            rows.append((f"{case}.tif", "Biospecimen", "Slide Image", case, f"{case}-S", "Primary Tumor"))
        if case in variants:
            kind = ("Simple Nucleotide Variation", "Annotated Somatic Mutation", case, f"{case}-T", "Primary Tumor")
            rows.append(("somatic.vcf.gz", *kind))
            kind = ("Simple Nucleotide Variation", "Germline Variation", case, f"{case}-N", "Blood Derived Normal")
            rows.append(("germline.vcf.gz", *kind))
    columns = ["File Name", "Data Category", "Data Type", "Case ID", "Sample ID", "Sample Type"]
    return pd.DataFrame(rows, columns=columns)
