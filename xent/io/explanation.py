"""Why a number is not that of another library: one metric over a dataset under every convention."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import xent
from xent.core.comparison import BASELINE, Comparison, Example, Gap
from xent.core.conventions import meaning
from xent.io.evaluation import data_report
from xent.io.exporters.plain import data_as_dict
from xent.io.tallying import tally_of

if TYPE_CHECKING:
    from xent.core.metric import Metric
    from xent.core.result import DataReport, MetricResult
    from xent.core.tally import NanPolicy
    from xent.io.dataset import Dataset


@dataclass(frozen=True, slots=True)
class Reading:
    """One convention: what it does, and what comes of it. `result` and `gap` are None where it has no counterpart for the metric."""

    convention: str
    meaning: str
    result: MetricResult | None = None
    gap: Gap | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """A metric of some rows under every convention, the baseline first."""

    metric: str
    parameters: Mapping[str, Any]
    readings: tuple[Reading, ...]
    data: DataReport

    @property
    def baseline(self) -> float:
        """The value that the others are compared with."""
        result = self.readings[0].result
        assert result is not None
        return float(result.value)

    def difference(self, reading: Reading) -> float | None:
        """By how much the value of a convention exceeds the baseline's."""
        if reading.result is None:
            return None
        value = float(reading.result.value)
        return 0.0 if value == self.baseline else value - self.baseline

    def place(self, example: Example) -> tuple[str, int]:
        """The source of a row, and its number there as people count."""
        source, row = example.place
        return self.data.sources[source], row + 1

    def label(self, example: Example) -> Any:
        """The label of a row: the name of its class where it has one."""
        names = self.data.class_names
        if names is not None and isinstance(example.label, int) and len(names) > example.label:
            return names[example.label]
        return example.label

    def as_dict(self) -> dict[str, Any]:
        """The same as plain values."""
        return {
            "xent": xent.__version__,
            "metric": self.metric,
            "params": dict(self.parameters),
            "baseline": BASELINE,
            "conventions": [self._reading_as_dict(reading) for reading in self.readings],
            "data": data_as_dict(self.data),
        }

    def _reading_as_dict(self, reading: Reading) -> dict[str, Any]:
        result, gap = reading.result, reading.gap
        return {
            "name": reading.convention,
            "counterpart": result is not None,
            "meaning": reading.meaning,
            "value": None if result is None else result.value,
            "difference": self.difference(reading),
            "rows": None if gap is None else gap.rows,
            "first": None if gap is None else self._example_as_dict(gap.first),
            "largest": None if gap is None else self._example_as_dict(gap.largest),
            "signature": None if result is None else result.signature,
        }

    def _example_as_dict(self, example: Example | None) -> dict[str, Any] | None:
        if example is None:
            return None
        file, row = self.place(example)
        return {
            "file": file,
            "row": row,
            "label": self.label(example),
            "prediction": example.prediction,
            "baseline": example.baseline,
            "value": example.value,
        }


def explain(
    dataset: Dataset,
    metrics: Mapping[str, Metric | None],
    *,
    nan: NanPolicy = "error",
    from_logits: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Explanation:
    """Streams the rows of a dataset into one metric under all conventions, in one pass.

    Parameters
    ----------
    dataset : the opened sources
    metrics : the metric under every convention, as `xent.core.comparison.under_conventions` makes it
    nan, from_logits, progress : as in `xent.io.evaluation.evaluate`

    Raises
    ------
    DataError
        The data cannot be used; the error names file, column and row.
    NothingEvaluated
        There are no rows, or none are left.
    """
    known = {name: metric for name, metric in metrics.items() if metric is not None}
    tally = tally_of(dataset, list(known.values()), Comparison, nan=nan, from_logits=from_logits, progress=progress)
    data = data_report(dataset, tally)
    found = dict(zip(known, zip(tally.results(), tally.gaps, strict=True), strict=True))
    baseline = known[BASELINE]
    name = baseline.row.name
    return Explanation(
        metric=name,
        parameters={key: value for key, value in baseline.parameters().items() if key != "convention"},
        readings=tuple(
            Reading(each, meaning(each, name), *found[each]) if each in found else Reading(each, "has no counterpart") for each in metrics
        ),
        data=data,
    )
