"""Folders as portals and hospitals hand them out, drafted: nothing in them has to be put right by hand first."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import yaml

from data_modules.cohort.source import CohortSource
from data_modules.drafting.draft import Draft, draft_folder
from data_modules.modalities.tables.features import Features

PATIENTS = [f"TCGA-A1-{at:04}" for at in range(20)]
MAF = "Hugo_Symbol\tNCBI_Build\tChromosome\tStart_Position\tVariant_Classification\tTumor_Sample_Barcode\n"


def drafted(folder: Path, **given: Any) -> tuple[Draft, dict[str, Any]]:
    made = draft_folder(str(folder), name="mine", config_dir="my_conf", progress=lambda *step: None, **given)
    return made, yaml.safe_load(made.text)


def source(folder: Path, cohort: dict[str, Any]) -> CohortSource:
    tables = yaml.safe_load(yaml.safe_dump(cohort["tables"]).replace("???", "baseline"))
    return CohortSource(name="c", root=folder, cache=folder / "cache", tables=tables, endpoints=cohort["endpoints"])


def clinical(folder: Path, patients: list[str] = PATIENTS) -> None:
    frame = pd.DataFrame({"patient": patients, "age": range(40, 40 + len(patients))})
    frame.assign(response=["CR", "PD"] * (len(patients) // 2)).to_csv(folder / "clinical.csv", index=False)


def test_a_study_of_cbioportal(tmp_path: Path) -> None:
    lines = ["#Patient\tStatus\tMonths", "#Patient\tStatus\tMonths", "#STRING\tSTRING\tNUMBER", "#1\t1\t1",
             "PATIENT_ID\tOS_STATUS\tOS_MONTHS"]  # fmt: skip
    lines += [f"{one}\t{['1:DECEASED', '0:LIVING'][at % 2]}\t{at + 1.5}" for at, one in enumerate(PATIENTS)]
    (tmp_path / "data_clinical_patient.txt").write_text("\n".join(lines) + "\n")
    rows = [f"{one}\t{one}-01\tPrimary\t{['pos', 'neg'][at % 2]}" for at, one in enumerate(PATIENTS)]
    rows += [f"{one}\t{one}-06\tMetastasis\tneg" for one in PATIENTS[:2]]
    header = "PATIENT_ID\tSAMPLE_ID\tSAMPLE_TYPE\tER_STATUS"
    (tmp_path / "data_clinical_sample.txt").write_text("\n".join(["#a\tb\tc\td", header, *rows]) + "\n")
    genes = [["TP53", "7157", "1"], ["GENE5", "5", "2"], ["GENE5", "55", "4"], ["", "9", "7"]]
    text = "\n".join("\t".join([*gene[:2], *[gene[2]] * 20]) for gene in genes)
    names = "\t".join(["Hugo_Symbol", "Entrez_Gene_Id", *(f"{one}-01" for one in PATIENTS)])
    (tmp_path / "data_mrna_seq.txt").write_text(f"{names}\n{text}\n")
    (tmp_path / "meta_study.txt").write_text("type_of_cancer: brca\nname: of no use\n")
    (tmp_path / "cases_all.txt").write_text(
        "stable_id: all\ncase_list_ids: " + "\t".join(f"{one}-01" for one in PATIENTS)
    )
    made, content = drafted(tmp_path)
    cohort = content["cohort"]
    sample = cohort["tables"]["data_clinical_sample"]
    assert sample["rows"] == {"SAMPLE_TYPE": "???"} and set(sample["columns"]) == {"ER_STATUS"}
    assert (
        "# 2 patients with several rows: which are of baseline, by SAMPLE_TYPE? Primary (20), Metastasis (2)"
        in made.text
    )
    assert "event_values: [1:DECEASED], censored_values: [0:LIVING]?" in made.text
    assert set(content["modality"]) == {"data_clinical_sample", "data_mrna_seq"}
    assert "# Left out, 2 files:" in made.text and "a text that is no table" in made.text
    rna = {key: value for key, value in content["modality"]["data_mrna_seq"].items() if key != "time"}
    assert (rna["id"], rna["transpose"], rna["reduce"]) == ("Hugo_Symbol", True, "mean")
    sample["rows"] = {"SAMPLE_TYPE": "Primary"}
    cohort["endpoints"]["os_status"] |= yaml.safe_load("{event_values: [1:DECEASED], censored_values: [0:LIVING]}")
    read = source(tmp_path, cohort)
    assert not read.read("data_clinical_sample").problems and len(read.read("data_clinical_sample").frame) == 20
    frame = Features(name="rna", source=read, time="baseline", **rna).frame
    assert frame.loc[PATIENTS].to_dict("list") == {"TP53": [1.0] * 20, "GENE5": [3.0] * 20}


def test_patients_are_no_samples_as_xena_names_them(tmp_path: Path) -> None:
    samples = [f"{one}-01" for one in PATIENTS] + [f"{one}-11" for one in PATIENTS[:4]]
    owners = [one[:12] for one in samples]
    of = {"sampleID": samples, "_PATIENT": owners, "sample_type": ["Primary Tumor"] * 20 + ["Solid Tissue Normal"] * 4}
    phenotype = pd.DataFrame(of).assign(age=range(24), response=["CR", "PD"] * 12)
    phenotype.to_csv(tmp_path / "BRCA_clinicalMatrix", sep="\t", index=False)
    survival = pd.DataFrame({"sample": samples, "_PATIENT": owners, "OS": [int(one[-1]) % 2 for one in owners]})
    survival["OS.time"] = [int(one[-2:]) + 3 for one in owners]
    survival.to_csv(tmp_path / "BRCA_survival.txt", sep="\t", index=False)
    matrix = pd.DataFrame({one: [1.5, 2.5] for one in samples}, index=pd.Index(["A", "B"], name="sample"))
    matrix.to_csv(tmp_path / "HiSeqV2.gz", sep="\t", compression="gzip")
    matrix.to_csv(tmp_path / "rna_zscores.tsv", sep="\t")
    lines = "".join(f"{one}\tchr1\t7{at}\tA\tC\tTP53\tSilent\n" for at, one in enumerate(samples))
    (tmp_path / "mutations.tsv").write_text(f"#sample\tchr\tstart\treference\talt\tgene\teffect\n{lines}")
    made, content = drafted(tmp_path)
    tables = content["cohort"]["tables"]
    assert {one["id"] for one in tables.values()} == {"_PATIENT"}, "a normal sample is no patient more"
    assert tables["brca_clinicalmatrix"]["rows"] == {"sample_type": "???"}
    assert tables["brca_survival"]["reduce"] == "mean", "both samples of a patient say the same"
    assert "    # os: {kind: survival, table: brca_survival, time: OS.time, event: OS," in made.text
    assert "mutations.tsv: a list of mutations that is no MAF: name its columns as a MAF's" in made.text
    assert "file: rna_zscores.tsv  # z-scores over all patients, those held out too" in made.text
    rna = content["modality"]["hiseqv2"]
    assert rna["id_pattern"] == "???"
    assert "4 patients have several samples. Which are of baseline, and of the tumour?" in made.text
    choices = re.findall(r"#   ('.*?')  (\d+) patients, e\.g\. (\S+)", made.text)[:2]
    assert [(count, example) for _, count, example in choices] == [("20", samples[0]), ("4", samples[20])]
    rna |= {"id_pattern": yaml.safe_load(choices[0][0]), "time": "baseline"}
    tables["brca_clinicalmatrix"]["rows"] = {"sample_type": ["Primary Tumor"]}
    content["cohort"]["endpoints"]["response"] |= {"positive": ["CR"], "negative": ["PD"]}
    read = source(tmp_path, content["cohort"])
    assert [read.read(name).problems for name in tables] == [(), ()]
    modality = Features(name="rna", source=read, **rna)
    assert modality.check() == [] and sorted(modality.frame.index) == PATIENTS


def test_a_manifest_of_the_gdc(tmp_path: Path) -> None:
    sheet, rows = (
        ["File ID\tFile Name\tCase ID\tSample ID"],
        ["case_submitter_id\tage\ttreatment_type\ttreatment_outcome"],
    )
    for at, one in enumerate(PATIENTS):
        name = f"{at:08x}.aliquot_ensemble_masked.maf.gz"
        (tmp_path / f"{at:08x}").mkdir()
        with gzip.open(tmp_path / f"{at:08x}" / name, "wt") as stream:
            stream.write(f"#version gdc-1.0.0\n{MAF}TP53\tGRCh38\tchr17\t7{at}\tSilent\t{one}-01A-11D-A1-09\n")
        sheet.append(f"{at:08x}\t{name}\t{one}, {one}\t{one}-10A, {one}-01A")
        rows += [f"{one}\t{40 + at}\tPharmaceutical Therapy, NOS\t{['Complete Response', 'Stable Disease'][at % 2]}",
                 f"{one}\t{40 + at}\tRadiation Therapy, NOS\t'--"]  # fmt: skip
    (tmp_path / "gdc_sample_sheet.tsv").write_text("\n".join(sheet) + "\n")
    (tmp_path / "clinical.tsv").write_text("\n".join(rows) + "\n")
    made, content = drafted(tmp_path)
    assert content["modality"]["mutations"] == {"files": "**/*.maf.gz", "patient_pattern": r"^(TCGA-A1-\d{4})"}
    assert content["cohort"]["tables"]["clinical"]["rows"] == {"treatment_type": "???"}
    assert set(content["cohort"]["tables"]) == {"clinical"}
    assert "gdc_sample_sheet.tsv: its column File Name says whose files are" in made.text
    assert "positive: [Complete Response], negative: [Stable Disease]?" in made.text


def test_mafs_of_the_same_samples_are_modalities_of_their_own(tmp_path: Path) -> None:
    clinical(tmp_path)
    for caller in ("mutect", "varscan"):
        lines = "".join(f"TP53\tGRCh38\tchr17\t7\tSilent\t{one}-01\n" for one in PATIENTS)
        (tmp_path / f"{caller}.maf").write_text(MAF + lines)
    files = {key: one["files"] for key, one in drafted(tmp_path)[1]["modality"].items() if "files" in one}
    assert files == {"mutations": "mutect.maf", "mutations_2": "varscan.maf"}


def test_a_hospitals_workbook(tmp_path: Path) -> None:
    patients = [f"P-{at:03}" for at in range(1, 21)]
    book = openpyxl.Workbook()
    first = book.active
    assert first is not None
    first.title = "Stammdaten"
    first.append(["Studie NEO-3"])
    first.append(["Patient", None, "Tumor", None])
    first.merge_cells("A2:B2")
    first.append(["Pat-Nr", "Alter", "Ki-67", "Grading"])
    second, third = book.create_sheet("Staging"), book.create_sheet("Leer")
    second.append(["PatID", "Bewertung", "Kommentar", "Rezidiv"])
    fourth = book.create_sheet("Nummern")
    fourth.append(["Nr", "LDH"])
    for at, one in enumerate(patients):
        first.append([one, 40 + at, f"{at + 10},5", ["G1", "G2"][at % 2]])
        word = ["PR (partial response)", "PD (progressive disease)"][at % 2]
        second.append([one, word, f"wurde am Tag {at} besprochen", ["ja", "nein"][at % 2]])
        fourth.append([at + 1, 200 + at])
    book.save(tmp_path / "neo.xlsx")
    made, content = drafted(tmp_path)
    tables = content["cohort"]["tables"]
    assert set(tables["neo_stammdaten"]["columns"]) == {"Alter", "Ki-67", "Grading"}, "below a title and merged cells"
    assert set(tables["neo_staging"]["columns"]) == {"Bewertung", "Rezidiv"}
    assert {one["time"] for one in tables["neo_staging"]["columns"].values()} == {"outcome"}
    assert "# Kommentar:  # left out: free text" in made.text
    assert "positive: [PR (partial response)], negative: [PD (progressive disease)]?" in made.text
    assert "neo.xlsx, sheet Nummern: its ids are numbers (e.g. 1) where others are as P-001" in made.text
    assert third.title not in made.text, "of an empty sheet nothing is said"
    content["cohort"]["endpoints"]["bewertung"] |= {
        "positive": ["PR (partial response)"],
        "negative": ["PD (progressive disease)"],
    }
    read = source(tmp_path, content["cohort"]).read("neo_stammdaten")
    assert not read.problems and read.frame.loc["P-001", "Ki-67"] == 10.5 and len(read.frame) == 20


def test_a_header_behind_a_hash(tmp_path: Path) -> None:
    clinical(tmp_path)
    rows = "".join(f"{one}\t{at}\tG{at % 3 + 1}\n" for at, one in enumerate(PATIENTS))
    (tmp_path / "labs.tsv").write_text(f"#patient\tldh\tgrade\n{rows}")
    _, content = drafted(tmp_path)
    labs = content["cohort"]["tables"]["labs"]
    assert labs["id"] == "#patient" and set(labs["columns"]) == {"ldh", "grade"}
    content["cohort"]["endpoints"]["response"] |= {"positive": ["CR"], "negative": ["PD"]}
    read = source(tmp_path, content["cohort"]).read("labs")
    assert not read.problems and read.frame.index.tolist() == PATIENTS, "the first patient is no header"


def test_words_among_numbers_of_a_wide_table(tmp_path: Path) -> None:
    clinical(tmp_path)
    olink = pd.DataFrame(
        {f"OID{at}": [f"{at + row / 8}" if row % 7 else "<LOD" for row in range(20)] for at in range(70)}
    )
    olink.insert(0, "SampleID", PATIENTS)
    olink.assign(QC=["Pass", "Warning"] * 10).to_csv(tmp_path / "olink.csv", index=False)
    counts = pd.DataFrame({one: ["<1", "5", "8"] for one in PATIENTS})
    counts.insert(0, "Class", "Endogenous")
    counts.insert(1, "Name", ["A", "B", "C"])
    counts.to_csv(tmp_path / "nanostring.csv", index=False)
    _, content = drafted(tmp_path)
    olink_, nanostring = content["modality"]["olink"], content["modality"]["nanostring"]
    assert (olink_["missing"], olink_["exclude"]) == (["<LOD"], ["QC"])
    assert (nanostring["id"], nanostring["exclude"], nanostring["limits"]) == ("Name", ["Class"], "value")
    content["cohort"]["endpoints"]["response"] |= {"positive": ["CR"], "negative": ["PD"]}
    read = source(tmp_path, content["cohort"])
    for settings in (olink_, nanostring):
        assert Features(name="m", source=read, **{**settings, "time": "baseline"}).check() == []


def test_files_whose_names_only_a_sheet_knows(tmp_path: Path) -> None:
    clinical(tmp_path)
    lines = "".join(f"TP53\tGRCh38\tchr17\t7\tSilent\tS{at}x{at * 7}\n" for at in range(20))
    (tmp_path / "all.maf").write_text(MAF + lines)
    pd.DataFrame({"sample": [f"S{at}x{at * 7}" for at in range(20)], "case": PATIENTS}).to_csv(
        tmp_path / "samples.csv", index=False
    )
    mutations = drafted(tmp_path)[1]["modality"]["mutations"]
    assert mutations["sample_sheet"] == {"file": "samples.csv", "key": "sample", "patient": "case"}


def test_a_vcf_a_patient_lists_its_own_sites_alone(tmp_path: Path) -> None:
    clinical(tmp_path)
    for one in PATIENTS:
        columns = f"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{one}_N\t{one}_T"
        head = f"##fileformat=VCFv4.2\n##contig=<ID=chr1,length=248956422>\n##tumor_sample={one}_T\n{columns}\n"
        (tmp_path / f"{one}.mutect2.vcf").write_text(head)
    assert drafted(tmp_path)[1]["cohort"]["absent_is"] == "reference", "a tumour and its normal are no cohort"
