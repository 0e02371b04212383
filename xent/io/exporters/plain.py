"""A `Result` as plain lists and dictionaries, in the order of keys that the contract fixes, and those as JSON text."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xent.core.result import DataReport, HealthReport, MetricResult, Result

# What JSON lets stand in a string, but a terminal would obey, or UTF-8 cannot hold.
_UNSAFE = re.compile("[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def plain(value: Any) -> Any:
    """`value` as JSON can hold it: infinities and NaN become the strings "inf", "-inf" and "nan".

    >>> plain({"a": (1, float("-inf")), "b": None})
    {'a': [1, '-inf'], 'b': None}
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    # Parameters may be given as NumPy arrays and scalars.
    return plain(value.tolist()) if hasattr(value, "tolist") else str(value)


def table_size(value: Any) -> str | None:
    """The size of an array of rows, in words, for places that cannot show all of it; None where it is a number or a plain list.

    >>> table_size([[0.0, 1.0], [0.5, 0.75], [1.0, 0.5]])
    '3 x 2 numbers'
    """
    if not isinstance(value, list) or not value or not isinstance(value[0], list):
        return None
    lengths = {len(row) for row in value if isinstance(row, list)}
    return f"{len(value)} x {lengths.pop()} numbers" if len(lengths) == 1 else f"{len(value)} rows of numbers"


def json_text(value: Any, indent: int | None = None) -> str:
    r"""`value` as one JSON text that ends in a newline, numbers with as many digits as read back to the same bits.

    >>> json_text({"name": "é\x9b", "value": float("nan")})
    '{"name": "é\\u009b", "value": "nan"}\n'
    """
    text = json.dumps(plain(value), indent=indent, ensure_ascii=False, allow_nan=False)
    # These characters can only stand inside strings, so the escape is the same text.
    text = _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
    return sound(text) + "\n"


def sound(text: str) -> str:
    r"""`text` as UTF-8 can hold it: half a surrogate pair, which a file name that is not UTF-8 has, becomes the sign for what is unknown.

    >>> sound("caf\udce9") == "caf\ufffd"
    True
    """
    return _SURROGATE.sub("\ufffd", text)


def result_as_dict(result: Result) -> dict[str, Any]:
    """The whole result; `xent schema result` describes it."""
    return {
        "schema_version": result.schema_version,
        "xent": result.xent,
        "data": data_as_dict(result.data),
        "metrics": [metric_as_dict(metric) for metric in result.metrics],
        "slices": [metric_as_dict(metric) for metric in result.slices],
        "gates": [dict(gate) for gate in result.gates],
        "verdict": result.verdict,
    }


def data_as_dict(data: DataReport) -> dict[str, Any]:
    """What was read."""
    columns = dict(data.columns)
    if data.class_names is not None:
        columns["class_names"] = list(data.class_names)
    return {
        "sources": list(data.sources),
        "rows": data.rows,
        "rows_dropped": data.rows_dropped,
        "weight_sum": data.weight_sum,
        "classes": data.classes,
        "columns": columns,
        "digest": data.digest,
    }


def metric_as_dict(metric: MetricResult) -> dict[str, Any]:
    """One value. The key `label` is there only where the person who asked gave the metric a name."""
    ci = metric.ci
    return {
        "name": metric.name,
        **({} if metric.label is None else {"label": metric.label}),
        "value": metric.value,
        "params": dict(metric.params),
        "count": metric.count,
        "direction": metric.direction,
        "ci": None if ci is None else {"level": ci.level, "low": ci.low, "high": ci.high, "method": ci.method},
        "standard_error": metric.standard_error,
        "health": None if metric.health is None else health_as_dict(metric.health),
        "slice": None if metric.slice is None else dict(metric.slice),
        "signature": metric.signature,
    }


def health_as_dict(health: HealthReport) -> dict[str, Any]:
    """What was done to the predictions behind one value."""
    return {
        "clipped": health.clipped,
        "renormalised": health.renormalised,
        "max_sum_error": health.max_sum_error,
        "exact_value": health.exact_value,
    }
