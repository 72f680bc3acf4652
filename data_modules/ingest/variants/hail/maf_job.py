"""The ingest of MAFs by Hail, a process of its own: ``python -m data_modules.ingest.variants.hail.maf_job job.json``.

Started by `data_modules.ingest.variants.maf_ingest`.

One line of a MAF is one call in one sample. Lines are filtered one by one (never across patients), calls that several
lines repeat (aliquots of a patient, callers, transcripts) are merged, and what was dropped is counted by reason.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modules.errors import some
from data_modules.genes.contigs import CONTIGS
from data_modules.ingest.variants.annotation.records import SCORES, score_of
from data_modules.ingest.variants.consequences import CLASSES
from data_modules.ingest.variants.files.maf import (
    CONSEQUENCES,
    OTHER,
    MafError,
    MafHeader,
    build_known,
    build_name,
    read_header,
)
from data_modules.ingest.variants.files.maf_lines import exported, sequenced_samples
from data_modules.ingest.variants.hail.process import Teller, end_hail, start_hail
from data_modules.ingest.variants.store import COLUMNS, NOT_LISTED, Shares, write_store

_KEY = ("contig", "position", "ref", "alt")

FAULTS = ("no barcode", "contig", "no position", "no alternate allele", "allele is not made of A, C, G, T")
"""Reasons that are no filter but a fault of the file."""


def main(path: Path) -> None:
    """Run the job of a JSON file, then end the JVM and this process."""
    job = json.loads(path.read_text(encoding="utf-8"))
    tell = Teller(len(job["origins"]) + 1)
    tell("starting Hail", 0)
    hl = start_hail(job)  # a MAF lists no samples and is one table of mutations: always small
    try:
        for at, origin in enumerate(job["origins"]):
            tell(f"reading {origin} variants", at + 1)
            _ingest(hl, origin, job)
    finally:
        end_hail(job)
    tell("variants ready", len(job["origins"]) + 1)


def _ingest(hl: Any, origin: str, job: Mapping[str, Any]) -> None:
    """All files of an origin into one store."""
    filters = job["filters"][origin]
    settings = MafSettings(
        origin=origin,
        build=job["build"],
        filters=tuple(filters["accept"]),
        min_depth=filters["min_dp"] or 0,
        max_lost=filters["max_lost"],
    )
    files = [Path(file["path"]) for file in job["files"] if file["origin"] == origin]
    found = read_calls(hl, files, settings, f"{job['spark'].get('scratch') or job['scratch']}/{origin}")
    parts = store_parts(found, settings)
    write_store(
        Path(job["out"]) / origin,
        variants=parts.variants,
        dosage=parts.dosage,
        samples=parts.samples,
        vaf=parts.vaf,
        qc=found.qc,
        meta={"build": job["build"], "origin": origin, "hash": job["hash"], "settings": job["settings"]},
    )


@dataclass(frozen=True, kw_only=True)
class MafSettings:
    """Which lines count.

    Attributes:
        origin: ``somatic`` or ``germline``.
        build: the cohort's genome build, ``GRCh37`` or ``GRCh38``; lines of another build are refused.
        filters: values of a FILTER column that pass, ``.`` for empty ones; a file without the column passes whole.
        min_depth: reads at the site in the tumour, where the file gives them; a line without passes.
        max_lost: share of a file's lines that may have a fault.
    """

    origin: str = "somatic"
    build: str = "GRCh37"
    filters: tuple[str, ...] = ("PASS",)
    min_depth: int = 0
    max_lost: float = 0.5


@dataclass(frozen=True, kw_only=True)
class MafCalls:
    """What `read_calls` found.

    Attributes:
        calls: one row a call, by variant: barcode, contig, position, ref, alt, gene, consequence, aachange, file, the
            scores, and share, the variant allele fraction.
        samples: every sample with at least one line, kept or not.
        qc: lines read, merged as duplicates and dropped by reason; the dialect of each file.
    """

    calls: pd.DataFrame
    samples: tuple[str, ...]
    qc: Mapping[str, Any]


def read_calls(hl: Any, files: Sequence[Path], settings: MafSettings, scratch: str) -> MafCalls:
    """Import, normalise, filter and merge the lines of MAF files.

    Args:
        hl: the initialised `hail` module.
        files: packed or not; dialects may differ from file to file.
        settings: which lines count.
        scratch: folder for what Hail exports; may be a URL that the cluster sees.

    Raises:
        MafError: a header lacks columns, a build disagrees with `MafSettings.build`, or no line is kept.
    """
    headers = [read_header(path) for path in files]
    parts = [_import(hl, header, f"{scratch}/lines_{at}.tsv", settings) for at, header in enumerate(headers)]
    path = f"{scratch}/calls.tsv"
    _normalise(hl, hl.Table.union(*parts), settings).export(path)
    lines = _read_lines(hl, path)
    _check_builds(lines["build"].dropna().unique(), settings, files)
    kept = lines[lines["dropped"].isna()]
    reasons = {str(name): int(count) for name, count in lines["dropped"].value_counts().sort_index().items()}
    if kept.empty:
        raise MafError(
            f"{files[0]}: no line of the MAF is kept; dropped: {reasons}. See modality.variants and the build."
        )
    _check_faults(lines, settings)
    calls = _merge(kept)
    sites = {"read": len(lines), "duplicate": len(kept) - len(calls), **reasons}
    qc = {"sites": sites, "dialects": {header.path.name: header.dialect for header in headers}}
    qc["said"] = _said(lines)
    sequenced = [name for header in headers for name in sequenced_samples(header.comments)]
    named = sorted({*lines["barcode"].dropna().unique(), *sequenced})
    return MafCalls(calls=calls, samples=tuple(named), qc=qc)


def _import(hl: Any, header: MafHeader, path: str, settings: MafSettings) -> Any:
    """Lines of one file as strings, fields that the file lacks missing; written plainly first, for Hail to read."""
    with hl.hadoop_open(path, "w") if "://" in path else _opened(Path(path)) as stream:
        for line in exported(header, origin=settings.origin):
            stream.write(f"{line}\n")
    table = hl.import_table(path, missing="")
    return table.annotate(file=header.path.name, has_filter="filter" in header.columns)


def _opened(path: Path) -> IO[str]:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("w", encoding="utf-8")


def _normalise(hl: Any, lines: Any, settings: MafSettings) -> Any:
    """Contig, anchor-free minimal alleles, sample and the reason for which a line is dropped, if any."""
    bare = lines.chromosome.replace("(?i)^chr", "")
    contig = hl.literal({"23": "X", "24": "Y", "25": "MT", "M": "MT"}).get(bare, bare)
    allele2, allele1 = lines.allele2.upper(), hl.or_else(lines.allele1, "").upper()
    # Where allele 2 repeats the reference, the change stands in allele 1.
    reference = hl.or_else(lines.reference, "-").upper()
    alternate = hl.if_else((allele2 != reference) | (allele1 == ""), hl.or_else(allele2, "-"), allele1)
    change = _minimal(hl, hl.parse_int32(lines.start), reference.replace("-", ""), alternate.replace("-", ""))
    # Counts come as "133" and as "133.0".
    alt_reads, ref_reads = hl.parse_float64(lines.alt_count), hl.parse_float64(lines.ref_count)
    depth = hl.or_else(hl.parse_float64(lines.depth), alt_reads + ref_reads)
    told = hl.parse_float64(lines.vaf)
    share = hl.or_else(hl.or_missing(depth > 0, alt_reads / depth), hl.or_missing((told >= 0) & (told <= 1), told))
    place = {"contig": contig, "position": change.position, "ref": change.ref, "alt": change.alt}
    lines = lines.annotate(**place, depth=depth, share=share)
    lines = lines.annotate(
        consequence=hl.literal(CONSEQUENCES).get(lines.classification, OTHER),
        dropped=hl.case()
        .when(hl.is_missing(lines.barcode), "no barcode")
        .when(hl.is_defined(lines.reason), lines.reason)
        .when(~hl.literal(set(CONTIGS)).contains(lines.contig), "contig")
        .when(hl.is_missing(lines.position), "no position")
        .when(lines.ref == lines.alt, "no alternate allele")
        .when(~(lines.ref + lines.alt).matches("^[ACGT-]+$"), "allele is not made of A, C, G, T")
        .when(lines.has_filter & ~_passes(hl, lines["filter"], settings), "FILTER")
        .when(lines.depth < settings.min_depth, "depth")
        .or_missing(),
    )
    fields = ("barcode", *_KEY, "gene", "consequence", "file", "build", "dropped", "share", *SCORES)
    return lines.select(*fields, aachange=lines.protein)


def _passes(hl: Any, values: Any, settings: MafSettings) -> Any:
    """Whether all of a FILTER cell's values are accepted; an empty cell is ``.``."""
    accepted = hl.literal(set(settings.filters))
    return hl.all(lambda value: accepted.contains(value), hl.or_else(values, ".").split("[;,]"))


def _minimal(hl: Any, start: Any, reference: Any, alternate: Any) -> Any:
    """`data_modules.ingest.variants.files.maf.canonical` as a Hail expression: struct of position, ref and alt."""
    length = hl.min(hl.len(reference), hl.len(alternate))
    same_right = hl.range(length).map(
        lambda i: reference[hl.len(reference) - 1 - i] == alternate[hl.len(alternate) - 1 - i]
    )
    right = hl.or_else(same_right.index(False), length)
    before, after = reference[: hl.len(reference) - right], alternate[: hl.len(alternate) - right]
    left_length = hl.min(hl.len(before), hl.len(after))
    left = hl.or_else(hl.range(left_length).map(lambda i: before[i] == after[i]).index(False), left_length)
    # The MAF names the base before an insertion.
    first = hl.if_else(hl.len(reference) == 0, start + 1, start)
    return hl.struct(position=first + left, ref=_dash(hl, before[left:]), alt=_dash(hl, after[left:]))


def _dash(hl: Any, bases: Any) -> Any:
    return hl.if_else(hl.len(bases) == 0, "-", bases)


def _read_lines(hl: Any, exported: str) -> pd.DataFrame:
    with hl.hadoop_open(exported) as stream:
        return pd.read_csv(stream, sep="\t", keep_default_na=False, na_values=["NA"], dtype="string", quoting=3)


def _merge(lines: pd.DataFrame) -> pd.DataFrame:
    """One row a call: lines of the same sample and variant become one, with the worst consequence of them."""
    lines = lines.astype({"position": "int32"})
    rank = lines["consequence"].map({name: rank for rank, name in enumerate(CLASSES)})
    first = lines.assign(rank=rank).sort_values([*_KEY, "barcode", "rank"], kind="stable")
    return first.drop_duplicates([*_KEY, "barcode"]).reset_index(drop=True)


def _check_builds(builds: Iterable[str], settings: MafSettings, files: Sequence[Path]) -> None:
    """Refuse lines whose NCBI_Build is not the cohort's."""
    other = sorted(str(build) for build in builds if build_known(build) and build_name(build) != settings.build)
    if other:
        raise MafError(
            f"{some([path.name for path in files])}: NCBI_Build is {some(other)} and cohort.build is {settings.build}. "
            "Set cohort.build, or lift the file over."
        )


def _check_faults(lines: pd.DataFrame, settings: MafSettings) -> None:
    """Refuse a file most of whose lines have a fault: that is no detail of it.

    Raises:
        MafError: a file, its reasons and how many lines each concerns.
    """
    for name, part in lines.groupby("file", sort=False):
        faults = part["dropped"].isin(FAULTS)
        if faults.mean() > settings.max_lost:
            reasons = part.loc[faults, "dropped"].value_counts()
            told = some([f"{reason} ({number})" for reason, number in reasons.items()])
            one = part[faults].iloc[0]
            raise MafError(
                f"{name}: {faults.sum()} of {len(part)} lines cannot be used: {told}; e.g. of {one['barcode']}, "
                f"{one['contig']}:{one['position']} {one['ref']}>{one['alt']}. Mend the file, or set filters."
                f"{settings.origin}.max_lost above {settings.max_lost:g} to go on without them."
            )


def _said(lines: pd.DataFrame) -> list[str]:
    """Of each file, how many lines were found and used, and why others were left out."""
    told = []
    for name, part in lines.groupby("file", sort=False):
        reasons = part["dropped"].value_counts()
        if len(reasons):
            why = some([f"{reason} ({number})" for reason, number in reasons.items()], 8)
            told.append(
                f"{name}: found {len(part)} lines, used {len(part) - reasons.sum()}, left out {reasons.sum()} "
                f"because of {why}."
            )
    return told


@dataclass(frozen=True, kw_only=True)
class StoreParts:
    """The arguments of `write_store` that the calls determine."""

    variants: pd.DataFrame
    dosage: NDArray[np.int8]
    samples: tuple[str, ...]
    vaf: Shares | None


def store_parts(found: MafCalls, settings: MafSettings) -> StoreParts:
    """Calls as variants × samples: 1 where listed, `NOT_LISTED` elsewhere; a MAF has neither genotypes nor coverage."""
    calls = found.calls
    first = calls.drop_duplicates(list(_KEY))
    row = calls.groupby(list(_KEY), sort=False).ngroup().to_numpy()
    column = pd.Index(found.samples).get_indexer(pd.Index(calls["barcode"]))
    dosage = np.full((len(first), len(found.samples)), NOT_LISTED, dtype=np.int8)
    dosage[row, column] = 1
    scores = {name: _scores(first[name], name) for name in SCORES}
    variants = first.assign(origin=settings.origin, **scores)[[*COLUMNS, *SCORES]].reset_index(drop=True)
    share = calls["share"].astype("Float64").to_numpy(dtype=np.float32, na_value=np.nan)
    known = np.isfinite(share)
    vaf = Shares(row=row[known].astype(np.int32), column=column[known].astype(np.int32), value=share[known].clip(0, 1))
    return StoreParts(variants=variants, dosage=dosage, samples=found.samples, vaf=vaf if known.any() else None)


def _scores(values: pd.Series[Any], name: str) -> NDArray[np.float32]:
    """Numbers out of ``deleterious(0.02)``; each spelling is read once."""
    try:
        number = {value: score_of(str(value), name) for value in values.dropna().unique()}
    except ValueError as error:
        raise MafError(f"a line of the MAF cannot be read: {error}. Mend or leave out its column.") from error
    return np.array([number.get(value) if value is not pd.NA else None for value in values], dtype=np.float32)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    sys.stderr.flush()
    os._exit(0)  # as in `hail_job`
