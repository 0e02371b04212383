"""Parquet: only the needed columns, page checksums verified, row groups in bounded chunks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from xent.io.arrow_values import byte_width, field_of, validate
from xent.io.parquet_footer import bounds_by_group, chunks_by_group, read_footer
from xent.io.places import Place, Stretch
from xent.io.shards import WHOLE, Share
from xent.io.tables import Chunk, Part, Table, reading, rows_per_chunk

_BUFFER = 1 << 16
"""Without a buffer the reader takes a whole column chunk into memory, and memory grows with the row groups."""


class ParquetTable(Table):
    """One Parquet file; every row group is a part."""

    def __init__(self, place: Place) -> None:
        self.name = place.name
        self._place = place
        self._names: list[str] = []
        self._restricted: tuple[Collection[str], Callable[[Mapping[str, tuple[Any, Any]]], bool]] | None = None
        with reading(self.name):
            # Of a file far away only the end is fetched.
            self._footer = read_footer(place.open_file(()))
            file = pq.ParquetFile(pa.BufferReader(self._footer))
            self._metadata = file.metadata
            self._schema = file.schema_arrow
            self.fields = [field_of(field.name, field.type) for field in self._schema]
        self.rows = self._metadata.num_rows

    def _open(self, stretches: Sequence[Stretch]) -> pq.ParquetFile:
        return pq.ParquetFile(
            self._place.open_seekable(stretches),
            metadata=self._metadata,
            read_dictionary=self._names,
            pre_buffer=False,
            buffer_size=_BUFFER,
            page_checksum_verification=True,
        )

    def declare(self, *, texts: Collection[str], numbers: Collection[str], names: Collection[str]) -> None:
        super().declare(texts=texts, numbers=numbers, names=names)
        # What is stored as a dictionary and wanted as one need not be made texts of in between.
        self._names = [field.name for field in self.fields if field.name in names and field.kind == "text"]

    def parts(self, columns: Sequence[str], chunk_rows: int | None, share: Share = WHOLE) -> list[Part]:
        wanted = set(columns)
        width = sum(byte_width(field.type) for field in self._schema if field.name in wanted)
        size = rows_per_chunk(chunk_rows, width)
        groups: list[tuple[int, int]] = []
        first = 0
        begin, end = share.range(self._metadata.num_rows)
        with reading(self.name):
            for group, may_matter in enumerate(self._may_matter):
                if begin <= first < end and may_matter:
                    groups.append((group, first))
                first += self._metadata.row_group(group).num_rows
        stretches = self._stretches(columns)
        following = [*(stretches[group] for group, _ in groups), []][1:]
        return [
            Part(
                partial(self._read, group, first, list(columns), size, stretches[group], ahead),
                rows=self._metadata.row_group(group).num_rows,
            )
            for (group, first), ahead in zip(groups, following, strict=True)
        ]

    def restrict(self, columns: Collection[str], may_hold: Callable[[Mapping[str, tuple[Any, Any]]], bool]) -> None:
        self._restricted = columns, may_hold

    @cached_property
    def _may_matter(self) -> list[bool]:
        """Whether each row group can hold rows that are wanted, as far as the footer tells."""
        if self._restricted is None:
            return [True] * self._metadata.num_row_groups
        columns, may_hold = self._restricted
        return list(map(may_hold, bounds_by_group(self._footer, self._metadata, columns)))

    def _stretches(self, columns: Sequence[str]) -> list[list[Stretch]]:
        """Where in the file some columns of every row group lie, if it is so far away that this matters."""
        groups = self._metadata.num_row_groups
        found: list[list[Stretch]] = [[] for _ in range(groups)]
        if self._place.is_remote:
            for chunks in chunks_by_group(self._footer, groups, set(columns)).values():
                for stretches, mine in zip(found, chunks, strict=True):
                    stretches += [(chunk.start, chunk.stop) for chunk in mine]
        return found

    def _read(
        self, group: int, first: int, columns: list[str], size: int, stretches: list[Stretch], ahead: list[Stretch]
    ) -> Iterator[Chunk]:
        with reading(self.name):
            if ahead:
                # Asked for before they are needed, so that they come while these are computed with.
                self._place.expect(ahead)
            file = self._open(stretches)
            for batch in file.iter_batches(size, row_groups=[group], columns=columns, use_threads=False):
                validate(batch)
                yield _chunk(first, batch)
                first += batch.num_rows


def _chunk(first: int, batch: pa.RecordBatch) -> Chunk:
    return Chunk(first, batch.num_rows, dict(zip(batch.schema.names, batch.columns, strict=True)))


def open_table(place: Place) -> ParquetTable:
    """Opens a Parquet file."""
    return ParquetTable(place)
