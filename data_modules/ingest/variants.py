"""VCF files to variant stores: checked first, then read by Hail in a process of its own, cached by content.

    python -m data_modules.ingest.variants +experiment=breast_tcga cohort=… spark=local

ingests the variants of a cohort and says what was kept. The process wall: nothing here imports hail; the JVM lives in
the child (`data_modules.ingest.hail_job`) and ends with it, which gives its memory back before training.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from data_modules.errors import some
from data_modules.ingest.annotation import AnnotationSettings
from data_modules.ingest.cache import CacheEntry, content_hash
from data_modules.ingest.java import find_java
from data_modules.ingest.variant_store import CONTIGS, FORMAT, VariantStore, plain_contig
from data_modules.ingest.vcf import BUILDS, VcfFacts, read_facts
from fusion.contract import FusionError, Progress

Origin = Literal["somatic", "germline"]
ORIGINS: tuple[Origin, ...] = ("somatic", "germline")

_JOB = "data_modules.ingest.hail_job"
_HEAP_WORDS = (
    "OutOfMemoryError",
    "GC overhead limit",
    "must be at least",  # Spark: System memory … must be at least 471859200
    "Invalid maximum heap size",
    "Could not reserve enough space",
    "Too small maximum heap",
    "Initial heap size set to a larger value",
)


@dataclass(frozen=True, kw_only=True)
class GenotypeFilters:
    """What is decided per genotype or by the caller, and so may be applied before folds are made.

    Attributes:
        accept: FILTER values of which a record's must be; ``.`` stands for records that were never filtered.
        min_gq: genotypes of lower quality (phred) become missing; those without GQ stay.
        min_dp: genotypes of fewer reads become missing: DP, else the sum of AD; those without either stay.
    """

    accept: tuple[str, ...] = ("PASS",)
    min_gq: int | None = None
    min_dp: int | None = None

    def passes(self, reasons: str) -> bool:
        """Whether a FILTER value as the file writes it is accepted."""
        return all(reason in self.accept for reason in reasons.split(";"))


@dataclass(frozen=True, kw_only=True)
class SparkSettings:
    """Where and with what Hail runs; see conf/spark/."""

    master: str = "local[*]"
    driver_memory: str = "3g"
    executor_memory: str | None = None
    executor_cores: int | None = None
    timeout: float = 7200
    scratch: str | None = None
    conf: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class VcfFile:
    """A VCF and whose mutations it lists."""

    path: Path
    origin: Origin


@dataclass(frozen=True, kw_only=True)
class VariantIngest:
    """The VCF files of a modality on their way to one store an origin.

    Attributes:
        key: config key of the modality, for messages, e.g. ``modality.variants``.
        files: the VCFs; several of an origin may hold other samples, or other contigs of the same.
        filters: per origin.
        annotation: where gene and consequence stand.
        build: GRCh37 or GRCh38.
        spark: see there.
        cache: the cache folder.
    """

    key: str
    files: tuple[VcfFile, ...]
    filters: Mapping[Origin, GenotypeFilters]
    annotation: AnnotationSettings
    build: str | None
    spark: SparkSettings
    cache: Path

    @property
    def origins(self) -> tuple[Origin, ...]:
        """Those that files have, somatic first."""
        return tuple(origin for origin in ORIGINS if any(file.origin == origin for file in self.files))

    @cached_property
    def facts(self) -> Mapping[Path, VcfFacts]:
        """Of each file, from the cache or one light pass."""
        return {file.path: read_facts(file.path, cache=self.cache) for file in self.files}

    def samples(self, origin: Origin) -> tuple[str, ...]:
        """Sample names in the files of an origin, each once."""
        names = (name for file in self.files if file.origin == origin for name in self.facts[file.path].samples)
        return tuple(dict.fromkeys(names))

    @cached_property
    def entry(self) -> CacheEntry:
        """Where the stores lie in the cache."""
        settings = self._settings() | {"origins": [file.origin for file in self.files]}
        key = content_hash([file.path for file in self.files], settings, memo=self.cache)
        return CacheEntry(root=self.cache, kind="variants", key=key)

    def check(self) -> list[str]:
        """Problems visible without Hail, and a missing Java where Hail will be needed."""
        problems = []
        if self.build not in BUILDS:
            problems.append(f"cohort.build={self.build!r} is no genome build. Set it to one of {some(BUILDS)}.")
        for file in self.files:
            problems += self._file_problems(self.facts[file.path], self.filters[file.origin])
        if not problems and not self.entry.complete:
            try:
                find_java()
            except FusionError as error:
                problems.append(str(error))
        return problems

    def _file_problems(self, facts: VcfFacts, filters: GenotypeFilters) -> list[str]:
        name, key = Path(facts.path).name, f"{self.key}.files"
        if facts.problem is not None:
            return [f"{key}: {facts.path} {facts.problem}. Fetch or write the file anew."]
        problems = []
        twice = sorted({sample for sample in facts.samples if facts.samples.count(sample) > 1})
        if twice:
            problems.append(
                f"{key}: {name} has the same sample twice ({some(twice)}). Rename with `bcftools reheader`."
            )
        if _spelling(facts) == "mixed":
            pair = _mixed_pair(facts)
            problems.append(
                f"{key}: {name} mixes contig spellings ({pair}). Use one with `bcftools annotate --rename-chrs`."
            )
        if self.build in BUILDS and facts.build is not None and facts.build != self.build:
            why = "contig lengths" if any(facts.lengths.values()) else f"##reference={facts.reference}"
            problems.append(
                f"{key}: {name} is of build {facts.build} (by {why}) and cohort.build is {self.build}. "
                "Set cohort.build, or lift the file over."
            )
        missing = self.annotation.missing(facts.info)
        if missing:
            problems.append(
                f"{self.key}.annotation asks for INFO {some(missing)}, which the header of {name} does not declare. "
                f"It declares {some(facts.info) or 'none'}."
            )
        if not any(plain_contig(contig) in CONTIGS for contig in facts.contigs):
            seen = some(list(facts.contigs)) or "no records"
            problems.append(f"{key}: {name} has no record on chromosomes 1 to 22, X, Y or MT ({seen}).")
        elif not any(filters.passes(reasons) for reasons in facts.filters):
            problems.append(
                f"{key}: no record of {name} passes its filter; FILTER is {some(sorted(facts.filters))} and "
                f"{self.key}.filters accepts {some(filters.accept)}. Add values to accept."
            )
        return problems

    def run(self, progress: Progress) -> Path:
        """The folder of stores, made by Hail where the cache lacks it.

        Raises:
            FusionError: no Java, too small a heap, a full disk, a hung cluster, or what else Hail says.
        """
        return self.entry.build(lambda partial: self._ingest(partial, progress))

    def stores(self) -> dict[Origin, VariantStore]:
        """Open what `run` made."""
        return {origin: VariantStore.open(self.entry.folder / origin) for origin in self.origins}

    def _settings(self) -> dict[str, Any]:
        """Everything that changes the result."""
        return {
            "format": FORMAT,
            "build": self.build,
            "filters": {origin: asdict(self.filters[origin]) for origin in self.origins},
            "annotation": asdict(self.annotation),
        }

    def _ingest(self, out: Path, progress: Progress) -> None:
        java = find_java()
        scratch = out / "scratch"
        scratch.mkdir()
        log = self.cache.resolve() / "logs" / f"hail-{self.entry.key[:24]}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        job = {
            "files": [
                asdict(self.facts[file.path]) | {"path": str(file.path.resolve()), "origin": file.origin}
                for file in self.files
            ],
            "origins": self.origins,
            "filters": {origin: asdict(self.filters[origin]) for origin in self.origins},
            "annotation": asdict(self.annotation),
            "build": self.build,
            "spark": asdict(self.spark),
            "hash": self.entry.key,
            "settings": self._settings(),
            "out": str(out.resolve()),
            "scratch": str(scratch.resolve()),
            "log": str(log),
        }
        (scratch / "job.json").write_text(json.dumps(job), encoding="utf-8")
        run_job(scratch / "job.json", log=log, environment=java.environment(), spark=self.spark, progress=progress)
        shutil.rmtree(scratch, ignore_errors=True)


def _spelling(facts: VcfFacts) -> str:
    """How a file's records name chromosomes: ``chr``, ``plain`` or ``mixed``."""
    known = [contig for contig in facts.contigs if plain_contig(contig) in CONTIGS]
    prefixed = {contig.startswith("chr") for contig in known}
    return "mixed" if len(prefixed) > 1 else "chr" if prefixed == {True} else "plain"


def _mixed_pair(facts: VcfFacts) -> str:
    known = [contig for contig in facts.contigs if plain_contig(contig) in CONTIGS]
    first = next(contig for contig in known if contig.startswith("chr"))
    return f"{first} and {next(contig for contig in known if not contig.startswith('chr'))}"


def run_job(
    job: Path,
    *,
    log: Path,
    environment: Mapping[str, str],
    spark: SparkSettings,
    progress: Progress,
    module: str = _JOB,
) -> None:
    """Run the Hail process to its end, passing its progress on; on every way out it and its JVM are gone.

    Args:
        job: JSON file; the process works in its folder, so that what Spark drops there never shows elsewhere.
        log: what Hail logs; what the process and its JVM print goes beside it, with the ending ``.err``.
        environment: with Java.
        spark: for the timeout and for messages.
        progress: told of each step.
        module: what the process runs; it is given the path of `job`.

    Raises:
        FusionError: the process failed; the message says why where that is known, and where the log is.
    """
    package_root = str(Path(__file__).resolve().parents[2])
    paths = [package_root, *filter(None, [environment.get("PYTHONPATH")])]
    settings = {
        **environment,
        "PYTHONPATH": os.pathsep.join(paths),
        "PYSPARK_PYTHON": sys.executable,
        "PYTHONWARNINGS": "ignore",  # Hail warns of every Java but 11
        "SPARK_LOCAL_IP": environment.get("SPARK_LOCAL_IP", "127.0.0.1") if _local(spark) else "",
    }
    settings = {key: value for key, value in settings.items() if value}
    printed = log.with_suffix(".err")
    with printed.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", module, str(job.resolve())],
            stdout=subprocess.PIPE,
            stderr=stderr,
            stdin=subprocess.DEVNULL,
            cwd=job.parent,
            env=settings,
            start_new_session=True,
        )
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            _end(process)

        clock = threading.Timer(spark.timeout, expire)
        clock.daemon = True
        clock.start()
        try:
            assert process.stdout is not None
            for line in process.stdout:
                told = json.loads(line)
                progress(told["step"], told["done"], told["total"])
            code = process.wait()
        finally:
            clock.cancel()
            _end(process)
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
    if expired.is_set():
        raise FusionError(
            f"Hail has not finished in {spark.timeout:g} seconds on {spark.master}. A cluster without free memory or "
            f"cores waits for ever: check spark.executor_memory and spark.executor_cores, or raise spark.timeout. "
            f"Log: {log}"
        )
    if code != 0:
        raise _failure(code, printed.read_text(encoding="utf-8", errors="replace"), log, spark)


def _local(spark: SparkSettings) -> bool:
    return spark.master.startswith("local")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and its JVM, which share a process group."""
    # macOS answers PermissionError for a group of zombies.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _failure(code: int, printed: str, log: Path, spark: SparkSettings) -> FusionError:
    """The one sentence behind a long Java traceback."""
    if any(word in printed for word in _HEAP_WORDS):
        return FusionError(
            f"Hail ran out of memory with spark.driver_memory={spark.driver_memory}. Raise spark.driver_memory "
            f"(conf/spark/). Log: {log}"
        )
    if "No space left on device" in printed:
        return FusionError(
            f"no space left on the disk of the cache folder {log.parent.parent} while Hail wrote to it; free some, or "
            f"set `cache` to a folder on another disk. Log: {log}"
        )
    if code < 0:
        return FusionError(
            f"Hail was ended by signal {-code} ({signal.Signals(-code).name}); if nobody did so, memory ran out: lower "
            f"spark.driver_memory={spark.driver_memory} or use a machine with more. Run again. Log: {log}"
        )
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    told = [line for line in lines if line.startswith("fusion.contract.FusionError: ")]
    if told:
        return FusionError(told[-1].partition(": ")[2])
    words = ("Error:", "Exception:", "error:")
    why = next((line for line in reversed(lines) if any(word in line for word in words)), lines[-1] if lines else "?")
    return FusionError(f"Hail failed: {why[:400]} Log: {log}, {log.with_suffix('.err').name}")


def parse_files(files: Sequence[Any]) -> list[tuple[str, Origin]]:
    """Config entries, each a path or ``{path, origin}``, as pattern and origin.

    Raises:
        FusionError: another shape, or another origin.
    """
    parsed: list[tuple[str, Origin]] = []
    for item in [files] if isinstance(files, str | Mapping) else files:
        given = {"path": item} if isinstance(item, str) else dict(item)
        origin = given.get("origin", "somatic")
        if set(given) - {"path", "origin"} or "path" not in given or origin not in ORIGINS:
            raise FusionError(f"files: {item!r} is neither a path nor {{path, origin: {' | '.join(ORIGINS)}}}.")
        parsed.append((str(given["path"]), origin))
    return parsed


if __name__ == "__main__":
    from data_modules.ingest.variants_command import main

    sys.exit(main())
