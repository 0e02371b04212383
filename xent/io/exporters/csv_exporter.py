"""CSV and TSV: one line for each value and then one for each gate, the same columns always."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from xent.io.escaping import printable
from xent.io.exporters.plain import json_text, plain
from xent.io.gate_words import slice_text as gate_slice_text
from xent.io.slice_words import slice_text

if TYPE_CHECKING:
    from xent.core.result import MetricResult, Result

COLUMNS = (
    "name", "label", "slice", "value", "count", "direction", "ci_level", "ci_low", "ci_high", "standard_error",
    "clipped", "renormalised", "max_sum_error", "exact_value", "signature",
    "gate", "outcome", "reason",
)  # fmt: skip


def to_csv(result: Result) -> str:
    """Comma-separated, quoted where needed, with a header."""
    return _table(result, ",")


def to_tsv(result: Result) -> str:
    """Tab-separated; a tab inside a name is escaped."""
    return _table(result, "\t")


def _table(result: Result, delimiter: str) -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_line(metric) for metric in (*result.metrics, *result.slices))
    writer.writerows(_gate_line(gate) for gate in result.gates)
    return text.getvalue()


def _line(metric: MetricResult) -> list[str]:
    ci, health = metric.ci, metric.health
    names = {
        "name": metric.name,
        "label": metric.label or "",
        "slice": slice_text(metric),
        "direction": metric.direction,
        "signature": metric.signature,
    }
    numbers = {
        "value": metric.value,
        "count": metric.count,
        "ci_level": ci and ci.level,
        "ci_low": ci and ci.low,
        "ci_high": ci and ci.high,
        "standard_error": metric.standard_error,
        "clipped": health and health.clipped,
        "renormalised": health and health.renormalised,
        "max_sum_error": health and health.max_sum_error,
        "exact_value": health and health.exact_value,
    }
    return _cells(names, numbers)


def _gate_line(gate: Mapping[str, Any]) -> list[str]:
    names = {
        "name": gate["metric"],
        "slice": "" if gate["slice"] is None else gate_slice_text(gate),
        "gate": gate["gate"],
        "outcome": gate["outcome"],
        "reason": gate["reason"],
    }
    return _cells(names, {"value": gate["value"], "count": gate["count"]})


def _cells(names: Mapping[str, str], numbers: Mapping[str, Any]) -> list[str]:
    cells = {key: harmless(value) for key, value in names.items()} | {key: _number(value) for key, value in numbers.items()}
    return [cells.get(column, "") for column in COLUMNS]


def harmless(name: str) -> str:
    """A name that no spreadsheet takes for a formula.

    >>> harmless("=1+1"), harmless("de")
    ("'=1+1", 'de')
    """
    return "'" + printable(name) if name.startswith(("=", "+", "-", "@", "\t", "\r")) else printable(name)


def _number(value: Any) -> str:
    if value is None:
        return ""
    return repr(value) if isinstance(value, int | float) else json_text(plain(value)).rstrip("\n")
