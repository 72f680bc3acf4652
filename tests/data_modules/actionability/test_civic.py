"""Twelve variants looked up by hand in a release of 2024, where it lies beside the project.

The counts are of rows whose profile has just that name, counted with awk in the evidence table, without any join.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from data_modules.actionability.changes import read_changes
from data_modules.actionability.listing import Wanted, listing
from data_modules.actionability.release import Release, read_release
from data_modules.actionability.vcf import read_vcf

CIVIC = Path(__file__).parents[4] / "shared" / "data" / "civic"
pytestmark = pytest.mark.skipif(not CIVIC.is_dir(), reason=f"{CIVIC} is not here: CIViC's tables of 01-Aug-2024")

ROWS = {
    "BRAF V600E": 72, "PIK3CA H1047R": 22, "PIK3CA E545K": 22, "ERBB2 Amplification": 64, "BRCA1 Loss-of-function": 9,
    "ESR1 D538G": 3, "EGFR L858R": 36, "EGFR T790M": 29, "EGFR Exon 19 Deletion": 18, "KIT D816V": 3,
    "KRAS G12C": 15, "AKT1 E17K": 5,
}  # fmt: skip
"""Profile → predictive rows."""
SUPPORTING = {"BRAF V600E": 65, "EGFR L858R": 35, "KRAS G12C": 15, "ERBB2 Amplification": 55, "ESR1 D538G": 2,
              "KIT D816V": 3, "PIK3CA H1047R": 19}  # fmt: skip
HEADER = "patient,gene,protein,chromosome,start,ref,alt,build,consequence,alteration\n"
PLACES = {
    "BRAF V600E": ("7", 140453136, 140753336, "A", "T"), "PIK3CA H1047R": ("3", 178952085, 179234297, "A", "G"),
    "PIK3CA E545K": ("3", 178936091, 179218303, "G", "A"), "ESR1 D538G": ("6", 152419926, 152098791, "A", "G"),
    "EGFR L858R": ("7", 55259515, 55191822, "T", "G"), "EGFR T790M": ("7", 55249071, 55181378, "C", "T"),
    "KIT D816V": ("4", 55599321, 54733155, "A", "T"), "KRAS G12C": ("12", 25398285, 25245351, "C", "A"),
    "AKT1 E17K": ("14", 105246551, 104780214, "C", "T"),
}  # fmt: skip
"""Contig, place in GRCh37 and GRCh38, alleles."""


@pytest.fixture(scope="module")
def release() -> Release:
    return read_release(CIVIC)


def table(tmp_path: Path, *, build: str, protein: bool) -> Path:
    rows = []
    for name, (contig, old, new, reference, alternate) in PLACES.items():
        gene, change = name.split(" ")
        start, said = old if build == "GRCh37" else new, f"p.{change}" if protein else ""
        rows.append(f"{name},{gene},{said},{contig},{start},{reference},{alternate},{build},Missense_Mutation,")
    rows += [
        "ERBB2 Amplification,ERBB2,,,,,,,,amplification",
        "BRCA1 Loss-of-function,BRCA1,p.Q1756Pfs*74,,,,,,Frame_Shift_Ins,",
        f"silent,BRAF,{'p.T599=' if protein else ''},7,140453138,T,C,GRCh37,Silent,",
        # The same codon's first base pair over: no allele of CIViC's, and synonymous.
        f"silent too,PIK3CA,{'p.H1047=' if protein else ''},3,178952086,T,C,GRCh37,Silent,",
    ]
    deleted = "GGAATTAAGAGAAGC,-,GRCh37" if build == "GRCh37" else "GGAATTAAGAGAAGC,-,GRCh38"
    start = 55242465 if build == "GRCh37" else 55174772
    said = "p.E746_A750del" if protein else ""
    rows.append(f"EGFR Exon 19 Deletion,EGFR,{said},7,{start},{deleted},In_Frame_Del,")
    path = tmp_path / "variants.csv"
    path.write_text(HEADER + "\n".join(rows) + "\n")
    return path


@pytest.mark.parametrize(("build", "protein"), [("GRCh37", False), ("GRCh37", True), ("GRCh38", True)])
def test_twelve_variants_find_the_evidence_that_the_files_hold(
    tmp_path: Path, release: Release, build: str, protein: bool
) -> None:
    found = listing(read_changes(table(tmp_path, build=build, protein=protein)), release, Wanted())["patients"]
    for name, number in ROWS.items():
        if name == "EGFR Exon 19 Deletion" and build == "GRCh38":
            continue  # CIViC states that exon in GRCh37 alone, and the table has no exon number
        profiles = {one["profile"]: one for one in found[name]["profiles"]}
        assert len(profiles[name]["evidence"]) == number, name
        if name in SUPPORTING:
            against = [row for row in profiles[name]["evidence"] if row["effect"].startswith("against")]
            assert number - len(against) == SUPPORTING[name]
    assert {"PIK3CA H1047X", "PIK3CA Mutation"} <= {one["profile"] for one in found["PIK3CA H1047R"]["profiles"]}
    assert "PIK3CA E545" in {one["profile"] for one in found["PIK3CA E545K"]["profiles"]}
    level_a = [row for one in found["PIK3CA H1047R"]["profiles"] for row in one["evidence"] if row["level"] == "A"]
    assert any("Alpelisib" in row["therapies"] for row in level_a)
    assert "NOT KIT D816V" not in {one["profile"] for one in found["KIT D816V"]["profiles"]}
    for silent in ("silent", "silent too"):
        assert found[silent]["profiles"] == found[silent]["partial"] == found[silent]["matched"] == []


CODING = {
    "BRAF V600E": "ENST00000288602.10:c.1799T>A", "PIK3CA H1047R": "ENST00000263967.3:c.3140A>G",
    "PIK3CA E545K": "NM_006218.4:c.1633G>A", "ESR1 D538G": "ENST00000206249.8:c.1613A>G",
    "EGFR L858R": "NM_005228.5:c.2573T>G", "EGFR T790M": "ENST00000275493.7:c.2369C>T",
    "KIT D816V": "ENST00000288135.6:c.2447A>T", "KRAS G12C": "ENST00000256078.10:c.34G>T",
    "AKT1 E17K": "NM_001014432.2:c.49G>A",
}  # fmt: skip
"""As an annotator of GRCh38 writes them, with versions of today; of other transcripts beside them."""


@pytest.mark.parametrize("build", ["GRCh37", "GRCh38"])
def test_the_same_from_a_vcf_by_coordinates_alone_or_through_the_stated_hgvs(
    tmp_path: Path, release: Release, build: str
) -> None:
    """GRCh37, in which the release states places, without any annotation; GRCh38 with VEP's coding HGVS alone."""
    lines = [f"##reference={build}", '##INFO=<ID=CSQ,Number=.,Type=String,Description="Format: Allele|SYMBOL|HGVSc">']
    lines.append("\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *PLACES]))
    for at, (name, (contig, old, new, reference, alternate)) in enumerate(PLACES.items()):
        info = f"CSQ={alternate}|{name.split()[0]}|ENST1:c.1A>C,{alternate}|{name.split()[0]}|{CODING[name]}"
        calls = ["0/1" if place == at else "0/0" for place in range(len(PLACES))]
        place, told = (old, ".") if build == "GRCh37" else (new, info)
        lines.append(
            "\t".join([f"chr{contig}", str(place), ".", reference, alternate, ".", "PASS", told, "GT", *calls])
        )
    # A synonymous neighbour of everybody's: no allele, coding change or protein of the release.
    lines.append("\t".join(["7", "140453138", ".", "T", "C", ".", "PASS", ".", "GT", *["1|0"] * len(PLACES)]))
    path = tmp_path / f"{build}.vcf"
    path.write_text("\n".join(lines) + "\n")
    found = listing(read_vcf(path), release, Wanted())
    for name in PLACES:
        one = found["patients"][name]
        profiles = {profile["profile"]: profile for profile in one["profiles"]}
        assert len(profiles[name]["evidence"]) == ROWS[name], name
        assert [row["line"] for row in one["no_match"]] == [len(lines)]
        assert {row["by"].partition(" ")[0] for row in profiles[name]["matches"]} <= {"coordinates,", "coding"}
    assert {"PIK3CA H1047X", "PIK3CA Mutation"} <= {
        one["profile"] for one in found["patients"]["PIK3CA H1047R"]["profiles"]
    }


def test_every_variant_with_an_allele_finds_itself_by_its_own_coordinates(tmp_path: Path, release: Release) -> None:
    rows = [
        f"{one.id},{one.gene},,{one.chromosome},{one.start},{one.reference},{one.alternate},{one.build},,"
        for one in release.variants.values()
        if one.start and one.reference and one.alternate.isalpha() and one.build
    ]
    path = tmp_path / "all.csv"
    path.write_text(HEADER + "\n".join(rows) + "\n")
    found = listing(read_changes(path), release, Wanted(kinds=("Predictive",)))["patients"]
    assert len(rows) > 500
    lost = [
        key for key, one in found.items() if key not in {match["url"].rpartition("/")[2] for match in one["matched"]}
    ]
    named = {key: f"{release.variants[key].gene} {release.variants[key].name}" for key in lost}
    # A codon of which one allele is given as an example, an intron's, and changes that need a fusion beside them.
    assert {name for name in named.values() if "::" not in name} <= {"TP53 R249", "ALK I1171", "EZH2 Intron 6 Mutation"}
    assert len(named) <= 8


def test_assertions_of_profiles_are_known_and_their_tiers_are_not_in_these_files(release: Release) -> None:
    named = {profile.name: profile.assertions for profile in release.profiles.values() if profile.assertions}
    assert named["BRAF V600E"] == ("20", "10", "23", "12", "7")
    assert (len(named), sum(map(len, named.values()))) == (76, 115)
    assert release.assertions is None
