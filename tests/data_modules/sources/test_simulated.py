from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import openslide
import pandas as pd
import pysam
import pytest

from data_modules.sources.simulated import SimulatedSource, write_cohort
from data_modules.sources.simulated.cohort import draw
from data_modules.sources.simulated.design import PREVALENCE, auroc
from data_modules.sources.simulated.genes import DAMAGING, DRIVERS
from data_modules.sources.simulated.source import SimulationError, truth_folder
from data_modules.sources.simulated.tissue import Region, draw_tissue
from fusion.contract import FusionError
from tests.helpers.simulated import assert_as_recorded, assert_same_bytes, content, hashes

Recorded = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulated") / "cohort"
    write_cohort(folder, patients=16, seed=3, workers=1)
    return folder


def test_same_settings_write_the_same_bytes_whatever_the_workers(root: Path, tmp_path: Path) -> None:
    assert_same_bytes(root, write_cohort, tmp_path / "again")


def test_the_cohort_of_a_seed_is_what_it_was_when_results_were_published(root: Path, recorded: Recorded) -> None:
    """docs/experiments.md has numbers of earlier commits: who reruns them must meet the same patients."""
    found = content(root)
    del found["progression.tsv"]  # of a later version
    assert_as_recorded(found, recorded["simulated"])
    found = content(truth_folder(root))
    del found["progression.parquet"]
    assert_as_recorded(found, recorded["simulated.truth"])


def test_stamp_names_settings_and_every_file(root: Path) -> None:
    stamp = json.loads((root / "SIMULATED.json").read_text())
    assert (stamp["seed"], stamp["patients"], stamp["interaction"]) == (3, 16, 1.0)
    found = hashes(root)
    del found["SIMULATED.json"], found["progression.tsv"]  # of later versions, which leave the stamp as it was
    assert stamp["sha256"] == found
    assert SimulatedSource(patients=16, seed=3).matches(root)
    assert not SimulatedSource(patients=16, seed=4).matches(root)
    assert not SimulatedSource(patients=16, seed=3, interaction=0).matches(root)


def test_slides_open_in_openslide_with_their_resolution_and_stamp(root: Path) -> None:
    slides = sorted((root / "slides").glob("*.tif"))
    assert len(slides) == 15
    with openslide.OpenSlide(slides[0]) as slide:
        assert float(slide.properties["openslide.mpp-x"]) == pytest.approx(0.5)
        assert slide.level_dimensions == ((1024, 1024), (512, 512), (256, 256))
        assert "SIMULATED" in slide.properties["tiff.ImageDescription"]
        pixels = np.asarray(slide.read_region((0, 0), 0, (1024, 1024)).convert("RGB"))
    assert pixels.min() < 110
    assert pixels.max() > 225
    tissue = pixels.reshape(-1, 3)[(pixels.max(-1).astype(int) - pixels.min(-1) > 40).reshape(-1)].mean(0)
    assert tissue[0] > tissue[1] < tissue[2], "haematoxylin and eosin absorb green most"


def test_region_grid_matches_the_image(root: Path) -> None:
    truth = truth_folder(root)
    legend = json.loads((truth / "regions.json").read_text())
    patient = sorted((truth / "regions").glob("*.npy"))[0]
    grid = np.load(patient, allow_pickle=False)
    assert grid.shape == (32, 32)
    assert legend["labels"] == {region.name: int(region) for region in Region}
    with openslide.OpenSlide(root / "slides" / f"{patient.stem}.tif") as slide:
        pixels = np.asarray(slide.read_region((0, 0), 0, (1024, 1024)).convert("RGB")).astype(float)
    green = pixels[..., 1].reshape(32, 32, 32, 32).mean(axis=(1, 3))
    assert green[grid == Region.BACKGROUND].mean() > green[grid == Region.STROMA].mean() + 40


def test_vcfs_are_block_gzipped_indexed_and_readable(root: Path) -> None:
    clinical = pd.read_csv(root / "clinical.tsv", sep="\t")
    for name, suffix, fields in (("somatic", "-T", "GT:AD:DP:AF"), ("germline", "-N", "GT:AD:DP:GQ:PL")):
        path = root / "variants" / f"{name}.vcf.gz"
        text = gzip.decompress(path.read_bytes()).decode()
        assert "##source=SIMULATED" in text
        rows = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
        assert {row[8] for row in rows} == {fields}
        order = [(row[0], int(row[1])) for row in rows]
        contigs = list(dict.fromkeys(contig for contig, _ in order))
        assert order == sorted(order, key=lambda key: (contigs.index(key[0]), key[1]))
        assert any("./." in field for row in rows for field in row[9:])
        with pysam.VariantFile(str(path)) as file:
            assert all(sample.endswith(suffix) for sample in file.header.samples)
            assert {sample[:-2] for sample in file.header.samples} <= set(clinical["case_submitter_id"])
            assert len(list(file.fetch("chr17"))) == sum(row[0] == "chr17" for row in rows)


def test_annovar_block_repeats_for_each_allele_with_its_escapes(root: Path) -> None:
    text = gzip.decompress((root / "variants" / "somatic.vcf.gz").read_bytes()).decode()
    rows = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
    several = [row for row in rows if "," in row[4]]
    assert several
    for row in rows:
        assert row[7].count("ALLELE_END") == row[4].count(",") + 1
        assert row[7].count("ANNOVAR_DATE=") == row[4].count(",") + 1
    assert any("\\x3b" in row[7] for row in rows)
    assert any(row[6] != "PASS" for row in rows)
    for row in several:
        allele_depths = {field.split(":")[1].count(",") for field in row[9:] if not field.startswith("./.")}
        assert allele_depths == {row[4].count(",") + 1}


def test_tables_use_gdc_columns_and_agree(root: Path) -> None:
    clinical = pd.read_csv(root / "clinical.tsv", sep="\t")
    treatment = pd.read_csv(root / "treatment.tsv", sep="\t")
    sheet = pd.read_csv(root / "sample_sheet.tsv", sep="\t")
    truth = pd.read_parquet(truth_folder(root) / "truth.parquet")
    assert list(clinical["case_submitter_id"]) == list(treatment["case_submitter_id"]) == list(truth["patient_id"])
    assert not clinical["case_submitter_id"].str.contains("TCGA").any()
    assert {"age_at_index", "ajcc_pathologic_stage", "tissue_source_site", "vital_status"} <= set(clinical.columns)
    assert (clinical == "'--").any().any()
    responded = treatment["treatment_outcome"].isin(["Complete Response", "Partial Response"]).astype(int)
    assert list(responded) == list(truth["response"])
    assert set(sheet["Case ID"]) <= set(clinical["case_submitter_id"])
    assert (sheet["Data Type"] == "Slide Image").sum() == 15


@pytest.mark.parametrize("seed", [1, 7, 20])
def test_design_holds_at_any_seed(seed: int) -> None:
    drawn = draw(patients=240, seed=seed, interaction=1.0)
    outcome = drawn.outcome
    assert outcome.probability.mean() == pytest.approx(PREVALENCE, abs=1e-6)
    assert abs(outcome.response.mean() - PREVALENCE) < 0.02
    assert 0.38 < drawn.deficient.mean() < 0.48
    assert drawn.rich.mean() == pytest.approx(0.5, abs=0.01)
    assert 0.86 < auroc(outcome.response, outcome.probability) < 0.94
    rate = {(t, d): outcome.response[(drawn.rich == t) & (drawn.deficient == d)].mean() for t in (0, 1) for d in (0, 1)}
    assert rate[1, 1] > 0.85
    assert 0.25 < rate[0, 0] < 0.42
    assert max(rate[0, 1], rate[1, 0]) < 0.1
    assert len({(a.contig, a.position, a.ref) for a in drawn.somatic.carriers}) >= 5000


def test_driver_frequencies_are_the_published_ones() -> None:
    drawn = draw(patients=1000, seed=5, interaction=1.0)
    for gene in DRIVERS:
        hit = {
            patient
            for allele, carriers in drawn.somatic.carriers.items()
            if allele.gene == gene.symbol and allele.consequence in DAMAGING and allele not in drawn.somatic.filters
            for patient in carriers
        }
        assert len(hit) / 1000 == pytest.approx(gene.frequency, abs=0.0011), gene.symbol
    hotspot = next(a for a in drawn.somatic.carriers if a.gene == "PIK3CA" and "H1047R" in a.change)
    assert (hotspot.contig, hotspot.position, hotspot.ref, hotspot.alt) == ("chr3", 179234297, "A", "G")
    assert 0.05 <= len(drawn.germline.causes) / 1000 <= 0.065


def test_deficient_repair_is_what_the_calls_say() -> None:
    drawn = draw(patients=120, seed=2, interaction=1.0)
    repair = {gene.symbol for gene in DRIVERS if gene.repair}
    said = np.zeros(120, dtype=bool)
    for allele, carriers in drawn.somatic.carriers.items():
        if allele.gene in repair and allele.consequence in DAMAGING and allele not in drawn.somatic.filters:
            said[list(carriers)] = True
    for allele, copies in drawn.germline.copies.items():
        if allele.pathogenic:
            said[copies > 0] = True
    assert (said == drawn.deficient).all()


def test_without_interaction_neither_tissue_nor_repair_matters() -> None:
    drawn = draw(patients=400, seed=11, interaction=0.0)
    logit = np.log(drawn.outcome.probability / (1 - drawn.outcome.probability))
    assert np.ptp(logit - drawn.outcome.clinical) < 1e-9
    assert drawn.outcome.probability.mean() == pytest.approx(PREVALENCE, abs=1e-6)


def test_lymphocyte_rich_tumours_differ_in_place_not_in_number() -> None:
    counts: dict[bool, list[int]] = {True: [], False: []}
    inside: dict[bool, list[float]] = {True: [], False: []}
    for seed in range(24):
        for rich in (True, False):
            tissue = draw_tissue(np.random.default_rng(seed), lymphocyte_rich=rich)
            index = (tissue.lymphocytes / 2).astype(int)
            counts[rich].append(len(index))
            inside[rich].append(float(tissue.nests[index[:, 0], index[:, 1]].mean()))
    assert np.mean(counts[True]) == pytest.approx(np.mean(counts[False]), rel=0.06)
    assert min(inside[True]) > 0.25
    assert max(inside[False]) == 0.0


def test_auroc_by_hand() -> None:
    # Pairs (positive, negative): 3>1, 3>2, 2>1 won, 2=2 half: 3.5 of 4.
    assert auroc(np.array([0, 0, 1, 1]), np.array([1.0, 2.0, 3.0, 2.0])) == 3.5 / 4


def test_what_a_killed_process_left_goes_and_nothing_else(tmp_path: Path) -> None:
    class Light(SimulatedSource):
        def write_files(self, root: Path, truth: Path, progress: object = None) -> None:
            (truth / "oracle.json").write_text("{}")

    for name in (".a [1].x.partial", ".a [1].truth.x.partial", ".a 1.x.partial"):
        (tmp_path / name).mkdir()
    Light(patients=12).write(tmp_path / "a [1]")
    assert [path.name for path in sorted(tmp_path.glob(".*.partial"))] == [".a 1.x.partial"]
    assert (tmp_path / "a [1]" / "SIMULATED.json").is_file()


def test_a_folder_that_was_not_simulated_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "patients.csv").write_text("precious")
    with pytest.raises(SimulationError, match=r"SIMULATED.json.*left alone.*cohort.root"):
        write_cohort(tmp_path / "mine", patients=12)
    assert (tmp_path / "mine" / "patients.csv").read_text() == "precious"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"patients": 3}, "patients is 3"),
        ({"seed": -1}, "seed is -1"),
        ({"interaction": -0.5}, "interaction is -0.5"),
        ({"workers": 0}, "workers is 0"),
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, int], message: str) -> None:
    with pytest.raises(FusionError, match=message):
        SimulatedSource(**settings)


def test_nothing_stays_behind_when_writing_fails(tmp_path: Path) -> None:
    def stop(step: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_cohort(tmp_path / "cohort", patients=12, workers=1, progress=stop)
    # The lock stays: to remove it while others wait for it would let two of them write at once.
    assert [path.name for path in tmp_path.iterdir()] == [".cohort.lock"]


def test_command_line_helps_and_refuses(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "data_modules.sources.simulated"]
    shown = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True)
    assert "--interaction" in shown.stdout
    refused = subprocess.run(
        [*command, "--root", str(tmp_path / "x"), "--patients", "1"], capture_output=True, text=True, check=False
    )
    assert refused.returncode == 2
    assert "patients is 1" in refused.stderr
    assert "Traceback" not in refused.stderr
