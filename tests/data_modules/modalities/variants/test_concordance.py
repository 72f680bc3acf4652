"""One body under two ids is said, for somatic and germline calls; relatives and strangers are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from data_modules.ingest.variants.store import MISSING, NOT_LISTED, VariantStore
from data_modules.modalities.variants.concordance import same_genomes


def store(dosage: NDArray[np.int8], origin: str) -> VariantStore:
    return VariantStore(
        folder=Path(), variants=pd.DataFrame(index=range(len(dosage))), dosage=dosage, vaf=None, qc={},
        samples=tuple(f"S{at}" for at in range(dosage.shape[1])), meta={"origin": origin, "build": "GRCh38"},
    )  # fmt: skip


def people(count: int, sites: int = 2000, seed: int = 1) -> NDArray[np.int8]:
    """Genotypes of unrelated people at sites of many frequencies (Hardy-Weinberg)."""
    rng = np.random.default_rng(seed)
    return rng.binomial(2, rng.uniform(0.02, 0.5, (sites, 1)), (sites, count)).astype(np.int8)


def owner(count: int) -> dict[str, str]:
    return {f"S{at}": f"P{at}" for at in range(count)}


@pytest.mark.parametrize("count", [4, 20])
def test_germline_of_one_person_under_two_ids(count: int) -> None:
    dosage = people(count)
    rng = np.random.default_rng(2)
    dosage[:, 1] = dosage[:, 0]
    wrong = rng.random(len(dosage)) < 0.01  # errors of calling
    dosage[wrong, 1] = MISSING
    (said,) = same_genomes(store(dosage, "germline"), owner(count), key="modality.m")
    assert said.startswith("modality.m: the germline genotypes of 1 pairs of patients are those of one body: P0 and P1")
    assert "cohort.group" in said
    one_patient = owner(count) | {"S1": "P0"}
    assert same_genomes(store(dosage, "germline"), one_patient, key="m") == []
    assert same_genomes(store(dosage, "germline"), {"S0": "P0", "S2": "P2"}, key="m") == []


def test_germline_of_siblings_and_strangers() -> None:
    """A sibling has either parent's one or other allele at each site."""
    parents, rng = people(12), np.random.default_rng(3)
    child = [
        sum((rng.random(len(parents)) < parents[:, parent] / 2).astype(np.int8) for parent in (0, 1)) for _ in range(2)
    ]
    dosage = np.column_stack([parents, *child])
    assert same_genomes(store(dosage, "germline"), owner(14), key="m") == []


def test_files_of_one_patient_each_list_their_own_sites() -> None:
    """What only one of two files lists speaks against one body, though both list what they share."""
    dosage = people(2)
    dosage[dosage == 0] = NOT_LISTED
    assert same_genomes(store(dosage, "germline"), owner(2), key="m") == []
    dosage[:, 1] = dosage[:, 0]
    assert len(same_genomes(store(dosage, "germline"), owner(2), key="m")) == 1


def test_somatic_mutations_that_two_patients_share() -> None:
    dosage = np.full((40, 4), NOT_LISTED, dtype=np.int8)
    dosage[:10, 0] = 1
    dosage[1:11, 1] = 1  # nine shared, of eleven
    dosage[:4, 2], dosage[:4, 3] = 1, 1  # too few to tell
    (said,) = same_genomes(store(dosage, "somatic"), owner(4), key="m")
    assert "1 pairs" in said and "P0 and P1 (82% of 11 sites)" in said
    dosage[11:15, 1] = 1  # nine of fifteen
    assert same_genomes(store(dosage, "somatic"), owner(4), key="m") == []


def test_sites_that_all_share_tell_nobody_apart() -> None:
    dosage = np.concatenate([np.full((3000, 12), 2, dtype=np.int8), people(12, sites=400)])
    assert same_genomes(store(dosage, "germline"), owner(12), key="m") == []


def test_one_sample_or_no_variant() -> None:
    assert same_genomes(store(people(1), "germline"), owner(1), key="m") == []
    assert same_genomes(store(people(2)[:0], "germline"), owner(2), key="m") == []
