"""JSON lines: one object a line. Columns are parsed as what the first lines show and their roles need."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.json as pa_json

from xent.core.errors import DataError, NothingEvaluated
from xent.io.address_space import is_limited, require_thread
from xent.io.arrow_values import field_of, validate
from xent.io.places import Place, decoded_head
from xent.io.tables import CHUNK_BYTES, reading
from xent.io.text_tables import TextTable

_HEAD = 1 << 20


class JsonLinesTable(TextTable):
    """One file of JSON objects, one a line."""

    is_divisible = is_cut = False

    def __init__(self, place: Place) -> None:
        super().__init__(place, None, longest=CHUNK_BYTES)
        with reading(self.name):
            self._types = self._look()
        self.fields = [field_of(name, kind) for name, kind in self._types.items()]

    def _look(self) -> dict[str, pa.DataType]:
        head = self._place.head(_HEAD)
        lines = decoded_head(self.name, head, whole=len(head) < _HEAD).split("\n")
        if len(head) == _HEAD and len(lines) > 1:
            del lines[-1]
        found: defaultdict[str, list[Any]] = defaultdict(list)
        is_empty = True
        for number, line in enumerate(lines, start=1):
            if line.strip():
                try:
                    value = json.loads(line)
                except (ValueError, RecursionError) as error:
                    raise DataError(f"{self.name}: line {number} is not JSON: {error}") from error
                if not isinstance(value, dict):
                    raise DataError(f"{self.name}: line {number} is not a JSON object")
                is_empty = False
                for name, item in value.items():
                    found[name].append(item)
        if is_empty:
            raise NothingEvaluated(f"{self.name}: the file is empty")
        return {name: _type_of(values) for name, values in found.items()}

    def batches(self, stream: Any, columns: Sequence[str], first: int, *, header: bool) -> Iterator[pa.RecordBatch]:
        schema = pa.schema([(name, self._types[name]) for name in columns])
        require_thread()
        reader = pa_json.open_json(
            stream,
            read_options=pa_json.ReadOptions(use_threads=not is_limited(), block_size=CHUNK_BYTES),
            parse_options=pa_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore", newlines_in_values=False),
        )
        for batch in reader:
            validate(batch)
            yield batch


def _type_of(values: list[Any]) -> pa.DataType:
    """The Arrow type that holds all of these values; numbers are float64 unless all of them are whole."""
    present = [value for value in values if value is not None]
    if present and all(isinstance(value, bool) for value in present):
        return pa.bool_()
    if present and all(isinstance(value, str) for value in present):
        return pa.string()
    if present and all(isinstance(value, list) for value in present):
        inner = _type_of([item for value in present for item in value])
        return pa.list_(pa.float64() if pa.types.is_integer(inner) else inner)
    if present and any(isinstance(value, (dict, list, str)) for value in present):
        return pa.null()
    return pa.float64()


def open_table(place: Place) -> JsonLinesTable:
    """Opens a file of JSON lines."""
    return JsonLinesTable(place)
