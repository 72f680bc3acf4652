"""metrics.json of another cohort: whom draws take together, and which margin counts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from omegaconf import OmegaConf

from fusion.apply.files import margin_of, write_results
from fusion.contract import FusionError
from fusion.run.folder import RunFolder
from tests.helpers.applied import applied_cohort


def evaluation(**more: Any) -> Any:
    return OmegaConf.create({"draws": 200, "seed": 0, "margin": None, **more})


@pytest.fixture
def run(tmp_path: Path, make_run: Callable[..., RunFolder]) -> RunFolder:
    return make_run(tmp_path / "run", patients=40, simulated=False)


def declare(run: RunFolder, margin: object) -> None:
    (run.path / "config.yaml").write_text(yaml.safe_dump({**run.config(), "evaluation": {"margin": margin}}))


def test_groups_of_the_cohort_are_drawn_whole(run: RunFolder, tmp_path: Path) -> None:
    alone = _written(run, tmp_path / "alone", group_size=1)
    together = _written(run, tmp_path / "together", group_size=2)
    assert (alone["units"]["drawn"], alone["units"]["groups"]) == ("cases", None)
    assert (together["units"]["drawn"], together["units"]["groups"], together["units"]["largest"]) == ("groups", 40, 2)


def _written(run: RunFolder, output: Path, margin: float | None = None, **cohort: Any) -> dict[str, Any]:
    result, setup = applied_cohort(**cohort)
    write_results(result, output, run, setup, evaluation=evaluation(margin=margin))
    return json.loads((output / "metrics.json").read_text())  # type: ignore[no-any-return]


def test_arms_alike_are_non_inferior_only_by_a_margin(run: RunFolder, tmp_path: Path) -> None:
    """Every arm scores the same, so each gain is 0 in every draw."""
    assert _written(run, tmp_path / "none")["verdict"]["status"] == "not shown"
    found = _written(run, tmp_path / "asked", margin=0.05)["verdict"]
    assert (found["status"], found["margin"]) == ("non-inferior", 0.05)
    declare(run, 0.03)
    found = _written(run, tmp_path / "declared")["verdict"]
    assert (found["status"], found["margin"]) == ("non-inferior", 0.03)


def test_the_commands_margin_comes_before_the_runs_and_none_is_none(run: RunFolder) -> None:
    assert margin_of(evaluation(), run) is None  # a run of before there were margins
    declare(run, 0.03)
    assert margin_of(evaluation(), run) == 0.03
    assert margin_of(evaluation(margin=0.1), run) == 0.1
    for wrong in (0, -0.1, "little"):
        with pytest.raises(FusionError, match=r"evaluation\.margin"):
            margin_of(evaluation(margin=wrong), run)
        declare(run, wrong)
        with pytest.raises(FusionError, match=r"evaluation\.margin"):
            margin_of(evaluation(), run)
