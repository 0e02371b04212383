"""Columns of either kind, Arrow or NumPy. Arrow is imported only where a column is Arrow's: NPY files are read without it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

    from xent.io.tables import Column


def is_arrow(column: Column) -> TypeGuard[pa.Array[Any]]:
    """Whether a column is an Arrow array."""
    return not isinstance(column, np.ndarray)


def numbers_of(column: Column) -> npt.NDArray[Any]:
    """Numbers, shape (n,), or (n, k) from lists of k numbers; see `xent.io.arrow_values.values_of`."""
    if not is_arrow(column):
        return np.asarray(column)
    from xent.io.arrow_values import values_of

    return values_of(column)


def rows_where(column: Column, mask: npt.NDArray[np.bool_]) -> Column:
    """The rows for which `mask`, shape (n,), holds."""
    if not is_arrow(column):
        return np.asarray(column)[mask]
    from xent.io.arrow_values import arrow_of

    return column.filter(arrow_of(mask))


def whole_numbers(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Integers where all values are such, else the values as they are."""
    if values.dtype.kind != "f" or not (
        np.isfinite(values).all() and (values == np.floor(values)).all() and np.abs(values).max(initial=0) < 2**53
    ):
        return values
    return values.astype(np.int64)
