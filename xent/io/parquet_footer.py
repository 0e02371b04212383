"""Where the columns of a Parquet file lie, and between which bounds their values are: read from its footer without Arrow.

Arrow ends the process where what it is asked about a column does not hold together: a bound that is shorter than its type, say, or a
column that is encrypted. So it is not asked. A footer that is damaged, or written in a way that no writer is known for, tells nothing: no
row group is left out by its bounds, and what reads the columns refuses the file.
"""

from __future__ import annotations

import datetime as dt
import io
import re
import struct
from collections import Counter
from collections.abc import Callable, Collection
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from xent.io.thrift import (
    BINARY,
    BOUNDS,
    I32,
    I64,
    LIST,
    NUMBER,
    NUMBERS,
    STRUCT,
    Malformed,
    begin_list,
    i64,
    marks,
    skip_structure,
    structure,
    text,
    texts,
)

if TYPE_CHECKING:
    import pyarrow.parquet as pq

_TAIL = 1 << 16
"""Bytes that are read at once from the end of a file; most footers are shorter."""

_SCHEMA, _ROW_GROUPS, _COLUMNS, _METADATA = 2, 4, 1, 3
"""Numbers of fields: of a footer the schema and the row groups, of these the chunks, and of a chunk what is said of it."""

_CRYPTOGRAPHY = 8
"""The number of a field that a column chunk has if it is encrypted."""

_VALUES, _SIZE, _DATA_PLACE, _DICTIONARY_PLACE, _STATISTICS = 5, 7, 9, 11, 12
"""Numbers of the fields of a column chunk."""

_MAX_VALUE, _MIN_VALUE = 5, 6
"""Numbers of the fields of its statistics. Those of older files, 1 and 2, are not read: writers did not agree on their order."""

_LONGEST_BOUND = 1 << 12

_LONGEST_NAME = 40

_MANY = 200

_EPOCH = dt.date(1970, 1, 1).toordinal()

_FORMATS = {"BOOLEAN": "<?", "INT32": "<i", "INT64": "<q", "FLOAT": "<f", "DOUBLE": "<d"}


class ColumnChunk(NamedTuple):
    """What a row group has of a column, which is told by its place in the schema.

    Attributes
    ----------
    start, stop : its first byte in the file, and the one behind its last
    values : how many there are, nulls and empty lists counted
    least, largest : the bounds, as they are written
    """

    column: int
    start: int
    stop: int
    values: int
    least: bytes | None
    largest: bytes | None


def read_footer(file: io.RawIOBase) -> bytes:
    """The end of a Parquet file, which holds all of its footer if there is one."""
    with io.BufferedReader(file) as buffered:
        size = buffered.seek(0, io.SEEK_END)
        tail = _last(buffered, min(size, _TAIL))
        length = int.from_bytes(tail[-8:-4], "little") + 8
        return tail[-length:] if length <= len(tail) else _last(buffered, min(size, length))


def _last(file: io.BufferedIOBase, count: int) -> bytes:
    file.seek(-count, io.SEEK_END)
    return file.read(count)


def columns_of(metadata: pq.FileMetaData, names: Collection[str]) -> dict[int, str]:
    """The places in the schema of what columns hold, and the paths: their own, or those of all that lies in them."""
    wanted, found = set(names), {}
    schema = metadata.schema
    for place in range(metadata.num_columns):
        path = schema.column(place).path
        # A name may have dots itself.
        if path in wanted or ("." in path and any(sign == "." and path[:end] in wanted for end, sign in enumerate(path))):
            found[place] = path
    return found


def chunks_by_group(footer: bytes, metadata: pq.FileMetaData, columns: Collection[int]) -> list[list[ColumnChunk]] | None:
    """The chunks of columns in every row group; None where the footer does not tell.

    Parameters
    ----------
    footer : what `read_footer` gives
    metadata : what Arrow has read from it
    columns : their places in the schema
    """
    # Making the pattern takes as long as passing over so many without it.
    skip = skip_structure if (metadata.num_columns - len(columns)) * metadata.num_row_groups < _MANY else _skipping()

    def schema(data: bytes, at: int) -> tuple[None, int]:
        size, kind, at = begin_list(data, at)
        if kind != STRUCT:
            raise Malformed("another list than Arrow has read")
        for _ in range(size):
            at = skip(data, at)
        return None, at

    def chunks(data: bytes, at: int) -> tuple[list[ColumnChunk], int]:
        at = _begin(data, at, metadata.num_columns)
        found = []
        for column in range(metadata.num_columns):
            if column in columns:
                chunk, at = _read_chunk(data, at)
                found.append(_chunk(column, chunk[_METADATA]))
            else:
                at = skip(data, at)
        return found, at

    read_group = structure({_COLUMNS: (LIST, chunks)})

    def groups(data: bytes, at: int) -> tuple[list[list[ColumnChunk]], int]:
        at = _begin(data, at, metadata.num_row_groups)
        found = []
        for _ in range(metadata.num_row_groups):
            group, at = read_group(data, at)
            found.append(group[_COLUMNS])
        return found, at

    try:
        told, _ = structure({_SCHEMA: (LIST, schema), _ROW_GROUPS: (LIST, groups)})(footer, 0)
        found: list[list[ColumnChunk]] = told[_ROW_GROUPS]
    except (IndexError, KeyError, Malformed):
        return None
    return found


def _begin(data: bytes, at: int, count: int) -> int:
    """Where the first of so many structures in a list begins."""
    size, kind, at = begin_list(data, at)
    if (size, kind) != (count, STRUCT):
        raise Malformed("another list than Arrow has read")
    return at


@cache
def _skipping() -> Callable[[bytes, int], int]:
    """Where a column chunk or an element of the schema ends, as `skip_structure` tells, in a tenth of its time for the usual form."""
    numbers = b"|".join(b"[%s](?:%s){%d}" % (re.escape(bytes([size << 4 | I32, size << 4 | I64])), NUMBER, size) for size in range(6))
    flat = rb"%s(?:%s|%s|%s(?:%s))*+\0" % (marks(STRUCT), BOUNDS, NUMBERS, marks(LIST), numbers)
    records = b"|".join(rb"%s(?:(?:%s)*+\0){%d}" % (re.escape(bytes([size << 4 | STRUCT])), NUMBERS, size) for size in range(1, 5))
    name = texts(range(_LONGEST_NAME))
    lists = rb"%s(?:%s|\x18%s|%s)" % (marks(LIST), numbers, name, records)
    nested = rb"%s(?:%s|%s|%s)*+\0" % (marks(STRUCT), NUMBERS, lists, flat)
    match = re.compile(rb"(?:%s|%s|%s%s)*+\0" % (NUMBERS, nested, marks(BINARY), name), re.DOTALL).match

    def skip(data: bytes, at: int) -> int:
        found = match(data, at)
        return found.end() if found else skip_structure(data, at)

    return skip


def _refuse(data: bytes, at: int) -> tuple[Any, int]:
    raise Malformed("something encrypted")


_read_bounds = structure({_MAX_VALUE: (BINARY, text), _MIN_VALUE: (BINARY, text)})

_NUMBERS = dict.fromkeys((_VALUES, _SIZE, _DATA_PLACE, _DICTIONARY_PLACE), (I64, i64))

_read_chunk = structure(
    {_METADATA: (STRUCT, structure({**_NUMBERS, _STATISTICS: (STRUCT, _read_bounds)})), _CRYPTOGRAPHY: (STRUCT, _refuse)}
)


def _chunk(column: int, told: dict[int, Any]) -> ColumnChunk:
    start, dictionary = told[_DATA_PLACE], told.get(_DICTIONARY_PLACE, 0)
    if 0 < dictionary < start:
        start = dictionary
    if start < 0 or told[_SIZE] < 0:
        raise Malformed("a chunk before the file")
    bounds = {field: bound for field, bound in told.get(_STATISTICS, {}).items() if len(bound) <= _LONGEST_BOUND}
    return ColumnChunk(column, start, start + told[_SIZE], told[_VALUES], bounds.get(_MIN_VALUE), bounds.get(_MAX_VALUE))


def bounds_by_group(footer: bytes, metadata: pq.FileMetaData, names: Collection[str]) -> list[dict[str, tuple[Any, Any]]]:
    """The least and the largest value of columns in every row group, as far as they are told.

    Told are those of numbers, truth values, texts and dates; not those of times and decimals.

    Parameters
    ----------
    footer : what `read_footer` gives
    metadata : what Arrow has read from it
    names : the columns
    """
    found = columns_of(metadata, names)
    # A column may be called like what lies in another one.
    paths = Counter(found.values())
    decoders = {
        place: (path, decode)
        for place, path in found.items()
        if path in names and paths[path] == 1 and (decode := _decoder(metadata.schema.column(place))) is not None
    }
    bounds: list[dict[str, tuple[Any, Any]]] = [{} for _ in range(metadata.num_row_groups)]
    for known, chunks in zip(bounds, chunks_by_group(footer, metadata, decoders) or (), strict=False):
        for chunk in chunks:
            name, decode = decoders[chunk.column]
            pair = _pair(decode, chunk)
            if pair is not None:
                known[name] = pair
    return bounds


def _decoder(column: pq.ColumnSchema) -> Callable[[bytes], Any] | None:
    """What makes a value of the bytes in the footer; it raises a `ValueError` or a `struct.error` where they are none."""
    kind, logical = column.physical_type, column.logical_type.type
    if logical == "STRING" and kind == "BYTE_ARRAY":
        return bytes.decode
    if logical == "DATE" and kind == "INT32":
        return _date
    if kind not in _FORMATS or logical not in ("NONE", "INT"):
        return None
    layout = _FORMATS[kind].upper() if str(column.converted_type).startswith("UINT") else _FORMATS[kind]
    return lambda raw: struct.unpack(layout, raw)[0]


def _date(raw: bytes) -> dt.date:
    return dt.date.fromordinal(_EPOCH + struct.unpack("<i", raw)[0])


def _pair(decode: Callable[[bytes], Any], chunk: ColumnChunk) -> tuple[Any, Any] | None:
    if chunk.least is None or chunk.largest is None:
        return None
    try:
        low, high = decode(chunk.least), decode(chunk.largest)
    except (ValueError, struct.error):
        return None
    return (low, high) if low <= high else None  # NaN is in no order with anything.
