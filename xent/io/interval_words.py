"""Confidence intervals in words, for tables and reports."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xent.core.result import Interval, MetricResult

_DIGITS, _MOST_DIGITS = 4, 12


def levels_of(metrics: Iterable[MetricResult]) -> list[float]:
    """The levels of the intervals that there are."""
    return sorted({metric.ci.level for metric in metrics if metric.ci is not None})


def level_text(level: float) -> str:
    """What a column or a property of intervals is called.

    >>> level_text(0.95), level_text(0.999)
    ('95% interval', '99.9% interval')
    """
    return f"{level * 100:.10g}% interval"


def interval_text(interval: Interval | None, level: float | None = None) -> str:
    """The ends of an interval with the digits that matter; nothing for those of arrays, of another level, or where there is none.

    >>> from xent.core.result import Interval
    >>> interval_text(Interval(0.95, 0.12345678, 0.2, "t")), interval_text(Interval(0.95, 1234567.1, 1234569.2, "t"))
    ('[0.1235, 0.2]', '[1234567.1, 1234569.2]')
    """
    if interval is None or isinstance(interval.low, list) or interval.level != (level or interval.level):
        return ""
    width, size = interval.high - interval.low, max(abs(interval.low), abs(interval.high))
    digits = _DIGITS
    if 0.0 < width < math.inf and size < math.inf:
        # Two digits of the width, however far from 0 the interval lies.
        digits = max(digits, min(_MOST_DIGITS, math.floor(math.log10(size)) - math.floor(math.log10(width)) + 2))
    return f"[{interval.low:.{digits}g}, {interval.high:.{digits}g}]"
