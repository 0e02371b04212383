"""Exact areas under the ROC and the precision-recall curve: a threshold at every score there is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from xent.core import derived
from xent.core.arrays import require_same_shape
from xent.core.batch import Batch
from xent.core.errors import DomainError, UsageError
from xent.core.labelled_scores import tables_of
from xent.core.lazy import np
from xent.core.metric import LiftBy, Metric
from xent.core.precision import as_float
from xent.core.scores import ScoreTables, Table, area_under_roc, average_precision
from xent.core.table import metric

if TYPE_CHECKING:
    from xent.core.arrays import Array
    from xent.core.uncertainty import Spread

__all__ = ["AveragePrecision", "RocAuc"]

_AVERAGES = (None, "macro", "weighted", "micro")


def score_tables(batch: Batch, *, by_column: bool) -> ScoreTables:
    """The tables of the negatives and the positives, of each column where `by_column`: cells (column, positive)."""
    scores = batch.y_pred if batch.y_pred.dtype.kind == "f" and batch.y_pred.dtype.itemsize >= 4 else batch.derive(derived.predictions)
    labels = batch.derive(derived.one_hot_or_dense)
    positive = labels != 0.0
    if labels.dtype.kind == "f" and np.isnan(labels).any():
        # Nobody knows where such a row belongs, so its score is as good as missing.
        missing = np.isnan(labels)
        positive, scores = positive & ~missing, np.where(missing, np.nan, scores)
    _check_labels(labels, positive)
    return tables_of(batch, scores, positive, by_column=by_column)


def _check_labels(labels: Array, positive: Array) -> None:
    bad = positive & (labels != 1.0)
    if bad.any():
        place = int(np.argmax(bad))
        row, column = divmod(place, max(1, bad.size // len(bad)))
        raise DomainError(f"label {labels.reshape(-1)[place].item()!r} is neither 0 nor 1", role="y_true", row=row, column=column)


class Ranking(Metric):
    """What the two areas have in common."""

    lift: LiftBy

    def __init__(self, average: str | None, name: str | None, dtype: str | None) -> None:
        super().__init__(name, dtype)
        if average not in _AVERAGES:
            raise UsageError(f"average must be one of None, macro, weighted and micro, not {average!r}")
        self.average = average
        self.lift = LiftBy.make(score_tables, by_column=average != "micro")

    def batch(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Batch:
        batch = super().batch(y_true, y_pred, sample_weight)
        require_same_shape(batch.y_true, batch.y_pred)
        # Scores of the type they came in take half the memory where that is float32, and are the same numbers.
        given = np.asarray(y_pred)
        return (
            batch.replaced(batch.y_true, given.reshape(batch.y_pred.shape)) if given.dtype == np.float32 and self.dtype is None else batch
        )

    def finish(self, state: ScoreTables) -> Array:
        """The area of every group; of every column where they are not averaged."""
        state = state.compact()
        return np.array([self._value(state, group) for group in range(state.groups)])

    def _value(self, state: ScoreTables, group: int) -> Any:
        columns = state.size // 2
        tables = [(state.table(group, 2 * column), state.table(group, 2 * column + 1)) for column in range(columns)]
        if state.missing[group] or not any(len(table.scores) for pair in tables for table in pair):
            return np.full(columns, np.nan) if self.average is None and columns > 1 else np.nan
        areas = np.array([self.area(*pair) for pair in tables])
        if columns == 1:
            return areas[0]
        if self.average is None:
            return areas
        if self.average == "macro":
            return areas.mean()
        support = np.array([as_float(positive.amounts().sum()) for _, positive in tables])
        # A column without positives has no weight, whatever its area.
        kept = support > 0.0
        return (areas[kept] * support[kept]).sum() / support.sum() if kept.any() else np.nan

    @property
    def area(self) -> Callable[[Table, Table], float]:
        """The area from the tables of the negatives and the positives."""
        raise NotImplementedError


@metric(
    "roc_auc",
    aliases=("roc_auc_score",),
    direction="higher",
    range="[0, 1]",
    inputs="rankings",
    formula="share of pairs of a positive and a negative in which the positive has the higher score, equal scores counting half",
    source="sklearn.metrics.roc_auc_score; Hanley and McNeil (1982), https://doi.org/10.1148/radiology.143.1.7063747",
    memory="the distinct scores",
)
class RocAuc(Ranking):
    """The exact area under the ROC curve.

    Parameters
    ----------
    average : over several columns or classes, each against the rest: "macro" is the mean of their areas, "weighted" the mean by the
        weight of their positives, "micro" the area of all elements as one sample, None gives each

    Raises
    ------
    UsageError
        `average` is none of these.

    Notes
    -----
    NaN where there are no positives or no negatives. Memory grows with the number of distinct scores, by 5 to 13 bytes for each, and
    with weights by the distinct pairs of score and weight. Source: `sklearn.metrics.roc_auc_score`.

    >>> RocAuc()([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    """

    def __init__(self, average: str | None = "macro", name: str | None = None, dtype: str | None = None) -> None:
        super().__init__(average, name, dtype)

    def spread(self, clustered: bool) -> Spread:
        from xent.core.spread_of_areas import OfArea, influence_on_roc

        return OfArea(self.lift, influence_on_roc, clustered)

    @property
    def area(self) -> Callable[[Table, Table], float]:
        return area_under_roc


@metric(
    "average_precision",
    aliases=("average_precision_score",),
    direction="higher",
    range="[0, 1]",
    inputs="rankings",
    formula="Σ (R_i - R_(i-1)) P_i over thresholds at every score, from the highest down",
    source="sklearn.metrics.average_precision_score",
    memory="the distinct scores",
)
class AveragePrecision(Ranking):
    """The exact area under the steps of the precision-recall curve.

    Parameters
    ----------
    average : over several columns or classes, each against the rest: "macro" is the mean of their areas, "weighted" the mean by the
        weight of their positives, "micro" the area of all elements as one sample, None gives each

    Raises
    ------
    UsageError
        `average` is none of these.

    Notes
    -----
    0 where there are no positives, as in scikit-learn. Memory grows as that of `roc_auc`, with which it shares the state.
    Source: `sklearn.metrics.average_precision_score`.

    >>> round(AveragePrecision()([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]), 7)
    0.8333333
    """

    def __init__(self, average: str | None = "macro", name: str | None = None, dtype: str | None = None) -> None:
        super().__init__(average, name, dtype)

    def spread(self, clustered: bool) -> Spread:
        from xent.core.spread_of_areas import OfArea, influence_on_average_precision

        return OfArea(self.lift, influence_on_average_precision, clustered)

    @property
    def area(self) -> Callable[[Table, Table], float]:
        return average_precision
