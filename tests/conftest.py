from __future__ import annotations

import gc
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Looking for circles among all that torch and scikit-learn define took a tenth of the time of the tests.
gc.set_threshold(50_000, 20, 20)

Command = Callable[..., "subprocess.CompletedProcess[str]"]
Launch = Callable[..., Any]


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's folder."""
    return ROOT


@pytest.fixture(scope="session")
def launch() -> Iterator[Launch]:
    """Start a Chromium with these arguments."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no chromium on this machine")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        yield lambda *arguments: started.chromium.launch(executable_path=path, args=arguments)


@pytest.fixture(scope="session")
def browser(launch: Launch) -> Iterator[Any]:
    """One Chromium for all tests of pages: starting it takes a second, and a process has one Playwright."""
    opened = launch()
    yield opened
    opened.close()


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
