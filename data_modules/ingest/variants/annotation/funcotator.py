"""GATK Funcotator's FUNCOTATION: one bracket an alternate allele, its fields as the header's Description lists them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from data_modules.ingest.variants.annotation.records import UNANNOTATED, Annotation, symbols
from data_modules.ingest.variants.consequences import consequence_class

KEY = "FUNCOTATION"
_TERMS: Mapping[str, str] = {
    "MISSENSE": "nonsynonymous", "NONSENSE": "stopgain", "NONSTOP": "stoploss", "SILENT": "synonymous",
    "SPLICE_SITE": "splicing", "IN_FRAME_DEL": "inframe", "IN_FRAME_INS": "inframe", "FRAME_SHIFT_INS": "frameshift",
    "FRAME_SHIFT_DEL": "frameshift", "START_CODON_SNP": "startloss", "START_CODON_INS": "startloss",
    "START_CODON_DEL": "startloss", "DE_NOVO_START_IN_FRAME": "startloss", "DE_NOVO_START_OUT_FRAME": "startloss",
    "RNA": "ncrna", "LINCRNA": "ncrna", "INTRON": "intronic", "FIVE_PRIME_UTR": "utr", "THREE_PRIME_UTR": "utr",
    "FIVE_PRIME_FLANK": "upstream", "THREE_PRIME_FLANK": "downstream", "IGR": "intergenic",
    "COULD_NOT_DETERMINE": "other",
}  # fmt: skip
"""Its variant classifications (GATK, GencodeFuncotation.VariantClassification) → classes."""

_ESCAPE = re.compile(r"_%([0-9A-Fa-f]{2})_")


@dataclass(frozen=True, kw_only=True)
class FuncotatorReader:
    """Reads the brackets of one file.

    Attributes:
        gene, consequence, change: places of the fields; -1 where the file has none.
    """

    gene: int
    consequence: int
    change: int

    @classmethod
    def of(cls, description: str) -> FuncotatorReader:
        """From ``… Funcotation fields are: Gencode_34_hugoSymbol|…``; whatever release of Gencode."""
        names = [name.strip(" \"'") for name in description.rpartition(":")[2].split("|")]

        def place(ending: str) -> int:
            return next(
                (at for at, name in enumerate(names) if name.startswith("Gencode") and name.endswith(ending)), -1
            )

        return cls(
            gene=place("_hugoSymbol"), consequence=place("_variantClassification"), change=place("_proteinChange")
        )

    def __call__(self, info: str, ref: str, alts: Sequence[str]) -> Sequence[Annotation] | None:
        """One annotation an alternate allele; None where there are more or fewer brackets than alleles."""
        del ref
        text = next((item[len(KEY) + 1 :] for item in info.split(";") if item.startswith(f"{KEY}=")), "")
        if not text:
            return [UNANNOTATED] * len(alts)
        entries = text.strip("[]").split("],[")
        return [self._one(entry) for entry in entries] if len(entries) == len(alts) else None

    def _one(self, entry: str) -> Annotation:
        fields = [_ESCAPE.sub(lambda match: chr(int(match[1], 16)), part) for part in entry.split("#")[0].split("|")]

        def get(at: int) -> str | None:
            return fields[at] if 0 <= at < len(fields) and fields[at] not in ("", ".", "Unknown") else None

        term = get(self.consequence)
        consequence = None if term is None else _TERMS.get(term.upper()) or consequence_class(term)
        gene = None if consequence == "intergenic" else symbols(get(self.gene))
        return Annotation(gene=gene, consequence=consequence, aachange=get(self.change))
