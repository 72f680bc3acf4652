"""What is known of one alternate allele, and how annotators write its parts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

SCORES = ("sift", "polyphen", "cadd")
"""Predictions of damage that are kept where present: SIFT (low is damaging), PolyPhen and CADD phred (high is)."""


_ESCAPE = re.compile(r"\\x([0-9a-fA-F]{2})|%([0-9A-Fa-f]{2})")


_SEVERAL = re.compile(r"[;,&|]")


_BRACKETS = re.compile(r"\([^()]*\)")
"""In which older ANNOVAR writes where a splice site is: transcripts, comma between them."""


_NUMBER = re.compile(r"(?<![\d.])-?\d+(?:\.\d+)?(?:[eE]-?\d+)?")


@dataclass(frozen=True, kw_only=True)
class Annotation:
    """Of one alternate allele; see `data_modules.ingest.variants.store` for the attributes."""

    gene: str | None = None
    consequence: str | None = None
    aachange: str | None = None
    effects: str | None = None
    sift: float | None = None
    polyphen: float | None = None
    cadd: float | None = None
    resolved: bool = True


UNANNOTATED = Annotation()


@dataclass(frozen=True, kw_only=True)
class AnnotatedSite:
    """A data line of a VCF: its place and one annotation an alternate allele."""

    line: int
    contig: str
    position: int
    ref: str
    alts: tuple[str, ...]
    annotations: tuple[Annotation, ...]


def decode(value: str) -> str:
    r"""ANNOVAR's ``\x3b`` and VCF 4.3's ``%3B`` as the characters they stand for."""
    if "\\" not in value and "%" not in value:
        return value
    return _ESCAPE.sub(lambda match: chr(int(match[1] or match[2], 16)), value)


def score_of(value: str | None, name: str) -> float | None:
    """The number in ``0.02``, ``deleterious(0.02)`` or ``deleterious_0.02_``; the most damaging of several.

    Raises:
        ValueError: there is a value without a number.
    """
    known = given(value)
    if known is None:
        return None
    numbers = [float(match) for match in _NUMBER.findall(known)]
    if not numbers:
        if known.strip(".&,;|") == "" or known.lower() in ("na", "nan", "none", "unknown", "unknown(0)"):
            return None
        raise ValueError(f"its {name} score {known!r} is no number")
    return min(numbers) if name == "sift" else max(numbers)


def given(value: str | None) -> str | None:
    """The value decoded; None where it is absent or ``.``."""
    return None if value in (None, "", ".") else decode(str(value))


@lru_cache(maxsize=1 << 16)
def symbols(value: str | None) -> str | None:
    """Gene symbols, each once, ``;`` between them; of ``TP53(NM_1:exon5:c.3-1G>A,…)`` TP53 alone."""
    if value is None:
        return None
    value = _BRACKETS.sub("", value)
    names = [name.partition("(")[0].strip() for name in _SEVERAL.split(value)]
    return ";".join(dict.fromkeys(name for name in names if name not in ("", "NONE", "."))) or None
