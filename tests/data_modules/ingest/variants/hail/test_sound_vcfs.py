"""Unusual but sound VCFs, ingested at once: each gives the calls worked out by hand; a refusal of any is a failure."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pysam
import pytest

from data_modules.ingest.variants.annotation.settings import AnnotationSettings
from data_modules.ingest.variants.ingest import GenotypeFilters, SparkSettings, VariantIngest, VcfFile
from data_modules.ingest.variants.store import MISSING, NOT_LISTED, VariantStore, variant_names

if TYPE_CHECKING:
    from tests.data_modules.ingest.variants.hail.conftest import Sound

HEAD = (
    "##fileformat=VCFv4.2\n##contig=<ID=chr1,length=248956422>\n##contig=<ID=chr2,length=242193529>\n"
    '##INFO=<ID=GENE,Number=1,Type=String,Description="x">\n##INFO=<ID=CONS,Number=1,Type=String,Description="x">\n'
    '##FILTER=<ID=weak,Description="x">\n'
)
GT = '##FORMAT=<ID=GT,Number=1,Type=String,Description="x">\n'
DP = '##FORMAT=<ID=DP,Number=1,Type=Integer,Description="x">\n'
AD = '##FORMAT=<ID=AD,Number=R,Type=Integer,Description="x">\n'
ALONE = (
    '##FORMAT=<ID=AD,Number=1,Type=Integer,Description="Depth of variant-supporting bases (reads2)">\n'
    '##FORMAT=<ID=RD,Number=1,Type=Integer,Description="Depth of reference-supporting bases (reads1)">\n'
)
AF = '##FORMAT=<ID=AF,Number=A,Type=Float,Description="x">\n'
STRELKA = "##source=strelka\n##content=strelka somatic snv calls\n" + "".join(
    f'##FORMAT=<ID={key},Number={number},Type=Integer,Description="x">\n'
    for key, number in (("FDP", 1), ("SDP", 1), ("SUBDP", 1), ("AU", 2), ("CU", 2), ("GU", 2), ("TU", 2))
)
A, B = "1:1000:A>C", "2:2000:ATT>A"
G = "1:1000:A>G"
SITES = (("chr1", 1000, "A", "C"), ("chr2", 2000, "ATT", "A"))
INFO = "GENE=TP53;CONS=Missense_Mutation"


def vcf(
    calls: Sequence[Sequence[str]], samples: Sequence[str], *, layout: str = "GT:DP", head: str = GT + DP,
    sites: Sequence[tuple[str, int, str, str]] = SITES,
) -> str:  # fmt: skip
    """A line a site with the calls of the samples."""
    names = "\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *samples])
    lines = [
        "\t".join([contig, str(position), ".", ref, alt, ".", "PASS", INFO, layout, *call])
        for (contig, position, ref, alt), call in zip(sites, calls, strict=True)
    ]
    return HEAD + head + "\n".join([names, *lines]) + "\n"


def write(folder: Path) -> None:
    usual = [["0/1:30"], ["1/1:30"]]

    def bgzip(name: str, text: str) -> None:
        with pysam.BGZFile(str(folder / name), "wb") as stream:
            stream.write(text.encode())

    def plain(name: str, text: str, *, before: bytes = b"") -> None:
        (folder / name).write_bytes(before + text.encode())

    plain("text.vcf.gz", vcf(usual, ["text"]))
    bgzip("blocks.vcf", vcf(usual, ["blocks"]))
    (folder / "packed.vcf.bgz").write_bytes(gzip.compress(vcf(usual, ["packed"]).encode()))
    plain("returns.vcf", vcf(usual, ["returns"]).replace("\n", "\r\n"))
    plain("marked.vcf", vcf(usual, ["marked"]), before=b"\xef\xbb\xbf")
    plain("half.vcf", vcf([["./1:30"], ["1|.:30"]], ["half"]))
    plain("half_reference.vcf", vcf([["./0:30"], ["./.:30"]], ["half_reference"]))
    plain("half_mutect.vcf", vcf([["0/1/1:30"], ["./1:30"]], ["half_mutect"]))
    lower = (("chr1", 1000, "a", "c"), ("chr2", 2000, "aTt", "a"))
    plain("lower.vcf", vcf(usual, ["lower"], sites=lower))
    (folder / "title.vcf").write_text(vcf(usual, ["title"]).replace("chr", "Chr"))
    (folder / "capital.vcf").write_text(vcf(usual, ["capital"]).replace("chr", "CHR"))
    every = (SITES[0], ("chr1", 1500, "G", "."), SITES[1], ("chr2", 2500, "G", "<NON_REF>"))
    plain("genome.vcf", vcf([["0/1:30"], ["0/0:30"], ["1/1:30"], ["0/0:30"]], ["genome"], sites=every))
    plain("undeclared.vcf", vcf([["0/1:3"], ["1/1:30"]], ["undeclared"], head=GT))
    bgzip(
        "varscan.vcf.gz",
        vcf([["0/0:30:30:0", "0/1:40:30:10"], ["0/0:20:20:0", "1/1:30:0:30"]], ["NORMAL", "TUMOR"],
            layout="GT:DP:RD:AD", head=GT + DP + ALONE),
    )  # fmt: skip
    # AF is the caller's own, of one number an alternate allele; at the second site it gives none, and AD is left.
    several = (("chr1", 1000, "A", "C,G"), SITES[1])
    plain(
        "several.vcf",
        vcf([["1/2:10,50,40:0.2,0.6:100"], ["0/1:30,10:.:40"]], ["several"], layout="GT:AD:AF:DP",
            head=GT + AD + AF + DP, sites=several),
    )  # fmt: skip
    both = (SITES[0], ("chr2", 2000, "G", "T"))
    bgzip(
        "strelka.vcf.gz",
        vcf([["30:0:0:0:30,30:0,0:0,0:0,0", "40:0:0:0:30,31:10,11:0,0:0,0"],
             ["30:0:0:0:0,0:0,0:30,30:0,0", "50:0:0:0:0,0:0,0:40,40:10,10"]], ["NORMAL", "TUMOR"],
            layout="DP:FDP:SDP:SUBDP:AU:CU:GU:TU", head=DP + STRELKA, sites=both),
    )  # fmt: skip


EXPECTED: dict[str, dict[str, int]] = {
    **{
        name: {A: 1, B: 2}
        for name in ("text", "blocks", "packed", "returns", "marked", "lower", "genome", "varscan", "title", "capital")
    },
    "half": {A: 1, B: 1},
    "half_reference": {A: MISSING, B: MISSING},
    "half_mutect": {A: 2, B: 1},
    "undeclared": {A: MISSING, B: 2},
    "several": {A: 1, G: 1, B: 1},
    "strelka": {A: 1, "2:2000:G>T": 1},
}


def ingest_of(folder: Path, scratch: Path) -> VariantIngest:
    """The files in `folder`, written there, as one ingest."""
    write(folder)
    return VariantIngest(
        key="modality.variants",
        files=tuple(VcfFile(path=path, origin="somatic") for path in sorted(folder.iterdir())),
        filters={"somatic": GenotypeFilters(accept=("PASS",), min_dp=8)},
        annotation=AnnotationSettings(format="info", gene="GENE", consequence="CONS"),
        build="GRCh38",
        spark=SparkSettings(master="local[1]", driver_memory="1g", scratch=str(scratch)),
        cache=folder / "cache",
    )


@pytest.fixture(scope="module")
def store(sound: Sound) -> VariantStore:
    return sound.stores["vcf"]


@pytest.mark.parametrize("sample", EXPECTED)
def test_calls_of_a_sound_vcf(store: VariantStore, sample: str) -> None:
    column = store.samples.index(sample)
    cells = zip(variant_names(store.variants), store.dosage[:, column].tolist(), strict=True)
    assert {name: dosage for name, dosage in cells if dosage != NOT_LISTED} == EXPECTED[sample]


def test_nothing_else_is_in_the_store(store: VariantStore) -> None:
    assert sorted(store.samples) == sorted(EXPECTED)
    assert set(store.variants["gene"]) == {"TP53"} and set(store.variants["consequence"]) == {"nonsynonymous"}


def fractions(store: VariantStore) -> dict[tuple[str, str], float]:
    """(sample, variant) → allele fraction."""
    assert store.vaf is not None
    names = variant_names(store.variants)
    return {
        (store.samples[column], names[row]): float(value)
        for row, column, value in zip(store.vaf.row, store.vaf.column, store.vaf.value, strict=True)
    }


def test_every_alternate_allele_of_a_site_has_its_own_fraction(store: VariantStore) -> None:
    """AF = 0.2,0.6 beside 50 and 40 of 100 reads: the caller's word counts, else AD, 10 of 40."""
    shares = fractions(store)
    assert shares["several", A] == pytest.approx(0.2) and shares["several", G] == pytest.approx(0.6)
    assert shares["several", B] == pytest.approx(0.25)


def test_allele_fractions_by_the_callers_own_counts(store: VariantStore) -> None:
    shares = fractions(store)
    assert shares["varscan", A] == pytest.approx(0.25) and shares["varscan", B] == pytest.approx(1.0)
    assert shares["strelka", A] == pytest.approx(0.25) and shares["strelka", "2:2000:G>T"] == pytest.approx(0.2)
