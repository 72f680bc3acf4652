"""``BCSQ`` of bcftools csq: entries of transcripts, which name their allele by the change of bases alone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from data_modules.ingest.variants.annotation.records import UNANNOTATED, Annotation, symbols
from data_modules.ingest.variants.annotation.transcripts import Transcript, worst

KEY = "BCSQ"
_TERMS: Mapping[str, str] = {
    "missense": "missense_variant", "synonymous": "synonymous_variant", "frameshift": "frameshift_variant",
    "splice_acceptor": "splice_acceptor_variant", "splice_donor": "splice_donor_variant",
    "splice_region": "splice_region_variant", "stop_retained": "stop_retained_variant",
    "start_retained": "start_retained_variant", "5_prime_utr": "5_prime_utr_variant",
    "3_prime_utr": "3_prime_utr_variant", "non_coding": "non_coding_transcript_exon_variant",
    "intron": "intron_variant", "intergenic": "intergenic_variant", "inframe_altering": "protein_altering_variant",
    "coding_sequence": "coding_sequence_variant",
}  # fmt: skip
"""Its own spelling of Sequence Ontology's terms (bcftools csq, ``csq_strings``)."""

_CHANGE = re.compile(r"(\d+)([ACGTN]*)>([ACGTN]*)", re.IGNORECASE)


def bcsq_annotations(info: str, ref: str, alts: Sequence[str]) -> Sequence[Annotation] | None:
    """One annotation an alternate allele; None where entries do not say which of several alleles they are of.

    An entry that only points to another line (``@position``: its effect is that of both together) says nothing of this
    one, and a line of nothing else is None too.
    """
    text = next((item[len(KEY) + 1 :] for item in info.split(";") if item.startswith(f"{KEY}=")), "")
    if not text or text == ".":
        return [UNANNOTATED] * len(alts)
    entries = [entry for entry in text.split(",") if not entry.startswith("@")]
    if not entries:
        return None
    of_allele: list[list[Transcript]] = [[] for _ in alts]
    for entry in entries:
        fields = [*entry.split("|"), *[""] * 6]
        at = 0 if len(alts) == 1 else _allele(fields[6], alts)
        if at is None:
            return None
        terms = "&".join(_TERMS.get(term.lstrip("*"), term.lstrip("*")) for term in fields[0].split("&"))
        of_allele[at].append(
            Transcript(
                allele="",
                number=None,
                gene=symbols(fields[1] or None),
                terms=terms,
                change=f"{fields[2]}:{fields[5]}" if fields[5] else None,
                chosen=False,
                scores={"sift": None, "polyphen": None, "cadd": None},
            )
        )
    return [worst(found, {}) for found in of_allele]


def _allele(change: str, alts: Sequence[str]) -> int | None:
    """The allele that ``100A>C`` names; None where it fits none or several."""
    found = _CHANGE.match(change)
    fits = [] if found is None else [at for at, alt in enumerate(alts) if alt.upper() == found[3].upper()]
    return fits[0] if len(fits) == 1 else None
