"""The exact distribution of scores by label, which the areas under exact curves are computed from.

A table keeps every distinct score once, in ascending order, with the number of rows that have it; with weights, every distinct pair of
score and weight. Nothing is added up before the end, so tables merge exactly. Rows are gathered as they come and sorted only when there
are as many new ones as old ones, which makes the work of sorting a small multiple of one sort of everything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from xent.core.errors import DataError
from xent.core.groups import regrouped
from xent.core.lazy import np
from xent.core.states import State

if TYPE_CHECKING:
    from xent.core.arrays import Array

_GATHERED = 1 << 20
"""Rows that are gathered before they are sorted for the first time."""

_SIGN, _ALL = 1 << 31, (1 << 32) - 1
"""The sign bit of a float32, and all of its bits."""


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Distinct scores, or pairs of score and weight, in ascending order, with the number of rows of each."""

    scores: Array
    weights: Array | None
    counts: Array

    @classmethod
    def of(cls, scores: Array, weights: Array | None) -> Table:
        """The table of some rows in any order."""
        if weights is None:
            scores = np.sort(scores)
            starts = np.flatnonzero(_new(scores))
            return cls(scores[starts], None, _small(np.diff(starts, append=len(scores))))
        if scores.dtype == weights.dtype == np.float32:
            keys = np.sort(_ordered_bits(scores).astype(np.uint64) << np.uint64(32) | _ordered_bits(weights))
            starts = np.flatnonzero(_new(keys))
            counts = np.diff(starts, append=len(keys))
            keys = keys[starts]
            high, low = (keys >> np.uint64(32)).astype(np.uint32), keys.astype(np.uint32)
            return cls(_from_ordered_bits(high), _from_ordered_bits(low), _small(counts))
        return _sorted(scores, weights, np.ones(len(scores), dtype=np.uint8), scores.argsort())

    def merge(self, *others: Table) -> Table:
        """The table of the rows of all of them."""
        if not others:
            return self
        tables = (self, *others)
        weights = None
        if any(table.weights is not None for table in tables):
            weights = np.concatenate([table.each_weight() for table in tables])
        scores, counts = (np.concatenate(each) for each in ([table.scores for table in tables], [table.counts for table in tables]))
        # Ascending runs after each other are what a stable sort merges fastest.
        return _sorted(scores, weights, counts, scores.argsort(kind="stable"))

    def each_weight(self) -> Array:
        """The weight of one row of each entry."""
        return np.ones(len(self.scores)) if self.weights is None else self.weights

    def amounts(self) -> Array:
        """What the rows of each entry weigh together: integers where there are no weights."""
        counts = self.counts.astype(np.int64)
        return counts if self.weights is None else counts * self.weights


def _new(*columns: Array) -> Array:
    """Where a row of sorted columns differs from the one before."""
    new = np.zeros(len(columns[0]), dtype=bool)
    new[:1] = True
    for column in columns:
        new[1:] |= column[1:] != column[:-1]
    return new


def _ordered_bits(values: Array) -> Array:
    """The bits of float32s that are not NaN as integers of the same order, so that NumPy can sort pairs of them as one number."""
    bits = values.view(np.uint32)
    return np.asarray(bits ^ np.where(bits >= _SIGN, np.uint32(_ALL), np.uint32(_SIGN)))


def _from_ordered_bits(bits: Array) -> Array:
    """The float32s that `_ordered_bits` was given."""
    return np.asarray((bits ^ np.where(bits >= _SIGN, np.uint32(_SIGN), np.uint32(_ALL))).view(np.float32))


def _sorted(scores: Array, weights: Array | None, counts: Array, order: Array) -> Table:
    """The table of entries, given an order in which their scores ascend."""
    scores, counts = scores[order], counts[order]
    if weights is None:
        new = _new(scores)
    else:
        weights = weights[order]
        equal = ~_new(scores)
        if equal.any():
            # Only rows of equal scores are still out of order, and those are few where scores are not coarse.
            equal[:-1] |= equal[1:]
            rows = np.flatnonzero(equal)
            ties = rows[np.lexsort((weights[rows], scores[rows]))]
            weights[rows], counts[rows] = weights[ties], counts[ties]
        new = _new(scores, weights)
    if new.all():
        return Table(scores, weights, counts)
    starts = np.flatnonzero(new)
    total = np.add.reduceat(counts, starts, dtype=np.int64)
    return Table(scores[starts], None if weights is None else weights[starts], _small(total))


def _small(counts: Array) -> Array:
    """Counts in the smallest type that holds them."""
    return counts.astype(np.min_scalar_type(int(counts.max(initial=0))), copy=False)


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """Rows as they came: the cell, the score and, if there are weights, the weight of each."""

    cells: Array
    scores: Array
    weights: Array | None


def _rows_by_cell(cells: Array) -> Iterator[tuple[int, Array]]:
    """Every cell that occurs, with the numbers of its rows."""
    sizes = np.bincount(cells)
    if len(sizes) <= 2:
        yield from ((cell, np.flatnonzero(cells == cell)) for cell in np.flatnonzero(sizes).tolist())
        return
    order = cells.argsort(kind="stable")
    ends = np.cumsum(sizes)
    yield from ((cell, order[ends[cell] - sizes[cell] : ends[cell]]) for cell in np.flatnonzero(sizes).tolist())


@dataclass(frozen=True, slots=True, eq=False)
class ScoreTables(State):
    """A table of scores for each of `size` cells of each of `groups` groups.

    `gathered` are rows that are not in the tables yet, and `missing` counts those of each group whose score or weight is NaN.
    """

    size: int
    groups: int
    tables: Mapping[int, Table]
    gathered: tuple[Gathered, ...]
    missing: Array
    _compacted: list[ScoreTables] = field(default_factory=list, repr=False)

    @classmethod
    def of(cls, cells: Array, scores: Array, weights: Array | None, size: int, groups: int) -> ScoreTables:
        """The tables of some rows; `cells`, shape (m,), are numbered group times `size` plus cell."""
        lost = np.isnan(scores) if weights is None else np.isnan(scores) | ~np.isfinite(weights)
        missing = np.zeros(groups, dtype=np.int64)
        if lost.any():
            missing += np.bincount(cells[lost] // size, minlength=groups)
            kept = ~lost
            cells, scores, weights = cells[kept], scores[kept], None if weights is None else weights[kept]
        # Adding 0.0 makes one zero of the two, and an array that does not hold on to the chunk it is a part of.
        rows = Gathered(
            cells.astype(np.min_scalar_type(size * groups)), scores + scores.dtype.type(0), None if weights is None else weights + 0.0
        )
        return cls(size, groups, {}, (rows,) if len(cells) else (), missing)

    def merge(self, other: ScoreTables) -> ScoreTables:
        if type(self) is not type(other) or (self.size, self.groups) != (other.size, other.groups):
            raise DataError("cannot merge states of unlike shapes: the predictions have other numbers of columns")
        tables = dict(self.tables)
        for cell, table in other.tables.items():
            tables[cell] = tables[cell].merge(table) if cell in tables else table
        merged = ScoreTables(self.size, self.groups, tables, self.gathered + other.gathered, self.missing + other.missing)
        waiting = sum(len(rows.cells) for rows in merged.gathered)
        return merged.compact() if waiting >= max(_GATHERED, sum(len(table.scores) for table in tables.values())) else merged

    def compact(self) -> ScoreTables:
        """The same with all rows in tables, made once."""
        if not self.gathered:
            return self
        if not self._compacted:
            self._compacted.append(self._with_tables())
        return self._compacted[0]

    def _with_tables(self) -> ScoreTables:
        cells = np.concatenate([rows.cells for rows in self.gathered])
        scores = np.concatenate([rows.scores for rows in self.gathered])
        weights = None
        if any(rows.weights is not None for rows in self.gathered):
            weights = np.concatenate([np.ones(len(rows.cells)) if rows.weights is None else rows.weights for rows in self.gathered])
        tables = dict(self.tables)
        for cell, rows in _rows_by_cell(cells):
            table = Table.of(scores[rows], None if weights is None else weights[rows])
            tables[cell] = tables[cell].merge(table) if cell in tables else table
        return ScoreTables(self.size, self.groups, dict(sorted(tables.items())), (), self.missing)

    def regrouped(self, places: Array, count: int) -> ScoreTables:
        def moved(cells: Array) -> Array:
            return np.asarray(places[cells // self.size] * self.size + cells % self.size)

        together: dict[int, list[Table]] = {}
        for cell, table in self.tables.items():
            together.setdefault(int(places[cell // self.size]) * self.size + cell % self.size, []).append(table)
        # All at once: the total of a thousand slices, merged one by one, would be sorted as many times.
        tables = {cell: first.merge(*others) for cell, (first, *others) in sorted(together.items())}
        kind = np.min_scalar_type(self.size * count)
        gathered = tuple(Gathered(moved(rows.cells).astype(kind), rows.scores, rows.weights) for rows in self.gathered)
        return ScoreTables(self.size, count, tables, gathered, regrouped(self.missing, places, count))

    def take(self, group: int, count: int = 1) -> ScoreTables:
        first, last = group * self.size, (group + count) * self.size
        tables = {cell - first: table for cell, table in self.compact().tables.items() if first <= cell < last}
        return ScoreTables(self.size, count, tables, (), self.missing[group : group + count])

    def table(self, group: int, cell: int) -> Table:
        """The table of a cell of a group; only of a state whose rows are all in tables."""
        nothing = Table(np.zeros(0), None, np.zeros(0, dtype=np.int64))
        return self.tables.get(group * self.size + cell, nothing)

    def to_json(self) -> dict[str, Any]:
        tables = [
            {
                "cell": cell,
                "scores": table.scores.astype(np.float64).tolist(),
                "weights": None if table.weights is None else table.weights.tolist(),
                "counts": table.counts.tolist(),
            }
            for cell, table in sorted(self.compact().tables.items())
        ]
        return {"size": self.size, "groups": self.groups, "tables": tables, "missing": self.missing.tolist()}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> ScoreTables:
        tables = {
            table["cell"]: Table(
                np.array(table["scores"], dtype=np.float64),
                None if table["weights"] is None else np.array(table["weights"], dtype=np.float64),
                _small(np.array(table["counts"], dtype=np.int64)),
            )
            for table in plain["tables"]
        }
        return cls(plain["size"], plain["groups"], tables, (), np.array(plain["missing"], dtype=np.int64))


def area_under_roc(negative: Table, positive: Table) -> float:
    """The share of pairs of a positive and a negative in which the positive has the higher score; equal scores count half.

    NaN where there is no such pair.

    >>> float(area_under_roc(Table.of(np.array([0.1, 0.4]), None), Table.of(np.array([0.35, 0.8]), None)))
    0.75
    """
    ahead, behind = positive.amounts(), np.concatenate([[0], np.cumsum(negative.amounts())])
    below = behind[np.searchsorted(negative.scores, positive.scores, side="left")]
    upto = behind[np.searchsorted(negative.scores, positive.scores, side="right")]
    pairs = _exact(ahead.sum()) * _exact(behind[-1])
    if not pairs:
        return float("nan")
    if ahead.dtype.kind == behind.dtype.kind == "i" and 2 * pairs >= 2**63:
        ahead = ahead.astype(object)
    return float(_exact((ahead * (below + upto)).sum()) / (2 * pairs))


def average_precision(negative: Table, positive: Table) -> float:
    """Σ of precision times the growth of recall, over thresholds at every score from the highest down; 0 where nothing is positive."""
    found, mistaken = (np.concatenate([np.cumsum(table.amounts()[::-1])[::-1], [0]]) for table in (positive, negative))
    # Rows of one score and several weights are one threshold. Added up first, they give the bits of as many equal rows.
    starts = np.flatnonzero(_new(positive.scores))
    thresholds, amounts = positive.scores[starts], np.add.reduceat(positive.amounts(), starts)
    right = found[np.searchsorted(positive.scores, thresholds, side="left")]
    wrong = mistaken[np.searchsorted(negative.scores, thresholds, side="left")]
    chosen = right + wrong
    precision = np.divide(right, chosen, out=np.zeros(len(chosen)), where=chosen > 0)
    return float((precision * amounts).sum() / found[0]) if found[0] else 0.0


def _exact(value: Any) -> Any:
    """A NumPy scalar as a Python number, whose integers do not overflow."""
    return value.item() if isinstance(value, np.generic) else value
