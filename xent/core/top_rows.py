"""The rows with the largest values of a metric, or the smallest: which rows hurt, found in one pass with memory for those rows alone.

Of the rows seen so far the n best are kept. A row is worth its own value, as the metric's kernel gives it before any weight; rows of
equal value are ranked by their place in the sources, so that chunks, threads and the order of merging make no difference.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from xent.core.errors import UsageError
from xent.core.lazy import np
from xent.core.loss_distribution import LossDistribution, loss_cells
from xent.core.metric import LiftBy
from xent.core.row_values import has_row_values, lowest_rows, row_values
from xent.core.tally import Need, Tally

if TYPE_CHECKING:
    from xent.core.arrays import Array
    from xent.core.batch import Batch
    from xent.core.states import CellCounts

_OVER_CLASSES = ("categorical", "classes", "decisions")
"""Inputs of metrics to which the entries of a row are classes."""

_NO_CLASSES = ("values", "intervals")
"""Inputs of metrics that know nothing of classes."""


@dataclass(frozen=True, slots=True)
class TopRow:
    """One row: what it is worth, and what is known of it.

    Attributes
    ----------
    loss : its value, by the metric's kernel
    place : the number of its source and of the row there, counted from 0
    weight : its weight; 1 where there are none
    label : the number of the true class, the value, or the list of a row's labels
    prediction : the number or the list of numbers that the source holds
    predicted : the number of the class that the prediction decides for; None where it decides for none
    """

    loss: float
    place: tuple[int, int]
    weight: float
    label: Any
    prediction: Any
    predicted: int | None


@dataclass
class TopRows(Tally):
    """A tally of one metric that also keeps the rows of the largest values, and how the values of all rows are distributed.

    Rows of weight 0 have no part in a metric, and are not kept. A value that is NaN is ranked like an infinite one.

    Parameters
    ----------
    limit : how many rows to keep
    smallest : whether to keep those of the smallest values instead

    Raises
    ------
    UsageError
        The metric is no mean of the rows' values.

    >>> from xent.core.batch import Batch
    >>> from xent.core.table import row_of
    >>> top = TopRows([row_of("mean_squared_error").cls()], limit=1)
    >>> top.update(Batch(np.array([1.0, 2.0, 3.0]), np.array([1.5, 0.0, 4.0])))
    >>> [(row.place, row.loss) for row in top.rows_kept]
    [((0, 1), 4.0)]
    """

    limit: int = 50
    smallest: bool = False
    rows_kept: list[TopRow] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__post_init__()
        for metric in self.metrics:
            if not has_row_values(metric):
                raise UsageError(f"{metric.row.name} is no mean of the rows' values, so rows cannot be ranked by it")
        self.needs = [*self.needs, self._distribution_need()]

    def _distribution_need(self) -> Need:
        metric = self.metrics[0]
        return self._need(metric, LiftBy.make(loss_cells, lift=metric.lift))

    def distribution(self) -> LossDistribution:
        """The distribution of the values of all rows."""
        state = self.states.get(self._distribution_need())
        return LossDistribution((), (), ()) if state is None else LossDistribution.of(cast("CellCounts", state))

    def _lift(self, block: Batch) -> None:
        super()._lift(block)
        if len(block):
            metric = self.metrics[0]
            losses, weights = row_values(self._need(metric, metric.lift).view(block), cast("LiftBy", metric.lift))
            self._keep([*self.rows_kept, *self._found(block, losses, weights)])

    def _keep(self, rows: Iterable[TopRow]) -> None:
        self.rows_kept = sorted(rows, key=self._rank)[: self.limit]

    def _rank(self, row: TopRow) -> tuple[float, tuple[int, int]]:
        return float(_ranked(np.asarray(row.loss), self.smallest)), row.place

    def _found(self, block: Batch, losses: Array, weights: Array) -> Iterable[TopRow]:
        """The rows of a block that may be among the best."""
        ranks = _ranked(losses, self.smallest)
        candidates = weights > 0.0
        full = len(self.rows_kept) == self.limit
        last = self._rank(self.rows_kept[-1]) if full else (math.inf, (0, 0))
        if full:
            candidates &= ranks <= last[0]
        for row in lowest_rows(np.flatnonzero(candidates), ranks, block, self.limit).tolist():
            place = block.place(row)
            if not full or (ranks[row], place) < last:
                yield self._row(block, row, place, float(losses[row]), float(weights[row]))

    def _row(self, block: Batch, row: int, place: tuple[int, int], loss: float, weight: float) -> TopRow:
        inputs = self.metrics[0].row.inputs
        label, prediction = block.y_true[row], block.y_pred[row]
        if inputs not in _NO_CLASSES:
            label = _class_number(label, over_classes=inputs in _OVER_CLASSES)
        logits = self.from_logits or self.metrics[0].from_logits
        predicted = _decided(inputs, label, prediction, 0.0 if logits else 0.5)
        return TopRow(loss, place, weight, label.tolist(), prediction.tolist(), predicted)

    def merge(self, other: Tally) -> None:
        super().merge(other)
        assert isinstance(other, TopRows)
        self._keep([*self.rows_kept, *other.rows_kept])


def _ranked(losses: Array, smallest: bool) -> Array:
    """Numbers that ascend from the best row on."""
    ranks = np.where(np.isnan(losses), np.inf, losses)
    return ranks if smallest else -ranks


def _class_number(label: Array, *, over_classes: bool) -> Array:
    """The number of a class as an integer, from one-hot labels too. It is told row by row, so that blocks make no difference."""
    if over_classes and np.ndim(label) and np.count_nonzero(label) == 1 and np.max(label) == 1.0:
        return np.asarray(np.argmax(label))
    if np.ndim(label) == 0 and label == np.floor(label):
        return np.asarray(label, dtype=np.int64)
    return label


def _decided(inputs: str, label: Array, prediction: Array, threshold: float) -> int | None:
    """The class that a row decides for."""
    if inputs in _NO_CLASSES:
        return None
    if np.ndim(prediction) == 0 or prediction.shape == (1,):
        score = prediction.item()
        return int(score if prediction.dtype.kind in "iu" and inputs in _OVER_CLASSES else score > threshold)
    # Several scores beside as many labels are events, unless the metric takes them for classes.
    return int(np.argmax(prediction)) if np.ndim(prediction) == 1 and (np.ndim(label) == 0 or inputs in _OVER_CLASSES) else None
