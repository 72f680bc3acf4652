"""What names of CIViC ask for, which variants fit them, and profiles of several, by hand; no release is needed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from data_modules.actionability.changes import Change
from data_modules.actionability.criteria import ALTERING, LOSING, Criterion, criterion
from data_modules.actionability.matching import _recognised, matches
from data_modules.actionability.profiles import ProfileError, ask, rule_of
from data_modules.actionability.release import CivicVariant, Profile
from data_modules.actionability.spelling import Allele

KIND = "nonsynonymous"
MISSENSE = frozenset({KIND})
LOST = frozenset({"deletion"})
GAINS = ("gain_of_function_variant",)


def civic(name: str, **given: Any) -> CivicVariant:
    facts = {
        "id": name, "gene": "EGFR", "chromosome": "", "start": None, "stop": None, "reference": "", "alternate": "",
        "build": "", "types": (), "hgvs": (), "url": "",
    }  # fmt: skip
    return CivicVariant(name=name, **(facts | given))


def at(start: int, end: int, alternate: str, *, build: str = "GRCh37", contig: str = "7") -> Allele:
    return Allele(build=build, contig=contig, start=start, end=end, alternate=alternate)


def change(**given: Any) -> Change:
    facts: dict[str, Any] = dict.fromkeys(
        ("protein", "hgvs", "kind", "event", "fusion", "exon", "reference", "told"), ""
    )
    facts |= {"patient": "P1", "line": 2, "gene": "EGFR", "allele": None, "diseases": ()}
    return Change(**(facts | given))


@pytest.mark.parametrize(
    ("variant", "asked"),
    [
        (civic("BCR::ABL1"), {"level": "exact", "fusion": "BCR::ABL1"}),
        (civic("BCR::ABL V379I"), None),
        (civic("Mutation"), {"level": "gene", "kinds": ALTERING}),
        (civic("Mutation", types=GAINS), {"level": "gene", "kinds": {"nonsynonymous", "inframe"}}),
        (civic("Loss-of-function"), {"level": "gene", "kinds": LOSING, "events": LOST}),
        (civic("Loss-of-function", types=GAINS), {"level": "gene", "kinds": LOSING, "events": LOST}),
        (civic("Loss"), {"level": "gene", "events": LOST}),
        (civic("Deletion", types=("loss_of_function_variant",)),
         {"level": "gene", "kinds": LOSING, "events": LOST}),
        (civic("Truncation"), {"level": "gene", "kinds": {"stopgain", "frameshift"}}),
        (civic("Copy Number Variation"), {"level": "gene", "events": {"amplification", "deletion"}}),
        (civic("V600"), {"level": "codon", "codons": ("V600",), "kinds": MISSENSE}),
        (civic("H1047X"), {"level": "codon", "codons": ("H1047",), "kinds": MISSENSE}),
        (civic("R213X", types=("stop_gained",)), {"level": "exact", "proteins": ("R213*",)}),
        (civic("G12/G13"), {"level": "codon", "codons": ("G12", "G13"), "kinds": MISSENSE}),
        (civic("G12/G13D"), None),
        (civic("Exon 19 Deletion"), None),
        (civic("Exon 19 Deletion", types=("inframe_deletion",)),
         {"level": "region", "exons": (19, 19), "kinds": {"inframe deletion"}}),
        (civic("Exon 20 Insertion"), {"level": "region", "exons": (20, 20), "kinds": {"inframe insertion"}}),
        (civic("Exon 18-21 Mutation"), {"level": "region", "exons": (18, 21), "kinds": ALTERING}),
        (civic("Exon 9 Frameshift"), {"level": "region", "exons": (9, 9), "kinds": {"frameshift"}}),
        (civic("Kinase Domain Mutation"), None),
        (
            civic("Kinase Domain Mutation", start=10, stop=20, build="GRCh37", chromosome="chr7"),
            {"level": "region", "span": ("GRCh37", "7", 10, 20), "kinds": ALTERING},
        ),
        (civic("V600E"), {"level": "exact", "proteins": ("V600E",)}),
        (civic("V600E/K"), {"level": "exact", "proteins": ("V600E", "V600K")}),
        (civic("V600E or V600K (both)"), {"level": "exact", "proteins": ("V600E", "V600K")}),
        (
            civic("V600E", start=5, stop=5, reference="A", alternate="T/C", build="GRCh37", chromosome="7"),
            {
                "level": "exact", "proteins": ("V600E",), "reference": "A",
                "alleles": tuple(at(5, 5, base) for base in "TC"),
            },
        ),
        (civic("x", hgvs=("ENST00000288602.6:c.1799T>A",)), {"level": "exact", "hgvs": ("ENST00000288602:c.1799T>A",)}),
        (civic("Overexpression"), None),
    ],
    ids=lambda one: getattr(one, "name", ""),
)  # fmt: skip
def test_what_a_name_asks_for(variant: CivicVariant, asked: dict[str, Any] | None) -> None:
    wanted = {key: frozenset(value) if isinstance(value, set) else value for key, value in (asked or {}).items()}
    assert criterion(variant) == (None if asked is None else Criterion(**wanted))


SHIFTED = Criterion(level="exact", proteins=("L10fs",))
CODON = Criterion(level="codon", codons=("V600",), kinds=MISSENSE)
EXACT = Criterion(
    level="exact",
    alleles=(at(5, 5, "T"),),
    reference="A",
    hgvs=("ENST1:c.1A>T",),
    proteins=("V600E",),
)
SPAN = Criterion(level="region", span=("GRCh37", "7", 10, 20), exons=(19, 20), kinds=MISSENSE)


@pytest.mark.parametrize(
    ("given", "wanted", "by"),
    [
        ({"allele": at(5, 5, "T"), "reference": "A"}, EXACT, "coordinates, GRCh37"),
        ({"allele": at(5, 5, "T")}, EXACT, "coordinates, GRCh37"),
        ({"allele": at(5, 5, "T"), "reference": "C"}, EXACT, ""),
        ({"hgvs": "ENST1:c.1A>T"}, EXACT, "coding HGVS ENST1:c.1A>T"),
        ({"hgvs": "ENST2:c.9A>T", "also": ("ENST1:c.1A>T",)}, EXACT, "coding HGVS ENST1:c.1A>T"),
        ({"protein": "V600E"}, EXACT, "protein V600E"),
        ({"protein": "V600K"}, EXACT, ""),
        ({"fusion": "bcr::abl1"}, Criterion(level="exact", fusion="BCR::ABL1"), "both genes of the fusion"),
        ({"protein": "L10fs"}, SHIFTED, "protein L10fs, its bases not compared"),
        ({"protein": "L10fs", "hgvs": "ENST1:c.30del"}, replace(SHIFTED, hgvs=("ENST1:c.29del",)), ""),
        ({"protein": "L10fs", "hgvs": "ENST1:c.30del"}, SHIFTED, "protein L10fs, its bases not compared"),
        ({"event": "deletion"}, Criterion(level="gene", events=frozenset({"deletion"})), "deletion of the gene"),
        ({"event": "deletion"}, Criterion(level="gene", events=frozenset({"fusion"})), ""),
        ({"kind": "stopgain"}, Criterion(level="gene", kinds=LOSING), "stopgain in the gene"),
        ({"kind": KIND}, Criterion(level="gene", kinds=LOSING), ""),
        ({"kind": KIND, "protein": "V600K"}, CODON, "residue V600"),
        ({"kind": KIND, "protein": "V60K"}, CODON, ""),
        ({"kind": KIND, "allele": at(10, 20, "T")}, SPAN, "coordinates within 7:10-20, GRCh37"),
        ({"kind": KIND, "allele": at(9, 20, "T")}, SPAN, ""),
        ({"kind": KIND, "allele": at(10, 21, "T")}, SPAN, ""),
        ({"kind": KIND, "allele": at(10, 20, "T", contig="8")}, SPAN, ""),
        ({"kind": KIND, "allele": at(10, 20, "T", build="GRCh38"), "exon": "20"}, SPAN,
          "exon 20, as the annotation counts"),
        ({"kind": KIND, "exon": "19"}, SPAN, "exon 19, as the annotation counts"),
        ({"kind": KIND, "exon": "21"}, SPAN, ""),
        ({"kind": KIND, "exon": "18"}, SPAN, ""),
        ({"kind": KIND, "exon": "19/28"}, SPAN, ""),
    ],
)  # fmt: skip
def test_by_what_a_variant_is_recognised(given: dict[str, Any], wanted: Criterion, by: str) -> None:
    assert _recognised(change(**given), wanted) == by


@pytest.mark.parametrize(
    ("given", "deletion", "insertion"),
    [
        ({"protein": "E746_A750del"}, True, False), ({"protein": "V769_D770insASV"}, False, True),
        ({"protein": "A767_V769dup"}, False, True), ({"protein": "E746_T751delinsI"}, True, False),
        ({"protein": "E746_T751delinsIVVVVV"}, False, False), ({"protein": "E746delinsIV"}, False, True),
        ({"protein": "E746_T751delinsIVVVVVV"}, False, True),
        ({"allele": at(10, 12, "")}, True, False),
        ({"allele": at(10, 9, "AAA")}, False, True),
        ({"allele": at(10, 12, "AAA")}, False, False), ({}, False, False),
    ],
)  # fmt: skip
def test_what_is_deleted_and_what_inserted_in_frame(given: dict[str, Any], deletion: bool, insertion: bool) -> None:
    for kind, fits in (("inframe deletion", deletion), ("inframe insertion", insertion), ("inframe", True)):
        wanted = Criterion(level="gene", kinds=frozenset({kind}))
        assert bool(_recognised(change(kind="inframe", **given), wanted)) == fits, kind


def test_variants_meet_the_names_of_their_gene() -> None:
    place = at(5, 5, "T")
    release = [
        civic("V600E", gene="BRAF", start=5, stop=5, reference="A", alternate="T", build="GRCh37", chromosome="7"),
        civic("V600", gene="BRAF"), civic("Mutation", gene="KRAS"), civic("Overexpression", gene="BRAF"),
        civic("BCR::ABL1", gene="ABL1"),
    ]  # fmt: skip
    # By its coordinates alone: gene and protein, and so the codon, are what the release says of them.
    found = matches(
        [change(gene="", allele=place), change(gene="braf", protein="V600K", kind="nonsynonymous")], release
    )
    assert [(one.variant.name, one.level, one.by) for one in found] == [
        ("V600E", "exact", "coordinates, GRCh37"), ("V600", "codon", "residue V600"), ("V600", "codon", "residue V600"),
    ]  # fmt: skip
    assert (found[0].change.gene, found[0].change.protein, found[0].change.kind) == ("BRAF", "V600E", "nonsynonymous")
    fusions = matches([change(gene="", fusion="BCR::ABL1"), change(gene="BCR", fusion="BCR::ABL1")], release)
    assert [one.by for one in fusions] == ["both genes of the fusion"] * 2
    assert matches([change(gene="KRAS", kind="synonymous"), change(gene="", allele=None)], release) == []


VARIANTS = {one.id: one for one in (civic("A1"), civic("B2"), civic("C3"))}


def asked(name: str, *found: str) -> tuple[str, tuple[str, ...]]:
    profile = Profile(id="1", name=name, variants=tuple(one for one in VARIANTS if one in name))
    answer = ask(rule_of(profile, VARIANTS), frozenset(found), VARIANTS)
    return answer.answer, answer.needs


def test_profiles_hold_are_open_or_fail() -> None:
    assert asked("EGFR A1", "A1") == ("holds", ()) and asked("EGFR A1") == ("open", ("EGFR A1",))
    both = "EGFR A1 AND EGFR B2"
    assert asked(both, "A1", "B2") == ("holds", ()) and asked(both, "A1") == ("open", ("EGFR B2",))
    either = "EGFR A1 OR EGFR B2"
    assert asked(either, "B2") == ("holds", ()) and asked(either) == ("open", ("EGFR A1 or EGFR B2",))
    without = "EGFR A1 AND NOT EGFR B2"
    assert asked(without, "A1", "B2") == ("fails", ()) and asked(without, "A1") == ("open", ("not EGFR B2",))
    nested = "EGFR A1 AND ( EGFR B2 OR EGFR C3 )"
    assert asked(nested, "A1", "C3") == ("holds", ()) and asked(nested, "A1") == ("open", ("EGFR B2 or EGFR C3",))
    assert asked("NOT EGFR A1 OR NOT EGFR B2", "A1", "B2") == ("fails", ())
    assert asked("NOT EGFR A1 OR NOT EGFR B2", "A1") == ("open", ("not EGFR B2",))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("EGFR A1 AND EGFR B2 OR EGFR C3", "AND and OR side by side without brackets"),
        ("EGFR A1 AND ( EGFR B2 OR EGFR C3", "a bracket is not closed"),
        ("EGFR A1 AND EGFR B2 )", r"cannot be read from '\)' on"),
        ("EGFR A1 AND EGFR B2 AND", "its end is none of its variants"),
        ("EGFR A1 AND KRAS B2", "KRAS B2 is none of its variants"),
        ("EGFR D4", "names what is no variant of the release"),
    ],
)
def test_profiles_that_cannot_be_read(name: str, words: str) -> None:
    with pytest.raises(ProfileError, match=words):
        asked(name)
