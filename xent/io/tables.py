"""What every reader offers: a table of named columns, read in chunks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from xent.core.errors import DataError, XentError
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


Part = Callable[[], Iterator[Chunk]]
"""A stretch of a table that can be read by itself, beside others; calling it starts the reading."""


class Table:
    """One opened source; every reader has a subclass."""

    name: str
    fields: Sequence[Field]
    rows: int | None = None

    def parts(self, columns: Sequence[str], chunk_rows: int | None) -> list[Part]:
        """Stretches of the table that together are all of it, in order; `columns` are the only ones read."""
        raise NotImplementedError

    def restrict(self, columns: Collection[str], may_hold: Callable[[Mapping[str, tuple[Any, Any]]], bool]) -> None:
        """Says which stretches cannot matter, by the least and largest values of columns. Formats that know them skip such stretches."""

    def declare(self, *, texts: Collection[str], numbers: Collection[str]) -> None:
        """Says what columns hold by their roles. Formats whose values are text parse them so; others know their types already.

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
