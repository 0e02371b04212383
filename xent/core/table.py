"""The metric table: one row per metric, written beside its class. Help, docs, tests and the command line all read it."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from xent.core.errors import UnknownNameError

if TYPE_CHECKING:
    from xent.core.metric import Metric

_M = TypeVar("_M", bound="type[Metric]")

Direction = Literal["lower", "higher", "none"]
Inputs = Literal["binary", "categorical", "values", "events", "rankings", "classwise", "decisions", "classes"]
"""How a metric looks at a file: as probabilities of single events, as probabilities over classes, as plain numbers; as events, where each
of several classes is one; as scores of which only the order matters; as classes one by one; as scores that decide for a class; or as
numbers of classes."""

Task = Literal["binary", "multiclass", "regression"]


@dataclass(frozen=True, slots=True)
class Row:
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
    def summary(self) -> str:
        """The first line of the class's docstring."""
        return (inspect.getdoc(self.cls) or "").partition("\n")[0]

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The parameters with their defaults; `inspect.Parameter.empty` marks one that must be given."""
        return {
            name: parameter.default for name, parameter in inspect.signature(self.cls).parameters.items() if name not in ("name", "dtype")
        }


_TABLE: dict[str, Row] = {}
_ALIASES: dict[str, str] = {}


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
    """Enters a metric class into the table."""

    def enter(cls: _M) -> _M:
        row = Row(name, cls, aliases, direction, range, inputs, memory, formula, source, frozenset(tasks))
        for key in (name, *aliases, cls.__name__):
            if _ALIASES.setdefault(key.lower(), name) != name:
                raise ValueError(f"the metric name {key!r} is taken by {_ALIASES[key.lower()]!r}")
        _TABLE[name] = row
        cls.row = row
        return cls

    return enter


@cache
def table() -> Mapping[str, Row]:
    """The rows by name, in alphabetical order."""
    package = importlib.import_module("xent.core.metrics")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return dict(sorted(_TABLE.items()))


def row_of(name: str) -> Row:
    """The row that a name, an alias or a class name means, in any case.

    Raises
    ------
    UnknownNameError
        No metric has that name; the error offers the nearest.

    >>> row_of("CategoricalCrossentropy").name
    'categorical_crossentropy'
    """
    rows = table()
    canonical = _ALIASES.get(name.lower())
    if canonical is None:
        raise UnknownNameError("metric", name, {*rows, *(alias for row in rows.values() for alias in row.aliases)})
    return rows[canonical]
