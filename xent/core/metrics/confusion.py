"""Counts at thresholds, and the shares that follow from them: true and false positives and negatives, precision, recall, specificity."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from xent.core.arrays import require_same_shape
from xent.core.cells import ratio, to_float
from xent.core.errors import DataError, UsageError
from xent.core.lazy import np
from xent.core.metric import LiftBy, Metric
from xent.core.table import metric
from xent.core.thresholds import NOT_KEPT, Counts, as_thresholds, counts_above, scale_of, threshold_counts

if TYPE_CHECKING:
    from xent.core.arrays import Array
    from xent.core.batch import Batch
    from xent.core.states import CellCounts
    from xent.core.uncertainty import Spread

__all__ = [
    "FalseNegatives",
    "FalsePositives",
    "Precision",
    "Recall",
    "Specificity",
    "TrueNegatives",
    "TruePositives",
]


class _AtThresholds(Metric):
    """What metrics of counts at thresholds have in common."""

    lift: LiftBy

    def __init__(self, thresholds: Any, name: str | None, dtype: str | None, top_k: int | None = None, class_id: int | None = None) -> None:
        super().__init__(name, dtype)
        self.thresholds = thresholds
        self.top_k = top_k
        self.class_id = class_id
        self._thresholds = as_thresholds(thresholds, 0.5 if top_k is None else NOT_KEPT)
        if thresholds is not None and not (self._thresholds and all(0.0 <= value <= 1.0 for value in self._thresholds)):
            raise UsageError(f"thresholds must be one or more numbers in [0, 1], not {thresholds!r}")
        if top_k is not None and top_k < 1:
            raise UsageError(f"top_k must be at least 1, not {top_k!r}")
        self.lift = LiftBy.make(threshold_counts, **lift_options(scale=scale_of(self._thresholds), class_id=class_id, top_k=top_k))

    def batch(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Batch:
        return matched_batch(super().batch(y_true, y_pred, sample_weight), y_pred, self.class_id)

    def spread(self, clustered: bool) -> Spread | None:
        if clustered:
            return super().spread(clustered)
        from xent.core.uncertainty import OfCells

        return OfCells(self.lift, events=True)

    def finish(self, state: CellCounts) -> Array:
        """The value at every threshold; one axis fewer where there is one threshold."""
        return self._at_thresholds(state, self.value)

    def _at_thresholds(self, state: CellCounts, function: Callable[[Counts], Array]) -> Array:
        scale = scale_of(self._thresholds)
        values = state.measured(lambda cells: function(counts_above(cells, scale.first_above(self._thresholds), scale.size)))
        return values[:, 0] if len(self._thresholds) == 1 else values

    def value(self, counts: Counts) -> Array:
        """The value of the counts."""
        raise NotImplementedError

    def _nothing(self) -> Any:
        count = len(self._thresholds)
        return super()._nothing() if count == 1 else np.full(count, np.nan, dtype=self.dtype)


def lift_options(**options: Any) -> dict[str, Any]:
    """Options without those that are None, so that metrics that have a parameter and metrics that lack it share a state."""
    return {key: value for key, value in options.items() if value is not None}


def matched_batch(batch: Batch, y_pred: Any, class_id: int | None) -> Batch:
    """A batch of as many labels as predictions, and with classes to choose from where one is chosen.

    Raises
    ------
    DataError
        It is not such a batch.
    """
    require_same_shape(batch.y_true, batch.y_pred)
    if class_id is not None and np.ndim(y_pred) < 2:
        raise DataError(f"class_id needs predictions for several classes. Received: y_pred.shape={np.shape(y_pred)}")
    return batch


class _Count(_AtThresholds):
    """What the four counts have in common."""

    is_extensive = True

    def __init__(self, thresholds: float | list[float] | None = None, name: str | None = None, dtype: str | None = None) -> None:
        super().__init__(thresholds, name, dtype)


@metric(
    "true_positives",
    direction="higher",
    range="[0, inf)",
    inputs="events",
    formula="Σ w [y ≠ 0] [p > threshold]",
    source="keras.metrics.TruePositives",
)
class TruePositives(_Count):
    """The weight of the positives that are predicted positive.

    Parameters
    ----------
    thresholds : one or more numbers in [0, 1]; 0.5 where it is None

    Raises
    ------
    UsageError
        A threshold lies outside [0, 1].

    Notes
    -----
    Source: `keras.metrics.TruePositives`.

    >>> TruePositives()([0, 1, 1, 1], [1, 0, 1, 1], sample_weight=[0, 0, 1, 0])
    1.0
    """

    def value(self, counts: Counts) -> Array:
        return to_float(counts.true_positives)


@metric(
    "false_positives",
    direction="lower",
    range="[0, inf)",
    inputs="events",
    formula="Σ w [y = 0] [p > threshold]",
    source="keras.metrics.FalsePositives",
)
class FalsePositives(_Count):
    """The weight of the negatives that are predicted positive.

    Parameters
    ----------
    thresholds : one or more numbers in [0, 1]; 0.5 where it is None

    Raises
    ------
    UsageError
        A threshold lies outside [0, 1].

    Notes
    -----
    Source: `keras.metrics.FalsePositives`.

    >>> FalsePositives(thresholds=[0.3, 0.6])([0, 1, 0, 0], [0.1, 0.9, 0.5, 0.7]).tolist()
    [2.0, 1.0]
    """

    def value(self, counts: Counts) -> Array:
        return to_float(counts.false_positives)


@metric(
    "true_negatives",
    direction="higher",
    range="[0, inf)",
    inputs="events",
    formula="Σ w [y = 0] [p ≤ threshold]",
    source="keras.metrics.TrueNegatives",
)
class TrueNegatives(_Count):
    """The weight of the negatives that are predicted negative.

    Parameters
    ----------
    thresholds : one or more numbers in [0, 1]; 0.5 where it is None

    Raises
    ------
    UsageError
        A threshold lies outside [0, 1].

    Notes
    -----
    Source: `keras.metrics.TrueNegatives`.

    >>> TrueNegatives()([0, 1, 0, 0], [1, 1, 0, 0])
    2.0
    """

    def value(self, counts: Counts) -> Array:
        return to_float(counts.true_negatives)


@metric(
    "false_negatives",
    direction="lower",
    range="[0, inf)",
    inputs="events",
    formula="Σ w [y ≠ 0] [p ≤ threshold]",
    source="keras.metrics.FalseNegatives",
)
class FalseNegatives(_Count):
    """The weight of the positives that are predicted negative.

    Parameters
    ----------
    thresholds : one or more numbers in [0, 1]; 0.5 where it is None

    Raises
    ------
    UsageError
        A threshold lies outside [0, 1].

    Notes
    -----
    Source: `keras.metrics.FalseNegatives`.

    >>> FalseNegatives()([0, 1, 1, 1], [0, 1, 0, 0])
    2.0
    """

    def value(self, counts: Counts) -> Array:
        return to_float(counts.false_negatives)


class _Share(_AtThresholds):
    """What precision, recall and specificity have in common."""

    def __init__(
        self,
        thresholds: float | list[float] | None = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(thresholds, name, dtype, top_k, class_id)

    def spread(self, clustered: bool) -> Spread | None:
        if clustered:
            return super().spread(clustered)
        from xent.core.uncertainty import OfCells

        return OfCells(self.lift, events=True, whole=self._whole)

    def value(self, counts: Counts) -> Array:
        hits, misses = self.parts(counts)
        return ratio(hits, hits + misses)

    def parts(self, counts: Counts) -> tuple[Array, Array]:
        """What the share counts, and what it counts against."""
        raise NotImplementedError

    def _whole(self, state: CellCounts) -> Array:
        return self._at_thresholds(state, lambda counts: to_float(np.add(*self.parts(counts))))


@metric(
    "precision",
    direction="higher",
    range="[0, 1]",
    inputs="events",
    formula="TP / (TP + FP), 0 where nothing is predicted positive",
    source="keras.metrics.Precision",
)
class Precision(_Share):
    """The share of predicted positives that are positive.

    Parameters
    ----------
    thresholds : one or more numbers in [0, 1]; 0.5 where it is None
    top_k : only the k largest scores of a row are predicted positive, without a threshold if none is given
    class_id : the only class that is looked at

    Raises
    ------
    UsageError
        A threshold lies outside [0, 1], or `top_k` is smaller than 1.

    Notes
    -----
    Source: `keras.metrics.Precision`.

    >>> Precision()([0, 1, 1, 1], [1, 0, 1, 1], sample_weight=[0, 0, 1, 0])
    1.0
    >>> Precision(top_k=2)([[0, 0, 1, 1]], [[1, 1, 1, 1]])
    0.0
    """

    def parts(self, counts: Counts) -> tuple[Array, Array]:
        return counts.true_positives, counts.false_positives


@metric(
    "recall",
    aliases=("sensitivity",),
    direction="higher",
    range="[0, 1]",
    inputs="events",
    formula="TP / (TP + FN), 0 where nothing is positive",
    source="keras.metrics.Recall",
)
class Recall(_Share):
    """The share of positives that are predicted positive.

    Parameters
    ----------
    thresholds : one or more numbers in [0, 1]; 0.5 where it is None
    top_k : only the k largest scores of a row are predicted positive, without a threshold if none is given
    class_id : the only class that is looked at

    Raises
    ------
    UsageError
        A threshold lies outside [0, 1], or `top_k` is smaller than 1.

    Notes
    -----
    Source: `keras.metrics.Recall`.

    >>> round(Recall()([0, 1, 1, 1], [1, 0, 1, 1]), 7)
    0.6666667
    """

    def parts(self, counts: Counts) -> tuple[Array, Array]:
        return counts.true_positives, counts.false_negatives


@metric(
    "specificity",
    direction="higher",
    range="[0, 1]",
    inputs="events",
    formula="TN / (TN + FP), 0 where nothing is negative",
    source="recall of the negatives: sklearn.metrics.recall_score(pos_label=0)",
)
class Specificity(_Share):
    """The share of negatives that are predicted negative.

    Parameters
    ----------
    thresholds : one or more numbers in [0, 1]; 0.5 where it is None
    top_k : only the k largest scores of a row are predicted positive, without a threshold if none is given
    class_id : the only class that is looked at

    Raises
    ------
    UsageError
        A threshold lies outside [0, 1], or `top_k` is smaller than 1.

    Notes
    -----
    Source: `sklearn.metrics.recall_score` of the other class; its parameters are those of `keras.metrics.Recall`.

    >>> Specificity()([0, 0, 1, 1], [0.1, 0.9, 0.2, 0.8])
    0.5
    """

    def parts(self, counts: Counts) -> tuple[Array, Array]:
        return counts.true_negatives, counts.false_positives
