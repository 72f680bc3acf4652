"""What run.json says of a run: versions, commit, machine, memory; all that is needed to do it again."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from fusion.contract import Quality

PACKAGES = (
    "oncofusion",
    "torch",
    "monai",
    "torch-geometric",
    "pytorch-lightning",
    "scikit-learn",
    "pandas",
    "numpy",
    "scipy",
    "hail",
    "hydra-core",
    "captum",
    "openslide-python",
    "wandb",
)


def package_versions() -> dict[str, str]:
    """Installed version of each of `PACKAGES` that is there; importing none of them."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def git_commit(folder: Path | None = None) -> str | None:
    """Commit of the checkout this package runs from, ``+changes`` where files differ; None for an installed wheel."""
    folder = folder or Path(__file__).resolve().parent

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    # A wheel inside somebody's repository is not of that repository: ask whether git tracks this very file.
    if git("ls-files", "--error-unmatch", Path(__file__).name) is None:
        return None
    commit = git("rev-parse", "HEAD")
    return commit if not commit or not git("status", "--porcelain", "--untracked-files=no") else f"{commit}+changes"


def peak_memory() -> int:
    """Peak resident bytes of the largest process of this run that has ended or is this one."""
    try:
        import resource
    except ImportError:  # not on Windows
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def machine() -> dict[str, Any]:
    """Of the computer, what bears on speed and on equal results; no host or user name."""
    return {"system": platform.system(), "processor": platform.machine(), "cores": os.cpu_count() or 1}


def now(*, ago: float = 0.0) -> str:
    """UTC, to the second, ISO 8601; or so many seconds `ago`."""
    return (datetime.now(UTC) - timedelta(seconds=ago)).isoformat(timespec="seconds")


def quality_record(found: Mapping[str, Sequence[Quality]]) -> tuple[list[dict[str, Any]], dict[str, Path]]:
    """What quality.json keeps of each modality's `Quality`, and its figures: file name → where it lies now."""
    parts: list[dict[str, Any]] = []
    figures: dict[str, Path] = {}
    for modality, several in found.items():
        for number, part in enumerate(several):
            figure = None
            if part.figure is not None:
                figure = f"quality_{modality}_{number}.png"
                figures[figure] = part.figure
            parts.append(
                {
                    "modality": modality,
                    "title": part.title,
                    "counts": {what: dict(counts) for what, counts in part.counts.items()},
                    "notes": dict(part.notes),
                    "said": list(part.said),
                    "figure": figure,
                    "folder": str(part.folder),
                }
            )
    return parts, figures
