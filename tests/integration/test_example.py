"""The guide's examples, as its reader follows it: written, drafted, filled in, checked. A notebook trains on one."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from data_modules.sources.example.__main__ import main
from data_modules.sources.example.files import KINDS
from fusion.check import check
from fusion.config.compose import composed
from fusion.draft import draft

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guide" / "own_data.md"
CHEAP = ("logger=none", "workers=1", "device=cpu", "model.width=8")


def lines(start: str) -> list[str]:
    """Lines of the guide that begin so."""
    return re.findall(rf"(?m)^{re.escape(start)}.*$", GUIDE.read_text(encoding="utf-8"))


def begin(monkeypatch: pytest.MonkeyPatch, folder: Path, kinds: str) -> None:
    """Write, draft and fill in an example, in `folder`, with the guide's own words."""
    monkeypatch.chdir(folder)
    assert main([f"kind={kinds}", "out=example"]) == 0
    draft(composed("draft", ["folder=example", "name=example"], None))
    (line,) = lines("sed -i")
    subprocess.run(shlex.split(line), check=True, timeout=20)


def test_the_guide_has_a_line_for_every_kind() -> None:
    given = [shlex.split(line, comments=True)[3:] for line in lines("python -m data_modules.sources.example")]
    assert given == [[f"kind={kind}", "out=example"] for kind in KINDS]


def test_examples_are_ready_once_they_are_filled_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    begin(monkeypatch, tmp_path, "[slides,variants,volumes]")
    check(composed("train", ["cohort=example", "output=checked", *CHEAP], tmp_path / "my_conf"))
    said = capsys.readouterr().out
    assert "SIMULATED · example → best_response: 12 patients would be trained on (6 no response, 6 response)" in said
    assert "\n  slides: 11 patients, 11 of 11 files\n" in said
    assert "\n  variants: 11 patients, 1 of 1 files\n  mutations: 11 patients, 1 of 1 files\n" in said
    assert "\n  volumes: 11 patients, 22 of 22 volumes" in said
