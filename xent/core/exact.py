"""Sums that do not depend on the order, the chunking or the merging, because they are exact.

A float64 is an integer times a power of two, so a sum of float64s is an integer times 2**-1074, the smallest power that occurs.
`ExactSum` keeps that integer. Adding two of them is integer addition, which is associative; nothing is ever rounded until somebody
asks for a number, and then once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from xent.core.grids import BLOCK, UNIT, Block, step_of_all, steps_by_group, units_by_group, units_of_block
from xent.core.groups import Groups, regrouped, sum_of_others
from xent.core.lazy import np

if TYPE_CHECKING:
    import numpy.typing as npt

_FULL = 1 << 62
"""Sums below this, two of which an int64 holds, are added as such."""


class ExactSum:
    """The exact sums of float64 values, one a group.

    `units` holds Python integers, multiples of 2**-1074, in an object array with one entry a group; `nan`, `inf` and `minus_inf`
    count the values that no integer can hold. Sums by group are kept as int64 multiples of a larger unit while they fit, since adding
    hundreds of long integers costs more than all else.

    >>> total = ExactSum.of(np.array([1e16, 1.0, -1e16]))
    >>> float(total.to_float()[0])
    1.0
    >>> float((total + ExactSum.of(np.array([0.5]))).to_float()[0])
    1.5
    """

    __slots__ = ("_special", "_step", "_steps", "_units")

    def __init__(
        self,
        units: npt.NDArray[np.object_] | None,
        special: _Special | None = None,
        steps: npt.NDArray[np.int64] | None = None,
        step: int = 0,
    ) -> None:
        self._units = units
        self._special = special
        self._steps = steps
        self._step = step

    @classmethod
    def zero(cls, groups: int = 1) -> ExactSum:
        """The sum of nothing, the neutral element of `+`."""
        return cls.of_integers(np.zeros(groups, dtype=np.int64))

    @classmethod
    def of(cls, values: npt.NDArray[Any], groups: Groups | None = None) -> ExactSum:
        """The exact sum of `values`, shape (n,), in each of `groups` (all rows are one group where it is None)."""
        if groups is None or groups.count == 1:
            units, special = 0, None
            for start in range(0, len(values), BLOCK):
                block, found = _finite(values[start : start + BLOCK], None, 1)
                units += units_of_block(block)
                special = _both(special, found)
            return cls(_objects([units]), special)
        total = None
        for start in range(0, len(values), BLOCK):
            at = slice(start, start + BLOCK)
            block, found = _finite(values[at], groups.codes[at], groups.count)
            more = _sums_by_group(block, groups.codes[at], groups.count)
            more._special = found
            total = more if total is None else total + more
        return cls.zero(groups.count) if total is None else total

    @classmethod
    def of_moments(cls, weights: npt.NDArray[Any], values: npt.NDArray[Any], groups: Groups | None = None) -> tuple[ExactSum, ExactSum]:
        """The sums of w v and of w v², each product rounded to float64 once for every factor."""
        if groups is not None and groups.count > 1:
            first = weights * values
            return cls.of(first, groups), cls.of(first * values, groups)
        totals, products = [cls.zero(), cls.zero()], np.empty(min(BLOCK, len(values)))
        for start in range(0, len(values), BLOCK):
            factor, product = values[start : start + BLOCK], products[: len(values) - start]
            np.multiply(weights[start : start + BLOCK], factor, out=product)
            for power in (0, 1):
                if power:
                    product *= factor
                totals[power] = totals[power] + cls.of(product)
        return totals[0], totals[1]

    @classmethod
    def of_integers(cls, values: npt.NDArray[np.int64]) -> ExactSum:
        """One exact sum a group from integers, shape (groups,)."""
        return cls(None, None, values, 0)

    @property
    def units(self) -> npt.NDArray[np.object_]:
        """The sums in multiples of 2**-1074."""
        if self._units is None:
            assert self._steps is not None
            self._units = self._steps.astype(object) * (1 << (self._step - UNIT))
        return self._units

    @property
    def nan(self) -> npt.NDArray[np.int64]:
        """How many values are NaN."""
        return self._counts(0)

    @property
    def inf(self) -> npt.NDArray[np.int64]:
        """How many values are infinite and positive."""
        return self._counts(1)

    @property
    def minus_inf(self) -> npt.NDArray[np.int64]:
        """How many values are infinite and negative."""
        return self._counts(2)

    def _counts(self, kind: int) -> npt.NDArray[np.int64]:
        return np.zeros(len(self), dtype=np.int64) if self._special is None else self._special[kind]

    def _mapped(self, function: Callable[[npt.NDArray[Any]], npt.NDArray[Any]]) -> ExactSum:
        """The sums of other groups, from these by a function of one array that neither adds nor multiplies."""
        special = None if self._special is None else _Special(*map(function, self._special))
        if self._steps is not None:
            return ExactSum(None, special, function(self._steps), self._step)
        return ExactSum(function(self.units), special)

    def __add__(self, other: ExactSum) -> ExactSum:
        special = _both(self._special, other._special)
        step = min(self._step, other._step)
        if self._is_below(_FULL, step) and other._is_below(_FULL, step):
            return ExactSum(None, special, self._in_steps_of(step) + other._in_steps_of(step), step)
        return ExactSum(self.units + other.units, special)

    def __sub__(self, other: ExactSum) -> ExactSum:
        """Takes back values that were added before."""
        taken = None if other._special is None else _Special(*(-counts for counts in other._special))
        return ExactSum(self.units - other.units, _both(self._special, taken))

    def _is_below(self, limit: int, step: int) -> bool:
        """Whether all sums are so many times 2**step, as int64 holds them, and below a limit."""
        return self._steps is not None and int(np.maximum.reduce(np.abs(self._steps), initial=0)) < limit >> (self._step - step)

    def _in_steps_of(self, step: int) -> npt.NDArray[np.int64]:
        assert self._steps is not None
        return self._steps if step == self._step else self._steps << (self._step - step)

    def __len__(self) -> int:
        return len(self.units if self._steps is None else self._steps)

    def differ_from_zero(self) -> npt.NDArray[np.bool_]:
        """Which groups have a sum other than 0, or a value that is not finite."""
        differ: npt.NDArray[np.bool_] = (self.units if self._steps is None else self._steps) != 0
        return differ if self._special is None else differ | np.logical_or.reduce([counts != 0 for counts in self._special])

    def at(self, groups: slice | npt.NDArray[Any]) -> ExactSum:
        """The sums of some of the groups, in the order asked for."""
        return self._mapped(lambda part: part[groups])

    def beside(self, *others: ExactSum) -> ExactSum:
        """The sums of these groups, then those of others."""
        sums = (self, *others)
        joined = [np.concatenate([getattr(one, name) for one in sums]) for name in ("units", "nan", "inf", "minus_inf")]
        return ExactSum(joined[0], _Special(*joined[1:]))

    def added_up(self, starts: npt.NDArray[np.intp]) -> ExactSum:
        """The sums of stretches of groups, each from one of `starts` to the next."""
        special = None if self._special is None else _Special(*(np.add.reduceat(part, starts) for part in self._special))
        return ExactSum(np.add.reduceat(self.units, starts), special)

    def take(self, group: int, count: int = 1) -> ExactSum:
        """The sum of one group alone, or those of `count` groups from that one on."""
        return self.at(slice(group, group + count))

    def left_out(self, groups: int) -> ExactSum:
        """For every group the sums of all others; each of `groups` has as many sums, side by side."""
        special = None if self._special is None else _Special(*(sum_of_others(part, groups) for part in self._special))
        return ExactSum(sum_of_others(self.units, groups), special)

    def regrouped(self, places: npt.NDArray[np.intp], count: int) -> ExactSum:
        """The sums of other groups: group g is a part of group `places[g]` of `count`."""
        special = None if self._special is None else _Special(*(regrouped(part, places, count) for part in self._special))
        together = int(np.maximum.reduce(np.bincount(places), initial=1))
        if self._is_below(_FULL // together, self._step):
            assert self._steps is not None
            return ExactSum(None, special, regrouped(self._steps, places, count), self._step)
        return ExactSum(regrouped(self.units, places, count), special)

    def to_float(self) -> npt.NDArray[np.float64]:
        """The sums as float64, shape (groups,), each rounded once."""
        return _divide(self, ExactSum.of_integers(np.ones(len(self), dtype=np.int64)))

    def __truediv__(self, other: ExactSum) -> npt.NDArray[np.float64]:
        """The quotients of the exact sums as float64, shape (groups,), each rounded once; x/0 is NaN."""
        return _divide(self, other)

    def to_json(self) -> dict[str, list[Any]]:
        """Plain values: integers as decimal strings, which no reader of JSON rounds."""
        return {
            "units": [str(unit) for unit in self.units],
            "nan": self.nan.tolist(),
            "inf": self.inf.tolist(),
            "minus_inf": self.minus_inf.tolist(),
        }

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> ExactSum:
        """The sums that `to_json` wrote."""
        special = _Special(*(np.array(plain[key], dtype=np.int64) for key in _Special._fields))
        return cls(_objects([int(unit) for unit in plain["units"]]), special if any(map(np.any, special)) else None)


class _Special(NamedTuple):
    """How many values of each group are not finite."""

    nan: npt.NDArray[np.int64]
    inf: npt.NDArray[np.int64]
    minus_inf: npt.NDArray[np.int64]


def _both(one: _Special | None, other: _Special | None) -> _Special | None:
    if one is None or other is None:
        return other if one is None else one
    return _Special(*(mine + theirs for mine, theirs in zip(one, other, strict=True)))


def _objects(integers: list[int]) -> npt.NDArray[np.object_]:
    units = np.empty(len(integers), dtype=object)
    units[:] = integers
    return units


def _divide(numerator: ExactSum, denominator: ExactSum) -> npt.NDArray[np.float64]:
    pairs = zip(numerator.units.tolist(), denominator.units.tolist(), strict=True)
    result = np.array([_ratio(*pair) for pair in pairs], dtype=np.float64)
    if numerator._special is None and denominator._special is None:
        return result
    # What NaNs and infinities make of the quotient.
    up, down = numerator.inf > 0, numerator.minus_inf > 0
    result = np.where(up | down, np.where(up == (denominator.units > 0), np.inf, -np.inf), result)
    has_none = (up & down) | (denominator.units == 0)
    for counts in (numerator.nan, denominator.nan, denominator.inf, denominator.minus_inf):
        has_none |= counts != 0
    result[has_none] = np.nan
    return result


def _ratio(numerator: int, denominator: int) -> float:
    if denominator == 0:
        return math.nan
    try:
        return numerator / denominator  # Python divides integers with one correct rounding, however long they are.
    except OverflowError:
        return math.inf if (numerator > 0) == (denominator > 0) else -math.inf


def _finite(values: npt.NDArray[Any], codes: npt.NDArray[np.intp] | None, groups: int) -> tuple[Block, _Special | None]:
    """The values, with zeros for those that are not finite, and how many of these there are in each group."""
    block = Block.of(values)
    if block.is_finite():
        return block, None
    values = np.asarray(values, dtype=np.float64)
    found = (np.isnan(values), values == np.inf, values == -np.inf)
    if codes is None:
        special = _Special(*(np.array([np.count_nonzero(kind)], dtype=np.int64) for kind in found))
    else:
        special = _Special(*(np.bincount(codes[kind], minlength=groups).astype(np.int64, copy=False) for kind in found))
    return Block.of(np.where(np.isfinite(values), values, 0.0)), special


def _sums_by_group(block: Block, codes: npt.NDArray[np.intp], groups: int) -> ExactSum:
    step = step_of_all(block)
    if step is None:
        return ExactSum(units_by_group(block, codes, groups))
    return ExactSum(None, None, steps_by_group(block.values, codes, step, groups), step)


def adds_up_in_small_steps(values: npt.NDArray[Any]) -> bool:
    """Whether sums by group of these values are small multiples of one step, which cost little whatever the number of groups."""
    block = Block.of(values)
    return block.is_finite() and step_of_all(block) is not None
