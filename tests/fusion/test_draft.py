"""`python -m fusion.draft` from the command line to a file that trains."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from fusion.check import check
from fusion.config.check import check_command
from fusion.config.compose import composed
from fusion.config.files import ConfigError
from fusion.config.overrides import bare_first, beside_others
from fusion.contract import FusionError
from fusion.draft import draft as draft_command
from fusion.fusers import room


@pytest.mark.parametrize(
    ("given", "made"),
    [
        (["a folder/it's"], ["folder='a folder/it\\'s'"]),
        (["--config-dir", "conf", "data"], ["--config-dir", "conf", "folder='data'"]),
        (["./x=1"], ["folder='./x=1'"]),
        (["folder=data", "name=mine"], ["folder=data", "name=mine"]),
        (["data", "name=mine", "--help"], ["folder='data'", "name=mine", "--help"]),
    ],
)
def test_a_bare_path_is_the_folder(given: list[str], made: list[str]) -> None:
    assert bare_first(given, "folder") == made


@pytest.mark.parametrize(
    ("given", "made"),
    [
        (["--config-dir", "conf", "cohort=x"], ["--config-dir", "conf", "cohort=x", "output=y"]),
        (["cohort=x", "--config-dir", "conf"], ["cohort=x", "output=y", "--config-dir", "conf"]),
        (
            ["--config-dir=conf", "a=1", "+b=2", "--cfg", "job"],
            ["--config-dir=conf", "a=1", "+b=2", "output=y", "--cfg", "job"],
        ),
        (["--help"], ["--help", "output=y"]),
        ([], ["output=y"]),
    ],
)
def test_an_override_is_put_beside_the_others(given: list[str], made: list[str]) -> None:
    assert beside_others(given, "output=y") == made


def test_a_folder_is_drafted_kept_and_refused_until_it_is_filled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files = tmp_path / "my files"
    files.mkdir()
    ids = [f"P{at:02}" for at in range(20)]
    pd.DataFrame({"id": ids, "age": range(20), "pCR": [0, 1] * 10}).to_csv(files / "clinical.csv", index=False)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "fusion.draft", "my files", *arguments]
        return subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)

    done = run()
    assert done.returncode == 0, done.stderr
    draft = tmp_path / "my_conf" / "cohort" / "my_files.yaml"
    assert done.stdout.splitlines()[-1] == "Draft: my_conf/cohort/my_files.yaml"
    assert draft.with_suffix(".html").is_file()
    text = draft.read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FusionError, match="there is one already, and it is kept"):
        draft_command(composed("draft", ["folder='my files'"], None))
    assert draft.read_text(encoding="utf-8") == text
    user = tmp_path / "my_conf"
    with pytest.raises(ConfigError) as caught:
        check_command(["cohort=my_files"], "train", user, multirun=False)
    assert "3 values of the cohort are left to fill in" in str(caught.value)
    assert "cohort.tables.clinical.time: baseline, post_baseline or outcome" in str(caught.value)
    filled = text.replace("time: '???'", "time: baseline")
    draft.write_text(filled.replace("positive: '???', negative: '???'", "positive: [1], negative: [0]"))
    check_command(["cohort=my_files"], "train", user, multirun=False)
    config = composed("train", ["cohort=my_files", f"output={tmp_path}/out", f"cache={tmp_path}/cache"], user)
    assert config.cohort.tables.clinical.time == "baseline"
    # What it drafts is ready to train on, and what train would refuse is refused in its words.
    capsys.readouterr()
    check(config)
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "my_files → pcr: 20 patients would be trained on (10 negative, 10 positive)."
    assert said[-1] == "Report: out/check.html"
    found = json.loads((tmp_path / "out" / "check.json").read_text())
    assert found["classes"] == {"negative": 10, "positive": 10}
    assert found["combinations"] == [{"having": ["clinical"], "patients": 20}]
    assert [sum(fold["classes"]) for fold in found["folds"]] == [fold["test"] for fold in found["folds"]] == [4] * 5
    assert "Ready to train" in (tmp_path / "out" / "check.html").read_text()
    config.cohort.endpoints.pcr.negative = [2]
    with pytest.raises(FusionError, match="values that are no label of endpoint 'pcr'"):
        check(config)


class Terminal(io.StringIO):
    """A terminal's screen, with all that was ever written to it."""

    def isatty(self) -> bool:
        return True


def test_on_a_terminal_questions_are_shown_whole_and_no_bar_is_drawn_over_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A display of bars would take [b] for its own mark-up, and draw itself between a question and its answer."""
    (tmp_path / "clinical.csv").write_text("id,age,pCR\n" + "".join(f"P{at},{at},{at % 2}\n" for at in range(20)))
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(sys, "stdin", io.StringIO("b\n1\n0\n"))
    given = [f"folder={tmp_path}", "name=mine", f"output={tmp_path}/conf", "interactive=true"]
    draft_command(composed("draft", given, None))
    bars, asked, rest = screen.getvalue().partition("clinical.time (when was this known")
    assert "Reading columns" in bars
    assert asked
    assert (
        "\n  time [b]aseline, [p]ost_baseline, [o]utcome, [x] do not read it, Enter: leave it open: endpoints.pcr ("
        in rest
    )
    assert rest.endswith("\n  negative [=] as proposed: [0], values with commas between, Enter: leave it open: ")
    assert "\x1b" not in rest, "nothing moves the cursor any more"
    assert "???" not in [
        word for line in (tmp_path / "conf/cohort/mine.yaml").read_text().split("\n") if not line.startswith("#")
        for word in line.split("'")
    ]  # fmt: skip


WIDE = """# @package _global_
defaults: [/modality@modality.clinical: table, /modality@modality.rna: features]
cohort:
  _target_: data_modules.cohort.source.CohortSource
  name: wide
  root: {root}
  tables:
    clinical: {{file: clinical.csv, id: id, columns: {{age: {{time: baseline, kind: number}}, pCR: {{time: outcome}}}}}}
  endpoints: {{pcr: {{table: clinical, column: pCR, positive: [1], negative: [0]}}}}
modality:
  clinical: {{table: clinical}}
  rna: {{file: rna.csv, id: id, time: baseline}}
"""


def test_columns_too_many_for_attention_are_told_and_refused_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = [f"P{at:02}" for at in range(20)]
    pd.DataFrame({"id": ids, "age": range(20), "pCR": [0, 1] * 10}).to_csv(tmp_path / "clinical.csv", index=False)
    rna = pd.DataFrame({f"g{at}": [(at * row) % 7 + 0.5 for row in range(20)] for at in range(1, 601)})
    rna.assign(id=ids).to_csv(tmp_path / "rna.csv", index=False)
    user = tmp_path / "my_conf"
    (user / "cohort").mkdir(parents=True)
    (user / "cohort" / "wide.yaml").write_text(WIDE.format(root=tmp_path))
    given = ["cohort=wide", f"output={tmp_path}/out", f"cache={tmp_path}/cache", "device=cpu"]
    config = composed("train", given, user)
    check(config)
    varying = 600 - 600 // 7  # of seven times a number the remainder is the same for everybody
    told = f"modality.rna: attention relates each of its {varying} columns to every other"
    assert told in capsys.readouterr().out
    assert json.loads((tmp_path / "out" / "check.json").read_text())["remarks"][-1]["kind"] == "wide"
    assert told in (tmp_path / "out" / "check.html").read_text()
    monkeypatch.setattr(room, "memory", lambda: 10**8)
    with pytest.raises(FusionError, match=r"set modality\.rna\.components=50"):
        check(config)
    config.modality.rna.components = 5
    check(config)
    assert told not in capsys.readouterr().out
    rna.assign(id=ids, **dict.fromkeys(rna, 1.0)).to_csv(tmp_path / "rna.csv", index=False)
    del config.modality.rna["components"]
    with pytest.raises(FusionError, match=r"modality\.rna: no column of it differs between patients.*~modality\.rna"):
        check(config)
