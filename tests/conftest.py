from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Looking for circles among all that torch and scikit-learn define took a tenth of the time of the tests.
gc.set_threshold(50_000, 20, 20)

Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's folder."""
    return ROOT


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """Run ``python <arguments>`` as a user would, in a folder of its own; returns what it wrote and its exit code."""

    def run(*arguments: object, cwd: Path = tmp_path, timeout: float = 120, **environment: str) -> object:
        return subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=cwd,
            env={**os.environ, "COLUMNS": "120", **environment},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    return run  # type: ignore[return-value]
