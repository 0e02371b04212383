"""Cross-entropy metrics: binary, categorical and sparse categorical."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from xent.core import health
from xent.core.arrays import classes_last, require_same_shape
from xent.core.batch import Batch
from xent.core.conventions import convention as convention_of
from xent.core.errors import UsageError
from xent.core.lazy import np
from xent.core.losses.crossentropy import (
    binary_crossentropy,
    binary_values,
    categorical_crossentropy,
    categorical_values,
    index_labels,
    sparse_categorical_crossentropy,
    sparse_values,
)
from xent.core.metric import Lift, LiftBy, stored_type
from xent.core.precision import as_float
from xent.core.reduced import MEAN, LossMetric
from xent.core.table import metric

if TYPE_CHECKING:
    from xent.core.arrays import Array
    from xent.core.states import Health

__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "SparseCategoricalCrossentropy",
    "binary_crossentropy",
    "categorical_crossentropy",
    "sparse_categorical_crossentropy",
]


def checked_smoothing(label_smoothing: float) -> float:
    """A smoothing factor in [0, 1].

    Raises
    ------
    UsageError
        It lies outside.
    """
    if not 0.0 <= label_smoothing <= 1.0:
        raise UsageError(f"label_smoothing must lie in [0, 1], not {label_smoothing!r}")
    return label_smoothing


class _CrossentropyMetric(LossMetric):
    """A cross-entropy in nats, or in another unit of information."""

    def __init__(self, name: str | None, dtype: str | None, reduction: str | None, base: float | None) -> None:
        super().__init__(name, dtype, reduction)
        if base is not None and not 1.0 < base < math.inf:
            raise UsageError(f"base must be a number greater than 1, such as 2 for bits, or None for nats, not {base!r}")
        self.base = base

    def finish(self, state: Any) -> Array:
        """The reduced value of every group. The state is in nats, whatever the unit, so that metrics of several units share it."""
        value = super().finish(state)
        return value if self.base is None else value / math.log(self.base)


@metric(
    "binary_crossentropy",
    aliases=("bce",),
    direction="lower",
    range="[0, inf)",
    inputs="binary",
    formula="-(y ln p + (1 - y) ln(1 - p)), p clipped to [1e-7, 1 - 1e-7]; logits: max(x, 0) - x y + ln(1 + exp(-|x|))",
    source="keras.metrics.BinaryCrossentropy",
    tasks=("binary",),
)
class BinaryCrossentropy(_CrossentropyMetric):
    """Mean cross-entropy of events that happen or not, in nats or the unit of another `base`.

    The weighted mean over rows of `binary_crossentropy`; the row of several events is their mean.

    Parameters
    ----------
    from_logits : whether `y_pred` holds logits
    label_smoothing : s in [0, 1]; labels become y (1 - s) + s / 2
    convention : what is done to a probability before its logarithm is taken; see `xent.core.conventions`
    reduction : as for a loss; see `xent.core.reduced`
    base : the unit, as the base of its logarithm: 2 for bits, 10 for hartleys; None for nats

    Raises
    ------
    UsageError
        `label_smoothing` lies outside [0, 1], `base` is not above 1, or there is no such convention.

    Notes
    -----
    Source: `keras.metrics.BinaryCrossentropy`.

    >>> metric = BinaryCrossentropy()
    >>> metric.update_state([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]], sample_weight=[1, 0])
    >>> round(metric.result(), 7)
    0.9162907
    """

    def __init__(
        self,
        name: str = "binary_crossentropy",
        dtype: str | None = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        *,
        convention: str = "keras",
        reduction: str | None = MEAN,
        base: float | None = None,
    ) -> None:
        super().__init__(name, dtype, reduction, base)
        self.from_logits = from_logits
        self.label_smoothing = checked_smoothing(label_smoothing)
        self.convention = convention_of(convention).name
        self.lift = self._lift(convention)

    def _lift(self, convention: str) -> LiftBy:
        # Logits are never clipped, so there all conventions are one.
        rules = "exact" if self.from_logits else convention
        return self.lifted(binary_values, from_logits=self.from_logits, label_smoothing=float(self.label_smoothing), convention=rules)

    def batch(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Batch:
        batch = super().batch(y_true, y_pred, sample_weight)
        require_same_shape(batch.y_true, batch.y_pred)
        return batch

    def health_lift(self) -> Lift:
        return binary_health_lift(self.from_logits, self.convention)

    def exact_lift(self) -> LiftBy:
        return self._lift("exact")


@metric(
    "categorical_crossentropy",
    aliases=("cce",),
    direction="lower",
    range="[0, inf)",
    inputs="categorical",
    formula="-Σ y ln q, q = p / Σ p clipped to [1e-7, 1 - 1e-7]; logits: q = softmax(x), unclipped",
    source="keras.metrics.CategoricalCrossentropy",
    tasks=("multiclass",),
)
class CategoricalCrossentropy(_CrossentropyMetric):
    """Mean cross-entropy between distributions over classes, in nats or the unit of another `base`.

    The weighted mean over rows of `categorical_crossentropy`.

    Parameters
    ----------
    from_logits : whether `y_pred` holds logits
    label_smoothing : s in [0, 1]; labels become y (1 - s) + s / k
    axis : the axis of the classes
    convention : what is done to a probability before its logarithm is taken; see `xent.core.conventions`
    reduction : as for a loss; see `xent.core.reduced`
    base : the unit, as the base of its logarithm: 2 for bits, 10 for hartleys; None for nats

    Raises
    ------
    UsageError
        `label_smoothing` lies outside [0, 1], `base` is not above 1, or there is no such convention.

    Notes
    -----
    Source: `keras.metrics.CategoricalCrossentropy`.

    >>> metric = CategoricalCrossentropy()
    >>> metric.update_state([[0, 1, 0], [0, 0, 1]], [[0.05, 0.95, 0], [0.1, 0.8, 0.1]], sample_weight=[0.3, 0.7])
    >>> round(metric.result(), 7)
    1.6271976
    """

    def __init__(
        self,
        name: str = "categorical_crossentropy",
        dtype: str | None = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
        *,
        convention: str = "keras",
        reduction: str | None = MEAN,
        base: float | None = None,
    ) -> None:
        super().__init__(name, dtype, reduction, base)
        self.from_logits = from_logits
        self.label_smoothing = checked_smoothing(label_smoothing)
        self.axis = axis
        self.convention = convention_of(convention).name
        self.lift = self._lift(convention)

    def _lift(self, convention: str) -> LiftBy:
        rules = "exact" if self.from_logits else convention
        return self.lifted(categorical_values, from_logits=self.from_logits, label_smoothing=float(self.label_smoothing), convention=rules)

    def batch(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Batch:
        batch = super().batch(y_true, y_pred, sample_weight)
        require_same_shape(batch.y_true, batch.y_pred)
        return batch.replaced(classes_last(batch.y_true, self.axis), classes_last(batch.y_pred, self.axis))

    def health_lift(self) -> Lift:
        return categorical_health_lift(self.from_logits, self.label_smoothing, self.convention)

    def exact_lift(self) -> LiftBy:
        return self._lift("exact")


@metric(
    "sparse_categorical_crossentropy",
    aliases=("scce",),
    direction="lower",
    range="[0, inf)",
    inputs="categorical",
    formula="-ln q_y, q = p / Σ p clipped to [1e-7, 1 - 1e-7]; logits: q = softmax(x), unclipped",
    source="keras.metrics.SparseCategoricalCrossentropy",
)
class SparseCategoricalCrossentropy(_CrossentropyMetric):
    """Mean cross-entropy over classes where the label is the index of the class, in nats or the unit of another `base`.

    The weighted mean over rows of `sparse_categorical_crossentropy`. Rows whose label is `ignore_class` never count. (Keras leaves
    them out only where weights are given, and averages in their zeros where none are.)

    Parameters
    ----------
    from_logits : whether `y_pred` holds logits
    ignore_class : the label of rows to leave out
    axis : the axis of the classes
    convention : what is done to a probability before its logarithm is taken; see `xent.core.conventions`
    reduction : as for a loss; see `xent.core.reduced`
    base : the unit, as the base of its logarithm: 2 for bits, 10 for hartleys; None for nats

    Raises
    ------
    UsageError
        `base` is not above 1, or there is no such convention.

    Notes
    -----
    Source: `keras.metrics.SparseCategoricalCrossentropy`.

    >>> metric = SparseCategoricalCrossentropy()
    >>> metric.update_state([1, 2], [[0.05, 0.95, 0], [0.1, 0.8, 0.1]])
    >>> round(metric.result(), 7)
    1.1769392

    In bits, an event of probability 1/4 costs 2:

    >>> round(SparseCategoricalCrossentropy(base=2)([0], [[0.25, 0.75]]), 7)
    2.0
    """

    def __init__(
        self,
        name: str = "sparse_categorical_crossentropy",
        dtype: str | None = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
        *,
        convention: str = "keras",
        reduction: str | None = MEAN,
        base: float | None = None,
    ) -> None:
        super().__init__(name, dtype, reduction, base)
        self.from_logits = from_logits
        self.ignore_class = ignore_class
        self.axis = axis
        self.convention = convention_of(convention).name
        self.lift = self._lift(convention)

    def _lift(self, convention: str) -> LiftBy:
        rules = "exact" if self.from_logits else convention
        if self.ignore_class is None:
            # The same lift as the categorical metric's, so that the two share one state.
            return self.lifted(categorical_values, from_logits=self.from_logits, label_smoothing=0.0, convention=rules)
        options = {"from_logits": self.from_logits, "ignore_class": self.ignore_class, "convention": rules}
        return self.lifted(sparse_values, _not_ignored, **options)

    def batch(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Batch:
        scores = np.atleast_2d(classes_last(as_float(y_pred), self.axis))
        weight = None if sample_weight is None else as_float(sample_weight)
        return Batch(index_labels(y_true, scores), scores, weight, stored=stored_type(np.asarray(y_pred), scores))

    def health_lift(self) -> Lift:
        if self.ignore_class is not None and not self.from_logits:
            return LiftBy.make(_health_of_kept, ignore_class=self.ignore_class, convention=self.convention)
        return categorical_health_lift(self.from_logits, 0.0, self.convention)

    def exact_lift(self) -> LiftBy:
        return self._lift("exact")


def _not_ignored(batch: Batch, *, ignore_class: int, from_logits: bool, convention: str) -> Array:
    return np.asarray(batch.y_true != ignore_class)


def _health_of_kept(batch: Batch, *, ignore_class: int, convention: str) -> Health:
    # An ignored label may be out of range, so it becomes a class that exists, and its row one that needs no treatment.
    kept = batch.y_true != ignore_class
    harmless = np.array([0.5, 0.5] + [0.0] * (batch.y_pred.shape[-1] - 2))
    scores = np.where(kept[..., None], batch.y_pred, harmless)
    seen = batch.replaced(np.where(kept, batch.y_true, 0), scores)
    return health.categorical_health(seen, smoothed=False, convention_name=convention)


def binary_health_lift(from_logits: bool, convention: str) -> Lift:
    """The lift that counts what is done to the probabilities of single events."""
    return LiftBy(health.no_health) if from_logits else LiftBy.make(health.binary_health, convention_name=convention)


def categorical_health_lift(from_logits: bool, label_smoothing: float, convention: str) -> Lift:
    """The lift that counts what is done to probabilities over classes."""
    if from_logits:
        return LiftBy(health.no_health)
    return LiftBy.make(health.categorical_health, smoothed=label_smoothing > 0, convention_name=convention)
