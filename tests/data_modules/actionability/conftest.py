"""A release of invented genes, written by hand in CIViC's columns."""

from __future__ import annotations

from pathlib import Path

import pytest

VARIANTS = """\
variant_id gene variant chromosome start stop reference_bases variant_bases reference_build variant_types hgvs_descriptions
1 MADEUP1 V10E 1 1000 1000 A T GRCh37 missense_variant NM_1.2:c.29T>A,NC_000001.10:g.1000A>T,NC_000001.11:g.2000A>T
2 MADEUP1 V10 _ _ _ _ _ _ protein_altering_variant _
3 MADEUP1 Mutation _ _ _ _ _ _ gene_variant,gain_of_function_variant _
4 MADEUP1 EXON~2~DELETION 1 900 1100 _ _ GRCh37 inframe_deletion _
5 MADEUP1 Overexpression _ _ _ _ _ _ N/A _
6 MADEUP2 Loss-of-function _ _ _ _ _ _ loss_of_function_variant _
7 MADEUP2 Amplification _ _ _ _ _ _ transcript_amplification _
8 MADEUP2 H20X _ _ _ _ _ _ _ _
9 MADEUP2 W30X _ _ _ _ _ _ stop_gained _
10 MADEUP2 S40F/Y _ _ _ _ _ _ missense_variant _
11 MADEUP2 P50FS 2 500 501 _ GA GRCh37 frameshift_truncation _
12 MADEUP3 MADEUP4::MADEUP3 _ _ _ _ _ _ transcript_fusion _
13 MADEUP3 R60=~(c.180A>G) 3 180 180 A G GRCh37 synonymous_variant NM_3.1:c.180A>G,NP_3.1:p.Arg60=
"""  # noqa: E501
PROFILES = """\
name molecular_profile_id variant_ids
MADEUP1~V10E 101 1
MADEUP1~V10 102 2
MADEUP1~Mutation 103 3
NOT~MADEUP1~V10E 104 1
MADEUP1~V10E~AND~MADEUP2~Amplification 105 1,7
MADEUP2~Amplification~AND~(~MADEUP1~V10E~OR~MADEUP1~V10~) 106 7,2,1
MADEUP2~Amplification 107 7
MADEUP1~V10E~AND~MADEUP2~Amplification~OR~MADEUP2~H20X 108 1,7,8
MADEUP1~Mutation~AND~NOT~MADEUP1~V10E 109 3,1
Elsewhere 110 99
MADEUP2~Loss-of-function 111 6
"""
EVIDENCE = """\
molecular_profile_id evidence_id evidence_level evidence_direction significance therapies therapy_interaction_type disease
101 1 A Supports Sensitivity/Response Aimab,Binib Combination Kidney~Cancer
101 2 B Does~Not~Support Resistance Binib _ Lung~Cancer
101 3 D Supports Resistance Aimab,Cinib Substitutes Kidney~Cancer
102 4 B Supports Sensitivity/Response 2,4-dimethine _ Cancer
103 5 B Supports Sensitivity/Response Aimab _ Kidney~Cancer
104 6 B Supports Sensitivity/Response Aimab _ Kidney~Cancer
105 7 B Supports Resistance Aimab _ Kidney~Cancer
106 8 B Supports Resistance Binib,Cinib Sequential Kidney~Cancer
107 9 B Supports Resistance Aimab _ Kidney~Cancer
108 10 B Supports Resistance Aimab _ Kidney~Cancer
109 11 B Supports Resistance Aimab _ Kidney~Cancer
111 12 B Supports Sensitivity/Response Aimab _ <b>Odd</b>~Cancer
"""  # noqa: E501


def table(text: str, **more: str) -> str:
    rows = [[cell if cell != "_" else "" for cell in line.split(" ")] for line in text.splitlines()]
    for at, row in enumerate(rows):
        row[:] = [cell if at == 0 else cell.replace("~", " ") for cell in row]
        row += list(more) if at == 0 else list(more.values())
    return "\n".join("\t".join(row) for row in rows) + "\n"


@pytest.fixture
def civic(tmp_path: Path) -> Path:
    folder = tmp_path / "civic"
    folder.mkdir()
    variants = table(VARIANTS, variant_civic_url="https://example.org/v")
    (folder / "02-Jan-2030-VariantSummaries.tsv").write_text(variants)
    profiles = table(PROFILES).replace("7,2,1", "7, 2, 1")
    (folder / "02-Jan-2030-MolecularProfileSummaries.tsv").write_text(profiles)
    more = dict.fromkeys(("doid", "citation", "rating", "evidence_civic_url"), "") | {
        "evidence_type": "Predictive", "variant_origin": "Somatic", "is_flagged": "false"
    }  # fmt: skip
    (folder / "02-Jan-2030-ClinicalEvidenceSummaries.tsv").write_text(table(EVIDENCE, **more))
    return folder
