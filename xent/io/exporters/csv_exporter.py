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


def records(result: Result) -> list[dict[str, Any]]:
    """A record for each value and then for each gate, as they are: every one has all of `COLUMNS`, with None for what is not there."""
    return [*map(_of_metric, (*result.metrics, *result.slices)), *map(_of_gate, result.gates)]


def _of_metric(metric: MetricResult) -> dict[str, Any]:
    ci, health = metric.ci, metric.health
    return {
        **dict.fromkeys(COLUMNS),
        "name": metric.name,
        "label": metric.label,
        "slice": None if metric.slice is None else slice_text(metric),
        "value": metric.value,
        "count": metric.count,
        "direction": metric.direction,
        "ci_level": ci and ci.level,
        "ci_low": ci and ci.low,
        "ci_high": ci and ci.high,
        "standard_error": metric.standard_error,
        "clipped": health and health.clipped,
        "renormalised": health and health.renormalised,
        "max_sum_error": health and health.max_sum_error,
        "exact_value": health and health.exact_value,
        "signature": metric.signature,
    }


def _of_gate(gate: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **dict.fromkeys(COLUMNS),
        "name": gate["metric"],
        "slice": None if gate["slice"] is None else gate_slice_text(gate),
        "value": gate["value"],
        "count": gate["count"],
        "gate": gate["gate"],
        "outcome": gate["outcome"],
        "reason": gate["reason"],
    }


def _table(result: Result, delimiter: str) -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([cell(value) for value in record.values()] for record in records(result))
    return text.getvalue()


def cell(value: Any) -> str:
    """A value as it stands between the separators."""
    if value is None:
        return ""
    if isinstance(value, str):
        return harmless(value)
    return repr(value) if isinstance(value, int | float) else json_text(plain(value)).rstrip("\n")


def harmless(name: str) -> str:
    """A name that no spreadsheet takes for a formula.

    >>> harmless("=1+1"), harmless("de")
    ("'=1+1", 'de')
    """
    return "'" + printable(name) if name.startswith(("=", "+", "-", "@", "\t", "\r")) else printable(name)
