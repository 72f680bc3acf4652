"""Documentation points to what is there, and its configuration composes."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from fusion.config.compose import composed

ROOT = Path(__file__).resolve().parent.parent
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read_text(encoding="utf-8"))
    # The site's pages of reference are made when it is built, which checks links to them.
    missing = [target for target in targets if not (page.parent / target).exists() and "reference/" not in target]
    assert missing == []


def test_every_room_stands_in_the_architecture() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = [path.name for wing in ("fusion", "data_modules") for path in (ROOT / wing).iterdir() if path.is_dir()]
    assert [room for room in rooms if room != "__pycache__" and f"{room}" not in text] == []


def test_the_cohort_of_the_page_on_inputs_composes(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "inputs.md").read_text(encoding="utf-8")
    block = next(part for part in re.findall(r"(?m)(?:^    .*\n|^\n)+", page) if "# @package _global_" in part)
    (tmp_path / "cohort").mkdir()
    text = textwrap.dedent(block[block.index("    # @package") :].partition("    python -m")[0])
    (tmp_path / "cohort" / "mine.yaml").write_text(text, encoding="utf-8")
    config = composed("train", ["cohort=mine"], tmp_path)
    assert (config.name, config.preset) == ("mine", "general")
    assert set(config.model.encoders) == {"clinical", "mutations"}
