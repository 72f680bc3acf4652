"""A cohort of one's own, as YAML, and the ingest commands over it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

COHORT = """\
# @package _global_
defaults:
  - /modality@modality.{name}: {option}
cohort:
  _target_: data_modules.cohort.source.CohortSource
  name: mine
  root: {root}
  tables: {{clinical: {{file: clinical.tsv, id: id, columns: {{outcome: {{time: outcome}}}}}}}}
  endpoints: {{response: {{table: clinical, column: outcome, positive: ["yes"], negative: ["no"]}}}}
  build: GRCh38
  absent_is: reference
modality:
  {name}:
"""


def write_cohort(conf: Path, root: Path, *, name: str, option: str, modality: str, patients: str = "P1 P2 P3") -> Path:
    """``<conf>/cohort/mine.yaml`` and ``<root>/clinical.tsv``; the folder of YAML.

    Args:
        conf: folder of YAML.
        root: of the cohort's files.
        name: of its one modality,
        option: what it is, of conf/modality,
        modality: and its keys, as lines of YAML.
        patients: ids, by turns with the outcomes yes and no.
    """
    (conf / "cohort").mkdir(parents=True, exist_ok=True)
    lines = "".join(f"    {line}\n" for line in modality.strip().splitlines())
    text = COHORT.format(name=name, option=option, root=root) + lines
    (conf / "cohort" / "mine.yaml").write_text(text, encoding="utf-8")
    rows = "".join(f"{one}\t{('yes', 'no')[at % 2]}\n" for at, one in enumerate(patients.split()))
    (root / "clinical.tsv").write_text(f"id\toutcome\n{rows}", encoding="utf-8")
    return conf


def over_cohort(conf: Path, cache: Path, *overrides: str) -> list[str]:
    """Of an ingest command over that cohort."""
    return ["--config-dir", str(conf), "cohort=mine", f"cache={cache}", *overrides]


def ingest(kind: str, given: list[str]) -> subprocess.CompletedProcess[str]:
    """``python -m data_modules.ingest.<kind>``, as a user types it."""
    line = [sys.executable, "-m", f"data_modules.ingest.{kind}", *given]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


def files_of(cache: Path, pattern: str) -> dict[Path, int]:
    """Files in the cache → when they were written: an ingest that finds its work again writes none."""
    return {path: path.stat().st_mtime_ns for path in cache.rglob(pattern)}
