"""A wheel built from the tree runs from any directory; constraints, stamps and metadata agree with one another."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, unpacked where nothing of the tree is near. Built by the installed hatchling, without network."""
    folder = tmp_path_factory.mktemp("wheel")
    program = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    built = subprocess.run(
        [sys.executable, "-c", program, str(folder)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    with zipfile.ZipFile(folder / built.stdout.split()[-1]) as archive:
        archive.extractall(folder / "unpacked")
    return folder / "unpacked"


def run(wheel: Path, cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=cwd,
        env={"PYTHONPATH": str(wheel), "PATH": "/usr/bin:/bin", "HOME": str(cwd), "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_wheel_holds_all_that_is_needed_and_no_more(wheel: Path) -> None:
    held = {file.relative_to(wheel).as_posix() for file in wheel.rglob("*") if file.is_file()}
    for folder in ("fusion", "data_modules"):
        tree = {
            file.relative_to(ROOT).as_posix()
            for file in (ROOT / folder).rglob("*")
            if file.is_file() and "__pycache__" not in file.parts
        }
        assert tree - held == set(), "files that the build leaves out"
        assert f"{folder}/py.typed" in held
    conf = {"fusion/" + file.relative_to(ROOT).as_posix() for file in (ROOT / "conf").rglob("*.yaml")}
    assert conf - held == set()
    workflows = [file for file in (ROOT / "workflows").rglob("*") if file.is_file() and ".snakemake" not in file.parts]
    assert {"data_modules/" + file.relative_to(ROOT).as_posix() for file in workflows} - held == set()
    assert "hydra_plugins/oncofusion.py" in held
    assert any(name.startswith("fusion/report/templates/") for name in held)
    assert any(name.endswith("licenses/LICENSE") for name in held)
    tops = {name.split("/")[0].split("-")[0] for name in held}
    assert tops == {"fusion", "data_modules", "hydra_plugins", "oncofusion"}


def test_wheel_runs_from_any_directory(wheel: Path, tmp_path: Path) -> None:
    shown = run(wheel, tmp_path, "fusion.train", "--help")
    assert shown.returncode == 0, shown.stderr
    assert "breast_tcga" in shown.stdout
    where = run(wheel, tmp_path, "fusion.train", "+experiment=breast_tcga", "--info", "searchpath")
    assert str(wheel / "fusion" / "conf") in where.stdout, where.stderr
    composed = run(wheel, tmp_path, "fusion.train", "+experiment=breast_tcga", "--cfg", "job")
    assert composed.returncode == 0, composed.stderr
    assert "name: breast_tcga" in composed.stdout


def test_wheel_takes_yaml_of_the_user(wheel: Path, tmp_path: Path) -> None:
    (tmp_path / "mine" / "experiment").mkdir(parents=True)
    (tmp_path / "mine" / "experiment" / "small.yaml").write_text(
        "# @package _global_\n# Mine, small.\ndefaults:\n  - breast_tcga\nfolds: {outer: 2}\n"
    )
    composed = run(wheel, tmp_path, "fusion.train", "--config-dir", "mine", "+experiment=small", "--cfg", "job")
    assert composed.returncode == 0, composed.stderr
    assert "outer: 2" in composed.stdout
    assert "small" in run(wheel, tmp_path, "fusion.train", "--config-dir", "mine").stderr


def constraints() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", pin) for pin in pins), "only exact public versions"
    return {str(canonicalize_name(pin.split("==")[0])): pin.split("==")[1] for pin in pins}


def test_constraints_pin_every_requirement_to_a_version_it_allows() -> None:
    pins = constraints()
    for text in [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]:
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate({"sys_platform": "linux"}):
            continue  # of another system: the constraints are Linux's
        version = pins[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), f"{text} against {version}"


def test_make_reinstalls_only_what_changed(tmp_path: Path) -> None:
    """Stamps newer than pyproject.toml and constraints.txt mean that nothing is installed again."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").touch()

    def planned(target: str) -> str:
        done = subprocess.run(["make", "-n", target], cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout

    assert "pip" in planned("train")
    (tmp_path / ".venv" / ".installed").touch()
    assert "pip" not in planned("train")
    assert "+experiment=breast_tcga" in planned("train")
    assert "[dev]" in planned("test")
    (tmp_path / ".venv" / ".installed-dev").touch()
    assert "pip" not in planned("test")
    for tool in ("ruff check", "ruff format --check", "mypy", "lint-imports", "pytest"):
        assert tool in planned("test")
    (tmp_path / "constraints.txt").touch()
    assert "pip" in planned("train")


def test_documents_are_there_and_their_links_lead_somewhere() -> None:
    for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        for link in re.findall(r"\]\((?!https?://|#)([^)#]+)", text):
            assert (ROOT / link).exists(), f"{name} links to {link}"
    assert f"## {PROJECT['version']}" in (ROOT / "CHANGELOG.md").read_text()
    assert "Apache License" in (ROOT / "LICENSE").read_text()
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
