"""Sequencing reads of people whose variants are known: a reference, what is planted in it, FASTQ of it."""

from __future__ import annotations

import gzip
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

BASES = "ACGT"
LENGTH, INSERT = 100, 320
"""Bases of a read, and mean of those from the first mate's start to the second's end."""
ERROR = 0.002


@dataclass(frozen=True, order=True)
class Planted:
    """A variant in minimal representation, indels to the left; place from 1."""

    contig: str
    position: int
    ref: str
    alt: str


def write_reference(path: Path, *, contigs: Mapping[str, int], seed: int) -> dict[str, str]:
    """Random sequence with .fai, aligner's index and genes of 900 coding bases every kilobase; contig → sequence."""
    rng = np.random.default_rng(seed)
    genome = {name: "".join(np.array(list(BASES))[rng.integers(0, 4, length)]) for name, length in contigs.items()}
    for name in genome:
        genome[name] = _open_frames(genome[name])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f">{name}\n{wrapped(sequence)}" for name, sequence in genome.items()), encoding="utf-8")
    subprocess.run(["samtools", "faidx", str(path)], check=True)
    subprocess.run(["bwa", "index", str(path)], check=True, capture_output=True)
    write_genes(path.with_suffix(".gtf"), path.with_suffix(".gff3"), genome)
    return genome


def wrapped(sequence: str) -> str:
    """In lines of 60."""
    return "".join(f"{sequence[at : at + 60]}\n" for at in range(0, len(sequence), 60))


def gene_starts(length: int) -> range:
    """Where genes begin, from 1; each is 900 bases, one exon, forward."""
    return range(501, length - 1500, 1000)


def gene_at(contig: str, position: int, length: int) -> str | None:
    """The gene that a place lies in."""
    for start in gene_starts(length):
        if start <= position < start + 900:
            return f"G{contig}_{start}"
    return None


def _open_frames(sequence: str) -> str:
    """Genes without a stop before their last codon."""
    text = list(sequence)
    for start in gene_starts(len(sequence)):
        text[start - 1 : start + 2] = "ATG"
        for at in range(start + 2, start + 896, 3):
            if "".join(text[at : at + 3]) in ("TAA", "TAG", "TGA"):
                text[at : at + 3] = "GCA"
        text[start + 896 : start + 899] = "TAA"
    return "".join(text)


def write_genes(gtf: Path, gff: Path, genome: Mapping[str, str]) -> None:
    """The same genes as GTF (SnpEff) and as GFF3 in Ensembl's style (bcftools csq)."""
    rows, lines = [], ["##gff-version 3"]
    for contig, sequence in genome.items():
        for start in gene_starts(len(sequence)):
            gene, end = f"G{contig}_{start}", start + 899
            tags = f'gene_id "{gene}"; transcript_id "{gene}.t"; gene_name "{gene}"; gene_biotype "protein_coding";'
            for kind in ("exon", "CDS"):
                rows.append(f"{contig}\ttest\t{kind}\t{start}\t{end}\t.\t+\t0\t{tags}")
            place = f"{start}\t{end}\t.\t+"
            lines += [
                f"{contig}\ttest\tgene\t{place}\t.\tID=gene:{gene};Name={gene};biotype=protein_coding",
                f"{contig}\ttest\tmRNA\t{place}\t.\tID=transcript:{gene}.t;Parent=gene:{gene};biotype=protein_coding",
                f"{contig}\ttest\texon\t{place}\t.\tParent=transcript:{gene}.t",
                f"{contig}\ttest\tCDS\t{place}\t0\tParent=transcript:{gene}.t",
            ]
    gtf.write_text("\n".join(rows) + "\n", encoding="utf-8")
    gff.write_text("\n".join(lines) + "\n", encoding="utf-8")


def plant(genome: Mapping[str, str], *, number: int, seed: int, apart: int = 60, edge: int = 400) -> list[Planted]:
    """SNVs, and one indel in four (to 6 bases), at least `apart` bases from one another, left-aligned."""
    rng = np.random.default_rng(seed)
    free = [(contig, at) for contig, text in genome.items() for at in range(edge, len(text) - edge, apart)]
    chosen = rng.choice(len(free), size=number, replace=False)
    made = []
    for index, place in enumerate(sorted(chosen)):
        contig, at = free[int(place)]
        text = genome[contig]
        if index % 4 < 3:
            alt = str(rng.choice([base for base in BASES if base != text[at]]))
            made.append(Planted(contig, at + 1, text[at], alt))
            continue
        size = int(rng.integers(1, 7))
        if index % 8 == 3:
            extra = "".join(rng.choice(list(BASES), size))
            made.append(left_aligned(text, Planted(contig, at + 1, text[at], text[at] + extra)))
        else:
            made.append(left_aligned(text, Planted(contig, at + 1, text[at : at + size + 1], text[at])))
    return made


def left_aligned(text: str, one: Planted) -> Planted:
    """As far to the left as the same change can stand (Tan et al. 2015)."""
    position, ref, alt = one.position, one.ref, one.alt
    while True:
        if ref[-1] == alt[-1] and (len(ref) == 1 or len(alt) == 1):
            before = text[position - 2]
            position, ref, alt = position - 1, before + ref, before + alt
        if ref[-1] == alt[-1]:
            ref, alt = ref[:-1], alt[:-1]
        else:
            break
    return Planted(one.contig, position, ref, alt)


def haplotype(text: str, variants: Sequence[Planted]) -> str:
    """The sequence with the variants in it."""
    pieces, end = [], 0
    for one in sorted(variants):
        pieces += [text[end : one.position - 1], one.alt]
        end = one.position - 1 + len(one.ref)
    return "".join([*pieces, text[end:]])


_CODE = np.zeros(256, dtype=np.uint8)
_CODE[[ord(base) for base in BASES]] = range(4)
_LETTER = np.frombuffer(BASES.encode(), dtype=np.uint8)


def write_reads(
    folder: Path, name: str, parts: Sequence[tuple[Mapping[str, str], float]], *, seed: int, paired: bool = True
) -> int:
    """``<name>_R1.fastq.gz`` and ``_R2``, of each part (contig → sequence, depth) its share; how many.

    Fragments at uniform places, lengths normal about `INSERT`, bases wrong by a chance of `ERROR`, qualities 30 to 40.
    """
    rng = np.random.default_rng(seed)
    ones, twos = [], []
    for genome, depth in parts:
        for text in genome.values():
            codes = _CODE[np.frombuffer(text.encode(), dtype=np.uint8)]
            number = int(rng.poisson(len(text) * depth / LENGTH / (2 if paired else 1)))
            size = np.clip(rng.normal(INSERT, 25, number).round().astype(int), LENGTH, len(text) - 1)
            start = (rng.random(number) * (len(text) - size)).astype(int)
            left = codes[start[:, None] + np.arange(LENGTH)]
            right = 3 - codes[(start + size - 1)[:, None] - np.arange(LENGTH)]
            turned = rng.random(number) < 0.5
            ones.append(np.where(turned[:, None], right, left))
            twos.append(np.where(turned[:, None], left, right))
    order = rng.permutation(sum(len(part) for part in ones))
    folder.mkdir(parents=True, exist_ok=True)
    for mate, made in ((1, ones), (2, twos))[: 2 if paired else 1]:
        codes = np.concatenate(made)[order]
        wrong = rng.random(codes.shape) < ERROR
        codes = np.where(wrong, (codes + rng.integers(1, 4, codes.shape)) % 4, codes)
        quality = (rng.integers(30, 41, codes.shape) + 33).astype(np.uint8)
        letters = _LETTER[codes]
        with gzip.open(folder / f"{name}_R{mate}.fastq.gz", "wb", compresslevel=1) as stream:
            stream.writelines(
                b"@%s:%d/%d\n%s\n+\n%s\n" % (name.encode(), at, mate, letters[at].tobytes(), quality[at].tobytes())
                for at in range(len(order))
            )
    return len(order)


def person(
    genome: Mapping[str, str], genotypes: Mapping[Planted, tuple[int, int]], depth: float
) -> list[tuple[Mapping[str, str], float]]:
    """Two haplotypes, each with half of the depth.

    Args:
        genome: the reference.
        genotypes: variant → whether either haplotype bears it.
        depth: of both together.
    """
    made = []
    for side in (0, 1):
        mine = [one for one, bears in genotypes.items() if bears[side]]
        made.append(
            (
                {name: haplotype(text, [one for one in mine if one.contig == name]) for name, text in genome.items()},
                depth / 2,
            )
        )
    return made
