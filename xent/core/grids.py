"""From a block of floating-point numbers to the integer that is their exact sum.

Adding and subtracting a large constant splits every value on a
power-of-two grid: the part above the grid is a small multiple of the grid's step, which NumPy adds as int64 without rounding, and the
part below is left for a second, finer grid. Two grids hold 92 bits, so they take all of a block whose values differ by less than a
factor of 2**40; values smaller than that are left over, and go once more round. (The idea of splitting on a grid before summing is
that of Demmel and Nguyen, "Fast Reproducible Floating-Point Summation", ARITH 2013; keeping every grid makes it exact.)
"""

from __future__ import annotations

import math
import struct
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from xent.core.lazy import np

if TYPE_CHECKING:
    import numpy.typing as npt

UNIT = -1074
"""Sums are kept as multiples of 2**UNIT, the smallest positive float64."""

BLOCK = 1 << 16
"""Values that are split on one grid; 2**16 of them, each of at most 2**46 steps, cannot overflow an int64."""

_BITS = 46
"""Bits of a value that one grid takes."""

_SMALLEST_STEP = -1000
"""Below this exponent the constant that splits would leave float64's range; such blocks are added as Python integers."""

_BITS_OF_A_SUM = 53 - 16
"""Bits that the values of a block may have from the highest to the lowest for their plain sum in float64 to be exact: the sum of 2**16
of them has 16 more."""

_GRAIN = 8
"""Sums by group count multiples of a power of two whose exponent is a multiple of this, so that those of most blocks count the same."""

_MANTISSA = {2: 11, 4: 24, 8: 53}
"""Bits of a floating-point number by its size in bytes."""

_LOCAL = threading.local()

_LARGEST = 970
"""Above this exponent the constant would overflow; such blocks too are added as Python integers."""


class Block(NamedTuple):
    """Values, with the smallest and the largest of them; the functions below take finite ones."""

    values: npt.NDArray[Any]
    low: float
    high: float

    @classmethod
    def of(cls, values: npt.NDArray[Any]) -> Block:
        return cls(values, float(np.minimum.reduce(values)), float(np.maximum.reduce(values)))

    def is_finite(self) -> bool:
        """Whether no value is infinite or NaN."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    @property
    def exponent(self) -> int:
        """An exponent such that all values lie below that power of two."""
        return math.frexp(max(self.high, -self.low))[1]


def lowest_bit(values: npt.NDArray[Any], low: float) -> float:
    """An exponent such that all values, of which `low` is the smallest, are multiples of that power of two.

    It is known for integers, and where no value is negative and one is not 0; else it is minus infinity.
    """
    if values.dtype.kind != "f":
        return 0
    if low == 0.0:
        # The bits of positive floats ascend with them, and those of zero, less 1, are the largest there are.
        bits = values.view(f"u{values.dtype.itemsize}")
        one = bits.dtype.type(1)
        low = float((np.minimum.reduce(bits - one, keepdims=True) + one).view(values.dtype).item())
    return math.frexp(low)[1] - _MANTISSA[values.dtype.itemsize] if low > 0.0 else -math.inf


def units_of_block(block: Block) -> int:
    """The sum of a block in units of 2**UNIT."""
    values = block.values
    if block.low == block.high == 0.0:
        return 0
    exponent, lowest = block.exponent, lowest_bit(values, block.low)
    if exponent - lowest <= _BITS_OF_A_SUM:
        return _units_of_float(float(np.add.reduce(values, dtype=np.float64)))
    left = np.ascontiguousarray(values, dtype=np.float64)
    if exponent > _LARGEST:
        return _units_one_by_one(left)
    shifted, rest = _scratch(len(left))
    units = 0
    while True:
        step = exponent - _BITS
        if step < _SMALLEST_STEP:
            return units + _units_one_by_one(left)
        last = step <= lowest
        units += _split_off(left, step, shifted, None if last else rest) << (step - UNIT)
        # What is left lies within half a step, so the next grid takes the next _BITS bits.
        left, exponent = rest, step
        if last or (lowest == -math.inf and not left.any()):
            return units
        if exponent - lowest <= _BITS_OF_A_SUM:
            return units + _units_of_float(float(np.add.reduce(left)))


def _units_of_float(value: float) -> int:
    numerator, denominator = value.as_integer_ratio()
    return numerator << (1 - denominator.bit_length() - UNIT)


def _scratch(size: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Two arrays of the thread's own, used again for every block: fresh memory costs more than the arithmetic."""
    if not hasattr(_LOCAL, "arrays"):
        _LOCAL.arrays = np.empty(BLOCK), np.empty(BLOCK)
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
    return sum(map(_units_of_float, values.tolist()))


def step_of_all(block: Block) -> int | None:
    """An exponent such that all values are multiples of that power of two, and their plain sums exact; None if there is no such."""
    exponent, lowest = block.exponent, lowest_bit(block.values, block.low)
    if _SMALLEST_STEP < exponent - _BITS_OF_A_SUM <= lowest and exponent <= _LARGEST:
        return math.floor(lowest / _GRAIN) * _GRAIN
    return None


def units_by_group(block: Block, codes: npt.NDArray[np.intp], groups: int) -> npt.NDArray[np.object_]:
    """The sums in units of 2**UNIT, in each group of the values whose code names it.

    Multiples of a step are added as float64, which is exact while a sum has no more than 53 bits.
    """
    units = np.zeros(groups, dtype=object)
    left, exponent, lowest = np.asarray(block.values, dtype=np.float64), block.exponent, lowest_bit(block.values, block.low)
    shifted, rest = _scratch(len(left))
    anything = block.low != 0.0 or block.high != 0.0
    while anything:
        step = exponent - _BITS_OF_A_SUM
        if step < _SMALLEST_STEP or exponent > _LARGEST:
            for group in np.unique(codes[left != 0.0]):
                units[group] += _units_one_by_one(left[codes == group])
            break
        multiples = left
        if step > lowest:
            magic = math.ldexp(1.5, step + 52)
            np.add(left, magic, out=shifted)
            multiples = np.subtract(shifted, magic, out=shifted)
            left = np.subtract(left, multiples, out=rest)
        units += steps_by_group(multiples, codes, step, groups).astype(object) * (1 << (step - UNIT))
        anything = step > lowest and (lowest > -math.inf or bool(left.any()))
        exponent = step
    return units


def steps_by_group(multiples: npt.NDArray[Any], codes: npt.NDArray[np.intp], step: int, groups: int) -> npt.NDArray[np.int64]:
    """How many times 2**step the multiples of it add up to in each group."""
    sums = np.zeros(groups)
    # Two thirds of the time that `bincount` takes, which looks for the largest code every time.
    np.add.at(sums, codes, np.asarray(multiples, dtype=np.float64))
    return (sums * math.ldexp(1.0, -step)).astype(np.int64)
