"""Facts of a MAF that speak against its build, its positions or its words, each with a mend that helps."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from data_modules.ingest.variants.files.maf import read_header
from data_modules.ingest.variants.files.maf_facts import MafFacts, read_maf_facts, strange_words
from data_modules.ingest.variants.settings import GenotypeFilters

NAMES = ["Hugo_Symbol", "Chromosome", "Start_Position", "End_Position", "Reference_Allele", "Tumor_Seq_Allele2"]
NAMES += ["Variant_Classification", "Tumor_Sample_Barcode", "t_vaf"]


def row(start: int, end: int, *, gene: str = "TP53", contig: str = "17", alleles: str = "C>T",
        kind: str = "Missense_Mutation", share: str = "0.2") -> list[str]:  # fmt: skip
    return [gene, contig, str(start), str(end), *alleles.split(">"), kind, "S1", share]


def facts(folder: Path, *rows: list[str]) -> MafFacts:
    path = folder / "a.maf"
    path.write_text("\n".join("\t".join(cells) for cells in (NAMES, *rows)) + "\n")
    again = read_maf_facts(read_header(path), cache=folder / "cache")
    assert read_maf_facts(read_header(path), cache=folder / "cache") == again, "remembered as it was"
    return again


def problems(found: MafFacts, *, build: str = "GRCh37") -> list[str]:
    return list(found.problems("a.maf", key="modality.m", build=build))


def strange(*found: MafFacts, max_lost: float = 0.5) -> list[str]:
    return strange_words(found, key="modality.m", filters={"somatic": GenotypeFilters(max_lost=max_lost)})


def test_a_position_beyond_its_chromosome(tmp_path: Path) -> None:
    """Chromosome 17 has 81,195,210 bases in GRCh37 and 83,257,441 in GRCh38."""
    assert not problems(facts(tmp_path, row(81195210, 81195210)))
    found = facts(tmp_path, row(100, 100), row(81195211, 81195211, contig="chr17"))
    (said,) = problems(found)
    assert "a.maf, line 3: position 81195211 is beyond the end of chromosome 17" in said
    build = re.search(r"Set cohort\.build=(\w+)", said)
    assert build and problems(found, build=build[1]) == []
    (said,) = problems(facts(tmp_path, row(90000000, 90000000)))
    assert "Set cohort.build" not in said


def test_positions_counted_from_zero(tmp_path: Path) -> None:
    sound = [row(100, 100), row(200, 201, alleles="AG>-"), row(300, 301, alleles="->A")]
    assert not problems(facts(tmp_path, *sound, row(400, 401)))
    (said,) = problems(facts(tmp_path, row(99, 100), row(199, 201, alleles="AG>-"), row(300, 300)))
    assert "in 2 of 3 lines of a.maf, End_Position is one more" in said and "Add 1 to it" in said


def test_words_that_no_maf_has(tmp_path: Path) -> None:
    odd = [row(100 + at, 100 + at, kind="exonic") for at in range(3)]
    found = facts(tmp_path, row(90, 90), *odd)
    (said,) = strange(found)
    assert "3 of 4 lines have a Variant_Classification" in said and "'exonic' (3)" in said
    share = re.search(r"max_lost above (\S+)\.", said)
    assert share and share[1] == "0.5" and not strange(found, max_lost=0.75)
    few = facts(tmp_path, *[row(at, at) for at in range(90, 94)], odd[0], row(99, 99, kind="Targeted_Region"))
    assert strange(few, found) == [] and strange(found, found)
    assert list(few.said("a.maf")) == ["a.maf: 1 lines count as other, by words that are not known: 'exonic' (1)."]


def test_what_is_not_known_is_said(tmp_path: Path) -> None:
    said = list(facts(tmp_path, row(90, 90, gene="1-Mar"), row(91, 91, gene="NKX2-1", share="20")).said("a.maf"))
    assert "1 lines have a date for a gene ('1-Mar' (1))" in said[0]
    assert "allele fractions of 1 lines are above 1 and not read" in said[1] and len(said) == 2


@pytest.mark.parametrize("share", ["0.2", "1", "20%", ""])
def test_shares_that_are_read(tmp_path: Path, share: str) -> None:
    assert not list(facts(tmp_path, row(90, 90, share=share)).said("a.maf"))
