"""Canaries are shown for the data they looked at, and for no others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from fusion.canary import finished, into_report, same_data
from fusion.contract import FusionError
from fusion.report.page import write_report
from fusion.run.canaries import canaries_of, data_digest, keep, take
from fusion.run.folder import RunFolder

COHORT: dict[str, Any] = {
    "root": "a",
    "cache": "b",
    "_target_": "c",
    "name": "mine",
    "tables": {"t": {"file": "t.csv"}},
}
TWINS = {
    "name": "patients under two ids",
    "decides": True,
    "status": "fail",
    "said": "1 pair agrees in everything.",
    "figures": {"pairs": [["SECRET-1", "SECRET-2"]]},
    "p": 0.0000004,
}
MISSING = {
    "name": "missingness alone",
    "decides": False,
    "status": "pass",
    "said": "AUROC 0.5.",
    "figures": {},
    "p": 0.25,
}
OLDER = {"name": "a leak planted", "decides": True, "status": "pass", "said": "AUROC 0.9.", "figures": {}}


def found(digest: str) -> dict[str, Any]:
    return {
        "data": digest, "made": "2026-01-02T03:04:05", "folds": {"outer": 5, "site": "stratify"}, "verdict": "fail",
        "checks": [TWINS, MISSING, OLDER],
    }  # fmt: skip


def test_the_digest_is_of_what_data_are_and_not_of_where_they_lie() -> None:
    first = data_digest(COHORT, "response", {"t.csv": "ab"}, ("P1", "P2"))
    assert first == data_digest(COHORT | {"root": "z", "cache": "z"}, "response", {"t.csv": "ab"}, ("P1", "P2"))
    others = [
        data_digest(COHORT | {"name": "yours"}, "response", {"t.csv": "ab"}, ("P1", "P2")),
        data_digest(COHORT, "survival", {"t.csv": "ab"}, ("P1", "P2")),
        data_digest(COHORT, "response", {"t.csv": "ac"}, ("P1", "P2")),
        data_digest(COHORT, "response", {"t.csv": "ab"}, ("P1",)),
    ]
    assert len({first, *others}) == 5


def test_a_run_shows_what_was_found_in_its_data_and_in_no_others(
    tmp_path: Path, make_run: Callable[..., RunFolder]
) -> None:
    run = make_run(tmp_path / "run")
    keep(found("one"), tmp_path / "cache")
    take(run, tmp_path / "cache", "one")
    assert canaries_of(run) == found("one")
    html = write_report(run).read_text()
    assert 'id="canaries"' in html and "1 pair agrees in everything." in html and "SECRET" not in html
    rows = html.partition('id="canaries"')[2].partition("</table>")[0]
    assert (
        ">fail<small>p &lt; 0.001</small></td>" in rows
        and "<small>p 0.250</small><small>warns only</small></td>" in rows
    )
    assert ">pass</td>" in rows, "no p was kept, or none decides"
    assert 'class="stacked"' in rows, "on a phone the figures stand under the name, not beyond the edge"
    assert RunFolder.open(run.path) == run  # no file that predictions rest on has changed
    run.note(data="two")  # as if the file had been carried here from another run
    assert canaries_of(run) is None
    assert 'id="canaries"' not in write_report(run).read_text()
    take(run, tmp_path / "cache", "three")
    assert not (run.path / "canary.json").exists()


def test_canaries_go_into_the_report_of_a_finished_run_on_the_same_data(
    tmp_path: Path, make_run: Callable[..., RunFolder]
) -> None:
    run = make_run(tmp_path / "run")
    with pytest.raises(FusionError, match="does not say which data it is of"):
        finished(OmegaConf.create({"run": str(run.path)}))
    run.note(data="one")
    opened = finished(OmegaConf.create({"run": str(run.path)}))
    assert opened is not None
    assert "In the report" in into_report(opened, found("one"))
    assert 'id="canaries"' in run.report_path.read_text()
    with pytest.raises(FusionError, match="it is of other data than these"):
        same_data(opened, "two")
    same_data(opened, "one")
    assert canaries_of(run) == found("one")
    assert finished(OmegaConf.create({"run": None})) is None
