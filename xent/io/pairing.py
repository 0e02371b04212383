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
        self._chunks = (chunk for part in table.parts(columns, chunk_rows) for chunk in part())
        self._left: npt.NDArray[Any] | None = None
        self._taken = 0

    def take(self, rows: int, name: str) -> npt.NDArray[Any]:
        """The labels of the next rows of the source `name`.

        Raises
        ------
        DataError
            The labels end before the predictions.
        """
        pieces: list[npt.NDArray[Any]] = []
        wanted = rows
        while wanted:
            if self._left is None or not len(self._left):
                self._left = self._next()
                if self._left is None:
                    raise DataError(f"{self.name}: has {self._taken} rows, and {name} has more predictions than that")
            piece, self._left = self._left[:wanted], self._left[wanted:]
            pieces.append(piece)
            wanted -= len(piece)
            self._taken += len(piece)
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces) if pieces else np.empty(0)

    def _next(self) -> npt.NDArray[Any] | None:
        chunk = next(self._chunks, None)
        return None if chunk is None else decoded(self.name, chunk, self._columns, self._decoder)

    def finish(self, name: str) -> None:
        """Raises `DataError` if labels are left when the predictions have ended."""
        if (self._left is not None and len(self._left)) or self._next() is not None:
            raise DataError(f"{self.name}: has more rows than the {self._taken} predictions in {name}")


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
            raise DataError(f"{self.name}: column {key!r}, row {at + 1}: the key {self._index[at]!r} stands there more than once")

    def look_up(self, column: Column, name: str, first: int) -> npt.NDArray[Any]:
        """The labels of the rows with these keys.

        Raises
        ------
        DataError
            A key has no label.
        """
        keys = keys_of(column)
        places = self._index.get_indexer(keys)
        if (places < 0).any():
            row = int(np.argmax(places < 0))
            raise DataError(f"{name}: column {self._key!r}, row {first + row + 1}: the key {keys[row]!r} has no label in {self.name}")
        result: npt.NDArray[Any] = self._labels[places]
        return result


def _chunks(table: Table, columns: Sequence[str], chunk_rows: int | None) -> Iterator[Chunk]:
    for part in table.parts(columns, chunk_rows):
        yield from part()


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
