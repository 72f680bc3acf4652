"""HGVS texts and alleles in one spelling, by hand; nothing of a release is needed."""

from __future__ import annotations

import pytest

from data_modules.actionability.spelling import Allele, allele, coding, genomic, protein

BRAF = ("GRCh37", "7", 140453136, 140453136, "T")


def told(found: Allele | None) -> tuple[str, str, int, int, str] | None:
    return found and (found.build, found.contig, found.start, found.end, found.alternate)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("NC_000007.13:g.140453136A>T", BRAF),
        ("NC_000007.14:g.140753336A>T", ("GRCh38", "7", 140753336, 140753336, "T")),
        ("NC_000007.12:g.140453136A>T", None),  # of an older build
        ("NC_000007.13: g.140453136A>T", BRAF),
        ("NC_000017.10:g.37880995_37880996insGCATACGTGATG", ("GRCh37", "17", 37880996, 37880995, "GCATACGTGATG")),
        ("NC_000007.13:g.55242465_55242479del", ("GRCh37", "7", 55242465, 55242479, "")),
        ("NC_000007.13:g.55242465del", ("GRCh37", "7", 55242465, 55242465, "")),
        ("NC_000007.13:g.55242467_55242481delinsTTC", ("GRCh37", "7", 55242467, 55242481, "TTC")),
        ("NC_000007.13:g.55242465_55242479dup", None),
        ("7:g.140453136A>T", None),
    ],
)
def test_places_on_a_chromosome(text: str, expected: object) -> None:
    assert told(genomic(text)) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((100, "A", "T"), (100, 100, "T")),
        ((100, "A", "AG"), (101, 100, "G")),  # an anchor before an insertion, as VCF has it
        ((100, "-", "G"), (101, 100, "G")),  # none, as MAF has it
        ((100, "CAT", "C"), (101, 102, "")),
        ((101, "AT", "-"), (101, 102, "")),
        ((100, "CAT", "CGT"), (101, 101, "G")),  # what both begin and end with is no change
        ((100, "aa", "tt"), (100, 101, "TT")),
    ],
)
def test_the_least_that_is_replaced(given: tuple[int, str, str], expected: tuple[int, int, str]) -> None:
    found = allele("GRCh38", "chr7", *given)
    assert told(found) == ("GRCh38", "7", *expected)


@pytest.mark.parametrize(("reference", "alternate"), [("A", "A"), ("A", "<DEL>"), ("N", "A"), ("-", ".")])
def test_what_is_no_change_of_bases(reference: str, alternate: str) -> None:
    assert allele("GRCh38", "7", 100, reference, alternate) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ENST00000288602.6:c.1799T>A", "ENST00000288602:c.1799T>A"),
        ("c.1799T>A", ""),
        ("NM_005228.5:c.2235_2249delGGAATTAAGAGAAGC", "NM_005228:c.2235_2249del"),
        ("NM_005228.5:c.2240_2254dup15", "NM_005228:c.2240_2254dup"),
        ("NM_005228.5:c.2237_2251delAATinsT", "NM_005228:c.2237_2251delinsT"),
    ],
)
def test_changes_of_a_transcript(text: str, expected: str) -> None:
    assert coding(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("NP_004324.2:p.Val600Glu", "V600E"),
        ("p.(V600E)", "V600E"),
        ("V600E", "V600E"),
        ("V600=", "V600="),
        ("p.V600V", "V600="),
        ("p.Pro968Leufs*12", "P968fs"),
        ("P968fs", "P968fs"),
        ("p.Glu746_Ala750del", "E746_A750del"),
        ("p.E746_A750delELREA", "E746_A750del"),
        ("p.Lys745_Glu746>Arg", "K745_E746delinsR"),
        ("p.Arg213Ter", "R213*"),
        ("Amplification", ""),
    ],
)
def test_changes_of_a_protein(text: str, expected: str) -> None:
    assert protein(text) == expected
