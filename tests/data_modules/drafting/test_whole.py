"""Two folders drafted, and the drafts word by word: what is guessed, why, and what the page is told."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from data_modules.drafting.draft import Draft, draft_folder
from tests.helpers.recorded import assert_recorded, assert_text

EXAMPLES = Path(__file__).parent / "examples"
PATIENTS = [f"PT-{at:03}" for at in range(1, 21)]
VCF = (
    "##fileformat=VCFv4.2\n##reference=GRCh38\n##contig=<ID=chr1,length=248956422>\n"
    '##INFO=<ID=GENE,Number=1,Type=String,Description="gene">\n'
    '##INFO=<ID=EFFECT,Number=1,Type=String,Description="what it does">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{samples}\n"
)


def of_tables(root: Path) -> None:
    """Tables of every kind that a draft tells apart."""
    clinical = pd.DataFrame(
        {
            "patient": PATIENTS,
            "age_years": [f"{40 + at},5" for at in range(20)],
            "grade": ["G1", "G2", "G3", "G2"] * 5,
            "her2": ["0", "1", "2", "3"] * 5,
            "subtype": ["LumA", "LumB", "Basal", "Unk"] * 5,
            "prior": ["None", "Chemo"] * 10,
            "hospital": ["North", "South", "East", "West"] * 5,
            "size_mm": [str(10 + at) if at % 4 else "NA" for at in range(20)],
            "arm": ["A"] * 20,
            "drawn": ["2020-01-02"] * 20,
            "er": ["Pos", "pos", "Neg", "neg"] * 5,
            "rare": ["x", *[""] * 19],
            "best_response": ["CR", "SD", "PD", "PR"] * 5,
            "cycles_received": [4, 6] * 10,
        }
    )
    clinical.to_csv(root / "clinical.csv", sep=";", index=False)
    outcome = pd.DataFrame({"patient": PATIENTS[:18], "OS.months": [f"{at + 0.5}" for at in range(18)]})
    outcome.assign(os_event=[0, 1] * 9, pCR=["1.0", "0.0", ""] * 6).to_csv(
        root / "follow_up.tsv", sep="\t", index=False
    )
    scores = pd.DataFrame({"sample": [f"{one}_T1" for one in PATIENTS[:15]]}).assign(immune=range(15), tmb=range(15))
    scores.to_csv(root / "scores.tsv", sep="\t", index=False)
    other = pd.DataFrame(
        {"patient": PATIENTS, "grade": ["G1"] * 10 + ["G2", "G3"] * 5, "her2": ["0", "1", "2", "3"] * 5}
    )
    other.to_csv(root / "second.csv", index=False)
    wide = pd.DataFrame({f"g{at}": [at + 0.25 * row for row in range(20)] for at in range(61)}).assign(os_months=1.5)
    wide.insert(0, "patient", PATIENTS)
    wide.to_csv(root / "wide.csv", index=False)
    turned = pd.DataFrame({one: [1.5, 2.5] for one in PATIENTS}, index=pd.Index(["A", "B"], name="gene"))
    turned.to_csv(root / "turned.csv")
    lines = [
        "bcr_patient_barcode\tweight_kg\tnote",
        "bcr_patient_barcode\tweight_kg\tnote",
        "CDE_ID:1\tCDE_ID:2\tCDE_ID:3",
    ]
    lines += [f"{one}\t{60 + at}\tfine" if at % 2 else f"{one}\t{60 + at}\tpoor" for at, one in enumerate(PATIENTS)]
    (root / "biotab.txt").write_text("\n".join(lines) + "\n")
    pd.DataFrame({"patient": PATIENTS[:5] * 2, "dose": range(10)}).to_csv(root / "drugs.csv", index=False)
    pd.DataFrame({"patient": [f"Z{at}" for at in range(9)], "x": range(9)}).to_csv(root / "other.csv", index=False)
    pd.DataFrame({"patient": PATIENTS, "fold": [1, 2, 3, 4] * 5}).to_csv(root / "folds.csv", index=False)
    pd.DataFrame({"patient": PATIENTS, "hôpital": ["Nîmes", "Sète"] * 10}).to_csv(
        root / "sites.csv", index=False, encoding="cp1252"
    )
    with pd.ExcelWriter(root / "book.xlsx") as book:
        for name, unit in (("Labs one", "pct"), ("Labs two", "kg")):
            pd.DataFrame({"patient": PATIENTS, f"{name[-3:]}_{unit}": range(20)}).to_excel(
                book, sheet_name=name, index=False
            )
    (root / "readme.md").write_text("of no use")
    (root / "notes").write_text("only words")


def of_variants(root: Path) -> None:
    """Files of variants: of many samples, of one, without origin, broken, of nobody; in names or columns."""
    table = pd.DataFrame({"id": PATIENTS, "age": range(20), "response": ["yes", "no"] * 10})
    table.to_csv(root / "clinical.csv", index=False)
    (root / "vcf").mkdir()
    for at, one in enumerate(PATIENTS[:4]):
        name = f"{one}.mutect2.vcf" if at else f"{one}.vcf"
        (root / "vcf" / name).write_text(VCF.format(samples="TUMOR"))
    (root / "vcf" / "sites.vcf").write_text("##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n")
    (root / "vcf" / "spaces.vcf").write_text(
        "##fileformat=VCFv4.2\n#CHROM POS ID REF ALT QUAL FILTER INFO FORMAT A B\n"
    )
    (root / "vcf" / "broken.vcf.gz").write_bytes(b"\x1f\x8b\x08\x00broken")
    maf = pd.DataFrame({"Hugo_Symbol": "TP53", "Tumor_Sample_Barcode": [f"{one}-01" for one in PATIENTS]})
    maf.assign(Variant_Classification="Missense_Mutation", NCBI_Build="hg19").to_csv(
        root / "m.maf", sep="\t", index=False
    )
    strange = maf.assign(Tumor_Sample_Barcode="Q", Variant_Classification="Silent", NCBI_Build="hg19")
    strange.to_csv(root / "strange.maf", sep="\t", index=False)
    segments = {"chr": "1", "startpos": 1, "endpos": 9, "nMajor": 1, "nMinor": 1}
    pd.DataFrame({"Trial.ID": PATIENTS[:10]}).assign(**segments).to_csv(root / "ascat.tsv", sep="\t", index=False)
    pd.DataFrame({"Trial.ID": ["Q1", "Q2"]}).assign(**segments).to_csv(root / "strange.seg", sep="\t", index=False)
    (root / "calls.bcf").write_bytes(b"BCF\x02\x02")
    (root / "cohort.mt").mkdir()


def drafted(root: Path, told: list[tuple[str, int, int]]) -> Draft:
    here = {"name": "mine", "config_dir": "my_conf", "progress": lambda *step: told.append(step)}
    return draft_folder("files", **here)  # type: ignore[arg-type]


@pytest.mark.parametrize("make", [of_tables, of_variants])
def test_a_draft_word_by_word(make: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "files").mkdir()
    make(tmp_path / "files")  # type: ignore[operator]
    monkeypatch.chdir(tmp_path)
    told: list[tuple[str, int, int]] = []
    made = drafted(tmp_path / "files", told)
    name = make.__name__.removeprefix("of_")  # type: ignore[attr-defined]
    assert_text(made.text, EXAMPLES / f"{name}.yaml")
    assert_recorded({**made.profile, "open": made.open, "told": told}, EXAMPLES / f"{name}.json")
