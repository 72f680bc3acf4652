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
from pathlib import Path
from typing import IO, Any

import pandas as pd

from data_modules.genes.contigs import CONTIGS
from data_modules.ingest.variants.annotation.records import SCORES
from data_modules.ingest.variants.consequences import CLASSES
from data_modules.ingest.variants.files.maf import (
    MafError,
    MafHeader,
    build_known,
    build_name,
    read_header,
)
from data_modules.ingest.variants.files.maf_lines import exported, sequenced_samples
from data_modules.ingest.variants.hail.process import Teller, end_hail, start_hail
from data_modules.ingest.variants.maf_calls import (
    KEY,
    MafCalls,
    MafSettings,
    filter_remedy,
    refuse_faults,
    said,
    store_parts,
)
from data_modules.ingest.variants.store import write_store
from fusion.contract import some


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
    samples = {Path(file["path"]): file["sample"] for file in job["files"] if file.get("sample")}
    found = read_calls(hl, files, settings, f"{job['spark'].get('scratch') or job['scratch']}/{origin}", samples)
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


def read_calls(
    hl: Any, files: Sequence[Path], settings: MafSettings, scratch: str, samples: Mapping[Path, str] | None = None
) -> MafCalls:
    """Import, normalise, filter and merge the lines of MAF files.

    Args:
        hl: the initialised `hail` module.
        files: packed or not; dialects may differ from file to file.
        settings: which lines count.
        scratch: folder for what Hail exports; may be a URL that the cluster sees.
        samples: files that are one sample's → its name, whatever their barcodes say.

    Raises:
        MafError: a header lacks columns, a build disagrees with `MafSettings.build`, or no line is kept.
    """
    headers = [read_header(path) for path in files]
    parts = [
        _import(hl, header, f"{scratch}/lines_{at}.tsv", settings, sample=(samples or {}).get(header.path))
        for at, header in enumerate(headers)
    ]
    path = f"{scratch}/calls.tsv"
    _normalise(hl, hl.Table.union(*parts), settings).export(path)
    lines = _read_lines(hl, path)
    _check_builds(lines["build"].dropna().unique(), settings, files)
    kept = lines[lines["dropped"].isna()]
    reasons = {str(name): int(count) for name, count in lines["dropped"].value_counts().sort_index().items()}
    if kept.empty:
        raise MafError(
            f"{some([path.name for path in files], 3)}: no line of the MAF is kept; dropped: {reasons}. "
            + filter_remedy(lines, settings)
        )
    refuse_faults(lines, settings)
    calls = _merge(kept)
    sites = {"read": len(lines), "duplicate": len(kept) - len(calls), **reasons}
    qc = {"sites": sites, "dialects": {header.path.name: header.dialect for header in headers}}
    qc["said"] = said(lines)
    sequenced = [name for header in headers for name in sequenced_samples(header.comments) if not samples]
    named = sorted({*lines["barcode"].dropna().unique(), *sequenced})
    return MafCalls(calls=calls, samples=tuple(named), qc=qc)


def _import(hl: Any, header: MafHeader, path: str, settings: MafSettings, *, sample: str | None) -> Any:
    """Lines of one file as strings, fields that the file lacks missing; written plainly first, for Hail to read."""
    with hl.hadoop_open(path, "w") if "://" in path else _opened(Path(path)) as stream:
        for line in exported(header, origin=settings.origin):
            stream.write(f"{line}\n")
    table = hl.import_table(path, missing="")
    if sample is not None:
        table = table.annotate(barcode=sample)
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
        consequence=lines["class"],
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
    fields = ("barcode", "filter", *KEY, "gene", "consequence", "file", "build", "dropped", "share", "copies", *SCORES)
    return lines.select(*fields, aachange=lines.protein)


def _passes(hl: Any, values: Any, settings: MafSettings) -> Any:
    """Whether all of a FILTER cell's values are accepted; an empty cell is ``.``."""
    accepted = hl.literal(set(settings.filters))
    words = hl.or_else(values, ".").split("[;,]")
    return hl.all(lambda word: accepted.contains(word) | ((word.upper() == "PASS") & accepted.contains("PASS")), words)


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
    lines = lines.astype({"position": "int32", "copies": "int8"})
    rank = lines["consequence"].map({name: rank for rank, name in enumerate(CLASSES)})
    first = lines.assign(rank=rank).sort_values([*KEY, "barcode", "rank"], kind="stable")
    first["copies"] = first.groupby([*KEY, "barcode"], sort=False)["copies"].transform("max")
    return first.drop_duplicates([*KEY, "barcode"]).reset_index(drop=True)


def _check_builds(builds: Iterable[str], settings: MafSettings, files: Sequence[Path]) -> None:
    """Refuse lines whose NCBI_Build is not the cohort's."""
    other = sorted(str(build) for build in builds if build_known(build) and build_name(build) != settings.build)
    if other:
        raise MafError(
            f"{some([path.name for path in files])}: NCBI_Build is {some(other)} and cohort.build is {settings.build}. "
            "Set cohort.build, or lift the file over."
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    sys.stderr.flush()
    os._exit(0)  # as in `hail_job`
