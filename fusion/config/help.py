"""`--help`: what a command does, which experiments and choices there are, and every key with its default.

Read from the files themselves, so that it cannot say what is no longer so.
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from fusion.config.files import roots

_NOT_CHOICES = {"hydra"}
_TAKES_EXPERIMENTS = {"train"}


def options(group: str, user_dir: Path | None) -> dict[str, str]:
    """Choices of a config group → what the first comment of its file says."""
    found: dict[str, str] = {}
    for root in roots(user_dir):
        for file in sorted((root / group).glob("*.yaml")):
            found.setdefault(file.stem, _first_comment(file))
    return found


def groups(user_dir: Path | None) -> list[str]:
    """Config groups, e.g. ``model/fuser``."""
    found = {
        file.parent.relative_to(root).as_posix()
        for root in roots(user_dir)
        for file in root.rglob("*.yaml")
        if file.parent != root
    }
    return sorted(name for name in found if name.split("/")[0] not in _NOT_CHOICES)


def experiments_text(user_dir: Path | None) -> str:
    """One line an experiment."""
    return _listing(options("experiment", user_dir)) or "  none yet"


def help_text(program: str, description: str, config_name: str, user_dir: Path | None) -> str:
    """The whole answer to ``--help``."""
    primary = next(root / f"{config_name}.yaml" for root in roots(user_dir) if (root / f"{config_name}.yaml").is_file())
    text = primary.read_text(encoding="utf-8")
    trains = config_name in _TAKES_EXPERIMENTS
    parts = [description.strip()]
    if trains:
        parts += [f"Experiments, chosen with +experiment=<name>:\n{experiments_text(user_dir)}"]
    shown = [name for name in groups(user_dir) if name != "experiment" and (trains or name in _chosen(text))]
    if shown:
        choices = "\n".join(f"  {name:<14} {', '.join(options(name, user_dir))}" for name in shown)
        more = " (a modality or encoder: <group>@<key>=<choice>)" if trains else ""
        parts += [f"Groups, chosen with <group>=<choice>{more}:\n{choices}"]
    parts += [
        f"Keys, set with <key>=<value>, and their defaults:\n{textwrap.indent(_keys(text), '  ')}",
        "Also: --cfg job shows the composed configuration and stops; --multirun (-m) with comma-separated values runs\n"
        "a sweep; --config-dir <folder> adds YAML of your own.",
    ]
    if trains:
        parts += [f"Examples:\n{textwrap.indent(_examples(program, user_dir), '  ')}"]
    return "\n\n".join(parts) + "\n"


def _examples(program: str, user_dir: Path | None) -> str:
    first = next(iter(options("experiment", user_dir)), "<name>")
    return "\n".join(
        [
            f"{program} +experiment={first}",
            f"{program} +experiment={first} seed=1 folds.outer=3 output=runs/quick",
            f"{program} -m +experiment={first} model/fuser={','.join(options('model/fuser', user_dir))}",
        ]
    )


def _keys(text: str) -> str:
    """The primary configuration without its machinery."""
    body = re.sub(r"(?m)^(defaults|hydra):\n(?:[ \t].*\n|\n)*", "", text + "\n")
    return "\n".join(line for line in body.strip().splitlines() if not line.startswith("#"))


def _chosen(text: str) -> set[str]:
    """Groups that a primary configuration chooses from."""
    return set(re.findall(r"(?m)^  - (?:override )?/?([\w/]+): .*$", text))


def _listing(choices: dict[str, str]) -> str:
    width = max(map(len, choices), default=0) + 2
    return "\n".join(
        textwrap.fill(f"  {name:<{width}}{note}", width=110, subsequent_indent=" " * (width + 2))
        for name, note in choices.items()
    )


def _first_comment(file: Path) -> str:
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()  # what it is written in is said elsewhere
    comments = (line.removeprefix("#").strip() for line in lines if line.startswith("#"))
    return next((line for line in comments if not line.startswith("@package")), "")
