"""NPY and NPZ: the header is checked against the size, blocks are read into memory, nothing is unpickled or mapped."""

from __future__ import annotations

import ast
import contextlib
import io
import os
import warnings
import zipfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from xent.core.errors import DataError
from xent.io.places import Place, Stretch
from xent.io.shards import WHOLE as WHOLE_SOURCE
from xent.io.shards import Share
from xent.io.tables import Chunk, Field, Kind, Part, Table, reading, rows_per_chunk

if TYPE_CHECKING:
    import numpy.typing as npt

    _Seekable = io.RawIOBase | io.BufferedRandom

WHOLE = "array"
"""The name of the only column of an NPY file."""

_PART_ROWS_BYTES = 64 << 20
"""About how many bytes of a large array make a part that a thread takes for itself."""

_LONGEST_HEADER = 1 << 16


class Header:
    """What an NPY header says: where the values start, their type, shape and order."""

    def __init__(self, name: str, stream: IO[bytes] | io.RawIOBase) -> None:
        magic = stream.read(8)
        if magic[:6] != b"\x93NUMPY" or len(magic) < 8:
            raise DataError(f"{name}: is not an NPY file")
        width = {1: 2, 2: 4, 3: 4}.get(magic[6])
        if width is None:
            raise DataError(f"{name}: NPY version {magic[6]}.{magic[7]} is not known")
        length = int.from_bytes(stream.read(width), "little")
        text = stream.read(min(length, _LONGEST_HEADER))
        self.offset = 8 + width + length
        try:
            with warnings.catch_warnings():
                # Python warns of literals that it finds odd; a header has none.
                warnings.simplefilter("error")
                parsed = ast.literal_eval(text.decode("utf-8" if magic[6] == 3 else "latin-1"))
            self.fortran, self.shape = bool(parsed["fortran_order"]), tuple(parsed["shape"])
            descr = parsed["descr"]
            self.dtype = np.dtype(descr if isinstance(descr, str) else [tuple(field) for field in descr])
        except (ValueError, SyntaxError, KeyError, TypeError, RecursionError, MemoryError) as error:
            raise DataError(f"{name}: the NPY header cannot be read") from error
        if any(type(size) is not int for size in self.shape):
            raise DataError(f"{name}: the NPY header cannot be read: its shape is {self.shape}")
        if self.dtype.hasobject:
            raise DataError(f"{name}: holds pickled Python objects, which are never loaded; save numbers or booleans")
        if self.dtype.kind not in "biuf" or self.dtype.itemsize > 8:
            raise DataError(f"{name}: holds {self.dtype}, not numbers or booleans of at most 64 bits")
        if not self.shape or any(size < 0 for size in self.shape):
            raise DataError(f"{name}: an array of shape {self.shape} has no rows")
        if not self.row_values:
            raise DataError(f"{name}: the rows of an array of shape {self.shape} hold no values")

    @property
    def rows(self) -> int:
        return int(self.shape[0])

    @property
    def row_values(self) -> int:
        """The number of values in a row."""
        return int(np.prod(self.shape[1:], dtype=object))

    @property
    def rows_lie_apart(self) -> bool:
        """Whether the values of a row are spread over the whole array."""
        return self.fortran and len(self.shape) > 1

    @property
    def row_bytes(self) -> int:
        return self.row_values * self.dtype.itemsize

    def field(self, name: str) -> Field:
        """The array as a column."""
        kind: Kind = "list" if len(self.shape) > 1 else {"b": "boolean", "f": "float"}.get(self.dtype.kind, "integer")  # type: ignore[assignment]
        inner = "x".join(str(size) for size in self.shape[1:])
        return Field(name, f"{self.dtype.name}[{inner}]" if inner else self.dtype.name, kind, self.row_values)

    def shaped(self, raw: npt.NDArray[Any], rows: int) -> npt.NDArray[Any]:
        """Values in the file's order as rows, in the machine's byte order."""
        block = raw.reshape((rows, *self.shape[1:]), order="F" if self.fortran else "C")
        return block if self.dtype.isnative else block.astype(self.dtype.newbyteorder("="))


class NpyTable(Table):
    """One NPY file: a table of one column, as many-dimensional as the array."""

    is_enterable = True

    def __init__(self, place: Place) -> None:
        self.name = place.name
        self._place = place
        with reading(self.name), place.open_file(()) as file:
            self._header = Header(self.name, file)
            found, expected = file.seek(0, os.SEEK_END), self._header.offset + self._header.rows * self._header.row_bytes
        if found != expected:
            what = "is truncated" if found < expected else "is longer than its header says"
            raise DataError(f"{self.name}: {what}: {found} bytes where an array of shape {self._header.shape} takes {expected}")
        self.fields = [self._header.field(WHOLE)]
        self.rows = self._header.rows

    def parts(self, columns: Sequence[str], chunk_rows: int | None, share: Share = WHOLE_SOURCE) -> list[Part]:
        size = rows_per_chunk(chunk_rows, self._header.row_bytes)
        usual = rows_per_chunk(None, self._header.row_bytes)
        stretch = max(1, _PART_ROWS_BYTES // max(1, self._header.row_bytes) // usual) * usual
        begin, end = share.range(self._header.rows)
        stretches = [(first, min(first + stretch, end)) for first in range(begin, end, stretch)]
        return [
            Part(partial(self._read, first, stop, size), partial(self._read, first, stop, size), stop - first) for first, stop in stretches
        ]

    def _read(self, first: int, stop: int, size: int, skip: int = 0) -> Iterator[Chunk]:
        read = _read_across if self._header.rows_lie_apart else _read_rows
        with reading(self.name), self._place.open_file(self._stretches(first + skip, stop)) as file:
            for start in range(first + skip, stop, size):
                rows = min(size, stop - start)
                yield Chunk(start, rows, {WHOLE: self._header.shaped(read(self.name, file, self._header, start, rows), rows)})

    def _stretches(self, first: int, stop: int) -> list[Stretch]:
        """Where in the file some rows lie."""
        header = self._header
        if not header.rows_lie_apart:
            return [(header.offset + first * header.row_bytes, header.offset + stop * header.row_bytes)]
        lines = (header.offset + at * header.rows * header.dtype.itemsize for at in range(header.row_values))
        return [(line + first * header.dtype.itemsize, line + stop * header.dtype.itemsize) for line in lines]


def _read_rows(name: str, file: _Seekable, header: Header, start: int, rows: int) -> npt.NDArray[Any]:
    raw = np.empty(rows * header.row_values, dtype=header.dtype)
    _fill(name, file, header.offset + start * header.row_bytes, raw)
    return raw


def _read_across(name: str, file: _Seekable, header: Header, start: int, rows: int) -> npt.NDArray[Any]:
    """Rows of an array in Fortran order, which lie apart, one stretch for each value of a row."""
    raw = np.empty((header.row_values, rows), dtype=header.dtype)
    for at, line in enumerate(raw):
        _fill(name, file, header.offset + (at * header.rows + start) * header.dtype.itemsize, line)
    return raw.reshape(-1)


def _fill(name: str, file: _Seekable, offset: int, values: npt.NDArray[Any]) -> None:
    view = memoryview(values.view(np.uint8).data)
    done = 0
    file.seek(offset)
    while done < len(view):
        count = file.readinto(view[done:])
        if not count:
            raise DataError(f"{name}: ends at byte {offset + done}, before the last row; was it cut off while it was read?")
        done += count


class NpzTable(Table):
    """One NPZ file: its arrays are columns, read beside each other."""

    def __init__(self, place: Place) -> None:
        self.name = place.name
        self._place = place
        with reading(self.name):
            self._archive = zipfile.ZipFile(place.open_seekable())
            members = [name for name in self._archive.namelist() if name.endswith(".npy")]
            if twice := [name for name in members if members.count(name) > 1]:
                raise DataError(f"{self.name}: holds {twice[0]} more than once")
            self._members = {name.removesuffix(".npy"): name for name in members}
            self._headers = {column: self._header(member) for column, member in self._members.items()}
        if not self._headers:
            raise DataError(f"{self.name}: holds no arrays")
        self.fields = [header.field(name) for name, header in self._headers.items()]

    def _header(self, member: str) -> Header:
        with self._archive.open(member) as stream:
            header = Header(f"{self.name}: {member}", stream)
        found, expected = self._archive.getinfo(member).file_size, header.offset + header.rows * header.row_bytes
        if found != expected:
            raise DataError(f"{self.name}: {member} has {found} bytes where an array of shape {header.shape} takes {expected}")
        return header

    def parts(self, columns: Sequence[str], chunk_rows: int | None, share: Share = WHOLE_SOURCE) -> list[Part]:
        headers = {name: self._headers[name] for name in dict.fromkeys(columns)}
        lengths = {name: header.rows for name, header in headers.items()}
        if len(set(lengths.values())) > 1:
            raise DataError(f"{self.name}: the arrays have different lengths: " + ", ".join(f"{name} {n}" for name, n in lengths.items()))
        size = rows_per_chunk(chunk_rows, sum(header.row_bytes for header in headers.values()))
        begin, end = share.range(next(iter(lengths.values()), 0))
        return [Part(partial(self._read, headers, size, begin, end), rows=end - begin)]

    def _read(self, headers: dict[str, Header], size: int, begin: int, end: int) -> Iterator[Chunk]:
        with reading(self.name), contextlib.ExitStack() as opened:
            sources = {name: self._rows_of(name, header, opened) for name, header in headers.items()}
            # Members are streams: what stands before a share is read and dropped.
            for start in (*range(0, begin, size), *range(begin, end, size)):
                rows = min(size, (begin if start < begin else end) - start)
                columns = {name: take(rows) for name, take in sources.items()}
                if start >= begin:
                    yield Chunk(start, rows, columns)

    def _rows_of(self, name: str, header: Header, opened: contextlib.ExitStack) -> Callable[[int], npt.NDArray[Any]]:
        """A function that gives the next rows of a member."""
        stream = opened.enter_context(self._archive.open(self._members[name]))
        if header.rows_lie_apart:
            # A compressed stream cannot be read across, and the whole member may be larger than the memory.
            spread = opened.enter_context(_unpacked(stream))
            given = 0

            def take_across(rows: int) -> npt.NDArray[Any]:
                nonlocal given
                given += rows
                return header.shaped(_read_across(self.name, spread, header, given - rows, rows), rows)

            return take_across
        stream.read(header.offset)

        def take(rows: int) -> npt.NDArray[Any]:
            return header.shaped(np.frombuffer(stream.read(rows * header.row_bytes), dtype=header.dtype), rows)

        return take


def _unpacked(stream: IO[bytes]) -> io.BufferedRandom:
    """The bytes of a stream in a file without a name, which nobody has to clear away."""
    import shutil
    import tempfile

    file = tempfile.TemporaryFile(prefix="xent-")  # noqa: SIM115  # The caller closes it.
    shutil.copyfileobj(stream, file, 1 << 20)
    file.flush()
    return file


def open_npy(place: Place) -> NpyTable:
    """Opens an NPY file."""
    return NpyTable(place)


def open_npz(place: Place) -> NpzTable:
    """Opens an NPZ file."""
    return NpzTable(place)
