"""Labels from a second file: row by row, or by a key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from xent.core.errors import DataError
from xent.io.class_labels import decoded
from xent.io.columns import is_arrow, numbers_of

if TYPE_CHECKING:
    import numpy.typing as npt

    from xent.io.class_labels import LabelDecoder
    from xent.io.tables import Chunk, Column, Table


class LabelsByRow:
    """Labels that stand in the order of the predictions; only the rows at hand are in memory."""

    def __init__(self, table: Table, columns: Sequence[str], decoder: LabelDecoder, chunk_rows: int | None) -> None:
        self.name = table.name
        self._columns = columns
        self._decoder = decoder
        self._parts = table.parts(columns, chunk_rows)
        self._chunks: Iterator[Chunk] | None = None
        self._first = 0
        self._left: npt.NDArray[Any] = np.empty(0)

    def of(self, chunk: Chunk, before: int, name: str) -> npt.NDArray[Any]:
        """The labels of the rows of a chunk of the source `name`, before which there are so many in other sources.

        Raises
        ------
        DataError
            The labels end before the predictions.
        """
        pieces: list[npt.NDArray[Any]] = []
        first, wanted = before + chunk.first, chunk.rows
        while wanted:
            if not self._reach(first):
                raise DataError(f"{self.name}: has {self._first} rows, and {name} has more predictions than that")
            piece = self._left[:wanted]
            self._left, self._first = self._left[wanted:], first + len(piece)
            pieces.append(piece)
            first, wanted = first + len(piece), wanted - len(piece)
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces) if pieces else np.empty(0)

    def _reach(self, row: int) -> bool:
        """Goes on to a row, and says whether there is one."""
        if self._chunks is None:
            self._chunks = self._from(row)
        while self._first + len(self._left) <= row:
            chunk = next(self._chunks, None)
            if chunk is None:
                self._first, self._left = self._first + len(self._left), np.empty(0)
                return False
            self._first = chunk.first + chunk.rows
            self._left = np.empty(0)
            if self._first > row:
                chunk = chunk.between(max(0, row - chunk.first), chunk.rows)
                self._left, self._first = decoded(self.name, chunk, self._columns, self._decoder), chunk.first
        self._left, self._first = self._left[row - self._first :], row
        return True

    def _from(self, row: int) -> Iterator[Chunk]:
        """The chunks from the one that holds a row on."""
        for part in self._parts:
            if part.rows is None or row < part.rows:
                yield from part(row)
                row = 0
            else:
                row -= part.rows
                self._first += part.rows

    def finish(self, row: int, name: str) -> None:
        """Raises `DataError` if labels are left when the predictions have ended, before a row."""
        if self._reach(row):
            raise DataError(f"{self.name}: has more rows than the {row} predictions in {name}")


class LabelsByKey:
    """Labels that are looked up by a key; all keys and labels of the second file are held in memory."""

    def __init__(self, table: Table, columns: Sequence[str], key: str, decoder: LabelDecoder, chunk_rows: int | None) -> None:
        import pandas as pd

        self.name = table.name
        self._key = key
        keys: list[Any] = []
        labels: list[npt.NDArray[Any]] = []
        for chunk in _chunks(table, [*columns, key], chunk_rows):
            keys.append(keys_of(chunk.columns[key]))
            labels.append(decoded(self.name, chunk, columns, decoder))
        self._labels = np.concatenate(labels) if labels else np.empty(0)
        self._index = pd.Index(np.concatenate(keys) if keys else np.empty(0, dtype=object))
        if not self._index.is_unique:
            at = int(np.argmax(self._index.duplicated()))
            raise DataError(f"{self.name}: column {key!r}, row {at + 1}: the key {_shown(self._index[at])} stands there more than once")

    def of(self, chunk: Chunk, before: int, name: str) -> npt.NDArray[Any]:
        """The labels of the rows of a chunk of the source `name`, wherever it stands.

        Raises
        ------
        DataError
            A key has no label.
        """
        keys = keys_of(chunk.columns[self._key])
        places = self._index.get_indexer(keys)
        if (places < 0).any():
            row = int(np.argmax(places < 0))
            raise DataError(
                f"{name}: column {self._key!r}, row {chunk.first + row + 1}: the key {_shown(keys[row])} has no label in {self.name}"
            )
        result: npt.NDArray[Any] = self._labels[places]
        return result

    def finish(self, row: int, name: str) -> None:
        """Labels of keys that no prediction has are no fault."""


def _chunks(table: Table, columns: Sequence[str], chunk_rows: int | None) -> Iterator[Chunk]:
    for part in table.parts(columns, chunk_rows):
        yield from part()


def _shown(key: Any) -> str:
    """A key for a message, without the type that NumPy gives it."""
    return repr(key.item() if isinstance(key, np.generic) else key)


def keys_of(column: Column) -> npt.NDArray[Any]:
    """Keys as texts or numbers; whole numbers are the same key whatever type they are stored as."""
    try:
        values = numbers_of(column)
    except TypeError:
        assert is_arrow(column)
        return np.array(column.to_pylist(), dtype=object)
    if values.dtype.kind == "f" and not np.isnan(values).any() and (values == np.floor(values)).all():
        return values.astype(np.int64)
    return values
