"""The health of a number in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xent.core.conventions import CONVENTIONS

if TYPE_CHECKING:
    from xent.core.result import MetricResult


def health_sentences(metric: MetricResult) -> list[str]:
    """What was done to the predictions behind a value, each a phrase; nothing for a value that stands as it is.

    >>> from xent.core.result import HealthReport, MetricResult
    >>> health = HealthReport(clipped=1, renormalised=20, max_sum_error=0.00098, exact_value=float("inf"))
    >>> health_sentences(MetricResult("categorical_crossentropy", 0.4, {"convention": "keras"}, 20, "lower", "", health=health))
    ['1 row clipped to [1e-07, 1 - 1e-07]', '20 rows renormalised, largest |sum - 1| 0.00098', 'exact value inf']
    """
    health = metric.health
    if health is None:
        return []
    sentences = []
    if health.clipped:
        sentences.append(f"{_rows(health.clipped)} clipped{_bounds(metric)}")
    if health.renormalised:
        sentences.append(f"{_rows(health.renormalised)} renormalised, largest |sum - 1| {health.max_sum_error:.3g}")
    elif health.max_sum_error:
        sentences.append(f"sums not renormalised, largest |sum - 1| {health.max_sum_error:.3g}")
    if (exact := _shown(health.exact_value)) not in ("", _shown(metric.value)):
        sentences.append(f"exact value {exact}")
    return sentences


def _shown(value: Any) -> str:
    """A single number with the digits that people are shown; a difference behind them is no news."""
    return f"{value:.7g}" if isinstance(value, int | float) else ""


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _bounds(metric: MetricResult) -> str:
    convention = CONVENTIONS.get(str(metric.params.get("convention")))
    return f" to [{convention.clip}, 1 - {convention.clip}]" if convention and isinstance(convention.clip, float) else ""
