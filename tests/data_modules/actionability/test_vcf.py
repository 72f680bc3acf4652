"""Variants straight from a VCF, by place and by what annotators say, of invented genes."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from data_modules.actionability.__main__ import main
from data_modules.actionability.listing import Wanted, listing
from data_modules.actionability.release import read_release
from data_modules.actionability.vcf import read_vcf
from fusion.contract import FusionError

ANN = (
    '##INFO=<ID=ANN,Number=.,Type=String,Description="'
    "'Allele | Annotation | Gene_Name | Feature_ID | HGVS.c | HGVS.p'\">"
)
COLUMNS = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"]


def vcf(path: Path, *records: str, head: str = "##reference=file:///hg19.fa", samples: str = "A B") -> Path:
    """Records with spaces for tabs."""
    columns = [*COLUMNS, *(["FORMAT", *samples.split()] if samples else [])]
    text = "\n".join([head, "\t".join(columns), *(one.replace(" ", "\t") for one in records)]) + "\n"
    if path.suffix == ".gz":
        with gzip.open(path, "wt") as file:
            file.write(text)
    else:
        path.write_text(text)
    return path


def matched(path: Path, civic: Path, **more: Any) -> dict[str, set[tuple[str, str]]]:
    found = listing(read_vcf(path, **more), read_release(civic), Wanted())["patients"]
    return {
        name: {(row["civic"], row["by"].partition(" ")[0]) for row in one["matched"]} for name, one in found.items()
    }


@pytest.mark.parametrize(
    ("head", "place"), [("##reference=file:///hg19.fa", 1000), ("##contig=<ID=1,assembly=GRCh38>", 2000)]
)
def test_places_alone_match_in_the_builds_that_the_release_states(
    tmp_path: Path, civic: Path, head: str, place: int
) -> None:
    """The second of two alternates, of the one sample that carries it, in a record that passes; then codon and gene."""
    path = vcf(tmp_path / "x.vcf.gz", f"chr1 {place} . A C,T . PASS . GT:DP 0/0:9 0|2:9", head=head)
    assert matched(path, civic)["B"] == {
        ("MADEUP1 V10E", "coordinates,"), ("MADEUP1 V10", "residue"), ("MADEUP1 Mutation", "nonsynonymous")
    }  # fmt: skip
    assert set(matched(path, civic)) == {"B"}


def test_what_does_not_pass_or_is_carried_by_nobody_is_no_variant_of_theirs(tmp_path: Path) -> None:
    path = vcf(
        tmp_path / "x.vcf", "1 1000 . A T . weak . GT 0/1 1/1", "1 1000 . A T . PASS . GT 0/0 ./.",
        "1 1001 . A *,<DEL> . PASS . GT 0/1 0/2",
    )  # fmt: skip
    assert read_vcf(path) == []


def test_the_other_build_matches_through_the_stated_hgvs_of_any_transcript(tmp_path: Path, civic: Path) -> None:
    info = "ANN=T|missense_variant|MADEUP1|NM_9.1|c.5A>T|p.Lys2Met,T|missense_variant|MADEUP1|NM_1.7|c.29T>A|p.Val10Glu"
    path = vcf(tmp_path / "x.vcf", f"1 77 . A T . . {info} GT 0/1 0/0", head=f"##reference=GRCh38\n{ANN}")
    assert ("MADEUP1 V10E", "coding") in matched(path, civic)["A"]


def test_annovars_changes_are_read(tmp_path: Path, civic: Path) -> None:
    info = "AAChange.refGene=MADEUP1:NM_1:exon2:c.T29A:p.V10E;ExonicFunc.refGene=nonsynonymous_SNV"
    path = vcf(tmp_path / "x.vcf", f"1 77 . A T . . {info}", head="##reference=hg38", samples="")
    assert ("MADEUP1 V10E", "coding") in matched(path, civic)["x"]


def test_a_variant_in_two_genes_counts_once(tmp_path: Path, civic: Path) -> None:
    info = "ANN=T|missense_variant|MADEUP1|NM_1.7|c.29T>A|p.Val10Glu,T|upstream_gene_variant|OTHER|NM_3.1||"
    path = vcf(tmp_path / "x.vcf", f"1 1000 . A T . . {info} GT 0/1 0/0", head=f"##reference=hg19\n{ANN}")
    found = listing(read_vcf(path), read_release(civic), Wanted())
    assert (found["account"]["variants"], found["account"]["variants_matched"]) == (1, 1)
    assert found["patients"]["A"]["no_match"] == []


def test_the_build_must_be_known_and_lines_be_records(
    tmp_path: Path, civic: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = vcf(tmp_path / "x.vcf", "1 1000 . A T . PASS . GT 0/1 0/0", head="##source=x")
    out = ["--civic", str(civic), "--variants", str(path), "--out", str(tmp_path / "out")]
    assert main(out) == 2
    assert "names no build. Give --build" in capsys.readouterr().err
    assert main([*out, "--build", "hg19"]) == 0
    assert "1 of 1 patients have evidence" in capsys.readouterr().out
    with pytest.raises(FusionError, match="neither GRCh37 nor GRCh38"):
        read_vcf(path, build="T2T")
    with pytest.raises(FusionError, match=r"bad.vcf, line 3: is no record"):
        read_vcf(vcf(tmp_path / "bad.vcf", "1 x . A T . PASS ."))
