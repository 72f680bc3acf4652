"""Preset, flags and source of folds, and tiles that training drew: in the page and on the console."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import yaml
from rich.console import Console

from data_modules.folds.invariants import found as flag_of
from data_modules.folds.invariants import overlap
from data_modules.folds.stored import load_folds, write_folds
from fusion.contract import Fold
from fusion.evaluation.choices import summarised
from fusion.report import asked
from fusion.report.console import print_summary
from fusion.report.page import write_report
from fusion.run.folder import RunFolder


@pytest.fixture
def run(tmp_path: Path, make_run: Callable[..., RunFolder]) -> RunFolder:
    return make_run(tmp_path / "run", patients=40)


def shown(run: RunFolder) -> tuple[str, str]:
    """The page's and the console's text, blanks as one."""
    stream = io.StringIO()
    print_summary(run, Console(file=stream, width=100))
    page = write_report(run).read_text(encoding="utf-8")
    return " ".join(page.split()), " ".join(stream.getvalue().split())


def test_a_run_of_before_says_nothing_of_these(run: RunFolder) -> None:
    content = json.loads(run.folds_path.read_text())
    run.folds_path.write_text(json.dumps({key: content[key] for key in ("format", "sha256", "folds")}))
    html, console = shown(run)
    for text in (html, console):
        assert "Caution, folds" not in text
        assert "Preset" not in text
    assert "To be known of these folds" not in html
    assert "Held-out parts" not in html
    assert "epoch of training draws" not in html


def test_the_preset(run: RunFolder) -> None:
    config = run.path / "config.yaml"
    config.write_text(yaml.safe_dump({**yaml.safe_load(config.read_text()), "preset": "gen<er>al"}))
    html, console = shown(run)
    assert "<dt>Preset</dt><dd>gen&lt;er&gt;al</dd>" in html
    assert "SIMULATED · Preset: gen<er>al" in console


def test_columns_that_tell_the_outcome_stand_beside_the_verdict_and_on_the_console(run: RunFolder) -> None:
    run.note(telling=["t.csv: <resid> alone separates the classes.", "t.csv: size too."])
    html, console = shown(run)
    verdict = html.split('id="verdict"')[1].split("</section>")[0]
    told = "t.csv: &lt;resid&gt; alone separates the classes. t.csv: size too."
    assert f"<strong>Caution, columns:</strong> {told}" in verdict
    assert "SIMULATED · Caution, columns: t.csv: <resid> alone separates the classes." in console
    run.note(telling=[])
    assert not any("Caution, columns" in text for text in shown(run))


def test_flags_stand_beside_the_verdict_the_folds_and_on_the_console_and_name_nobody(run: RunFolder) -> None:
    stored = load_folds(run.folds_path)
    source = {"file": "published_<1>.csv", "sha256": "ab" * 32}
    fold = Fold(repeat=0, index=0, train=("a",), test=("b",), inner=())
    problem = overlap([fold], "groups", {"a": "Jane (Doe)", "b": "Jane (Doe)"}, outer=True)
    assert problem is not None
    others = "folds.file=published.csv names 3 patients who are not in the cohort"
    write_folds(run.folds_path, stored.folds, flags=[flag_of(problem), others], source=source)
    html, console = shown(run)
    told = (
        "Groups (cohort.group) are on both sides, train and test, of 1 of 1 outer folds (1, named in folds.json). "
        "folds.file=published.csv names 3 patients who are not in the cohort."
    )
    verdict, folds = (html.split(f'id="{name}"')[1].split("</section>")[0] for name in ("verdict", "folds"))
    assert f"<strong>Caution, folds:</strong> {told}" in verdict
    assert folds.count("<li>") == 2
    assert f"<li>{told.split('. folds')[0]}.</li>" in folds
    assert "<code>published_&lt;1&gt;.csv</code> names them (SHA-256 <code>abab" in folds
    for sentence in told.replace(". f", ".|f").split("|"):
        assert f"SIMULATED · Caution, folds: {sentence}" in console
    assert "Jane" in run.folds_path.read_text()
    assert "Jane" not in html + console


def test_the_share_of_tiles_by_hand(run: RunFolder) -> None:
    drawn = {"share": 0.5, "lowest_share": 0.25, "drawn": 256.0, "tiles": 1000.0, "patients": 9}
    other = {"share": 0.7, "lowest_share": 0.35, "drawn": 258.0, "tiles": 3000.0, "patients": 9}
    for arm, seen in (("fusion", {"slides": drawn}), ("only_slides", {"slides": other}), ("only_clinical", {})):
        folder = run.models("repeat0_fold0") / arm
        folder.mkdir(parents=True)
        (folder / "arm.json").write_text(json.dumps({"modalities": ["slides"], "sampling": seen}))
    (run.models("repeat0_fold0") / "classical").mkdir()
    (run.models("repeat0_fold0") / "classical" / "arm.json").write_text("{}")
    assert asked.sampling(run) == [
        {"modality": "slides", "share": pytest.approx(0.6), "lowest": 0.25, "drawn": 257, "tiles": 2000}
    ]
    html, _ = shown(run)
    line = re.search(r"one epoch of training draws: ([^<]*)", html)
    assert line is not None
    assert line.group(1).startswith("slides 60 % on average, 25 % at least (median 257 of 2,000).")


def test_choices_are_told_and_names_are_escaped(run: RunFolder) -> None:
    """Two candidates for fusion, one of which is none for slides; a classical arm names what it chose by itself."""
    hostile = "model.width=<b>8</b>"
    parts = [("fusion", ["1", "2"], "22122"), ("classical_lr", ["C=0.1", "C=1"], "11111")]
    rows = [
        (arm, 0, fold, name, 0.6 + 0.1 * at, at == int(by[fold]) - 1)
        for arm, names, by in parts
        for fold in range(5)
        for at, name in enumerate(names)
    ]
    table = pd.DataFrame(rows, columns=["arm", "repeat", "fold", "candidate", "auroc", "chosen"])
    table.sample(frac=1, random_state=0).to_parquet(run.path / "choices.parquet")
    settings = {"1": hostile, "2": "model.width=16", "3": "model.encoders.x.dropout=0.1"}
    run.write_metrics(run.metrics() | summarised(table, settings, metric="auroc"))
    page, console = shown(run)
    assert "<b>8</b>" not in page
    assert "<code>model.width=&lt;b&gt;8&lt;/b&gt;</code></td><td>1 of 5<small>inner 0.600</small></td>" in page
    assert "<code>model.width=16</code></td><td>4 of 5<small>inner 0.700</small></td>" in page
    assert "<code>model.encoders.x.dropout=0.1</code></td><td>—</td>" in page
    chosen = "<td>2</td><td>2</td><td>1</td><td>2</td><td>2</td><td>4 of 5</td>"
    assert f'<th scope="row">Fusion</th>{chosen}' in page
    assert f'<th scope="row">Logistic regression</th>{"<td>C=0.1</td>" * 5}<td>5 of 5</td>' in page
    assert "Chosen by inner folds, Fusion: model.width=16 in 4 of 5" in console
    assert "Chosen by inner folds, Logistic" not in console


def test_a_run_in_which_nothing_was_chosen_has_no_such_section(run: RunFolder) -> None:
    page, console = shown(run)
    assert "What was chosen where" not in page
    assert "Chosen by inner folds" not in console
