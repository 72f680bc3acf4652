"""Canaries in a cohort: labels permuted, a leak planted, patients under two ids, site and missing values alone.

The real folds and the real fitting of every modality, with a plain arm in place of networks, so that it takes minutes.
A sound protocol finds nothing in permuted labels, sees a planted leak, and the cohort holds no column that tells the
outcome and nobody twice: these decide (Holm, 5 %). Site and missing values alone warn. Exit code 0 pass, 3 fail.

Examples:
  python -m fusion.canary cohort=breast_tcga
  python -m fusion.canary --config-dir my_conf cohort=mine folds.outer=5 permutations=10
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusion.config.command import run

if TYPE_CHECKING:
    from omegaconf import DictConfig

FAILED = 3


def canary(config: DictConfig) -> None:
    """Run the canaries of a cohort, write canary.json, and end with `FAILED` where one of them decides so.

    Raises:
        FusionError: the cohort cannot be read, or its endpoint is not binary.
    """
    found = look(config)
    lines = [f"{one['status']:>13}  {one['name']}: {one['said']}" for one in found["checks"]]
    path = Path(config.output) / "canary.json"
    sys.stdout.write("\n".join([*lines, f"{found['verdict'].upper()}  {path}", ""]))
    if found["verdict"] == "fail":
        raise SystemExit(FAILED)


def look(config: Any) -> dict[str, Any]:
    """What `canary` writes: every check with its figures, and the verdict."""
    from fusion.protocol.canary.checks import canaries
    from fusion.protocol.progress import JobProgress
    from fusion.protocol.setup import open_setup
    from fusion.run.files import replace_file

    with JobProgress() as progress:
        setup = open_setup(config, progress).prepare(progress)
        checks = canaries(config, setup, permutations=int(config.permutations), seed=int(config.seed), say=progress.say)
    found = {
        "cohort": setup.cohort.spec.name,
        "simulated": setup.cohort.spec.simulated,
        "patients": len(setup.cohort.patient_ids),
        "verdict": "fail" if any(one.decides and one.status == "fail" for one in checks) else "pass",
        "checks": [one.record() for one in checks],
    }
    text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    replace_file(Path(config.output) / "canary.json", lambda partial: partial.write_text(text, encoding="utf-8"))
    return found


if __name__ == "__main__":
    run(canary, "canary")
