"""The mistakes that can be made in a module: small changes of its syntax tree, each compiled for itself."""

from __future__ import annotations

import ast
import contextlib
import copy
import random
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any

OPERATORS: dict[type[ast.AST], tuple[type[ast.AST], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.And: (ast.Or,),
    ast.Or: (ast.And,),
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div,),
    ast.Div: (ast.Mult,),
    ast.FloorDiv: (ast.Mult,),
    ast.Mod: (ast.Mult,),
    ast.Pow: (ast.Mult,),
    ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,),
    ast.BitXor: (ast.BitOr,),
    ast.LShift: (ast.RShift,),
    ast.RShift: (ast.LShift,),
    ast.Break: (ast.Continue,),
    ast.Continue: (ast.Break,),
}

_PAIRS = ("min max", "minimum maximum", "any all", "floor ceil", "argmin argmax", "zeros ones", "less less_equal", "left right")
NAMES = {one: other for pair in _PAIRS for one, other in (pair.split(), pair.split()[::-1])}

CONVERSIONS = {"bool", "float", "int", "list", "tuple", "str", "as_float", "np.asarray", "np.ascontiguousarray"}
"""Calls that are not left out: without them the type is another, but the number mostly is not."""


def variations(node: ast.AST) -> Iterator[ast.AST]:
    """What may stand in the place of a node by mistake."""
    for other in OPERATORS.get(type(node), ()):
        yield other()
    match node:
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value) | float(value)):
            yield ast.Constant(value + 1)
            yield ast.Constant(value - 1)
        case ast.UnaryOp(operand=operand):
            yield operand
        case ast.Name(id=name) if name in NAMES:
            yield ast.Name(NAMES[name], node.ctx)
        case ast.Attribute(attr=name) if name in NAMES:
            yield ast.Attribute(node.value, NAMES[name], node.ctx)
        case ast.Call(args=args, keywords=keywords):
            if args and not isinstance(args[0], ast.Starred) and ast.unparse(node.func) not in CONVERSIONS:
                yield args[0]
            for at in (at for at, keyword in enumerate(keywords) if keyword.arg != "strict"):
                yield ast.Call(node.func, args, keywords[:at] + keywords[at + 1 :])
        case _:
            yield from _other_flow(node)


def _other_flow(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test) if not isinstance(test, ast.Compare | ast.UnaryOp):
            mistaken = copy.copy(node)
            mistaken.test = ast.copy_location(ast.UnaryOp(ast.Not(), test), test)
            yield mistaken
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            yield ast.Return(ast.Constant(None))
        case ast.AugAssign() | ast.Expr(value=ast.Call()):
            yield ast.Pass()


@dataclass(frozen=True)
class Mutant:
    """A mistake: what stands on a line, and what stands there instead; and which of its module's mistakes it is."""

    module: str
    number: int
    line: int
    source: str
    old: str
    new: str


class Module:
    """The mistakes that can be made in a file, in an order that does not change."""

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = path, name
        self.lines = path.read_text(encoding="utf-8").splitlines()
        self.tree = ast.parse("\n".join(self.lines))
        self.statements = 0
        self.mutants: list[Mutant] = []
        self.extents: list[range] = []
        """The lines of the statement that each is in; of a compound one, those before its body."""
        self._changes: list[tuple[Any, Any, ast.AST, ast.AST]] = []
        for function in _functions(self.tree):
            for place, statement in enumerate(function.body):
                self._visit(statement, function.body, place, function, range(0))

    def _visit(self, node: ast.AST | None, holder: Any, key: Any, parent: ast.AST, extent: range) -> None:
        """Notes the mistakes at a node, which is `holder[key]` or `holder.key`, and those below it."""
        if node is None or isinstance(node, ast.Assert | ast.JoinedStr) or getattr(node, "arg", None) == "strict":
            return
        if isinstance(node, ast.stmt):
            self.statements += 1
            extent = range(node.lineno, max(node.lineno, node.body[0].lineno - 1 if hasattr(node, "body") else node.end_lineno) + 1)
        at = node if hasattr(node, "lineno") else parent
        for other in variations(node):
            if isinstance(parent, ast.Raise) and isinstance(node, ast.Call):
                continue  # What an error says is not compared, and to raise a text fails anyhow.
            change = (holder, key, node, ast.copy_location(other, at))
            # A number by itself says little.
            shown = at is node and not (isinstance(node, ast.Constant | ast.Name) and isinstance(parent, ast.expr))
            old = _shown(node if shown else parent)
            with _placed(*change):
                new = _shown(other if shown else parent)
            self._changes.append(change)
            self.extents.append(extent)
            self.mutants.append(Mutant(self.name, len(self.mutants), at.lineno, self.lines[at.lineno - 1].strip(), old, new))
        for field, value in ast.iter_fields(node):
            if field in ("annotation", "returns", "decorator_list", "args") and isinstance(node, ast.AnnAssign | ast.FunctionDef):
                continue
            if isinstance(value, ast.AST):
                self._visit(value, node, field, node, extent)
            elif isinstance(value, list):
                for place, child in enumerate(value):
                    self._visit(child, value, place, node, extent)

    def code(self, number: int | None = None) -> CodeType:
        """The module, compiled with one of its mistakes, or without."""
        change = contextlib.nullcontext() if number is None else _placed(*self._changes[number])
        with change, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Of `is` beside a number, which only a mistake puts there.
            return compile(ast.fix_missing_locations(self.tree), str(self.path), "exec", dont_inherit=True)


def _functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    """The outermost functions, those of classes too."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, ast.FunctionDef):
            yield node
        elif isinstance(node, ast.Module | ast.ClassDef | ast.If):
            waiting.extend(node.body)


@contextlib.contextmanager
def _placed(holder: Any, key: Any, old: ast.AST, new: ast.AST) -> Iterator[None]:
    place = holder.__setitem__ if isinstance(holder, list) else lambda name, value: setattr(holder, name, value)
    place(key, new)
    try:
        yield
    finally:
        place(key, old)


def _shown(node: ast.AST) -> str:
    return ast.unparse(node).splitlines()[0]


def sample(modules: Sequence[Module], count: int, seed: int) -> list[tuple[Module, Mutant]]:
    """So many mutants, each module's share by its statements, in turns; a larger count has those of a smaller one among it."""
    total = sum(module.statements for module in modules)
    places = []
    for module in modules:
        chosen = list(module.mutants)
        random.Random(f"{seed} {module.name}").shuffle(chosen)
        share = count * module.statements / total
        places += [((at + 0.5) / share, module.name, module, mutant) for at, mutant in enumerate(chosen[: round(share)])]
    return [(module, mutant) for _, _, module, mutant in sorted(places, key=lambda place: place[:2])]
