"""A file of metrics as DVC reads it: names with single numbers, those of slices below the name of the slice."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from xent.io.exporters.plain import json_text
from xent.io.slice_words import slice_name

if TYPE_CHECKING:
    from xent.core.result import MetricResult, Result


def to_dvc(result: Result) -> str:
    """One object; `dvc metrics show` and `dvc metrics diff` find every number in it."""
    slices: dict[str, list[MetricResult]] = {}
    for metric in result.slices:
        slices.setdefault(slice_name(metric.slice or {}), []).append(metric)
    parts = {name: scalars(metrics) for name, metrics in slices.items()}
    return json_text({**scalars(result.metrics), **({"slices": parts} if parts else {})}, indent=2)


def scalars(metrics: Iterable[MetricResult]) -> dict[str, float]:
    """The values that are single numbers by the names that were asked for; of several of one name, the others by their signature.

    >>> from xent.core.result import MetricResult
    >>> scalars([MetricResult("auc", 0.9, {}, 5, "higher", "auc|curve:ROC"), MetricResult("auc", 0.8, {}, 5, "higher", "auc|curve:PR")])
    {'auc': 0.9, 'auc|curve:PR': 0.8}
    """
    found: dict[str, float] = {}
    for metric in metrics:
        name = metric.label or metric.name
        if isinstance(metric.value, int | float):
            found[metric.signature if name in found else name] = metric.value
    return found
