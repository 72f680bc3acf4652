"""What a run folder's configuration may have made: this package's own parts, and classes that the user allows.

A configuration names classes (`_target_`), and whoever instantiates it calls them: a folder from a stranger could name
any function of any installed package. So every name is compared with what may stand at its place, before anything is
imported or called.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import fusion
from fusion.contract.places import current
from fusion.run.files import RunFolderError

_ROOT = Path(fusion.__file__).resolve().parent.parent
_PART = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True, kw_only=True)
class _Place:
    """A place in the configuration, and what may be made there.

    Attributes:
        key: regular expression of the dotted key.
        packages: a class that a module of one of these packages defines.
        names: or one of these functions and classes.
        without: but no module whose name begins so: it writes files.
        partial: Hydra hands over the function without calling it; so must it be.
    """

    key: str
    packages: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    partial: bool = False


_PLACES = (
    _Place(key=r"model\.encoders\.[^.]+(\..+)?", packages=("fusion.encoders",)),
    _Place(key=r"model\.fuser(\..+)?", packages=("fusion.fusers", "fusion.encoders")),
    _Place(key=r"model\.heads?(\..+)?", packages=("fusion.heads",), names=("fusion.heads.by_endpoint.by_endpoint",)),
    _Place(key=r"modality\.[^.]+", packages=("data_modules.modalities",)),
    _Place(key=r"modality\.[^.]+\..+", packages=("data_modules.learned", "data_modules.modalities")),
    _Place(key=r"cohort", packages=("data_modules.cohort", "data_modules.sources")),
    _Place(
        key=r"cohort\.generator",
        names=("data_modules.sources.simulated.write_cohort", "data_modules.sources.simulated_mri.write_cohort"),
        partial=True,
    ),
    _Place(
        key=r"cohort\.tables\..+\.reader",
        packages=("data_modules.sources",),
        without=("data_modules.sources.simulated",),
        partial=True,
    ),
    _Place(key=r"datamodule", packages=("data_modules.batches",), partial=True),
    _Place(key=r"folds", names=("data_modules.folds.draw.open_folds",)),
)

_CANDIDATE = re.compile(r"^choose\.\d+\.(?=model\.|modality\.|datamodule$)")
"""A candidate of `choose` may have made what the run itself may, at the same places."""

_WORDS = {"_target_", "_partial_", "_args_", "_recursive_", "_convert_"}
"""Hydra's words; a run's configuration has the first two."""


def require_trusted(config: Mapping[str, Any], trust: Collection[str] = (), *, where: Path) -> None:
    """Refuse a run folder's configuration that would have something else made or called than a run needs.

    Args:
        config: of the run folder, plain containers.
        trust: what the user allows beyond: ``package.module.Class``, and ``spark`` for the run's Spark properties.
        where: the run folder, for the message.

    Raises:
        RunFolderError: every such key with what it names and how to allow it.
    """
    allowed = {current(str(one)) for one in trust}
    found = [problem for problem in _problems(config, "", allowed) if problem]
    if found:
        raise RunFolderError(
            f"{where}: its config.yaml is not taken as it is, for what it names would be run on this machine:\n  "
            + "\n  ".join(found)
        )


def _problems(node: Any, key: str, allowed: Collection[str]) -> Iterator[str]:
    if isinstance(node, Mapping):
        if _WORDS & node.keys():
            yield from _target_problems(node, key, allowed)
        for name, value in node.items():
            yield from _problems(value, f"{key}.{name}" if key else str(name), allowed)
    elif isinstance(node, Sequence) and not isinstance(node, str):
        for place, value in enumerate(node):
            yield from _problems(value, f"{key}[{place}]", allowed)
    elif isinstance(node, str) and "${" in node:
        yield f"{key} is {node[:80]!r}, which asks this machine for a value; a run's configuration is resolved."
    yield from _setting_problems(node, key, allowed)


def _target_problems(node: Mapping[str, Any], key: str, allowed: Collection[str]) -> Iterator[str]:
    target = node.get("_target_")
    odd = sorted(_WORDS & node.keys() - {"_target_", "_partial_"})
    if not isinstance(target, str) or odd:
        yield f"{key}.{(odd or ['_target_'])[0]} is nothing that a run's configuration has: {str(dict(node))[:80]}."
        return
    if current(target) in allowed:
        return
    place = next((one for one in _PLACES if re.fullmatch(one.key, _CANDIDATE.sub("", key))), None)
    if place is None or not _is_of(current(target), place):
        yield (
            f"{key}._target_ is {target[:200]}, which is not what this package puts there. If you know and trust it, "
            f"allow it with trust=[{target[:200]}]."
        )
    elif place.partial and node.get("_partial_") is not True:
        yield f"{key}._partial_ is not true, so {target} would be called at once."
    elif not place.partial and node.get("_partial_"):
        yield f"{key}._partial_ is true, which no run has there."


def _setting_problems(node: Any, key: str, allowed: Collection[str]) -> Iterator[str]:
    """Settings that name code without a `_target_`."""
    place = _CANDIDATE.sub("", key)
    if re.fullmatch(r"modality\.[^.]+\.embed\.encoder", place) and "." in str(node) and str(node) not in allowed:
        yield f"{key} is {node}, a function that would be imported and called. Allow it with trust=[{node}]."
    if re.search(r"(^|\.)spark$", key) and isinstance(node, Mapping) and "spark" not in allowed:
        if node.get("conf"):
            yield (
                f"{key}.conf sets {', '.join(map(str, node['conf']))[:200]}, by which Spark may load code of others. "
                + ("Allow the run's Spark settings with trust=[spark].")
            )
        if not re.fullmatch(r"local(\[[\d*]+\])?", str(node.get("master", "local"))):
            yield f"{key}.master is {str(node['master'])[:200]}. Allow the run's Spark settings with trust=[spark]."


def _is_of(target: str, place: _Place) -> bool:
    if target in place.names:
        return True
    module, _, name = target.rpartition(".")
    if not any(module == package or module.startswith(f"{package}.") for package in place.packages):
        return False
    if module.startswith(place.without or "\0"):
        return False
    kinds = (ast.FunctionDef, ast.ClassDef) if place.partial else (ast.ClassDef,)
    return not name.startswith("_") and isinstance(_defined(module).get(name), kinds)


@cache
def _defined(module: str) -> Mapping[str, ast.stmt]:
    """Classes and functions that a module of this package defines itself: what it imports is not its own."""
    parts = module.split(".")
    if not all(_PART.fullmatch(part) for part in parts):
        return {}
    path = _ROOT.joinpath(*parts)
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    if not file.is_file():
        return {}
    body = ast.parse(file.read_text(encoding="utf-8")).body
    return {node.name: node for node in body if isinstance(node, ast.ClassDef | ast.FunctionDef)}
