"""What a variant does: the terms of ANNOVAR, MAF and Sequence Ontology, brought to one short list of classes."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal, get_args

Consequence = Literal[
    "stopgain", "frameshift", "splicing", "startloss", "stoploss", "nonsynonymous", "inframe", "splice_region",
    "synonymous", "utr", "ncrna", "upstream", "downstream", "intronic", "intergenic", "other",
]  # fmt: skip
CLASSES: tuple[Consequence, ...] = get_args(Consequence)
"""Consequence classes, worst first."""

_TERMS = {
    "stopgain": "stopgain stopgain_snv nonsense_mutation stop_gained",
    "frameshift": "frameshift frameshift_deletion frameshift_insertion frameshift_block_substitution "
    "frameshift_substitution frame_shift_del frame_shift_ins frameshift_variant",
    "splicing": "splicing splice_site splice_acceptor_variant splice_donor_variant",
    "startloss": "startloss start_lost translation_start_site initiator_codon_variant",
    "stoploss": "stoploss stoploss_snv stop_lost nonstop_mutation",
    "nonsynonymous": "nonsynonymous nonsynonymous_snv missense missense_mutation missense_variant "
    "protein_altering_variant rare_amino_acid_variant",
    "inframe": "inframe nonframeshift_deletion nonframeshift_insertion nonframeshift_block_substitution "
    "nonframeshift_substitution in_frame_del in_frame_ins inframe_deletion inframe_insertion "
    "conservative_inframe_deletion conservative_inframe_insertion disruptive_inframe_deletion "
    "disruptive_inframe_insertion",
    "splice_region": "splice_region splice_region_variant splice_donor_5th_base_variant splice_donor_region_variant "
    "splice_polypyrimidine_tract_variant splice_branch_variant",
    "synonymous": "synonymous synonymous_snv silent synonymous_variant stop_retained_variant start_retained_variant "
    "start_retained",
    "utr": "utr utr3 utr5 3'utr 5'utr 3_utr 5_utr 3_prime_utr_variant 5_prime_utr_variant "
    "5_prime_utr_premature_start_codon_gain_variant",
    "ncrna": "ncrna ncrna_exonic ncrna_splicing ncrna_intronic ncrna_utr3 ncrna_utr5 rna mature_mirna_variant "
    "non_coding_transcript_exon_variant non_coding_transcript_variant non_coding_exon_variant",
    "upstream": "upstream 5'flank 5_flank upstream_gene_variant",
    "downstream": "downstream 3'flank 3_flank downstream_gene_variant",
    "intronic": "intronic intron intron_variant conserved_intron_variant",
    "intergenic": "intergenic igr intergenic_variant intergenic_region conserved_intergenic_variant",
}
CLASS_OF = {term: name for name, terms in _TERMS.items() for term in terms.split()}
"""Term, in lower case and with ``_`` for spaces → its class."""

SEVERITY = (
    "transcript_ablation", "exon_loss_variant", "splice_acceptor_variant", "splice_donor_variant", "stop_gained",
    "frameshift_variant", "stop_lost", "start_lost", "initiator_codon_variant", "transcript_amplification",
    "disruptive_inframe_insertion", "disruptive_inframe_deletion", "conservative_inframe_insertion",
    "conservative_inframe_deletion", "inframe_insertion", "inframe_deletion", "missense_variant",
    "rare_amino_acid_variant", "protein_altering_variant", "splice_donor_5th_base_variant", "splice_region_variant",
    "splice_donor_region_variant", "splice_polypyrimidine_tract_variant", "splice_branch_variant",
    "incomplete_terminal_codon_variant", "start_retained_variant", "stop_retained_variant", "synonymous_variant",
    "coding_sequence_variant", "mature_mirna_variant", "5_prime_utr_premature_start_codon_gain_variant",
    "5_prime_utr_variant", "3_prime_utr_variant", "non_coding_transcript_exon_variant", "intron_variant",
    "nmd_transcript_variant", "non_coding_transcript_variant", "coding_transcript_variant", "upstream_gene_variant",
    "downstream_gene_variant", "tf_binding_site_variant", "regulatory_region_variant", "intergenic_variant",
    "intergenic_region",
)  # fmt: skip
"""Sequence Ontology terms, worst first, in the order that Ensembl gives them
(https://www.ensembl.org/info/genome/variation/prediction/predicted_data.html), SnpEff's own terms beside their kin."""

_RANK = {term: rank for rank, term in enumerate(SEVERITY)}
_SEVERAL = re.compile(r"[;,&|]")


def terms_of(value: str) -> list[str]:
    """The single terms of ``a&b`` or ``a;b``, in lower case and with ``_`` for spaces."""
    parts = (part.strip().lower().replace(" ", "_") for part in _SEVERAL.split(value))
    return [part for part in parts if part not in ("", ".")]


@lru_cache(maxsize=1 << 12)
def consequence_class(term: str | None) -> str | None:
    """The class of a term, the worst where several stand together (``a&b``, ``a;b``); ``other`` for unknown ones."""
    if term is None:
        return None
    found = {CLASS_OF.get(part, "other") for part in terms_of(term)}
    return min(found, key=CLASSES.index) if found else None


@lru_cache(maxsize=1 << 12)
def severity(value: str) -> tuple[int, str]:
    """Rank, 0 the worst, and term of the worst Sequence Ontology term in ``a&b``; unknown terms come last."""
    return min(((_RANK.get(term, len(SEVERITY)), term) for term in terms_of(value)), default=(len(SEVERITY), ""))
