"""Slices for people: their names, and the worst of them first."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xent.core.result import MetricResult

MISSING = "(missing)"
"""What stands for a value that is missing."""


def slice_name(slice: Mapping[str, str | None]) -> str:
    """The columns of a slice with their values.

    >>> slice_name({"country": "de", "age": None})
    'country=de, age=(missing)'
    """
    return ", ".join(f"{key}={MISSING if value is None else value}" for key, value in slice.items())


def slice_text(metric: MetricResult) -> str:
    """The slice that a value is of; nothing for a value of all rows.

    >>> from xent.core.result import MetricResult
    >>> slice_text(MetricResult("m", 0.5, {}, 1, "lower", "m", slice={"country": "de", "age": None}))
    'country=de, age=(missing)'
    """
    return slice_name(metric.slice or {})


def worst_first(metrics: Iterable[MetricResult]) -> list[list[MetricResult]]:
    """The values of each metric for the slices of one way of slicing, the worst first; those that cannot be ranked come last, as they are.

    >>> from xent.core.result import MetricResult
    >>> rows = [MetricResult("m", value, {}, 1, "higher", "m", slice={"country": name}) for name, value in (("de", 0.9), ("fr", 0.5))]
    >>> [metric.value for metric in worst_first(rows)[0]]
    [0.5, 0.9]
    """
    ranked: dict[object, list[MetricResult]] = {}
    for metric in metrics:
        ranked.setdefault((tuple(metric.slice or ()), metric.label, metric.signature), []).append(metric)
    return [sorted(found, key=_badness) for found in ranked.values()]


def _badness(metric: MetricResult) -> tuple[bool, float]:
    value = metric.value
    if metric.direction == "none" or not isinstance(value, int | float) or math.isnan(value):
        return True, 0.0
    return False, -value if metric.direction == "lower" else value
