"""Notebooks run from top to bottom, in one folder, and are committed without outputs."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from omegaconf import OmegaConf

from fusion.config.compose import composed
from fusion.config.spelling import dotted

LONG = {"03_comparing_runs"}
"""Trains once more, which other tests do; its code is only compiled here, its keys are looked up."""
EVERY = sorted((Path(__file__).resolve().parent.parent / "notebooks").glob("*.ipynb"))
NOTEBOOKS = [file for file in EVERY if file.stem not in LONG]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all run, in the order of their numbers: the second finds the run of the first."""
    return tmp_path_factory.mktemp("notebooks")


@pytest.mark.parametrize("stem", sorted(LONG))
def test_long_notebooks_compile_and_have_keys_that_commands_have(stem: str) -> None:
    file = next(one for one in EVERY if one.stem == stem)
    cells = [cell for cell in nbformat.read(file, as_version=4).cells if cell.cell_type == "code"]
    assert not any(cell.get("outputs") for cell in cells), "commit notebooks without outputs"
    trees = [ast.parse(cell.source) for cell in cells]
    texts = [node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    given = [text for text in texts if isinstance(text, str) and re.match(r"[~+\w./]+=\S|~[\w.]+$", text)]
    config = composed("train", ["+experiment=breast_tcga"], None)
    known = {key for key, _ in dotted(OmegaConf.to_container(config))} | {"folds", "+experiment", "run"}
    keys = [text.lstrip("~").partition("=")[0] for text in given]
    assert [key for key in keys if not any(one == key or one.startswith(f"{key}.") for one in known)] == []
    assert len(keys) > 10


@pytest.mark.parametrize("file", NOTEBOOKS, ids=[file.stem for file in NOTEBOOKS])
# The kernel's sockets are closed by its own threads, after the test that started it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_notebook_runs(file: Path, folder: Path) -> None:
    notebook = nbformat.read(file, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "commit notebooks without outputs"
    client = NotebookClient(notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    client.execute()
    shown = "".join(
        str(output.get("text", "")) + str(output.get("data", {}).get("text/plain", ""))
        for cell in notebook.cells
        for output in cell.get("outputs", [])
    )
    assert "SIMULATED" in shown
    assert any("image/png" in output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", []))
