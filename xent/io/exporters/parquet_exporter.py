"""Parquet: the lines of the CSV, with numbers as numbers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from xent.io.arrow_values import arrow_of
from xent.io.exporters.csv_exporter import COLUMNS, records
from xent.io.exporters.json_exporter import to_json
from xent.io.exporters.plain import plain, sound

if TYPE_CHECKING:
    from xent.core.result import Result

_TEXTS = ("name", "label", "slice", "direction", "signature", "gate", "outcome", "reason")
_COUNTS = ("count", "clipped", "renormalised")


def to_parquet(result: Result) -> bytes:
    """The table that CSV is too, and behind its columns `values`, which holds as JSON what is more than one number.

    What is not there is null. The whole result stands as JSON under the key `xent` of the file's metadata.
    """
    rows = [{**row, "values": _several(row["value"])} for row in records(result)]
    fields, columns = [], []
    for name in (*COLUMNS, "values"):
        column = _column(name, [row[name] for row in rows])
        fields.append(pa.field(name, column.type))
        columns.append(column)
    schema = pa.schema(fields, metadata={"xent": to_json(result)})
    file = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_arrays(columns, schema=schema), file)
    return file.getvalue().to_pybytes()


def _several(value: Any) -> str | None:
    return json.dumps(plain(value), allow_nan=False) if isinstance(value, list) else None


def _column(name: str, values: Sequence[Any]) -> pa.Array[Any]:
    if name in _TEXTS or name == "values":
        return _texts(values)
    kind, nothing = (np.int64, 0) if name in _COUNTS else (np.float64, 0.0)
    there = [isinstance(value, int | float) for value in values]
    filled = arrow_of(np.array([value if known else nothing for value, known in zip(values, there, strict=True)], dtype=kind))
    return pa.Array.from_buffers(filled.type, len(values), [_mask(there), filled.buffers()[1]])


def _texts(values: Sequence[str | None]) -> pa.Array[Any]:
    # `pa.array` would import pandas.
    contents = [b"" if value is None else sound(value).encode() for value in values]
    offsets: Any = np.cumsum([0, *map(len, contents)], dtype=np.int64)
    there = _mask([value is not None for value in values])
    return pa.Array.from_buffers(pa.large_string(), len(values), [there, pa.py_buffer(offsets), pa.py_buffer(b"".join(contents))])


def _mask(there: Sequence[bool]) -> pa.Buffer:
    bits: Any = np.packbits(np.array(there, dtype=bool), bitorder="little")
    return pa.py_buffer(bits)
