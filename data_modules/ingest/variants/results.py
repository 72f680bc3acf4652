"""What an ingest leaves behind: the store, and beside it what was read, dropped and done, by reason and by sample."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_modules.genes.places import read_gene_places
from data_modules.ingest.variants.annotation.by_place import check_contigs, genes_at
from data_modules.ingest.variants.annotation.settings import AnnotationSettings
from data_modules.ingest.variants.checks import spoken
from data_modules.ingest.variants.files.vcf import VcfFacts
from data_modules.ingest.variants.qc import draw, sample_table
from data_modules.ingest.variants.store import write_store
from data_modules.ingest.variants.store_builder import StoreBuilder
from fusion.contract import FusionError, some

if TYPE_CHECKING:
    import pandas as pd

File = Mapping[str, Any]

_MOST = 0.5
"""Share that a filter may leave out before it is said aloud."""


def write_results(builder: StoreBuilder, origin: str, job: Mapping[str, Any], files: Sequence[File]) -> None:
    """Write the store of an origin with its counts, the table of samples and its figure.

    Args:
        builder: holds all lines of the files.
        origin: ``somatic`` or ``germline``.
        job: see `data_modules.ingest.variants.ingest`.
        files: of the job, those of the origin.
    """
    variants, dosage = builder.variants(origin), builder.dosage()
    placed = _place_genes(variants, job, files)
    normals = {name: str(file["name"]) for file in files for name in file["normals"]}
    filters: Counter[str] = Counter()
    for file in files:
        filters.update(file["facts"]["filters"])
    sites, read = Counter(builder.sites), sum(file["records"] for file in files)
    sites.update(read=read, outside_reference=read - sites.pop("listed", 0), kept_variants=len(variants))
    qc = {
        "sites": dict(sites),
        "genotypes": dict(builder.genotypes),
        "samples": {"read": len(builder.samples) + len(normals), "kept": len(builder.samples), "normal": len(normals)},
        "filter_values": dict(filters),
        "inputs": _inputs(job, files, placed),
    }
    refuse_empty(qc, job["filters"][origin], origin, files)
    qc["said"] = said(qc, files)
    folder = Path(job["out"]) / origin
    write_store(
        folder,
        variants=variants,
        dosage=dosage,
        samples=builder.samples,
        vaf=builder.vaf(),
        qc=qc,
        meta={"build": job["build"], "origin": origin, "hash": job["hash"], "settings": job["settings"]},
    )
    table = sample_table(
        variants, dosage, builder.samples, depth=builder.depth, reasons=builder.reasons, normals=normals
    )
    if job["simulated"]:
        table["simulated"] = True
    table.to_parquet(folder / "samples.parquet", index=False)
    draw(table, qc, folder / "samples.png", stamp="SIMULATED" if job["simulated"] else "")


def refuse_empty(qc: Mapping[str, Any], filters: Mapping[str, Any], origin: str, files: Sequence[File]) -> None:
    """Nothing left is an error, and so is a file most of whose lines lie on contigs that no human genome has.

    Raises:
        FusionError: with what was dropped, and the key that mends it.
    """
    sites, genotypes = qc["sites"], qc["genotypes"]
    names, key = some([str(file["name"]) for file in files], 3), f"filters.{origin}"
    elsewhere = sites.get("outside_reference", 0) + sites.get("other_contig", 0)
    if elsewhere > filters["max_lost"] * max(sites["read"], 1):
        contigs = some([contig for file in files for contig in file["facts"]["contigs"]])
        raise FusionError(
            f"{names}: {elsewhere} of {sites['read']} lines lie on no chromosome or beyond its end ({contigs}). Is it "
            f"of this genome? Rename contigs with `bcftools annotate --rename-chrs`, or set {key}.max_lost above "
            f"{filters['max_lost']:g} to go on without them."
        )
    unknown = sites.get("ambiguous_base", 0)
    if unknown > filters["max_lost"] * max(sites["read"], 1):
        raise FusionError(
            f"{names}: {unknown} of {sites['read']} lines have alleles not made of A, C, G, T. Call variants against "
            f"a genome without ambiguous bases, or set {key}.max_lost above {filters['max_lost']:g}."
        )
    spoken_of = " ".join(spoken([VcfFacts(**file["facts"]) for file in files]))
    if not sites["kept_variants"]:
        told = some([f"{reason} {number}" for reason, number in sites.items() if number and reason != "read"], 8)
        raise FusionError(f"{names}: none of {sites['read']} lines is kept ({told}). See {key}. {spoken_of}".strip())
    if genotypes.get("read") and not genotypes.get("kept"):
        reasons = {"low_dp": "min_dp", "low_gq": "min_gq", "low_balance": "min_balance"}
        told = some(
            [f"{name.replace('_', ' ')} {genotypes[name]}" for name in ("uncalled", *reasons) if genotypes.get(name)]
        )
        most = max(reasons, key=lambda name: genotypes.get(name, 0))
        mend = f"Lower {key}.{reasons[most]}={filters[reasons[most]]}" if genotypes.get(most) else "Call genotypes"
        raise FusionError(
            f"{names}: none of {genotypes['read']} genotypes is kept ({told}). {mend}, or set it to null. "
            f"{spoken_of}".strip()
        )


def said(qc: Mapping[str, Any], files: Sequence[File]) -> list[str]:
    """What filters left out, where it is more than half."""
    told, names = [], some([str(file["name"]) for file in files], 3)
    for part, what in (("sites", "lines"), ("genotypes", "genotypes")):
        counts = qc[part]
        total = counts.get("read", 0)
        for reason in ("filter", "uncalled", "low_gq", "low_dp", "low_balance"):
            if counts.get(reason, 0) > _MOST * max(total, 1):
                told.append(
                    f"{names}: found {total} {what}, left out {counts[reason]} because of {reason.replace('_', ' ')}."
                )
    odd = qc["sites"].get("ambiguous_base", 0)
    if odd:
        told.append(f"{names}: left out {odd} alleles that are not made of A, C, G and T.")
    return told


def _inputs(job: Mapping[str, Any], files: Sequence[File], placed: int) -> dict[str, str]:
    """What was done to the files, and what was not, in words."""
    given = {key: Path(path).name for key, path in job["inputs"].items()}
    fasta, chain = given.get("fasta"), given.get("chain")
    lifted = [file["name"] for file in files if file["build"] != job["build"]]
    packed = [file["name"] for file in files if file["compression"] == "gzip"]
    return {
        "left alignment": f"by {fasta}" if fasta else "none, for there is no fasta",
        "reference bases": f"compared with {fasta}" if fasta else "not compared, for there is no fasta",
        "lift-over": f"{len(lifted)} files by {chain}" if lifted else "none",
        "compression": f"plain gzip, read by one core alone: {some(packed)}; bgzip is faster" if packed else "any core",
        "genes": f"of {placed} variants by place in {given['genes']}" if placed else "as annotated",
    }


def _place_genes(variants: pd.DataFrame, job: Mapping[str, Any], files: Sequence[File]) -> int:
    """Fill the genes of variants whose files nobody has annotated, by place; returns how many."""
    path = job["inputs"].get("genes")
    settings = AnnotationSettings(**job["annotation"])
    bare = {str(file["name"]) for file in files if settings.resolved(VcfFacts(**file["facts"])) == "none"}
    if path is None or not bare:
        return 0
    rows = variants["file"].isin(list(bare)) & variants["gene"].isna()
    genes = read_gene_places(Path(path), key="inputs.genes")
    check_contigs(variants[rows], genes, Path(path))
    variants.loc[rows, "gene"] = genes_at(variants[rows], genes)
    return int(variants.loc[rows, "gene"].notna().sum())
