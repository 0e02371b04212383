"""Arrow IPC files and streams, and Feather, which is the same. Every batch is validated before it is used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import pyarrow as pa

from xent.core.errors import DataError
from xent.io.arrow_values import byte_width, field_of, validate
from xent.io.places import Place
from xent.io.shards import WHOLE, Share
from xent.io.tables import Chunk, Part, Table, reading, rows_per_chunk


class ArrowTable(Table):
    """One Arrow IPC file or stream."""

    def __init__(self, place: Place) -> None:
        self.name = place.name
        self._place = place
        with reading(self.name):
            with place.open_file([(0, 4)]) as file:
                magic = file.read(4)
            if magic == b"FEA1":
                raise DataError(f"{self.name}: Feather version 1 is not read; write it again with version 2")
            reader = self._open(None)
            self._schema = reader.schema
            # Within, since a name that is no UTF-8 is found out only when it is asked for.
            self.fields = [field_of(field.name, field.type) for field in self._schema]
        self.contiguous = isinstance(reader, pa.ipc.RecordBatchFileReader)

    def _open(self, columns: Sequence[str] | None) -> Any:
        included = None
        if columns is not None:
            places = {name: at for at, name in enumerate(self._schema.names)}
            included = [places[name] for name in columns]
        options = pa.ipc.IpcReadOptions(included_fields=included)
        # For the schema alone, what it takes is read, and nothing ahead.
        file = self._place.open_seekable(() if columns is None else None)
        is_file = file.read(6) == b"ARROW1"
        file.seek(0)
        return pa.ipc.open_file(file, options=options) if is_file else pa.ipc.open_stream(file, options=options)

    def parts(self, columns: Sequence[str], chunk_rows: int | None, share: Share = WHOLE) -> list[Part]:
        wanted = set(columns)
        size = rows_per_chunk(chunk_rows, sum(byte_width(field.type) for field in self._schema if field.name in wanted))
        return [Part(partial(self._read, list(dict.fromkeys(columns)), size, share))]

    def _read(self, columns: list[str], size: int, share: Share) -> Iterator[Chunk]:
        with reading(self.name):
            for first, batch in self._batches(columns, share):
                validate(batch)
                for start in range(0, batch.num_rows, size):
                    piece = batch.slice(start, size)
                    yield Chunk(first + start, piece.num_rows, dict(zip(piece.schema.names, piece.columns, strict=True)))

    def _batches(self, columns: list[str], share: Share) -> Iterator[tuple[int, pa.RecordBatch]]:
        """The batches of a share, each with the number of its first row."""
        reader = self._open(columns)
        first = 0
        if not isinstance(reader, pa.ipc.RecordBatchFileReader):
            # A stream cannot be entered in the middle, so a share of it is some of its batches.
            for number, batch in enumerate(reader):
                if share.has_block(number):
                    yield first, batch
                first += batch.num_rows
            return
        begin, end = share.range(reader.num_record_batches)
        # What stands before a share is counted in the column that takes the least to read.
        narrowest = self._open([min(columns, key=lambda name: byte_width(self._schema.field(name).type))]) if begin else reader
        for number in range(end):
            if number < begin:
                first += narrowest.get_batch(number).num_rows
            else:
                batch = reader.get_batch(number)
                yield first, batch
                first += batch.num_rows


def open_table(place: Place) -> ArrowTable:
    """Opens an Arrow IPC file or stream."""
    return ArrowTable(place)
