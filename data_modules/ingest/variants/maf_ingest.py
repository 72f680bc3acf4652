"""MAF files to variant stores, with the face of `data_modules.ingest.variants.ingest.VariantIngest`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from data_modules.ingest.variants.files.maf import MafError, MafHeader, build_name, read_header
from data_modules.ingest.variants.files.maf_facts import VERSION, MafFacts, read_maf_facts, strange_words
from data_modules.ingest.variants.files.vcf import BUILDS
from data_modules.ingest.variants.hail.java import find_java
from data_modules.ingest.variants.ingest import VariantIngest
from data_modules.ingest.variants.settings import Origin
from data_modules.ingest.variants.store import FORMAT
from fusion.contract import FusionError, Progress, some

_JOB = "data_modules.ingest.variants.hail.maf_job"


@dataclass(frozen=True, kw_only=True)
class MafIngest(VariantIngest):
    """MAF files of a modality on their way to one store an origin.

    Of `VariantIngest.filters`, `accept` is for a FILTER column, as the GDC writes it (files without it pass whole), and
    `min_dp` for the reads at the site; a MAF has no genotype qualities.
    """

    @cached_property
    def headers(self) -> Mapping[Path, MafHeader]:
        """Of each file."""
        return {file.path: read_header(file.path) for file in self.files}

    @cached_property
    def maf_facts(self) -> Mapping[Path, MafFacts]:
        """Of each file, from the cache or one light pass."""
        return {path: read_maf_facts(header, cache=self.cache) for path, header in self.headers.items()}

    def samples(self, origin: Origin) -> tuple[str, ...]:
        if self.inputs.names == "file":
            return tuple(self.labels[file.path] for file in self.files if file.origin == origin)
        names = (name for file in self.files if file.origin == origin for name in self.maf_facts[file.path].samples)
        return tuple(dict.fromkeys(names))

    def said(self, origin: Origin) -> list[str]:
        """What of the files is not known; what was left out of them is said by their store."""
        paths = [file.path for file in self.files if file.origin == origin]
        empty = [path.name for path in paths if not self.maf_facts[path].lines]
        told = [f"{some(empty, 3)} list no variant: their samples were sequenced and have none."] if empty else []
        return told + [sentence for path in paths for sentence in self.maf_facts[path].said(path.name)]

    def check(self) -> list[str]:
        if self.build not in BUILDS:
            return [f"cohort.build={self.build!r} is no genome build. Set it to one of {some(BUILDS)}."]
        for name in ("chain", "genes"):
            if name in self.inputs.paths:
                return [
                    f"{self.key}.inputs.{name} is for VCFs: a MAF is not lifted over and names its genes. Set null."
                ]
        try:
            facts = self.maf_facts
        except MafError as error:
            return [f"{self.key}.files: {error}"]
        problems = []
        for path, found in facts.items():
            other = [name for name in found.builds if build_name(name) != self.build]
            if other:
                problems.append(
                    f"{self.key}.files: NCBI_Build of {path.name} is {some(other)} and cohort.build is {self.build}. "
                    "Set cohort.build, or lift the file over."
                )
            problems += found.problems(path.name, key=self.key, build=self.build)
            if not found.lines and not any(one.lines for one in facts.values()):
                problems.append(f"{self.key}.files: {path.name} lists no variant. Fetch it anew.")
            elif not found.lines and not found.samples and self.inputs.names != "file":
                problems.append(
                    f"{self.key}.files: {path.name} lists no variant and names no sample: nobody knows whose it is. "
                    f"Set {self.key}.inputs.names=file where files' names tell, or take it out of the folder: its "
                    "patient then has no variants read."
                )
        problems += strange_words(facts.values(), key=self.key, filters=self.filters)
        if not problems and not self.entry.complete:
            try:
                find_java()
            except FusionError as error:
                problems.append(str(error))
        return problems

    def _settings(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "reader": f"maf {VERSION}",
            "names": [self.labels[file.path] for file in self.files] if self.inputs.names == "file" else None,
            "build": self.build,
            "filters": {origin: asdict(self.filters[origin]) for origin in self.origins},
        }

    def _contents(self) -> list[Path]:
        return [file.path for file in self.files]

    def _job(self) -> dict[str, Any]:
        return {
            "files": [
                {
                    "path": str(file.path.resolve()),
                    "origin": file.origin,
                    "sample": self.labels[file.path] if self.inputs.names == "file" else None,
                }
                for file in self.files
            ],
            "origins": self.origins,
            "filters": {origin: asdict(self.filters[origin]) for origin in self.origins},
            "build": self.build,
            "reference": self.build,
        }

    def _ingest(self, out: Path, progress: Progress, *, module: str = _JOB) -> None:
        super()._ingest(out, progress, module=module)
