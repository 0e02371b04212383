"""What every reader offers: a table of named columns, read in chunks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from xent.core.errors import DataError, XentError
from xent.io.shards import BLOCK_ROWS, WHOLE, Share
from xent.io.urls import scrubbed

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

    Column = pa.Array[Any] | npt.NDArray[Any]

Kind = Literal["integer", "float", "boolean", "text", "list", "other"]

CHUNK_BYTES = 2 << 20
"""The size of a chunk where no number of rows was asked for: large enough to hide the cost of a call, small enough to stay cheap."""

MOST_ROWS = 1 << 16


class Field(NamedTuple):
    """A column: its name, its type as it is shown, what kind of values it holds, and how many in a row.

    `width` is None where rows may differ in length, or where the file does not say.
    """

    name: str
    type: str
    kind: Kind
    width: int | None = 1


class Chunk(NamedTuple):
    """Some rows of a table: the number of the first, how many there are, and the columns that were asked for."""

    first: int
    rows: int
    columns: Mapping[str, Column]

    def between(self, start: int, stop: int) -> Chunk:
        """The rows from `start` to `stop`, counted in the chunk."""
        if (start, stop) == (0, self.rows):
            return self
        return Chunk(self.first + start, stop - start, {name: values[start:stop] for name, values in self.columns.items()})


class Piece(NamedTuple):
    """Some rows that follow each other, cut out of a table; whoever takes them decodes them, by reading their chunks."""

    rows: int
    read: Callable[[], Iterator[Chunk]]


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a table that can be read by itself, beside others; calling it starts the reading, behind so many of its rows.

    Attributes
    ----------
    read : gives the chunks of the stretch in order
    read_behind : gives those behind so many rows, where the format can find the place faster than by reading up to it
    rows : how many there are, where it is known before reading
    cut : gives the rows behind so many as pieces, where a format can find these without decoding them
    step : gives one piece and the place behind it, an offset with the number of the row there, for any place from (0, 0) on; None where
        nothing is left. Formats have it of which pieces can be found and entered anywhere
    """

    read: Callable[[], Iterator[Chunk]]
    read_behind: Callable[[int], Iterator[Chunk]] | None = None
    rows: int | None = None
    cut: Callable[[int], Iterator[Piece]] | None = None
    step: Callable[[tuple[int, int]], tuple[Piece, tuple[int, int]] | None] | None = None

    def __call__(self, skip: int = 0) -> Iterator[Chunk]:
        if not skip:
            return self.read()
        return _behind(self.read(), skip) if self.read_behind is None else self.read_behind(skip)

    def pieces(self, skip: int = 0, *, shared: bool) -> Iterator[Piece]:
        """The same as pieces; `shared` tells that several threads will take them, which is worth the search for where to cut."""
        if shared and self.cut is not None:
            return self.cut(skip)
        return (Piece(chunk.rows, partial(iter, (chunk,))) for chunk in self(skip))


def _behind(chunks: Iterator[Chunk], skip: int) -> Iterator[Chunk]:
    for chunk in chunks:
        if skip < chunk.rows:
            yield chunk.between(skip, chunk.rows)
        skip = max(0, skip - chunk.rows)


def pieces_behind(pieces: Iterator[Piece], skip: int) -> Iterator[Piece]:
    """The pieces behind so many rows."""
    for piece in pieces:
        if skip < piece.rows:
            yield Piece(piece.rows - skip, partial(_piece_behind, piece, skip)) if skip else piece
        skip = max(0, skip - piece.rows)


def _piece_behind(piece: Piece, skip: int) -> Iterator[Chunk]:
    return _behind(piece.read(), skip)


def dealt(chunks: Iterator[Chunk], share: Share) -> Iterator[Chunk]:
    """Of all chunks of a source, the blocks of rows that a share has."""
    for chunk in chunks:
        start = 0
        while start < chunk.rows:
            block = (chunk.first + start) // BLOCK_ROWS
            stop = min(chunk.rows, (block + 1) * BLOCK_ROWS - chunk.first)
            if share.has_block(block):
                yield chunk.between(start, stop)
            start = stop


class Table:
    """One opened source; every reader has a subclass."""

    name: str
    fields: Sequence[Field]
    rows: int | None = None
    contiguous: bool = True
    """Whether a share of it is one stretch of its rows."""

    is_enterable: bool = False
    """Whether any row is found at once, without reading those before it."""

    def parts(self, columns: Sequence[str], chunk_rows: int | None, share: Share = WHOLE) -> list[Part]:
        """Stretches of the table that together are all of it, or a share of it, in order; `columns` are the only ones read.

        The stretches do not depend on `chunk_rows`.
        """
        raise NotImplementedError

    def restrict(self, columns: Collection[str], may_hold: Callable[[Mapping[str, tuple[Any, Any]]], bool]) -> None:
        """Says which stretches cannot matter, by the least and largest values of columns. Formats that know them skip such stretches."""

    def declare(self, *, texts: Collection[str], numbers: Collection[str], names: Collection[str]) -> None:
        """Says what columns hold by their roles: texts, some of them names that stand there again and again, or numbers.

        Formats whose values are text parse them so; others know already.

        Raises
        ------
        DataError
            A column that must hold numbers cannot. It is told from the type: a small file can unfold to gigabytes once it is decoded.
        """
        for field in self.fields:
            if field.name in numbers and field.kind in ("text", "other"):
                raise DataError(f"{self.name}: column {field.name!r} holds {field.type}, not numbers")


def rows_per_chunk(chunk_rows: int | None, bytes_per_row: int) -> int:
    """How many rows to read at a time."""
    return chunk_rows or max(1, min(MOST_ROWS, CHUNK_BYTES // max(1, bytes_per_row)))


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Turns whatever a library raises on a broken file into a `DataError` that names the file."""
    try:
        yield
    except XentError:
        raise
    except MemoryError as error:
        raise DataError(f"{name}: needs more memory than there is; is the file what its name says?") from error
    except OSError as error:
        raise DataError(f"{name}: {error.strerror or first_line(error)}") from error
    except Exception as error:  # pyarrow, zipfile, json and the decompressors raise a dozen kinds on broken files.
        raise DataError(f"{name}: {first_line(error)}") from error


def first_line(error: BaseException) -> str:
    """What a library says is wrong, in one line, without what URLs in it hide."""
    return scrubbed((str(error).strip() or type(error).__name__).splitlines()[0])
