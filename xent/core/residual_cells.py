"""Residuals by prediction, in cells that are as fine as a bounded number of them can be.

A float64 and its neighbours have bits in common from the left on, once these are turned so that they ascend with the numbers: a cell is all
numbers with the same first bits. Every group of rows starts with all 64, so with a cell for each distinct prediction. When these are more
than `MOST_CELLS`, every cell gives up its last bit, until they are not. How many bits that takes is a property of the set of predictions:
neither chunks nor merges nor the order of rows can change it. Sums are exact, so the cells merge to the bit, in memory that does not
grow with the rows. Cells are fine where predictions are, whatever they are far from: years lie apart, and so do a millionth and a million.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from xent.core import derived
from xent.core.cells import spread
from xent.core.errors import DataError
from xent.core.exact import ExactSum
from xent.core.groups import Groups, regrouped
from xent.core.lazy import np
from xent.core.losses.regression import errors
from xent.core.states import State

if TYPE_CHECKING:
    import numpy.typing as npt

    from xent.core.arrays import Array
    from xent.core.batch import Batch

    Keys = npt.NDArray[np.uint64]

MOST_CELLS = 4096
"""So many cells a group of rows has at most."""

_BITS = 64
_SIGN, _ALL = 1 << 63, (1 << 64) - 1


@dataclass(frozen=True, slots=True, eq=False)
class ResidualCells(State):
    """The cells of every group, in ascending order of group and prediction.

    Attributes
    ----------
    group, key : which group a cell belongs to, and the bits of its predictions, those that were given up being 0
    sums : of every cell the sums of w, w p, w (y - p) and w (y - p)²
    level : how many bits the cells of each group gave up
    missing : of each group how many values have a prediction, a residual or a weight that is not finite
    """

    group: Array
    key: Keys
    sums: tuple[ExactSum, ...]
    level: Array
    missing: Array

    def merge(self, other: Self) -> Self:
        if type(self) is not type(other) or len(self.level) != len(other.level):
            raise DataError("cannot merge states of unlike shapes: they have other numbers of groups")
        return self._in_cells(
            np.concatenate([self.group, other.group]),
            np.concatenate([self.key, other.key]),
            tuple(mine.beside(theirs) for mine, theirs in zip(self.sums, other.sums, strict=True)),
            np.maximum(self.level, other.level),
            self.missing + other.missing,
        )

    @classmethod
    def _in_cells(cls, group: Array, key: Keys, sums: tuple[ExactSum, ...], level: Array, missing: Array) -> Self:
        """The cells of entries in any order, as fine as can be from a level on."""
        if not len(key):
            return cls(group, key, sums, level, missing)
        order = np.lexsort((key, group))
        group, key = group[order], key[order]
        level = _level_of(group, key, level)
        key = _cut(key, level[group])
        starts = np.flatnonzero(_differ(group, key))
        return cls(group[starts], key[starts], tuple(total.at(order).added_up(starts) for total in sums), level, missing)

    def take(self, group: int, count: int = 1) -> Self:
        at, groups = slice(*np.searchsorted(self.group, [group, group + count])), slice(group, group + count)
        sums = tuple(total.at(at) for total in self.sums)
        return type(self)(self.group[at] - group, self.key[at], sums, self.level[groups], self.missing[groups])

    def regrouped(self, places: Array, count: int) -> Self:
        level, missing = regrouped(self.level, places, count, largest=True), regrouped(self.missing, places, count)
        return self._in_cells(places[self.group], self.key, self.sums, level, missing)

    def to_json(self) -> dict[str, Any]:
        plain = {name: getattr(self, name).tolist() for name in ("group", "key", "level", "missing")}
        return {**plain, "sums": [total.to_json() for total in self.sums]}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Self:
        group, level, missing = (np.array(plain[name], dtype=np.int64) for name in ("group", "level", "missing"))
        sums = tuple(ExactSum.from_json(total) for total in plain["sums"])
        return cls(group, np.array(plain["key"], dtype=np.uint64), sums, level, missing)

    def ends(self) -> tuple[Array, Array]:
        """The smallest and the largest number of every cell; where no bit was given up, that is the one prediction in it."""
        given_up = self.level[self.group].astype(np.uint64)
        # All numbers of a group of one cell would end in infinities and what is no number.
        first, last = _keys(np.array([-np.finfo(np.float64).max, np.finfo(np.float64).max]))
        low, high = (np.clip(key, first, last) for key in (self.key, self.key | _low_bits(given_up)))
        return _numbers(low), _numbers(high)


def residual_cells(batch: Batch) -> ResidualCells:
    """The cells of a batch, whose residuals are y - p; of rows with several outputs each value counts by itself."""
    residual = -batch.derive(errors)
    weight = None if batch.sample_weight is None else spread(batch.sample_weight, residual.shape).reshape(-1).astype(np.float64)
    groups = batch.groups or Groups(np.zeros(len(batch), dtype=np.intp), 1)
    group: Array = np.repeat(groups.codes, residual.size // max(1, len(batch)))
    # Adding 0.0 makes one zero of the two.
    prediction, residual = (values.reshape(-1) + np.float64(0.0) for values in (batch.derive(derived.predictions), residual))
    with np.errstate(over="ignore"):
        square = np.square(residual)
    counted: Array = np.ones(len(group), dtype=bool) if weight is None else weight != 0.0
    found = np.isfinite(prediction) & np.isfinite(square) & (True if weight is None else np.isfinite(weight))
    missing = np.bincount(group[counted & ~found], minlength=groups.count).astype(np.int64)
    if not (counted & found).all():
        kept = counted & found
        group, prediction, residual, square = (values[kept] for values in (group, prediction, residual, square))
        weight = None if weight is None else weight[kept]
    key = _keys(prediction)
    order = key.argsort() if groups.count == 1 else np.lexsort((key, group))
    group, key = group[order], key[order]
    level = _level_of(group, key, np.zeros(groups.count, dtype=np.int64))
    key = _cut(key, level[group])
    new = _differ(group, key)
    cell = np.empty(len(key), dtype=np.intp)
    cell[order] = np.cumsum(new) - 1
    starts = np.flatnonzero(new)
    cells = Groups(cell, len(starts))
    terms = [prediction, residual, square] if weight is None else [weight, *(weight * values for values in (prediction, residual, square))]
    sums = [ExactSum.of(values, cells) if len(starts) else ExactSum.zero(0) for values in terms]
    counts = [ExactSum.of_integers(cells.sizes())] if weight is None else []
    return ResidualCells(group[starts], key[starts], (*counts, *sums), level, missing)


def _level_of(group: Array, key: Keys, least: Array) -> Array:
    """How many bits each group has to give up, at least `least`, for its cells to be no more than `MOST_CELLS`; keys ascend in groups.

    Two keys are in one cell once all bits from the first on in which they differ are given up. So it is enough to count, for every number
    of bits, the neighbours that differ first in that one.
    """
    differ = key[1:] ^ key[:-1]
    # No two bits in a row are left, so that rounding to float64 cannot reach the next power of two.
    _, bits = np.frexp((differ & ~(differ >> np.uint64(1))).astype(np.float64))
    same = group[1:] == group[:-1]
    neighbours = np.bincount(group[1:][same] * (_BITS + 1) + bits[same], minlength=len(least) * (_BITS + 1)).reshape(len(least), _BITS + 1)
    # With so many bits given up: the neighbours that differ in a later one, and the first cell.
    cells = 1 + neighbours.sum(axis=1, keepdims=True) - np.cumsum(neighbours, axis=1)
    return np.asarray(np.maximum(least, np.argmax(cells <= MOST_CELLS, axis=1)))


def _differ(group: Array, key: Keys) -> Array:
    """Where a cell differs from the one before."""
    new = np.ones(len(key), dtype=bool)
    new[1:] = (key[1:] != key[:-1]) | (group[1:] != group[:-1])
    return new


def _cut(key: Keys, level: Array) -> Keys:
    """The keys with so many of their last bits 0."""
    return np.asarray(key & ~_low_bits(level.astype(np.uint64)))


def _low_bits(count: Keys) -> Keys:
    """So many ones; a shift by all 64 bits is not defined."""
    return np.where(count >= _BITS, np.uint64(_ALL), (np.uint64(1) << np.minimum(count, np.uint64(_BITS - 1))) - np.uint64(1))


def _keys(values: Array) -> Keys:
    """The bits of float64s as integers of the same order.

    >>> values = np.array([-np.inf, -2.0, -1e-300, 0.0, 1e-300, 1.0, np.inf])
    >>> (np.diff(_keys(values).astype(np.float64)) > 0).all().item(), (_numbers(_keys(values)) == values).all().item()
    (True, True)
    """
    bits = values.view(np.uint64)
    return np.asarray(bits ^ np.where(bits >= np.uint64(_SIGN), np.uint64(_ALL), np.uint64(_SIGN)))


def _numbers(keys: Keys) -> Array:
    """The float64s that `_keys` was given."""
    return np.asarray((keys ^ np.where(keys >= np.uint64(_SIGN), np.uint64(_SIGN), np.uint64(_ALL))).view(np.float64))
