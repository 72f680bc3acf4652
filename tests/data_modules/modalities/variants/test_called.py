"""Samples of which ingest kept no genotype: their patients lack variants, rather than being free of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from data_modules.ingest.variants.qc import sample_table
from data_modules.ingest.variants.store import MISSING, NOT_LISTED
from data_modules.modalities.variants.called import uncalled
from data_modules.patient_ids import PatientIds

IDS = PatientIds(pattern=r"^(P\d)")


def written(folder: Path, samples: dict[str, list[int]]) -> Path:
    """samples.parquet as ingest leaves it, with the normal of a pair."""
    dosage = np.array(list(samples.values()), dtype=np.int8).T
    variants = pd.DataFrame({"ref": ["A"] * len(dosage), "alt": ["C"] * len(dosage)})
    depth = np.zeros((2, len(samples)), dtype=np.int64)
    table = sample_table(variants, dosage, list(samples), depth=depth, reasons={}, normals={"P4-N": "a.vcf"})
    folder.mkdir(parents=True, exist_ok=True)
    table.to_parquet(folder / "samples.parquet", index=False)
    return folder


def test_nothing_called_is_not_nothing_found(tmp_path: Path) -> None:
    folder = written(
        tmp_path,
        {
            "P1-T": [1, 0, MISSING],  # one missing call
            "P2-T": [MISSING, MISSING, NOT_LISTED],  # all of two that are listed
            "P3-T": [NOT_LISTED, NOT_LISTED, NOT_LISTED],  # no mutation, or not sequenced: absent_is
            "P4-T": [0, 0, 0],
        },
    )
    assert uncalled(folder, IDS) == {"P2": "P2-T: none of 2 listed genotypes was called and passed the filters"}


def test_one_good_sample_of_a_patient_is_enough(tmp_path: Path) -> None:
    bad = [MISSING]
    folder = written(tmp_path, {"P1-A": bad, "P1-B": [0], "P2-A": bad, "P2-B": bad})
    assert list(uncalled(folder, IDS)) == ["P2"]
    assert uncalled(folder, IDS)["P2"].count("; ") == 1


def test_before_ingest_nobody_failed(tmp_path: Path) -> None:
    assert uncalled(tmp_path / "somatic", IDS) == {}
