"""Readers and stages prove themselves by their examples, which docs/input_examples.md shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.input_examples import PAGE, example, made, page, paths


@pytest.mark.parametrize("path", paths(), ids=lambda path: path.stem)
def test_what_comes_out(path: Path) -> None:
    assert made(path) == example(path)["out"], "see `python -m tests.helpers.input_examples`"


def test_the_page_is_made_of_the_examples() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "python -m tests.helpers.input_examples writes it"
