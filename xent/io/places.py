"""Where bytes come from: a file, a URL, a pipe or standard input, plain or compressed."""

from __future__ import annotations

import codecs
import io
import os
import stat
import sys
import weakref
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

from xent.core.errors import DataError, NothingEvaluated, UsageError
from xent.io.tables import reading
from xent.io.urls import is_url, path_of, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

Stretch = tuple[int, int]
"""A part of a file: its first byte and the one behind its last."""

STDIN = "-"

Compression = Literal["gzip", "zstd", "bz2"]

COMPRESSIONS: dict[str, Compression] = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2"}
_MAGIC: dict[bytes, Compression] = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bz2"}

SUFFIXES = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".npy": "npy",
    ".npz": "npz",
    ".jsonl": "jsonl",
}
"""The format of a file by the end of its name."""

_FIRST_BYTES = {b"PAR1": "parquet", b"ARROW1": "arrow", b"\x93NUMPY": "npy", b"PK\x03\x04": "npz", b"\xff\xff\xff\xff": "arrow"}
"""The format by the first bytes, for standard input and names that do not tell."""

_LEAST_COMPRESSED = 4096
_MOST_COMPRESSED = 1 << 21
"""So many bytes of a compressed pipe are looked at for its first ones, at least and at most; a block of bzip2 takes up to 900 kB."""

TEXT_FORMATS = ("csv", "tsv", "jsonl")
"""The formats that are read from compressed files too."""

_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")


def open_source(source: str, input_format: str | None = None, *, retries: int = 0) -> Place:
    """The place that a path, a URL or "-" names.

    Parameters
    ----------
    source : one of those that `xent.io.sources.expand` gives
    input_format : a reader's name; None goes by suffix and first bytes
    retries : how often to try again where a store or server fails for a reason that may pass

    Raises
    ------
    UsageError
        The format cannot be told, or the URL is of a kind that is not read.
    DataError
        It cannot be opened.
    NothingEvaluated
        It is empty.
    """
    if not is_url(source):
        return Place(source, input_format)
    # What is far away costs those alone who read it.
    from xent.io.remote import RemotePlace

    return RemotePlace(source, input_format, retries)


class Place:
    """One source of bytes.

    A regular file can be opened as often as one likes. Standard input and pipes give their bytes once: what `head` has looked at is
    given again by `open_stream`, and `open_seekable` copies them to a temporary file, since some formats start at the end.
    """

    is_remote = False
    """Whether bytes come from far enough that only those should be asked for that are needed."""

    version = ""
    """What tells one content of the place from another, where the store has a name for it."""

    def __init__(self, path: str, input_format: str | None = None) -> None:
        self.path = path
        self.name = "standard input" if path == STDIN else shown(path)
        self._pipe: IO[bytes] | None = None
        self._head = b""
        self._copy: Any = None
        with reading(self.name):
            self._connect()
        suffixes = [suffix.lower() for suffix in Path(path_of(path)).suffixes]
        self.compression = COMPRESSIONS.get(suffixes[-1]) if suffixes else None
        unnamed = self._pipe is not None or (self.is_remote and not (suffixes and suffixes[-1] in SUFFIXES))
        if self.compression is None and unnamed:
            first = self._raw_head(4)
            self.compression = next((name for magic, name in _MAGIC.items() if first.startswith(magic)), None)
        self.format = input_format or self._format(suffixes)
        if self.size() == 0:
            raise NothingEvaluated(f"{self.name}: the file is empty")
        if self.compression and self.format not in TEXT_FORMATS:
            raise UsageError(f"{self.name}: {self.format} is not read from compressed files; it is compressed inside")

    def _connect(self) -> None:
        """Sees what is there."""
        if self.path == STDIN:
            self._pipe = sys.stdin.buffer
            return
        mode = Path(self.path).stat().st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(21, "is a directory")
        if not stat.S_ISREG(mode):
            self._pipe = Path(self.path).open("rb")  # noqa: SIM115  # Readers outlive this call.
            weakref.finalize(self, self._pipe.close)

    def _format(self, suffixes: list[str]) -> str:
        if self.compression and suffixes and suffixes[-1] in COMPRESSIONS:
            suffixes = suffixes[:-1]
        if suffixes and suffixes[-1] in SUFFIXES:
            return SUFFIXES[suffixes[-1]]
        first = self.head(8)
        for magic, name in _FIRST_BYTES.items():
            if first.startswith(magic):
                return name
        if first.lstrip()[:1] == b"{":
            return "jsonl"
        if not first:
            raise NothingEvaluated(f"{self.name}: there is nothing in it")
        raise UsageError(f"{self.name}: the format cannot be told; pass --input-format ({', '.join(sorted(set(SUFFIXES.values())))})")

    def head(self, size: int) -> bytes:
        """The first bytes, decompressed; fewer than `size` only where there are no more."""
        with reading(self.name):
            if self._pipe is None:
                with self.open_stream() as stream:
                    return _read_exactly(stream, size)
            return self._raw_head(size)[:size] if self.compression is None else self._decompressed_head(size)

    def _decompressed_head(self, size: int) -> bytes:
        """The first bytes of a compressed pipe; how many of its own they take is not known before."""
        import pyarrow as pa

        assert self.compression is not None
        wanted = max(size, _LEAST_COMPRESSED)
        while True:
            raw = self._raw_head(wanted)
            data, fault = _read_what_there_is(pa.CompressedInputStream(pa.BufferReader(raw), self.compression), size)
            if len(data) == size or len(raw) < wanted or wanted > 2 * size + _MOST_COMPRESSED:
                break
            wanted *= 2
        if fault is not None and not data:
            raise fault
        return data

    def _raw_head(self, size: int) -> bytes:
        assert self._pipe is not None
        if len(self._head) < size:
            self._head += _read_exactly(self._pipe, size - len(self._head))
        return self._head

    def open_stream(self) -> Any:
        """The bytes from the start, decompressed, to be read once in order."""
        import pyarrow as pa

        with reading(self.name):
            if self._pipe is None:
                file = self._arrow_file(None)
                return pa.CompressedInputStream(pa.BufferedInputStream(file, 1 << 20), self.compression) if self.compression else file
            whole = pa.PythonFile(io.BufferedReader(_Rejoined(self._head, self._pipe), 1 << 20), mode="r")
            return pa.CompressedInputStream(whole, self.compression) if self.compression else whole

    def open_seekable(self, stretches: Sequence[Stretch] | None = None) -> Any:
        """The bytes as a file that can be read at any place. It is not mapped: a mapped file that shrinks kills the process.

        Parameters
        ----------
        stretches : where the reading will be done, each from its start to its end, if that is known; matters far away only
        """
        with reading(self.name):
            return self._arrow_file(stretches)

    def _arrow_file(self, stretches: Sequence[Stretch] | None) -> Any:
        import pyarrow as pa

        return pa.OSFile(_for_arrow(self._seekable_path()), "rb")

    def open_file(self, stretches: Sequence[Stretch] | None = None) -> io.RawIOBase:
        """The same as an unbuffered file of Python's."""
        with reading(self.name):
            return Path(self._seekable_path()).open("rb", buffering=0)

    def expect(self, stretches: Sequence[Stretch]) -> None:
        """Says that a file with these stretches will be opened soon."""

    def size(self) -> int | None:
        """The number of bytes, as stored; None for a pipe."""
        return None if self._pipe is not None else Path(self.path).stat().st_size

    def open_range(self, begin: int, end: int) -> Any:
        """The bytes of a plain file from one offset to another, to be read once in order."""
        with reading(self.name):
            return self._arrow_file([(begin, end)]).get_stream(begin, end - begin)

    @property
    def is_plain(self) -> bool:
        """Whether the bytes are stored as they are read, and can be read from any place."""
        return self._pipe is None and self.compression is None

    @property
    def is_pipe(self) -> bool:
        """Whether the bytes can be had only once."""
        return self._pipe is not None

    def _seekable_path(self) -> str:
        if self._copy is None:
            if self._pipe is None:
                return self.path
            import shutil

            # A stream may have no end; one of another format is not waited for.
            if not any(self._raw_head(8).startswith(magic) for magic, name in _FIRST_BYTES.items() if name == self.format):
                raise DataError(f"{self.name}: is no {self.format} file")
            self._copy = self._temporary_file()
            self._copy.write(self._head)
            shutil.copyfileobj(self._pipe, self._copy, 1 << 20)
            self._copy.flush()
        return f"/proc/self/fd/{self._copy.fileno()}"

    def _temporary_file(self) -> IO[bytes]:
        """A file that lives as long as the place. It has no name, so it cannot be left behind; it is opened again by its descriptor."""
        import tempfile

        file = tempfile.TemporaryFile(prefix="xent-")  # noqa: SIM115
        weakref.finalize(self, file.close)
        return file


class _Rejoined(io.RawIOBase):
    """What was looked at already, and then the rest of a pipe."""

    def __init__(self, head: bytes, rest: IO[bytes]) -> None:
        self._head = memoryview(head)
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._head:
            count = min(len(buffer), len(self._head))
            buffer[:count] = self._head[:count]
            self._head = self._head[count:]
            return count
        data = self._rest.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def _for_arrow(path: str) -> Any:
    """A path as Arrow takes those that are not UTF-8, which its types do not tell."""
    return os.fsencode(path)


def decoded_head(name: str, head: bytes, *, whole: bool) -> str:
    """The first bytes of a text, without a byte-order mark; where they are not the whole, the last character may be cut off.

    Raises
    ------
    DataError
        They are not UTF-8.
    """
    if head.startswith(_WIDE_MARKS):
        raise DataError(f"{name}: is UTF-16 or UTF-32, and only UTF-8 is read; iconv -f UTF-16 -t UTF-8 changes it")
    try:
        return codecs.getincrementaldecoder("utf-8-sig")().decode(head, final=whole)
    except UnicodeDecodeError as error:
        raise DataError(f"{name}: is not UTF-8 at byte {error.start}") from error


def _read_exactly(stream: Any, size: int) -> bytes:
    # Arrow's `read` never frees what it was about to fill where it fails.
    data, done = bytearray(size), 0
    while done < size and (count := stream.readinto(memoryview(data)[done:])):
        done += count
    return bytes(data[:done])


def _read_what_there_is(stream: Any, size: int) -> tuple[bytes, OSError | None]:
    """Up to `size` bytes of a compressed stream that may be cut off, and what ended it before."""
    data = b""
    try:
        while len(data) < size and (part := stream.read(min(4096, size - len(data)))):
            data += part
    except OSError as error:
        return data, error
    return data, None
