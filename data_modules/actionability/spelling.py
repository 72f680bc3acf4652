"""Changes in one spelling: alleles as replaced intervals, HGVS without versions, proteins in single letters.

HGVS nomenclature: den Dunnen et al., Human Mutation 37 (2016), 564-569.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from data_modules.genes.contigs import CONTIGS, plain_contig

BUILDS = {"37": "GRCh37", "GRCH37": "GRCh37", "HG19": "GRCh37", "38": "GRCh38", "GRCH38": "GRCh38", "HG38": "GRCh38",
          "GRCH37-LITE": "GRCh37", "19": "GRCh37"}  # fmt: skip
"""Spelling, in capitals → build."""
_GRCH37 = dict(
    zip(CONTIGS, (10, 11, 11, 11, 9, 11, 13, 10, 11, 10, 9, 11, 10, 8, 9, 9, 10, 9, 9, 10, 8, 10, 10, 9), strict=False)
)
_VERSION = {"GRCh37": _GRCH37, "GRCh38": {contig: version + 1 for contig, version in _GRCH37.items()}}
"""Build → contig → version of its RefSeq accession NC_0000NN (NCBI's assembly reports of GRCh37 and GRCh38)."""
_LETTERS = {
    "Ala": "A",
    "Arg": "R",
    "Asn": "N",
    "Asp": "D",
    "Cys": "C",
    "Gln": "Q",
    "Glu": "E",
    "Gly": "G",
    "His": "H",
    "Ile": "I",
    "Leu": "L",
    "Lys": "K",
    "Met": "M",
    "Phe": "F",
    "Pro": "P",
    "Ser": "S",
    "Thr": "T",
    "Trp": "W",
    "Tyr": "Y",
    "Val": "V",
    "Ter": "*",
    "Sec": "U",
}
_THREE = re.compile("|".join(_LETTERS), re.IGNORECASE)
_GENOMIC = re.compile(
    r"(?:chr)?(?P<contig>NC_0000\d\d\.\d+):g\.(?P<start>\d+)(?:_(?P<end>\d+))?"
    r"(?:(?P<ref>[ACGT])>(?P<alt>[ACGT])|(?P<kind>delins|del|ins)(?P<bases>[ACGT]*)(?:ins(?P<after>[ACGT]+))?)"
)
_CODING = re.compile(r"(?P<accession>[A-Za-z_]+\d+)(?:\.\d+)?(?:\([^)]*\))?:(?P<change>[cn]\.\S+)")


@dataclass(frozen=True, kw_only=True)
class Allele:
    """A stretch of a build that is replaced.

    Attributes:
        start: first base replaced, 1-based; of an insertion the base after it.
        end: last base replaced; of an insertion ``start - 1``.
        alternate: what stands there instead; empty for a deletion.
    """

    build: str
    contig: str
    start: int
    end: int
    alternate: str


def allele(build: str, contig: str, start: int, reference: str, alternate: str) -> Allele | None:
    """The least replacement, from alleles with or without an anchor base, as VCF and MAF write them.

    An insertion without an anchor (``-``, MAF) starts at the base before it. None where they are no bases.
    """
    reference, alternate = ("" if bases in ("-", ".") else bases.upper() for bases in (reference, alternate))
    if not set(reference + alternate) <= set("ACGT") or reference == alternate:
        return None
    if not reference:
        start += 1
    while reference and alternate and reference[-1] == alternate[-1]:
        reference, alternate = reference[:-1], alternate[:-1]
    while reference and alternate and reference[0] == alternate[0]:
        reference, alternate, start = reference[1:], alternate[1:], start + 1
    return Allele(
        build=build, contig=plain_contig(contig), start=start, end=start + len(reference) - 1, alternate=alternate
    )


def genomic(text: str) -> Allele | None:
    """``NC_000007.13:g.140453136A>T`` as an allele of its build; None for other texts, duplications among them."""
    found = _GENOMIC.fullmatch(text.replace(" ", ""))
    if not found:
        return None
    number, version = int(found["contig"][3:9]), int(found["contig"].rpartition(".")[2])
    contig = CONTIGS[number - 1] if 0 < number <= len(CONTIGS) else ""
    build = next((name for name, versions in _VERSION.items() if versions.get(contig) == version), "")
    if not build:
        return None
    start = int(found["start"])
    if found["ref"]:
        return allele(build, contig, start, found["ref"], found["alt"])
    end, bases = int(found["end"] or start), found["after"] or found["bases"]
    if found["kind"] == "ins":
        return Allele(build=build, contig=contig, start=start + 1, end=start, alternate=bases)
    whole = found["kind"] == "del" and not found["after"]
    return Allele(build=build, contig=contig, start=start, end=end, alternate="" if whole else bases)


def coding(text: str) -> str:
    """``ENST00000288602.6:c.1799T>A`` without the version, deleted and duplicated bases; empty where it is none.

    Without its transcript a coding change names nothing: ``c.1799T>A`` alone gives the empty text.
    """
    found = _CODING.fullmatch(text.replace(" ", ""))
    if not found:
        return ""
    change = re.sub(r"(del|dup)(?!ins)[ACGT0-9]+$", r"\1", found["change"])
    change = re.sub(r"del[ACGT]+ins", "delins", change)
    return f"{found['accession'].upper()}:{change}"


def protein(text: str) -> str:
    """``NP_004324.2:p.Val600Glu``, ``p.(V600E)`` and ``V600E`` as ``V600E``; a frameshift as ``P968fs``.

    Empty where the text is no change of a protein; ``V600=`` is a synonymous one.
    """
    bare = text.strip().rpartition(":")[2].replace(" ", "")
    bare = bare[2:] if bare.lower().startswith("p.") else bare
    bare = _THREE.sub(lambda match: _LETTERS[match[0].capitalize()], bare.strip("()")).upper()
    shifted = re.fullmatch(r"([A-Z*]\d+)[A-Z*]?FS(?:[*X]?\d*|[*X]\?)", bare)
    if shifted:
        return f"{shifted[1]}fs"
    bare = re.sub(r"(DEL|DUP)(?!INS)[A-Z]+$", r"\1", bare)
    if not re.fullmatch(r"[A-Z*]\d+(?:_[A-Z*]\d+)?(?:[A-Z*=?]|(?:DELINS|DEL|DUP|INS|>)[A-Z*]*)", bare):
        return ""
    bare = bare.replace(">", "DELINS")
    same = re.fullmatch(r"([A-Z*])(\d+)\1", bare)
    return f"{same[1]}{same[2]}=" if same else re.sub(r"(DELINS|DEL|DUP|INS)", lambda match: match[0].lower(), bare)
