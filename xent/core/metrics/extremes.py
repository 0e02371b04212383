"""The largest and the median absolute error, beyond Keras."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from xent.core.arrays import as_matrix, as_rows, mean_classes
from xent.core.batch import Batch
from xent.core.errors import DataError
from xent.core.groups import regrouped
from xent.core.lazy import np
from xent.core.losses.regression import absolute_errors
from xent.core.metric import LiftBy, Metric
from xent.core.moments import cells_of, weights_of
from xent.core.reduction import row_counts
from xent.core.states import State
from xent.core.table import metric

if TYPE_CHECKING:
    from xent.core.arrays import Array
    from xent.core.uncertainty import Spread

__all__ = ["MaxError", "MedianAbsoluteError"]


@dataclass(frozen=True, slots=True, eq=False)
class LargestError(State):
    """The largest absolute error of every group, and the number of rows it was looked for in."""

    largest = frozenset({"value"})

    value: Array
    count: Array


def largest_error(batch: Batch) -> LargestError:
    """The largest error of a block; rows of weight 0 have none."""
    sizes = as_matrix(batch.derive(absolute_errors))
    counts = batch.derive(row_counts)
    groups = batch.groups
    weight = weights_of(batch, (len(sizes), sizes.shape[1]))
    if weight is not None:
        kept = np.asarray(weight != 0.0)
        # A weight that is missing may be any, so that nobody knows whether the error counts.
        sizes, found = np.where(np.isnan(weight), np.nan, np.where(kept, sizes, 0.0)), np.asarray(kept.any(axis=1))
        counts = np.array([np.count_nonzero(found)]) if groups is None else groups.count_where(found)
    rows = np.maximum.reduce(sizes, axis=1, initial=0.0).astype(np.float64)
    return LargestError(np.array([np.maximum.reduce(rows, initial=0.0)]) if groups is None else groups.largest(rows), counts)


@metric(
    "max_error",
    direction="lower",
    range="[0, inf)",
    inputs="values",
    formula="max |p - y|",
    source="sklearn.metrics.max_error",
)
class MaxError(Metric):
    """Largest absolute error, over all rows and outputs.

    max |p - y|. Weights make no difference, but rows of weight 0 do not count. Beyond Keras.

    Notes
    -----
    Source: `sklearn.metrics.max_error`.

    >>> metric = MaxError()
    >>> metric.update_state([3, 2, 7, 1], [4, 2, 7, 1])
    >>> metric.result()
    1.0
    """

    def __init__(self, name: str = "max_error", dtype: str | None = None) -> None:
        super().__init__(name, dtype)
        self.lift = LiftBy(largest_error)

    def spread(self, clustered: bool) -> None:
        """None: how far the largest error of more rows lies above is not to be seen from these."""

    def finish(self, state: LargestError) -> Array:
        """The largest error of every group; NaN where there were no rows."""
        return np.where(state.count > 0, state.value, np.nan)


class Run(NamedTuple):
    """Different errors with how often each was seen, sorted by cell, error and weight; four arrays of one length.

    Errors and weights are kept as the bits of float64s, which sort as the numbers do, since they are not negative.
    """

    cells: Array
    errors: Array
    weights: Array
    counts: Array


@dataclass(frozen=True, slots=True, eq=False)
class ErrorCounts(State):
    """How often every absolute error was seen, with every weight, in each output of each group.

    `rows` counts the values of every output of every group, shape (groups, outputs). The counts stand in runs, each at most half
    as long as the next, so that a value is merged a logarithmic number of times; what the runs hold together is all that matters.
    """

    rows: Array
    runs: tuple[Run, ...]

    def merge(self, other: Self) -> Self:
        if not isinstance(other, ErrorCounts):
            raise DataError(f"cannot merge a {type(other).__name__} into a {type(self).__name__}")
        if self.rows.shape != other.rows.shape:
            raise DataError(f"cannot merge states of unlike shapes: rows has {self.rows.shape} and {other.rows.shape}")
        runs = sorted((*self.runs, *other.runs), key=lambda run: len(run.counts))
        done: list[Run] = []
        for run in runs:
            # Runs come from the shortest on: one that is not twice as long as the last takes it in.
            done.append(_joined([done.pop(), run]) if done and len(run.counts) < 2 * len(done[-1].counts) else run)
        return type(self)(self.rows + other.rows, tuple(done))

    def settled(self) -> Run:
        """All that was seen, in one run."""
        return self.runs[0] if len(self.runs) == 1 else _joined(self.runs)

    def take(self, group: int, count: int = 1) -> Self:
        outputs = self.rows.shape[1]
        run = self.settled()
        start, stop = np.searchsorted(run.cells, [group * outputs, (group + count) * outputs])
        picked = Run(*(field[start:stop] for field in run))
        return type(self)(self.rows[group : group + count], (picked._replace(cells=picked.cells - group * outputs),))

    def regrouped(self, places: Array, count: int) -> Self:
        outputs = self.rows.shape[1]
        runs = [_joined([run._replace(cells=places[run.cells // outputs] * outputs + run.cells % outputs)]) for run in self.runs]
        return type(self)(regrouped(self.rows, places, count), tuple(runs))

    def to_json(self) -> dict[str, Any]:
        run = self.settled()
        return {"rows": self.rows.tolist(), **{name: field.tolist() for name, field in zip(Run._fields, run, strict=True)}}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Self:
        fields = zip(Run._fields, ("int64", "uint64", "uint64", "int64"), strict=True)
        return cls(np.array(plain["rows"], dtype="int64"), (Run(*(np.array(plain[name], dtype=kind) for name, kind in fields)),))


def _joined(runs: Iterable[Run]) -> Run:
    """One run of what several hold."""
    cells, errors, weights, counts = (np.concatenate(fields) for fields in zip(*runs, strict=True))
    keys = [key for key in (weights, errors, cells) if len(key) and not (key == key[0]).all()]
    if not keys:
        first = slice(0, 1)
        return Run(cells[first], errors[first], weights[first], np.add.reduce(counts, keepdims=True)[: len(counts)])
    order = np.lexsort(keys)
    new = np.zeros(len(order), dtype=bool)
    new[0] = True
    for key in keys:
        new[1:] |= key[order[1:]] != key[order[:-1]]
    starts = np.flatnonzero(new)
    heads = order[starts]
    return Run(cells[heads], errors[heads], weights[heads], np.add.reduceat(counts[order], starts))


def error_counts(batch: Batch) -> ErrorCounts:
    """The errors of a block; those of weight 0 were not seen."""
    sizes = as_rows(batch.derive(absolute_errors))
    if sizes.ndim != 2:
        raise DataError(f"the metric needs one row per sample and one column per output, not an array of shape {sizes.shape}")
    rows, outputs = sizes.shape
    weight = weights_of(batch, (rows, outputs))
    groups = 1 if batch.groups is None else batch.groups.count
    cells = cells_of(batch.groups, rows, outputs)
    codes = np.zeros(sizes.size, dtype=np.int64) if cells is None else cells.codes.astype(np.int64)
    weights = np.ones(sizes.size) if weight is None else np.ascontiguousarray(weight, dtype=np.float64).reshape(-1)
    flat = np.ascontiguousarray(sizes, dtype=np.float64).reshape(-1)
    # All NaNs become one, which sorts after every number.
    bits = np.where(np.isnan(flat), np.nan, flat).view(np.uint64)
    kept = weights != 0.0
    run = Run(codes[kept], bits[kept], weights[kept].view(np.uint64), np.ones(np.count_nonzero(kept), dtype=np.int64))
    return ErrorCounts(np.bincount(run.cells, minlength=groups * outputs).reshape(groups, outputs), (_joined([run]),))


@metric(
    "median_absolute_error",
    aliases=("medae",),
    direction="lower",
    range="[0, inf)",
    inputs="values",
    formula="median |p - y|",
    source="sklearn.metrics.median_absolute_error",
    memory="distinct errors",
)
class MedianAbsoluteError(Metric):
    """Median absolute error, which outliers cannot move.

    The median of |p - y| for every output, averaged over outputs: the smallest error that half of the weight does not exceed; where
    it is half exactly, the mean of it and the next. It is exact, and for that remembers every distinct error. Beyond Keras.

    Notes
    -----
    Source: `sklearn.metrics.median_absolute_error`.

    >>> metric = MedianAbsoluteError()
    >>> metric.update_state([3, -0.5, 2, 7], [2.5, 0.0, 2, 8])
    >>> metric.result()
    0.5
    """

    def __init__(self, name: str = "median_absolute_error", dtype: str | None = None) -> None:
        super().__init__(name, dtype)
        self.lift = LiftBy(error_counts)

    def spread(self, clustered: bool) -> Spread:
        from xent.core.spread_of_ranks import OfRanks

        return OfRanks(self.lift, clustered)

    def finish(self, state: ErrorCounts) -> Array:
        """The median of every group."""
        run = state.settled()
        cells = state.rows.size
        bounds = np.searchsorted(run.cells, np.arange(cells + 1))
        medians = [_median(Run(*(field[start:stop] for field in run))) for start, stop in pairwise(bounds.tolist())]
        return mean_classes(np.array(medians).reshape(state.rows.shape))


def _median(run: Run) -> float:
    """The median of the errors of one cell."""
    errors = run.errors.view(np.float64)
    if not len(errors) or math.isnan(errors[-1]) or np.isnan(run.weights.view(np.float64)).any():
        return math.nan
    if (run.weights != run.weights[0]).any():
        return _weighted_median(run)
    # Equal weights are as good as none.
    below = np.cumsum(run.counts)
    half, odd = divmod(int(below[-1]), 2)
    return _between(errors, int(np.searchsorted(below, half + odd)), int(np.searchsorted(below, half + 1)))


def _between(errors: Array, low: int, high: int) -> float:
    # Halves first, since the sum of two large errors may overflow.
    return float(errors[low]) if low == high else 0.5 * float(errors[low]) + 0.5 * float(errors[high])


def _weighted_median(run: Run) -> float:
    """The median where weights differ, from sums that are not rounded."""
    errors = run.errors.view(np.float64)
    ratios = [weight.as_integer_ratio() for weight in run.weights.view(np.float64).tolist()]
    # The denominators are powers of two, so the largest is a multiple of all.
    unit = max(denominator for _, denominator in ratios)
    units = [top * (unit // bottom) * count for (top, bottom), count in zip(ratios, run.counts.tolist(), strict=True)]
    total, below = sum(units), 0
    for place, weight in enumerate(units):
        below += weight
        if 2 * below > total:
            return float(errors[place])
        if 2 * below == total:
            return _between(errors, place, place + 1)
    return math.nan
