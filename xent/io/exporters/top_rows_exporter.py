"""The rows that `xent top` found, in each of its formats: one pure function a format."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from xent.io.escaping import printable
from xent.io.exporters.csv_exporter import harmless
from xent.io.exporters.markdown_exporter import escaped
from xent.io.exporters.plain import json_text, plain

if TYPE_CHECKING:
    import pyarrow as pa

    from xent.io.top_rows import Found

OWN = ("rank", "file", "row", "label", "predicted", "prediction", "weight", "loss")
"""The columns that every row has; those of the keys stand before the label."""


def to_json(found: Found) -> str:
    """The rows, the value of the metric and the distribution of the losses."""
    return json_text(found.as_dict(), indent=2)


def to_jsonl(found: Found) -> str:
    """One row a line."""
    return "".join(json_text(record) for record in found.records())


def to_csv(found: Found) -> str:
    """One row a line, with a header; several predictions are a list in JSON."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([harmless(name) for name in _header(found)])
    writer.writerows([_cell(value) for value in line] for line in _lines(found))
    return text.getvalue()


def to_markdown(found: Found) -> str:
    """A table for pull requests and notes; several predictions are not in it."""
    kept = [at for at, name in enumerate(_header(found)) if name != "prediction" or not _has_lists(found)]
    lines = [[_header(found)[at] for at in kept], ["---"] * len(kept)]
    lines += [[_shown(line[at]) for at in kept] for line in _lines(found)]
    lines[0] = [escaped(name) for name in lines[0]]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def to_parquet(found: Found) -> bytes:
    """A Parquet file with the columns of the CSV."""
    import pyarrow as pa

    columns = list(map(list, zip(*_lines(found), strict=True))) or [[] for _ in _header(found)]
    arrays = [_array(values) for values in columns]
    return _parquet(pa.Table.from_arrays(arrays, names=_header(found)))


def to_saved(found: Found, kinds: Mapping[str, str]) -> bytes:
    """A Parquet file of the rows with all columns of their source, and behind them what was found: `xent_loss` and the like.

    Parameters
    ----------
    found : the rows, for which all columns were kept
    kinds : the kind of every column, as its `Field` says; numbers that were read as text become numbers again
    """
    import pyarrow as pa

    table = found.columns if found.columns is not None else pa.Table.from_arrays([], names=[])
    for at, name in enumerate(table.column_names):
        table = table.set_column(at, name, _as_numbers(table.column(name), kinds.get(name, "")))
    records = list(found.records())
    for key in ("file", "row", "label", "predicted", "weight", "loss"):
        name = f"xent_{key}"
        while name in table.column_names:
            name += "_"
        table = table.append_column(name, _array([record[key] for record in records]))
    return _parquet(table)


FORMATS: dict[str, Callable[[Found], str | bytes]] = {
    "json": to_json,
    "jsonl": to_jsonl,
    "csv": to_csv,
    "markdown": to_markdown,
    "parquet": to_parquet,
}


def _header(found: Found) -> list[str]:
    return [*OWN[:3], *(f"key_{key}" if key in OWN else key for key in found.keys), *OWN[3:]]


def _lines(found: Found) -> list[list[Any]]:
    return [
        [*(record[name] for name in OWN[:3]), *record["keys"].values(), *(record[name] for name in OWN[3:])] for record in found.records()
    ]


def _has_lists(found: Found) -> bool:
    return any(isinstance(row.prediction, list) for row in found.rows)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, int | float):
        return repr(value)
    return harmless(value) if isinstance(value, str) else json_text(plain(value)).rstrip("\n")


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return repr(value) if isinstance(value, int | float) else escaped(value if isinstance(value, str) else printable(str(value)))


def _array(values: list[Any]) -> pa.Array[Any]:
    """A column of values; where they are of several kinds, as class names and numbers may be, they are text."""
    import pyarrow as pa

    try:
        array: pa.Array[Any] = pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        array = pa.array([None if value is None else str(value) for value in values])
    return array


def _as_numbers(column: pa.ChunkedArray[Any], kind: str) -> pa.ChunkedArray[Any]:
    import pyarrow as pa

    if kind not in ("integer", "float", "boolean") or not pa.types.is_string(column.type):
        return column
    texts = [text or None for text in column.to_pylist()]
    wanted = {"integer": pa.int64(), "float": pa.float64(), "boolean": pa.bool_()}[kind]
    try:
        return pa.chunked_array([pa.array(texts, pa.string())]).cast(wanted)
    except pa.ArrowInvalid:
        return column


def _parquet(table: pa.Table) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return sink.getvalue().to_pybytes()
