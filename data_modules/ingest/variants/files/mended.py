"""Lines of VCFs that Hail would misread, brought to what they mean with certainty; sound files never come here.

- Half calls (``./1``, as programs write that split 1/2): the alternate allele was seen, the other counts as reference;
  ``./0`` stays unknown.
- Alleles in lower case (soft-masked reference): case means nothing (VCF 4.2, section 1.4.1).
- Reserved FORMAT keys that the header does not declare get their declaration, as htslib gives them.
- Strelka's somatic calls have no GT: a line says that the tumour has its one alternate allele. Its reads by base (AU,
  CU, GU, TU) or of an indel (TAR, TIR), tier 1, are the allele depths, as its user guide derives them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from data_modules.ingest.variants.files.vcf import VcfFacts, open_vcf

RESERVED = {
    "GT": ("1", "String", "Genotype"),
    "DP": ("1", "Integer", "Read depth"),
    "AD": ("R", "Integer", "Read depth for each allele"),
    "GQ": ("1", "Integer", "Conditional genotype quality"),
}
"""FORMAT keys whose number and type the VCF specification fixes."""

TUMOURS = frozenset({"TUMOR", "TUMOUR"})
"""Columns, in upper case, that callers name by what they are, not whose: the patient is in the file's name."""

_SPLIT = rb"[/|]"
HALF = re.compile(rb"(?<=\t)(?:\.(" + _SPLIT + rb"[1-9]\d*)|([1-9]\d*" + _SPLIT + rb")\.)(?=[:\t]|$)")
"""A half call; a tab stands before it."""

_REDUCED = re.compile(rb"(?<=\t)0[/|](\d+[/|]\d+)(?=[:\t]|$)")


def needs_mending(facts: VcfFacts) -> bool:
    """Whether a file has what `mended_lines` mends; calls such as 0/1/2 alone are left to Hail."""
    return bool(facts.half_calls or facts.lower_case or facts.marked or facts.undeclared or facts.without_genotypes)


def mended_lines(path: Path, facts: VcfFacts) -> Iterator[bytes]:
    """The lines of a VCF as they are meant, without their ends."""
    samples = facts.samples
    with open_vcf(path) as stream:
        for raw in stream:
            line = raw.rstrip(b"\r\n").removeprefix(b"\xef\xbb\xbf")
            if line.startswith(b"#CHROM"):
                yield from declarations(facts)
            if line.startswith(b"##FORMAT=<ID=AD,") and facts.without_genotypes:
                continue
            if line[:1] == b"#" or not line.strip():
                yield line
                continue
            fields = line.split(b"\t", 9)
            if facts.lower_case:
                fields[3], fields[4] = upper(fields[3]), upper(fields[4])
            if facts.without_genotypes:
                yield _strelka(fields, samples)
                continue
            calls = b"\t" + fields[9]
            if facts.half_calls:
                calls = HALF.sub(lambda match: b"0" + match[1] if match[1] else match[2] + b"0", calls)
            if facts.reduced_ploidy:
                calls = _REDUCED.sub(rb"\1", calls)
            yield b"\t".join(fields[:9]) + calls


def declarations(facts: VcfFacts) -> Iterator[bytes]:
    """Header lines of reserved keys that a file uses and does not declare."""
    keys = [*facts.undeclared, *(("GT", "AD") if facts.without_genotypes else ())]
    for key in dict.fromkeys(keys):
        number, kind, what = RESERVED[key]
        yield f'##FORMAT=<ID={key},Number={number},Type={kind},Description="{what}">'.encode()


def upper(alleles: bytes) -> bytes:
    """Bases in upper case; symbolic alleles and breakends as they are."""
    return b",".join(one.upper() if one.isalpha() else one for one in alleles.split(b","))


def _strelka(fields: list[bytes], samples: tuple[str, ...]) -> bytes:
    """A line of Strelka with GT and AD in front."""
    keys = fields[8].split(b":")
    ref, alt = fields[3], fields[4]
    calls = []
    for name, call in zip(samples, fields[9].split(b"\t"), strict=True):
        values = dict(zip(keys, call.split(b":"), strict=False))
        counts = (b"TAR", b"TIR") if b"TIR" in values else (ref + b"U", alt + b"U")
        reads = [values.get(key, b".").split(b",")[0] for key in counts]
        called = b"0/1" if len(samples) == 1 or name.upper() in TUMOURS else b"0/0"
        calls.append(b":".join([called, b",".join(reads) if all(one.isdigit() for one in reads) else b".", call]))
    return b"\t".join([*fields[:8], b"GT:AD:" + fields[8], *calls])
