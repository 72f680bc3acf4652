"""Draw the variants of a cohort: drivers first, since they decide whose repair is deficient; passengers after."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace

import numpy as np

from data_modules.sources.simulated.genes import (
    CONTIGS,
    DRIVERS,
    GERMLINE_PATHOGENIC,
    PASSENGERS,
    Consequence,
    Gene,
)

_BASES = "ACGT"
_RESIDUES = "ACDEFGHIKLMNPQRSTVWY"
_FILLERS = 4000
FILTERS = (
    "weak_evidence",
    "germline",
    "panel_of_normals",
    "strand_bias",
    "base_qual;weak_evidence",
    "clustered_events",
)


@dataclass(frozen=True, order=True)
class Allele:
    """One alternate allele with its annotation; sorts by place."""

    contig_index: int
    position: int
    ref: str
    alt: str
    gene: str = field(compare=False)
    consequence: Consequence = field(compare=False)
    change: str = field(compare=False, default="")
    """As in AAChange.refGene, or GeneDetail.refGene for splicing."""
    pathogenic: bool = field(compare=False, default=False)

    @property
    def contig(self) -> str:
        """Its chromosome, without ``chr``."""
        return f"chr{(*range(1, 23), 'X', 'Y')[self.contig_index]}"


@dataclass(kw_only=True)
class Somatic:
    """Somatic calls of all patients.

    Attributes:
        carriers: allele → {patient's index: variant allele fraction}.
        filters: why a caller rejected an allele's site, where it did.
        deficient: patients' indices whose driver variants make repair deficient.
        causes: index → the alleles that do.
    """

    carriers: dict[Allele, dict[int, float]]
    filters: dict[Allele, str]
    deficient: set[int]
    causes: dict[int, list[Allele]]


def draw_drivers(rng: np.random.Generator, patients: int) -> Somatic:
    """Damaging variants in driver genes: each gene hits its published share of patients, to the nearest patient."""
    carriers: dict[Allele, dict[int, float]] = defaultdict(dict)
    causes: dict[int, list[Allele]] = defaultdict(list)
    for gene in DRIVERS:
        number = int(gene.frequency * patients + rng.random())
        for patient in rng.permutation(patients)[:number].tolist():
            allele = _driver_allele(rng, gene)
            carriers[allele][patient] = float(rng.uniform(0.18, 0.62))
            if gene.repair:
                causes[patient].append(allele)
    return Somatic(carriers=dict(carriers), filters={}, deficient=set(causes), causes=dict(causes))


def add_passengers(rng: np.random.Generator, somatic: Somatic, patients: int, deficient: set[int]) -> None:
    """Add what does not matter, and what the caller rejected.

    Deficient repair leaves a footprint, as in life: 1.8 times the passengers and 20 instead of 5 % indels, both with
    so wide a spread over patients that the groups overlap. Passengers in driver genes are benign.
    """
    pool = _Pool.build(rng)
    shared: list[Allele] = []
    for patient in range(patients):
        lacks = patient in deficient
        number = max(3, int(rng.lognormal(np.log(22.0 * (1.8 if lacks else 1.0)), 0.35)))
        indels = rng.beta(80 * 0.20, 80 * 0.80) if lacks else rng.beta(80 * 0.05, 80 * 0.95)
        for gene in pool.draw(rng, number):
            allele = _passenger_allele(rng, gene, indel=bool(rng.random() < indels))
            if len(allele.ref) == len(allele.alt) == 1:
                # A few sites are hit twice, with another alternate base: the multi-allelic rows.
                shared.append(allele)
                if rng.random() < 0.02:
                    allele = _other_alternate(rng, shared[int(rng.integers(len(shared)))])
            somatic.carriers.setdefault(allele, {})[patient] = min(max(float(rng.beta(3, 9)), 0.05), 0.95)
    for _ in range(int(2.2 * patients)):
        gene = DRIVERS[int(rng.integers(len(DRIVERS)))] if rng.random() < 0.3 else pool.draw(rng, 1)[0]
        allele = _novel(rng, gene, "nonsynonymous_SNV")
        if allele not in somatic.carriers:
            found = rng.permutation(patients)[: rng.integers(1, 4)].tolist()
            somatic.carriers[allele] = {patient: float(rng.uniform(0.02, 0.08)) for patient in found}
            somatic.filters[allele] = str(rng.choice(FILTERS))


@dataclass(kw_only=True)
class Germline:
    """Germline calls of all patients.

    Attributes:
        copies: allele → alternate copies of every patient, ``(patient,)`` int8.
        causes: patient's index → the pathogenic alleles carried.
    """

    copies: dict[Allele, np.ndarray[tuple[int], np.dtype[np.int8]]]
    causes: dict[int, list[Allele]]


def draw_germline(rng: np.random.Generator, patients: int, polymorphisms: int = 900) -> Germline:
    """Common polymorphisms in Hardy–Weinberg proportions; founder mutations of BRCA1/2 in 5 to 6 % of patients."""
    copies: dict[Allele, np.ndarray[tuple[int], np.dtype[np.int8]]] = {}
    causes: dict[int, list[Allele]] = {}
    free = rng.permutation(patients).tolist()
    for symbol, contig, site, share in GERMLINE_PATHOGENIC:
        index = list(CONTIGS).index(contig)
        allele = Allele(
            index,
            site.position,
            site.ref,
            site.alt,
            symbol,
            site.consequence,
            _change(symbol, site.change),
            pathogenic=True,
        )
        dosage = np.zeros(patients, dtype=np.int8)
        for _ in range(int(share * patients + rng.random())):
            if free:
                patient = free.pop()
                dosage[patient] = 1
                causes[patient] = [allele]
        copies[allele] = dosage
    pool = _Pool.build(rng)
    for _ in range(polymorphisms):
        gene = DRIVERS[int(rng.integers(len(DRIVERS)))] if rng.random() < 0.25 else pool.draw(rng, 1)[0]
        missense = not gene.frequency and rng.random() < 0.4
        kind = "nonsynonymous_SNV" if missense else str(rng.choice(["synonymous_SNV", "intronic", "UTR3"]))
        frequency = min(max(float(rng.beta(0.8, 3)), 0.01), 0.9)
        copies[_novel(rng, gene, kind)] = rng.binomial(2, frequency, size=patients).astype(np.int8)  # type: ignore[arg-type]
    return Germline(copies=copies, causes=causes)


@dataclass(frozen=True, kw_only=True)
class _Pool:
    """Where passengers fall: driver genes, long genes of the literature, and invented ones named SIM0001 and on."""

    genes: tuple[Gene, ...]
    weights: np.ndarray[tuple[int], np.dtype[np.float64]]

    @classmethod
    def build(cls, rng: np.random.Generator) -> _Pool:
        contigs = list(CONTIGS)[:22]
        fillers = []
        for number in range(_FILLERS):
            contig = contigs[number % 22]
            start = int((number // 22 + 1) * CONTIGS[contig] / (_FILLERS // 22 + 3))
            name = f"SIM{number + 1:04d}"
            fillers.append(
                Gene(symbol=name, contig=contig, start=start, end=start + 30000, transcript=f"NM_9{number + 1:05d}")
            )
        long = np.linspace(4.0, 0.6, len(PASSENGERS))
        weights = np.concatenate(
            [
                np.full(len(DRIVERS), 0.07 / len(DRIVERS)),
                0.15 * long / long.sum(),
                np.full(_FILLERS, 0.78 / _FILLERS),
            ]
        )
        return cls(genes=(*DRIVERS, *PASSENGERS, *fillers), weights=weights / weights.sum())

    def draw(self, rng: np.random.Generator, number: int) -> list[Gene]:
        return [self.genes[i] for i in rng.choice(len(self.genes), size=number, p=self.weights)]


def _driver_allele(rng: np.random.Generator, gene: Gene) -> Allele:
    if gene.sites and rng.random() < gene.hotspot:
        # The first sites are the commonest.
        rank = 1 / np.arange(1.5, len(gene.sites) + 1)
        site = gene.sites[int(rng.choice(len(gene.sites), p=rank / rank.sum()))]
        index = list(CONTIGS).index(gene.contig)
        return Allele(
            index, site.position, site.ref, site.alt, gene.symbol, site.consequence, _change(gene.symbol, site.change)
        )
    kinds: tuple[Consequence, ...] = ("stopgain", "frameshift_deletion", "frameshift_insertion", "splicing")
    truncates = rng.random() < gene.truncating
    kind = kinds[int(rng.choice(4, p=(0.4, 0.3, 0.15, 0.15)))] if truncates else "nonsynonymous_SNV"
    return _novel(rng, gene, kind)


def _passenger_allele(rng: np.random.Generator, gene: Gene, *, indel: bool) -> Allele:
    benign = bool(gene.frequency)
    kinds: tuple[Consequence, ...]
    if indel:
        kinds = (
            ("intronic", "UTR3")
            if benign
            else ("frameshift_deletion", "frameshift_insertion", "nonframeshift_deletion", "intronic")
        )
        return _novel(rng, gene, kinds[int(rng.integers(len(kinds)))], indel=True)
    if benign:
        kinds, shares = ("synonymous_SNV", "intronic", "UTR3"), (0.6, 0.3, 0.1)
    else:
        kinds = (
            "nonsynonymous_SNV",
            "synonymous_SNV",
            "stopgain",
            "splicing",
            "intronic",
            "UTR3",
            "UTR5",
            "intergenic",
        )
        shares = (0.54, 0.22, 0.04, 0.02, 0.08, 0.05, 0.02, 0.03)  # type: ignore[assignment]
    return _novel(rng, gene, kinds[int(rng.choice(len(kinds), p=shares))])


def _other_alternate(rng: np.random.Generator, allele: Allele) -> Allele:
    """The same site with an alternate base of its own."""
    free = [base for base in _BASES if base not in (allele.ref, allele.alt)]
    return replace(allele, alt=str(rng.choice(free)))


def _novel(rng: np.random.Generator, gene: Gene, kind: Consequence, *, indel: bool | None = None) -> Allele:
    """An allele at a drawn place of the gene; reference bases are drawn, not read from a genome."""
    low, high = gene.core if gene.core and kind not in ("intronic", "UTR3", "UTR5") else (gene.start, gene.end)
    position = int(rng.integers(low, high))
    first, second = (_BASES[i] for i in rng.permutation(4)[:2])
    deletion = "deletion" in kind or (bool(indel) and "insertion" not in kind)
    residue = int(rng.integers(20, 900))
    base = 3 * residue - int(rng.integers(3))
    old, new = (_RESIDUES[i] for i in rng.permutation(20)[:2])
    exon = int(rng.integers(2, 20))
    if deletion or "insertion" in kind:
        size = 3 * int(rng.integers(1, 3)) if kind.startswith("nonframeshift") else int(rng.choice([1, 2, 4, 5]))
        more = "".join(_BASES[i] for i in rng.integers(4, size=size))
        ref, alt = (first + more, first) if deletion else (first, first + more)
        edit = f"{base}_{base + size - 1}del" if deletion else f"{base}_{base + 1}ins{more}"
        change = f"exon{exon}:c.{edit}:p.{old}{residue}fs*{int(rng.integers(2, 60))}"
    else:
        ref, alt = first, second
        new = {"stopgain": "X", "synonymous_SNV": old}.get(kind, new)
        change = f"exon{exon}:c.{first}{base}{second}:p.{old}{residue}{new}"
    if kind == "splicing":
        change = f"exon{exon}:c.{base}+{int(rng.integers(1, 3))}{first}>{second}"
    coding = kind.endswith(("SNV", "deletion", "insertion")) or kind in ("stopgain", "splicing")
    name = f"{gene.symbol}:{gene.transcript}:{change}" if coding else ""
    return Allele(list(CONTIGS).index(gene.contig), position, ref, alt, gene.symbol, kind, name)


def _change(symbol: str, change: str) -> str:
    transcript = next(gene.transcript for gene in DRIVERS if gene.symbol == symbol)
    return f"{symbol}:{transcript}:{change}"
