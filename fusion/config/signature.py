"""What a `_target_` accepts, read from its source without importing it (imports of torch or hail take seconds).

A class that takes ``**given`` and names its ``settings_class`` accepts the fields of that class. Modules of settings
import nothing heavy, so these classes are imported, and judge values themselves.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field, fields
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from fusion.contract.settings import Settings

_OURS = ("fusion", "data_modules")


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One parameter and what its annotation says, as far as it is simple.

    Attributes:
        types: allowed types of a YAML value; empty: anything goes.
        choices: allowed values, where annotated as ``Literal``.
        free: types of which any value is allowed, beside `choices`; null is none of them.
    """

    name: str
    types: frozenset[type | None] = frozenset()
    choices: tuple[object, ...] = ()
    free: frozenset[type | None] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Signature:
    """Parameters by name; `open` where ``**kwargs`` takes any other too; `settings` takes what is no parameter."""

    parameters: dict[str, Parameter] = field(default_factory=dict)
    open: bool = False
    settings: type[Settings] | None = None


_ANYTHING = Signature(open=True)


class NoTargetError(Exception):
    """No such module, class or function; `names` are those there are."""

    def __init__(self, message: str, names: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.names = names


def signature_of(target: str) -> Signature:
    """What `target` (``package.module.Class`` or ``.function``) accepts.

    Raises:
        NoTargetError: there is no such thing. Targets of other packages are only looked for, not read.
    """
    module, _, name = target.rpartition(".")
    if target.split(".")[0] not in _OURS:
        if _find(target.split(".")[0]) is None:
            raise NoTargetError(f"no package {target.split('.')[0]!r} is installed")
        return _ANYTHING
    source = _source(module)
    if source is None:
        raise NoTargetError(f"there is no module {module}")
    return _signature(source, name)


@dataclass(frozen=True, kw_only=True)
class _Source:
    """A parsed module: its definitions, aliases of types, and where its imported names come from."""

    module: str
    definitions: dict[str, ast.ClassDef | ast.FunctionDef]
    aliases: dict[str, ast.expr]
    imports: dict[str, tuple[str, str]]


def _find(module: str) -> Path | None:
    try:
        spec = find_spec(module)
    except (ImportError, ValueError):
        return None
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    return Path(spec.origin)


@cache
def _source(module: str) -> _Source | None:
    path = _find(module)
    if path is None:
        return None
    definitions: dict[str, ast.ClassDef | ast.FunctionDef] = {}
    aliases: dict[str, ast.expr] = {}
    imports: dict[str, tuple[str, str]] = {}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            imports |= {alias.asname or alias.name: (node.module, alias.name) for alias in node.names}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            definitions[node.name] = node
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            aliases[node.targets[0].id] = node.value
    return _Source(module=module, definitions=definitions, aliases=aliases, imports=imports)


def _lookup(source: _Source, name: str) -> tuple[_Source, ast.ClassDef | ast.FunctionDef] | None:
    """A definition in this module or in the one of ours that it is imported from."""
    if name in source.definitions:
        return source, source.definitions[name]
    module, original = source.imports.get(name, ("", ""))
    origin = _source(module) if module.split(".")[0] in _OURS else None
    return _lookup(origin, original) if origin is not None else None


def _signature(source: _Source, name: str) -> Signature:
    found = _lookup(source, name)
    if found is None:
        raise NoTargetError(f"{source.module} has no {name}", tuple(source.definitions))
    source, definition = found
    if isinstance(definition, ast.FunctionDef):
        return _of_function(source, definition, skip_first=False)
    accepted, settings = _of_class(source, definition), _settings_of(source, definition)
    if settings is None:
        return accepted
    own = {key: value for key, value in accepted.parameters.items() if key not in _names(settings)}
    return Signature(parameters=own, settings=settings)


def _names(settings: type[Settings]) -> set[str]:
    return {one.name for one in fields(settings)}


def _settings_of(source: _Source, node: ast.ClassDef) -> type[Settings] | None:
    """What the class, or else a base of it, names as ``settings_class``."""
    for item in node.body:
        if not (isinstance(item, ast.AnnAssign) and ast.unparse(item.target) == "settings_class" and item.value):
            continue
        name = ast.unparse(item.value)
        module, original = source.imports.get(name, (source.module, name))
        found = getattr(import_module(module), original)
        if isinstance(found, type) and issubclass(found, Settings):
            return found
    for base in node.bases:
        above = _lookup(source, ast.unparse(base.value if isinstance(base, ast.Subscript) else base))
        if above is None or not isinstance(above[1], ast.ClassDef):
            continue
        settings = _settings_of(above[0], above[1])
        if settings is not None:
            return settings
    return None


def _of_class(source: _Source, node: ast.ClassDef) -> Signature:
    bases = [_base(source, base) for base in node.bases]
    init = next((item for item in node.body if isinstance(item, ast.FunctionDef) and item.name == "__init__"), None)
    if init is not None:
        own = _of_function(source, init, skip_first=True)
        if not own.open or not bases or _settings_of(source, node) is not None:
            return own  # what ``**given`` takes is settings
        inherited = _merge(bases)
        return Signature(parameters=inherited.parameters | own.parameters, open=inherited.open)
    if any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list):
        fields = {
            item.target.id: _parameter(source, item.target.id, item.annotation)
            for item in node.body
            if isinstance(item, ast.AnnAssign)
            and isinstance(item.target, ast.Name)
            and not ast.unparse(item.annotation).startswith("ClassVar")
            and "init=False" not in ast.unparse(item)
        }
        inherited = _merge(bases)
        return Signature(parameters=inherited.parameters | fields, open=inherited.open)
    return _merge(bases)


def _base(source: _Source, base: ast.expr) -> Signature:
    name = ast.unparse(base.value if isinstance(base, ast.Subscript) else base)
    if name.split(".")[-1] in ("ABC", "Protocol", "Generic"):
        return Signature()
    found = _lookup(source, name)
    if found is None or not isinstance(found[1], ast.ClassDef):
        return _ANYTHING
    return _of_class(found[0], found[1])


def _merge(bases: list[Signature]) -> Signature:
    parameters: dict[str, Parameter] = {}
    for base in reversed(bases):
        parameters |= base.parameters
    return Signature(parameters=parameters, open=any(base.open for base in bases))


def _of_function(source: _Source, node: ast.FunctionDef, *, skip_first: bool) -> Signature:
    named = [*node.args.posonlyargs, *node.args.args][int(skip_first) :] + node.args.kwonlyargs
    parameters = {argument.arg: _parameter(source, argument.arg, argument.annotation) for argument in named}
    return Signature(parameters=parameters, open=node.args.kwarg is not None)


_NAMED_TYPES: dict[str, frozenset[type | None]] = {
    "int": frozenset({int}),
    "float": frozenset({float, int}),
    "bool": frozenset({bool}),
    "str": frozenset({str}),
    "Path": frozenset({str}),
    "None": frozenset({None}),
    "list": frozenset({list}),
    "tuple": frozenset({list}),
    "Sequence": frozenset({list}),
    "Iterable": frozenset({list}),
    "dict": frozenset({dict}),
    "Mapping": frozenset({dict}),
}


def _parameter(source: _Source, name: str, annotation: ast.expr | None) -> Parameter:
    if annotation is None:
        return Parameter(name=name)
    free: set[type | None] = set()
    choices: list[object] = []
    for part in _union(source, annotation):
        kind = ast.unparse(part.value if isinstance(part, ast.Subscript) else part)
        if kind == "Literal" and isinstance(part, ast.Subscript):
            elements = part.slice.elts if isinstance(part.slice, ast.Tuple) else [part.slice]
            values = [element.value for element in elements if isinstance(element, ast.Constant)]
            choices += values
        elif kind in _NAMED_TYPES:
            free |= _NAMED_TYPES[kind]
        else:
            return Parameter(name=name)
    types = free | {None if value is None else type(value) for value in choices}
    return Parameter(name=name, types=frozenset(types), choices=tuple(choices), free=frozenset(free - {None}))


def _union(source: _Source, annotation: ast.expr) -> list[ast.expr]:
    """Members of ``A | B``, with aliases of the same module resolved."""
    if isinstance(annotation, ast.BinOp) and isinstance(annotation.op, ast.BitOr):
        return _union(source, annotation.left) + _union(source, annotation.right)
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return _union(source, ast.parse(annotation.value, mode="eval").body)
    if isinstance(annotation, ast.Name) and annotation.id in source.aliases:
        return _union(source, source.aliases[annotation.id])
    return [annotation]
