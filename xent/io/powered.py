"""From data sets to what their rows can show."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import xent
from xent.core.errors import DataError
from xent.core.gate_intervals import Measure
from xent.core.power import Reach
from xent.core.tally import Confidence, NanPolicy
from xent.io.exporters.plain import data_as_dict, json_text

if TYPE_CHECKING:
    from xent.core.metric import Metric
    from xent.core.result import DataReport, Interval
    from xent.io.dataset import Dataset


class MetricPower(NamedTuple):
    """What the rows can show of one metric; `candidate_value` is None where there is no candidate."""

    name: str
    label: str | None
    signature: str
    value: float
    candidate_value: float | None
    method: str
    reaches: tuple[Reach, ...]


class PowerReport(NamedTuple):
    """What the rows of one data set, or of two models on the same rows, can show."""

    data: DataReport
    level: float
    power: float
    detect: float | None
    metrics: tuple[MetricPower, ...]

    def records(self) -> list[dict[str, Any]]:
        """A record for each metric and way of comparing, as plain values."""
        return [
            {
                "name": metric.name,
                **({} if metric.label is None else {"label": metric.label}),
                "value": metric.value,
                "candidate_value": metric.candidate_value,
                "design": reach.design,
                "method": metric.method,
                "rows": reach.rows,
                "standard_error": reach.standard_error,
                "smallest_change": reach.smallest_change(self.level, self.power),
                "rows_needed": None if self.detect is None else reach.rows_needed(self.detect, self.level, self.power),
                "power_to_detect": None if self.detect is None else reach.power(self.detect, self.level),
            }
            for metric in self.metrics
            for reach in metric.reaches
        ]


def to_json(report: PowerReport) -> str:
    """One JSON text."""
    facts = {"level": report.level, "power": report.power, "detect": report.detect}
    return json_text({"xent": xent.__version__, "data": data_as_dict(report.data), **facts, "metrics": report.records()}, indent=2)


def find_power(
    base: Dataset,
    candidate: Dataset | None,
    metrics: Sequence[Metric],
    *,
    level: float,
    power: float,
    detect: float | None = None,
    nan: NanPolicy = "error",
    from_logits: bool = False,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> PowerReport:
    """Measures the spread of metrics, and says what changes of them the rows can show.

    Parameters
    ----------
    base, candidate : a model, and perhaps another one on the same rows; clusters are those of the base
    metrics : what to measure
    level, power : the level of the intervals, and the probability with which they are to find a change
    detect : a change of which to say how many rows it takes
    nan, from_logits, seed, progress : as in `xent.io.evaluation.evaluate`

    Raises
    ------
    DataError
        The data cannot be used, or the spread of a metric is not known.
    NothingEvaluated
        There are no rows.
    """
    clustered = base.request.cluster is not None
    found: list[MetricPower] = []
    if candidate is None:
        from xent.io.evaluation import evaluate

        confidence = Confidence(level, seed, clustered)
        result = evaluate(base, metrics, nan=nan, from_logits=from_logits, confidence=confidence, progress=progress)
        for one in result.metrics:
            error, df, method = _known(one.name, one.value, one.ci, one.standard_error, one.count)
            designs = (("independent", error * math.sqrt(2.0)), ("threshold", error))
            reaches = tuple(Reach(design, one.count, spread, df) for design, spread in designs)
            found.append(MetricPower(one.name, one.label, one.signature, one.value, None, method, reaches))
        return PowerReport(result.data, level, power, detect, tuple(found))
    from xent.io.compared import compare

    comparison = compare(base, [candidate], metrics, level=level, nan=nan, from_logits=from_logits, seed=seed, rows=0, progress=progress)
    for both in comparison.differences:
        error, df, method = _known(both.name, both.difference, both.ci, both.standard_error, both.count)
        errors = both.errors or (math.nan, math.nan)
        designs = (("paired", error), ("independent", math.hypot(*errors)))
        reaches = tuple(Reach(design, both.count, spread, df) for design, spread in designs)
        found.append(MetricPower(both.name, both.label, both.signature, both.base, both.value, method, reaches))
    return PowerReport(comparison.base, level, power, detect, tuple(found))


def _known(name: str, value: Any, ci: Interval | None, error: Any, rows: int) -> tuple[float, float, str]:
    """The standard error, the degrees of freedom and the method of an interval."""
    if not isinstance(value, float):
        raise DataError(f"{name} has several values, and power is that of one")
    if ci is None or not isinstance(error, float):
        raise DataError(f"{name}: the spread of the value is not known from these {rows:,} rows")
    return error, Measure(value, ci, rows).df, ci.method
