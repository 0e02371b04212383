"""Hinge metrics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xent.core.arrays import as_matrix, require_same_shape
from xent.core.batch import Batch
from xent.core.exact import ExactSum
from xent.core.lazy import np
from xent.core.losses.hinge import (
    categorical_hinge,
    categorical_hinge_values,
    hinge,
    hinge_values,
    other_labels,
    squared_hinge,
)
from xent.core.metric import LiftBy, MeanMetric, MeanOf, Metric
from xent.core.reduction import weighted_sum
from xent.core.states import State
from xent.core.table import metric

if TYPE_CHECKING:
    from xent.core.arrays import Array

__all__ = ["CategoricalHinge", "Hinge", "SquaredHinge", "categorical_hinge", "hinge", "squared_hinge"]


@dataclass(frozen=True, slots=True, eq=False)
class HingeSums(State):
    """The sums of a hinge loss under both readings of the labels, since only the whole of the rows decides between them.

    Labels are read as 0 and 1 where nothing else was seen, and as they are otherwise. `others` counts the rows with anything else.
    """

    as_they_are: ExactSum
    converted: ExactSum
    weight: ExactSum
    others: Array

    def mean(self) -> Array:
        """The mean of every group under the reading that all its labels allow."""
        return np.where(self.others > 0, self.as_they_are / self.weight, self.converted / self.weight)


def hinge_sums(batch: Batch, *, squared: bool) -> HingeSums:
    """The sums of a block."""
    plain, converted = (weighted_sum(batch, hinge_values(batch, converted=reading, squared=squared)) for reading in (False, True))
    other = np.asarray(as_matrix(batch.derive(other_labels)).any(axis=1))
    others = np.array([np.count_nonzero(other)]) if batch.groups is None else batch.groups.count_where(other)
    return HingeSums(plain.total, converted.total, plain.weight, others)


class _HingeMetric(Metric):
    """A hinge metric of labels that may be -1 and 1, or 0 and 1."""

    def finish(self, state: HingeSums) -> Array:
        """The mean of every group."""
        return state.mean()


@metric(
    "hinge",
    direction="lower",
    range="[0, inf)",
    inputs="values",
    formula="max(1 - y p, 0), labels -1 or 1; labels that are all 0 or 1 become 2 y - 1",
    source="keras.metrics.Hinge",
)
class Hinge(_HingeMetric):
    """Mean hinge loss of signed scores.

    The weighted mean over rows of `hinge`. Whether labels are -1 and 1 or 0 and 1 is decided by all rows seen, as if they were one
    batch. (Keras decides for every batch anew.)

    Notes
    -----
    Source: `keras.metrics.Hinge`.

    >>> metric = Hinge()
    >>> metric.update_state([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]], sample_weight=[1, 0])
    >>> round(metric.result(), 7)
    1.1
    """

    def __init__(self, name: str = "hinge", dtype: str | None = None) -> None:
        super().__init__(name, dtype)
        self.lift = LiftBy.make(hinge_sums, squared=False)


@metric(
    "squared_hinge",
    direction="lower",
    range="[0, inf)",
    inputs="values",
    formula="max(1 - y p, 0)², labels -1 or 1; labels that are all 0 or 1 become 2 y - 1",
    source="keras.metrics.SquaredHinge",
)
class SquaredHinge(_HingeMetric):
    """Mean squared hinge loss of signed scores.

    The weighted mean over rows of `squared_hinge`. Labels are read as by `Hinge`.

    Notes
    -----
    Source: `keras.metrics.SquaredHinge`.

    >>> metric = SquaredHinge()
    >>> metric.update_state([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]], sample_weight=[1, 0])
    >>> round(metric.result(), 7)
    1.46
    """

    def __init__(self, name: str = "squared_hinge", dtype: str | None = None) -> None:
        super().__init__(name, dtype)
        self.lift = LiftBy.make(hinge_sums, squared=True)


@metric(
    "categorical_hinge",
    direction="lower",
    range="[0, inf)",
    inputs="decisions",
    formula="max(max((1 - y) p) - Σ y p + 1, 0)",
    source="keras.metrics.CategoricalHinge",
)
class CategoricalHinge(MeanMetric):
    """Mean hinge loss of scores over classes.

    The weighted mean over rows of `categorical_hinge`.

    Notes
    -----
    Source: `keras.metrics.CategoricalHinge`.

    >>> metric = CategoricalHinge()
    >>> metric.update_state([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]], sample_weight=[1, 0])
    >>> round(metric.result(), 7)
    1.2
    """

    def __init__(self, name: str = "categorical_hinge", dtype: str | None = None) -> None:
        super().__init__(name, dtype)
        self.lift = MeanOf.make(categorical_hinge_values)

    def batch(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Batch:
        batch = super().batch(y_true, y_pred, sample_weight)
        require_same_shape(batch.y_true, batch.y_pred)
        return batch
