"""The ingest of VCFs by Hail, as a process of its own: ``python -m data_modules.ingest.hail_job job.json``.

Started by `data_modules.ingest.variants`, which writes the job; nobody else imports this module, and it alone imports
hail. One query a group of files, and one pass over each: Hail parses, filters each genotype and splits multi-allelic
sites (as `hl.split_multi_hts` does: the other alternate alleles count as reference), and exports one line a site with
a digit string an alternate allele, which numpy reads back. INFO is read beside it, while the JVM starts.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from data_modules.ingest.annotation import Annotation, AnnotationSettings, read_annotations
from data_modules.ingest.variant_store import CONTIGS, MISSING, NOT_LISTED, plain_contig, write_store

UNCALLED, LOW_GQ, LOW_DP = 3, 4, 5
"""Digits of a genotype that is no dosage: not called; dropped by min_gq; dropped by min_dp."""

SMALL = 30_000_000
"""Genotypes below which the JVM compiles lightly: half the processor time, where start-up is most of it."""

Key = tuple[str, int, str, str]
"""Contig, position, ref, alt: of a variant in minimal representation, or of a line with its alts joined by commas."""


def main(path: Path) -> None:
    """Run the job of a JSON file, then end the JVM and this process."""
    job = json.loads(path.read_text(encoding="utf-8"))
    told = _keep_stdout()
    with ThreadPoolExecutor(max_workers=1) as pool:
        notes = pool.submit(_read_notes, job)  # while the JVM starts
        _tell(told, "starting Hail", 0, job)
        # Small files are read at once, so that a refused line need not wait for the JVM.
        if wait([notes], timeout=1).done:
            notes.result()
        _start_hail(job)
        try:
            for at, origin in enumerate(job["origins"]):
                _tell(told, f"reading {origin} variants", at + 1, job)
                _ingest(origin, job, notes)
        finally:
            _end_hail(job)
    _tell(told, "variants ready", len(job["origins"]) + 1, job)


def _keep_stdout() -> IO[str]:
    """Keep the real stdout for progress, and send what the JVM prints to stderr, where the parent keeps a log."""
    told = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    return told


def _tell(told: IO[str], step: str, done: int, job: Mapping[str, Any]) -> None:
    told.write(json.dumps({"step": step, "done": done, "total": len(job["origins"]) + 1}) + "\n")


def _start_hail(job: Mapping[str, Any]) -> None:
    import hail as hl

    spark = job["spark"]
    scratch = Path(job["scratch"])
    conf = {"spark.local.dir": str(scratch / "spark"), "spark.ui.enabled": "false"}
    # A MAF lists no samples and is one table of mutations: always small.
    if sum(file.get("records", 0) * len(file.get("samples", ())) for file in job["files"]) < SMALL:
        conf["spark.driver.extraJavaOptions"] = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
    for key in ("driver_memory", "executor_memory"):
        if spark.get(key):
            conf[f"spark.{key.replace('_', '.')}"] = str(spark[key])
    if spark.get("executor_cores"):
        conf["spark.executor.cores"] = str(spark["executor_cores"])
    hl.init(
        master=spark["master"],
        log=job["log"],
        quiet=True,
        tmp_dir=spark.get("scratch") or str(scratch / "hail"),
        local_tmpdir=(scratch / "hail").as_uri(),
        spark_conf={**conf, **spark.get("conf", {})},
        default_reference=job["build"],
    )


def _end_hail(job: Mapping[str, Any]) -> None:
    """Leave no JVM behind. In local mode it is killed, which `hl.stop` takes ten seconds for; a cluster is told."""
    import hail as hl
    from pyspark import SparkContext

    gateway = SparkContext._gateway
    if not str(job["spark"]["master"]).startswith("local"):
        hl.stop()
    if gateway is not None:
        gateway.proc.kill()
        gateway.proc.wait()


def _read_notes(job: Mapping[str, Any]) -> dict[Key, Sequence[Annotation]]:
    """Annotations of every line of every file, one an alternate allele."""
    settings = AnnotationSettings(**job["annotation"])
    notes: dict[Key, Sequence[Annotation]] = {}
    for file in job["files"]:
        for site in read_annotations(Path(file["path"]), settings, file["info"]):
            key = (plain_contig(site.contig), site.position, site.ref, ",".join(site.alts))
            notes.setdefault(key, site.annotations)
    return notes


def _ingest(origin: str, job: Mapping[str, Any], notes: Future[dict[Key, Sequence[Annotation]]]) -> None:
    """All files of an origin into one store."""
    files = [file for file in job["files"] if file["origin"] == origin]
    groups: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for file in files:  # files of the same samples, e.g. one a chromosome, are one query
        groups.setdefault((*file["samples"], file["compression"]), []).append(file)
    builder = _StoreBuilder(samples=[sample for file in files for sample in file["samples"]])
    for number, group in enumerate(groups.values()):
        exported = f"{job['spark'].get('scratch') or job['scratch']}/{origin}_{number}.tsv"
        _export(group, job, job["filters"][origin], exported)
        builder.add(_lines(exported), group, notes.result())
    builder.write(Path(job["out"]) / origin, origin, job, files)


def _export(group: Sequence[Mapping[str, Any]], job: Mapping[str, Any], filters: Mapping[str, Any], path: str) -> None:
    """Write one line a site: contig, position, ref, alts, whether FILTER passes; then, an alternate allele each, comma
    between them: minimal representations and digit strings.
    """
    import hail as hl

    matrix = hl.import_vcf(
        [file["path"] for file in group],
        force_bgz=group[0]["compression"] == "bgzip",
        force=group[0]["compression"] == "gzip",
        reference_genome=job["build"],
        contig_recoding=_recoding(job["build"]),
        array_elements_required=False,
        skip_invalid_loci=True,
        find_replace=_REDUCE_PLOIDY if any(file["reduced_ploidy"] for file in group) else None,
    )
    entry = _entry(matrix, filters)
    rows = matrix.select_entries(**entry).localize_entries("calls", "columns").key_by()
    alleles = hl.range(1, hl.len(rows.alleles))
    # FILTER is missing for ".", empty for PASS.
    reasons = hl.if_else(hl.len(rows.filters) == 0, hl.set(["PASS"]), rows.filters)
    accepted = hl.literal(set(filters["accept"]))
    passes = hl.all(accepted.contains, hl.array(hl.coalesce(reasons, hl.set(["."]))))

    def digit(call: Any, allele: Any) -> Any:
        code = hl.case().when(hl.is_missing(call.GT), UNCALLED)
        if "GQ" in entry:
            code = code.when(hl.coalesce(filters["min_gq"] > call.GQ, False), LOW_GQ)
        if "DP" in entry:
            code = code.when(hl.coalesce(filters["min_dp"] > call.DP, False), LOW_DP)
        return hl.str(code.default(hl.downcode(call.GT, allele).n_alt_alleles()))

    def representation(allele: Any) -> Any:
        least = hl.min_rep(rows.locus, [rows.alleles[0], rows.alleles[allele]])
        return hl.delimit([hl.str(least.locus.position), least.alleles[0], least.alleles[1]], ":")

    digits = alleles.map(lambda a: hl.delimit(rows.calls.map(lambda call: digit(call, a)), ""))
    rows = rows.select(
        contig=rows.locus.contig,
        position=rows.locus.position,
        ref=rows.alleles[0],
        alts=hl.delimit(rows.alleles[1:], ","),
        passes=hl.str(passes),
        least=hl.delimit(alleles.map(representation), ","),
        digits=hl.if_else(passes, hl.delimit(digits, ","), ""),
    )
    rows.select_globals().export(path, header=False)


def _entry(matrix: Any, filters: Mapping[str, Any]) -> dict[str, Any]:
    """The entry fields that digits are made of; Hail parses no others."""
    import hail as hl

    entry = {"GT": matrix.GT}
    if filters.get("min_gq") and "GQ" in matrix.entry:
        entry["GQ"] = matrix.GQ
    if filters.get("min_dp"):
        depths = [matrix.DP] if "DP" in matrix.entry else []
        depths += [hl.sum(matrix.AD)] if "AD" in matrix.entry else []
        if depths:
            entry["DP"] = hl.coalesce(*depths)
    return entry


_REDUCE_PLOIDY = (r"\t0[/|](\d+[/|]\d+)(?=[:\t\r\n]|$)", "\t$1")
"""Mutect2 writes 0/1/2 for a tumour with two alternate alleles: 1/2 has the same dosages and the ploidy Hail reads."""


def _recoding(build: str) -> dict[str, str]:
    """Every spelling of a contig → the one of Hail's reference genome."""
    prefix = "chr" if build == "GRCh38" else ""
    mitochondrion = "chrM" if build == "GRCh38" else "MT"
    names = {str(number): str(number) for number in range(1, 23)} | {"X": "X", "Y": "Y", "23": "X", "24": "Y"}
    spelled = {f"{before}{name}": f"{prefix}{target}" for name, target in names.items() for before in ("", "chr")}
    spelled |= {f"{before}{name}": mitochondrion for name in ("M", "MT", "25") for before in ("", "chr")}
    return {name: target for name, target in spelled.items() if name != target}


def _lines(path: str) -> Iterable[list[str]]:
    import hail as hl

    with hl.hadoop_open(path) as stream:
        for line in stream:
            yield line.rstrip("\n").split("\t")


class _StoreBuilder:
    """Collects the exported lines of an origin's files into one matrix, and counts what is dropped."""

    def __init__(self, *, samples: Sequence[str]) -> None:
        self.samples = list(dict.fromkeys(samples))
        self.column = {name: at for at, name in enumerate(self.samples)}
        self.rows: dict[Key, int] = {}
        self.annotations: list[tuple[Annotation, str]] = []
        self.blocks: list[tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.int8]]] = []
        self.sites: Counter[str] = Counter()
        self.genotypes: Counter[str] = Counter()

    def add(
        self,
        lines: Iterable[list[str]],
        group: Sequence[Mapping[str, Any]],
        notes: Mapping[Key, Sequence[Annotation]],
    ) -> None:
        """Take one group's sites in."""
        samples = group[0]["samples"]
        at: list[int] = []
        digits: list[str] = []
        listed = 0
        for contig, position, ref, alts, passes, least, calls in lines:
            listed += 1
            name = plain_contig(contig)
            if name not in CONTIGS:
                self.sites["other_contig"] += 1
                continue
            if passes != "true":
                self.sites["filter"] += 1
                continue
            annotations = notes.get((name, int(position), ref, alts), ())
            self.sites["multi_allelic_split"] += "," in alts
            for index, (kept, call) in enumerate(zip(least.split(","), calls.split(","), strict=True)):
                place, short_ref, alt = kept.split(":", 2)
                if alt == "*" or not alt.isalpha():
                    self.sites["star_allele" if alt == "*" else "symbolic_allele"] += 1
                    continue
                key = (name, int(place), short_ref, alt)
                if key not in self.rows:
                    self.rows[key] = len(self.rows)
                    note = annotations[index] if annotations else Annotation()
                    self.annotations.append((note, Path(group[0]["path"]).name))
                    self.sites["unresolved_annotation"] += not note.resolved
                else:
                    self.sites["duplicate"] += 1
                at.append(self.rows[key])
                digits.append(call)
        self.sites["read"] += sum(file["records"] for file in group)
        self.sites["outside_reference"] += sum(file["records"] for file in group) - listed
        codes = np.frombuffer("".join(digits).encode("ascii"), dtype=np.uint8).reshape(len(digits), len(samples)) - 48
        for reason, code in (("uncalled", UNCALLED), ("low_gq", LOW_GQ), ("low_dp", LOW_DP)):
            self.genotypes[reason] += int((codes == code).sum())
        self.genotypes["read"] += codes.size
        self.genotypes["kept"] += int((codes < UNCALLED).sum())
        block = np.where(codes < UNCALLED, codes, MISSING).astype(np.int8)
        self.blocks.append((np.array(at, dtype=np.intp), np.array([self.column[name] for name in samples]), block))

    def dosage(self) -> NDArray[np.int8]:
        """(variant, sample); where lines or files say different things of a cell, the larger number stands."""
        matrix = np.full((len(self.rows), len(self.samples)), NOT_LISTED, dtype=np.int8)
        for rows, columns, block in self.blocks:
            cells = (rows[:, None], columns[None, :])
            if len(np.unique(rows)) < len(rows):  # a site is listed twice
                np.maximum.at(matrix, cells, block)
            else:
                matrix[cells] = np.maximum(matrix[cells], block)
        return matrix

    def write(self, folder: Path, origin: str, job: Mapping[str, Any], files: Sequence[Mapping[str, Any]]) -> None:
        """Write the store."""
        import pandas as pd

        variants = pd.DataFrame(list(self.rows), columns=["contig", "position", "ref", "alt"])
        for column in ("gene", "consequence", "aachange"):
            variants[column] = pd.array([getattr(note, column) for note, _ in self.annotations], dtype="string")
        variants["origin"] = origin
        variants["file"] = [file for _, file in self.annotations]
        self.sites["kept_variants"] = len(self.rows)
        reasons: Counter[str] = Counter()
        for file in files:
            reasons.update(file["filters"])
        write_store(
            folder,
            variants=variants,
            dosage=self.dosage(),
            samples=self.samples,
            qc={"sites": dict(self.sites), "genotypes": dict(self.genotypes), "filter_values": dict(reasons)},
            meta={"build": job["build"], "origin": origin, "hash": job["hash"], "settings": job["settings"]},
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    sys.stderr.flush()
    os._exit(0)  # not through Hail's and py4j's exit handlers, which wait for the JVM that is gone
