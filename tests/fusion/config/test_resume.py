"""``resume=true`` without ``output``: which run goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fusion.config.resume import _plain as plain
from fusion.config.resume import newest_unfinished, resumed
from fusion.contract import CohortSpec, EndpointSpec
from fusion.run.files import locked
from fusion.run.folder import RunFolder

CONFIG: dict[str, Any] = {"name": "x", "seed": 1, "workers": 2, "output": "runs/x/now"}
COHORT = CohortSpec(
    name="small",
    endpoint=EndpointSpec(name="response", kind="binary", classes=("no", "yes")),
    build=None,
    simulated=True,
    patients=4,
)


def begun(path: Path, *, at: str, config: dict[str, Any] = CONFIG, status: str = "running") -> Path:
    run = RunFolder.create(path)
    run.begin(config=config | {"output": str(path)}, cohort=COHORT, seed=1)
    run.note(started=at, status=status)
    return path


def test_the_newest_unfinished_run_of_this_configuration_goes_on(tmp_path: Path) -> None:
    begun(tmp_path / "a", at="2026-01-03")
    newest = begun(tmp_path / "b", at="2026-01-04")
    begun(tmp_path / "c", at="2026-01-05", status="complete")
    begun(tmp_path / "d", at="2026-01-06", config=CONFIG | {"seed": 2})
    (tmp_path / "e").mkdir()
    (tmp_path / "e" / "run.json").write_text("{")
    assert newest_unfinished(tmp_path, CONFIG | {"workers": 1, "resume": True}) == newest
    assert newest_unfinished(tmp_path, CONFIG | {"seed": 3}) is None
    assert newest_unfinished(tmp_path / "nowhere", CONFIG) is None


def test_a_run_that_another_process_works_on_is_left_to_it(tmp_path: Path) -> None:
    first = begun(tmp_path / "a", at="2026-01-03")
    busy = begun(tmp_path / "b", at="2026-01-04")
    with locked(busy):
        assert newest_unfinished(tmp_path, CONFIG) == first
    assert newest_unfinished(tmp_path, CONFIG) == busy


def test_the_command_line_is_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    overrides = ["+experiment=breast_tcga", "seed=3"]
    assert resumed([*overrides, "resume=true"], "train", None) == []
    config = plain("train", overrides, None)
    path = begun(tmp_path / "runs" / "breast_tcga" / "it's one", at="2026-01-03", config=config)
    assert resumed([*overrides, "resume=true"], "train", None) == [r"output='runs/breast_tcga/it\'s one'"]
    assert resumed([*overrides, "resume=false"], "train", None) == []
    assert resumed([*overrides, "resume=true", f"output={path}"], "train", None) == []
    assert resumed(overrides, "train", None) == []
    json.loads((path / "run.json").read_text())
