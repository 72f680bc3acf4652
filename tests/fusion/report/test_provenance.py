"""A run whose folds were made by several programs says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fusion.report.page import write_report
from fusion.report.provenance import provenance
from fusion.run.folder import RunFolder
from fusion.run.record import package_versions


def made(torch: str, commit: str = "a", accelerator: str = "cpu") -> dict[str, object]:
    return {"versions": {"torch": torch, "numpy": "2"}, "git_commit": commit, "accelerator": accelerator}


def test_folds_of_one_program_need_no_word() -> None:
    assert provenance({"folds": {"f0": made("2.1"), "f1": made("2.1")}}) == []
    assert provenance({}) == []


def test_every_difference_is_a_sentence_with_its_folds() -> None:
    folds = {"f0": made("2.1"), "f1": made("2.2", commit="b"), "f2": made("2.2", commit="b", accelerator="H100")}
    assert provenance({"folds": folds}) == [
        "Folds were made with different torch: 2.1 in f0; 2.2 in f1, f2.",
        "Folds were made with different commit: a in f0; b in f1, f2.",
        "Folds were made with different accelerator: cpu in f0, f1; H100 in f2.",
    ]


def test_the_report_of_a_run_that_went_on_under_other_versions_says_so(
    tmp_path: Path, make_run: Callable[..., RunFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(tmp_path / "run", patients=40)
    write_report(run)
    assert "different" not in run.report_path.read_text().split('id="run"')[1]
    first = run.finished_folds()[0]
    result = run.load_fold(first)
    monkeypatch.setattr("fusion.run.folder.package_versions", lambda: {**package_versions(), "torch": "9.9"})
    run.save_fold(first, result)
    run.finish(seconds=1)
    write_report(run)
    assert f"different torch: 9.9 in {first}; " in run.report_path.read_text()
    assert run.record()["folds"][first]["versions"]["torch"] == "9.9"
