"""The ingest of VCFs by Hail, as a process of its own: ``python -m data_modules.ingest.variants.hail.job job.json``.

Started by `data_modules.ingest.variants.ingest`, which writes the job. One query a group of files, and one pass over
each: see `data_modules.ingest.variants.hail.export`. INFO is read beside it, while the JVM starts.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, Literal

from data_modules.genes.contigs import plain_contig
from data_modules.ingest.variants.annotation.annotate import read_annotations
from data_modules.ingest.variants.annotation.records import Annotation
from data_modules.ingest.variants.annotation.settings import AnnotationSettings
from data_modules.ingest.variants.files.bundle import bundle, groups
from data_modules.ingest.variants.files.mended import needs_mending
from data_modules.ingest.variants.files.placed import placed
from data_modules.ingest.variants.files.reference import Reference
from data_modules.ingest.variants.files.vcf import VcfFacts
from data_modules.ingest.variants.hail.export import Query, export, prepare_lift
from data_modules.ingest.variants.hail.process import Teller, end_hail, start_hail
from data_modules.ingest.variants.results import write_results
from data_modules.ingest.variants.store_builder import Key, Source, StoreBuilder, source_of
from fusion.contract import FusionError

File = Mapping[str, Any]
Notes = dict[Key, Sequence[Annotation]]


def main(path: Path) -> None:
    """Run the job of a JSON file, then end the JVM and this process."""
    job = json.loads(path.read_text(encoding="utf-8"))
    tell = Teller(len(job["origins"]) + 1)
    with ThreadPoolExecutor(max_workers=1) as pool:
        notes = pool.submit(read_notes, job)  # while the JVM starts
        tell("starting Hail", 0)
        # Small files are read at once, so that a refused line need not wait for the JVM.
        if wait([notes], timeout=1).done:
            notes.result()
        hl = start_hail(job, genotypes=sum(file["records"] * len(file["samples"]) for file in job["files"]))
        try:
            for at, origin in enumerate(job["origins"]):
                tell(f"reading {origin} variants", at + 1)
                _ingest(hl, origin, job, notes)
        finally:
            end_hail(job)
    tell("variants ready", len(job["origins"]) + 1)


def read_notes(job: Mapping[str, Any]) -> Notes:
    """Annotations of every line of every file, one an alternate allele; reference bases are compared on the way."""
    settings = AnnotationSettings(**job["annotation"])
    reference = _reference(job)
    notes: Notes = {}
    for file in job["files"]:
        facts = VcfFacts(**{**file["facts"], "path": file["path"]})
        compared = None if file["build"] != job["build"] else reference
        if compared is None and settings.resolved(facts) == "none":
            continue
        for site in read_annotations(facts, settings):
            contig = plain_contig(site.contig)
            found = None if compared is None else compared.differs(contig, site.position, site.ref)
            if found is not None:
                fasta = "" if compared is None else compared.path.name
                raise FusionError(
                    f"{file['name']}, line {site.line}, {site.contig}:{site.position}: the reference allele is "
                    f"{site.ref}, and {fasta} has {found} there. The file is of another genome, or damaged: set "
                    "fasta to the genome it was called on, or mend it with `bcftools norm --check-ref`."
                )
            notes.setdefault((contig, site.position, site.ref, ",".join(site.alts)), site.annotations)
    return notes


def _reference(job: Mapping[str, Any]) -> Reference | None:
    fasta = job["inputs"].get("fasta")
    return None if fasta is None else Reference(Path(fasta))


def _ingest(hl: Any, origin: str, job: Mapping[str, Any], notes: Future[Notes]) -> None:
    """All files of an origin into one store."""
    files = [file for file in job["files"] if file["origin"] == origin]
    builder = StoreBuilder(sources=[source_of(file) for file in files], reference=_reference(job))
    shared = job["spark"].get("scratch") or job["scratch"]
    for number, group in enumerate(groups(files, bundled="://" not in shared)):
        path = f"{shared}/{origin}_{number}.tsv"
        query = _query(group, job, origin, number)
        if query.source_build != query.build:
            prepare_lift(hl, query, Path(job["scratch"]) / "over.chain")
        export(hl, query, path)
        sources = [source_of(file) for file in group] if query.numbered else [_joined(group)]
        builder.add(_lines(hl, path), sources, notes.result(), lifted=query.source_build != query.build)
    write_results(builder, origin, job, files)


def _query(group: Sequence[File], job: Mapping[str, Any], origin: str, number: int) -> Query:
    """How to read a group; files of different samples are bundled first."""
    numbered = len({(*file["samples"], *map(str, file["columns"])) for file in group}) > 1
    shared = job["spark"].get("scratch") or job["scratch"]
    if numbered:
        bundled = Path(shared) / f"{origin}_{number}.vcf.gz"
        bundle(group, bundled)
        paths, compression = [str(bundled)], "bgzip"
    else:
        folder = Path(job["scratch"] if "://" in shared else shared) / "placed"
        found = [placed(file, folder, f"{origin}_{number}_{at}") for at, file in enumerate(group)]
        paths, compression = [path for path, _ in found], found[0][1]
    facts = [VcfFacts(**file["facts"]) for file in group]
    return Query(
        paths=paths,
        compression=compression,
        reduced_ploidy=any(one.reduced_ploidy for one in facts if not needs_mending(one)),
        depthless=any(file["facts"]["depthless"] for file in group),
        records=sum(file["records"] for file in group),
        size=sum(Path(path).stat().st_size for path in paths),
        source_build=group[0]["build"],
        build=job["build"],
        chain=job["inputs"].get("chain"),
        numbered=numbered,
        filters=job["filters"][origin],
        shares=origin == "somatic",
        fractions=all(one.fields.get("AF") == "A,Float" for one in facts),
        depths=depths_of(facts),
    )


def depths_of(facts: Sequence[VcfFacts]) -> Literal["alleles", "alternate", "none"]:
    """What AD says in all of the files: the reads of each allele, of the alternate alone (VarScan), or neither."""
    kinds = set()
    for one in facts:
        declared = one.fields.get("AD", "R,Integer" if "AD" in one.undeclared or one.without_genotypes else "")
        if one.without_genotypes or declared in ("R,Integer", ".,Integer", "G,Integer"):
            kinds.add("alleles")
        else:
            alone = declared == "1,Integer" and one.fields.get("RD") == "1,Integer"
            kinds.add("alternate" if alone else "none")
    return kinds.pop() if len(kinds) == 1 else "none"  # type: ignore[return-value]


def _joined(group: Sequence[File]) -> Source:
    """Files of the same columns, as one."""
    first = source_of(group[0])
    return Source(name=first.name, samples=first.samples)


def _lines(hl: Any, path: str) -> Iterator[list[str]]:
    with hl.hadoop_open(path) if "://" in path else Path(path).open(encoding="utf-8") as stream:
        for line in stream:
            yield line.rstrip("\n").split("\t")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    sys.stderr.flush()
    os._exit(0)  # not through Hail's and py4j's exit handlers, which wait for the JVM that is gone
