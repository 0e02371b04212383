"""Hive-style partitions: folders called `country=de` give all rows below them a column."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from xent.io.shards import WHOLE, Share
from xent.io.sources import partition_of
from xent.io.tables import Chunk, Field, Part, Piece, Table


class PartitionedTable(Table):
    """A table with columns that its folder's name gives it."""

    def __init__(self, table: Table, partition: Mapping[str, str]) -> None:
        self.name = table.name
        self.rows = table.rows
        self.contiguous = table.contiguous
        self._table = table
        self._partition = partition
        self.fields = [*table.fields, *(Field(name, "text (folder)", "text") for name in partition)]

    def parts(self, columns: Sequence[str], chunk_rows: int | None, share: Share = WHOLE) -> list[Part]:
        mine = [name for name in columns if name in self._partition]
        others = [name for name in columns if name not in self._partition]
        parts = self._table.parts(others, chunk_rows, share)
        return [self._wider(part, mine) for part in parts]

    def restrict(self, columns: Collection[str], may_hold: Callable[[Mapping[str, tuple[Any, Any]]], bool]) -> None:
        # All rows of the file have the same value in a folder's column.
        folder = {name: (value, value) for name, value in self._partition.items()}
        others = [name for name in columns if name not in folder]
        self._table.restrict(others, lambda bounds: may_hold({**bounds, **folder}))

    def declare(self, *, texts: Collection[str], numbers: Collection[str], names: Collection[str]) -> None:
        self._table.declare(texts=texts, numbers=numbers, names=names)

    def _wider(self, part: Part, names: list[str]) -> Part:
        read = partial(self._read, part, names)
        return Part(read, read, part.rows, None if part.cut is None else partial(self._cut, part.cut, names))

    def _cut(self, cut: Callable[[int], Iterator[Piece]], names: list[str], skip: int) -> Iterator[Piece]:
        return (Piece(piece.rows, partial(self._read, piece.read, names)) for piece in cut(skip))

    def _read(self, read: Callable[..., Iterator[Chunk]], names: list[str], *skip: int) -> Iterator[Chunk]:
        import pyarrow as pa

        for chunk in read(*skip):
            constants = {name: pa.repeat(self._partition[name], chunk.rows) for name in names}
            yield Chunk(chunk.first, chunk.rows, {**chunk.columns, **constants})


def with_partition(path: str, table: Table) -> Table:
    """The table with the columns of its path; a column of the file itself comes before one of its folder."""
    known = {field.name for field in table.fields}
    partition = {name: value for name, value in partition_of(path).items() if name not in known}
    return PartitionedTable(table, partition) if partition else table
