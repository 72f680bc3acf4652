"""Chromium, once for all tests of pages: starting it takes a second."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

Launch = Callable[..., Any]


@pytest.fixture(scope="package")
def launch() -> Iterator[Launch]:
    """Start a Chromium with these arguments."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no chromium on this machine")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        yield lambda *arguments: started.chromium.launch(executable_path=path, args=arguments)


@pytest.fixture(scope="package")
def browser(launch: Launch) -> Iterator[Any]:
    opened = launch()
    yield opened
    opened.close()
