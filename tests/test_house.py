"""The house: sizes a reader can hold in mind, a docstring for everything public, one way to speak of a patient."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from statistics import median
from typing import get_args

from fusion.contract import EndpointKind

ROOT = Path(__file__).resolve().parent.parent
WINGS = [ROOT / "fusion", ROOT / "data_modules"]
MODULES = [path for wing in WINGS for path in sorted(wing.rglob("*.py"))]
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in MODULES}

PRONOUN = re.compile(r"\b(?:he|him|his|himself|she|her|hers|herself)\b")


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_no_module_is_above_300_lines_and_the_median_at_most_110() -> None:
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES if path.stem != "__init__"}
    assert [(named(path), length) for path, length in lines.items() if length > 300] == []
    assert median(lines.values()) <= 110


def test_no_folder_holds_more_than_20_modules() -> None:
    folders = {path.parent for path in MODULES}
    sizes = {folder: sum(file.stem != "__init__" for file in folder.glob("*.py")) for folder in folders}
    assert [(named(folder), size) for folder, size in sizes.items() if size > 20] == []


def test_everything_public_says_what_it_is() -> None:
    """A method may leave it to the method of a base class that it overrides."""
    bases: dict[str, set[str]] = {}
    told: dict[str, set[str]] = {}
    for tree in TREES.values():
        for node in (one for one in ast.walk(tree) if isinstance(one, ast.ClassDef)):
            names = (ast.unparse(base).partition("[")[0].rpartition(".")[2] for base in node.bases)
            bases.setdefault(node.name, set()).update(names)
            methods = (item for item in node.body if isinstance(item, ast.FunctionDef) and ast.get_docstring(item))
            told.setdefault(node.name, set()).update(item.name for item in methods)

    def inherits(kind: str, method: str, seen: frozenset[str] = frozenset()) -> bool:
        above = bases.get(kind, set()) - seen
        return any(method in told.get(one, ()) or inherits(one, method, seen | above) for one in above)

    silent = []
    for path, tree in TREES.items():
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                silent += [] if ast.get_docstring(node) else [f"{named(path)}: {node.name}"]
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                silent += [
                    f"{named(path)}: {node.name}.{item.name}"
                    for item in node.body
                    if isinstance(item, ast.FunctionDef)
                    and not item.name.startswith("_")
                    and not ast.get_docstring(item)
                    and not inherits(node.name, item.name)
                ]
    assert silent == []


def test_a_patient_is_the_patient_or_they() -> None:
    pages = [
        path for folder in ("conf", "docs") for path in (ROOT / folder).rglob("*") if path.suffix in (".yaml", ".md")
    ]
    texts = [*MODULES, *pages, *(ROOT / "fusion" / "report").rglob("*.j2"), ROOT / "README.md"]
    found = [
        f"{named(path)}:{number}"
        for path in texts
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if PRONOUN.search(line)
    ]
    assert found == []


KINDS = set(get_args(EndpointKind))
MAY_ASK = {
    "fusion/contract/specs.py",  # what a kind is
    "data_modules/cohort/endpoint.py",  # how it is declared
}


def test_nothing_asks_which_kind_an_endpoint_is_but_the_registries() -> None:
    """Outcomes, families, heads and pages of reports are looked up by kind; what differs is a method of theirs."""

    def asks(node: ast.Compare) -> bool:
        sides = [node.left, *node.comparators]
        words = {one.value for side in sides for one in ast.walk(side) if isinstance(one, ast.Constant)}
        listed = any(isinstance(one, ast.In | ast.NotIn) for one in node.ops)
        of_endpoint = "endpoint.kind" in ast.unparse(node.left) or ast.unparse(node.left) == "kind"
        return bool(words & KINDS) or (listed and of_endpoint and "endpoint" in ast.unparse(node))

    found = [
        f"{named(path)}:{node.lineno}: {ast.unparse(node)}"
        for path, tree in TREES.items()
        if named(path) not in MAY_ASK
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare) and asks(node)
    ]
    assert found == []
