"""Array work that several families of metrics need: aligning ranks, and sums over classes with one order of addition."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from xent.core.errors import DataError
from xent.core.lazy import np

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

_LANES = 8
_PAIRWISE = 128
"""The longest row that NumPy adds up without halving it first."""

_BUFFER = 8192
"""Elements that NumPy casts at a time: a longer row of float32 would be summed in pieces, in another order than one of float64."""

_FEW = 32
"""Up to so many classes a row is summed faster by turning the block first, since NumPy reduces short rows slowly."""


def sum_classes(values: Array) -> Array:
    """The sum over the last axis in float64 (or the wider type of `values`), shape `values.shape[:-1]`.

    The order of addition is NumPy's pairwise order, whatever the memory layout: predictions kept as columns, as rows or as lists give
    the same bits.

    >>> sum_classes(np.array([[0.1, 0.2, 0.3]])).tolist()
    [0.6000000000000001]
    """
    width = values.shape[-1]
    kind = np.float64 if values.dtype.kind != "f" or values.dtype.itemsize < 8 else values.dtype
    if width == 1:
        return np.asarray(values[..., 0], dtype=kind)
    columnar = values.ndim == 2 and values.flags.f_contiguous and width <= _PAIRWISE
    if columnar or (values.ndim == 2 and width <= _FEW and values.dtype.itemsize >= 4):
        columns = values.T if columnar else np.ascontiguousarray(values.T)
        return _pairwise(columns.astype(kind, copy=False))
    if not values.flags.c_contiguous or (width > _BUFFER and values.dtype != kind):
        values = np.ascontiguousarray(values, dtype=kind)
    return np.asarray(np.add.reduce(values, axis=-1, dtype=kind))


def _pairwise(columns: Sequence[Array] | Array) -> Array:
    """Adds up columns in the order in which `numpy.add.reduce` adds up the values of a contiguous row."""
    count = len(columns)
    if count < _LANES:
        few = columns[0].copy()
        for column in columns[1:]:
            few += column
        return few
    whole = count - count % _LANES
    lanes = list(columns[:_LANES])
    if whole > _LANES:
        lanes = [lane.copy() for lane in lanes]
        for start in range(_LANES, whole, _LANES):
            for lane, column in zip(lanes, columns[start : start + _LANES], strict=True):
                lane += column
    total: Array = lanes[0] + lanes[1]
    total += lanes[2] + lanes[3]
    right = lanes[4] + lanes[5]
    right += lanes[6] + lanes[7]
    total += right
    for column in columns[whole:]:
        total += column
    return total


def mean_classes(values: Array) -> Array:
    """The mean over the last axis, with the order of addition of `sum_classes`."""
    return np.asarray(sum_classes(values) / values.shape[-1])


def take_class(values: Array, index: Array) -> Array:
    """`values[..., index]` for every row: the value of the class that `index`, shape `values.shape[:-1]`, names.

    >>> take_class(np.array([[0.1, 0.9], [0.7, 0.3]]), np.array([1, 0])).tolist()
    [0.9, 0.7]
    """
    if has_columns(values):
        return np.asarray(values.T.reshape(-1).take(_places_in_columns(values, index)))
    flat = index.reshape(-1) + np.arange(index.size, dtype=np.intp) * values.shape[-1]
    return np.asarray(np.ascontiguousarray(values).reshape(-1).take(flat).reshape(index.shape))


def has_columns(values: Array) -> bool:
    """Whether the values are a matrix of which each column lies in one piece."""
    return values.ndim == 2 and values.flags.f_contiguous and len(values) > 1


def _places_in_columns(values: Array, index: Array) -> Array:
    rows = len(values)
    flat = index * np.intp(rows)
    flat += np.arange(rows, dtype=np.intp)
    return flat


def put_class(values: Array, index: Array, new: Array) -> None:
    """Sets `values[..., index]` to `new` for every row, in place."""
    if has_columns(values):
        values.T.reshape(-1)[_places_in_columns(values, index)] = new
        return
    np.put_along_axis(values, index[..., None], new[..., None], axis=-1)


def align(y_true: Array, y_pred: Array) -> tuple[Array, Array]:
    """Keras's rank alignment (`squeeze_or_expand_to_same_rank`).

    Only where the ranks differ by one and the longer ends in a dimension of 1: a rank-1 partner is expanded to a column, otherwise the
    longer one loses its trailing 1.

    >>> [array.shape for array in align(np.zeros(3), np.zeros((3, 1)))]
    [(3, 1), (3, 1)]
    >>> [array.shape for array in align(np.zeros((3, 2, 1)), np.zeros((3, 2)))]
    [(3, 2), (3, 2)]
    """
    if y_true.ndim == y_pred.ndim + 1 and y_true.shape[-1] == 1:
        return (y_true, y_pred[:, None]) if y_pred.ndim == 1 else (y_true[..., 0], y_pred)
    if y_pred.ndim == y_true.ndim + 1 and y_pred.shape[-1] == 1:
        return (y_true[:, None], y_pred) if y_true.ndim == 1 else (y_true, y_pred[..., 0])
    return y_true, y_pred


def as_rows(values: Array) -> Array:
    """A vector becomes a column, one row per sample; everything else passes."""
    return values[:, None] if values.ndim == 1 else values


def a_row_at_least(values: Any) -> Array:
    """A scalar as one row of one value; an array as it is."""
    found = np.asarray(values)
    return found.reshape(1, 1) if found.ndim == 0 else found


def as_matrix(values: Array) -> Array:
    """All values of a row beside each other, shape (n, k); NumPy cannot find the k of no rows by itself."""
    return values.reshape(len(values), math.prod(values.shape[1:]))


def require_same_shape(y_true: Array, y_pred: Array) -> None:
    """Raises `DataError` unless the two shapes are equal."""
    if y_true.shape != y_pred.shape:
        raise DataError(f"y_true and y_pred must have the same shape. Received: y_true.shape={y_true.shape}, y_pred.shape={y_pred.shape}")


def classes_last(values: Array, axis: int) -> Array:
    """`values` with `axis` moved to the end."""
    if isinstance(axis, bool) or not -values.ndim <= axis < values.ndim:
        raise DataError(f"axis {axis!r} is out of range for predictions of shape {values.shape}")
    return values if axis in (-1, values.ndim - 1) else np.moveaxis(values, axis, -1)
