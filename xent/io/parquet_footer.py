"""Where the columns of a Parquet file lie, and between which bounds their values are: read from its footer without Arrow.

Arrow ends the process where what it is asked about a column does not hold together: a bound that is shorter than its type, say. So it
is not asked. The footer is one structure of Thrift's compact protocol, which has no index, and walking through all of it would take long.
But only columns have paths, which are lists of texts; the bytes that begin such a list are looked for, and what follows the paths that are
wanted is read field by field. A footer that is damaged, or written in a way that no writer is known for, tells nothing: all rows are read.
"""

from __future__ import annotations

import datetime as dt
import io
import re
import struct
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import pyarrow.parquet as pq

_TAIL = 1 << 16
"""Bytes that are read at once from the end of a file; most footers are shorter."""

_END, _TRUE, _FALSE, _I32, _I64, _BINARY, _STRUCT = 0, 1, 2, 5, 6, 8, 12
"""Types of the compact protocol: the lower half of the byte that stands before a field. The upper half is the step to its number."""

_PATH = b"\x19[\x18\x28\x38\x48\x58\x68\x78\x88\x98\xa8\xb8\xc8\xd8\xe8]"
"""A list, one field after the one before, of up to 14 texts: as a regular expression."""

_FEW = 16

_PATH_FIELD, _SIZE, _DATA_PLACE, _DICTIONARY_PLACE, _STATISTICS = 3, 7, 9, 11, 12
"""Numbers of the fields of a column chunk."""

_MAX_VALUE, _MIN_VALUE = 5, 6
"""Numbers of the fields of its statistics. Those of older files, 1 and 2, are not read: writers did not agree on their order."""

_LONGEST_NUMBER = 10

_LONGEST_BOUND = 1 << 12

_EPOCH = dt.date(1970, 1, 1).toordinal()

_FORMATS = {"BOOLEAN": "<?", "INT32": "<i", "INT64": "<q", "FLOAT": "<f", "DOUBLE": "<d"}


class ColumnChunk(NamedTuple):
    """What a row group has of a column: its first byte in the file, the one behind its last, and its bounds as they are written."""

    start: int
    stop: int
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


def chunks_by_group(footer: bytes, groups: int, names: Collection[str]) -> dict[str, list[list[ColumnChunk]]]:
    """The chunks of columns in every row group, by the name of the column; of one with several values a row there may be several.

    Parameters
    ----------
    footer : what `read_footer` gives
    groups : the number of row groups
    names : columns; those of which the footer does not tell are left out
    """
    if not names:
        return {}
    raw = {name.encode("utf-8", "surrogatepass"): name for name in names}
    found: dict[str, list[ColumnChunk]] = {name: [] for name in names}
    # Those of all other columns are passed over faster this way, if there are few to compare with.
    wanted = b"(?=.{1,2}(?:" + b"|".join(map(re.escape, raw)) + b"))" if len(raw) <= _FEW else b""
    try:
        for match in re.finditer(_PATH + wanted, footer, re.DOTALL):
            length, start = _length(footer, match.end())
            name = raw.get(footer[start : start + length])
            if name is not None:
                found[name].append(_chunk(footer, start + length, depth=footer[match.start() + 1] >> 4))
    except (IndexError, KeyError):
        return {}  # It is cut off, or lacks what every chunk has.
    told: dict[str, list[list[ColumnChunk]]] = {}
    for name, chunks in found.items():
        if chunks and groups and not len(chunks) % groups:
            each = len(chunks) // groups
            told[name] = [chunks[first : first + each] for first in range(0, len(chunks), each)]
    return told


def _chunk(footer: bytes, at: int, depth: int) -> ColumnChunk:
    """The chunk of which the first name of so many in its path ends here."""
    for _ in range(depth - 1):
        length, at = _length(footer, at)
        at += length
    numbers: dict[int, int] = {}
    field, kind, at = _field(footer, at, _PATH_FIELD)
    while kind in (_I32, _I64):
        number, at = _length(footer, at)
        numbers[field] = (number >> 1) ^ -(number & 1)  # The sign is the lowest bit.
        field, kind, at = _field(footer, at, field)
    texts = _texts(footer, at) if (field, kind) == (_STATISTICS, _STRUCT) else {}
    start = min(numbers[_DATA_PLACE], numbers.get(_DICTIONARY_PLACE) or numbers[_DATA_PLACE])
    return ColumnChunk(start, start + numbers[_SIZE], texts.get(_MIN_VALUE), texts.get(_MAX_VALUE))


def _texts(footer: bytes, at: int) -> dict[int, bytes]:
    """The fields of a structure that are texts or bytes; none, if it holds what statistics do not."""
    found: dict[int, bytes] = {}
    field, kind, at = _field(footer, at, 0)
    while kind != _END:
        if kind == _BINARY:
            length, at = _length(footer, at)
            if length <= _LONGEST_BOUND:
                found[field] = footer[at : at + length]
            at += length
        elif kind in (_I32, _I64):
            _, at = _length(footer, at)
        elif kind not in (_TRUE, _FALSE):
            return {}
        field, kind, at = _field(footer, at, field)
    return found


def _field(footer: bytes, at: int, before: int) -> tuple[int, int, int]:
    """The number and type of a field, and where its value begins, given the number of the one before it."""
    return before + (footer[at] >> 4), footer[at] & 0x0F, at + 1


def _length(footer: bytes, at: int) -> tuple[int, int]:
    """A number without a sign, and where it ends: seven bits a byte, the lowest first."""
    number = footer[at] & 0x7F
    for shift in range(7, 7 * _LONGEST_NUMBER, 7):
        if footer[at] < 0x80:
            break
        at += 1
        number |= (footer[at] & 0x7F) << shift
    return number, at + 1


def bounds_by_group(footer: bytes, metadata: pq.FileMetaData, names: Collection[str]) -> list[dict[str, tuple[Any, Any]]]:
    """The least and the largest value of columns in every row group, as far as they are told.

    Told are those of numbers, truth values, texts and dates; not those of times and decimals.

    Parameters
    ----------
    footer : what `read_footer` gives
    metadata : what Arrow has read from it
    names : the columns
    """
    schema = [metadata.schema.column(at) for at in range(metadata.num_columns)]
    # A column may be called like what lies in another one.
    paths = Counter(column.path for column in schema)
    kinds = {column.path: column for column in schema if column.path in names and paths[column.path] == 1}
    bounds: list[dict[str, tuple[Any, Any]]] = [{} for _ in range(metadata.num_row_groups)]
    for name, chunks in chunks_by_group(footer, len(bounds), kinds).items():
        decode = _decoder(kinds[name])
        if decode is not None:
            for known, found in zip(bounds, chunks, strict=True):
                pair = _pair(decode, found)
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


def _pair(decode: Callable[[bytes], Any], chunks: Sequence[ColumnChunk]) -> tuple[Any, Any] | None:
    if len(chunks) > 1 or chunks[0].least is None or chunks[0].largest is None:
        return None
    try:
        low, high = decode(chunks[0].least), decode(chunks[0].largest)
    except (ValueError, struct.error):
        return None
    return (low, high) if low <= high else None  # NaN is in no order with anything.
