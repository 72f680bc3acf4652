"""Hook of the documentation site: the API reference, made of signatures and docstrings, a page a room.

Read as text (ast), never imported: no heavy library is needed to build it, and nothing of the package runs.
"""

from __future__ import annotations

import ast
import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
WINGS = ("fusion", "data_modules")
_SECTIONS = ("Args", "Attributes", "Returns", "Yields", "Raises", "Examples")
_WIDE = 96
Definition = ast.FunctionDef | ast.AsyncFunctionDef


def on_config(config: Any) -> Any:
    """The pages below Reference in the navigation."""
    for part in config.nav:
        if "Reference" in part:
            part["Reference"].append({"API": ["reference/api/index.md", *(_page(room) for room in rooms())]})
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add the pages."""
    from mkdocs.structure.files import File

    files.append(File.generated(config, "reference/api/index.md", content=index()))
    for room in rooms():
        files.append(File.generated(config, _page(room), content=page(room)))
    return files


def rooms() -> list[str]:
    """``fusion.contract`` and so on: the door first, then folders of either wing; single files are the wing's own."""
    found = list(WINGS)
    found += [
        f"{wing}.{path.name}"
        for wing in WINGS
        for path in sorted((ROOT / wing).iterdir())
        if (path / "__init__.py").is_file()
    ]
    return sorted(found, key=lambda name: (name != "fusion.contract", WINGS.index(name.partition(".")[0]), name))


def _page(room: str) -> str:
    return f"reference/api/{room}.md"


def index() -> str:
    """What each room is for."""
    lines = [
        "# API reference",
        "Public classes and functions by room, from their docstrings. Imports run one way: "
        "[architecture](../../architecture.md). The types that both wings share are in [fusion.contract]"
        "(fusion.contract.md); the rest may change with any version.",
    ]
    lines.append("\n".join(f"- [`{room}`]({room}.md): {_first(_docstring(_file(room)))}" for room in rooms()))
    return "\n\n".join(lines) + "\n"


def page(room: str) -> str:
    """Every public class and function of a room."""
    parts = [f"# {room}", _prose(_first(_docstring(_file(room))))]
    for path in files_of(room):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        defined = list(public(tree.body))
        if not defined:
            continue
        parts += [f"## {module_of(path)}", described(ast.get_docstring(tree) or "")]
        for node in defined:
            parts += _definition(node, level=3)
    return "\n\n".join(part for part in parts if part) + "\n"


def files_of(room: str) -> list[Path]:
    """Modules of a room; of a wing, the files that lie in it alone."""
    folder = ROOT.joinpath(*room.split("."))
    found = folder.glob("*.py") if "." not in room else folder.rglob("*.py")
    return sorted(path for path in found if path.name != "__main__.py")


def module_of(path: Path) -> str:
    """Its name for an import."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def public(body: list[ast.stmt]) -> Iterator[ast.ClassDef | Definition]:
    """Classes and functions that have a name for others, and a docstring."""
    for node in body:
        named = isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if named and not node.name.startswith("_") and ast.get_docstring(node):
            yield node


def _definition(node: ast.ClassDef | Definition, *, level: int) -> list[str]:
    parts = [
        f"{'#' * level} {node.name}",
        f"```python\n{signature(node)}\n```",
        described(ast.get_docstring(node) or ""),
    ]
    if isinstance(node, ast.ClassDef):
        for inner in public(node.body):
            parts += _definition(inner, level=level + 1)
    return parts


def signature(node: ast.ClassDef | Definition) -> str:
    """As it is written; one parameter a line where it is long."""
    if isinstance(node, ast.ClassDef):
        bases = ", ".join(ast.unparse(one) for one in (*node.bases, *node.keywords))
        return f"class {node.name}({bases})" if bases else f"class {node.name}"
    end = f" -> {ast.unparse(node.returns)}" if node.returns is not None else ""
    kept = [f"@{one.id}\n" for one in node.decorator_list if isinstance(one, ast.Name)]
    begin = "".join(kept) + ("async def " if isinstance(node, ast.AsyncFunctionDef) else "def ") + node.name
    given = list(_parameters(node.args))
    if len(node.name) + sum(len(one) + 2 for one in given) + len(end) <= _WIDE:
        return f"{begin}({', '.join(given)}){end}"
    return f"{begin}(\n    " + ",\n    ".join(given) + f",\n){end}"


def _parameters(given: ast.arguments) -> Iterator[str]:
    """Each parameter as it is written, with ``/`` and ``*`` between them."""
    plain = [*given.posonlyargs, *given.args]
    defaults = [None] * (len(plain) - len(given.defaults)) + list(given.defaults)
    for at, (one, default) in enumerate(zip(plain, defaults, strict=True), start=1):
        yield _parameter(one, default)
        if at == len(given.posonlyargs):
            yield "/"
    if given.vararg is not None:
        yield f"*{_parameter(given.vararg, None)}"
    elif given.kwonlyargs:
        yield "*"
    for one, default in zip(given.kwonlyargs, given.kw_defaults, strict=True):
        yield _parameter(one, default)
    if given.kwarg is not None:
        yield f"**{_parameter(given.kwarg, None)}"


def _parameter(one: ast.arg, default: ast.expr | None) -> str:
    if default is None:
        return ast.unparse(one)
    return f"{ast.unparse(one)}{' = ' if one.annotation else '='}{ast.unparse(default)}"


def described(docstring: str) -> str:
    """A docstring in Google style as Markdown: paragraphs, lists of what is given and returned, code as it is."""
    made = []
    for block in re.split(r"\n\s*\n", docstring.strip("\n")):
        lines = block.split("\n")
        heading = lines[0].rstrip(":")
        if lines[0].endswith(":") and heading in _SECTIONS:
            made.append(f"**{heading}**")
            rest = "\n".join(lines[1:])
            made.append(_fenced(rest) if heading == "Examples" else _listed(rest))
        elif all(line.startswith("  ") for line in lines):
            made.append(_fenced(block))
        else:
            made.append(_prose(" ".join(line.strip() for line in lines)))
    return "\n\n".join(part for part in made if part)


def _listed(text: str) -> str:
    """``name: what it is``, with lines that go on, as a list."""
    lines = [line for line in text.split("\n") if line.strip()]
    if not lines:
        return ""
    margin = min(len(line) - len(line.lstrip()) for line in lines)
    items: list[str] = []
    for line in lines:
        if len(line) - len(line.lstrip()) == margin and (re.match(r"[\w*., |\[\]]+: ", line[margin:]) or not items):
            items.append(line.strip())
        else:
            items[-1] += f" {line.strip()}"
    made = []
    for item in items:
        name, colon, rest = item.partition(": ")
        named = colon and re.fullmatch(r"[\w*., |\[\]]+", name)
        made.append(f"- `{name}`: {_prose(rest)}" if named else f"- {_prose(item)}")
    return "\n".join(made)


def _fenced(text: str) -> str:
    lines = text.split("\n")
    margin = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return "````text\n" + "\n".join(line[margin:] for line in lines) + "\n````"


def _prose(text: str) -> str:
    """Text in which nothing but backquotes and single stressed words is markup."""
    parts = re.split(r"(``.+?``|`[^`]+`|(?<!\w)\*[\w ]+\*(?!\w))", text)
    return "".join(
        f"`{part.strip('`')}`" if part.startswith("`") and part.strip("`")
        else part if re.fullmatch(r"\*[\w ]+\*", part)
        else re.sub(r"([\\*_\[\]#|~^=])", r"\\\1", html.escape(part, quote=False))
        for part in parts
    )  # fmt: skip


def _file(room: str) -> Path:
    return ROOT.joinpath(*room.split("."), "__init__.py")


def _docstring(path: Path) -> str:
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""


def _first(text: str) -> str:
    return " ".join(text.partition("\n\n")[0].split())
