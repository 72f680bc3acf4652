"""What Hail does to VCFs: parse, filter each genotype, split, lift over; and one line of text a site.

Multi-allelic sites are split as `hl.split_multi_hts` does: the other alternate alleles count as reference. One digit
string an alternate allele is what leaves Hail fastest: arrays of integers take three times as long.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_modules.ingest.variants.files.chain import write_chain
from data_modules.ingest.variants.hail.unkeyed import unkeyed
from data_modules.ingest.variants.store_builder import LOW_BALANCE, LOW_DP, LOW_GQ, UNCALLED

_REDUCE_PLOIDY = (r"\t0[/|](\d+[/|]\d+)(?=[:\t\r\n]|$)", "\t$1")
"""Mutect2 writes 0/1/2 for a tumour with two alternate alleles: 1/2 has the same dosages and the ploidy Hail reads."""

_PART = 16 << 20
"""Bytes of files that one task reads: Spark's own 128 MB would leave most cores without work."""

_DEPTH_SITES = 20_000
"""About how many sites the mean depth of a sample is taken over; evenly chosen by position."""


@dataclass(frozen=True, kw_only=True)
class Query:
    """One group of files, read together.

    Attributes:
        paths: of the same columns.
        compression: of all.
        reduced_ploidy: whether calls such as 0/1/2 occur.
        depthless: whether there are lines without DP; only then are depths taken from AD, which costs time to read.
        records: how many lines there are.
        size: bytes of all.
        source_build: genome build of the files.
        build: genome build wanted.
        chain: lifts from the one to the other where they differ.
        numbered: whether the column ID holds the number of the file a line came from.
        filters: ``accept``, ``min_gq``, ``min_dp``, ``min_balance``.
        shares: whether to write allele fractions of carriers.
        fractions: whether the files' AF is one number an alternate allele; AD tells where it is not.
        depths: what AD holds: the reads of each of the ``alleles``, of the ``alternate`` alone beside RD, or ``none``
            that can be used.
    """

    paths: Sequence[str]
    compression: str
    reduced_ploidy: bool
    depthless: bool
    records: int
    size: int
    source_build: str
    build: str
    chain: str | None
    numbered: bool
    filters: Mapping[str, Any]
    shares: bool
    fractions: bool
    depths: str = "alleles"


def export(hl: Any, query: Query, path: str) -> None:
    """Write one line a site.

    Columns: contig, position, ref, alts, number of the file, whether FILTER passes; then, an alternate allele each,
    comma between them: variants in minimal representation (``contig:position:ref:alt``, or ``?`` and why there is none)
    and digit strings; then depths of the samples, -1 for none, of some sites; then, an alternate allele each,
    ``sample=share`` of carriers in ten-thousandths.
    """
    matrix = hl.import_vcf(
        list(query.paths),
        force_bgz=query.compression == "bgzip",
        force=query.compression == "gzip",
        min_partitions=max(1, query.size // _PART),
        reference_genome=query.source_build,
        contig_recoding=_recoding(query.source_build),
        array_elements_required=False,
        skip_invalid_loci=True,
        find_replace=_REDUCE_PLOIDY if query.reduced_ploidy else None,
    )
    matrix = _with_depths(hl, unkeyed(hl, matrix), query.depths)
    if query.depthless and {"AD", "DP"} <= set(matrix.entry):
        matrix = matrix.annotate_rows(depthless=hl.agg.all(hl.is_missing(matrix.DP)))
    entry = _entry(hl, matrix, query)
    rows = matrix.select_entries(**entry).localize_entries("calls", "columns")
    alleles = hl.range(1, hl.len(rows.alleles))
    # FILTER is missing for ".", empty for PASS.
    reasons = hl.if_else(hl.len(rows.filters) == 0, hl.set(["PASS"]), rows.filters)
    accepted = hl.literal(set(query.filters["accept"]))
    passes = hl.all(accepted.contains, hl.array(hl.coalesce(reasons, hl.set(["."]))))
    digits = alleles.map(lambda a: hl.delimit(rows.calls.map(lambda call: _digit(hl, call, a, query.filters)), ""))
    every = max(1, query.records // _DEPTH_SITES)
    depths = shares = hl.str("")
    if "DP" in entry:
        depths = hl.delimit(rows.calls.map(lambda call: hl.str(hl.coalesce(call.DP, -1))), ",")
        depths = hl.if_else(passes & (rows.locus.position % every == 0), depths, "")
    if "share" in entry:
        shares = hl.if_else(passes, hl.delimit(alleles.map(lambda a: _carriers(hl, rows.calls, a)), ","), "")
    rows = rows.select(
        contig=rows.locus.contig,
        position=rows.locus.position,
        ref=rows.alleles[0],
        alts=hl.delimit(rows.alleles[1:], ","),
        source=rows.rsid if query.numbered else "0",
        passes=hl.str(passes),
        least=hl.delimit(alleles.map(lambda a: _representation(hl, rows, a, query)), ","),
        digits=hl.if_else(passes, hl.delimit(digits, ","), ""),
        depths=depths,
        shares=shares,
    )
    rows.select_globals().export(path, header=False)


def prepare_lift(hl: Any, query: Query, path: Path) -> None:
    """Tell Hail how places of the files' build become places of the wanted one; `path` is where its chain may lie."""
    reference = hl.get_reference(query.source_build)
    if not reference.has_liftover(query.build):
        write_chain(Path(str(query.chain)), path, source=query.source_build, build=query.build)
        reference.add_liftover(path.as_uri(), query.build)


def _with_depths(hl: Any, matrix: Any, depths: str) -> Any:
    """AD as the reads of each allele, or without it."""
    if "AD" not in matrix.entry or depths == "alleles":
        return matrix
    if depths == "alternate":
        both = hl.or_missing(hl.len(matrix.alleles) == 2, [matrix.RD, matrix.AD])
        return matrix.annotate_entries(AD=both)
    return matrix.drop("AD")


def _entry(hl: Any, matrix: Any, query: Query) -> dict[str, Any]:
    """The entry fields that a line is made of; Hail parses no others."""
    filters = query.filters
    entry = {"GT": matrix.GT}
    if filters.get("min_gq") and "GQ" in matrix.entry:
        entry["GQ"] = matrix.GQ
    depths = [matrix.DP] if "DP" in matrix.entry else []
    if "AD" in matrix.entry and query.depthless:
        # An empty array sums to no reads, which is not what it says.
        known = hl.any(hl.is_defined, matrix.AD)
        known &= matrix.depthless if "depthless" in matrix.row else True
        depths.append(hl.or_missing(known, hl.sum(matrix.AD)))
    if depths:
        entry["DP"] = hl.coalesce(*depths)
    if "AD" in matrix.entry and (filters.get("min_balance") or query.shares):
        entry["AD"] = matrix.AD
    if query.shares and ("AD" in matrix.entry or query.fractions):
        entry["share"] = matrix.AF if query.fractions else hl.missing(hl.tarray(hl.tfloat64))
    return entry


def _digit(hl: Any, call: Any, allele: Any, filters: Mapping[str, Any]) -> Any:
    """Alternate alleles of a genotype, or why it does not count."""
    code = hl.case().when(hl.is_missing(call.GT), UNCALLED)
    if filters.get("min_gq") and "GQ" in call:
        code = code.when(hl.coalesce(filters["min_gq"] > call.GQ, False), LOW_GQ)
    if filters.get("min_dp") and "DP" in call:
        code = code.when(hl.coalesce(filters["min_dp"] > call.DP, False), LOW_DP)
    if filters.get("min_balance") and "AD" in call:
        known = call.GT.is_het() & (hl.len(call.AD) > hl.max(call.GT[0], call.GT[1]))
        reads = hl.array([call.AD[call.GT[0]], call.AD[call.GT[1]]])
        low = hl.min(reads) < filters["min_balance"] * hl.sum(reads)
        code = code.when(hl.if_else(hl.coalesce(known, False), hl.coalesce(low, False), False), LOW_BALANCE)
    return hl.str(code.default(hl.downcode(call.GT, allele).n_alt_alleles()))


def _carriers(hl: Any, calls: Any, allele: Any) -> Any:
    """``sample=share`` of those who carry an allele: AF as the caller gives it, else its part of AD."""

    def share(call: Any) -> Any:
        told = hl.or_missing(hl.len(call.share) >= allele, call.share[allele - 1])
        if "AD" in call:
            reads = hl.or_missing((hl.len(call.AD) > allele) & (hl.sum(call.AD) > 0), call.AD[allele] / hl.sum(call.AD))
            told = hl.coalesce(told, reads)
        return told

    carried = hl.enumerate(calls).filter(
        lambda one: hl.coalesce(hl.downcode(one[1].GT, allele).n_alt_alleles() > 0, False)
    )
    known = carried.map(lambda one: (one[0], share(one[1]))).filter(lambda one: hl.is_defined(one[1]))
    return hl.delimit(known.map(lambda one: hl.str(one[0]) + "=" + hl.str(hl.int32(one[1] * 10000 + 0.5))), " ")


def _representation(hl: Any, rows: Any, allele: Any, query: Query) -> Any:
    """Minimal representation of an allele, lifted over where builds differ.

    On the other strand a substitution is complemented; an insertion or deletion there would need the genome, and is
    left out.
    """
    least = hl.min_rep(rows.locus, [rows.alleles[0], rows.alleles[allele]])
    ref, alt = least.alleles[0], least.alleles[1]
    if query.source_build == query.build:
        return hl.delimit([least.locus.contig, hl.str(least.locus.position), ref, alt], ":")
    lifted = hl.liftover(least.locus, query.build, include_strand=True)
    place = [lifted.result.contig, hl.str(lifted.result.position)]
    turned = [hl.reverse_complement(ref), hl.reverse_complement(alt)]
    single = (hl.len(ref) == 1) & (hl.len(alt) == 1) & hl.literal(set("ACGT")).contains(alt)
    return (
        hl.case()
        .when(hl.is_missing(lifted), "?lift_unmapped")
        .when(~lifted.is_negative_strand, hl.delimit([*place, ref, alt], ":"))
        .when(single, hl.delimit([*place, *turned], ":"))
        .default("?lift_reverse_strand")
    )


def _recoding(build: str) -> dict[str, str]:
    """Every spelling of a contig → the one of Hail's reference genome."""
    prefix = "chr" if build == "GRCh38" else ""
    mitochondrion = "chrM" if build == "GRCh38" else "MT"
    names = {str(number): str(number) for number in range(1, 23)} | {
        "X": "X",
        "Y": "Y",
        "23": "X",
        "24": "Y",
        "x": "X",
        "y": "Y",
    }
    before = ("", "chr", "Chr", "CHR")
    spelled = {f"{chromosome}{name}": f"{prefix}{target}" for name, target in names.items() for chromosome in before}
    spelled |= {f"{chromosome}{name}": mitochondrion for name in ("M", "MT", "25", "m", "mt") for chromosome in before}
    return {name: target for name, target in spelled.items() if name != target}
