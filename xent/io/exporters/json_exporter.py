"""JSON: the whole result as one object, or one line for each value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xent.io.exporters.plain import json_text, metric_as_dict, result_as_dict

if TYPE_CHECKING:
    from xent.core.result import Result


def to_json(result: Result) -> str:
    """The result as one indented object."""
    return json_text(result_as_dict(result), indent=2)


def to_jsonl(result: Result) -> str:
    """The objects of `metrics`, then those of `slices`, then those of `gates`, one a line."""
    metrics = (metric_as_dict(metric) for metric in (*result.metrics, *result.slices))
    return "".join(map(json_text, (*metrics, *result.gates)))
