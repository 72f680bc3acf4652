"""VCF files to variant stores: checked first, then read by Hail in a process of its own, cached by content.

    python -m data_modules.ingest.variants +experiment=breast_tcga cohort=… spark=local

ingests the variants of a cohort and says what was kept. The process wall: nothing here imports hail; the JVM lives in
the child (`data_modules.ingest.variants.hail.job`) and ends with it, which gives its memory back before training.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from data_modules.hashes import content_hash
from data_modules.ingest.common.cache import CacheEntry
from data_modules.ingest.variants.annotation.settings import AnnotationSettings
from data_modules.ingest.variants.checks import (
    Pairs,
    file_problems,
    input_problems,
    nothing_passes,
    set_problems,
    spoken,
)
from data_modules.ingest.variants.files.vcf import BUILDS, VcfFacts
from data_modules.ingest.variants.files.vcf_scan import read_facts
from data_modules.ingest.variants.hail.converted import readable
from data_modules.ingest.variants.hail.java import find_java
from data_modules.ingest.variants.hail.runner import run_job
from data_modules.ingest.variants.hail.scratch import own_scratch
from data_modules.ingest.variants.settings import (
    ORIGINS,
    GenotypeFilters,
    InputSettings,
    Origin,
    SparkSettings,
    VcfFile,
)
from data_modules.ingest.variants.store import FORMAT, VariantStore
from data_modules.patient_ids import bare_name
from fusion.contract import FusionError, Progress, some

__all__ = [
    "ORIGINS", "GenotypeFilters", "InputSettings", "Origin", "SparkSettings", "VariantIngest", "VcfFile",
]  # fmt: skip

_JOB = "data_modules.ingest.variants.hail.job"
_MOST_EMPTY = 0.2
"""Share of the files of an origin in which nothing may have been found; above it, filters or files are wrong."""


def file_labels(paths: Sequence[Path]) -> dict[Path, str]:
    """Names of files without ``.vcf``, ``.gz`` and the like; below their common folder where two have the same name."""
    bare = {path: bare_name(path.name) for path in paths}
    if len(set(bare.values())) == len(set(paths)):
        return bare
    root = Path(os.path.commonpath([path.parent for path in paths]))
    return {path: str((path.parent / name).relative_to(root)) for path, name in bare.items()}


@dataclass(frozen=True, kw_only=True)
class VariantIngest:
    """The VCF files of a modality on their way to one store an origin.

    Attributes:
        key: config key of the modality, for messages, e.g. ``modality.variants``.
        files: VCFs, BCFs and MatrixTables; several of an origin may hold other samples, or other contigs of the same.
        filters: per origin.
        annotation: where gene and consequence stand.
        build: GRCh37 or GRCh38.
        spark: see there.
        cache: the cache folder.
        inputs: genome, chain, genes, tumours.
        simulated: whether the cohort is invented; figures say so.
    """

    key: str
    files: tuple[VcfFile, ...]
    filters: Mapping[Origin, GenotypeFilters]
    annotation: AnnotationSettings
    build: str | None
    spark: SparkSettings
    cache: Path
    inputs: InputSettings = field(default_factory=InputSettings)
    simulated: bool = False

    @property
    def origins(self) -> tuple[Origin, ...]:
        """Those that files have, somatic first."""
        return tuple(origin for origin in ORIGINS if any(file.origin == origin for file in self.files))

    @property
    def input_files(self) -> list[Path]:
        """All that is read: variants, genome, chain, places of genes."""
        return [*(file.path for file in self.files), *self.inputs.paths.values()]

    @cached_property
    def facts(self) -> Mapping[Path, VcfFacts]:
        """Of each file, from the cache or one light pass; what is no VCF becomes one in the cache first."""
        found = {}
        for file in self.files:
            path = readable(file.path, cache=self.cache, spark=self.spark, build=self.build)
            found[file.path] = read_facts(path, cache=self.cache)
        return found

    @cached_property
    def pairs(self) -> Mapping[VcfFile, Pairs]:
        """Of each file, which columns are kept: of somatic files those of tumours, where pairs can be told."""
        return {
            file: Pairs.of(
                self.facts[file.path],
                self.inputs.tumour if file.origin == "somatic" else None,
                label=self.labels[file.path],
                always=self.inputs.names == "file",
            )
            for file in self.files
        }

    @cached_property
    def labels(self) -> Mapping[Path, str]:
        """Each file's name less its endings; with its folders where two have the same."""
        return file_labels([file.path for file in self.files])

    def samples(self, origin: Origin) -> tuple[str, ...]:
        """Names of the samples that are kept of the files of an origin, each once."""
        names = (name for file in self.files if file.origin == origin for name in self.pairs[file].kept)
        return tuple(dict.fromkeys(names))

    def said(self, origin: Origin) -> list[str]:
        """What was read otherwise than the files declare, in sentences."""
        empty = [path.name for path in self._empty(origin)]
        told = [
            f"{some(empty, 3)}: no record, or none that passes its filter: nothing was found there, which counts as "
            "absent_is says of sites that are not listed."
        ] if empty else []  # fmt: skip
        return [*told, *spoken([self.facts[file.path] for file in self.files if file.origin == origin])]

    def _empty(self, origin: Origin) -> list[Path]:
        """Files of an origin in which nothing passes, where most others have variants: nothing was found in them."""
        paths = [file.path for file in self.files if file.origin == origin]
        empty = [path for path in paths if nothing_passes(self.facts[path], self.filters[origin])]
        return empty if len(empty) <= _MOST_EMPTY * len(paths) else []

    @cached_property
    def entry(self) -> CacheEntry:
        """Where the stores lie in the cache."""
        settings = self._settings() | {"origins": [file.origin for file in self.files]}
        key = content_hash([*self._contents(), *self.inputs.paths.values()], settings, memo=self.cache)
        return CacheEntry(root=self.cache, kind="variants", key=key)

    def check(self) -> list[str]:
        """Problems visible without Hail, and a missing Java where Hail will be needed."""
        problems = []
        if self.build not in BUILDS:
            problems.append(f"cohort.build={self.build!r} is no genome build. Set it to one of {some(BUILDS)}.")
        problems += input_problems(self.key, self.inputs)
        if problems:
            return problems
        try:
            facts = self.facts
        except FusionError as error:
            return [f"{self.key}.files: {error}"]
        empty = {path for origin in self.origins for path in self._empty(origin)}
        for file in self.files:
            problems += file_problems(
                facts[file.path],
                name=file.path.name,
                key=self.key,
                build=str(self.build),
                filters=self.filters[file.origin],
                annotation=self.annotation,
                chain=self.inputs.chain,
                may_be_empty=file.path in empty,
            )
        if not problems:
            problems = set_problems(self.key, [(file, facts[file.path], self.pairs[file]) for file in self.files])
        if not problems and not self.entry.complete:
            try:
                find_java()
            except FusionError as error:
                problems.append(str(error))
        return problems

    def run(self, progress: Progress) -> Path:
        """The folder of stores, made by Hail where the cache lacks it.

        Raises:
            FusionError: no Java, too small a heap, a full disk, a hung cluster, or what else Hail says.
        """
        return self.entry.build(lambda partial: self._ingest(partial, progress))

    @property
    def folders(self) -> dict[Origin, Path]:
        """Where `run` leaves the store of each origin."""
        return {origin: self.entry.folder / origin for origin in self.origins}

    def stores(self) -> dict[Origin, VariantStore]:
        """Open what `run` made."""
        return {origin: VariantStore.open(folder) for origin, folder in self.folders.items()}

    def _contents(self) -> list[Path]:
        """The files whose content decides the result."""
        return [Path(self.facts[file.path].path) for file in self.files]

    def _settings(self) -> dict[str, Any]:
        """Everything that changes the result."""
        return {
            "format": FORMAT,
            "reader": "vcf 2",
            "build": self.build,
            "filters": {origin: asdict(self.filters[origin]) for origin in self.origins},
            "annotation": asdict(self.annotation),
            "inputs": {"given": sorted(self.inputs.paths), "tumour": list(self.inputs.tumour)},
            "simulated": self.simulated,
            "names": [self.pairs[file].columns for file in self.files],
        }

    def _job_file(self, file: VcfFile) -> dict[str, Any]:
        """What the job is told of a file."""
        facts, pairs = self.facts[file.path], self.pairs[file]
        lifted = self.inputs.chain is not None and facts.build is not None
        return {
            "path": str(Path(facts.path).resolve()),
            "name": file.path.name,
            "origin": file.origin,
            "facts": asdict(facts),
            "samples": facts.samples,
            "columns": pairs.columns,
            "normals": pairs.dropped,
            "records": facts.records,
            "compression": facts.compression,
            "build": facts.build if lifted else self.build,
        }

    def _job(self) -> dict[str, Any]:
        """What the job is told besides places."""
        return {
            "files": [self._job_file(file) for file in self.files],
            "origins": self.origins,
            "filters": {origin: asdict(self.filters[origin]) for origin in self.origins},
            "annotation": asdict(self.annotation),
            "inputs": {key: str(path.resolve()) for key, path in self.inputs.paths.items()},
            "build": self.build,
            "reference": self.build,
            "simulated": self.simulated,
        }

    def _ingest(self, out: Path, progress: Progress, *, module: str = _JOB) -> None:
        scratch = out / "scratch"
        scratch.mkdir()
        log = self.cache.resolve() / "logs" / f"hail-{self.entry.key[:24]}.log"
        with own_scratch(self.spark) as spark:
            job = self._job() | {
                "spark": asdict(spark),
                "hash": self.entry.key,
                "settings": self._settings(),
                "out": str(out.resolve()),
                "scratch": str(scratch.resolve()),
                "log": str(log),
            }
            (scratch / "job.json").write_text(json.dumps(job), encoding="utf-8")
            run_job(scratch / "job.json", module=module, log=log, spark=spark, progress=progress)
        shutil.rmtree(scratch, ignore_errors=True)
