"""The column that groups rows to queries, as one integer for each value: equal for equal values, in every file, format and process."""

from __future__ import annotations

import hashlib
import math
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from xent.core.errors import DomainError
from xent.io.arrow_values import arrow_of, valid_rows, values_of

if TYPE_CHECKING:
    import numpy.typing as npt

    from xent.io.tables import Column

_INTEGER = re.compile(r"0|-?[1-9]\d{0,18}", re.ASCII)

_FEW = 256
"""Integers that lie within so many of each other are numbered by their distance from the smallest."""


def group_keys(column: Column) -> npt.NDArray[np.int64]:
    """A key for every row, shape (n,).

    A whole number is its own key, also where it is written as text; for anything else the key is 64 bits of a hash of its text, so that
    two of a million values share one with a probability of 3e-8.

    Raises
    ------
    DomainError
        A value is missing; the error holds its row.
    TypeError
        The column holds neither numbers nor text.

    >>> group_keys(np.array([7, 7, -1])).tolist() == group_keys(pa.array(["7", "7", "-1"])).tolist() == [7, 7, -1]
    True
    """
    array = _plain_array(column)
    if pa.types.is_signed_integer(array.type) and array.null_count == 0:
        return values_of(array).astype(np.int64, copy=False)
    values, codes = distinct_values(array)
    gone = np.array([value is None or value == "" or (isinstance(value, float) and math.isnan(value)) for value in values] or [True])
    missing = gone[codes]
    if missing.any():
        raise DomainError("the value that groups the rows is missing", row=int(np.argmax(missing)))
    return np.array([_key(value) for value in values] or [0], dtype=np.int64)[codes]


def distinct_values(column: Column) -> tuple[list[Any], npt.NDArray[np.intp]]:
    """Values of a column, and for every row the number of its value; a null is None. Equal values may stand twice, and others in no row.

    Raises
    ------
    TypeError
        The column holds neither numbers nor text.
    """
    array = _plain_array(column)
    if not (_is_scalar(array.type) or pa.types.is_dictionary(array.type)):
        raise TypeError(f"holds {array.type}, neither numbers nor text")
    if pa.types.is_integer(array.type) and array.null_count == 0 and len(array):
        numbers = values_of(array)
        low, high = int(numbers.min()), int(numbers.max())
        if high - low < _FEW and high < 2**63:
            return list(range(low, high + 1)), np.subtract(numbers, low, dtype=np.intp, casting="unsafe")
    encoded: Any = array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
    values = [*encoded.dictionary.to_pylist(), None]
    if encoded.null_count == 0:
        return values, values_of(encoded.indices).astype(np.intp)
    codes = np.where(valid_rows(encoded), np.nan_to_num(values_of(encoded.indices)), len(values) - 1).astype(np.intp)
    return values, codes


def _plain_array(column: Column) -> Any:
    """The column as an Arrow array, which only texts may have a dictionary in."""
    if isinstance(column, np.ndarray) and column.ndim > 1:
        raise TypeError("holds several values a row")
    array: Any = arrow_of(column)
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) and not _is_text(array.type.value_type) else array


def _key(value: Any) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    if _INTEGER.fullmatch(text) and -(2**63) <= int(text) < 2**63:
        return int(text)
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little", signed=True)


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def _is_scalar(kind: pa.DataType) -> bool:
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
    return is_number or _is_text(kind) or pa.types.is_temporal(kind) or pa.types.is_decimal(kind)
