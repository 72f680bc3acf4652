"""BCF and Hail MatrixTables as VCF, once, in the cache: what comes after reads one format.

The price: a BCF is written anew as text (about 50 MB a second), and a MatrixTable costs a start of Hail and its export.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from data_modules.hashes import content_hash, file_hash
from data_modules.ingest.common.cache import CacheEntry
from data_modules.ingest.variants.hail.runner import run_job
from data_modules.ingest.variants.hail.scratch import own_scratch
from data_modules.ingest.variants.settings import SparkSettings
from fusion.contract import FusionError

_VERSION = 1
_JOB = "data_modules.ingest.variants.hail.matrix_table_job"


def readable(path: Path, *, cache: Path, spark: SparkSettings, build: str | None) -> Path:
    """The file itself where it is a VCF; else its conversion, made where the cache lacks it.

    Raises:
        FusionError: the file is damaged, or is none of the three formats.
    """
    if is_matrix_table(path):
        return _matrix_table(path, cache=cache, spark=spark, build=build)
    if is_bcf(path):
        key = content_hash([path], {"bcf": _VERSION}, memo=cache)
        entry = CacheEntry(root=cache, kind="converted", key=key)
        return entry.build(lambda partial: _write_bcf(path, partial / _name(path))) / _name(path)
    return path


def is_matrix_table(path: Path) -> bool:
    """Whether a folder is what `MatrixTable.write` made."""
    return path.is_dir() and (path / "metadata.json.gz").is_file()


def is_bcf(path: Path) -> bool:
    """By the first bytes of the content, whatever the name says."""
    import gzip

    try:
        with path.open("rb") as stream:
            if stream.read(5) == b"BCF\x02\x02":
                return True
        with gzip.open(path) as packed:
            return packed.read(3) == b"BCF"
    except (OSError, EOFError):
        return False


def _name(path: Path) -> str:
    return f"{path.name}.vcf.bgz"


def _write_bcf(path: Path, out: Path) -> None:
    from pysam import bcftools
    from pysam.utils import SamtoolsError

    try:
        bcftools.view("--output-type", "z", "--no-version", "--output", str(out), str(path), catch_stdout=False)
    except SamtoolsError as error:
        why = str(error).strip().splitlines()[-1]
        raise FusionError(f"{path} is damaged or truncated ({why}). Fetch or write the file anew.") from error


def _matrix_table(path: Path, *, cache: Path, spark: SparkSettings, build: str | None) -> Path:
    parts = sorted(part for part in path.rglob("*") if part.is_file() and not part.name.startswith("."))
    if not any(part.name == "_SUCCESS" and part.parent == path for part in parts):
        raise FusionError(f"{path} is a MatrixTable that was not written to its end (no _SUCCESS). Write it anew.")
    digest = hashlib.sha256("".join(file_hash(part, memo=cache) for part in parts).encode()).hexdigest()
    entry = CacheEntry(root=cache, kind="converted", key=content_hash([], {"mt": _VERSION, "content": digest}))

    def write(partial: Path) -> None:
        scratch = partial / "scratch"
        scratch.mkdir()
        log = cache.resolve() / "logs" / f"hail-{entry.key[:24]}.log"
        with own_scratch(spark) as own:
            job = {
                "path": str(path.resolve()),
                "out": str((partial / _name(path)).resolve()),
                "spark": asdict(own),
                "scratch": str(scratch.resolve()),
                "reference": build or "GRCh38",
                "log": str(log),
            }
            (scratch / "job.json").write_text(json.dumps(job), encoding="utf-8")
            run_job(scratch / "job.json", module=_JOB, log=log, spark=own, progress=lambda step, done, total: None)

    return entry.build(write) / _name(path)
