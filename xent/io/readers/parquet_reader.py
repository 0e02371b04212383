"""Parquet: only the needed columns, page checksums verified, row groups in bounded chunks."""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from xent.core.errors import DataError
from xent.io.arrow_values import byte_width, field_of, validate
from xent.io.parquet_footer import ColumnChunk, bounds_by_group, chunks_by_group, columns_of, read_footer
from xent.io.parquet_pages import CheckedFile, check_pages
from xent.io.places import Place, Stretch
from xent.io.shards import WHOLE, Share
from xent.io.tables import Chunk, Part, Table, reading, rows_per_chunk

_BUFFER = 1 << 14
"""Without a buffer the reader takes a whole column chunk into memory, and memory grows with the row groups. A longer one costs copies."""


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

    def _open(self, chunks: Sequence[ColumnChunk]) -> pq.ParquetFile:
        """The file for reading some column chunks."""
        raw = self._place.open_file(_stretches(chunks))
        if isinstance(raw, io.FileIO):
            with raw:
                check_pages(raw, chunks, self._metadata, self.name)
            file = self._place.open_seekable()
        else:
            file = pa.PythonFile(CheckedFile(raw, chunks, self._metadata, self.name), mode="r")
        return pq.ParquetFile(
            file,
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
        chunks = chunks_by_group(self._footer, self._metadata, columns_of(self._metadata, columns))
        if chunks is None:
            raise DataError(f"{self.name}: its footer does not tell where the columns are; it is damaged, or they are encrypted")
        following = [*(chunks[group] for group, _ in groups), []][1:]
        return [
            Part(
                partial(self._read, group, first, list(columns), size, chunks[group], ahead),
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

    def _read(
        self, group: int, first: int, columns: list[str], size: int, chunks: Sequence[ColumnChunk], ahead: Sequence[ColumnChunk]
    ) -> Iterator[Chunk]:
        with reading(self.name):
            if ahead and self._place.is_remote:
                # Asked for before they are needed, so that they come while these are computed with.
                self._place.expect(_stretches(ahead))
            file = self._open(chunks)
            for batch in file.iter_batches(size, row_groups=[group], columns=columns, use_threads=False):
                validate(batch)
                yield _chunk(first, batch)
                first += batch.num_rows


def _stretches(chunks: Sequence[ColumnChunk]) -> list[Stretch]:
    """Where in the file the chunks lie."""
    return [(chunk.start, chunk.stop) for chunk in chunks]


def _chunk(first: int, batch: pa.RecordBatch) -> Chunk:
    return Chunk(first, batch.num_rows, dict(zip(batch.schema.names, batch.columns, strict=True)))


def open_table(place: Place) -> ParquetTable:
    """Opens a Parquet file."""
    return ParquetTable(place)
