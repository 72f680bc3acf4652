"""A stranger's metrics.json: the file and the key that is wrong are named, and the list of runs goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fusion.report.browse.found import Catalogue
from fusion.report.browse.page import list_page
from fusion.run.files import RunFolderError
from fusion.run.measured import at, measured

NAN = float("nan")


def content() -> dict[str, Any]:
    figure = {"value": 0.7, "low": 0.6, "high": 0.8}
    return {
        "patients": 90,
        "verdict": {"status": "not shown", "metric": "auroc", "reference": "fusion", "against": [], "text": "No."},
        "arms": {"fusion": {"auroc": dict(figure), "ece": {"value": None}}, "late": {"auroc": dict(figure)}},
        "comparisons": [{"arm": "late", "metric": "auroc", "gain": 0, "low": None, "high": None}],
    }


def test_what_a_run_writes_is_given_back_as_it_is() -> None:
    assert measured(content(), Path("metrics.json")) == content()


@pytest.mark.parametrize(
    ("alter", "told"),
    [
        (lambda all_: all_.pop("patients"), "patients is missing"),
        (lambda all_: all_.update(patients=True), "patients is bool where a run writes a whole number"),
        (lambda all_: all_.update(patients="90"), "patients is str where a run writes a whole number"),
        (lambda all_: all_.pop("verdict"), "verdict is missing"),
        (lambda all_: all_.update(verdict="supported"), "verdict.status is missing"),
        (lambda all_: all_["verdict"].pop("metric"), "verdict.metric is missing"),
        (lambda all_: all_["verdict"].update(status=3), "verdict.status is int where a run writes text"),
        (lambda all_: all_["verdict"].update(against="late"), "verdict.against is str where a run writes a list"),
        (lambda all_: all_.update(arms=[]), "arms is list where a run writes a mapping"),
        (lambda all_: all_["arms"].pop("fusion"), "arms.fusion.auroc is missing, of which the verdict is"),
        (lambda all_: all_["arms"]["fusion"].pop("auroc"), "arms.fusion.auroc is missing, of which the verdict is"),
        (lambda all_: all_["arms"].update(late=None), "arms.late is NoneType where a run writes a mapping"),
        (lambda all_: all_["arms"]["late"].update(auroc=0.7), "arms.late.auroc is float where a run writes a mapping"),
        (lambda all_: all_["arms"]["late"]["auroc"].pop("value"), "arms.late.auroc.value is missing"),
        (lambda all_: all_["arms"]["late"]["auroc"].update(value=NAN), "arms.late.auroc.value is 'nan' where a run"),
        (
            lambda all_: all_["arms"]["late"]["auroc"].update(high="1"),
            "arms.late.auroc.high is '1' where a run writes a",
        ),
        (lambda all_: all_["arms"]["late"]["auroc"].update(low=float("inf")), "arms.late.auroc.low is 'inf'"),
        (lambda all_: all_.pop("comparisons"), "comparisons is missing"),
        (lambda all_: all_["comparisons"].append(1), "comparisons.1 is int where a run writes a mapping"),
        (lambda all_: all_["comparisons"][0].pop("arm"), "comparisons.0.arm is NoneType where a run writes text"),
        (lambda all_: all_["comparisons"][0].update(gain=True), "comparisons.0.gain is 'True'"),
    ],
)
def test_what_was_altered_is_named(alter: Callable[[dict[str, Any]], object], told: str) -> None:
    altered = content()
    alter(altered)
    with pytest.raises(RunFolderError) as said:
        measured(altered, Path("runs/a/metrics.json"))
    assert told in str(said.value)
    assert str(said.value).startswith("runs/a/metrics.json: ")


def test_the_deepest_part_that_is_there_is_not_blamed() -> None:
    with pytest.raises(RunFolderError, match=r"^run\.json: cohort\.endpoint is missing"):
        at({"cohort": {"name": "mine"}}, "cohort.endpoint.name", str, where=Path("run.json"))


def test_the_list_shows_such_a_run_as_unreadable_and_goes_on(tmp_path: Path) -> None:
    endpoint = {"name": "pcr", "kind": "binary", "classes": ["no", "yes"]}
    record = {"format": 1, "status": "complete", "cohort": {"name": "mine", "endpoint": endpoint}}
    altered = content()
    altered["arms"]["fusion"]["auroc"]["value"] = NAN
    for name, metrics, said in (
        ("a_altered", altered, record),
        ("b_whole", content(), record),
        ("c_nameless", content(), {**record, "cohort": {}}),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text(json.dumps(said))
        (tmp_path / name / "metrics.json").write_text(json.dumps(metrics))
    first, second, third = Catalogue(tmp_path).runs()
    assert first.problem == (
        f"{tmp_path / 'a_altered' / 'metrics.json'}: arms.fusion.auroc.value is 'nan' where a run writes a finite "
        "number or null."
    )
    assert (second.problem, second.patients, second.figure) == ("", 90, (0.7, 0.6, 0.8))
    assert third.problem.startswith(f"{tmp_path / 'c_nameless' / 'run.json'}: cohort.name is missing")
    page = list_page([first, second, third], base="/", root="runs")
    assert page.count("cannot be read") == 2 and "0.700" in page
