"""The best of one rate among the thresholds at which another is good enough."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xent.core.cells import ratio
from xent.core.errors import UsageError
from xent.core.lazy import np
from xent.core.metric import LiftBy, Metric
from xent.core.metrics.confusion import lift_options, matched_batch
from xent.core.table import metric
from xent.core.thresholds import Counts, Scale, counts_above, threshold_counts

if TYPE_CHECKING:
    from xent.core.arrays import Array
    from xent.core.batch import Batch
    from xent.core.states import CellCounts
    from xent.core.uncertainty import Spread

__all__ = ["PrecisionAtRecall", "RecallAtPrecision", "SensitivityAtSpecificity", "SpecificityAtSensitivity"]


class _OperatingPoint(Metric):
    """What the four metrics have in common: even thresholds from 0 to 1, and the largest value where a constraint holds."""

    lift: LiftBy

    def __init__(self, at_least: float, num_thresholds: int, class_id: int | None, name: str | None, dtype: str | None) -> None:
        super().__init__(name, dtype)
        if not 0.0 <= at_least <= 1.0:
            raise UsageError(f"the value that must be reached lies in [0, 1], not {at_least!r}")
        if num_thresholds < 1:
            raise UsageError(f"num_thresholds must be at least 1, not {num_thresholds!r}")
        self.num_thresholds = num_thresholds
        self.class_id = class_id
        self._at_least = float(at_least)
        self._scale = Scale(thresholds=(0.5,)) if num_thresholds == 1 else Scale(steps=num_thresholds - 1)
        self.lift = LiftBy.make(threshold_counts, **lift_options(scale=self._scale, class_id=class_id))

    def batch(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Batch:
        return matched_batch(super().batch(y_true, y_pred, sample_weight), y_pred, self.class_id)

    def spread(self, clustered: bool) -> Spread | None:
        if clustered:
            return super().spread(clustered)
        from xent.core.uncertainty import OfCells

        return OfCells(self.lift, events=True, in_steps=True)

    def finish(self, state: CellCounts) -> Array:
        """The largest value where the constraint holds; 0 where it holds nowhere."""
        return state.measured(self._best)

    def _best(self, cells: Array) -> Array:
        counts = counts_above(cells, self._scale.first_above((0.5,)), self._scale.size)
        constrained, wanted = self.rates(counts)
        return np.asarray(np.where(constrained >= self._at_least, wanted, 0.0).max(axis=-1))

    def rates(self, counts: Counts) -> tuple[Array, Array]:
        """The rate that must be good enough, and the one whose best value is wanted."""
        raise NotImplementedError


def _sensitivity(counts: Counts) -> Array:
    return ratio(counts.true_positives, counts.true_positives + counts.false_negatives)


def _specificity(counts: Counts) -> Array:
    return ratio(counts.true_negatives, counts.true_negatives + counts.false_positives)


def _precision(counts: Counts) -> Array:
    return ratio(counts.true_positives, counts.true_positives + counts.false_positives)


@metric(
    "sensitivity_at_specificity",
    direction="higher",
    range="[0, 1]",
    inputs="events",
    formula="max TP / (TP + FN) over thresholds with TN / (TN + FP) ≥ specificity",
    source="keras.metrics.SensitivityAtSpecificity",
)
class SensitivityAtSpecificity(_OperatingPoint):
    """The best sensitivity among the thresholds that reach a specificity.

    Parameters
    ----------
    specificity : the specificity to reach, in [0, 1]
    num_thresholds : how many thresholds are tried, evenly spaced from 0 to 1
    class_id : the only class that is looked at

    Raises
    ------
    UsageError
        `specificity` lies outside [0, 1], or `num_thresholds` is smaller than 1.

    Notes
    -----
    Source: `keras.metrics.SensitivityAtSpecificity`.

    >>> SensitivityAtSpecificity(0.5)([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8], sample_weight=[1, 1, 2, 2, 1])
    0.3333333333333333
    """

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(specificity, num_thresholds, class_id, name, dtype)
        self.specificity = specificity

    def rates(self, counts: Counts) -> tuple[Array, Array]:
        return _specificity(counts), _sensitivity(counts)


@metric(
    "specificity_at_sensitivity",
    direction="higher",
    range="[0, 1]",
    inputs="events",
    formula="max TN / (TN + FP) over thresholds with TP / (TP + FN) ≥ sensitivity",
    source="keras.metrics.SpecificityAtSensitivity",
)
class SpecificityAtSensitivity(_OperatingPoint):
    """The best specificity among the thresholds that reach a sensitivity.

    Parameters
    ----------
    sensitivity : the sensitivity to reach, in [0, 1]
    num_thresholds : how many thresholds are tried, evenly spaced from 0 to 1
    class_id : the only class that is looked at

    Raises
    ------
    UsageError
        `sensitivity` lies outside [0, 1], or `num_thresholds` is smaller than 1.

    Notes
    -----
    Source: `keras.metrics.SpecificityAtSensitivity`.

    >>> round(SpecificityAtSensitivity(0.5)([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8]), 7)
    0.6666667
    """

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)
        self.sensitivity = sensitivity

    def rates(self, counts: Counts) -> tuple[Array, Array]:
        return _sensitivity(counts), _specificity(counts)


@metric(
    "precision_at_recall",
    direction="higher",
    range="[0, 1]",
    inputs="events",
    formula="max TP / (TP + FP) over thresholds with TP / (TP + FN) ≥ recall",
    source="keras.metrics.PrecisionAtRecall",
)
class PrecisionAtRecall(_OperatingPoint):
    """The best precision among the thresholds that reach a recall.

    Parameters
    ----------
    recall : the recall to reach, in [0, 1]
    num_thresholds : how many thresholds are tried, evenly spaced from 0 to 1
    class_id : the only class that is looked at

    Raises
    ------
    UsageError
        `recall` lies outside [0, 1], or `num_thresholds` is smaller than 1.

    Notes
    -----
    Source: `keras.metrics.PrecisionAtRecall`.

    >>> PrecisionAtRecall(0.5)([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8], sample_weight=[2, 2, 2, 1, 1])
    0.3333333333333333
    """

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(recall, num_thresholds, class_id, name, dtype)
        self.recall = recall

    def rates(self, counts: Counts) -> tuple[Array, Array]:
        return _sensitivity(counts), _precision(counts)


@metric(
    "recall_at_precision",
    direction="higher",
    range="[0, 1]",
    inputs="events",
    formula="max TP / (TP + FN) over thresholds with TP / (TP + FP) ≥ precision",
    source="keras.metrics.RecallAtPrecision",
)
class RecallAtPrecision(_OperatingPoint):
    """The best recall among the thresholds that reach a precision.

    Parameters
    ----------
    precision : the precision to reach, in [0, 1]
    num_thresholds : how many thresholds are tried, evenly spaced from 0 to 1
    class_id : the only class that is looked at

    Raises
    ------
    UsageError
        `precision` lies outside [0, 1], or `num_thresholds` is smaller than 1.

    Notes
    -----
    Source: `keras.metrics.RecallAtPrecision`.

    >>> RecallAtPrecision(0.8)([0, 0, 1, 1], [0, 0.5, 0.3, 0.9], sample_weight=[1, 0, 0, 1])
    1.0
    """

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(precision, num_thresholds, class_id, name, dtype)
        self.precision = precision

    def rates(self, counts: Counts) -> tuple[Array, Array]:
        return _precision(counts), _sensitivity(counts)
