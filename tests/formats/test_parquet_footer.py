"""What is read from the footers of Parquet files: what pyarrow reads where all is well, and nothing where it is not."""

import io
import math
import struct
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from xent.io.parquet_footer import bounds_by_group, chunks_by_group, columns_of, read_footer

TABLE = pa.table(
    {
        "int8": pa.array([-128, 127, 0, None], pa.int8()),
        "uint8": pa.array([0, 255, 7, 7], pa.uint8()),
        "int16": pa.array([-(2**15), 2**15 - 1, 0, 0], pa.int16()),
        "uint16": pa.array([1, 2**16 - 1, 1, 1], pa.uint16()),
        "int32": pa.array([-(2**31), 2**31 - 1, 5, 6], pa.int32()),
        "uint32": pa.array([1, 2**32 - 1, 3, 2**31], pa.uint32()),
        "int64": pa.array([-(2**63), 2**63 - 1, -1, 1], pa.int64()),
        "uint64": pa.array([0, 2**64 - 1, 2**63, 2**63 - 1], pa.uint64()),
        "float32": pa.array([-1.5, math.inf, 0.25, None], pa.float32()),
        "float64": pa.array([-math.inf, 1e300, -0.0, 0.1], pa.float64()),
        "bool": pa.array([False, True, True, True]),
        "text": pa.array(["", "né", "z" * 40, None]),
        "large text": pa.array(["a", "b", "c", "c"], pa.large_string()),
        "entries": pa.array(["fr", "de", None, "it"]).dictionary_encode(),
        "dates": pa.array([-1, 20_000, None, 0], pa.date32()),
        "with.dot": pa.array([1, 2, 3, 4]),
    }
)
"""Columns whose bounds are told."""

UNTOLD = pa.table(
    {
        "lists": pa.array([[1, 2], [3], None, []]),
        "structs": pa.array([{"a": 1}, None, {"a": 2}, {"a": 3}]),
        "binary": pa.array([b"\xff", b"a", b"", None]),
        "decimals": pa.array([Decimal("1.5"), Decimal("-2.25"), None, Decimal(0)], pa.decimal128(20, 2)),
        "moments": pa.array([0, 1000, 2000, 3000], pa.timestamp("ns")),
        "times": pa.array([0, 1, 2, 3], pa.time64("us")),
        "halves": np.array([1, 2, 3, 4], np.float16),
        "nulls": pa.nulls(4),
    }
)


def written(table: pa.Table, **options: object) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    return file.getvalue()


def told(content: bytes, names: list[str], footer: bytes | None = None) -> list[dict]:
    metadata = pq.ParquetFile(io.BytesIO(content)).metadata
    footer = read_footer(io.BytesIO(content)) if footer is None else footer
    return list(bounds_by_group(footer, metadata, names))


def as_pyarrow_says(content: bytes, names: list[str]) -> list[dict]:
    metadata = pq.ParquetFile(io.BytesIO(content)).metadata
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    chunks = [{(one := group.column(at)).path_in_schema: one.statistics for at in range(group.num_columns)} for group in groups]
    return [
        {name: (group[name].min, group[name].max) for name in names if group[name] is not None and group[name].has_min_max}
        for group in chunks
    ]


OPTIONS = {
    "defaults": {},
    "one row a group": {"row_group_size": 1},
    "version 1.0": {"version": "1.0", "use_dictionary": False, "compression": "none"},
    "pages of version 2.0": {"data_page_version": "2.0", "compression": "zstd", "row_group_size": 2},
    "indices of pages": {"write_page_index": True, "row_group_size": 3},
    "bounds of some": {"write_statistics": ["int8", "text", "float64"]},
    "no bounds": {"write_statistics": False},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_bounds_are_those_of_pyarrow(options):
    content = written(TABLE, **options)
    names = pq.ParquetFile(io.BytesIO(content)).schema_arrow.names
    expected = as_pyarrow_says(content, names)
    assert told(content, names) == expected
    assert any(expected) or options == OPTIONS["no bounds"]


@pytest.mark.parametrize("name", TABLE.column_names)
def test_one_column_beside_others(name):
    content = written(TABLE, row_group_size=2)
    assert told(content, [name]) == as_pyarrow_says(content, [name])


def test_what_is_not_told():
    content = written(UNTOLD.append_column("int64", pa.array([1, 2, 3, 4])), row_group_size=2)
    assert told(content, [*UNTOLD.column_names, "int64"]) == [{"int64": (1, 2)}, {"int64": (3, 4)}]


def test_columns_that_are_alike_and_footers_longer_than_one_read():
    """Equal values, sizes and numbers of values: only the places of the columns differ."""
    column = pa.array(np.tile([1, 2], 500))
    content = written(pa.table({f"c{at}": column for at in range(20)} | {"other": pa.array(np.arange(1000))}), row_group_size=10)
    assert len(read_footer(io.BytesIO(content))) > 1 << 17
    assert told(content, ["c3", "other"]) == [{"c3": (1, 2), "other": (10 * at, 10 * at + 9)} for at in range(100)]


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("count", [1, 16, 17])
def test_places_are_those_of_pyarrow(options, count):
    """Of few columns and of many, plain ones and such as have several values a row."""
    table = pa.table({**{f"c{at}": pa.array([at, None, 2, 3]) for at in range(17)}, **dict(zip(UNTOLD.column_names, UNTOLD, strict=True))})
    content = written(table.append_column("größe", pa.array([0.5] * 4)).append_column("n" * 200, pa.array(["x"] * 4)), **options)
    metadata = pq.ParquetFile(io.BytesIO(content)).metadata
    names = ["lists", *(f"c{at}" for at in range(count - 3)), "größe", "n" * 200][:count]
    expected: list[list[tuple[int, int, int, int]]] = [[] for _ in range(metadata.num_row_groups)]
    for number in range(metadata.num_row_groups):
        for at in range(metadata.num_columns):
            chunk = metadata.row_group(number).column(at)
            start = chunk.dictionary_page_offset if chunk.has_dictionary_page else chunk.data_page_offset
            if chunk.path_in_schema.partition(".")[0] in names:
                expected[number].append((at, start, start + chunk.total_compressed_size, chunk.num_values))
    found = chunks_by_group(read_footer(io.BytesIO(content)), metadata, columns_of(metadata, names))
    assert [[chunk[:4] for chunk in chunks] for chunks in found] == expected


def test_all_places_of_a_record():
    table = pa.table({"r": pa.array([{"a": 1, "b": [{"c": 2.0}]}, None]), "a": [1, 2], "r.a": [1, 2], "ra": [1, 2]})
    metadata = pq.ParquetFile(io.BytesIO(written(table))).metadata
    assert columns_of(metadata, ["r", "nowhere"]) == {0: "r.a", 1: "r.b.list.element.c", 3: "r.a"}
    assert columns_of(metadata, ["a"]) == {2: "a"}


def test_columns_of_one_path_have_no_bounds():
    columns = [pa.array([1, 2]), pa.array([3, 4]), pa.array([5, 6]), pa.array([{"d": 7}, {"d": 8}]), pa.array([9, 10])]
    table = pa.Table.from_arrays(columns, names=["a", "a", "b", "c", "c.d"])
    assert told(written(table), ["a", "b", "c.d"]) == [{"b": (5, 6)}]


def replaced(footer: bytes, old: bytes, new: bytes) -> bytes:
    assert old in footer
    return footer.replace(old, new)


def test_bounds_of_another_length_than_the_type():
    content = written(pa.table({"x": pa.array([3, 1000], pa.int64()), "y": [0.25, 0.5]}))
    footer, last = read_footer(io.BytesIO(content)), struct.pack("<q", 1000)
    for length in range(8):
        cut = replaced(footer, b"\x08" + last, bytes([length]) + last[:length])
        assert told(content, ["x", "y"], cut) == [{"y": (0.25, 0.5)}]
    assert told(content, ["x", "y"], replaced(footer, b"\x08" + last, b"\x09" + last + b"\0")) == [{"y": (0.25, 0.5)}]


def test_bounds_that_make_no_sense():
    content = written(pa.table({"x": [0.25, 0.5], "t": ["dddd", "ffff"]}))
    footer = read_footer(io.BytesIO(content))
    assert told(content, ["x"], replaced(footer, struct.pack("<d", 0.5), struct.pack("<d", math.nan))) == [{}]
    assert told(content, ["x"], replaced(footer, struct.pack("<d", 0.5), struct.pack("<d", 0.125))) == [{}]
    assert told(content, ["t"], replaced(footer, b"ffff", b"\xff\xff\xff\xff")) == [{}]


def test_a_length_beyond_the_end():
    content = written(pa.table({"x": [0.25, 0.5]}))
    footer = read_footer(io.BytesIO(content))
    raw = b"\x08" + struct.pack("<d", 0.5)
    for length in (b"\x7f", b"\xff" * 9 + b"\x01", b"\x80" * 1000 + b"\x01", b"\xff" * 1000):
        assert told(content, ["x"], replaced(footer, raw, length + raw[1:])) in ([{}], [])


def test_a_footer_that_ends_anywhere():
    content = written(TABLE.select(["int8", "text", "bool", "float64"]), row_group_size=2)
    footer, names = read_footer(io.BytesIO(content)), ["int8", "text", "bool", "float64"]
    whole = told(content, names)
    for end in range(len(footer)):
        found = told(content, names, footer[:end])
        assert all(some.items() <= all_.items() for some, all_ in zip(found, whole, strict=False)), end


def test_any_byte_of_a_footer_may_be_another():
    content = written(TABLE.select(["int8", "text", "bool", "float64"]))
    footer, rng = read_footer(io.BytesIO(content)), np.random.default_rng(0)
    for at in range(len(footer)):
        told(content, TABLE.column_names, footer[:at] + rng.bytes(1) + footer[at + 1 :])
