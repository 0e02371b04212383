"""From values of any shape and weights of any shape that Keras takes to one numerator and one denominator a row.

This is the arithmetic of `keras.metrics.Mean.update_state`, which every mean-type metric goes through: weights of fewer axes than the
values meet values averaged over the surplus axes; then value times weight and the weight itself are averaged over all axes but the
first. Every row counts equally, however many elements it has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xent.core.arrays import align, as_matrix, mean_classes
from xent.core.batch import Batch
from xent.core.cells import spread
from xent.core.derived import weight_extremes, weights
from xent.core.errors import DataError
from xent.core.exact import ExactSum
from xent.core.lazy import np
from xent.core.precision import as_float
from xent.core.states import WeightedSum

if TYPE_CHECKING:
    from xent.core.arrays import Array

_FIRST_BITS = -1 << (53 - 24)
"""The bits of a float64 that a float32 has too."""

_SAFE = (2.0**-60, 2.0**60)
"""Weights whose squares are in the range of float32."""


def weighted_sum(batch: Batch, values: Array, mask: Array | None = None) -> WeightedSum:
    """The state that `values`, with one or more elements for every row of the batch, add up to.

    Values where `mask`, shape of `values`, is False have weight 0, and rows where it is nowhere True are not counted.
    """
    if mask is None and values.dtype.kind == "b" and values.shape == (len(batch),):
        numerators, denominators = _taken(batch, values)
    else:
        numerators, denominators = terms_of(batch, values, mask)
    total = ExactSum.of(numerators, batch.groups)
    count = batch.original.derive(row_counts)
    if denominators is None:
        return WeightedSum(total, ExactSum.of_integers(count), count)
    if mask is not None:
        kept = np.logical_or.reduce(as_matrix(mask), axis=1)
        count = np.array([np.count_nonzero(kept)]) if batch.groups is None else batch.groups.count_where(kept)
    # In the common case every metric of the block shares the exact sum of the weights.
    shared = denominators is batch.sample_weight
    return WeightedSum(total, batch.original.derive(total_weight) if shared else ExactSum.of(denominators, batch.groups), count)


def terms_of(batch: Batch, values: Array, mask: Array | None = None) -> tuple[Array, Array | None]:
    """What every row adds to the numerator and to the denominator of a mean, shapes (n,); None stands for 1 a row."""
    weight = batch.sample_weight
    if values.dtype.kind == "b":
        values = as_float(values)
    if mask is not None:
        return rows_of(values, spread(as_float(1.0 if weight is None else weight), values.shape) * mask)
    if weight is None:
        return mean_of_rows(values), None
    if weight.shape == values.shape == (len(batch),):
        with np.errstate(invalid="ignore"):
            return values * batch.original.derive(weights), weight
    return rows_of(values, weight)


def _taken(batch: Batch, values: Array) -> tuple[Array, Array | None]:
    """The terms of one truth value a row, which takes or leaves a weight: that needs no more digits than the weight has."""
    weight = batch.sample_weight
    if weight is None:
        return values, None
    if weight.shape != values.shape:
        return terms_of(batch, values)
    with np.errstate(invalid="ignore"):
        return values * weight, weight


def row_counts(batch: Batch) -> Array:
    """The number of rows of every group."""
    return np.array([len(batch)], dtype=np.int64) if batch.groups is None else batch.groups.sizes()


def total_weight(batch: Batch) -> ExactSum:
    """The exact sum of one weight a row."""
    return ExactSum.of(batch.sample_weight, batch.groups)  # type: ignore[arg-type]  # Only asked for where there are weights.


def squared_weight(batch: Batch) -> Array:
    """The square of one weight a row, cut off behind its first 24 bits, where it has more.

    So short numbers are added several times as fast. Every sum that squares enter has the same ones, so nothing cancels but what would
    anyhow, and a standard error is off by a part in 10 million at most.
    """
    assert batch.sample_weight is not None
    with np.errstate(over="ignore"):
        squares = np.square(batch.sample_weight, dtype=np.float64)
    np.bitwise_and(squares.view(np.int64), _FIRST_BITS, out=squares.view(np.int64))
    low, high = batch.derive(weight_extremes)
    return squares.astype(np.float32) if _SAFE[0] < low <= high < _SAFE[1] else squares


def mean_of_rows(values: Array) -> Array:
    """The mean over all axes but the first, shape (n,)."""
    if values.dtype.kind == "b":
        values = as_float(values)
    return values if values.ndim == 1 else mean_classes(as_matrix(values))


def rows_of(values: Array, sample_weight: Any) -> tuple[Array, Array]:
    """The numerator and the denominator of every row, shapes (n,).

    A scalar weight is the weight of every row. (Keras counts the whole batch as one row of that weight, so that its mean depends on
    how the rows were batched.)

    Raises
    ------
    DataError
        The weights cannot be broadcast to the values.

    >>> numerator, denominator = rows_of(np.array([[1.0, 3.0], [5.0, 7.0]]), np.array([1.0, 0.5]))
    >>> numerator.tolist(), denominator.tolist()
    ([2.0, 3.0], [1.0, 0.5])
    """
    weight = as_float(sample_weight)
    if weight.ndim == 0:
        weight = np.full(len(values), weight)
    shapes = f"values of shape {values.shape} and weights of shape {weight.shape}"
    values, weight = align(values, weight)
    if weight.ndim > values.ndim:
        raise DataError(f"sample_weight cannot be broadcast: {shapes}")
    if weight.ndim < values.ndim:
        values = mean_classes(values.reshape(*values.shape[: weight.ndim], -1))
    try:
        weight = np.broadcast_to(weight, values.shape)
    except ValueError:
        raise DataError(f"sample_weight cannot be broadcast: {shapes}") from None
    # An infinite value of weight 0 is NaN, as in Keras; that is no reason for a warning.
    with np.errstate(invalid="ignore"):
        return mean_of_rows(values * weight), mean_of_rows(np.ascontiguousarray(weight))
