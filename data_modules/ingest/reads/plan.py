"""Settings and sheet → the workflow's configuration, and everything that speaks against starting it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from data_modules.ingest.reads.beside import fingerprint, genes_problems, other_build, same_reads
from data_modules.ingest.reads.fastq import FastqFacts, look, refuse_mixed
from data_modules.ingest.reads.reference import BWA2, alignment_problems, lengths_of, reference_problems, sites_problems
from data_modules.ingest.reads.settings import ReadsSettings, within
from data_modules.ingest.reads.sheet import Unit, by_products, from_folder, read_sheet, sheet_problems
from data_modules.ingest.reads.tools import Found, find, needed, tool_problems
from fusion.contract import FusionError, some

_GB = 1e9
_TIMES = 3
"""Free disk asked for, in sizes of the reads: trimmed reads, alignments before and after duplicates."""


@dataclass(frozen=True)
class Plan:
    """What is to be run.

    Attributes:
        settings: of the user.
        root: where their relative paths start.
        build: of the cohort.
    """

    settings: ReadsSettings
    root: Path
    build: str | None

    @property
    def output(self) -> Path:
        """Folder of all results."""
        return within(self.root, self.settings.output)

    @property
    def reference(self) -> Path:
        """The FASTA."""
        return within(self.root, self.settings.reference)

    @cached_property
    def units(self) -> list[Unit]:
        """Rows of the sheet.

        Raises:
            FusionError: folder or sheet cannot be read.
        """
        settings = self.settings
        if settings.folder is not None:
            return from_folder(within(self.root, settings.folder), settings)
        return read_sheet(within(self.root, settings.sheet or ""))

    def notes(self, known: frozenset[str]) -> list[str]:
        """What is no error and yet to be known before hours of work.

        Args:
            known: patients of the cohort's tables; none where they cannot be read.
        """
        said = []
        folder = self.settings.folder
        left = by_products(within(self.root, folder)) if folder is not None else []
        if left:
            said.append(
                f"{len(left)} files of no sample, or of index reads, are left out ({some([p.name for p in left], 3)})"
            )
        patients = sorted({unit.patient for unit in self.units})
        strange = [one for one in patients if one not in known]
        if known and strange:
            said.append(
                f"{len(strange)} of {len(patients)} patients of the reads ({some(strange, 3)}) are not in the cohort's "
                f"tables, which name e.g. {min(known)}. Mend names or patterns (reads.sheet, reads.tumour_pattern), or "
                "give sample_sheet a table of your own"
            )
        return said

    @cached_property
    def aligner(self) -> str | None:
        """What aligns; None where every unit is aligned already."""
        if all(unit.bam is not None for unit in self.units):
            return None
        if self.settings.aligner != "auto":
            return self.settings.aligner
        newer = shutil.which("bwa-mem2") and all(Path(f"{self.reference}{end}").is_file() for end in BWA2)
        return "bwa-mem2" if newer else "bwa"

    @cached_property
    def multiqc(self) -> bool:
        """Whether its page is made."""
        return shutil.which("multiqc") is not None if self.settings.multiqc is None else self.settings.multiqc

    @cached_property
    def tools(self) -> list[Found]:
        """The programs that will be called."""
        names = needed(self.settings, aligner=self.aligner, multiqc=self.multiqc)
        return [find(name, program) for name, program in names.items()]

    def config(self) -> dict[str, Any]:
        """As workflows/reads_to_vcf/config.schema.yaml says, without sheet and interpreter."""
        settings = self.settings
        notes, gatk = asdict(settings.annotation), asdict(settings.gatk)
        for names, keys in (
            (notes, ("gff", "gtf", "folder")),
            (gatk, ("panel_of_normals", "germline_resource", "common_sites")),
        ):
            names |= {key: str(within(self.root, names[key])) for key in keys if names[key] is not None}
        return {
            "reference": str(self.reference),
            "regions": None if settings.regions is None else str(within(self.root, settings.regions)),
            "interval_size": settings.interval_size,
            "trim": settings.trim,
            "aligner": self.aligner or "bwa",
            "duplicates": settings.duplicates,
            "known_sites": [str(within(self.root, name)) for name in settings.known_sites],
            "caller": settings.caller,
            "germline": settings.germline,
            "min_quality": settings.min_quality,
            "somatic": asdict(settings.somatic),
            "gatk": gatk,
            "annotation": notes,
            "multiqc": self.multiqc,
            "threads": settings.threads,
            "container": settings.container,
        }

    def refuse(self) -> None:
        """Look at everything that can be looked at before hours of work.

        Raises:
            FusionError: all that was found, a line each.
        """
        problems = sheet_problems(self.units, self.settings)
        inside = self.settings.container is not None or "--software-deployment-method" in self.settings.snakemake
        problems += [] if inside else tool_problems(self.tools)
        gatk = self.settings.caller == "gatk"
        problems += reference_problems(self.reference, build=self.build, aligner=self.aligner, gatk=gatk)
        problems += self._beside()
        problems += self._reads()
        problems += self._disk()
        if problems:
            count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
            raise FusionError(
                "\n".join([f"reads of {self.root}: {count}", *(f"  {at}. {one}" for at, one in enumerate(problems, 1))])
            )

    def _beside(self) -> list[str]:
        """Files that go with the reference."""
        lengths, settings = lengths_of(self.reference), self.settings
        problems = []
        named = [("known_sites", name) for name in settings.known_sites]
        for key in ("panel_of_normals", "germline_resource", "common_sites"):
            value = getattr(settings.gatk, key)
            named += [(f"gatk.{key}", value)] if value else []
        for key, name in named:
            problems += sites_problems(within(self.root, name), lengths, key=key)
        notes = settings.annotation
        if notes.folder and not within(self.root, notes.folder).exists():
            problems.append(f"reads.annotation.folder: there is no {within(self.root, notes.folder)}.")
        for key in {"snpeff": ("database",), "annovar": ("build",), "vep": ("build",)}.get(notes.tool, ()):
            problems += other_build(getattr(notes, key) or "", self.build, key=key)
        for key, value in {"csq": {"gff": notes.gff}, "snpeff": {"gtf": notes.gtf}}.get(notes.tool, {}).items():
            problems += genes_problems(within(self.root, value), list(lengths), key=key) if value else []
        if settings.regions is not None:
            problems += _region_problems(within(self.root, settings.regions), set(lengths))
        return problems

    def _reads(self) -> list[str]:
        """First records of every FASTQ, headers of every alignment."""
        present = [unit for unit in self.units if all(path.is_file() for path in unit.files)]
        lengths = lengths_of(self.reference)

        digests: dict[Path, str] = {}

        def one(unit: Unit) -> tuple[Unit, dict[Path, FastqFacts], list[str]]:
            try:
                if unit.bam is not None:
                    digests[unit.bam] = fingerprint(unit.bam)
                    found = alignment_problems(unit.bam, lengths, fasta=self.reference) if lengths else []
                    return unit, {}, found
                return unit, dict(zip(unit.files, look(unit.files), strict=True)), []
            except (FusionError, OSError) as error:
                return unit, {}, [f"sample {unit.sample}: {error}"]

        with ThreadPoolExecutor(8) as pool:
            looked = list(pool.map(one, present))
        problems = [problem for _, _, found in looked for problem in found]
        samples: dict[str, dict[Path, FastqFacts]] = {}
        for unit, facts, _ in looked:
            digests |= {path: fact.digest for path, fact in facts.items()}
            samples.setdefault(unit.sample, {}).update(facts)
        for sample, facts in samples.items():
            try:
                refuse_mixed(facts)
            except FusionError as error:
                told = f"sample {sample}: {error}"
                problems += [] if told in problems else [told]
        files = {path.resolve(): (unit.sample, path, digests[path])
                 for unit in present for path in unit.files if path in digests}  # fmt: skip
        return problems + same_reads(list(files.values()))

    def _disk(self) -> list[str]:
        size = sum(path.stat().st_size for unit in self.units for path in unit.files if path.is_file())
        asked = _TIMES * size / _GB if self.settings.min_free_gb is None else self.settings.min_free_gb
        at = next(part for part in (self.output, *self.output.parents) if part.exists())
        free = shutil.disk_usage(at).free / _GB
        if free >= asked or (
            self.settings.min_free_gb is None and (self.output / "logs").exists()
        ):  # goes on: part is there
            return []
        return [
            f"{at}: {free:.1f} GB of disk are free, about {asked:.1f} GB are needed. Free some, set reads.output to "
            "another disk, or reads.min_free_gb if you know better."
        ]


def _region_problems(path: Path, contigs: set[str]) -> list[str]:
    if not path.is_file():
        return [f"reads.regions: there is no file {path}."]
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    places = [row for row in rows if len(row) >= 3 and row[1].strip().isdigit() and row[2].strip().isdigit()]
    if not places:
        return [f"reads.regions={path} holds no regions (contig, start, end; tabs between). It is no BED file."]
    strange = sorted({row[0] for row in places} - contigs)
    if contigs and strange:
        return [f"reads.regions={path} is of another build than reads.reference: {strange[0]} is no contig of it."]
    return []


def names_of(units: Sequence[Unit]) -> dict[str, Unit]:
    """Sample → its first row."""
    return {unit.sample: unit for unit in reversed(units)}
