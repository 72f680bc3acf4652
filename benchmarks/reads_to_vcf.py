"""Reads of 24 samples whose variants are known → variants, by the real tools.

    python benchmarks/reads_to_vcf.py --work /tmp/reads --kb 200 --caller freebayes

Sixteen patients with a normal (40×), eight of them with a tumour (80×, purity 30 %, somatic variants heterozygous), on
a random reference of two contigs; germline SNVs, indels and multi-allelic places. Prints recall, precision, genotypes,
burdens against planted ones, and how a small training run ends. Calls are compared by minimal representation. The
contigs are shorter than chromosomes, which `modality.variants` would refuse as another genome: their lengths are taken
out of the headers before it reads them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from pysam import VariantFile

from tests.helpers.ingest import COHORT
from tests.helpers.reads import Planted, gene_at, gene_starts, person, plant, write_reads, write_reference

PATIENTS = [f"P{number:02d}" for number in range(16)]
PAIRS = 8
"""How many of the patients have a tumour too."""
PURITY, TUMOUR, NORMAL = 0.3, 80, 40
_AMINO = dict(
    zip(
        ("".join(codon) for codon in product("TCAG", repeat=3)),
        "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
        strict=True,
    )
)
"""The standard code, codons in the order of T, C, A, G."""
Genotypes = dict[Planted, tuple[int, int]]
Calls = dict[tuple[str, int, str, str], int]


def damaging(genome: dict[str, str], one: Planted) -> str | None:
    """The gene whose protein a variant changes or cuts, by its own translation.

    None outside genes, where the protein stays, and where it gains or loses whole codons, unless they make a stop.
    """
    text = genome[one.contig]
    first = one.position + (len(one.ref) != len(one.alt))  # the base before an indel stays
    gene = gene_at(one.contig, first, len(text))
    if gene is None:
        return None
    start = next(at for at in gene_starts(len(text)) if at <= first < at + 900)
    if len(one.ref) != len(one.alt):
        if (len(one.ref) - len(one.alt)) % 3:
            return gene
        at = one.position - start
        frame = text[start - 1 : start + 899]
        changed = frame[:at] + one.alt + frame[at + len(one.ref) :]
        return gene if "*" in _protein(changed)[:-1] else None
    codon = start + (one.position - start) // 3 * 3
    before = text[codon - 1 : codon + 2]
    after = before[: one.position - codon] + one.alt + before[one.position - codon + 1 :]
    return gene if _AMINO[before] != _AMINO[after] else None


def _protein(bases: str) -> str:
    return "".join(_AMINO[bases[at : at + 3]] for at in range(0, len(bases) - 2, 3))


def simulate(root: Path, kb: int) -> tuple[dict[str, str], dict[str, Genotypes]]:
    """Reference, reads and truth."""
    contigs = {"chr17": int(kb * 600), "chr13": int(kb * 400)}
    fasta = root / "ref/genome.fa"
    there = fasta.exists()  # a run that was stopped goes on: files that are written again would be used again
    genome = read_fasta(fasta) if there else write_reference(fasta, contigs=contigs, seed=1)
    rng = np.random.default_rng(7)
    shared = plant(genome, number=int(kb * 0.6), seed=2)
    turn = "ACGT"
    second = {one: Planted(one.contig, one.position, one.ref, next(b for b in turn if b not in one.ref + one.alt))
              for one in shared[::12] if len(one.ref) == len(one.alt) == 1}  # fmt: skip
    taken = {(one.contig, one.position) for one in shared}
    pool = [one for one in plant(genome, number=int(kb * 3), seed=3, apart=30)
            if all((one.contig, one.position + by) not in taken for by in range(-40, 41))]  # fmt: skip
    rng.shuffle(pool)  # type: ignore[arg-type]
    truth: dict[str, Genotypes] = {}
    each = min(int(kb * 0.2), len(pool) // 12)
    for number, patient in enumerate(PATIENTS):
        normal: Genotypes = {}
        for one in shared:
            sides = [(0, 0), (0, 1), (1, 0), (1, 1)][rng.choice(4, p=[0.4, 0.2, 0.2, 0.2])]
            if one in second and rng.random() < 0.5:
                normal |= {one: (1, 0), second[one]: (0, 1)}
            elif any(sides):
                normal[one] = sides
        somatic: Genotypes = {}
        for one in sorted(pool[number * each : (number + 1) * each]):
            last = max((two.position for two in somatic if two.contig == one.contig), default=-100)
            if one.position - last > 40:
                somatic[one] = (0, 1)
        made = {f"{patient}-N": (normal, person(genome, normal, NORMAL))}
        if number < PAIRS:
            cancer = person(genome, normal | somatic, TUMOUR * PURITY)
            made[f"{patient}-T"] = (somatic, [*person(genome, normal, TUMOUR * (1 - PURITY)), *cancer])
        for at, (sample, (genotypes, parts)) in enumerate(made.items()):
            truth[sample] = genotypes
            if not (root / "fastq" / f"{sample}_R2.fastq.gz").exists():
                write_reads(root / "fastq", sample, parts, seed=100 * (at + 1) + number)
    return genome, truth


def read_fasta(path: Path) -> dict[str, str]:
    """Contig → sequence."""
    parts = (part.split("\n", 1) for part in path.read_text().split(">")[1:])
    return {name: text.replace("\n", "") for name, text in parts}


def calls(path: Path, sample: str) -> Calls:
    """Alternate alleles of lines that pass, normalised by the workflow."""
    found: Calls = {}
    with VariantFile(str(path)) as file:
        for line in file:
            number = sum(one or 0 for one in line.samples[sample]["GT"])
            if number and list(line.filter) == ["PASS"]:
                found[line.contig, line.pos, line.ref, str(line.alts[0])] = number  # type: ignore[index]
    return found


def score(out: Path, truth: dict[str, Genotypes]) -> dict[str, dict[str, float]]:
    """Over all samples, germline and somatic, all and by kind: planted, called, both, right genotypes."""
    totals: dict[str, dict[str, float]] = {}
    for sample, genotypes in truth.items():
        kind = "somatic" if sample.endswith("-T") else "germline"
        path = out / (f"somatic/{sample}.vcf.gz" if kind == "somatic" else "germline.vcf.gz")
        wanted = {(one.contig, one.position, one.ref, one.alt): sum(sides) for one, sides in genotypes.items()}
        made = calls(path, sample)
        kinds = kinds_of({*wanted, *made})
        for name in (kind, *(f"{kind}, {one}" for one in ("SNV", "indel", "multi-allelic"))):
            mine = {key for key in kinds if name in (kind, f"{kind}, {kinds[key]}")}
            both = set(wanted) & set(made) & mine
            part = totals.setdefault(name, dict.fromkeys(("planted", "called", "both", "genotype"), 0))
            counts = {"planted": len(mine & set(wanted)), "called": len(mine & set(made)), "both": len(both)}
            for key, value in (counts | {"genotype": sum(wanted[one] == made[one] for one in both)}).items():
                part[key] += value
    totals = {name: part for name, part in totals.items() if part["planted"] or part["called"]}
    for part in totals.values():
        part |= {"recall": _share(part["both"], part["planted"]), "precision": _share(part["both"], part["called"]),
                 "genotypes_right": _share(part["genotype"], part["both"])}  # fmt: skip
    return totals


def _share(part: float, of: float) -> float:
    return part / of if of else float("nan")


def kinds_of(alleles: set[tuple[str, int, str, str]]) -> dict[tuple[str, int, str, str], str]:
    """Of a sample's alleles, planted or called: two at one place are multi-allelic."""
    places = Counter((contig, at) for contig, at, _, _ in alleles)
    return {
        one: "multi-allelic" if places[one[:2]] > 1 else "SNV" if len(one[2]) == len(one[3]) else "indel"
        for one in alleles
    }


def without_lengths(out: Path, target: Path) -> None:
    """Copies of the results whose headers name contigs without a length."""
    for path in sorted(out.rglob("*.vcf.gz")):
        if "work" in path.relative_to(out).parts:
            continue
        text = subprocess.run(["bcftools", "view", str(path)], capture_output=True, text=True, check=True).stdout
        lines = [f"{line.split(',')[0]}>" if line.startswith("##contig=<") else line for line in text.splitlines()]
        made = target / path.relative_to(out)
        made.parent.mkdir(parents=True, exist_ok=True)
        content = "\n".join(line for line in lines if not line.startswith("##reference")) + "\n"
        subprocess.run(["bgzip", "-c"], input=content.encode(), stdout=made.open("wb"), check=True)


def cohort(root: Path, reads: str) -> Path:
    """``conf/cohort/mine.yaml`` and a clinical table."""
    (root / "conf/cohort").mkdir(parents=True, exist_ok=True)
    text = COHORT.format(name="variants", option="variants_from_reads", root=root) + reads
    (root / "conf/cohort/mine.yaml").write_text(text)
    rows = "".join(f"{one}\t{('yes', 'no')[at % 2]}\n" for at, one in enumerate(PATIENTS))
    (root / "clinical.tsv").write_text(f"id\toutcome\n{rows}")
    return root / "conf"


def burdens(root: Path, conf: Path) -> pd.DataFrame:
    """(patient, gene) as `modality.variants` computes them, through Hail."""
    from data_modules.ingest.common.command import modalities_of
    from data_modules.modalities.variants.vcf import Variants

    overrides = ["cohort=mine", f"cache={root / 'cache'}", "modality.variants.selector.method=none",
                 "modality.variants.selector.univariate=null", "modality.variants.selector.min_prevalence=0",
                 "modality.variants.selector.min_carriers=0", "modality.variants.features=[burden]"]  # fmt: skip
    (modality,) = modalities_of(overrides, conf, kind=Variants, lacking="variants")
    problems = modality.check()
    if problems:
        raise SystemExit("\n".join(problems))
    modality.prepare(lambda step, done, total: None)
    ids = PATIENTS[:PAIRS]
    fitted = modality.fit(ids, np.array([at % 2 for at in range(PAIRS)]))
    counts = {one: {gene: text.count(",") + 1 for gene, text in fitted.carried(one).items()} for one in ids}
    return pd.DataFrame.from_dict(counts, orient="index").reindex(ids).fillna(0).astype(int)


def _genes(genome: dict[str, str], truth: dict[str, Genotypes]) -> set[str]:
    tumours = [genotypes for sample, genotypes in truth.items() if sample.endswith("-T")]
    return {gene for genotypes in tumours for one in genotypes if (gene := damaging(genome, one))}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--kb", type=int, default=200)
    parser.add_argument("--caller", default="freebayes", choices=["freebayes", "bcftools"])
    parser.add_argument("--annotation", default="snpeff", choices=["csq", "snpeff"])
    parser.add_argument("--cores", type=int, default=2, help="of the workflow; SnpEff runs one at a time")
    parser.add_argument("--duplicates", default="samtools", choices=["samtools", "sambamba"])
    given = parser.parse_args()
    root = given.work.absolute()
    genome, truth = simulate(root, given.kb)
    notes = "{tool: csq, gff: ref/genome.gff3}" if given.annotation == "csq" else "{tool: snpeff, gtf: ref/genome.gtf}"
    conf = cohort(
        root,
        f"""\
    files:
    - {{path: 'read/germline.vcf.gz', origin: germline}}
    - {{path: 'read/somatic/*.vcf.gz', origin: somatic}}
    sample_sheet: {{file: variants/patients.tsv, key: sample, patient: patient}}
    reads:
      {{folder: fastq, reference: ref/genome.fa, caller: {given.caller}, interval_size: 40000, annotation: {notes},
       duplicates: {given.duplicates}, cores: {given.cores},
       snakemake: [--resources, mem_mb=3000]}}
""",
    )
    begin = time.monotonic()
    line = [
        sys.executable,
        "-m",
        "data_modules.ingest.reads",
        "--config-dir",
        str(conf),
        "cohort=mine",
        f"cache={root / 'cache'}",
    ]
    done = subprocess.run(line, check=False)
    if done.returncode:
        return done.returncode
    found: dict[str, object] = {"seconds": round(time.monotonic() - begin), "kb": given.kb, "caller": given.caller,
                                "annotation": given.annotation, **score(root / "variants", truth)}  # fmt: skip
    print(json.dumps(found, indent=1), flush=True)
    without_lengths(root / "variants", root / "read")
    table = burdens(root, conf)
    planted = pd.DataFrame(0, index=PATIENTS[:PAIRS], columns=sorted({*table.columns, *_genes(genome, truth)}))
    for patient in planted.index:
        for one in truth[f"{patient}-T"]:
            gene = damaging(genome, one)
            if gene:
                planted.loc[patient, gene] += 1
    made = table.reindex(columns=planted.columns, fill_value=0)
    apart = {
        f"{patient} {gene}": int(made.loc[patient, gene] - planted.loc[patient, gene])
        for patient in planted.index
        for gene in planted.columns
    }
    found |= {
        "burdens": int(planted.to_numpy().sum()),
        "cells": planted.size,
        "cells_that_differ": {cell: by for cell, by in apart.items() if by},
    }
    print(json.dumps(found, indent=1), flush=True)
    line = [sys.executable, "-m", "fusion.train", "--config-dir", str(conf), "cohort=mine", f"cache={root / 'cache'}",
            "folds.outer=2", "folds.inner=2", "trainer.max_epochs=3", "trainer.min_epochs=1",
            "arms=[fusion,classical_lr]",
            f"output={root / 'run'}", "modality.variants.selector.min_carriers=1",
            "modality.variants.files=[{path: read/germline.vcf.gz, origin: germline}]",
            "modality.variants.max_germline_frequency=0.5", "modality.variants.features=[burden]"]  # fmt: skip
    found["train_exit_code"] = subprocess.run(line, check=False).returncode
    (root / "figures.json").write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
