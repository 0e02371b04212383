"""What thresholds give: precision, recall, F1 and cost, one row for each threshold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from xent.core.batch import Batch
from xent.core.cells import ratio
from xent.core.errors import UsageError
from xent.core.lazy import np
from xent.core.metric import LiftBy, Metric
from xent.core.metrics.confusion import lift_options, matched_batch
from xent.core.table import metric
from xent.core.thresholds import as_thresholds, counts_above, scale_of, threshold_counts

if TYPE_CHECKING:
    from xent.core.arrays import Array
    from xent.core.states import CellCounts

__all__ = ["ThresholdTable"]

_STEPS = 20
"""Without thresholds given, there are so many steps from 0 to 1."""


@metric(
    "threshold_table",
    direction="none",
    range="[0, inf)",
    inputs="events",
    formula="for every threshold: threshold, precision, recall, specificity, F1, accuracy and cost a row, of p > threshold",
    source="Elkan (2001), The foundations of cost-sensitive learning, IJCAI",
)
class ThresholdTable(Metric):
    """For every threshold on the probability, what it gives: rows of seven numbers.

    The numbers are the threshold, precision, recall, specificity, F1, accuracy and the mean cost of a row.

    Parameters
    ----------
    thresholds : the thresholds; None takes 0, 0.05, ..., 1
    false_positive_cost : what it costs to take a negative for a positive
    false_negative_cost : what it costs to miss a positive
    class_id : the only class that is looked at

    Raises
    ------
    UsageError
        A cost is negative, or there are no thresholds.

    Notes
    -----
    Positive is what lies above the threshold, as in `precision` and `recall`; what would be divided by 0 is 0. Memory does not grow with
    the rows. Source: Elkan, "The foundations of cost-sensitive learning", IJCAI 2001.

    >>> ThresholdTable([0.5], false_negative_cost=4.0)([0, 0, 1, 1], [0.25, 0.75, 0.25, 0.75]).tolist()
    [[0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 1.25]]
    """

    lift: LiftBy

    def __init__(
        self,
        thresholds: Sequence[float] | None = None,
        false_positive_cost: float = 1.0,
        false_negative_cost: float = 1.0,
        class_id: int | None = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, dtype)
        if not (false_positive_cost >= 0.0 and false_negative_cost >= 0.0):
            raise UsageError("costs must not be negative")
        if thresholds is not None and not np.size(thresholds):
            raise UsageError("there are no thresholds")
        self.thresholds = thresholds
        self.false_positive_cost = false_positive_cost
        self.false_negative_cost = false_negative_cost
        self.class_id = class_id
        even = [step / _STEPS for step in range(_STEPS + 1)]
        self._thresholds = as_thresholds(even if thresholds is None else thresholds, 0.5)
        self._scale = scale_of(self._thresholds)
        self.lift = LiftBy.make(threshold_counts, **lift_options(scale=self._scale, class_id=class_id))

    def batch(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Batch:
        return matched_batch(super().batch(y_true, y_pred, sample_weight), y_pred, self.class_id)

    def finish(self, state: CellCounts) -> Array:
        """The rows of every group, shape (groups, thresholds, 7)."""
        return state.measured(self._rows)

    def _rows(self, cells: Array) -> Array:
        counts = counts_above(cells, self._scale.first_above(self._thresholds), self._scale.size)
        right, wrong, missed, spared = counts.true_positives, counts.false_positives, counts.false_negatives, counts.true_negatives
        whole = right + wrong + missed + spared
        cost = self.false_positive_cost * ratio(wrong, whole) + self.false_negative_cost * ratio(missed, whole)
        columns = [
            np.broadcast_to(np.array(self._thresholds), cost.shape),
            ratio(right, right + wrong),
            ratio(right, right + missed),
            ratio(spared, spared + wrong),
            ratio(2 * right, 2 * right + wrong + missed),
            ratio(right + spared, whole),
            cost,
        ]
        return np.stack(columns, axis=-1)
