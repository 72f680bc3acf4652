"""Canaries in a cohort: labels permuted, a leak planted, patients under two ids, site and missing values alone.

The real folds and the real fitting of every modality, with a plain arm in place of networks, so that it takes minutes.
A sound protocol finds nothing in permuted labels, sees a planted leak, and the cohort holds no column that tells the
outcome and nobody twice: these decide (Holm, 5 %). Site and missing values alone warn. Exit code 0 pass, 3 fail.
Of several endpoints (endpoint=[pcr,rcb]) each is looked at with its own patients and folds, grades and times as two
groups, and all are judged together.
Permuted labels through networks take as long as training: train with canary=permuted and other seeds, name the runs as
permuted=[…], and their arms are judged with the rest.

Examples:
  python -m fusion.canary cohort=tcga_brca_simulated
  python -m fusion.canary --config-dir my_conf cohort=mine folds.outer=5 permutations=10
  python -m fusion.canary cohort=transneo_pcr cohort.root=<folder> endpoint=[pcr,rcb]
  python -m fusion.canary cohort=mine permuted=[runs/permuted_1,runs/permuted_2]   # of fusion.train canary=permuted
  python -m fusion.canary cohort=tcga_brca_simulated run=runs/breast_tcga/2026-01-01_12-00-00   # into that run's report
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusion.config.command import run

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from fusion.run.folder import RunFolder

FAILED = 3


def canary(config: DictConfig) -> None:
    """Run the canaries of a cohort, write canary.json, and end with `FAILED` where one of them decides so.

    Raises:
        FusionError: the cohort cannot be read, its endpoint is of several classes without order, or `run` is of other
            data.
    """
    from fusion.run.canaries import keep

    run_folder = finished(config)
    found = look(config, run_folder)
    keep(found, Path(config.cache))
    lines = [f"{one['status']:>13}  {_name(one)}: {one['said']}{_names(one)}" for one in found["checks"]]
    lines = [
        f"{one['endpoint']}: {' against '.join(one['groups'])}, {one['patients']} patients"
        for one in found["endpoints"]
    ] + lines
    if run_folder is not None:
        lines.append(into_report(run_folder, found))
    path = Path(config.output) / "canary.json"
    sys.stdout.write("\n".join([*lines, f"{found['verdict'].upper()}  {path}", ""]))
    if found["verdict"] == "fail":
        raise SystemExit(FAILED)


def _name(check: dict[str, Any]) -> str:
    return f"{check['endpoint']}, {check['name']}" if "endpoint" in check else str(check["name"])


def _names(check: dict[str, Any]) -> str:
    """Whom the check is about: for the console alone, pages name nobody."""
    pairs = check["figures"].get("pairs")
    return f" ({', '.join(' = '.join(pair) for pair in pairs[:3])})" if pairs else ""


def finished(config: Any) -> RunFolder | None:
    """The run whose report is to show the canaries; None where none is named.

    Raises:
        FusionError: it is no finished run, or of a version that did not tell its data apart.
    """
    from fusion.contract import FusionError
    from fusion.run.canaries import DATA
    from fusion.run.folder import RunFolder

    if not config.get("run"):
        return None
    opened = RunFolder.open(config.run, trust=None)
    if not opened.record().get(DATA):
        raise FusionError(f"{opened.path}: does not say which data it is of; an older version wrote it. Train again.")
    return opened


def same_data(folder: RunFolder | None, data: str) -> None:
    """Refuse a run of other data before the long work.

    Raises:
        FusionError: the run is of other data.
    """
    from fusion.contract import FusionError
    from fusion.run.canaries import DATA

    if folder is not None and folder.record()[DATA] != data:
        raise FusionError(
            f"run={folder.path}: it is of other data than these: another cohort, endpoint or file, or a file that "
            "has changed since. Its report is as it was."
        )


def into_report(folder: RunFolder, found: dict[str, Any]) -> str:
    """Write the canaries into the run's folder and its report anew; the line that says so."""
    from fusion.report.page import write_report
    from fusion.run.canaries import give

    give(folder, found)
    return f"In the report: {write_report(folder)}"


def look(config: Any, into: RunFolder | None = None) -> dict[str, Any]:
    """What `canary` writes: every check with its figures, and the verdict; of the data of the run `into`, if given."""
    from fusion.protocol.beside import digest
    from fusion.protocol.canary.several import every_endpoint
    from fusion.protocol.canary.trained import through_arms
    from fusion.protocol.progress import JobProgress
    from fusion.protocol.setup import open_setup
    from fusion.run.files import replace_file
    from fusion.run.folder import RunFolder
    from fusion.run.record import now

    permuted = [RunFolder.open(one, trust=None) for one in config.get("permuted") or ()]
    with JobProgress() as progress:
        setup = open_setup(config, progress).prepare(progress)
        data = digest(config, setup)
        same_data(into, data)
        more = [through_arms(permuted, data)] if permuted else []
        checks, looked_at = every_endpoint(
            config, setup, progress, permutations=int(config.permutations), seed=int(config.seed), say=progress.say,
            more=more,
        )  # fmt: skip
    found = {
        "data": data,
        "made": now(),
        "folds": {key: config.folds[key] for key in ("outer", "site")},
        "cohort": setup.cohort.spec.name,
        "simulated": setup.cohort.spec.simulated,
        "patients": len(setup.cohort.patient_ids),
        "verdict": "fail" if any(one.decides and one.status == "fail" for one in checks) else "pass",
        "endpoints": looked_at,
        "checks": [one.record() for one in checks],
    }
    text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    replace_file(Path(config.output) / "canary.json", lambda partial: partial.write_text(text, encoding="utf-8"))
    return found


if __name__ == "__main__":
    run(canary, "canary")
