"""The guide's examples, as its reader follows it: drafted, filled in, checked. A notebook trains on one."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from data_modules.drafting.draft import draft_folder
from data_modules.sources.example.__main__ import main
from data_modules.sources.example.files import KINDS
from fusion.check import check
from fusion.config.compose import composed

GUIDE = Path(__file__).resolve().parents[4] / "docs" / "guide" / "own_data.md"


def lines(start: str) -> list[str]:
    """Lines of the guide that begin so."""
    return re.findall(rf"(?m)^{re.escape(start)}.*$", GUIDE.read_text(encoding="utf-8"))


def test_the_guide_has_a_line_for_every_kind() -> None:
    given = [shlex.split(line, comments=True)[3:] for line in lines("python -m data_modules.sources.example")]
    assert given == [[f"kind={kind}", "out=example"] for kind in KINDS]


def test_an_example_is_ready_once_it_is_filled_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["kind=[tables,slides,variants,volumes]", "out=example"]) == 0
    draft = draft_folder("example", name="example", config_dir="my_conf", progress=lambda *step: None)
    Path("my_conf/cohort").mkdir(parents=True)
    Path("my_conf/cohort/example.yaml").write_text(draft.text, encoding="utf-8")
    (line,) = lines("sed -i")
    subprocess.run(shlex.split(line), check=True, timeout=20)
    check(composed("train", ["cohort=example", "output=checked", "logger=none"], tmp_path / "my_conf"))
    said = capsys.readouterr().out
    assert "SIMULATED · example → best_response: 12 patients would be trained on (6 no response, 6 response)" in said
    for found in (
        "labs: 11 patients", "slides: 11 patients, 11 of 11 files", "variants: 11 patients, 2 of 2 files",
        "mutations: 11 patients, 1 of 1 files", "volumes: 11 patients, 22 of 22 volumes",
    ):  # fmt: skip
        assert f"\n  {found}" in said
