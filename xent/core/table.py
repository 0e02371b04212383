"""The metric table: one row per metric, written beside its class. Help, docs, tests and the command line all read it."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar, get_args

from xent.core.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from xent.core.metric import Metric

_M = TypeVar("_M", bound="type[Metric]")

Direction = Literal["lower", "higher", "none"]
Inputs = Literal["binary", "categorical", "values", "events", "rankings", "classwise", "decisions", "classes", "queries", "intervals"]
"""How a metric looks at a file: as probabilities of single events, as probabilities over classes, as plain numbers; as events, where each
of several classes is one; as scores of which only the order matters; as classes one by one; as scores that decide for a class; as
numbers of classes; as the documents of queries; or as numbers with an interval for each."""

Task = Literal["binary", "multiclass", "regression"]


class Row(NamedTuple):
    """What the table says about one metric.

    Attributes
    ----------
    name : the canonical name, Keras's snake case
    cls : the class, whose signature holds the parameters and their defaults
    aliases : other names it answers to
    direction : whether lower or higher is better, or neither
    range : the values it can take, as an interval
    inputs : how it looks at labels and predictions
    memory : what its state grows with; "constant" for most
    formula : the value of one row, or of the whole
    source : who defined it
    tasks : the tasks for which it is part of the set that runs when no metric is named
    """

    name: str
    cls: type[Metric]
    aliases: tuple[str, ...]
    direction: Direction
    range: str
    inputs: Inputs
    memory: str
    formula: str
    source: str
    tasks: frozenset[Task]

    @property
    def names(self) -> tuple[str, ...]:
        """Everything it answers to, in any case."""
        return self.name, *self.aliases, self.cls.__name__

    @property
    def summary(self) -> str:
        """The first line of the class's docstring."""
        return (inspect.getdoc(self.cls) or "").partition("\n")[0]

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The parameters with their defaults; `inspect.Parameter.empty` marks one that must be given."""
        return {name: parameter.default for name, parameter in parameters_of(self.cls).items() if name not in ("name", "dtype")}


@cache
def _signature_of(cls: Callable[..., Any]) -> inspect.Signature:
    return inspect.signature(cls)


def parameters_of(cls: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """What a class is called with; it is asked for every metric of every slice, and takes long to find out."""
    return _signature_of(cls).parameters


_HOME = "xent.core.metrics"
_TABLE: dict[str, Row] = {}
_NAMES: dict[str, str] = {}
"""The canonical name by each name in lower case."""


def metric(
    name: str,
    *,
    aliases: tuple[str, ...] = (),
    direction: Direction,
    range: str,
    inputs: Inputs,
    formula: str,
    source: str,
    memory: str = "constant",
    tasks: tuple[Task, ...] = (),
) -> Callable[[_M], _M]:
    """Gives a metric class its row. Classes of xent enter the table by it; those of others are found as `xent.core.own_metrics` says.

    Raises
    ------
    UsageError
        Another metric of the table has one of the names, or `direction` or `inputs` is none of those that there are.
    """

    def enter(cls: _M) -> _M:
        row = Row(name, cls, aliases, direction, range, inputs, memory, formula, source, frozenset(tasks))
        _check_words(row)
        is_own = not cls.__module__.startswith(f"{_HOME}.")
        if is_own:
            # All names of the table have to be known before it can be said that a name is free.
            table()
        for key in row.names:
            holder = _NAMES.get(key.lower()) if is_own else _NAMES.setdefault(key.lower(), name)
            if holder is not None and (is_own or holder != name):
                raise UsageError(f"the metric name {key!r} is taken by xent's {holder!r}")
        if not is_own:
            _TABLE[name] = row
        cls.row = row
        return cls

    return enter


def _check_words(row: Row) -> None:
    for word, value, known in (("direction", row.direction, get_args(Direction)), ("inputs", row.inputs, get_args(Inputs))):
        if value not in known:
            raise UsageError(f"the metric {row.name!r}: {word} must be one of {', '.join(known)}, not {value!r}")


@cache
def table() -> Mapping[str, Row]:
    """The rows of xent's own metrics by name, in alphabetical order."""
    package = importlib.import_module(_HOME)
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return dict(sorted(_TABLE.items()))


@cache
def _import_family_of(name: str) -> None:
    """Imports the modules whose text has the name: a run needs one or two of them, and importing all of them is a tenth of its start."""
    package = importlib.import_module(_HOME)
    marks = (f'"{name}"', f"class {name}(")
    for module in pkgutil.iter_modules(package.__path__):
        source = pkgutil.get_data(_HOME, f"{module.name}.py") or b""
        if any(mark in source.decode("utf-8").lower() for mark in marks):
            importlib.import_module(f"{_HOME}.{module.name}")


def row_of(name: str) -> Row:
    """The row that a name, an alias or a class name means, in any case: of xent's metrics, else of those that other packages bring.

    Raises
    ------
    UnknownNameError
        No metric has that name; the error offers the nearest.
    UsageError
        No metric has that name, and a package that may bring it cannot be loaded.

    >>> row_of("CategoricalCrossentropy").name
    'categorical_crossentropy'
    """
    _import_family_of(name.lower())
    canonical = _NAMES.get(name.lower())
    if canonical is not None:
        return _TABLE[canonical]
    rows = table()
    if name.lower() in _NAMES:
        return rows[_NAMES[name.lower()]]
    # Only now, so that nobody pays for the packages of others who does not ask for them.
    from xent.core.own_metrics import installed

    own = installed()
    for row in own.rows:
        if name.lower() in map(str.lower, row.names):
            return row
    if own.faults:
        raise UsageError(f"unknown metric {name!r}, and {own.faults[0]}")
    known = (*rows.values(), *own.rows)
    raise UnknownNameError("metric", name, {alias for row in known for alias in (row.name, *row.aliases)})
