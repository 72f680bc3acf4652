"""Files of variants as a draft sees them: samples, build, origin and annotation, from their first lines alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from data_modules.drafting.listing import Found
from data_modules.drafting.tables import Table
from data_modules.drafting.words import tokens
from data_modules.ingest.variants.annotation.settings import AnnotationSettings
from data_modules.ingest.variants.files.maf import build_known, build_name
from data_modules.ingest.variants.files.vcf import VcfFacts, open_vcf

MOST_HEADERS = 2_000
"""VCF files whose headers are read."""

_LINES = 100_000
_FIELD = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|[^,>]*)')
_SOMATIC = ("somatic", "mutect", "mutect2", "strelka", "varscan", "tumor", "tumour")
_GENES = ("GENE", "Gene", "SYMBOL", "gene", "Hugo_Symbol", "GENE_SYMBOL", "gene_symbol")
_CONSEQUENCES = (
    "CSQ_MAF", "Consequence", "CONSEQUENCE", "consequence", "Variant_Classification", "EFFECT", "Effect", "effect",
    "ExonicFunc",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Genome:
    """A file of variants.

    Attributes:
        file: below the folder.
        samples: names in it.
        build: None where it does not say.
        origin: somatic or germline; None where nothing tells.
        reason: for the origin.
        annotation: what has to be set about it, keys of ``modality.<name>.annotation``.
        problem: why it cannot be read.
    """

    file: str
    samples: tuple[str, ...] = ()
    build: str | None = None
    origin: str | None = None
    reason: str = ""
    annotation: tuple[tuple[str, str], ...] = ()
    problem: str | None = None


def read_genomes(files: Sequence[Found]) -> list[Genome]:
    """The VCF files of a folder; `MOST_HEADERS` of them are opened."""
    return [_genome(file) for file in files[:MOST_HEADERS]]


def _genome(file: Found) -> Genome:
    try:
        facts = _header(file.path)
    except Exception as error:  # packed data that are damaged break zlib, pysam and gzip in many ways
        return Genome(file=file.name, problem=f"cannot be read ({type(error).__name__}: {error})")
    if not facts.samples:
        return Genome(file=file.name, problem=facts.problem or "has no sample columns: sites only, no genotypes")
    origin, reason = _origin(file.name, facts)
    return Genome(
        file=file.name, samples=facts.samples, build=facts.build, origin=origin, reason=reason,
        annotation=_annotation(facts), problem=facts.foreign,
    )  # fmt: skip


def _header(path: Path) -> VcfFacts:
    """What the lines above the genotypes say."""
    found: dict[str, Any] = {"path": str(path), "compression": "plain"}
    lengths: dict[str, int | None] = {}
    info: dict[str, str] = {}
    layouts: dict[str, str] = {}
    assemblies: dict[str, None] = {}
    tumours: list[str] = []
    with open_vcf(path) as stream:
        for raw in islice(stream, _LINES):
            line = raw.decode("utf-8", errors="replace").rstrip("\r\n").removeprefix("\ufeff")
            fields = dict(_FIELD.findall(line)) if line.startswith("##") and "<" in line else {}
            if line.startswith("#CHROM"):
                found["samples"] = tuple(line.split("\t")[9:])
                if "\t" not in line:
                    found["problem"] = "is separated by spaces, not by tabs"
                break
            if line.startswith("##contig"):
                lengths[fields.get("ID", "")] = int(fields["length"]) if fields.get("length", "").isdigit() else None
                assemblies |= {fields["assembly"].strip('"'): None} if "assembly" in fields else {}
            elif line.startswith("##reference="):
                found["reference"] = line.partition("=")[2]
            elif line.startswith("##INFO"):
                # ANNOVAR's keys hold points: cut by the comma, not by a pattern of words.
                key = line.partition("ID=")[2].partition(",")[0]
                info[key] = f"{fields.get('Number', '')},{fields.get('Type', '')}"
                if "|" in fields.get("Description", ""):
                    layouts[key] = fields["Description"]
            elif line.startswith("##tumor_sample="):
                tumours.append(line.partition("=")[2])
            elif not line.startswith("##"):
                found["problem"] = "has no header of a VCF"
                break
    return VcfFacts(
        **found, lengths=lengths, info=info, layouts=layouts, assemblies=tuple(assemblies), tumours=tuple(tumours)
    )


def _origin(name: str, facts: VcfFacts) -> tuple[str | None, str]:
    words = set(tokens(name))
    if "germline" in words:
        return "germline", "its name says so"
    said = next((word for word in _SOMATIC if word in words), None)
    if said is not None:
        return "somatic", f"its name has '{said}'"
    return ("somatic", "its header names a tumour sample") if facts.tumours else (None, "")


def _annotation(facts: VcfFacts) -> tuple[tuple[str, str], ...]:
    """Settings that `auto` does not find by itself."""
    if AnnotationSettings().resolved(facts) != "none":
        return ()
    gene = next((tag for tag in _GENES if tag in facts.info), None)
    consequence = next((tag for tag in _CONSEQUENCES if tag in facts.info), None)
    if gene is None:
        return ()
    return (("format", "info"), ("gene", gene), *((("consequence", consequence),) if consequence else ()))


def maf_build(table: Table) -> str | None:
    """The build that a MAF's NCBI_Build says, where it says one."""
    column = next((name for name in table.frame if str(name).lower() == "ncbi_build"), None)
    said = {build_name(one) for one in table.frame[column].unique() if build_known(one)} if column else set()
    return said.pop() if len(said) == 1 else None


def barcodes(table: Table) -> list[str]:
    """The samples that a MAF names."""
    column = next(name for name in table.frame if str(name).lower() == "tumor_sample_barcode")
    return list(dict.fromkeys(table.frame[column]))
