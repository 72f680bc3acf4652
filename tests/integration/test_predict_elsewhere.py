"""``python -m fusion.predict`` on another cohort: other names, another contig spelling, genes unknown to the run."""

from __future__ import annotations

import gzip
import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

if TYPE_CHECKING:
    from integration.conftest import Check, Workplace

PATIENTS = 12
COLUMNS = ["patient_id", "score", "low", "high", "modalities", "out_of_distribution"]


def _renamed(text: str) -> str:
    """SIM-BR-0007 → SIM-BR-9007, so that no fold trained on them."""
    return re.sub(r"SIM-BR-0(\d\d\d)", r"SIM-BR-9\1", text)


def _table(source: Path, target: Path, ids: set[str]) -> None:
    head, *lines = source.read_text().splitlines()
    target.write_text("\n".join([head, *(_renamed(line) for line in lines if line.split("\t")[0] in ids)]) + "\n")


def _vcf(source: Path, target: Path, ids: set[str], same: str) -> None:
    """Of these patients, contigs without chr, all genes but `same` under names that nobody trained on."""
    kept: list[str] = []
    columns: list[int] = []
    with gzip.open(source, "rt") as stream:
        for line in stream:
            if line.startswith("##"):
                kept.append(line.replace("ID=chr", "ID="))
                continue
            fields = line.rstrip("\n").split("\t")
            if line.startswith("#"):
                columns = [at for at, name in enumerate(fields) if at < 9 or name[:11] in ids]
            here = "\t".join(fields[at] for at in columns).removeprefix("chr") + "\n"
            kept.append(re.sub(rf"Gene\.refGene=(?!{same};)(\w)", r"Gene.refGene=NEW\1", here))
    with gzip.open(target, "wt") as stream:
        stream.writelines(map(_renamed, kept))


@pytest.fixture(scope="module")
def genes(trained: Path) -> list[str]:
    """Whose burden any network of the run reads."""
    selected = pd.read_parquet(trained / "selected.parquet")
    selected = selected.query("selected and member >= 0 and modality == 'variants'")
    names = {name for name in selected["feature"] if name.startswith("burden:") and "SET:" not in name}
    return sorted(name.removeprefix("burden:") for name in names)


@pytest.fixture(scope="module")
def same(genes: list[str]) -> str:
    """The one gene that has the same name elsewhere."""
    return next(gene for gene in genes if gene != "TP53")


def _moved(root: Path, workplace: Workplace, *, patients: int, same: str) -> Path:
    """A root of the first so many patients, with labels."""
    source = next(
        path.parent
        for path in workplace.folder.glob("data/tcga_brca_simulated*/SIMULATED.json")
        if "truth" not in str(path)
    )
    (root / "slides").mkdir(parents=True)
    (root / "variants").mkdir()
    ids = {f"SIM-BR-{number:04d}" for number in range(1, patients + 1)}
    for name in ("clinical.tsv", "treatment.tsv"):
        _table(source / name, root / name, ids)
    for slide in (source / "slides").glob("*.tif"):
        if slide.stem in ids:
            shutil.copy(slide, root / "slides" / _renamed(slide.name))
    for name in ("somatic.vcf.gz", "germline.vcf.gz"):
        _vcf(source / "variants" / name, root / "variants" / name, ids, same)
    (root / "SIMULATED.json").write_text(json.dumps({"notice": "SIMULATED", "patients": patients}))
    return root


@pytest.fixture(scope="module")
def elsewhere(trained: Path, workplace: Workplace, same: str) -> Path:
    """A root of twelve patients."""
    return _moved(workplace.folder / "elsewhere", workplace, patients=PATIENTS, same=same)


@pytest.fixture(scope="module")
def predicted(elsewhere: Path, workplace: Workplace) -> Path:
    done = workplace(
        "predict", "run=run", "cohort=tcga_brca_simulated", "cohort.root=elsewhere", "output=external",
        "evaluation.draws=100", "min_match=0",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "SIMULATED" in done.stdout
    assert "calibration slope" in done.stdout
    return workplace.folder / "external"


def test_everyone_is_scored_by_every_fold(predicted: Path) -> None:
    table = pd.read_csv(predicted / "predictions.csv")
    assert list(table.columns[:6]) == COLUMNS
    assert len(table) == PATIENTS
    assert (table["low"] < table["score"]).all()
    assert (table["score"] < table["high"]).all()
    assert (table["fold_models"] == 2).all()
    assert not table["in_training"].any()
    assert table["simulated"].all()
    key = json.loads((predicted / "predictions.json").read_text())
    assert list(key["columns"]) == list(table.columns)
    assert "no confidence interval" in key["columns"]["low"]
    assert key["simulated"] is True


def test_features_are_matched_by_name_whatever_contigs_are_called(predicted: Path, genes: list[str], same: str) -> None:
    found = json.loads((predicted / "matches.json").read_text())
    match = found["variants"]
    assert match["matched"] == [f"burden:{same}"]
    assert set(match["missing"]) == {f"burden:{gene}" for gene in genes if gene != same}
    assert match["missing_read_as"] == "reference"
    assert any(name.startswith("burden:NEW") for name in match["extra"])
    assert f"burden:{same}" not in match["extra"]
    assert found["clinical"]["missing"] == []
    notes = json.loads((predicted / "predictions.json").read_text())["notes"]
    assert any("count as not mutated" in note for note in notes)


def test_the_same_tumours_keep_the_scores_that_counts_and_slides_give(predicted: Path, trained: Path) -> None:
    """The renamed patients carry the same slides and clinical rows: tiles and tables must come out the same."""
    names = ["SIM-BR-0001", "SIM-BR-0005", "SIM-BR-0009"]
    cohort = pd.read_csv(predicted / "cohort.csv").set_index("patient_id")
    before = pd.read_csv(trained / "cohort.csv").set_index("patient_id")
    for name in names:
        here = cohort.loc[_renamed(name), ["slides", "variants", "clinical"]]
        assert here.tolist() == before.loc[name, ["slides", "variants", "clinical"]].tolist()


def test_metrics_and_calibration_of_the_mean(predicted: Path) -> None:
    metrics = json.loads((predicted / "metrics.json").read_text())
    values = metrics["arms"]["fusion"]
    assert metrics["simulated"] is True
    assert metrics["patients"] == PATIENTS
    assert set(values) >= {"auroc", "brier", "calibration_slope", "calibration_intercept"}
    assert values["calibration_intercept"]["low"] < values["calibration_intercept"]["high"]
    # Every arm that the run keeps scored them too: a verdict for this cohort, on shared draws.
    assert metrics["verdict"]["status"] in {"supported", "worse", "not shown"}
    assert {"fusion", "only_clinical", "late", "classical"} <= set(metrics["arms"])


def test_the_report_in_a_browser(predicted: Path, browser: Any) -> None:
    problems: list[str] = []
    requests: list[str] = []
    page = browser.new_page(viewport={"width": 1180, "height": 900})
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type in ("error", "warning") else None)
    page.on("request", lambda request: requests.append(request.url))
    page.goto((predicted / "prediction_report.html").as_uri())
    assert page.get_by_text("SIMULATED").first.is_visible()
    assert page.locator("figure svg").count() == 4
    assert page.get_by_text("Calibration slope").first.is_visible()
    assert "SIM-BR" not in page.content()
    for width in (1180, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()
    assert problems == []
    assert all(url.startswith(("file:", "data:")) for url in requests)


def test_without_labels_and_with_slides_alone(predicted: Path, elsewhere: Path, workplace: Workplace) -> None:
    """No table, no VCF: scored without them, told so, and not as if with them."""
    root = workplace.folder / "slides_alone"
    shutil.copytree(elsewhere / "slides", root / "slides")
    shutil.copy(elsewhere / "SIMULATED.json", root)
    done = workplace(
        "predict", "run=run", "cohort=tcga_brca_simulated", "cohort.root=slides_alone", "output=alone",
        "patients=[SIM-BR-9001,SIM-BR-9002]",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Scored without variants" in done.stdout
    assert "Scored without clinical" in done.stdout
    table = pd.read_csv(workplace.folder / "alone" / "predictions.csv")
    assert table["patient_id"].tolist() == ["SIM-BR-9001", "SIM-BR-9002"]
    assert set(table["modalities"]) == {"slides"}
    assert not (workplace.folder / "alone" / "metrics.json").exists()
    assert "No labels" in (workplace.folder / "alone" / "prediction_report.html").read_text()
    both = pd.read_csv(predicted / "predictions.csv").set_index("patient_id")["score"]
    assert (table.set_index("patient_id")["score"] - both).abs().max() > 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("output=external",), ("external", "overwrite=true")),
        (("patients=[SIM-BR-0001]",), ("SIM-BR-0001", "patients")),
        (("modality.slides.tile.size=64",), ("modality.slides.tile", "comes from the run")),
        (("~modality.variants", "arm=only_variants"), ("only_variants", "no file")),
        (("endpoint=survival",), ("survival", "response")),
        (("cohort=transneo_features",), ("transneo_features", "no folder")),
        (("cohort=tcga_brca", "cohort.root=."), ("modality.slides", "trained on Slides", "Features")),
    ],
)
def test_bad_input_is_refused(
    predicted: Path, refused: Check, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    here = () if any(one.startswith("cohort=") for one in arguments) else ("cohort=tcga_brca_simulated",)
    root = () if any(one.startswith("cohort") for one in arguments) else ("cohort.root=elsewhere",)
    refused("predict", "run=run", *here, *root, *arguments, words=words)


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("clinical.tsv", "ki67_percent", "MIB1", ("no column 'ki67_percent'", "cohort.tables.clinical")),
        ("treatment.tsv", "Stable Disease", "SD", ("'SD'", "cohort.endpoints.response")),
        ("clinical.tsv", "SIM-BR-", "OTHER-", ("OTHER-", "cohort.patients_pattern")),
    ],
    ids=["other columns", "other labels", "other ids"],
)
def test_a_cohort_of_another_make_is_refused(
    elsewhere: Path, workplace: Workplace, refused: Check, file: str, old: str, new: str, words: tuple[str, ...]
) -> None:
    root = workplace.folder / "spoiled"
    shutil.copytree(elsewhere, root)
    (root / file).write_text((root / file).read_text().replace(old, new))
    try:
        refused("predict", "run=run", "cohort=tcga_brca_simulated", "cohort.root=spoiled", words=words)
    finally:
        shutil.rmtree(root)


def test_genes_under_names_that_nobody_trained_on_are_refused(
    trained: Path, workplace: Workplace, refused: Check
) -> None:
    """Forty patients name many genes: that none of them is one of the run's is no accident."""
    _moved(workplace.folder / "foreign", workplace, patients=40, same="none")
    words = ("modality.variants", "min_match=0.5", "same build, panel and annotation")
    refused("predict", "run=run", "cohort=tcga_brca_simulated", "cohort.root=foreign", words=words)


def test_an_empty_cohort_is_refused(elsewhere: Path, workplace: Workplace, refused: Check) -> None:
    root = workplace.folder / "empty"
    root.mkdir()
    shutil.copy(elsewhere / "SIMULATED.json", root)
    arguments = ("predict", "run=run", "cohort=tcga_brca_simulated", "cohort.root=empty")
    refused(*arguments, words=("no file of any modality", "cohort.root"))
    (root / "clinical.tsv").write_text((elsewhere / "clinical.tsv").read_text().splitlines()[0] + "\n")
    try:
        refused(*arguments, words=("clinical.tsv", "no rows"))
    finally:
        shutil.rmtree(root)
