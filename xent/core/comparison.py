"""One metric under several conventions, row by row: how often they differ, and where.

The values come from a `Tally` of the metric under every convention. Beside it the kernels' values of each row are compared, and of the
rows in which they differ the number, the first and the one of the largest difference are kept: memory does not grow with the rows, and
chunks, threads and the order of merging make no difference.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from xent.core.conventions import CONVENTIONS
from xent.core.errors import UsageError
from xent.core.lazy import np
from xent.core.metric import MeanOf, Metric
from xent.core.reduction import mean_of_rows, rows_of
from xent.core.table import table
from xent.core.tally import Tally

if TYPE_CHECKING:
    from xent.core.arrays import Array
    from xent.core.batch import Batch
    from xent.core.specs import Spec

BASELINE = "keras"
"""The convention that the others are compared with."""


@dataclass(frozen=True, slots=True)
class Example:
    """A row that two conventions value differently.

    `place` is the number of its source and of the row there, counted from 0; `label` and `prediction` are what the metric saw: of one
    true class among several, its index and its probability. `baseline` and `value` are the values of the row.
    """

    place: tuple[int, int]
    label: Any
    prediction: Any
    baseline: float
    value: float

    @property
    def distance(self) -> float:
        """How far the values are apart; infinite where one of them is no number."""
        distance = abs(self.value - self.baseline)
        return math.inf if math.isnan(distance) else distance


@dataclass(frozen=True, slots=True)
class Gap:
    """What two conventions make of the same rows: in how many they differ, the first of them, and the one that differs most."""

    rows: int = 0
    first: Example | None = None
    largest: Example | None = None

    def merge(self, other: Gap) -> Gap:
        """The gap in the rows of both."""
        firsts = [gap.first for gap in (self, other) if gap.first is not None]
        largest = [gap.largest for gap in (self, other) if gap.largest is not None]
        return Gap(
            self.rows + other.rows,
            min(firsts, key=lambda example: example.place, default=None),
            min(largest, key=lambda example: (-example.distance, example.place), default=None),
        )


@dataclass
class Comparison(Tally):
    """A tally of one metric under several conventions, the first of which is the baseline, with the gaps between it and the others."""

    gaps: list[Gap] = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.gaps = [Gap() for _ in self.metrics]

    def _lift(self, block: Batch) -> None:
        super()._lift(block)
        if not len(block):
            return
        baseline = self.metrics[0]
        seen = self._need(baseline, baseline.lift).view(block)
        for number, other in enumerate(self.metrics):
            lifts = cast("MeanOf", baseline.lift), cast("MeanOf", other.lift)
            gap = gap_in(seen, *lifts, over_classes=baseline.row.inputs == "categorical")
            self.gaps[number] = self.gaps[number].merge(gap)

    def merge(self, other: Tally) -> None:
        super().merge(other)
        assert isinstance(other, Comparison)
        self.gaps = [mine.merge(theirs) for mine, theirs in zip(self.gaps, other.gaps, strict=True)]


def gap_in(batch: Batch, baseline: MeanOf, other: MeanOf, *, over_classes: bool) -> Gap:
    """The gap between two lifts in the rows of a batch.

    What is compared is value times weight, so that a row of weight 0 differs only where one of its values is infinite.
    """
    one, two = (batch.derive(lift.function, **dict(lift.options)) for lift in (baseline, other))
    if one is two:
        return Gap()
    if baseline.mask is not None:
        counted = baseline.mask(batch, **dict(baseline.options))
        one, two = np.where(counted, one, 0.0), np.where(counted, two, 0.0)
    weight = 1.0 if batch.sample_weight is None else batch.sample_weight
    mine, theirs = rows_of(one, weight)[0], rows_of(two, weight)[0]
    rows = np.flatnonzero((mine != theirs) & ~(np.isnan(mine) & np.isnan(theirs)))
    if not len(rows):
        return Gap()
    one, two = mean_of_rows(one), mean_of_rows(two)
    with np.errstate(invalid="ignore"):
        distances = np.nan_to_num(np.abs(two[rows] - one[rows]), nan=np.inf, posinf=np.inf)
    first, largest = (_example(batch, int(row), one, two, over_classes) for row in (rows[0], rows[np.argmax(distances)]))
    return Gap(len(rows), first, largest)


def _example(batch: Batch, row: int, baseline: Array, other: Array, over_classes: bool) -> Example:
    label, prediction = batch.y_true[row], batch.y_pred[row]
    if over_classes:
        if np.ndim(label) and np.count_nonzero(label) == 1 and np.max(label) == 1.0:
            # In a block of one-hot rows alone indices stand in their place already; what is shown must not depend on the block.
            label = np.argmax(label)
        if not np.ndim(label):
            label = label.astype(np.intp)
            prediction = prediction[label]
    elif np.ndim(label) == 0 and label == np.floor(label):
        label = label.astype(np.int64)
    return Example(batch.place(row), label.tolist(), prediction.tolist(), float(baseline[row]), float(other[row]))


def under_conventions(spec: Spec, **parameters: Any) -> dict[str, Metric | None]:
    """The metric under every convention, the baseline first; None where a convention has no counterpart for it.

    Parameters
    ----------
    spec : the metric, without a convention
    parameters : what else to set where the metric takes it

    Raises
    ------
    UsageError
        The metric has no conventions to choose from, or one was chosen, or another parameter is wrong.
    """
    if not spec.takes("convention"):
        takers = ", ".join(row.name for row in table().values() if "convention" in row.parameters)
        raise UsageError(f"{spec.row.name} has no parameter 'convention'; those that have it: {takers}")
    if "convention" in spec.parameters:
        raise UsageError(f"all conventions are compared, so {spec.row.name} cannot be given one")
    spec = spec.with_defaults(parameters)
    metrics: dict[str, Metric | None] = {BASELINE: spec.with_defaults({"convention": BASELINE}).build()}
    for name in CONVENTIONS:
        if name == BASELINE:
            continue
        try:
            metrics[name] = spec.with_defaults({"convention": name}).build()
        except UsageError:
            # Everything but the convention was accepted for the baseline.
            metrics[name] = None
    if any(metric is not None and not isinstance(metric.lift, MeanOf) for metric in metrics.values()):
        raise UsageError(f"{spec.row.name} is no mean of the rows' values, so rows cannot be compared")
    return metrics
