"""Write the calls as Mutect2 with ANNOVAR, and as GATK joint calling, write them: text, block-gzipped, indexed."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from data_modules.sources.simulated.genes import CONTIGS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from data_modules.sources.simulated.genomes import Allele, Germline, Somatic

STAMP = "SIMULATED by data_modules.sources.simulated; not patients"
_ANNOVAR = "ANNOVAR_DATE=2020-06-08"
_INFO_ANNOVAR = "".join(
    f'##INFO=<ID={key},Number=.,Type=String,Description="{key} annotation provided by ANNOVAR">\n'
    for key in ("Func.refGene", "Gene.refGene", "GeneDetail.refGene", "ExonicFunc.refGene", "AAChange.refGene")
)
_INFO_FRAME = (
    '##INFO=<ID=ANNOVAR_DATE,Number=1,Type=String,Description="Start of ANNOVAR annotation for one allele">\n'
    '##INFO=<ID=ALLELE_END,Number=0,Type=Flag,Description="End of ANNOVAR annotation for one allele">\n'
)
_CONTIG_LINES = "".join(f"##contig=<ID={name},length={length},assembly=GRCh38>\n" for name, length in CONTIGS.items())
_SOMATIC_HEADER = (
    "##fileformat=VCFv4.2\n"
    f"##source={STAMP}\n"
    "##reference=GRCh38\n"
    '##FILTER=<ID=PASS,Description="Site contains at least one allele that passes filters">\n'
    '##FILTER=<ID=weak_evidence,Description="Mutation does not meet likelihood threshold">\n'
    '##FILTER=<ID=germline,Description="Evidence indicates this site is germline, not somatic">\n'
    '##FILTER=<ID=panel_of_normals,Description="Blacklisted site in panel of normals">\n'
    '##FILTER=<ID=strand_bias,Description="Evidence for alt allele comes from one read direction only">\n'
    '##FILTER=<ID=base_qual,Description="alt median base quality">\n'
    '##FILTER=<ID=clustered_events,Description="Clustered events observed in the tumor">\n'
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
    '##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Allelic depths for the ref and alt alleles">\n'
    '##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Approximate read depth">\n'
    '##FORMAT=<ID=AF,Number=A,Type=Float,Description="Allele fractions of alternate alleles in the tumor">\n'
    '##INFO=<ID=DP,Number=1,Type=Integer,Description="Approximate read depth">\n'
    '##INFO=<ID=TLOD,Number=A,Type=Float,Description="Log 10 likelihood ratio score of variant existing">\n'
    '##INFO=<ID=PON,Number=0,Type=Flag,Description="site found in panel of normals">\n'
    f"{_INFO_FRAME}{_INFO_ANNOVAR}{_CONTIG_LINES}"
)
_GERMLINE_HEADER = (
    "##fileformat=VCFv4.2\n"
    f"##source={STAMP}\n"
    "##reference=GRCh38\n"
    '##FILTER=<ID=PASS,Description="All filters passed">\n'
    '##FILTER=<ID=VQSRTrancheSNP99.90to100.00,Description="Truth sensitivity tranche level for SNP model">\n'
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
    '##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Allelic depths for the ref and alt alleles">\n'
    '##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Approximate read depth">\n'
    '##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="Genotype Quality">\n'
    '##FORMAT=<ID=PL,Number=G,Type=Integer,Description="Normalized, Phred-scaled likelihoods for genotypes">\n'
    '##INFO=<ID=AC,Number=A,Type=Integer,Description="Allele count in genotypes">\n'
    '##INFO=<ID=AF,Number=A,Type=Float,Description="Allele Frequency">\n'
    '##INFO=<ID=AN,Number=1,Type=Integer,Description="Total number of alleles in called genotypes">\n'
    '##INFO=<ID=DP,Number=1,Type=Integer,Description="Approximate read depth">\n'
    '##INFO=<ID=FS,Number=1,Type=Float,Description="Phred-scaled p-value to detect strand bias">\n'
    '##INFO=<ID=MQ,Number=1,Type=Float,Description="RMS Mapping Quality">\n'
    '##INFO=<ID=QD,Number=1,Type=Float,Description="Variant Confidence/Quality by Depth">\n'
    '##INFO=<ID=CLNSIG,Number=.,Type=String,Description="CLNSIG annotation provided by ANNOVAR">\n'
    f"{_INFO_FRAME}{_INFO_ANNOVAR}{_CONTIG_LINES}"
)


def write_somatic(path: Path, rng: np.random.Generator, somatic: Somatic, columns: dict[int, str]) -> None:
    """One row a site (position and reference), one column a sequenced patient (index → sample name)."""
    patients = list(columns)
    quality = rng.uniform(45, 95, size=len(patients))
    empty = [f"0/0:{depth},0:{depth}:0.00" for depth in range(600)]

    def rows() -> Iterator[str]:
        ordered = sorted(somatic.carriers)
        for (contig, position, ref), group in groupby(ordered, key=lambda a: (a.contig, a.position, a.ref)):
            alleles = list(group)
            depth = np.clip(rng.negative_binomial(8, 8 / (8 + quality)), 0, 599)
            calls = [empty[d] for d in depth.tolist()]
            if len(alleles) > 1:
                nought = ",0" * len(alleles)
                fractions = ",".join(["0.00"] * len(alleles))
                calls = [f"0/0:{d}{nought}:{d}:{fractions}" for d in depth.tolist()]
            for column in np.flatnonzero(rng.random(len(patients)) < 0.02).tolist():
                calls[column] = "./.:.:.:."
            for column, patient in enumerate(patients):
                fraction = [somatic.carriers[a].get(patient, 0.0) for a in alleles]
                if any(fraction):
                    calls[column] = _somatic_call(rng, max(int(depth[column]), 25), fraction)
            reason = next((somatic.filters[a] for a in alleles if a in somatic.filters), "PASS")
            carried = sum(len(somatic.carriers[a]) for a in alleles)
            lods = ",".join(f"{rng.uniform(6.5, 60):.2f}" for _ in alleles)
            info = f"DP={int(depth.sum())};TLOD={lods}" + (";PON" if reason == "panel_of_normals" else "")
            alts = ",".join(a.alt for a in alleles)
            info = ";".join([info, *(_annovar(a) for a in alleles)])
            if carried:
                yield f"{contig}\t{position}\t.\t{ref}\t{alts}\t.\t{reason}\t{info}\tGT:AD:DP:AF\t" + "\t".join(calls)

    _write(path, _SOMATIC_HEADER, list(columns.values()), rows())


def write_germline(path: Path, rng: np.random.Generator, germline: Germline, columns: dict[int, str]) -> None:
    """One row a site, one column a sequenced patient."""
    patients = np.array(list(columns))
    quality = rng.uniform(25, 45, size=len(patients))

    def rows() -> Iterator[str]:
        for allele in sorted(germline.copies):
            copies = germline.copies[allele][patients]
            depth = np.clip(rng.negative_binomial(10, 10 / (10 + quality)), 2, None)
            if allele.pathogenic:
                depth = np.maximum(depth, 22)
            missing = (rng.random(len(patients)) < 0.015) & ~(allele.pathogenic & (copies > 0))
            half = rng.binomial(depth, 0.5)
            if allele.pathogenic:
                half = np.clip(half, depth // 3, 2 * depth // 3)
            calls = [
                "./.:0,0:0:.:0,0,0" if gone else _germline_call(c, d, h)
                for c, d, h, gone in zip(copies.tolist(), depth.tolist(), half.tolist(), missing.tolist(), strict=True)
            ]
            number, called = int(copies[~missing].sum()), 2 * int((~missing).sum())
            if not number:
                continue
            reason = "PASS" if allele.pathogenic or rng.random() > 0.03 else "VQSRTrancheSNP99.90to100.00"
            info = (
                f"AC={number};AF={number / max(called, 1):.3f};AN={called};DP={int(depth.sum())};"
                f"FS={rng.exponential(2):.3f};MQ=60.00;QD={rng.uniform(8, 30):.2f};"
                f"{_annovar(allele, clinical='Pathogenic' if allele.pathogenic else '.')}"
            )
            score = f"{number * rng.uniform(250, 600):.2f}"
            yield (
                f"{allele.contig}\t{allele.position}\t.\t{allele.ref}\t{allele.alt}\t{score}\t{reason}\t{info}"
                "\tGT:AD:DP:GQ:PL\t" + "\t".join(calls)
            )

    _write(path, _GERMLINE_HEADER, list(columns.values()), rows())


def _somatic_call(rng: np.random.Generator, depth: int, fractions: Sequence[float]) -> str:
    reads = [max(3, int(rng.binomial(depth, f))) if f else 0 for f in fractions]
    carried = reads.index(max(reads)) + 1
    rest = max(depth - sum(reads), 1)
    total = rest + sum(reads)
    counts = ",".join(map(str, [rest, *reads]))
    return f"0/{carried}:{counts}:{total}:{','.join(f'{r / total:.3f}' for r in reads)}"


def _germline_call(copies: int, depth: int, half: int) -> str:
    quality, far = min(3 * depth, 99), 40 * depth
    if copies == 0:
        return f"0/0:{depth},0:{depth}:{quality}:0,{3 * depth},{far}"
    if copies == 2:
        return f"1/1:0,{depth}:{depth}:{quality}:{far},{3 * depth},0"
    weaker = min(half, depth - half)
    likelihood = 30 * max(weaker, 1)
    return f"0/1:{depth - half},{half}:{depth}:{min(likelihood, 99)}:{30 * max(half, 1)},0,{30 * max(depth - half, 1)}"


def _annovar(allele: Allele, *, clinical: str | None = None) -> str:
    """ANNOVAR's INFO block of one alternate allele: repeated per allele, ``;`` and ``=`` within values escaped."""
    kind, gene = allele.consequence, allele.gene
    function, name, detail, exonic, change = "exonic", gene, ".", str(kind), allele.change
    if kind == "splicing":
        # "exonic;splicing" and "splicing" both occur; the detail lacks the gene's name.
        function, exonic = ("exonic\\x3bsplicing", ".") if allele.position % 3 == 0 else ("splicing", ".")
        detail, change = allele.change.split(":", 1)[1], "."
    elif kind in ("intronic", "UTR3", "UTR5", "intergenic"):
        function, exonic, change = str(kind), ".", "."
        if kind == "intergenic":
            name = f"{gene}\\x3b{gene}-AS1"
            detail = f"dist\\x3d{allele.position % 90000}\\x3bdist\\x3d{allele.position % 70000}"
    parts = [
        _ANNOVAR,
        f"Func.refGene={function}",
        f"Gene.refGene={name}",
        f"GeneDetail.refGene={detail}",
        f"ExonicFunc.refGene={exonic}",
        f"AAChange.refGene={change or '.'}",
    ]
    if clinical is not None:
        parts.append(f"CLNSIG={clinical}")
    return ";".join([*parts, "ALLELE_END"])


def _write(path: Path, header: str, samples: Sequence[str], rows: Iterator[str]) -> None:
    import pysam

    columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *samples]
    with pysam.BGZFile(str(path), "wb", None) as file:
        file.write((header + "\t".join(columns) + "\n").encode())
        for row in rows:
            file.write((row + "\n").encode())
    pysam.tabix_index(str(path), preset="vcf", force=True)
