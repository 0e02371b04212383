"""Metrics that can be reduced as their loss is: `reduction` does for a metric what it does for a Keras loss.

A metric divides the weighted sum of its values by the sum of the weights, a loss by default by the number of values. With `reduction`
one streaming pass over a file gives either, the sum itself, or the value of every row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from xent.core.batch import Batch
from xent.core.errors import UsageError
from xent.core.exact import ExactSum
from xent.core.lazy import np
from xent.core.loss import REDUCTIONS
from xent.core.metric import LiftBy, MeanMetric, MeanOf
from xent.core.reduction import rows_of
from xent.core.states import State, WeightedSum

if TYPE_CHECKING:
    from xent.core.arrays import Array
    from xent.core.uncertainty import Spread

MEAN = "mean_with_sample_weight"


class LossMetric(MeanMetric):
    """A mean metric over the per-sample values of a loss, reduced as the loss may be.

    Parameters
    ----------
    reduction
        "mean_with_sample_weight" is the metric: the weighted sum divided by the sum of the weights. "sum_over_batch_size" and its
        synonym "mean" divide by the number of rows instead, as Keras's losses do; "sum" does not divide; "none" gives the weighted
        value of every row, in the order of the rows, and its memory grows with them.

    Raises
    ------
    UsageError
        `reduction` is none of these.
    """

    def __init__(self, name: str | None, dtype: str | None, reduction: str | None) -> None:
        super().__init__(name, dtype)
        if reduction not in REDUCTIONS:
            raise UsageError(f"reduction must be one of {', '.join(map(repr, REDUCTIONS))}, not {reduction!r}")
        self.reduction = reduction or "none"
        self.is_extensive = self.reduction == "sum"

    def lifted(self, kernel: Callable[..., Array], mask: Callable[..., Array] | None = None, **options: Any) -> LiftBy:
        """The lift of a kernel that the reduction needs."""
        if self.reduction == "none":
            return RowsOf.make(kernel, **options)
        return MeanOf(kernel, tuple(sorted(options.items())), mask)

    def spread(self, clustered: bool) -> Spread | None:
        if self.reduction == "none":
            return None
        if clustered or self.reduction == MEAN:
            return super().spread(clustered)
        from xent.core.uncertainty import OfMean

        assert isinstance(self.lift, MeanOf)
        return OfMean(self.lift, "sum" if self.reduction == "sum" else "mean")

    def finish(self, state: Any) -> Array:
        """The reduced value of every group."""
        if isinstance(state, RowValues):
            return state.by_group()
        if not isinstance(state, WeightedSum):
            raise TypeError(f"a mean is not made of {type(state).__name__}")
        if self.reduction == "sum":
            return state.total.to_float()
        return state.mean() if self.reduction == MEAN else state.total / ExactSum.of_integers(state.count)


@dataclass(frozen=True, slots=True)
class RowsOf(LiftBy):
    """Lifts a batch to the weighted value of every row."""

    def __call__(self, batch: Batch) -> RowValues:
        values: Array = batch.derive(self.function, **dict(self.options))
        weight = 1.0 if batch.sample_weight is None else batch.sample_weight
        numerators, _ = rows_of(values, weight)
        places = np.array([batch.place(row) for row in range(len(batch))], dtype=np.int64).reshape(-1, 2)
        codes = np.zeros(len(batch), dtype=np.intp) if batch.groups is None else batch.groups.codes
        groups = 1 if batch.groups is None else batch.groups.count
        return RowValues(numerators, places, codes, np.zeros(groups))


@dataclass(frozen=True, slots=True, eq=False)
class RowValues(State):
    """The value of every row, with the row's place, by which they are put in order, and its group."""

    values: Array
    places: Array
    codes: Array
    groups: Array

    def merge(self, other: Self) -> Self:
        values, places, codes = (np.concatenate([getattr(self, name), getattr(other, name)]) for name in ("values", "places", "codes"))
        return type(self)(values, places, codes, self.groups)

    def take(self, group: int, count: int = 1) -> Self:
        mine = (self.codes >= group) & (self.codes < group + count)
        return type(self)(self.values[mine], self.places[mine], self.codes[mine] - group, self.groups[group : group + count])

    def regrouped(self, places: Array, count: int) -> Self:
        return type(self)(self.values, self.places, places[self.codes], np.zeros(count))

    def renumbered(self, numbers: Sequence[int]) -> Self:
        sources = np.array(numbers, dtype=np.int64)[self.places[:, 0]]
        return type(self)(self.values, np.column_stack([sources, self.places[:, 1]]), self.codes, self.groups)

    def to_json(self) -> dict[str, Any]:
        order = np.lexsort((self.places[:, 1], self.places[:, 0]))
        return State.to_json(type(self)(self.values[order], self.places[order], self.codes[order], self.groups))

    def by_group(self) -> Array:
        """The values of each group in the order of the rows: an array of arrays, since groups differ in length."""
        order = np.lexsort((self.places[:, 1], self.places[:, 0]))
        result = np.empty(len(self.groups), dtype=object)
        for group in range(len(result)):
            result[group] = self.values[order][self.codes[order] == group]
        return result
