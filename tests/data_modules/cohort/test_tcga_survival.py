"""TCGA's survival tables as published, under the published folds; skipped where the data are not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from data_modules.errors import CohortError
from fusion.config.compose import composed

DATA = Path(__file__).resolve().parents[4] / "shared" / "data" / "tcga_survival"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"no data at {DATA}")


def reconciled(tmp_path: Path, cancer: str, endpoint: str):
    line = [f"cohort.cancer={cancer}", f"endpoint={endpoint}", f"cohort.root={DATA}", f"cache={tmp_path}"]
    config = composed("train", ["+experiment=tcga_survival", *line], None)
    OmegaConf.resolve(config.cohort)
    source = instantiate(config.cohort)
    modalities = {name: instantiate(node, name=name, source=source) for name, node in config.modality.items()}
    return source.reconcile(modalities), config


@pytest.mark.parametrize(
    ("cancer", "endpoint", "table", "patients", "events", "torn"),
    [("kirc", "os", "porpoise", 345, 92, True), ("brca", "dss", "survpath", 871, 60, False)],
)
def test_published_folds_are_read_and_their_sites_flagged(tmp_path, cancer, endpoint, table, patients, events, torn):
    cohort, config = reconciled(tmp_path, cancer, endpoint)
    assert (len(cohort.patient_ids), int(cohort.labels.sum())) == (patients, events)
    assert cohort.spec.endpoint.horizons == (12.0, 36.0, 60.0)
    note = cohort.spec.endpoint.note
    assert "Liu et al. 2018" in note and f"Which endpoints serve for {cancer}," in note
    made = instantiate(config.folds, _partial_=True)
    folds = made(cohort=cohort, path=tmp_path / "folds.json", seed=1, file=str(DATA / cancer / f"folds_{table}.csv"))
    assert len(folds) == 5
    flags = json.loads((tmp_path / "folds.json").read_text())["flags"]
    assert any("sites (cohort.site) are on both sides" in flag for flag in flags) == torn


def test_an_endpoint_that_a_cancer_lacks_is_refused_by_name(tmp_path):
    with pytest.raises(CohortError, match=r"luad/clinical\.csv has no column 'dss_months'\. It is of the endpoint"):
        reconciled(tmp_path, "luad", "dss")
