"""What tests of every simulated cohort ask."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from data_modules.sources.simulated.source import truth_folder


def hashes(folder: Path) -> dict[str, str]:
    """File below `folder` → SHA-256."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def assert_same_bytes(root: Path, write: Callable[..., None], again: Path) -> None:
    """The cohort of 16 patients at `root`, written with one process and seed 3, comes out again with two."""
    steps: list[tuple[int, int]] = []
    write(again, patients=16, seed=3, workers=2, progress=lambda step, done, total: steps.append((done, total)))
    assert hashes(root) == hashes(again)
    assert hashes(truth_folder(root)) == hashes(truth_folder(again))
    assert [done for done, _ in steps] == list(range(1, steps[-1][1] + 1))
