"""OpenMetrics, the text format of Prometheus, which GitLab reads as a metrics report.

Source: RFC draft "OpenMetrics, a cloud-native, highly scalable metrics protocol", version 1.0.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from xent.core.gates import Column
from xent.io.escaping import printable
from xent.io.slice_words import MISSING

if TYPE_CHECKING:
    from xent.core.result import MetricResult, Result

_NO_NAME = re.compile("[^a-zA-Z0-9_]")


def to_openmetrics(result: Result) -> str:
    """A gauge for each metric, the ends of its interval, the data and the gates; slices are labels as gates write them."""
    families: dict[str, dict[str, float]] = {}
    for name, labels, value in _samples(result):
        families.setdefault(name, {})[_labels(labels)] = value
    lines = []
    for name, samples in families.items():
        lines.append(f"# TYPE {name} gauge")
        lines += [f"{name}{labels} {_number(value)}" for labels, value in samples.items()]
    return "\n".join([*lines, "# EOF", ""])


def _samples(result: Result) -> Iterator[tuple[str, dict[str, str], float]]:
    """Family, labels and value; no two of them have the same family and labels."""
    known = [(_family(metric), metric.label) for metric in result.metrics]
    for metric in (*result.metrics, *result.slices):
        name = _family(metric)
        labels = {} if metric.label is None else {"label": metric.label}
        # The parameters tell them apart where names do not.
        if known.count((name, metric.label)) > 1:
            labels["signature"] = metric.signature
        if metric.slice is not None:
            labels["slice"] = _slice(metric.slice)
        yield from _values(name, labels, metric)
    data = result.data
    yield from (("xent_rows", {}, data.rows), ("xent_rows_dropped", {}, data.rows_dropped), ("xent_weight_sum", {}, data.weight_sum))
    for gate in result.gates:
        labels = {"gate": gate["gate"], **({} if gate["slice"] is None else {"slice": _slice(gate["slice"])})}
        yield "xent_gate_passed", labels, int(gate["outcome"] == "pass")


def _family(metric: MetricResult) -> str:
    return "xent_" + _NO_NAME.sub("_", metric.name)


def _values(name: str, labels: dict[str, str], metric: MetricResult) -> Iterator[tuple[str, dict[str, str], float]]:
    """The value of a metric, of several each with its place in the list, and the interval of it."""
    yield from ((name, {**labels, **place}, value) for place, value in _single(metric.value))
    if metric.ci is not None:
        for end, bound in (("ci_low", metric.ci.low), ("ci_high", metric.ci.high)):
            yield from ((f"{name}_{end}", {**labels, **place}, value) for place, value in _single(bound))


def _single(value: Any, places: tuple[int, ...] = ()) -> Iterator[tuple[dict[str, str], float]]:
    if isinstance(value, list):
        for place, item in enumerate(value):
            yield from _single(item, (*places, place))
    else:
        yield ({"index": ",".join(map(str, places))} if places else {}), value


def _slice(slice: Mapping[str, str | None]) -> str:
    """The slice as a gate selects it, which no two slices share; a value that is missing is in no quotes, as that of text would be."""
    return ",".join(str(Column(name, MISSING if value is None else value, value is None)) for name, value in slice.items())


def _labels(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}" if labels else ""


def _escaped(text: str) -> str:
    # GitLab takes whatever is behind a # for a comment, in quotes too, and then gives up on the whole report. So it becomes an escape, like
    # what is no printable character, and the backslash of both must stand for itself.
    return printable(text).replace("#", "\\x23").replace("\\", "\\\\").replace('"', '\\"')


def _number(value: float) -> str:
    """A number as the format has it.

    >>> [_number(value) for value in (0.5, 3, float("nan"), float("-inf"))]
    ['0.5', '3', 'NaN', '-Inf']
    """
    if math.isnan(value):
        return "NaN"
    return f"{'+' if value > 0 else '-'}Inf" if math.isinf(value) else repr(value)
