"""Examples of one's own files: what is written, the same bytes at every call, and nothing of others touched."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import nibabel
import numpy as np
import openslide
import pandas as pd
import pytest

from data_modules.sources.example.__main__ import main
from data_modules.sources.simulated.genomes import add_passengers, draw_drivers
from tests.helpers.simulated import hashes


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("example") / "my files"
    assert main(["kind=[tables,slides,variants,volumes]", f"out={out}", "seed=3"]) == 0
    return out


def test_twelve_patients_half_of_whom_respond_and_one_lacks_each_measurement(every: Path) -> None:
    clinical = pd.read_csv(every / "clinical.csv")
    assert clinical["patient_id"].tolist() == [f"P{number:02}" for number in range(1, 13)]
    assert clinical["best_response"].value_counts().to_dict() == {"PR": 4, "SD": 4, "PD": 2, "CR": 2}
    assert clinical["tumor_grade"].isna().sum() == 1
    assert clinical["os_event"].isin([0, 1]).all() and clinical["os_event"].nunique() == 2
    assert clinical["os_months"].between(0.1, 60).all()
    eleven = clinical["patient_id"].tolist()[:11]
    labs = pd.read_csv(every / "labs.tsv", sep="\t")
    assert [one.removesuffix("-blood") for one in labs["sample"]] == eleven
    assert labs["crp_baseline"].isna().sum() == 2
    assert sorted(path.name for path in (every / "slides").iterdir()) == [f"{one}.tif" for one in eleven]
    with openslide.OpenSlide(every / "slides" / "P01.tif") as slide:
        assert (slide.dimensions, slide.level_count) == ((1024, 1024), 3)
        assert float(slide.properties[openslide.PROPERTY_NAME_MPP_X]) == pytest.approx(0.5)
    assert sorted(path.name for path in (every / "volumes").iterdir()) == eleven
    before, after = (
        nibabel.load(every / "volumes" / "P02" / f"t1_{name}.nii.gz").get_fdata() for name in ("pre", "post")
    )
    assert before.shape == after.shape == (48, 40, 32)
    assert after.mean() > before.mean(), "contrast enhances"
    for name in ("germline.vcf.gz", "somatic.vcf.gz"):
        with gzip.open(every / name, "rt") as stream:
            header = next(line for line in stream if line.startswith("#CHROM"))
        assert header.split()[9:] == eleven
    assert json.loads((every / "SIMULATED.json").read_text())["notice"] == "SIMULATED data: no patient, no finding"


def test_lines_of_the_maf_follow_its_specification(every: Path) -> None:
    """GDC MAF: an insertion lies between two bases and has no reference; a deletion spans its bases."""
    maf = pd.read_csv(every / "somatic.maf", sep="\t")
    assert set(maf["Tumor_Sample_Barcode"]) <= {f"P{number:02}" for number in range(1, 12)}
    assert set(maf["Variant_Type"]) == {"SNP", "DEL", "INS"}
    span = maf["End_Position"] - maf["Start_Position"]
    single, deleted, inserted = (maf["Variant_Type"] == kind for kind in ("SNP", "DEL", "INS"))
    assert (span[single] == 0).all() and (span[inserted] == 1).all()
    assert (span[deleted] + 1 == maf.loc[deleted, "Reference_Allele"].str.len()).all()
    assert (maf.loc[deleted, "Tumor_Seq_Allele2"] == "-").all() and (maf.loc[inserted, "Reference_Allele"] == "-").all()
    words = maf.groupby("Variant_Type")["Variant_Classification"].agg(set)
    assert words["INS"] & {"Frame_Shift_Ins"} and not words["INS"] & {"Frame_Shift_Del", "Missense_Mutation"}
    assert np.isin(maf.loc[single, "Reference_Allele"], list("ACGT")).all()


def test_what_a_caller_rejected_is_not_in_the_maf(every: Path) -> None:
    responds = pd.read_csv(every / "clinical.csv")["best_response"].isin(["CR", "PR"])
    rng = np.random.default_rng([3, 5])
    somatic = draw_drivers(rng, 12)
    add_passengers(rng, somatic, 12, set(np.flatnonzero(responds).tolist()))
    maf = pd.read_csv(every / "somatic.maf", sep="\t")
    written = set(zip(maf["Chromosome"], maf["Start_Position"], maf["Tumor_Seq_Allele2"], strict=True))
    places = {
        allele: (allele.contig, allele.position, allele.alt) for allele in somatic.carriers if len(allele.ref) == 1
    }
    rejected = {places[allele] for allele in somatic.filters if allele in places}
    with gzip.open(every / "somatic.vcf.gz", "rt") as stream:
        calls = [line.split("\t") for line in stream if not line.startswith("#")]
    passed = {(row[0], int(row[1]), alt) for row in calls if row[6] == "PASS" for alt in row[4].split(",")}
    assert written & set(places.values()) <= passed, "the same mutations in the other format"
    assert len(rejected) > 10 and rejected.isdisjoint(written)
    kept = {places[one] for one, who in somatic.carriers.items() if one in places and one not in somatic.filters
            and len(one.alt) == 1 and min(who) < 11}  # fmt: skip
    assert kept <= written


def test_the_same_bytes_again_and_other_settings_replace_an_example(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["kind=tables", f"out={out}"]) == 0
    first = hashes(out)
    assert main(["kind=tables", f"out={tmp_path / 'other'}"]) == 0
    assert hashes(tmp_path / "other") == first
    assert main(["kind=tables", f"out={out}", "seed=2"]) == 0
    assert hashes(out)["labs.tsv"] != first["labs.tsv"]
    said = capsys.readouterr().out
    assert f"SIMULATED example of 12 patients in {out}: clinical.csv, labs.tsv" in said
    assert said.splitlines()[-1] == f"  python -m fusion.draft {out} name=out"
    (out / "labs.tsv").write_text("mine")
    assert main(["kind=tables", f"out={out}", "seed=2"]) == 0
    assert (out / "labs.tsv").read_text() == "mine", "what stands is not written again"
    assert main(["kind=tables", f"out={out}", "patients=150"]) == 0
    assert pd.read_csv(out / "clinical.csv")["patient_id"].tolist()[::149] == ["P001", "P150"]
    assert len(pd.read_csv(out / "labs.tsv", sep="\t")) == 138
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "out"], "no draft is left"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["kind=tables"], "Give out=<folder to write>"),
        (["kind=tables", "out="], "Give out=<folder to write>"),
        (["out={out}"], "kind: give one of tables, slides, variants, volumes"),
        (["kind=tables,mri", "out={out}"], "kind: tables,mri is none of tables, slides"),
        (["kind=[tables", "out={out}"], "cannot be read"),
        (["kind=tables", "out={out}", "seed=-1"], "seed=-1: give a seed, 0 or more"),
        (["kind=tables", "out={out}", "patients=11"], "patients=11: give how many, 12 or more"),
        (["kind=tables", "out={out}", "patients=1000"], "patients=1000: an example has at most 999"),
        (["--kind", "tables"], "the keys are kind, out, patients, seed"),
        (["kind=tables", "out={out}"], "there is something already, and it is left alone"),
    ],
)
def test_what_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert main([one.format(out=tmp_path) for one in arguments]) == 2
    assert words in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_without_keys_it_says_what_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "kind      of tables" in capsys.readouterr().out
