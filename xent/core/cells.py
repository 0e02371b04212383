"""Counts and exact weights in numbered cells: what confusion matrices and histograms of scores are made of.

Only cells that some row fell into are kept, sorted by number, so a matrix over a thousand classes or a histogram for each of a thousand
slices costs what it holds. Unweighted rows are counted as integers and weights are added exactly, so cells merge without rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from xent.core.errors import DataError
from xent.core.exact import ExactSum, adds_up_in_small_steps
from xent.core.groups import Groups, regrouped, sum_of_others
from xent.core.lazy import np

if TYPE_CHECKING:
    from xent.core.arrays import Array
    from xent.core.batch import Batch

_UNIT = 1 << 1074
"""What one unweighted row counts where weights are integers, in multiples of 2**-1074."""

_FEW = 512
"""Up to so many cells rows are added to a table with a place for each; and up to as many cells as rows, if each place is a small number."""

_MOST_WAITING = 1 << 19
"""So many weighted rows wait before they are added to cells, where cells are many: exact sums are Python integers, and adding to as many of
them as there are rows costs more than all else."""

_DENSE = 4096
"""Up to so many cells are counted in a table with a place for each, whatever the number of rows."""


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """Cells in ascending order of their numbers, each once, with what fell into them."""

    codes: Array
    counts: Array
    weights: ExactSum | None

    @classmethod
    def of(cls, codes: Array, span: int, weights: Array | None) -> Run:
        """The cells that `codes`, shape (m,), all below `span`, fall into."""
        if span <= max(_DENSE, 4 * len(codes)):
            table = np.bincount(codes, minlength=1)
            found = np.flatnonzero(table)
            counts = table[found]
            places = np.zeros(len(table), dtype=np.intp)
            places[found] = np.arange(len(found))
            places = places if weights is None else places[codes]
        else:
            found, places, counts = np.unique(codes, return_inverse=True, return_counts=True)
        if weights is None:
            return cls(found, counts, None)
        return cls(found, np.zeros(len(found), dtype=np.int64), ExactSum.of(weights, Groups(places, len(found))))

    def __len__(self) -> int:
        return len(self.codes)

    def merge(self, other: Run) -> Run:
        """The cells of both."""
        weighted = self.weights is not None or other.weights is not None
        mine, theirs = self._weights(), other._weights()
        if len(self) == len(other) and (self.codes == other.codes).all():
            return Run(self.codes, self.counts + other.counts, mine + theirs if weighted else None)
        weights = mine.beside(theirs) if weighted else None
        return Run(np.concatenate([self.codes, other.codes]), np.concatenate([self.counts, other.counts]), weights).in_order()

    def in_order(self) -> Run:
        """The cells in ascending order, those of one number added up."""
        order = self.codes.argsort(kind="stable")
        codes = self.codes[order]
        starts = np.flatnonzero(np.diff(codes, prepend=-1))
        weights = None if self.weights is None else self.weights.at(order).added_up(starts)
        return Run(codes[starts], np.add.reduceat(self.counts[order], starts), weights)

    def _weights(self) -> ExactSum:
        return ExactSum.zero(len(self)) if self.weights is None else self.weights

    def at(self, part: slice, first: int) -> Run:
        """Some of the cells, numbered from `first`."""
        return Run(self.codes[part] - first, self.counts[part], None if self.weights is None else self.weights.at(part))

    def amounts(self) -> Array:
        """What the cells hold as exact integers: rows, or multiples of 2**-1074 where there are weights."""
        return self.counts if self.weights is None else self.counts.astype(object) * _UNIT + self.weights.units

    def not_finite(self) -> Array:
        """Which cells hold a weight that is NaN or infinite."""
        weights = self.weights
        if weights is None:
            return np.zeros(len(self), dtype=bool)
        return np.asarray((weights.nan + weights.inf + weights.minus_inf) > 0)


class Waiting(NamedTuple):
    """Weighted rows that are in no run yet: the number of the cell of each, and its weight."""

    codes: Array
    weights: Array


class Table(NamedTuple):
    """A place for each cell: how many rows fell into it that count one each, the weight of the others, and whether any row did."""

    counts: Array
    weights: ExactSum | None
    found: Array

    @classmethod
    def of(cls, codes: Array, span: int, weights: Array | None) -> Table:
        """The table of rows in cells below `span`."""
        if weights is None:
            counts = np.bincount(codes, minlength=span)
            return cls(counts, None, counts != 0)
        sums = ExactSum.of(weights, Groups(codes, span))
        # Weights above 0 show by themselves which cells there are.
        found = sums.differ_from_zero() if np.minimum.reduce(weights) > 0.0 else np.bincount(codes, minlength=span) != 0
        return cls(np.zeros(span, dtype=np.int64), sums, found)

    def merge(self, other: Table) -> Table:
        """The table of the rows of both."""
        weights = self.weights or other.weights
        if self.weights is not None and other.weights is not None:
            weights = self.weights + other.weights
        return Table(self.counts + other.counts, weights, self.found | other.found)

    def moved(self, cells: Array, span: int) -> Table:
        """The table with other numbers, `cells`, for its cells; equal ones are put together."""
        found = np.zeros(span, dtype=bool)
        found[cells[self.found]] = True
        return Table(regrouped(self.counts, cells, span), None if self.weights is None else self.weights.regrouped(cells, span), found)

    def run(self) -> Run:
        """The same without the cells that nothing fell into."""
        codes = np.flatnonzero(self.found)
        return Run(codes, self.counts[codes], None if self.weights is None else self.weights.at(codes))


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """What fell into each of `size` cells of each of `groups` groups.

    >>> cells = Cells.of(np.array([0, 2, 2]), 3, np.array([0.5, 1.0, 0.25])) + Cells.of(np.array([1]), 3)
    >>> to_float(cells.dense()).tolist()
    [[0.5, 1.0, 1.25]]
    """

    size: int
    groups: int = 1
    runs: tuple[Run, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    table: Table | None = None
    _compacted: list[Run] = field(default_factory=list, repr=False)

    @classmethod
    def of(cls, codes: Array, size: int, weights: Array | None = None, groups: Groups | None = None) -> Cells:
        """The cells that `codes`, shape (m,), fall into; `groups` has a code for each of them."""
        count = 1 if groups is None else groups.count
        codes = codes.astype(np.int64, copy=False)
        if groups is not None:
            codes = codes + groups.codes * size
        if not len(codes):
            return cls(size, count)
        span = size * count
        if span <= _FEW or (span <= len(codes) and (weights is None or adds_up_in_small_steps(weights))):
            return cls(size, count, table=Table.of(codes, span, weights))
        if weights is None:
            return cls(size, count, (Run.of(codes, span, None),))
        # Adding 0.0 makes an array that does not hold on to the chunk it is a part of.
        return cls(size, count, waiting=(Waiting(codes, weights + 0.0),))

    def __add__(self, other: Cells) -> Cells:
        if (self.size, self.groups) != (other.size, other.groups):
            raise DataError(f"cannot merge {self.groups} x {self.size} cells and {other.groups} x {other.size}")
        table = self.table or other.table
        if self.table is not None and other.table is not None:
            table = self.table.merge(other.table)
        merged = Cells(self.size, self.groups, _cascaded(self.runs, other.runs), self.waiting + other.waiting, table)
        return merged.settled() if sum(len(rows.codes) for rows in merged.waiting) >= _MOST_WAITING else merged

    def settled(self) -> Cells:
        """The same with all rows in runs."""
        runs = self._all_runs()
        if self.waiting:
            codes, weights = (np.concatenate(parts) for parts in zip(*self.waiting, strict=True))
            runs = _cascaded(runs, (Run.of(codes, self.size * self.groups, weights),))
        return Cells(self.size, self.groups, runs)

    def compact(self) -> Run:
        """All cells as one run, made once; cell c of group g has the number g size + c."""
        if not self._compacted:
            *runs, run = self.settled().runs or (Run(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), None),)
            for other in reversed(runs):
                run = run.merge(other)
            self._compacted.append(run)
        return self._compacted[0]

    def moved(self, places: Array, size: int) -> Cells:
        """Other cells, `size` of them: what fell into cell c falls into each of `places[c]`, where `places` has shape (size, m).

        >>> to_float(Cells.of(np.array([0, 1, 1]), 2).moved(np.array([[0, 2], [1, 2]]), 3).dense()).tolist()
        [[1.0, 2.0, 3.0]]
        """
        run = self.compact()
        group, cell = np.divmod(run.codes, self.size)
        codes = group[:, None] * size + places[cell]
        each = np.repeat(np.arange(len(run)), places.shape[1])
        weights = None if run.weights is None else run.weights.at(each)
        return Cells(size, self.groups, (Run(codes.reshape(-1), run.counts[each], weights).in_order(),) if len(run) else ())

    def take(self, group: int, count: int = 1) -> Cells:
        """The cells of one group alone, or of `count` groups from that one on."""
        run = self.compact()
        start, stop = np.searchsorted(run.codes, [group * self.size, (group + count) * self.size])
        return Cells(self.size, count, (run.at(slice(start, stop), group * self.size),) if stop > start else ())

    def distinct(self) -> int:
        """How many of the cells of a group some row of any group fell into."""
        return len(np.unique(self.compact().codes % max(1, self.size)))

    def left_out(self, groups: int) -> Cells:
        """For every group the cells of all others."""
        run = self.compact()
        group, cell = np.divmod(run.codes, self.size)
        found, places = np.unique(cell, return_inverse=True)

        def others(amounts: Array) -> Array:
            table = np.zeros((groups, len(found)), dtype=amounts.dtype)
            table[group, places] = amounts
            return sum_of_others(table, groups).reshape(-1)

        codes = (np.arange(groups)[:, None] * self.size + found).reshape(-1)
        # A cell that none of the others fell into is not there.
        kept = np.flatnonzero(others(np.ones(len(run), dtype=np.int64)))
        weights = None
        if run.weights is not None:
            weights = run.weights.regrouped(group * len(found) + places, len(codes)).left_out(groups).at(kept)
        left = Run(codes[kept], others(run.counts)[kept], weights)
        if not left.not_finite().any():
            # Rounded once. Nothing is added to these any more, and quotients of floats cost a fraction of those of long integers.
            left = Run(left.codes, to_float(left.amounts()), None)
        return Cells(self.size, groups, (left,) if len(kept) else ())

    def regrouped(self, places: Array, count: int) -> Cells:
        """The cells of other groups: group g is a part of group `places[g]` of `count`."""

        def moved(codes: Array) -> Array:
            group, cell = np.divmod(codes, max(1, self.size))
            return np.asarray(places[group] * self.size + cell)

        runs = tuple(Run(moved(run.codes), run.counts, run.weights).in_order() for run in self.runs)
        waiting = tuple(Waiting(moved(rows.codes), rows.weights) for rows in self.waiting)
        table = None if self.table is None else self.table.moved(moved(np.arange(self.groups * self.size)), count * self.size)
        return Cells(self.size, count, runs, waiting, table)

    def renumbered(self, number: Callable[[Array], Array], size: int) -> Cells:
        """Other cells, `size` of them: what fell into cell c falls into `number(c)`, which ascends with c."""

        def moved(codes: Array) -> Array:
            group, cell = np.divmod(codes, max(1, self.size))
            return np.asarray(group * size + number(cell))

        runs = tuple(Run(moved(run.codes), run.counts, run.weights) for run in self._all_runs())
        return Cells(size, self.groups, runs, tuple(Waiting(moved(rows.codes), rows.weights) for rows in self.waiting))

    def _all_runs(self) -> tuple[Run, ...]:
        return self.runs if self.table is None else _cascaded(self.runs, (self.table.run(),))

    def dense(self) -> Array:
        """What every cell holds, shape (groups, size), as `Run.amounts` counts it."""
        run = self.compact()
        amounts = run.amounts()
        table = np.zeros(self.groups * self.size, dtype=amounts.dtype)
        table[run.codes] = amounts
        return table.reshape(self.groups, self.size)

    def unmeasured(self) -> Array:
        """The groups that have no number, shape (groups,): nothing fell into them, or a weight that is NaN or infinite did."""
        run = self.compact()
        group = run.codes // self.size
        unmeasured = np.ones(self.groups, dtype=bool)
        unmeasured[group] = False
        unmeasured[group[run.not_finite()]] = True
        return unmeasured

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        run = self.compact()
        plain = {"size": self.size, "groups": self.groups, "codes": run.codes.tolist()}
        if run.weights is None:
            return {**plain, "counts": run.counts.tolist(), "weights": None}
        # Whether a row was counted or had the weight 1.0 makes no difference to the value and shall make none to the file.
        weights = run.weights + ExactSum.of_integers(run.counts)
        return {**plain, "counts": [0] * len(run), "weights": weights.to_json()}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Cells:
        """The cells that `to_json` wrote."""
        weights = None if plain["weights"] is None else ExactSum.from_json(plain["weights"])
        run = Run(np.array(plain["codes"], dtype=np.int64), np.array(plain["counts"], dtype=np.int64), weights)
        return cls(plain["size"], plain["groups"], (run,) if len(run) else ())


def _cascaded(runs: tuple[Run, ...], more: tuple[Run, ...]) -> tuple[Run, ...]:
    """Runs with more of them, each at least twice as long as the next."""
    lasting = list(runs)
    for run in more:
        lasting.append(run)
        # Runs of like length are merged, so that every cell is moved a logarithmic number of times, however many batches there are.
        while len(lasting) > 1 and len(lasting[-2]) <= 2 * len(lasting[-1]):
            lasting[-2:] = [lasting[-2].merge(lasting[-1])]
    return tuple(lasting)


def cells_of(batch: Batch, codes: Array, size: int, shares: Array | None = None, kept: Array | None = None) -> Cells:
    """The cells of the elements of a batch; `codes` has shape (n, ...).

    Of the same shape are `shares`, which multiply the weights, and `kept`, which tells the elements that fall into a cell at all.
    """
    weights = shares
    if batch.sample_weight is not None:
        weights = spread(batch.sample_weight, codes.shape)
        weights = weights if shares is None else weights * shares
    groups = batch.groups
    if groups is not None and codes.ndim > 1:
        groups = Groups(np.repeat(groups.codes, codes.size // max(1, len(codes))), groups.count)
    codes = codes.reshape(-1)
    weights = None if weights is None else weights.reshape(-1)
    if kept is not None:
        kept = kept.reshape(-1)
        codes = codes[kept]
        weights = None if weights is None else weights[kept]
        groups = None if groups is None else groups.at(kept)
    return Cells.of(codes, size, weights, groups)


def spread(sample_weight: Array, shape: tuple[int, ...]) -> Array:
    """Weights for elements of a shape: those of fewer axes hold for all of the surplus ones.

    Raises
    ------
    DataError
        They cannot be broadcast to it.

    >>> spread(np.array([1.0, 2.0]), (2, 2)).tolist()
    [[1.0, 1.0], [2.0, 2.0]]
    """
    weight = sample_weight
    if weight.shape == shape:
        return weight
    if weight.ndim == len(shape) + 1 and weight.shape[-1] == 1:
        weight = weight[..., 0]
    try:
        return np.broadcast_to(weight.reshape(weight.shape + (1,) * (len(shape) - weight.ndim)), shape)
    except ValueError:
        message = f"sample_weight cannot be broadcast: values of shape {shape} and weights of shape {sample_weight.shape}"
        raise DataError(message) from None


def ratio(numerator: Array, denominator: Array) -> Array:
    """The quotients of amounts, each rounded once; 0 where the denominator is 0.

    >>> ratio(np.array([1, 1]), np.array([3, 0])).tolist()
    [0.3333333333333333, 0.0]
    """
    if object in (numerator.dtype, denominator.dtype):
        return np.asarray(np.frompyfunc(_quotient, 2, 1)(numerator, denominator)).astype(np.float64)
    result = np.zeros(np.broadcast_shapes(numerator.shape, denominator.shape))
    return np.divide(numerator, denominator, out=result, where=denominator != 0)


def _quotient(numerator: int, denominator: int) -> float:
    if denominator == 0:
        return 0.0
    try:
        return int(numerator) / int(denominator)
    except OverflowError:
        return float("inf") if (numerator > 0) == (denominator > 0) else float("-inf")


def to_float(amounts: Array) -> Array:
    """Amounts as float64, each rounded once."""
    if amounts.dtype != object:
        return amounts.astype(np.float64, order="C")
    return ratio(amounts, np.array(_UNIT, dtype=object))
