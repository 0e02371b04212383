"""Arrow arrays as NumPy arrays, without pandas.

`Array.to_numpy` imports pandas where it is installed, which costs more than the start of the whole program; so values are taken from
the buffers. Nulls become NaN.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pyarrow as pa

from xent.core.errors import DomainError
from xent.io.tables import Field, Kind

if TYPE_CHECKING:
    import numpy.typing as npt

_types = pa.types


def values_of(column: pa.Array[Any] | npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Numbers, shape (n,), or (n, k) from lists of k numbers.

    Raises
    ------
    DomainError
        Lists differ in length; the error holds the row of the first that does.
    TypeError
        The column holds no numbers.
    """
    if isinstance(column, np.ndarray):
        return column
    kind = column.type
    if _types.is_dictionary(kind):
        return values_of(cast("Any", column).dictionary_decode())
    if _types.is_boolean(kind):
        return _with_nulls(_bits(column.buffers()[1], column.offset, len(column)), column)
    if _types.is_integer(kind) or _types.is_floating(kind):
        return _with_nulls(_numbers(column), column)
    if _types.is_decimal(kind):
        return values_of(column.cast(pa.float64()))
    if _types.is_fixed_size_list(kind) or _types.is_list(kind) or _types.is_large_list(kind):
        if field_of("", kind).kind == "other":
            raise TypeError(f"holds {kind}, not lists of numbers")
        return _lists(column)
    if _types.is_null(kind):
        return np.full(len(column), np.nan)
    raise TypeError(f"holds {kind}, not numbers")


def validate(batch: pa.RecordBatch) -> None:
    """Looks at all values of a batch that comes from outside, before one of them is used.

    What decodes them does not look whether texts are UTF-8, and whether the entries of dictionaries exist.

    Raises
    ------
    pa.ArrowInvalid
        A column does not hold what its type says.
    """
    batch.validate()
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            _require_sound(column.type)
            column.validate(full=True)
        except pa.ArrowInvalid as error:
            raise pa.ArrowInvalid(f"column {name!r}: {str(error).rpartition('Invalid: ')[2]}") from error


_MOST_DIGITS = {32: 9, 64: 18, 128: 38, 256: 76}
"""Of a decimal, by its number of bits."""


def _require_sound(kind: pa.DataType) -> None:
    """Refuses decimals with a scale beyond all their digits: Arrow takes it for a place in a table, and ends the process."""
    inner = getattr(kind, "value_type", None)
    if inner is not None:
        _require_sound(inner)
    elif _types.is_decimal(kind) and abs(cast("Any", kind).scale) > _MOST_DIGITS[kind.bit_width]:
        raise pa.ArrowInvalid(f"{kind} has a scale beyond its digits")


def arrow_of(column: pa.Array[Any] | npt.NDArray[Any]) -> pa.Array[Any]:
    """A column as an Arrow array. `pa.array` would import pandas.

    Raises
    ------
    TypeError
        The column has more than one value a row.
    """
    if not isinstance(column, np.ndarray):
        return column
    if column.ndim > 1:
        raise TypeError("holds several values a row")
    column = column if column.dtype.isnative else column.astype(column.dtype.newbyteorder("="))
    raw: Any = np.packbits(column, bitorder="little") if column.dtype.kind == "b" else np.ascontiguousarray(column)
    return pa.Array.from_buffers(pa.from_numpy_dtype(column.dtype), len(column), [None, pa.py_buffer(raw)])


def scalar_of(value: bool | float | str) -> Any:
    """A value as an Arrow scalar. `pa.scalar` would import pandas."""
    if isinstance(value, str):
        text = value.encode("utf-8", "surrogatepass")
        offsets: Any = np.array([0, len(text)], dtype=np.int32)
        return pa.StringArray.from_buffers(1, pa.py_buffer(offsets), pa.py_buffer(text))[0]
    return arrow_of(np.array([value]))[0]


def field_of(name: str, kind: pa.DataType) -> Field:
    """A column's field from its Arrow type."""
    width: int | None = 1
    if _types.is_fixed_size_list(kind):
        width = kind.list_size
    elif _kind(kind) == "list":
        width = None
    return Field(name, str(kind), _kind(kind), width)


def _kind(kind: pa.DataType) -> Kind:
    if _types.is_dictionary(kind):
        return _kind(cast("Any", kind).value_type)
    tests: tuple[tuple[Kind, tuple[Any, ...]], ...] = (
        ("integer", (_types.is_integer,)),
        ("float", (_types.is_floating, _types.is_decimal, _types.is_null)),
        ("boolean", (_types.is_boolean,)),
        ("text", (_types.is_string, _types.is_large_string, _types.is_string_view)),
        ("list", (_types.is_list, _types.is_large_list, _types.is_fixed_size_list)),
    )
    for name, holds in tests:
        if any(test(kind) for test in holds):
            if name == "list" and _kind(cast("Any", kind).value_type) not in ("integer", "float", "boolean"):
                return "other"
            return name
    return "other"


def byte_width(kind: pa.DataType) -> int:
    """About how many bytes a value takes once decoded."""
    if _types.is_fixed_size_list(kind):
        return int(kind.list_size) * byte_width(kind.value_type)
    if _types.is_list(kind) or _types.is_large_list(kind):
        # Nothing in the schema says how long the lists are; a guess that keeps a thousand classes within bounds.
        return 1024 * byte_width(kind.value_type)
    try:
        return max(1, kind.bit_width // 8)
    except ValueError:
        return 16


def _numpy_name(kind: pa.DataType) -> str:
    return {"halffloat": "float16", "float": "float32", "double": "float64"}.get(str(kind), str(kind))


def _numbers(column: pa.Array[Any]) -> npt.NDArray[Any]:
    """The values of a column of integers or floats, whatever stands where they are null."""
    if column.null_count == 0 and len(column):
        return np.from_dlpack(column)
    dtype = np.dtype(_numpy_name(column.type))
    if not len(column):
        return np.empty(0, dtype)  # There may be no buffer at all.
    buffer: Any = column.buffers()[1]
    # What stands behind the values may be of any length.
    return np.frombuffer(buffer, dtype, len(column), column.offset * dtype.itemsize)


def _bits(buffer: Any, offset: int, length: int) -> npt.NDArray[np.bool_]:
    if buffer is None:
        return np.ones(length, dtype=bool)
    first = offset // 8
    raw = np.frombuffer(buffer, dtype=np.uint8)[first : (offset + length + 7) // 8]
    start = offset - 8 * first
    return np.unpackbits(raw, bitorder="little")[start : start + length].view(np.bool_)


def valid_rows(column: pa.Array[Any]) -> npt.NDArray[np.bool_]:
    """Which rows are not null."""
    return _bits(column.buffers()[0] if column.null_count else None, column.offset, len(column))


def _with_nulls(values: npt.NDArray[Any], column: pa.Array[Any]) -> npt.NDArray[Any]:
    if column.null_count == 0:
        return values
    result = values.astype(values.dtype if values.dtype.kind == "f" else np.float64)
    result[~valid_rows(column)] = np.nan
    return result


def _lists(column: pa.Array[Any]) -> npt.NDArray[Any]:
    rows = len(column)
    kind = column.type
    if _types.is_fixed_size_list(kind):
        width = kind.list_size
        # `values` ignores the validity of the lists and keeps the slots of null ones; `flatten` would drop them.
        flat = values_of(cast("Any", column).values.slice(column.offset * width, rows * width))
        return _null_lists(flat.reshape(rows, width), column)
    lists = cast("Any", column)
    offsets = np.from_dlpack(lists.offsets) if len(lists.offsets) else np.zeros(1, dtype=np.int64)
    lengths = np.diff(offsets)
    valid = valid_rows(column)
    if not valid.any():
        return np.full((rows, 1), np.nan)
    width = int(lengths[valid][0])
    if width == 0:
        raise DomainError("a list of no values", row=int(np.argmax(valid)))
    uneven = valid & (lengths != width)
    if uneven.any():
        row = int(np.argmax(uneven))
        found = "1 value" if lengths[row] == 1 else f"{int(lengths[row])} values"
        raise DomainError(f"a list of {found} where others have {width}", row=row)
    if valid.all():
        return values_of(lists.values.slice(int(offsets[0]), rows * width)).reshape(rows, width)
    result = np.full((rows, width), np.nan)
    result[valid] = values_of(lists.flatten()).reshape(-1, width)
    return result


def _null_lists(matrix: npt.NDArray[Any], column: pa.Array[Any]) -> npt.NDArray[Any]:
    if column.null_count == 0:
        return matrix
    matrix = matrix.astype(matrix.dtype if matrix.dtype.kind == "f" else np.float64)
    matrix[~valid_rows(column)] = np.nan
    return matrix
