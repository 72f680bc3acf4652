"""Variants of invented genes beside a release written by hand: every form of name, profile, support and therapy."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from data_modules.actionability.__main__ import main
from tests.data_modules.actionability.conftest import table

HEADER = "patient,gene,protein,coding,chromosome,start,ref,alt,build,consequence,alteration,exon"


def listed(civic: Path, rows: list[str], *more: str) -> dict[str, Any]:
    table = civic.parent / "variants.csv"
    table.write_text("\n".join([HEADER, *(row + "," * (HEADER.count(",") - row.count(",")) for row in rows)]) + "\n")
    out = civic.parent / "out"
    assert main(["--civic", str(civic), "--variants", str(table), "--out", str(out), *more]) == 0
    found: dict[str, Any] = json.loads((out / "actionability.json").read_text())
    return found


def names(found: dict[str, Any], patient: str = "P1") -> dict[str, str]:
    return {one["civic"]: one["nearness"] for one in found["patients"][patient]["matched"]}


def profiles(found: dict[str, Any], what: str = "profiles") -> set[str]:
    return {one["profile"] for one in found["patients"]["P1"][what]}


EXACT = {"MADEUP1 V10E": "exact", "MADEUP1 V10": "codon", "MADEUP1 Mutation": "gene"}


@pytest.mark.parametrize(
    "row",
    [
        "P1,MADEUP1,,,chr1,1000,A,T,GRCh37,Missense_Mutation",
        "P1,MADEUP1,,,1,999,CA,CT,hg19,missense_variant",
        "P1,MADEUP1,,,1,2000,A,T,GRCh38,Missense_Mutation",
        "P1,MADEUP1,,NM_1.9:c.29T>A,,,,,,Missense_Mutation",
        "P1,MADEUP1,p.(Val10Glu),,,,,,,",
        "P1,madeup1,p.V10E,,1,7777,C,G,GRCh38,Missense_Mutation",
    ],
)  # fmt: skip
def test_one_allele_is_recognised_by_coordinates_of_both_builds_coding_and_protein(civic: Path, row: str) -> None:
    assert names(listed(civic, [row])) == EXACT


@pytest.mark.parametrize(
    "row",
    [
        "P1,MADEUP1,,,1,1000,G,T,GRCh37,",
        "P1,MADEUP1,,,1,1000,A,T,GRCh38,",
        "P1,MADEUP1,p.V10=,,1,1001,T,C,GRCh37,Silent",
        "P1,MADEUP1,,c.29T>A,,,,,,",
        "P1,MADEUP2,p.H20=,,,,,,,Silent",
        "P1,MADEUP3,p.R60=,,3,180,A,C,GRCh37,Silent",
        "P1,MADEUP2,p.W30X,,,,,,,Intron",
    ],
)
def test_neighbours_are_nobodys(civic: Path, row: str) -> None:
    """Another reference base or build, a synonymous change, a coding change without its transcript."""
    found = listed(civic, [row])
    assert names(found) == ({"MADEUP2 W30X": "exact"} if "W30X" in row else {})
    assert len(found["patients"]["P1"]["no_match"]) == ("W30X" not in row)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("P1,MADEUP1,p.V10K,,,,,,,", {"MADEUP1 V10": "codon", "MADEUP1 Mutation": "gene"}),
        ("P1,MADEUP1,p.V10*,,,,,,,", {}),
        ("P1,MADEUP1,p.A3_L5del,,1,901,CCAGGATTT,-,GRCh37,In_Frame_Del",
         {"MADEUP1 EXON 2 DELETION": "region", "MADEUP1 Mutation": "gene"}),
        ("P1,MADEUP1,p.A3_L5del,,1,801,CCAGGATTT,-,GRCh37,In_Frame_Del", {"MADEUP1 Mutation": "gene"}),
        ("P1,MADEUP1,p.A3_L5del,,,,,,,In_Frame_Del,,2/9",
         {"MADEUP1 EXON 2 DELETION": "region", "MADEUP1 Mutation": "gene"}),
        ("P1,MADEUP1,p.A3_L5dup,,,,,,,In_Frame_Ins,,2/9", {"MADEUP1 Mutation": "gene"}),
        ("P1,MADEUP2,p.H20R,,,,,,,", {"MADEUP2 H20X": "codon"}),
        ("P1,MADEUP2,p.Trp30Ter,,,,,,,", {"MADEUP2 W30X": "exact", "MADEUP2 Loss-of-function": "gene"}),
        ("P1,MADEUP2,p.S40Y,,,,,,,", {"MADEUP2 S40F/Y": "exact"}),
        ("P1,MADEUP2,,,2,500,-,GA,37,Frame_Shift_Ins", {"MADEUP2 P50FS": "exact", "MADEUP2 Loss-of-function": "gene"}),
        ("P1,MADEUP2,,,2,500,C,CGA,37,Frame_Shift_Ins", {"MADEUP2 P50FS": "exact", "MADEUP2 Loss-of-function": "gene"}),
        ("P1,MADEUP2,p.P50Lfs*9,,2,498,-,G,37,Frame_Shift_Ins", {"MADEUP2 Loss-of-function": "gene"}),
        ("P1,MADEUP2,,,,,,,,,amplification", {"MADEUP2 Amplification": "gene"}),
        ("P1,MADEUP2,,,,,,,,,Deep deletion", {"MADEUP2 Loss-of-function": "gene"}),
        ("P1,MADEUP4,,,,,,,,,MADEUP4::MADEUP3", {"MADEUP3 MADEUP4::MADEUP3": "exact"}),
        ("P1,MADEUP3,,,3,180,A,G,GRCh37,Silent", {"MADEUP3 R60= (c.180A>G)": "exact"}),
    ],
)  # fmt: skip
def test_codons_exons_and_genes_by_name_and_by_what_the_change_does(
    civic: Path, row: str, expected: dict[str, str]
) -> None:
    assert names(listed(civic, [row])) == expected


def test_and_or_and_not_of_profiles(civic: Path) -> None:
    alone = listed(civic, ["P1,MADEUP1,p.V10E"])
    assert profiles(alone) == {"MADEUP1 V10E", "MADEUP1 V10", "MADEUP1 Mutation"}
    both = "MADEUP1 V10E AND MADEUP2 Amplification"
    assert profiles(alone, "partial") == {both, "MADEUP2 Amplification AND ( MADEUP1 V10E OR MADEUP1 V10 )"}
    needs = {tuple(one["needs"]) for one in alone["patients"]["P1"]["partial"]}
    assert needs == {("MADEUP2 Amplification",)}
    together = listed(civic, ["P1,MADEUP1,p.V10E", "P1,MADEUP2,,,,,,,,,amplification"])
    assert both in profiles(together)
    assert profiles(together, "partial") == set()
    other = listed(civic, ["P1,MADEUP1,p.V10K"])
    open_ = {one["profile"]: one["needs"] for one in other["patients"]["P1"]["partial"]}
    assert open_["MADEUP1 Mutation AND NOT MADEUP1 V10E"] == ["not MADEUP1 V10E"]
    assert sorted(text.partition(":")[0] for text in alone["account"]["civic_profiles_not_read"]) == [
        "Elsewhere", "MADEUP1 V10E AND MADEUP2 Amplification OR MADEUP2 H20X"
    ]  # fmt: skip


def test_support_therapies_tumour_type_and_levels(civic: Path) -> None:
    found = listed(civic, ["P1,MADEUP1,p.V10E"], "--disease", "kidney cancer")
    rows = {row["id"]: row for one in found["patients"]["P1"]["profiles"] for row in one["evidence"]}
    told = {key: (row["effect"], row["regimen"], row["tumour"], row["folded"]) for key, row in rows.items()}
    assert told == {
        "1": ("sensitivity", "Aimab + Binib", "same", False),
        "2": ("against resistance", "Binib", "other", False),
        "3": ("resistance", "Aimab or Cinib", "same", True),
        "4": ("sensitivity", "2,4-dimethine", "any tumour", False),
        "5": ("sensitivity", "Aimab", "same", False),
    }
    files = sorted(civic.glob("*.tsv"))
    assert found["source"]["date"] == "02-Jan-2030"
    assert found["source"]["sha256"] == {one.name: hashlib.sha256(one.read_bytes()).hexdigest() for one in files}
    deeper = listed(civic, ["P1,MADEUP1,p.V10E"], "--level", "D")
    assert not any(row["folded"] for one in deeper["patients"]["P1"]["profiles"] for row in one["evidence"])
    assert {row["tumour"] for one in deeper["patients"]["P1"]["profiles"] for row in one["evidence"]} == {
        "not said", "any tumour"
    }  # fmt: skip


def test_the_page_escapes_and_shows_those_without_a_match(civic: Path) -> None:
    listed(civic, ["P1,MADEUP2,p.A1fs", "<i>P2</i>,MADEUP9,p.A1C"])
    html = (civic.parent / "out" / "actionability.html").read_text()
    assert "&lt;b&gt;Odd&lt;/b&gt; Cancer" in html
    assert "<b>Odd" not in html
    assert "&lt;i&gt;P2" in html
    assert "02-Jan-2030" in html


def test_the_page_counts_one_as_one_and_a_line_in_two_genes_once(civic: Path) -> None:
    listed(
        civic, ["P1,MADEUP2,p.Trp30Ter,,,,,,,", "P2,MADEUP2,p.Trp30Ter,,,,,,,", "P2,MADEUP9,p.A1C", "P3,MADEUP9,p.A1C"]
    )
    html = (civic.parent / "out" / "actionability.html").read_text()
    assert "2 of 3 patients have a variant" in html
    assert "<b>P1</b>: 1 profile,\n1 of 1 variant matched" in html
    assert "<b>P2</b>: 1 profile,\n1 of 2 variants matched" in html
    assert "No match: 1 variant<" in html and "1 patient: P3" in html
    assert "origin not stated" not in html and "not rated" in html
    evidence = civic / "02-Jan-2030-ClinicalEvidenceSummaries.tsv"
    head, *rows = evidence.read_text().splitlines()
    at = head.split("\t").index("rating")
    told = ["\t".join("1" if i == at else cell for i, cell in enumerate(row.split("\t"))) for row in rows]
    evidence.write_text("\n".join([head, *told]) + "\n")
    two_genes = "P1,MADEUP1,p.V10E,,1,1000,A,T,GRCh37,", "P1,MADEUP1,p.V10E,,1,1000,A,T,GRCh37,"
    listed(civic, [*two_genes, "P1,MADEUP1,p.V10E", "P1,MADEUP8,p.V10E"])
    html = (civic.parent / "out" / "actionability.html").read_text()
    assert "1 star\n" in html
    assert "3 of 4 variants matched" in html and "No match: 1 variant<" in html


def test_the_page_on_a_phone_stands_in_its_width_and_says_level_effect_and_therapy(civic: Path, browser: Any) -> None:
    listed(civic, ["P1,MADEUP1,p.V10E", f"P1,MADEUP9,p.{'A' * 90}1C"], "--disease", "kidney cancer")
    page = browser.new_page(viewport={"width": 390, "height": 900}, is_mobile=True)
    page.goto((civic.parent / "out" / "actionability.html").as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert page.evaluate("innerWidth") == 390, "a phone shows the page at its own width"
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    row = page.locator("tr", has_text="Aimab + Binib").first
    boxes = [cell.bounding_box() for cell in row.locator("td").all()]
    assert boxes[0]["y"] == boxes[1]["y"] == boxes[2]["y"] < boxes[3]["y"] < boxes[4]["y"]
    assert row.locator("xpath=..").locator("tr").first.is_hidden()
    page.set_viewport_size({"width": 1280, "height": 900})
    assert page.locator("th", has_text="therapy").first.is_visible()
    page.close()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--disease", "kidney cancr"], "Near it: Kidney Cancer"),
        (["--level", "F"], "--level F is none of A, B"),
        (["--kinds", "Guessed"], "the release has Predictive"),
        (["--column", "gene=NOPE"], "no such column"),
        (["--civic", "/nowhere"], "is no folder"),
    ],
)
def test_mistakes_are_named(civic: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str) -> None:
    table = civic.parent / "variants.csv"
    table.write_text("patient,gene,protein\nP1,MADEUP1,V10E\n")
    given = ["--civic", str(civic), "--variants", str(table), "--out", str(civic.parent / "out"), *arguments]
    assert main(given) == 2
    assert said in capsys.readouterr().err


def test_coordinates_without_a_build_are_refused(civic: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = civic.parent / "variants.csv"
    table.write_text("patient,gene,chromosome,start,ref,alt\nP1,MADEUP1,1,1000,A,T\n")
    given = ["--civic", str(civic), "--variants", str(table), "--out", str(civic.parent / "out")]
    assert main(given) == 2
    assert "Give --build" in capsys.readouterr().err
    assert main([*given, "--build", "GRCh37"]) == 0


def test_tables_of_two_releases_are_refused(civic: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (civic / "02-Jan-2030-VariantSummaries.tsv").rename(civic / "03-Jan-2030-VariantSummaries.tsv")
    assert main(["--civic", str(civic), "--variants", "x", "--out", "y"]) == 2
    assert "several releases" in capsys.readouterr().err


ASSERTIONS = """\
assertion_id disease therapies therapy_interaction_type assertion_type assertion_direction significance amp_category
70 Kidney~Cancer Aimab,Binib Combination Predictive Supports Sensitivity/Response Tier~I~-~Level~A
71 <b>Odd</b> _ _ Diagnostic Does~Not~Support Positive _
"""
V10E = ["P1,MADEUP1,p.V10E"]


def test_tiers_are_those_that_assertions_state_and_without_their_table_only_named(civic: Path) -> None:
    profiles_file = civic / "02-Jan-2030-MolecularProfileSummaries.tsv"
    lines = profiles_file.read_text().splitlines()
    stated = ["assertion_ids", "70, 71, 99", *[""] * (len(lines) - 2)]
    profiles_file.write_text("".join(f"{line}\t{one}\n" for line, one in zip(lines, stated, strict=True)))
    before = listed(civic, V10E)
    (alone,) = [one for one in before["patients"]["P1"]["profiles"] if one["profile"] == "MADEUP1 V10E"]
    assert [(one["id"], one["tier"]) for one in alone["assertions"]] == [("70", None), ("71", None), ("99", None)]
    assert "not among these files" in before["tiers"] and "ESCAT tiers CIViC does not state" in before["tiers"]
    (civic / "02-Jan-2030-AcceptedAssertionSummaries.tsv").write_text(table(ASSERTIONS))
    found = listed(civic, V10E, "--disease", "Kidney Cancer")
    (entry,) = [one for one in found["patients"]["P1"]["profiles"] if one["profile"] == "MADEUP1 V10E"]
    first, second, third = entry["assertions"]
    assert first == {
        "id": "70", "url": "https://civicdb.org/links/assertions/70", "tier": "Tier I - Level A", "kind": "Predictive",
        "effect": "sensitivity", "regimen": "Aimab + Binib", "disease": "Kidney Cancer", "tumour": "same",
    }  # fmt: skip
    assert (second["tier"], second["effect"], second["tumour"]) == ("", "against positive", "other")
    assert third == {"id": "99", "url": "https://civicdb.org/links/assertions/99", "tier": None}
    assert "02-Jan-2030-AcceptedAssertionSummaries.tsv" in found["source"]["sha256"]
    html = (civic.parent / "out" / "actionability.html").read_text()
    assert "Tier I - Level A: sensitivity to Aimab + Binib, Kidney Cancer, same" in html
    assert "no tier stated: against positive, &lt;b&gt;Odd" in html
    others = [one for one in found["patients"]["P1"]["profiles"] if one is not entry]
    assert others and not any(one["assertions"] for one in others)


def test_a_second_table_of_assertions_and_another_date_are_refused(
    civic: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--civic", str(civic), "--variants", str(civic.parent / "variants.csv"), "--out", str(civic / "out")]
    listed(civic, V10E)
    for name in ("02-Jan-2030-AssertionSummaries.tsv", "02-Jan-2030-AcceptedAssertionSummaries.tsv"):
        (civic / name).write_text(table(ASSERTIONS))
    assert main(arguments) == 2
    assert "holds 2 files *AssertionSummaries.tsv" in capsys.readouterr().err
    for one in civic.glob("*AssertionSummaries.tsv"):
        one.unlink()
    (civic / "03-Jan-2030-AssertionSummaries.tsv").write_text(table(ASSERTIONS))
    assert main(arguments) == 2
    assert "several releases (02-Jan-2030, 03-Jan-2030)" in capsys.readouterr().err
