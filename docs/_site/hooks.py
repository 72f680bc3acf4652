"""Hooks of the documentation site: reference pages made of YAML comments and docstrings, links out of docs as paths.

The reference cannot say what is no longer so: it is the commented YAML and the docstrings themselves.
"""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
CONF = ROOT / "conf"
_OUT = re.compile(r"(?<!!)\[([^\]]+)\]\(((?:\.\./)+[^)#\s]*)(#[^)]*)?\)")
"""A link to a file above docs, which a site does not have."""
_PAGES_ABOVE = {"CONTRIBUTING.md": "contributing.md"}
_COHORT = ("cohort", "preset", "experiment", "modality")


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that are made."""
    from mkdocs.structure.files import File

    made = {
        "reference/commands.md": commands(),
        "reference/cohort.md": groups("Cohorts, presets, modalities", *_COHORT),
        "reference/model.md": groups("Networks, training and everything else", *_others()),
        "reference/files.md": modules(),
        "contributing.md": (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").replace("](docs/", "]("),
    }
    for name, text in made.items():
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Any) -> str:
    """Links to files that are not of the site become their path, as code."""
    return without_links_out(markdown, page.file.src_uri)


def without_links_out(markdown: str, source: str) -> str:
    """Links that lead above docs as their text with the path; of a page that the site has, as a link to it.

    Args:
        markdown: of a page.
        source: its path below docs.
    """

    def plain(match: re.Match[str]) -> str:
        text, target = match[1], match[2]
        path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(source), target))
        if path.startswith("docs/"):
            return match[0]
        if path in _PAGES_ABOVE:
            return f"[{text}]({posixpath.relpath(_PAGES_ABOVE[path], posixpath.dirname(source) or '.')})"
        return f"`{path}`" if text.strip("`") in (path, Path(path).name) else f"{text} (`{path}`)"

    if source == "contributing.md":  # it lies at the top, where paths begin
        markdown = re.sub(r"\]\((?!https?:|#|[\w/]+\.md)([^)]+)\)", r"](../\1)", markdown)
        markdown = re.sub(r"\]\((CHANGELOG\.md)\)", r"](../\1)", markdown)
    return _OUT.sub(plain, markdown)


def commands() -> str:
    """Every `python -m fusion.<name>` with what it does and its keys."""
    parts = [
        "# Commands and their keys",
        "Made of the commands' own texts and of `conf/*.yaml`. Each key is set with `key=value`.",
    ]
    for name in command_names():
        first, rest = docstring(ROOT / "fusion" / f"{name}.py")
        parts += [f"## fusion.{name}", first]
        parts += [fenced(rest, "text")] if rest else []
        config = config_of(name)
        if config == name:
            text = (CONF / f"{name}.yaml").read_text(encoding="utf-8")
            parts += ["Keys and their defaults:", fenced(keys(text), "yaml")]
        else:
            parts.append(f"Its keys are those of [fusion.{config}](#fusion{config}).")
    return "\n\n".join(parts) + "\n"


def command_names() -> list[str]:
    """Commands, training first."""
    files = [path for path in (ROOT / "fusion").glob("*.py") if path.stem != "__main__"]
    names = [path.stem for path in files if 'if __name__ == "__main__"' in path.read_text(encoding="utf-8")]
    return sorted(names, key=lambda name: (name != "train", name))


def config_of(command: str) -> str:
    """The file of conf/ that a command reads: mostly of its own name."""
    text = (ROOT / "fusion" / f"{command}.py").read_text(encoding="utf-8")
    return re.findall(r'(?m)^ +run\(\w+, "(\w+)"', text)[0]


def groups(title: str, *names: str) -> str:
    """Config groups with every choice, as it is written and commented."""
    parts = [f"# {title}", "Chosen with `<group>=<choice>`; each key on the command line too. Made of `conf/`."]
    for name in names:
        for folder in sorted({path.parent for path in (CONF / name).rglob("*.yaml")}):
            group = folder.relative_to(CONF).as_posix()
            parts.append(f"## {group}")
            for file in sorted(folder.glob("*.yaml")):
                parts += [f"### {group}={file.stem}", fenced(file.read_text(encoding="utf-8").strip(), "yaml")]
    return "\n\n".join(parts) + "\n"


def modules() -> str:
    """Commands of data_modules, and what each room holds."""
    parts = ["# Commands over files, and what lies where", "Made of docstrings."]
    for path in sorted((ROOT / "data_modules").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if path.name != "__main__.py" and 'if __name__ == "__main__"' not in text:
            continue
        parent = path.parent if path.name == "__main__.py" else path.with_suffix("")
        name = ".".join(parent.relative_to(ROOT).parts)
        first, rest = docstring(path)
        parts += [f"## python -m {name}", first, *([fenced(rest, "text")] if rest else [])]
    for wing in ("fusion", "data_modules"):
        parts.append(f"## Modules of {wing}")
        parts.append("\n".join(f"- `{name}`: {said}" for name, said in _firsts(ROOT / wing)))
    return "\n\n".join(parts) + "\n"


def _firsts(wing: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(wing.rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        if not path.name.startswith("_") or path.name == "__init__.py":
            yield name, docstring(path)[0]


def docstring(path: Path) -> tuple[str, str]:
    """First paragraph of a module's docstring, safe in Markdown, and the rest as it is."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    first, _, rest = text.partition("\n\n")
    return safe(" ".join(first.split())), rest.strip("\n")


def safe(text: str) -> str:
    """Double backquotes as single ones; what Markdown would take for markup as it is."""
    return re.sub(r"(?<!`)([<*_\[])", r"\\\1", re.sub(r"``", "`", text)) if "`" not in text else text.replace("``", "`")


def fenced(text: str, kind: str) -> str:
    """A block of code, whatever is in it."""
    return f"````{kind}\n{text}\n````"


def keys(text: str) -> str:
    """A primary configuration without its machinery."""
    body = re.sub(r"(?m)^hydra:\n(?:[ \t].*\n|\n)*", "", text + "\n")
    return body.strip()


def _others() -> list[str]:
    return sorted(
        path.name for path in CONF.iterdir() if path.is_dir() and path.name not in (*_COHORT, "hydra", "__pycache__")
    )
