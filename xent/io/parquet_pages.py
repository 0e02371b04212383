"""The pages of Parquet: whether each fits into its column chunk, looked at before Arrow reads it.

A header says how long its page is. Arrow sets as much memory aside, up to 2 GB, and where the chunk ends before fills the rest with zeros,
to say only then that the page was shorter. It does so while it reads through a buffer; so the headers are read here before.

Nearly all headers of numbers have one form, which a pattern finds in a microsecond. The others are read field by field.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from xent.core.errors import DataError
from xent.io.parquet_footer import ColumnChunk
from xent.io.thrift import BOUNDS, I32, NUMBER, NUMBERS, STRUCT, Malformed, i32, marks, structure

if TYPE_CHECKING:
    import pyarrow.parquet as pq

Read = Callable[[int, int], bytes]
"""Gives so many bytes from a place in the file on, and fewer only at its end."""

_SHORT_HEADER = 128

_LONGEST_HEADER = 1 << 24
"""Bytes of a header that Arrow reads at most."""

_LONG = 1 << 17
"""Bytes of a chunk from which on making the pattern is worth its half a millisecond."""

_GROWTH = 32
"""So many times as many bytes are read where a header is longer; statistics of texts can be long."""

_LARGE = 1 << 27
"""Bytes of an unpacked page that are not asked about."""

_KIND, _UNPACKED, _SIZE = 1, 2, 3
"""Numbers of the fields of a header."""

_DATA, _DICTIONARY, _DATA_2 = 0, 2, 3
"""Kinds of pages."""

_COUNTS = {_DATA: 5, _DICTIONARY: 7, _DATA_2: 8}
"""The number of the structure in which the header of each kind says how many values there are: in its first field."""

_read_header = structure(
    {_KIND: (I32, i32), _UNPACKED: (I32, i32), _SIZE: (I32, i32)} | dict.fromkeys(_COUNTS.values(), (STRUCT, structure({1: (I32, i32)})))
)


@cache
def _usual_header() -> Callable[[bytes], re.Match[bytes] | None]:
    """Finds a header that tells no more than how its values are written, and their bounds."""
    pattern = (
        # The kind, the size once it is unpacked (in four bytes at most: no more than `_LARGE`), the size, perhaps a checksum,
        rb"\x15[\0\2\4\6]\x15[\x80-\xff]{0,3}+[\0-\x7f]\x15([\x80-\xff]{0,3}+[\0-\x7f])(?:\x15%s)?"
        # and one structure, perhaps with another one for statistics.
        rb"%s(?:%s)*+(?:%s(?:%s|%s)*+\0)?\0\0" % (NUMBER, marks(STRUCT), NUMBERS, marks(STRUCT), BOUNDS, NUMBERS)
    )
    return re.compile(pattern, re.DOTALL).match


_WIDTHS = {"BOOLEAN": 1, "INT32": 4, "INT64": 8, "INT96": 12, "FLOAT": 4, "DOUBLE": 8}

_WIDTH_BESIDES = 16
"""Bytes of a value for what else a page may hold of it: levels, and indices in runs."""

_MISSING = 100
"""Writers of old left the header of the dictionary out of the size of a chunk. Arrow reads so many bytes more of theirs."""


class Pages:
    """The pages of one column chunk, of which so many have been looked at.

    Parameters
    ----------
    chunk : the chunk
    metadata : what Arrow has read from the footer
    read : what gives the bytes of the file
    name : what the file is called in errors
    """

    def __init__(self, chunk: ColumnChunk, metadata: pq.FileMetaData, read: Read, name: str) -> None:
        column = metadata.schema.column(chunk.column)
        self.start = self._next = chunk.start
        self.stop = chunk.stop
        self._name = f"{name}: column {column.path!r}"
        self._width = _WIDTHS.get(column.physical_type) or column.length  # That of texts is 0.
        self._left = self._values = chunk.values
        self._may_be_short = _is_from_parquet_mr(metadata)
        if self._may_be_short:
            self.stop += _MISSING
        self._read = read

    def check(self) -> None:
        """Looks at the headers of all pages, as `check_until` does."""
        is_long = self.stop - self.start > _LONG
        if self._may_be_short or not (is_long and self._are_usual()):
            self.check_until(self.stop)

    def _are_usual(self) -> bool:
        """Whether all headers have the usual form, and the last page ends where the chunk does."""
        at, stop, read, match = self.start, self.stop, self._read, _usual_header()
        while at < stop:
            found = match(read(_SHORT_HEADER, at))
            if found is None:
                return False
            size = shift = 0
            for byte in found[1]:
                size |= (byte & 0x7F) << shift
                shift += 7
            at += found.end() + (size >> 1)
        return at == stop

    def check_until(self, stop: int) -> None:
        """Looks at the headers that begin before a place in the file, as far as values are missing: Arrow reads no others.

        Raises
        ------
        DataError
            A header cannot be read, or claims more than there is.
        """
        stop = min(stop, self.stop)
        while self._next < stop and self._left > 0:
            kind, size, unpacked, values, behind = self._header()
            left = max(0, self.stop - behind)
            if not 0 <= size <= left + _MISSING:
                raise self._fault(f"claims {size:,} bytes, and its chunk has {left:,} more")
            # What is no longer than its values can be is good, however little room it takes where it is packed.
            if self._width and unpacked > _LARGE + min(values, self._values) * (self._width + _WIDTH_BESIDES):
                raise self._fault(f"claims {unpacked:,} bytes for {min(values, self._values):,} values")
            self._next = behind + size
            self._left -= 0 if kind == _DICTIONARY else values

    def _header(self) -> tuple[int, int, int, int, int]:
        """Of the next page its kind, its size, that once it is unpacked, the number of its values, and where its header ends."""
        size = _SHORT_HEADER
        while True:
            data = self._read(min(size, self.stop - self._next), self._next)
            try:
                header, length = _read_header(data, 0)
                kind = header[_KIND]
                values = header[_COUNTS[kind]][1] if kind in _COUNTS else 0
                return kind, header[_SIZE], header[_UNPACKED], values, self._next + length
            except IndexError as error:
                if len(data) < size or size >= _LONGEST_HEADER:
                    raise self._fault("ends within its header") from error
                size *= _GROWTH
            except KeyError as error:
                raise self._fault(f"has a header without field {error}") from error
            except Malformed as error:
                raise self._fault(f"has a header with {error}") from error

    def _fault(self, what: str) -> DataError:
        return DataError(f"{self._name}: the page at byte {self._next:,} {what}")


def _is_from_parquet_mr(metadata: pq.FileMetaData) -> bool:
    """Whether the writer may be one whose chunks are longer than it says."""
    try:
        return "parquet-mr" in metadata.created_by.lower()
    except UnicodeDecodeError:
        return True


class CheckedFile(io.RawIOBase):
    """A file far away, whose pages are looked at as the reading comes to them: nothing is fetched twice."""

    def __init__(self, file: io.RawIOBase, chunks: Sequence[ColumnChunk], metadata: pq.FileMetaData, name: str) -> None:
        self._file = file
        read = partial(_read_at, file)  # Not one of its own: it would live until the garbage is collected.
        self._pages = [Pages(chunk, metadata, read, name) for chunk in chunks]

    def readinto(self, buffer: Any) -> int:
        at = self.tell()
        count = self._file.readinto(buffer) or 0
        for pages in self._pages:
            if pages.start <= at < pages.stop:
                pages.check_until(at + count)
        self.seek(at + count)
        return count

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._file.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def close(self) -> None:
        self._file.close()
        super().close()


def _read_at(file: io.RawIOBase, size: int, at: int) -> bytes:
    file.seek(at)
    return file.read(size) or b""


def check_pages(file: io.FileIO, chunks: Sequence[ColumnChunk], metadata: pq.FileMetaData, name: str) -> None:
    """Looks at all pages of some column chunks of a local file.

    Parameters
    ----------
    file : the file
    chunks : the column chunks
    metadata : what Arrow has read from the footer
    name : what the file is called in errors

    Raises
    ------
    DataError
        A header cannot be read, or claims more than there is.
    """
    # Windows has no such call; elsewhere it saves every other one.
    read = partial(os.pread, file.fileno()) if hasattr(os, "pread") else partial(_read_at, file)
    for chunk in chunks:
        Pages(chunk, metadata, read, name).check()
