"""The least and the largest values of columns, as the footer of a Parquet file tells them, read without Arrow.

Arrow ends the process where such a value is shorter than its type, so it is not asked for them. The footer is one structure of Thrift's
compact protocol, which has no index, and walking through the columns nobody wants would take longer than reading those somebody does. But
Arrow tells of each stretch of a column how long it is and where in the file it begins. The two numbers stand in the footer side by side,
and no other stretch has the same: they are looked for as bytes, and what follows them is read field by field. A footer that is written in
another way, or damaged, tells nothing; then all rows are read.
"""

from __future__ import annotations

import io
import struct
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow.parquet as pq

Bounds = dict[str, tuple[Any, Any]]
"""The least and the largest value by the name of a column."""

_TAIL = 1 << 16
"""Bytes that are read at once from the end of a file; most footers are shorter."""

_END, _TRUE, _FALSE, _I32, _I64, _BINARY, _STRUCT = 0, 1, 2, 5, 6, 8, 12
"""Types of the compact protocol: the lower half of the byte that stands before a field. The upper half is the step to its number."""

_PLAIN = (_TRUE, _FALSE, _I32, _I64, _BINARY)

_STATISTICS = 12
"""The number of the statistics among what is said of a stretch of a column."""

_MAX_VALUE, _MIN_VALUE = 5, 6
"""Their numbers in the statistics. Those of older files, 1 and 2, are not read: writers did not agree on their order."""

_LONGEST_NUMBER = 10

_FORMATS = {"BOOLEAN": "<?", "INT32": "<i", "INT64": "<q", "FLOAT": "<f", "DOUBLE": "<d"}


def read_footer(file: io.RawIOBase) -> bytes:
    """The footer of a Parquet file, without its length and the mark behind it."""
    with io.BufferedReader(file) as buffered:
        size = buffered.seek(0, io.SEEK_END)
        tail = _last(buffered, min(size, _TAIL))
        length = int.from_bytes(tail[-8:-4], "little") + 8
        if length > len(tail):
            tail = _last(buffered, min(size, length))
    return tail[-length:-8]


def _last(file: io.BufferedIOBase, count: int) -> bytes:
    file.seek(-count, io.SEEK_END)
    return file.read(count)


def bounds_by_group(footer: bytes, metadata: pq.FileMetaData, names: Collection[str]) -> Iterator[Bounds]:
    """The bounds of some columns in one row group after another, as far as they are told; it may end before the last.

    Told are those of numbers, truth values and texts; not those of dates, times and decimals.

    Parameters
    ----------
    footer : what `read_footer` gives
    metadata : what Arrow has read from it
    names : the columns
    """
    columns = [metadata.schema.column(at) for at in range(metadata.num_columns)]
    places = {column.path: at for at, column in enumerate(columns) if column.path in names}
    twice = {path for path, count in Counter(column.path for column in columns).items() if count > 1}
    wanted = [(path, at, decode) for path, at in places.items() if path not in twice and (decode := _decoder(columns[at])) is not None]
    end = 0
    for number in range(metadata.num_row_groups):
        group, found = metadata.row_group(number), Bounds()
        for path, at, decode in wanted:
            mark = _mark(group.column(at))
            # Stretches stand in the footer in the order of the row groups, and in each of the columns.
            place = footer.find(mark, end)
            if place < 0:
                return  # Looking for all the others in vain could take very long.
            end = place + len(mark)
            raw = _least_and_largest(footer, end)
            bounds = None if raw is None else _decoded(decode, *raw)
            if bounds is not None:
                found[path] = bounds
        yield found


def _decoder(column: pq.ColumnSchema) -> Callable[[bytes], Any] | None:
    """What makes a value of the bytes in the footer; it raises a `ValueError` or a `struct.error` where they are none."""
    kind, logical = column.physical_type, column.logical_type.type
    if logical == "STRING" and kind == "BYTE_ARRAY":
        return bytes.decode
    if kind not in _FORMATS or logical not in ("NONE", "INT"):
        return None
    layout = _FORMATS[kind].upper() if str(column.converted_type).startswith("UINT") else _FORMATS[kind]
    return lambda raw: struct.unpack(layout, raw)[0]


def _decoded(decode: Callable[[bytes], Any], low: bytes, high: bytes) -> tuple[Any, Any] | None:
    try:
        bounds = decode(low), decode(high)
    except (ValueError, struct.error):
        return None
    # NaN is in no order with anything.
    return bounds if bounds[0] <= bounds[1] else None


def _mark(chunk: pq.ColumnChunkMetaData) -> bytes:
    """The bytes in the footer that say how long a stretch of a column is, which is field 7, and where it begins, field 9."""
    return b"\x16" + _number(chunk.total_compressed_size) + b"\x26" + _number(chunk.data_page_offset)


def _number(value: int) -> bytes:
    """A signed number as the protocol writes it: the sign is the lowest bit, and seven bits are a byte."""
    rest, written = (value << 1) ^ (value >> 63), bytearray()
    while rest > 0x7F:
        written.append(rest & 0x7F | 0x80)
        rest >>= 7
    written.append(rest)
    return bytes(written)


def _least_and_largest(footer: bytes, at: int) -> tuple[bytes, bytes] | None:
    """The bytes of both values, where the statistics follow that have them."""
    found: dict[int, bytes] = {}
    try:
        # Between the place of the data, number 9, and the statistics stand at most two other places.
        field, kind, at = _field(footer, at, 9)
        while kind == _I64 and field < _STATISTICS:
            field, kind, at = _field(footer, _behind_number(footer, at), field)
        if field != _STATISTICS or kind != _STRUCT:
            return None
        field, kind, at = _field(footer, at, 0)
        while kind in _PLAIN:
            if kind == _BINARY:
                length, at = _length(footer, at)
                found[field] = footer[at : at + length]
                at += length
            elif kind in (_I32, _I64):
                at = _behind_number(footer, at)
            field, kind, at = _field(footer, at, field)
    except IndexError:
        return None  # It is cut off.
    return (found[_MIN_VALUE], found[_MAX_VALUE]) if kind == _END and {_MIN_VALUE, _MAX_VALUE} <= found.keys() else None


def _field(footer: bytes, at: int, before: int) -> tuple[int, int, int]:
    """The number and type of a field, and where its value begins, given the number of the one before it."""
    return before + (footer[at] >> 4), footer[at] & 0x0F, at + 1


def _behind_number(footer: bytes, at: int) -> int:
    """Where a number ends."""
    while footer[at] > 0x7F:
        at += 1
    return at + 1


def _length(footer: bytes, at: int) -> tuple[int, int]:
    """A length, and where what is so long begins."""
    end = _behind_number(footer, at)
    length = 0
    for byte in reversed(footer[at : min(end, at + _LONGEST_NUMBER)]):
        length = length << 7 | byte & 0x7F
    return length, end
