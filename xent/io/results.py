"""Results and comparisons read back from the JSON that xent wrote. What comes from a file is checked before it is believed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from xent.core.differences import CandidateReport, CarriedRow, CarriedRows, Comparison, Decisions, Difference
from xent.core.errors import DataError
from xent.core.judging import verdict_of
from xent.core.result import SCHEMA_VERSION, DataReport, HealthReport, Interval, MetricResult, Result
from xent.io.schema import COMPARISON, RESULT
from xent.io.schema_check import Mismatch, check

_Made = TypeVar("_Made")

_SPECIAL = {"inf": float("inf"), "-inf": float("-inf"), "nan": float("nan")}


def read_bytes(name: str) -> tuple[bytes, str]:
    """The content of a file, and what messages call it; `-` is standard input.

    Raises
    ------
    DataError
        The file cannot be read.
    """
    try:
        return (sys.stdin.buffer.read(), "standard input") if name == "-" else (Path(name).read_bytes(), name)
    except OSError as error:
        raise DataError(f"{name}: {error.strerror or error}") from error


def parse_result(content: bytes, name: str) -> Result:
    """The result that a text in JSON holds; `name` is that of the file, for messages.

    Raises
    ------
    DataError
        It holds none.
    """
    return _read_as(content, name, RESULT, "result", "eval", _result)


def parse_comparison(content: bytes, name: str) -> Comparison:
    """The comparison that a text in JSON holds; `name` is that of the file, for messages.

    Raises
    ------
    DataError
        It holds none.
    """
    return _read_as(content, name, COMPARISON, "comparison", "compare", _comparison)


def _read_as(
    content: bytes, name: str, schema: Mapping[str, Any], what: str, command: str, make: Callable[[Mapping[str, Any]], _Made]
) -> _Made:
    """What is made of JSON that fits a schema."""
    try:
        plain = json.loads(
            content.decode("utf-8-sig"), object_pairs_hook=_object, parse_constant=_constant, parse_int=_integer, parse_float=_float
        )
        version = plain.get("schema_version", SCHEMA_VERSION) if isinstance(plain, dict) else SCHEMA_VERSION
        if isinstance(version, int) and version > SCHEMA_VERSION:
            raise DataError(f"{name}: this {what} has the schema version {version}, and this xent knows {SCHEMA_VERSION}; use a newer xent")
        check(plain, schema)
        return make(plain)
    except UnicodeDecodeError as error:
        raise DataError(f"{name}: is no {what} in JSON: not UTF-8 at byte {error.start}") from error
    except json.JSONDecodeError as error:
        raise DataError(f"{name}: is no {what} in JSON: {error.msg} in line {error.lineno}, column {error.colno}") from error
    except (Mismatch, _Unusable) as error:
        raise DataError(f"{name}: is no {what} of xent {command}: {error}") from error
    except RecursionError as error:
        raise DataError(f"{name}: is no {what} of xent {command}: nested too deep") from error


class _Unusable(Exception):
    """What JSON, as Python reads it, lets through."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [key for key, _ in pairs]
        # Two readers may take another one of the two.
        raise _Unusable(f"an object has the key {next(key for key in names if names.count(key) > 1)!r} twice")
    return found


def _constant(text: str) -> NoReturn:
    raise _Unusable(f"{text} is no JSON; infinities and NaN are written as text")


def _integer(text: str) -> int:
    if len(text) > 19:
        raise _Unusable(f"the number {text[:20]}... is out of range")
    return int(text)


def _float(text: str) -> float:
    value = float(text)
    if value in (_SPECIAL["inf"], _SPECIAL["-inf"]):
        raise _Unusable(f"the number {text[:20]} is out of range")
    return value


def _result(plain: Mapping[str, Any]) -> Result:
    gates = tuple(_gate(gate) for gate in plain["gates"])
    return Result(
        xent=plain["xent"],
        data=_data(plain["data"]),
        metrics=tuple(_metric(metric) for metric in plain["metrics"]),
        slices=tuple(_metric(metric) for metric in plain["slices"]),
        gates=gates,
        # Not the one that stands there: the verdict is what the gates say.
        verdict=verdict_of(gates),
    )


def _comparison(plain: Mapping[str, Any]) -> Comparison:
    gates = tuple(_gate(gate) for gate in plain["gates"])
    return Comparison(
        xent=plain["xent"],
        base=_data(plain["base"]),
        candidates=tuple(_candidate(one) for one in plain["candidates"]),
        level=plain["level"],
        margin=_number(plain["margin"]),
        differences=tuple(_difference(one) for one in plain["differences"]),
        slices=tuple(_difference(one) for one in plain["slices"]),
        gates=gates,
        verdict=verdict_of(gates),
    )


def _candidate(plain: Mapping[str, Any]) -> CandidateReport:
    decisions, rows = plain["decisions"], plain["rows"]
    return CandidateReport(
        data=_data(plain["data"]),
        unmatched_base=plain["unmatched_base"],
        unmatched_candidate=plain["unmatched_candidate"],
        decisions=None if decisions is None else Decisions(**decisions),
        rows=None if rows is None else CarriedRows(rows["metric"], _carried(rows["rising"]), _carried(rows["falling"])),
    )


def _carried(rows: Sequence[Mapping[str, Any]]) -> tuple[CarriedRow, ...]:
    numbers = ("weight", "base_value", "value", "contribution")
    return tuple(CarriedRow(**{**row, **{key: _number(row[key]) for key in numbers}}) for row in rows)


_OF_DIFFERENCES = ("value", "difference", "standard_error", "p_value", "p_adjusted", "contribution")
_AS_THEY_ARE = ("name", "candidate", "better", "worse", "finding", "count", "direction", "params", "slice", "signature")


def _difference(plain: Mapping[str, Any]) -> Difference:
    return Difference(
        **{key: _number(plain[key]) for key in _OF_DIFFERENCES},
        **{key: plain[key] for key in _AS_THEY_ARE},
        base=_number(plain["base_value"]),
        label=plain.get("label"),
        ci=_interval(plain["ci"]),
    )


def _data(plain: Mapping[str, Any]) -> DataReport:
    columns = dict(plain["columns"])
    names = columns.pop("class_names", None)
    return DataReport(
        sources=tuple(plain["sources"]),
        rows=plain["rows"],
        rows_dropped=plain["rows_dropped"],
        weight_sum=_number(plain["weight_sum"]),
        classes=plain["classes"],
        columns=columns,
        digest=plain["digest"],
        class_names=None if names is None else tuple(names),
    )


def _metric(plain: Mapping[str, Any]) -> MetricResult:
    return MetricResult(
        name=plain["name"],
        value=_number(plain["value"]),
        params=plain["params"],
        count=plain["count"],
        direction=plain["direction"],
        signature=plain["signature"],
        label=plain.get("label"),
        ci=_interval(plain["ci"]),
        standard_error=_number(plain["standard_error"]),
        health=_health(plain["health"]),
        slice=plain["slice"],
    )


def _interval(plain: Mapping[str, Any] | None) -> Interval | None:
    if plain is None:
        return None
    low, high = _number(plain["low"]), _number(plain["high"])
    if isinstance(low, list) is not isinstance(high, list):
        raise _Unusable("one end of an interval is a list and the other is none")
    return Interval(plain["level"], low, high, plain["method"])


def _health(plain: Mapping[str, Any] | None) -> HealthReport | None:
    if plain is None:
        return None
    return HealthReport(plain["clipped"], plain["renormalised"], _number(plain["max_sum_error"]), _number(plain["exact_value"]))


def _gate(plain: Mapping[str, Any]) -> dict[str, Any]:
    numbers = {key: _number(plain[key]) for key in ("threshold", "value", "candidate", "baseline")}
    interval = _interval(plain["ci"])
    return {**plain, **numbers, "ci": None if interval is None else interval._asdict()}


def _number(value: Any) -> Any:
    """A number, or lists of them, in which infinities and NaN are text."""
    if isinstance(value, list):
        return [_number(item) for item in value]
    return _SPECIAL[value] if isinstance(value, str) else value
