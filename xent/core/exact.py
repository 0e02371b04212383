"""Sums that do not depend on the order, the chunking or the merging, because they are exact.

A float64 is an integer times a power of two, so a sum of float64s is an integer times 2**-1074, the smallest power that occurs.
`ExactSum` keeps that integer. Adding two of them is integer addition, which is associative; nothing is ever rounded until somebody
asks for a number, and then once.

The work is to get from a block of values to the integer quickly. Adding and subtracting a large constant splits every value on a
power-of-two grid: the part above the grid is a small multiple of the grid's step, which NumPy adds as int64 without rounding, and the
part below is left for a second, finer grid. Two grids hold 92 bits, so they take all of a block whose values differ by less than a
factor of 2**40; values smaller than that are left over, and go once more round. (The idea of splitting on a grid before summing is
that of Demmel and Nguyen, "Fast Reproducible Floating-Point Summation", ARITH 2013; keeping every grid makes it exact.)
"""

from __future__ import annotations

import math
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xent.core.groups import Groups, regrouped, sum_of_others
from xent.core.lazy import np

if TYPE_CHECKING:
    import numpy.typing as npt

_UNIT = -1074
"""Sums are kept as multiples of 2**_UNIT, the smallest positive float64."""

_BLOCK = 1 << 15
"""Values that are split on one grid; 2**15 of them, each below 2**46 steps, cannot overflow an int64."""

_BLOCKS_BY_GROUP = 32
"""Blocks whose sums by group are added as int64, each of at most 53 bits, before they are added to Python integers."""

_BITS = 46
"""Bits of a value that one grid takes."""

_SMALLEST_STEP = -1000
"""Below this exponent the constant that splits would leave float64's range; such blocks are added as Python integers."""

_BITS_OF_A_SUM = 53 - 15
"""Bits that the values of a block may have from the highest to the lowest for their plain sum in float64 to be exact: the sum of 2**15
of them has 15 more."""

_MANTISSA = {2: 11, 4: 24, 8: 53}
"""Bits of a floating-point number by its size in bytes."""

_LOCAL = threading.local()

_LARGEST = 970
"""Above this exponent the constant would overflow; such blocks too are added as Python integers."""


@dataclass(frozen=True, slots=True, eq=False)
class ExactSum:
    """The exact sums of float64 values, one a group.

    `units` holds Python integers, multiples of 2**-1074, in an object array with one entry a group; `nan`, `inf` and `minus_inf`
    count the values that no integer can hold.

    >>> total = ExactSum.of(np.array([1e16, 1.0, -1e16]))
    >>> float(total.to_float()[0])
    1.0
    >>> float((total + ExactSum.of(np.array([0.5]))).to_float()[0])
    1.5
    """

    units: npt.NDArray[np.object_]
    nan: npt.NDArray[np.int64]
    inf: npt.NDArray[np.int64]
    minus_inf: npt.NDArray[np.int64]

    @classmethod
    def zero(cls, groups: int = 1) -> ExactSum:
        """The sum of nothing, the neutral element of `+`."""
        units = np.zeros(groups, dtype=object)
        return cls(units, *(np.zeros(groups, dtype=np.int64) for _ in range(3)))

    @classmethod
    def of(cls, values: npt.NDArray[Any], groups: Groups | None = None) -> ExactSum:
        """The exact sum of `values`, shape (n,), in each of `groups` (all rows are one group where it is None)."""
        if groups is None or groups.count == 1:
            total = cls.zero()
            for start in range(0, len(values), _BLOCK):
                total.units[0] += _units_of_block(values[start : start + _BLOCK], total)
            return total
        total = cls.zero(groups.count)
        for start in range(0, len(values), _BLOCKS_BY_GROUP * _BLOCK):
            at = slice(start, start + _BLOCKS_BY_GROUP * _BLOCK)
            _add_by_group(values[at], groups.codes[at], total)
        return total

    @classmethod
    def of_integers(cls, values: npt.NDArray[np.int64]) -> ExactSum:
        """One exact sum a group from integers, shape (groups,)."""
        total = cls.zero(len(values))
        total.units[:] = [int(value) << -_UNIT for value in values]
        return total

    def __add__(self, other: ExactSum) -> ExactSum:
        return ExactSum(self.units + other.units, self.nan + other.nan, self.inf + other.inf, self.minus_inf + other.minus_inf)

    def __sub__(self, other: ExactSum) -> ExactSum:
        """Takes back values that were added before."""
        return ExactSum(self.units - other.units, self.nan - other.nan, self.inf - other.inf, self.minus_inf - other.minus_inf)

    def __len__(self) -> int:
        return len(self.units)

    def take(self, group: int, count: int = 1) -> ExactSum:
        """The sum of one group alone, or those of `count` groups from that one on."""
        at = slice(group, group + count)
        return ExactSum(self.units[at], self.nan[at], self.inf[at], self.minus_inf[at])

    def left_out(self, groups: int) -> ExactSum:
        """For every group the sums of all others; each of `groups` has as many sums, side by side."""
        return ExactSum(*(sum_of_others(part, groups) for part in (self.units, self.nan, self.inf, self.minus_inf)))

    def regrouped(self, places: npt.NDArray[np.intp], count: int) -> ExactSum:
        """The sums of other groups: group g is a part of group `places[g]` of `count`."""
        return ExactSum(*(regrouped(part, places, count) for part in (self.units, self.nan, self.inf, self.minus_inf)))

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
        units = np.array([int(unit) for unit in plain["units"]], dtype=object)
        return cls(units, *(np.array(plain[key], dtype=np.int64) for key in ("nan", "inf", "minus_inf")))


def _divide(numerator: ExactSum, denominator: ExactSum) -> npt.NDArray[np.float64]:
    result = np.empty(len(numerator))
    for group in range(len(numerator)):
        result[group] = _special(numerator, denominator, group)
        if result[group] == 0.0:
            result[group] = _ratio(numerator.units[group], denominator.units[group])
    return result


def _special(numerator: ExactSum, denominator: ExactSum, group: int) -> float:
    """What NaNs and infinities make of the quotient; 0.0 where there are none."""
    if numerator.nan[group] or denominator.nan[group] or denominator.inf[group] or denominator.minus_inf[group]:
        return math.nan
    up, down = numerator.inf[group] > 0, numerator.minus_inf[group] > 0
    if up and down:
        return math.nan
    if not (up or down):
        return 0.0
    if denominator.units[group] == 0:
        return math.nan
    return math.inf if up == (denominator.units[group] > 0) else -math.inf


def _ratio(numerator: int, denominator: int) -> float:
    if denominator == 0:
        return math.nan
    try:
        return numerator / denominator  # Python divides integers with one correct rounding, however long they are.
    except OverflowError:
        return math.inf if (numerator > 0) == (denominator > 0) else -math.inf


def _units_of_block(block: npt.NDArray[Any], total: ExactSum) -> int:
    """The sum in units of 2**_UNIT; values that are not finite are counted into the only group of `total` instead."""
    low, high = float(np.minimum.reduce(block)), float(np.maximum.reduce(block))
    if not (math.isfinite(low) and math.isfinite(high)):
        block = _count_not_finite(np.asarray(block, dtype=np.float64), None, total)
        low, high = float(np.minimum.reduce(block)), float(np.maximum.reduce(block))
    exponent, lowest_bit = math.frexp(max(high, -low))[1], _lowest_bit(block, low)
    if exponent - lowest_bit <= _BITS_OF_A_SUM:
        return _units_of_float(float(np.add.reduce(block, dtype=np.float64)))
    block = np.ascontiguousarray(block, dtype=np.float64)
    if exponent > _LARGEST:
        return _units_one_by_one(block)
    shifted, rest = _scratch(len(block))
    units, left, anything = 0, block, high != 0.0 or low != 0.0
    while anything:
        step = exponent - _BITS
        if step < _SMALLEST_STEP:
            return units + _units_one_by_one(left)
        last = step <= lowest_bit
        units += _split_off(left, step, shifted, None if last else rest) << (step - _UNIT)
        # What is left lies within half a step, so the next grid takes the next _BITS bits.
        left, exponent = rest, step
        anything = not last and bool(left.any())
    return units


def _lowest_bit(block: npt.NDArray[Any], low: float) -> float:
    """An exponent such that all values are multiples of that power of two: known for integers, and where no value is small or zero."""
    if block.dtype.kind != "f":
        return 0
    return math.frexp(low)[1] - _MANTISSA[block.dtype.itemsize] if low > 0.0 else -math.inf


def _units_of_float(value: float) -> int:
    mantissa, exponent = math.frexp(value)
    return int(math.ldexp(mantissa, 53)) << (exponent - 53 - _UNIT)


def _scratch(size: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Two arrays of the thread's own, used again for every block: fresh memory costs more than the arithmetic."""
    if not hasattr(_LOCAL, "arrays"):
        _LOCAL.arrays = np.empty(_BLOCK), np.empty(_BLOCK)
    shifted, rest = _LOCAL.arrays
    return shifted[:size], rest[:size]


def _split_off(values: npt.NDArray[np.float64], step: int, shifted: npt.NDArray[np.float64], rest: npt.NDArray[np.float64] | None) -> int:
    """How many times 2**step the values add up to, each rounded to a multiple of it; `rest` gets what the rounding left of each."""
    magic = math.ldexp(1.5, step + 52)
    np.add(values, magic, out=shifted)
    # Adding `magic` gives every value the same exponent, so the bits of the results count steps. Their sum wraps around 2**64, the
    # number of steps is far smaller than that, and modular arithmetic brings it back.
    wrapped = int(np.add.reduce(shifted.view(np.int64))) - len(values) * _bits_of(magic)
    if rest is not None:
        shifted -= magic
        np.subtract(values, shifted, out=rest)
    return (wrapped + 2**63) % 2**64 - 2**63


def _bits_of(value: float) -> int:
    return int.from_bytes(struct.pack("<d", value), "little", signed=True)


def _units_one_by_one(values: npt.NDArray[np.float64]) -> int:
    """The slow way, for the ends of float64's range."""
    units = 0
    for value in values.tolist():
        numerator, denominator = value.as_integer_ratio()
        units += numerator * ((1 << -_UNIT) // denominator)
    return units


def _count_not_finite(values: npt.NDArray[np.float64], codes: npt.NDArray[np.intp] | None, total: ExactSum) -> npt.NDArray[np.float64]:
    """Counts NaNs and infinities into `total` and returns the values with zeros in their places."""
    for found, counts in ((np.isnan(values), total.nan), (values == np.inf, total.inf), (values == -np.inf, total.minus_inf)):
        counts += np.count_nonzero(found) if codes is None else np.bincount(codes[found], minlength=len(counts))
    return np.where(np.isfinite(values), values, 0.0)


def _add_by_group(values: npt.NDArray[Any], codes: npt.NDArray[np.intp], total: ExactSum) -> None:
    """Adds to every group of `total` the values whose code names it."""
    low, high = float(np.minimum.reduce(values)), float(np.maximum.reduce(values))
    if not (math.isfinite(low) and math.isfinite(high)):
        values = _count_not_finite(np.asarray(values, dtype=np.float64), codes, total)
        low, high = float(np.minimum.reduce(values)), float(np.maximum.reduce(values))
    exponent, lowest_bit = math.frexp(max(high, -low))[1], _lowest_bit(values, low)
    values = np.asarray(values, dtype=np.float64)
    anything = high != 0.0 or low != 0.0
    while anything:
        # Multiples of a step are added as float64 by bincount, which is exact while a sum has no more than 53 bits.
        step = exponent - _BITS_OF_A_SUM
        if step < _SMALLEST_STEP or exponent > _LARGEST:
            for group in np.unique(codes[values != 0.0]):
                total.units[group] += _units_one_by_one(values[codes == group])
            return
        if step <= lowest_bit:
            multiples, anything = values, False
        else:
            magic = math.ldexp(1.5, step + 52)
            multiples = (values + magic) - magic
            values = values - multiples
            anything = bool(values.any())
        total.units[:] += _steps_by_group(multiples, codes, step, len(total)).astype(object) * (1 << (step - _UNIT))
        exponent = step


def _steps_by_group(multiples: npt.NDArray[np.float64], codes: npt.NDArray[np.intp], step: int, groups: int) -> npt.NDArray[np.int64]:
    """How many times 2**step the multiples of it add up to in each group."""
    steps = np.zeros(groups, dtype=np.int64)
    for start in range(0, len(codes), _BLOCK):
        at = slice(start, start + _BLOCK)
        sums = np.bincount(codes[at], weights=multiples[at], minlength=groups)
        steps += (sums * math.ldexp(1.0, -step)).astype(np.int64)
    return steps
