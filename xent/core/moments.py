"""First and second moments of labels and predictions over all rows, without rounding.

A variance is a small difference of large sums: Σ y² - (Σ y)² / n loses every digit once the mean is a few million times the spread.
The usual remedies, centring or Welford's update, need a mean that depends on the order of the rows, and so would the last bits of the
result. Here nothing is rounded instead. The product of two float64s is the sum of two float64s (Dekker's two-product), so Σ y², Σ y p
and Σ p², with weights too, are `ExactSum`s; the differences are taken between integers, of any length, and rounded once, at the very
end. Chunks, merges and the order of rows cannot change a bit, and an offset of 1e9 costs nothing.

Products are exact between about 1e-145 and 1e150. Smaller ones lose bits below 2**-1074, deterministically; larger ones are infinite.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, NamedTuple, Self

from xent.core import derived
from xent.core.arrays import as_rows, require_same_shape
from xent.core.errors import DataError
from xent.core.exact import ExactSum
from xent.core.groups import Groups, regrouped
from xent.core.lazy import np
from xent.core.precision import as_float
from xent.core.reduction import row_counts
from xent.core.states import State

if TYPE_CHECKING:
    from xent.core.arrays import Array
    from xent.core.batch import Batch

_SPLITTER = 2.0**27 + 1.0

UNIT = 1 << 1074
"""Exact sums are integers, multiples of 1 / UNIT."""

NOISE = 2.0**-48
"""A variance below this share of the mean square cannot be told from none, where squares are rounded before they are added."""


def two_product(a: Array, b: Array) -> tuple[Array, Array]:
    """The product as the sum of two float64s: the rounded product, and exactly what the rounding took.

    Source: Dekker (1971), "A floating-point technique for extending the available precision".

    >>> high, low = two_product(np.array([0.1]), np.array([0.1]))
    >>> from fractions import Fraction
    >>> Fraction(high[0]) + Fraction(low[0]) == Fraction(0.1) ** 2
    True
    """
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        high = a * b
        (a_head, a_tail), (b_head, b_tail) = _halves(a), _halves(b)
        low = a_head * b_head
        low -= high
        low += a_head * b_tail
        low += a_tail * b_head
        low += a_tail * b_tail
    if not np.isfinite(low).all():
        low = np.where(np.isfinite(low), low, 0.0)
    return high, low


def _halves(values: Array) -> tuple[Array, Array]:
    """The upper and the lower 26 bits, which multiply without rounding."""
    shifted = values * _SPLITTER
    head = shifted - (shifted - values)
    return head, values - head


@dataclass(frozen=True, slots=True, eq=False)
class Moments(State):
    """The exact sums Σ w, Σ w y, Σ w p, Σ w y², Σ w y p and Σ w p² of every output of every group.

    The sums have one entry an output, those of one group side by side; `count` is the number of rows of each group in which a weight
    is not 0.
    """

    count: Array
    weight: ExactSum
    y: ExactSum
    p: ExactSum
    yy: ExactSum
    yp: ExactSum
    pp: ExactSum

    @property
    def outputs(self) -> int:
        """How many values a row has."""
        return len(self.weight) // len(self.count)

    def merge(self, other: Self) -> Self:
        if isinstance(other, Moments) and other.outputs != self.outputs:
            raise DataError(f"cannot merge moments of {self.outputs} and of {other.outputs} outputs")
        return State.merge(self, other)

    def take(self, group: int, count: int = 1) -> Self:
        sums = (getattr(self, field.name) for field in fields(self)[1:])
        return type(self)(self.count[group : group + count], *(total.take(group * self.outputs, count * self.outputs) for total in sums))

    def regrouped(self, places: Array, count: int) -> Self:
        outputs = self.outputs
        cells = (places[:, None] * outputs + np.arange(outputs)).reshape(-1)
        sums = (getattr(self, field.name).regrouped(cells, count * outputs) for field in fields(self)[1:])
        return type(self)(regrouped(self.count, places, count), *sums)

    def left_out(self, groups: int) -> Iterator[Self]:
        # The merge is that of every state; it only looks at the outputs first.
        yield self.less_each(groups)

    def spreads(self) -> Iterator[Spread | None]:
        """The centred moments of every output of every group; None where there is no weight, or a value that is not finite."""
        sums = [getattr(self, field.name) for field in fields(self)[1:]]
        broken = sum((total.nan != 0) | (total.inf != 0) | (total.minus_inf != 0) for total in sums)
        for cell in range(len(self.weight)):
            w, y, p, yy, yp, pp = (total.units[cell] for total in sums)
            if broken[cell] or not w:
                yield None
            else:
                yield Spread(w, yy * w - y * y, yp * w - y * p, pp * w - p * p, (yy - 2 * yp + pp) * w, (y - p) ** 2, yy, yp, pp)


class Spread(NamedTuple):
    """Integers whose quotients are the moments of one output: `var_y / weight²` is the variance of the labels, and so on.

    `error` is the mean squared error and `gap` the square of the difference of the means, over the same `weight²`; `yy`, `yp` and
    `pp` are the sums as they are.
    """

    weight: int
    var_y: int
    cov: int
    var_p: int
    error: int
    gap: int
    yy: int
    yp: int
    pp: int


def moments(batch: Batch) -> Moments:
    """The moments of a block; rows of one value or of several outputs.

    Raises
    ------
    DataError
        The shapes differ, have more axes than two, or the weights do not fit.
    """
    require_same_shape(batch.y_true, batch.y_pred)
    y, p = as_rows(batch.derive(derived.labels)), as_rows(batch.derive(derived.predictions))
    if y.ndim != 2:
        raise DataError(f"the metric needs one row per sample and one column per output, not an array of shape {y.shape}")
    rows, outputs = y.shape
    weight = weights_of(batch, (rows, outputs))
    cells = cells_of(batch.groups, rows, outputs)
    y, p = (values.astype(np.float64, copy=False).reshape(-1) for values in (y, p))
    counts = batch.derive(row_counts)
    if weight is None:
        total = ExactSum.of_integers(np.repeat(counts, outputs))
        sums = [ExactSum.of(values, cells) for values in (y, p)]
        sums += [_add(two_product(*pair), cells) for pair in ((y, y), (y, p), (p, p))]
        return Moments(counts, total, *sums)
    found = (weight != 0.0).any(axis=1)
    counts = np.array([np.count_nonzero(found)]) if batch.groups is None else batch.groups.count_where(found)
    flat = np.ascontiguousarray(weight, dtype=np.float64).reshape(-1)
    sums = [ExactSum.of(flat, cells), *(_add(two_product(flat, values), cells) for values in (y, p))]
    for pair in ((y, y), (y, p), (p, p)):
        high, low = two_product(*pair)
        sums.append(_add(two_product(flat, high), cells) + _add(two_product(flat, low), cells))
    return Moments(counts, *sums)


def _add(terms: tuple[Array, Array], cells: Groups | None) -> ExactSum:
    high, low = terms
    return ExactSum.of(high, cells) + ExactSum.of(low, cells)


def cells_of(groups: Groups | None, rows: int, outputs: int) -> Groups | None:
    """The outputs of a block of shape (rows, outputs), read row by row, as groups of their own."""
    if outputs == 1:
        return groups
    places = np.arange(outputs, dtype=np.intp)
    if groups is None:
        return Groups(np.tile(places, rows), outputs)
    return Groups((groups.codes[:, None] * outputs + places).reshape(-1), groups.count * outputs)


def weights_of(batch: Batch, shape: tuple[int, int]) -> Array | None:
    """The weights of every output of every row; None where there are none.

    A scalar is the weight of all, a vector that of the rows, and a matrix that of the single outputs.

    Raises
    ------
    DataError
        They have another shape.
    """
    if batch.sample_weight is None:
        return None
    weight = as_float(batch.sample_weight)
    try:
        return np.broadcast_to(weight[:, None] if weight.ndim == 1 else weight, shape)
    except ValueError:
        raise DataError(f"sample_weight cannot be broadcast: values of shape {shape} and weights of shape {weight.shape}") from None


def quotient(numerator: int, denominator: int) -> float:
    """The quotient of two integers, rounded once; NaN where the denominator is 0.

    >>> quotient(1, 3)
    0.3333333333333333
    """
    if denominator == 0:
        return float("nan")
    try:
        return numerator / denominator
    except OverflowError:
        return float("inf") if (numerator > 0) == (denominator > 0) else float("-inf")
