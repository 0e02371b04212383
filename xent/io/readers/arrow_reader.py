"""Arrow IPC files and streams, and Feather, which is the same. Every batch is validated before it is used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import pyarrow as pa

from xent.core.errors import DataError
from xent.io.arrow_values import byte_width, field_of
from xent.io.places import Place
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
            self._schema = self._open(None).schema
            # Within, since a name that is no UTF-8 is found out only when it is asked for.
            self.fields = [field_of(field.name, field.type) for field in self._schema]

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

    def parts(self, columns: Sequence[str], chunk_rows: int | None) -> list[Part]:
        wanted = set(columns)
        size = rows_per_chunk(chunk_rows, sum(byte_width(field.type) for field in self._schema if field.name in wanted))
        return [partial(self._read, list(dict.fromkeys(columns)), size)]

    def _read(self, columns: list[str], size: int) -> Iterator[Chunk]:
        first = 0
        with reading(self.name):
            reader = self._open(columns)
            random_access = isinstance(reader, pa.ipc.RecordBatchFileReader)
            batches = (reader.get_batch(at) for at in range(reader.num_record_batches)) if random_access else iter(reader)
            for batch in batches:
                batch.validate(full=True)
                for start in range(0, batch.num_rows, size):
                    piece = batch.slice(start, size)
                    yield Chunk(first, piece.num_rows, dict(zip(piece.schema.names, piece.columns, strict=True)))
                    first += piece.num_rows


def open_table(place: Place) -> ArrowTable:
    """Opens an Arrow IPC file or stream."""
    return ArrowTable(place)
