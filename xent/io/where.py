"""`--where`: a small expression over columns, such as `country == 'de' and score > 0.5`.

It is parsed with Python's own parser and only ever walked, never run: names are columns, and nothing but comparisons, `in`, `and`, `or`,
`not` and literals is understood.
"""

from __future__ import annotations

import ast
import datetime as dt
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from xent.core.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from xent.io.tables import Column

_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "equal",
    ast.NotEq: "not_equal",
    ast.Lt: "less",
    ast.LtE: "less_equal",
    ast.Gt: "greater",
    ast.GtE: "greater_equal",
}

_MOST_LEVELS = 100
"""A condition may be nested so deep, which is far below where Python gives up."""

Mask = Callable[[Mapping[str, Any]], Any]


class Where:
    """A parsed condition.

    Column names that are not words stand in backquotes: `` `model name` == 'b' ``.

    Raises
    ------
    UsageError
        The text is no such expression.

    >>> sorted(Where("country == 'de' and not score > 0.5").columns)
    ['country', 'score']
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.columns: set[str] = set()
        self._quoted: dict[str, str] = {}
        try:
            with warnings.catch_warnings():
                # Python warns of what it finds odd, such as `1or x`; as an error it becomes part of ours.
                warnings.simplefilter("error")
                tree = ast.parse(re.sub(r"`([^`]*)`", self._unquote, text).strip(), mode="eval")
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise UsageError(f"--where {text}: cannot be understood; write for example \"country == 'de' and score > 0.5\"") from None
        if _levels(tree.body) > _MOST_LEVELS:
            raise UsageError(f"--where {text}: is nested more than {_MOST_LEVELS} levels deep")
        self._tree = tree.body
        self._words = {name: word for word, name in self._quoted.items()}
        self._mask = self._condition(tree.body)
        if not self.columns:
            raise UsageError(f"--where {text}: names no column")

    def _unquote(self, match: re.Match[str]) -> str:
        word = f"_quoted_{len(self._quoted)}"
        self._quoted[word] = match[1]
        return word

    def __call__(self, columns: Mapping[str, Column]) -> npt.NDArray[np.bool_]:
        """The rows for which the condition holds; a comparison with a missing value does not."""
        import pyarrow as pa

        from xent.io.arrow_values import arrow_of, scalar_of, values_of

        arrays = {name: arrow_of(column) for name, column in columns.items() if name in self.columns}
        try:
            # `fill_null` would import pandas.
            return values_of(_compute("coalesce", self._mask(arrays), scalar_of(False)))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
            raise UsageError(f"--where {self.text}: {str(error).splitlines()[0]}") from error

    def may_hold(self, bounds: Mapping[str, tuple[Any, Any]]) -> bool:
        """Whether some row can fulfil the condition, given the least and the largest value of some columns; True where that is open."""
        return _may_hold(self._tree, {self._words.get(name, name): pair for name, pair in bounds.items()})

    def _condition(self, node: ast.expr) -> Mask:
        match node:
            case ast.BoolOp(op=op, values=values):
                return self._all_of("and_kleene" if isinstance(op, ast.And) else "or_kleene", [self._condition(value) for value in values])
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                inner = self._condition(operand)
                return lambda arrays: _compute("invert", inner(arrays))
            case ast.Compare(left=left, ops=ops, comparators=comparators):
                sides = [left, *comparators]
                pairs = [self._comparison(sides[at], op, sides[at + 1]) for at, op in enumerate(ops)]
                return self._all_of("and_kleene", pairs)
            case ast.Name():
                return self._value(node)
        raise UsageError(f"--where {self.text}: only comparisons of columns with values, joined by and, or and not, are understood")

    def _all_of(self, function: str, parts: list[Mask]) -> Mask:
        def mask(arrays: Mapping[str, Any]) -> Any:
            result = parts[0](arrays)
            for part in parts[1:]:
                result = _compute(function, result, part(arrays))
            return result

        return mask

    def _comparison(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> Mask:
        if isinstance(op, ast.In | ast.NotIn):
            column, values = self._value(left), self._literals(right)
            negated = isinstance(op, ast.NotIn)

            def contains(arrays: Mapping[str, Any]) -> Any:
                result = _is_in(column(arrays), values)
                return _compute("invert", result) if negated else result

            return contains
        if type(op) not in _COMPARISONS:
            raise UsageError(f"--where {self.text}: only ==, !=, <, <=, >, >= and in compare")
        function, one, other = _COMPARISONS[type(op)], self._value(left), self._value(right)
        return lambda arrays: _compare(function, one(arrays), other(arrays))

    def _value(self, node: ast.expr) -> Mask:
        if isinstance(node, ast.Name):
            name = self._quoted.get(node.id, node.id)
            self.columns.add(name)
            return lambda arrays: arrays[name]
        value = self._literal(node)
        return lambda _: value

    def _literals(self, node: ast.expr) -> list[Any]:
        if isinstance(node, ast.Tuple | ast.List | ast.Set):
            return [self._literal(item) for item in node.elts]
        return [self._literal(node)]

    def _literal(self, node: ast.expr) -> Any:
        try:
            value = ast.literal_eval(node)
        except (ValueError, TypeError, SyntaxError, RecursionError):
            value = None
        if not isinstance(value, bool | int | float | str):
            raise UsageError(f"--where {self.text}: {ast.unparse(node)} is neither a column, a number nor a text")
        return value


class AllOf:
    """Several conditions, of which a row must fulfil all.

    Raises
    ------
    UsageError
        One of the texts is no condition.

    >>> sorted(AllOf(["country == 'de'", "score > 0.5 or score < 0.1"]).columns)
    ['country', 'score']
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._parts = [Where(text) for text in texts]
        self.columns = {column for part in self._parts for column in part.columns}

    def __call__(self, columns: Mapping[str, Column]) -> npt.NDArray[np.bool_]:
        """The rows for which every condition holds."""
        first, *others = (part(columns) for part in self._parts)
        for mask in others:
            first = first & mask
        return first

    def may_hold(self, bounds: Mapping[str, tuple[Any, Any]]) -> bool:
        """As `Where.may_hold`."""
        return all(part.may_hold(bounds) for part in self._parts)

    def flag_of(self, column: str) -> str:
        """What an error about a column begins with: the first condition on it, if there is one."""
        return next((f"--where {part.text}: " for part in self._parts if column in part.columns), "")


def _levels(node: ast.AST) -> int:
    """How deep an expression is nested, which is found out without recursion."""
    count, level = 0, [node]
    while level:
        count += 1
        level = [child for parent in level for child in ast.iter_child_nodes(parent)]
    return count


def _may_hold(node: ast.expr, bounds: Mapping[str, tuple[Any, Any]]) -> bool:
    match node:
        case ast.BoolOp(op=ast.And(), values=values):
            return all(_may_hold(value, bounds) for value in values)
        case ast.BoolOp(op=ast.Or(), values=values):
            return any(_may_hold(value, bounds) for value in values)
        case ast.Compare(left=ast.Name(id=name), ops=[op], comparators=[right]) if name in bounds:
            return _range_may_hold(op, right, *bounds[name])
    return True


def _range_may_hold(op: ast.cmpop, right: ast.expr, low: Any, high: Any) -> bool:
    """Whether a value from `low` to `high` can stand in this relation. `!=` always can: a NaN lies outside of its column's bounds."""
    try:
        value = ast.literal_eval(right)
        if isinstance(low, dt.date):
            value = [*map(dt.date.fromisoformat, value)] if isinstance(op, ast.In) else dt.date.fromisoformat(value)
        match op:
            case ast.Eq():
                return bool(low <= value <= high)
            case ast.Lt():
                return bool(low < value)
            case ast.LtE():
                return bool(low <= value)
            case ast.Gt():
                return bool(high > value)
            case ast.GtE():
                return bool(high >= value)
            case ast.In():
                return any(low <= item <= high for item in value)
    except (ValueError, TypeError):
        pass  # Not a literal, or of another kind than the column; the rows will tell.
    return True


def _compute(function: str, *values: Any) -> Any:
    import pyarrow.compute as pc

    return pc.call_function(function, list(values))


def _compare(function: str, left: Any, right: Any) -> Any:
    """Compares a column with a value or another column.

    A column of texts may look like numbers and stays one of texts; a text beside a column of dates or times is read as one.
    """
    import pyarrow as pa

    from xent.io.arrow_values import scalar_of

    def plain(side: Any, beside: Any) -> Any:
        if isinstance(side, pa.DictionaryArray):
            return side.dictionary_decode()
        if isinstance(side, pa.Array):
            return side
        kind = beside.type if isinstance(beside, pa.Array) else pa.null()
        if pa.types.is_temporal(kind) and isinstance(side, str):
            return scalar_of(side).cast(kind)
        is_text = pa.types.is_dictionary(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind)
        return scalar_of((str(side).lower() if isinstance(side, bool) else str(side)) if is_text else side)

    return _compute(function, plain(left, right), plain(right, left))


def _is_in(column: Any, values: list[Any]) -> Any:
    result = _compare("equal", column, values[0]) if values else None
    for value in values[1:]:
        result = _compute("or_kleene", result, _compare("equal", column, value))
    if result is None:
        raise UsageError("--where: `in` needs at least one value")
    return result
