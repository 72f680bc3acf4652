"""Which keys a configuration may have, and what they may hold.

Plain nodes: the keys of the primary file (conf/train.yaml) and of the files of its groups. Nodes with a `_target_`:
the target's parameters, and the fields of its settings with their ranges, at any depth. A node that is ``{}`` in the
primary file is open: its members must be targets.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from fusion.config.files import ConfigError, read, roots
from fusion.config.signature import NoTargetError, signature_of
from fusion.contract.reading import settings_problems, suggest
from fusion.contract.settings import KINDS, not_one_of

_HYDRAS_OWN = {"_target_", "_partial_", "_convert_", "_recursive_", "_args_"}
_CHOSEN_BY_PRESET = ("model/fuser", "model/head")
_ALSO: dict[Any, frozenset[type | None]] = {
    "precision": frozenset({int, str}),
    "weights": frozenset({str, dict}),
}
"""What a key may hold besides what the primary file has of it: a precision is 32, or bf16; weights of secondary
endpoints a number, one an endpoint, or ``learned``."""


def schema(config_name: str, user_dir: Path | None) -> dict[str, Any]:
    """Known keys and example values, nested as the composed configuration is."""
    primary = next(file for root in roots(user_dir) if (file := root / f"{config_name}.yaml").is_file())
    known: dict[str, Any] = yaml.safe_load(primary.read_text(encoding="utf-8"))
    defaults = known.pop("defaults", [])
    known.pop("hydra", None)
    for entry in defaults:
        if isinstance(entry, Mapping):
            group = str(next(iter(entry))).removeprefix("override ").lstrip("/")
            for part in _CHOSEN_BY_PRESET if group == "preset" else (group,):
                for root in roots(user_dir):
                    for file in sorted((root / part).glob("*.yaml")):
                        _add_group_file(known, part, file)
            if group == "preset":
                known["preset"] = ""
    return known


def _add_group_file(known: dict[str, Any], group: str, file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    try:
        content = {key: value for key, value in read(file).items() if key != "defaults"}
    except ConfigError:
        return  # where it is chosen, composing says what is wrong with it
    place = known
    if text.startswith("# @package _global_"):
        # Such a file sets keys of others; only nodes that are objects are its own.
        content = {key: node for key, node in content.items() if isinstance(node, Mapping) and "_target_" in node}
    else:
        for part in group.split("/"):
            place = place.setdefault(part, {})
    for key, value in content.items():
        # Two choices may give a key values of two kinds: then any value will do.
        place[key] = value if key not in place or type(place[key]) is type(value) else None


def problems(config: Any, known: Mapping[str, Any]) -> list[str]:
    """Every unknown key and wrong kind of value, one sentence each."""
    return [problem for key, value in config.items() for problem in _member(str(key), key, value, known)]


def _member(path: str, key: Any, value: Any, known: Mapping[str, Any]) -> Iterable[str]:
    if key not in known:
        if isinstance(value, Mapping) and "_target_" in value:
            return _target_problems(path, value)
        prefix = path.rpartition(".")[0]
        return [f"Unknown key {path!r}.{suggest(str(key), known, prefix)}"]
    example = known[key]
    if isinstance(value, Mapping) and "_target_" in value:
        return _target_problems(path, value)
    if isinstance(example, Mapping) and "_target_" not in example:
        if not isinstance(value, Mapping):
            return [f"{path} must be a mapping with the keys {', '.join(example)}, not {value!r}."]
        if not example:
            return [problem for name, node in value.items() for problem in _open_member(f"{path}.{name}", node, value)]
        return [problem for name, node in value.items() for problem in _member(f"{path}.{name}", name, node, example)]
    types = _types_like(example)
    return _kind_problems(path, value, types | _ALSO.get(key, frozenset()) if types else types, ())


def _open_member(path: str, node: Any, siblings: Mapping[str, Any]) -> Iterable[str]:
    if isinstance(node, Mapping) and "_target_" in node:
        return _target_problems(path, node)
    whole = {name: "" for name, other in siblings.items() if isinstance(other, Mapping) and "_target_" in other}
    hint = suggest(path.rpartition(".")[2], whole, path.rpartition(".")[0])
    return [f"{path} has no _target_, so nothing can be made of it.{hint}"]


def _target_problems(path: str, node: Mapping[str, Any]) -> Iterable[str]:
    target = str(node["_target_"])
    try:
        signature = signature_of(target)
    except NoTargetError as error:
        hint = suggest(target.rpartition(".")[2], dict.fromkeys(error.names, ""))
        return [f"{path}._target_ is {target}, but {error}.{hint}"]
    found: list[str] = []
    told: dict[str, Any] = {}
    for key, value in node.items():
        place = f"{path}.{key}"
        if key in _HYDRAS_OWN:
            continue
        if signature.settings is not None and key not in signature.parameters:
            told[key] = value
        elif key in signature.parameters:
            parameter = signature.parameters[key]
            found += _kind_problems(place, value, parameter.types, parameter.choices, parameter.free)
        elif not signature.open:
            found.append(f"Unknown key {place!r}.{suggest(key, signature.parameters, path)} ({target} takes no {key}.)")
        if isinstance(value, Mapping):
            found += _nested_targets(place, value)
    if signature.settings is not None:
        found += settings_problems(signature.settings, told, at=path, beside=signature.parameters)
    return found


def _nested_targets(path: str, node: Mapping[str, Any]) -> list[str]:
    if "_target_" in node:
        return list(_target_problems(path, node))
    return [
        problem
        for key, value in node.items()
        if isinstance(value, Mapping)
        for problem in _nested_targets(f"{path}.{key}", value)
    ]


def _types_like(example: Any) -> frozenset[type | None]:
    """What may stand where the primary file has `example`; null there allows anything."""
    if example is None or example == "???":
        return frozenset()
    return frozenset({float, int} if type(example) is float else {type(example)})


def _kind_problems(
    path: str,
    value: Any,
    types: frozenset[type | None],
    choices: tuple[object, ...],
    free: frozenset[type | None] = frozenset(),
) -> list[str]:
    if not types or (isinstance(value, str) and ("${" in value or value == "???")):
        return []
    kind = None if value is None else dict if isinstance(value, Mapping) else type(value)
    # YAML 1.1 reads 1e-3 as text, Hydra's command line as a number; objects may stand where text is annotated.
    if kind not in types and not (isinstance(value, Mapping) and "_target_" in value):
        wanted = " or ".join(
            sorted(
                {KINDS.get(item, "null") if item else "null" for item in types - ({int} if float in types else set())}
            )
        )
        return [f"{path} must be {wanted}, not {value!r}."]
    if choices and kind not in free | {None} and value not in choices:
        if not free:
            return [f"{path} {not_one_of(value, choices)}"]
        wanted = " or ".join([*sorted(KINDS.get(item, "null") for item in free if item), *map(str, choices)])
        return [f"{path} must be {wanted}, not {value!r}."]
    return []
