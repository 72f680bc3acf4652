"""What `mutants.py` and `mutants_fast.py` draw: single changes of the code of both packages, by a seed."""

from __future__ import annotations

import ast
import copy
import random
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("fusion", "data_modules")
COMPARED = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
COUNTED = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip


def places(tree: ast.Module) -> Iterator[tuple[ast.AST, str, list[ast.AST]]]:
    """Nodes of functions' bodies, each with a change that it can take and the path of its parents."""
    stack: list[tuple[ast.AST, list[ast.AST], bool]] = [(tree, [], False)]
    while stack:
        node, above, inside = stack.pop()
        if isinstance(node, ast.FunctionDef):
            inside = True
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list", "exc", "msg"):
                continue  # types; and what an error says is no behaviour to guard in every word
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST) and not isinstance(child, ast.JoinedStr):
                    stack.append((child, [*above, node], inside))
        if inside:
            yield from ((node, change, above) for change in changes(node, above))


def changes(node: ast.AST, above: list[ast.AST]) -> Iterator[str]:
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in COMPARED:
        yield "compare"
    if isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in COUNTED and not _text(node):
        yield "count"
    if isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float):
        yield "constant"
    if isinstance(node, ast.If | ast.IfExp | ast.While):
        yield "not"
    if isinstance(node, ast.BoolOp):
        yield "and-or"
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield "remove"
    if isinstance(node, ast.Call) and len(node.args) > 1 and not any(isinstance(one, ast.Starred) for one in node.args):
        yield from () if getattr(node.func, "id", "") in ("min", "max") else ("swap",)  # these are the same either way


def _text(node: ast.AST) -> bool:
    """Whether an operand is text, with which one cannot count."""
    return any(isinstance(one, ast.JoinedStr) or isinstance(getattr(one, "value", None), str) for one in ast.walk(node))


def apply(node: ast.AST, change: str, sign: int) -> ast.AST:
    """A changed copy of a node."""
    made = copy.deepcopy(node)
    if change == "compare":
        made.ops = [COMPARED[type(made.ops[0])]()]
    elif change == "count":
        made.op = COUNTED[type(made.op)]()
    elif change == "constant":
        made.value = not made.value if isinstance(made.value, bool) else made.value + sign
    elif change == "not":
        made.test = ast.UnaryOp(op=ast.Not(), operand=made.test)
    elif change == "and-or":
        made.op = ast.Or() if isinstance(made.op, ast.And) else ast.And()
    elif change == "remove":
        return ast.copy_location(ast.Pass(), node)
    elif change == "swap":
        made.args[0], made.args[1] = made.args[1], made.args[0]
    return made


def replaced(tree: ast.Module, node: ast.AST, made: ast.AST, above: list[ast.AST]) -> str:
    """The source of the module with one node replaced; the tree is left as it was."""
    parent = above[-1]
    for name, value in ast.iter_fields(parent):
        if value is node:
            setattr(parent, name, made)
        elif isinstance(value, list) and any(one is node for one in value):
            setattr(parent, name, [made if one is node else one for one in value])
        else:
            continue
        text = ast.unparse(ast.fix_missing_locations(tree))
        setattr(parent, name, value)
        return text
    raise ValueError("the node is not where it was found")


class Mutant(NamedTuple):
    """One change of the code: where, what, and what becomes of it."""

    number: int
    path: Path
    tree: ast.Module
    node: ast.AST
    change: str
    above: list[ast.AST]
    made: ast.AST

    def source(self) -> str:
        return replaced(self.tree, self.node, self.made, self.above)

    def line(self, word: str, by: str) -> str:
        was, became = (ast.unparse(ast.fix_missing_locations(one))[:100] for one in (self.node, self.made))
        place = f"{self.path}:{getattr(self.node, 'lineno', 0)}"
        return f"{self.number:3} {word:8} {place} {self.change}: {was!r} → {became!r} {by}".strip()


def draw(seed: int, number: int, *only: str) -> tuple[list[Mutant], int]:
    """What a seed draws, in its order, and of how many possible ones."""
    files = sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py") if path.stem[:2] != "__")
    drawn = []
    for path in files:
        if str(path.relative_to(ROOT)).startswith(only or ""):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            drawn += [(path.relative_to(ROOT), tree, *place) for place in places(tree)]
    generator = random.Random(seed)
    chosen = generator.sample(drawn, min(number, len(drawn)))
    mutants = [
        Mutant(count, path, tree, node, change, above, apply(node, change, generator.choice((-1, 1))))
        for count, (path, tree, node, change, above) in enumerate(chosen, start=1)
    ]
    return mutants, len(drawn)


def logged(log: Path | None) -> dict[int, str]:
    """Lines of a log by the numbers of their mutants."""
    lines = log.read_text(encoding="utf-8").splitlines() if log and log.exists() else []
    return {int(line.split()[0]): line for line in lines}
