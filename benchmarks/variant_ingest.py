"""VCF to matrix and gene burdens: Hail, start and end of the JVM included, against cyvcf2 in one process.

    python benchmarks/variant_ingest.py [--sizes 2000 20000 200000] [--samples 200] [--real calls.vcf.gz] [--folder DIR]

Writes cohorts as GATK and ANNOVAR write them, and runs on each, as processes of their own: the ingest of
this package from an empty cache, the same again from its cache, and a plain loop over cyvcf2 that reads, filters
(FILTER, GQ, DP), splits, brings to minimal representation, annotates and writes the same store. Both then make the same
burdens. The stores must be equal, cell by cell. Prints wall seconds from the start of a process to its end, processor
seconds of it and its children (which other work on the machine moves less), and the largest memory of one process;
from the cache, also what importing alone costs.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pysam

from data_modules.genes.contigs import plain_contig
from data_modules.ingest.variants.annotation.annotate import annovar_annotations, tag_annotations
from data_modules.ingest.variants.annotation.records import Annotation
from data_modules.ingest.variants.annotation.settings import AnnotationSettings
from data_modules.ingest.variants.ingest import GenotypeFilters, SparkSettings, VariantIngest, VcfFile
from data_modules.ingest.variants.store import COLUMNS, MISSING, VariantStore, variant_names, write_store
from data_modules.modalities.variants.origin import OriginVariants

FILTERS = GenotypeFilters(accept=("PASS",), min_gq=20, min_dp=8)
DAMAGING = ("nonsynonymous", "stopgain", "frameshift", "splicing")
GENERATED = ("GRCh38", AnnotationSettings())
REAL = ("GRCh37", AnnotationSettings(format="info", gene="GENE", consequence="CSQ_MAF"))
LENGTH = 242_193_529

HEADER = """##fileformat=VCFv4.2
##FILTER=<ID=LowQual,Description="Low quality">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Allelic depths">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Read depth">
##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="Genotype quality">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=PL,Number=G,Type=Integer,Description="Phred-scaled likelihoods">
##INFO=<ID=AC,Number=A,Type=Integer,Description="Allele count">
##INFO=<ID=AN,Number=1,Type=Integer,Description="Alleles">
##INFO=<ID=DP,Number=1,Type=Integer,Description="Depth">
##INFO=<ID=FS,Number=1,Type=Float,Description="Strand bias">
##INFO=<ID=MQ,Number=1,Type=Float,Description="Mapping quality">
##INFO=<ID=QD,Number=1,Type=Float,Description="Quality by depth">
##INFO=<ID=ANNOVAR_DATE,Number=1,Type=String,Description="Flag the start of ANNOVAR annotation">
##INFO=<ID=ALLELE_END,Number=0,Type=Flag,Description="Flag the end of ANNOVAR annotation">
##contig=<ID=chr2,length=242193529>
"""
KEYS = ("Func", "Gene", "GeneDetail", "ExonicFunc", "AAChange")


def generate(path: Path, variants: int, samples: int) -> None:
    """A joint call: one line in thirty has two alternate alleles, one in twenty is not PASS."""
    rng = np.random.default_rng(variants)
    genes = [f"GENE{number}" for number in range(max(20, variants // 40))]
    pools = {alts: np.array([[_call(rng, dosage, alts) for _ in range(500)] for dosage in range(4)]) for alts in (1, 2)}
    positions = np.sort(rng.choice(LENGTH - 1000, variants, replace=False)) + 1
    with pysam.BGZFile(str(path), "wb") as stream:
        info = "".join(
            f'##INFO=<ID={key}.refGene,Number=.,Type=String,Description="{key}.refGene annotation">\n' for key in KEYS
        )
        names = "\t".join(f"S{number:03d}" for number in range(samples))
        stream.write(f"{HEADER}{info}#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{names}\n".encode())
        for at, position in enumerate(positions):
            alts = 2 if at % 30 == 0 else 1
            frequency = rng.beta(0.4, 4)
            codes = rng.binomial(2, frequency, samples)
            codes[rng.random(samples) < 0.01] = 3
            calls = "\t".join(pools[alts][codes, rng.integers(0, 500, samples)])
            gene = genes[at * len(genes) // variants]
            stream.write(f"{_site(rng, int(position), alts, gene)}\tGT:AD:DP:GQ:PL\t{calls}\n".encode())


def _call(rng: np.random.Generator, dosage: int, alts: int) -> str:
    depth = int(rng.integers(4, 60))
    quality = int(min(99, depth * 3))
    spare = ",0" * (alts - 1)
    if dosage == 3:
        return f"./.:0,0{spare}:0:.:0,0,0" + ",0,0,0" * (alts - 1)
    alt = int(rng.binomial(depth, dosage / 2))
    likelihoods = ("0,60,900", "500,0,600", "900,60,0")[dosage] + (",950,960,990" * (alts - 1))
    genotype = ("0/0", "0/1", "1/1" if alts == 1 else "1/2")[dosage]
    return f"{genotype}:{depth - alt},{alt}{spare}:{depth}:{quality}:{likelihoods}"


def _site(rng: np.random.Generator, position: int, alts: int, gene: str) -> str:
    bases = rng.permutation(list("ACGT"))
    ref, alt = (str(bases[0]), str(bases[1])) if rng.random() < 0.9 else (f"{bases[0]}{bases[1]}", str(bases[0]))
    blocks = []
    for _ in range(alts):
        exonic = rng.choice(["synonymous_SNV", "nonsynonymous_SNV", "stopgain"])
        function = rng.choice(["exonic", "intronic", "splicing", "UTR3", "intergenic"])
        change = f"{gene}:NM_001:exon2:c.G{position % 999}A:p.R{position % 333}H"
        values = [function, gene, ".", exonic if function == "exonic" else ".", change if function == "exonic" else "."]
        pairs = ";".join(f"{key}.refGene={value}" for key, value in zip(KEYS, values, strict=True))
        blocks.append(f"ANNOVAR_DATE=2020-06-08;{pairs};ALLELE_END")
    second = f",{bases[2]}" if alts == 2 else ""
    info = f"AC=12{',3' * (alts - 1)};AN=400;DP=6000;FS=0.512;MQ=60.00;QD=14.31;{';'.join(blocks)}"
    status = "LowQual" if rng.random() < 0.05 else "PASS"
    return f"chr2\t{position}\t.\t{ref}\t{alt}{second}\t812.77\t{status}\t{info}"


def run_ours(path: Path, out: Path, build: str, annotation: AnnotationSettings, memory: str) -> None:
    """Check, ingest, burdens."""
    ingest = VariantIngest(
        key="modality.variants",
        files=(VcfFile(path=path, origin="germline"),),
        filters={"somatic": FILTERS, "germline": FILTERS},
        annotation=annotation,
        build=build,
        spark=SparkSettings(driver_memory=memory),
        cache=out,
    )
    problems = ingest.check()
    if problems:
        raise SystemExit("\n".join(problems))
    ingest.run(lambda step, done, total: None)
    burdens(ingest.stores()["germline"], out)


def run_cyvcf2(path: Path, out: Path, build: str, annotation: AnnotationSettings) -> None:
    """The same by a loop over cyvcf2."""
    from cyvcf2 import VCF

    vcf = VCF(str(path))
    rows: dict[tuple[str, int, str, str], int] = {}
    notes: list[Annotation] = []
    blocks: list[np.ndarray] = []
    for record in vcf:
        if record.FILTER is not None and record.FILTER not in FILTERS.accept:
            continue
        low = np.zeros(len(vcf.samples), dtype=bool)
        if "GQ" in record.FORMAT:
            quality = record.format("GQ")[:, 0]
            low |= (quality >= 0) & (quality < 20)
        if "DP" in record.FORMAT:
            depth = record.format("DP")[:, 0]
            low |= (depth >= 0) & (depth < 8)
        elif "AD" in record.FORMAT:
            reads = record.format("AD")
            known = (reads >= 0).any(axis=1)
            low |= known & (np.where(reads >= 0, reads, 0).sum(axis=1) < 8)
        alleles = record.genotype.array()[:, :2]
        missing = (alleles < 0).any(axis=1) | low
        info = info_of(record, annotation)
        found = (
            tag_annotations(info, record.ALT, annotation)
            if annotation.gene
            else annovar_annotations(info, record.ALT, "refGene")
        )
        for number, alt in enumerate(record.ALT, start=1):
            key = (plain_contig(record.CHROM), *minimal(record.POS, record.REF, alt))
            dosage = np.where(missing, MISSING, (alleles == number).sum(axis=1)).astype(np.int8)
            if key in rows:
                np.maximum(blocks[rows[key]], dosage, out=blocks[rows[key]])
                continue
            rows[key] = len(rows)
            blocks.append(dosage)
            notes.append(found[number - 1] if found else Annotation())
    variants = pd.DataFrame(list(rows), columns=["contig", "position", "ref", "alt"])
    for column in COLUMNS[4:]:
        variants[column] = [getattr(note, column, None) for note in notes]
    write_store(
        out / "store",
        variants=variants.assign(origin="germline", file=path.name),
        dosage=np.stack(blocks),
        samples=vcf.samples,
        qc={},
        meta={"build": build, "origin": "germline"},
    )
    burdens(VariantStore.open(out / "store"), out)


def info_of(record: Any, annotation: AnnotationSettings) -> str:
    """What is needed of INFO; cyvcf2 keeps one of repeated keys, so lines of several alleles are read as text."""
    if len(record.ALT) > 1:
        return str(record).split("\t", 8)[7]
    asked = [annotation.gene, annotation.consequence] if annotation.gene else [f"{key}.refGene" for key in KEYS]
    values = ((key, record.INFO.get(key)) for key in asked if key and key != "GeneDetail.refGene")
    return ";".join(f"{key}={value}" for key, value in values if value is not None)


def minimal(position: int, ref: str, alt: str) -> tuple[int, str, str]:
    """Minimal representation: common bases off the right, then off the left, one stays."""
    while len(ref) > 1 and len(alt) > 1 and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    while len(ref) > 1 and len(alt) > 1 and ref[0] == alt[0]:
        position, ref, alt = position + 1, ref[1:], alt[1:]
    return position, ref, alt


def burdens(store: VariantStore, out: Path) -> None:
    """Damaging variants a patient and gene, written."""
    names = {sample: sample for sample in store.samples}
    table = OriginVariants.of_store(store, names, absent_is="reference", damaging=DAMAGING)
    genes, _ = table.genes
    np.save(out / "burden.npy", table.burden((), genes))


@dataclass(frozen=True)
class Cost:
    """Of a process with all its children: wall and processor seconds, and the most memory of one process, in MB."""

    wall: float
    processor: float
    memory: int


def timed(*arguments: object) -> Cost:
    """Run this file with arguments as a child process, to its end."""
    program = (
        "import resource, subprocess, sys; code = subprocess.run(sys.argv[1:]).returncode;"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN);"
        "print(used.ru_utime + used.ru_stime, used.ru_maxrss); sys.exit(code)"
    )
    begin = time.perf_counter()
    child = [sys.executable, __file__, *map(str, arguments)]
    told = subprocess.run([sys.executable, "-c", program, *child], check=True, stdout=subprocess.PIPE, text=True)
    processor, memory = told.stdout.split()[-2:]
    return Cost(wall=time.perf_counter() - begin, processor=float(processor), memory=int(memory) // 1024)


def compare(path: Path, kind: str, memory: str) -> None:
    """One line of the table; the stores are compared."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        ours, plain = Path(folder) / "ours", Path(folder) / "cyvcf2"
        plain.mkdir()
        first = timed("--run", "ours", kind, path, ours, memory)
        cached = timed("--run", "ours", kind, path, ours, memory)
        bare = timed("--run", "nothing", kind, path, ours, memory)
        other_way = timed("--run", "cyvcf2", kind, path, plain, memory)
        (made,) = (path for path in (ours / "variants").iterdir() if not path.name.startswith("."))
        mine = VariantStore.open(made / "germline")
        other = VariantStore.open(plain / "store")
        assert variant_names(mine.variants) == variant_names(other.variants), "variants differ"
        assert np.array_equal(mine.dosage, other.dosage), "dosages differ"
        assert mine.variants["gene"].equals(other.variants["gene"]), "genes differ"
        assert np.array_equal(np.load(ours / "burden.npy"), np.load(plain / "burden.npy")), "burdens differ"
        shape = f"{len(mine.variants)} x {len(mine.samples)}"
    cells = [path.name, shape]
    cells += [f"{value:.1f}" for value in (first.wall, other_way.wall, first.wall / other_way.wall)]
    cells += [f"{value:.1f}" for value in (first.processor, other_way.processor, first.processor / other_way.processor)]
    cells += [f"{cached.wall:.2f}", f"{bare.wall:.2f}", str(first.memory), str(other_way.memory)]
    show(cells)


COLUMNS_SHOWN = (
    *("file", "variants", "ours s", "cyvcf2 s", "ratio", "ours cpu s", "cyv. cpu s", "ratio"),
    *("cached s", "imports s", "ours MB", "cyv. MB"),
)


def show(cells: Sequence[str]) -> None:
    """A line of the table."""
    widths = (24, 15, *(10 for _ in cells[2:]))
    print(" ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True)), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="*", default=[2_000, 20_000, 200_000])
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--real", type=Path, help="the TransNEO VCF")
    parser.add_argument("--folder", type=Path, help="where generated files stay; default: a temporary one")
    parser.add_argument("--memory", default="3g", help="heap of the driver")
    parser.add_argument("--run", nargs=5, metavar=("HOW", "KIND", "VCF", "OUT", "MEMORY"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.run:
        how, kind, path, out, memory = given.run
        build, annotation = REAL if kind == "real" else GENERATED
        if how == "ours":
            run_ours(Path(path), Path(out), build, annotation, memory)
        elif how == "cyvcf2":
            run_cyvcf2(Path(path), Path(out), build, annotation)
        return
    show(COLUMNS_SHOWN)
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for size in given.sizes:
            path = folder / f"generated_{given.samples}_{size}.vcf.gz"
            if not path.exists():
                generate(path, size, given.samples)
            compare(path, "generated", given.memory)
        if given.real:
            link = Path(temporary) / given.real.name
            link.symlink_to(given.real.resolve())
            compare(link, "real", given.memory)


if __name__ == "__main__":
    main()
