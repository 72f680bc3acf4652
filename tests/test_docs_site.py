"""The documentation site builds without a warning and fetches nothing; every block of code in it is one that works."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from fusion.config.check import check_command
from fusion.config.files import conf_dir
from fusion.config.help import groups, options
from fusion.config.overrides import bare_first, fold_file, gathered, parse
from fusion.config.schema import schema
from fusion.config.signature import signature_of

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
SITE = [*sorted((ROOT / "docs" / "guide").glob("*.md")), *sorted((ROOT / "docs" / "tasks").glob("*.md"))]


@cache
def hooks(name: str = "hooks") -> Any:
    spec = importlib.util.spec_from_file_location(f"site_{name}", ROOT / "docs" / "_site" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def blocks(page: Path) -> list[str]:
    """Fenced blocks, and indented ones that stand alone."""
    text = page.read_text(encoding="utf-8")
    fenced = re.findall(r"(?ms)^```\w*\n(.*?)^```$", text)
    rest = re.sub(r"(?ms)^```\w*\n.*?^```$", "", text)
    indented = re.findall(r"(?m)(?<=\n\n)(?:^    .*\n(?:^\n(?=    ))*)+", rest)
    return [textwrap.dedent(block) for block in (*fenced, *indented)]


def commands(page: Path) -> list[list[str]]:
    """Arguments of every `python -m fusion.…` in a page's blocks, placeholders as words."""
    found = []
    for block in blocks(page):
        for line in block.replace("\\\n", " ").splitlines():
            text = re.sub(r"<[^<>]*>|…", "x", line.strip())
            if re.match(r"python -m fusion\.", text):
                found.append(shlex.split(text, comments=True)[2:])
    return found


@cache
def known(command: str) -> dict[str, Any]:
    return schema(command, None)


def is_key(command: str, key: str) -> bool:
    """Whether a command has a key, as deep as its files tell; what a cohort or preset fills is open."""
    if key in groups(None) or key.split("@")[0] in groups(None) or re.match(r"hydra[./]", key):
        return True
    node: Any = known(command)
    for part in key.split("."):
        if not isinstance(node, Mapping) or not node or part == "generator":
            return True
        if part not in node:
            target = node.get("_target_")
            return target is not None and part in signature_of(str(target)).parameters
        node = node[part]
    return True


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_have_the_keys_that_pages_give_them(page: Path) -> None:
    for module, *given in commands(page):
        name = module.removeprefix("fusion.")
        assert (ROOT / "fusion" / f"{name}.py").is_file(), module
        bare = {"browse": "runs", "draft": "folder"}.get(name)
        arguments = given if bare is None else bare_first(given, bare)
        arguments = gathered(arguments, key="run", into="runs") if name == "compare" else arguments
        kept, skip = [], False
        for one in arguments:
            if one in ("--config-dir", "-cd"):
                skip = True
            elif skip or one in ("-m", "--multirun", "--help", "x", "--cfg", "job", "--json"):
                skip = False
            else:
                kept.append(parse(fold_file(one)))
        wrong = [item.key_or_group for item in kept if not is_key(name, item.key_or_group)]
        assert wrong == [], (name, arguments)
        for item in kept:
            if item.key_or_group == "experiment":
                assert item.value() in (*options("experiment", None), "x"), arguments


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_other_lines_of_blocks_name_what_is_there(page: Path) -> None:
    """Modules, scripts and targets of make exist; YAML that is a cohort's or a setting's loads."""
    targets = set(re.findall(r"(?m)^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8")))
    for block in blocks(page):
        for line in block.splitlines():
            words = line.split("#")[0].split()
            if words[:2] == ["python", "-m"] and words[2].startswith(("fusion.", "data_modules.")):
                path = ROOT / words[2].replace(".", "/")
                assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), line
            elif words[:1] == ["python"] and len(words) > 1 and words[1].endswith(".py"):
                assert (ROOT / words[1]).is_file(), line
            elif words[:1] == ["make"] and len(words) > 1 and "=" not in words[1]:
                assert words[1] in targets, line
        if re.match(r"(# @package|[a-z_]+:(\s|$))", block) and "python -m" not in block:
            assert isinstance(yaml.safe_load(block), dict), block


def test_a_key_that_no_command_has_is_found() -> None:
    assert is_key("train", "folds.outer")
    assert is_key("train", "model/encoder@model.encoders.slides")
    assert not is_key("train", "folds.outre")
    assert not is_key("train", "trainer.learningrate")
    assert not is_key("predict", "arms")
    assert len([one for page in PAGES for one in commands(page)]) > 25


@pytest.mark.parametrize("page", SITE, ids=lambda page: page.stem)
def test_yaml_of_the_guides_loads(page: Path, tmp_path: Path) -> None:
    """Whole cohorts compose; parts of one, laid over the first guide's, have keys that a cohort has."""
    text = page.read_text(encoding="utf-8")
    for block in re.findall(r"(?ms)^```yaml\n(.*?)^```$", text):
        content = yaml.safe_load(block)
        assert isinstance(content, dict)
        assert set(content) <= {"defaults", "cohort", "modality"}
        (tmp_path / "cohort").mkdir(exist_ok=True)
        base = {} if "@package" in block else yaml.safe_load(_whole_cohort())
        base.setdefault("defaults", [])
        base["defaults"] += content.get("defaults", [])
        if "slides" in content.get("modality", {}) and "defaults" not in content:
            base["defaults"].append({"/modality@modality.slides": "slides"})
        for part in ("cohort", "modality"):
            base[part] = base.get(part, {}) | content.get(part, {})
        file = tmp_path / "cohort" / "mine.yaml"
        file.write_text("# @package _global_\n" + yaml.safe_dump(base, sort_keys=False), encoding="utf-8")
        assert check_command(["cohort=mine"], "train", tmp_path, multirun=False) == ["cohort=mine"]


def _whole_cohort() -> str:
    text = (ROOT / "docs" / "guide" / "own_data.md").read_text(encoding="utf-8")
    return re.findall(r"(?ms)^```yaml\n(.*?)^```$", text)[0]


def test_links_out_of_the_site_become_paths() -> None:
    plain = hooks().without_links_out
    assert plain("[a.py](../fusion/a.py)", "x.md") == "`fusion/a.py`"
    assert plain("the [check](../fusion/a.py#L3)", "x.md") == "the check (`fusion/a.py`)"
    assert plain("[b](../b.md) ![i](../i.svg)", "guide/x.md") == "[b](../b.md) ![i](../i.svg)"
    assert plain("[rules](../CONTRIBUTING.md)", "x.md") == "[rules](contributing.md)"
    assert plain("[c](../../conf/c.yaml)", "guide/x.md") == "c (`conf/c.yaml`)"


def test_the_reference_has_every_command_and_every_choice() -> None:
    text = hooks().commands()
    named = {path.stem for path in conf_dir().glob("*.yaml")} | {"check"}
    assert sorted(re.findall(r"(?m)^## fusion\.(\w+)$", text)) == sorted(named)
    assert "Its keys are those of [fusion.train](#fusiontrain)." in text
    for path in conf_dir().glob("*.yaml"):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        section = text[text.index(f"\n## fusion.{path.stem}\n") :].split("\n## ")[1]
        assert [key for key in content if key != "hydra" and f"\n{key}:" not in section] == [], path
    files = hooks().modules()
    for name in ("example", "gdc", "idc", "simulated"):
        assert f"## python -m data_modules.sources.{name}\n" in files
    assert "margin: null               # loss that would not matter" in text
    assert "hydra:" not in text
    both = hooks().groups("", "cohort", "modality") + hooks().groups("", *hooks()._others())
    for group in groups(None):
        if group not in ("preset", "experiment"):
            assert all(f"### {group}={choice}\n" in both for choice in options(group, None)), group


def test_the_api_has_every_room_and_every_public_name() -> None:
    api = hooks("api")
    rooms = {
        path.parent.relative_to(ROOT)
        for wing in ("fusion", "data_modules")
        for path in (ROOT / wing).glob("*/__init__.py")
    }
    assert {room.replace(".", "/") for room in api.rooms()} == {str(room) for room in rooms} | {
        "fusion",
        "data_modules",
    }
    page = api.page("fusion.contract")
    import fusion.contract as contract

    classes = [name for name in contract.__all__ if isinstance(getattr(contract, name), type)]
    assert [name for name in classes if f"### {name}\n" not in page and getattr(contract, name).__doc__] == []
    text = api.page("fusion.fusers")
    assert "### AdditiveFuser\n\n```python\nclass AdditiveFuser(Fuser)\n```\n" in text
    assert "- `rank`: of the products; 0 leaves them out." in text
    assert "#### forward\n\n```python\ndef forward(self, tokens: Mapping[str, Tokens]) -> Fused\n```" in text


def test_docstrings_become_markdown_that_says_the_same() -> None:
    api = hooks("api")
    given = "Args:\n    one: what [it] is,\n        and more.\n    two, three: others"
    text = f"First *a* < ``b_c``.\n\n    x = 1\n\n{given}\n\nReturns:\n    a_b"
    assert api.described(text) == (
        "First *a* &lt; `b_c`.\n\n````text\nx = 1\n````\n\n**Args**\n\n- `one`: what \\[it\\] is, and more.\n"
        "- `two, three`: others\n\n**Returns**\n\n- a\\_b"
    )
    code = "def f(a: dict[str, int], /, *, word: str = 'x, y', other: Callable[[int, str], None] = lambda a, b: None, "
    code += "more=(1, 2), **rest: int) -> str: pass"
    (node,) = ast.parse(code).body
    assert api.signature(node).split("\n") == [
        "def f(", "    a: dict[str, int],", "    /,", "    *,", "    word: str = 'x, y',",
        "    other: Callable[[int, str], None] = lambda a, b: None,", "    more=(1, 2),", "    **rest: int,",
        ") -> str",
    ]  # fmt: skip


def test_the_site_builds_without_a_warning_and_fetches_nothing(tmp_path: Path) -> None:
    pytest.importorskip("material")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)],
        cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    pages = list(tmp_path.rglob("*.html"))
    assert len(pages) > 30
    for page in pages:
        html = page.read_text(encoding="utf-8")
        loads = re.findall(r"<(?:script|link|img|iframe)[^>]*?(?:src|href)=\"?(?:https?:)?//[^\">\s]*", html)
        assert [one for one in loads if 'rel="canonical"' not in one] == [], page
    assert "python -m data_modules.ingest.slides" in (tmp_path / "reference" / "files.html").read_text(encoding="utf-8")
    assert "AdditiveFuser" in (tmp_path / "reference" / "api" / "fusion.fusers.html").read_text(encoding="utf-8")
    assert "folds.outer" in (tmp_path / "search" / "search_index.json").read_text(encoding="utf-8")
