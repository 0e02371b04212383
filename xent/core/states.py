"""What a metric remembers: named arrays with a leading group axis, one entry a slice.

Every state is a value. `merge` makes a new one, is associative and commutative, and a state lifted from no rows is its neutral
element; so reading in chunks, in threads, in shards and resuming a run are one operation. `to_json` gives plain values and
`from_json` takes them back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

from xent.core.cells import Cells
from xent.core.errors import DataError
from xent.core.exact import ExactSum
from xent.core.groups import regrouped, sum_of_others
from xent.core.lazy import np

if TYPE_CHECKING:
    from xent.core.arrays import Array


_MOST_CELLS = 1 << 20
"""So many cells, over all groups, are held at once where every group is left out in turn."""


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """A record of `ExactSum`s, `Cells` and arrays, merged field by field: added, unless `largest` names the field.

    A field of `largest` holds values of at least 0.
    """

    largest: ClassVar[frozenset[str]] = frozenset()

    def merge(self, other: Self) -> Self:
        """The state that one pass over the rows of both would have made."""
        if type(self) is not type(other):
            raise DataError(f"cannot merge a {type(other).__name__} into a {type(self).__name__}")
        merged = []
        for name in _names(type(self)):
            mine, theirs = getattr(self, name), getattr(other, name)
            if isinstance(mine, np.ndarray) and mine.shape != theirs.shape:
                raise DataError(f"cannot merge states of unlike shapes: {name} has {mine.shape} and {theirs.shape}")
            merged.append(np.maximum(mine, theirs) if name in self.largest else mine + theirs)
        return type(self)(*merged)

    def take(self, group: int, count: int = 1) -> Self:
        """The state of one group alone, or of `count` groups from that one on."""
        picked = {}
        for name in _names(type(self)):
            value = getattr(self, name)
            picked[name] = value[group : group + count] if isinstance(value, np.ndarray) else value.take(group, count)
        return type(self)(**picked)

    def left_out(self, groups: int) -> Iterator[Self]:
        """For each of its groups in turn, what all others hold together: states of one such group each, or of several.

        A field of `largest` keeps the largest value of all groups, so that a value has as many numbers whatever is left out. What merges in
        a way of its own, or would take too much memory, is put together anew for each group.
        """
        cells = [value for value in (getattr(self, field.name) for field in fields(self)) if isinstance(value, Cells)]
        if type(self).merge is not State.merge or any(groups * one.distinct() > _MOST_CELLS for one in cells):
            largest = {name: getattr(self, name).max(axis=0, keepdims=True) for name in self.largest}
            for group in range(groups):
                places = np.zeros(groups, dtype=np.intp)
                places[group] = 1
                others = self.regrouped(places, 2).take(0)
                yield replace(others, **largest) if largest else others
        else:
            yield self.less_each(groups)

    def less_each(self, groups: int) -> Self:
        """The same as one state, by taking each group away from the total."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        for name, value in values.items():
            if name in self.largest:
                values[name] = np.repeat(value.max(axis=0, keepdims=True), groups, axis=0)
            else:
                values[name] = sum_of_others(value, groups) if isinstance(value, np.ndarray) else value.left_out(groups)
        return type(self)(**values)

    def regrouped(self, places: Array, count: int) -> Self:
        """The same rows in other groups: what was in group g is in group `places[g]` of `count`, beside what else is put there."""
        moved = {}
        for name in _names(type(self)):
            value = getattr(self, name)
            if isinstance(value, np.ndarray):
                moved[name] = regrouped(value, places, count, largest=name in self.largest)
            else:
                moved[name] = value.regrouped(places, count)
        return type(self)(**moved)

    def renumbered(self, numbers: Sequence[int]) -> Self:
        """The state of the same rows, whose source i is source `numbers[i]`; most states do not know where their rows stood."""
        return self

    def to_json(self) -> dict[str, Any]:
        """Plain values: lists, numbers and decimal strings."""
        plain: dict[str, Any] = {}
        for name in _names(type(self)):
            value = getattr(self, name)
            plain[name] = {"dtype": value.dtype.name, "values": value.tolist()} if isinstance(value, np.ndarray) else value.to_json()
        return plain

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Self:
        """The state that `to_json` wrote."""
        return cls(**{name: _field_from_json(plain[name]) for name in _names(cls)})


_NAMES: dict[type[State], tuple[str, ...]] = {}


def _names(kind: type[State]) -> tuple[str, ...]:
    """The names of the fields, kept: states are merged once a block, and asking each time takes as long as adding."""
    if kind not in _NAMES:
        _NAMES[kind] = tuple(field.name for field in fields(kind))
    return _NAMES[kind]


def state_from_json(plain: Mapping[str, Any]) -> State:
    """The state that `to_json` wrote, of whatever kind.

    Raises
    ------
    DataError
        There is no such kind of state.
    """
    kinds = {kind.__name__: kind for kind in State.__subclasses__()}
    if plain["kind"] not in kinds:
        raise DataError(f"unknown kind of state {plain['kind']!r}")
    return kinds[plain["kind"]].from_json(plain)


def _field_from_json(plain: Mapping[str, Any]) -> ExactSum | Cells | Array:
    if "units" in plain:
        return ExactSum.from_json(plain)
    if "codes" in plain:
        return Cells.from_json(plain)
    if plain["dtype"] not in _DTYPES:
        raise DataError(f"a state holds numbers, and none of the type {plain['dtype']!r}")
    return np.array(plain["values"], dtype=plain["dtype"])


_DTYPES = ("bool", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)), "float16", "float32", "float64")
"""NumPy's names of the types of numbers; it would read a text that is none as a little language."""


@dataclass(frozen=True, slots=True, eq=False)
class WeightedSum(State):
    """The state of every mean: the exact sum of value times weight, the exact sum of the weights, and the number of rows."""

    total: ExactSum
    weight: ExactSum
    count: Array

    def mean(self) -> Array:
        """total / weight for every group, rounded once; NaN where there is no weight."""
        return self.total / self.weight


@dataclass(frozen=True, slots=True, eq=False)
class Health(State):
    """What a convention did to the probabilities of the rows, unasked.

    `clipped` counts the rows in which the clip changed a probability that enters the value, `renormalised` those whose probabilities
    did not sum to exactly 1, and `max_sum_error` is the largest distance of such a sum from 1.
    """

    largest = frozenset({"max_sum_error"})

    clipped: Array
    renormalised: Array
    max_sum_error: Array


@dataclass(frozen=True, slots=True, eq=False)
class CellCounts(State):
    """The state of metrics that count: cells to whose numbers the metric gives a meaning."""

    cells: Cells

    def measured(self, function: Callable[[Array], Array]) -> Array:
        """`function` of the dense cells, shape (groups, ...), with NaN for groups that nothing fell into."""
        values = np.array(function(self.cells.dense()), dtype=np.float64)
        values[self.cells.unmeasured()] = np.nan
        return values


@dataclass(frozen=True, slots=True, eq=False)
class Crosstab(State):
    """A confusion matrix of as many classes as turn up: pairs of classes as cells, and the number of classes of every group."""

    largest = frozenset({"classes"})

    cells: Cells
    classes: Array
