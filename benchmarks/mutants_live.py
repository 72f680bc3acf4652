"""One change of a function in the process that runs, and the lines at which a test that meets it is seen."""

from __future__ import annotations

import ast
import functools
import importlib
import types
from collections.abc import Iterator

from mutants_drawn import Mutant


def lines_of(mutant: Mutant) -> set[int]:
    """Lines at which a test that meets the change is seen."""
    node = mutant.node
    statement = next(one for one in reversed([*mutant.above, node]) if isinstance(one, ast.stmt))
    function = next(one for one in [*mutant.above, node] if isinstance(one, ast.FunctionDef))
    if function.args in mutant.above:  # a default: of whatever calls the function
        return set(range(function.body[0].lineno, (function.end_lineno or 0) + 1))
    if isinstance(node, ast.If | ast.While):
        return set(range(node.test.lineno, (node.test.end_lineno or 0) + 1))
    lines = set(range(node.lineno, node.end_lineno + 1))  # type: ignore[attr-defined]
    whole = isinstance(statement, ast.If | ast.While | ast.For | ast.With | ast.Try | ast.FunctionDef)
    return lines if whole else lines | {statement.lineno}


def exchange(mutant: Mutant) -> None:
    """Give the outermost function around the change the changed one's code, in this process.

    Raises:
        LookupError: where that cannot be done.
    """
    module = importlib.import_module(".".join(mutant.path.with_suffix("").parts))
    chain: list[ast.FunctionDef | ast.ClassDef] = []
    for one in [*mutant.above, mutant.node]:
        if isinstance(one, ast.FunctionDef | ast.ClassDef):
            chain.append(one)
            if isinstance(one, ast.FunctionDef):
                break
    names, source = [one.name for one in chain], mutant.source()
    codes = [one for one in inner(compile(source, module.__file__ or "", "exec")) if one.co_qualname == ".".join(names)]
    function: object = module
    for name in names:
        function = vars(function)[name]
    function = unwrapped(function)
    if not isinstance(function, types.FunctionType) or len(codes) != 1:
        raise LookupError(f"{'.'.join(names)} is no single function")
    function.__code__ = codes[0]  # a ValueError where their closures differ
    if chain[-1].args in mutant.above:  # type: ignore[union-attr]
        exec(f"def _f({_defaults(source, names)}): ...", vars(module), made := {})  # type: ignore[var-annotated] # noqa: S102
        function.__defaults__, function.__kwdefaults__ = made["_f"].__defaults__, made["_f"].__kwdefaults__


def _defaults(source: str, names: list[str]) -> str:
    node: ast.AST = ast.parse(source)
    for name in names:
        node = next(one for one in node.body if getattr(one, "name", "") == name)  # type: ignore[attr-defined]
    arguments: ast.arguments = node.args  # type: ignore[attr-defined]
    for one in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]:
        one.annotation = None
    return ast.unparse(arguments)


def inner(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from inner(constant)


def unwrapped(found: object) -> object:
    """The function that decorators hide."""
    while True:
        if isinstance(found, property):
            found = found.fget
        elif isinstance(found, functools.cached_property):
            found = found.func
        elif hasattr(found, "__wrapped__"):
            found = found.__wrapped__
        elif isinstance(found, staticmethod | classmethod):
            found = found.__func__
        else:
            return found
