"""A result as Parquet: the table of the CSV, in types."""

import csv
import io
import json
import math

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from xent.core.gates import parse_gate
from xent.core.judging import judge
from xent.core.result import DataReport, HealthReport, Interval, MetricResult, Result
from xent.io.exporters import export
from xent.io.results import parse_result

NAME = "=1+1\n\x1bé\U0001f600"

METRICS = (
    MetricResult(
        "accuracy",
        0.1 + 0.2,
        {},
        3,
        "higher",
        "accuracy|",
        "mine",
        Interval(0.95, 0.25, math.inf, "w"),
        0.5,
        HealthReport(2, 0, 1e-3, None),
    ),
    MetricResult("precision", [0.5, [math.nan]], {}, 2**53 + 1, "higher", "precision|"),
    MetricResult("log", math.nan, {}, 0, "none", "log|"),
)
SLICES = (MetricResult("accuracy", -math.inf, {}, 1, "higher", "accuracy|", "mine", slice={NAME: NAME, "b": None}),)
RESULT = judge(
    Result("9.9", DataReport(("caf\udce9.csv",), 3, 0, 3.0, None, {}, "d"), METRICS, SLICES),
    [parse_gate("accuracy >= 0.5"), parse_gate("recall >= 0")],
)


@pytest.fixture(scope="module")
def table():
    content = export(RESULT, "parquet")
    assert isinstance(content, bytes)
    return pq.read_table(io.BytesIO(content))


def test_the_columns_are_those_of_the_csv_and_one_for_several_values(table):
    reader = csv.DictReader(io.StringIO(export(RESULT, "csv")))
    assert table.column_names == [*reader.fieldnames, "values"]
    assert table.num_rows == len(list(reader)) == 6
    kinds = {name: table.schema.field(name).type for name in table.column_names}
    assert {name for name, kind in kinds.items() if kind == pa.int64()} == {"count", "clipped", "renormalised"}
    assert {name for name, kind in kinds.items() if kind == pa.float64()} == {
        "value", "ci_level", "ci_low", "ci_high", "standard_error", "max_sum_error", "exact_value",
    }  # fmt: skip


def test_numbers_keep_their_bits_and_names_are_as_they_are(table):
    first, several, undefined, of_slice, failed, unmeasured = table.to_pylist()
    assert first == {
        "name": "accuracy", "label": "mine", "slice": None, "value": 0.30000000000000004, "count": 3, "direction": "higher",
        "ci_level": 0.95, "ci_low": 0.25, "ci_high": math.inf, "standard_error": 0.5, "clipped": 2, "renormalised": 0,
        "max_sum_error": 1e-3, "exact_value": None, "signature": "accuracy|", "gate": None, "outcome": None, "reason": None, "values": None,
    }  # fmt: skip
    assert (several["value"], json.loads(several["values"]), several["count"]) == (None, [0.5, ["nan"]], 2**53 + 1)
    assert several["clipped"] is several["ci_low"] is several["label"] is None
    assert math.isnan(undefined["value"]), "NaN is a value, and not the lack of one"
    assert table.column("value").null_count == 2
    assert (of_slice["slice"], of_slice["value"]) == (f"{NAME}={NAME}, b=(missing)", -math.inf)
    assert [failed[key] for key in ("name", "gate", "outcome", "value")] == ["mine", "accuracy >= 0.5", "fail", 0.30000000000000004]
    assert [unmeasured[key] for key in ("name", "outcome", "value", "count")] == ["recall", "error", None, None]


def test_the_file_holds_the_whole_result(table):
    saved = table.schema.metadata[b"xent"]
    assert saved == export(RESULT, "json").encode()
    assert parse_result(saved, "").gates == RESULT.gates


def test_a_result_of_nothing():
    content = export(RESULT._replace(metrics=(), slices=(), gates=()), "parquet")
    assert pq.read_table(io.BytesIO(content)).num_rows == 0
