"""Focal cross-entropy metrics: binary and categorical. Keras has the functions and the losses, but no metric classes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from xent.core import derived, health
from xent.core.arrays import classes_last, require_same_shape
from xent.core.batch import Batch
from xent.core.errors import UsageError
from xent.core.lazy import np
from xent.core.losses.focal import (
    binary_focal_crossentropy,
    binary_focal_values,
    categorical_focal_crossentropy,
    categorical_focal_values,
    event_probabilities,
    hashable_alpha,
)
from xent.core.metric import Lift, LiftBy
from xent.core.metrics.crossentropy import checked_smoothing
from xent.core.reduced import MEAN, LossMetric
from xent.core.table import metric

if TYPE_CHECKING:
    from xent.core.states import Health

__all__ = [
    "BinaryFocalCrossentropy",
    "CategoricalFocalCrossentropy",
    "binary_focal_crossentropy",
    "categorical_focal_crossentropy",
]


def _checked_gamma(gamma: float) -> float:
    if not gamma >= 0.0:
        raise UsageError(f"gamma must be at least 0, not {gamma!r}")
    return gamma


@metric(
    "binary_focal_crossentropy",
    direction="lower",
    range="[0, inf)",
    inputs="binary",
    formula="(1 - p_t)^γ · -(y ln q + (1 - y) ln(1 - q)), p_t = y p + (1 - y)(1 - p), q = p clipped to [1e-7, 1 - 1e-7]",
    source="keras.losses.binary_focal_crossentropy",
)
class BinaryFocalCrossentropy(LossMetric):
    """Mean focal cross-entropy of events that happen or not, in nats.

    The weighted mean over rows of `binary_focal_crossentropy`; the row of several events is their mean. Keras has the function
    and the loss, and no metric class of this name.

    Parameters
    ----------
    apply_class_balancing : whether values are multiplied by y α + (1 - y)(1 - α)
    alpha : α, the weight of events that happen; one number, or one for each event of a row
    gamma : γ, how little confident and right predictions count; 0 gives the cross-entropy
    from_logits : whether `y_pred` holds logits; they too are clipped, as probabilities
    label_smoothing : s in [0, 1]; labels become y (1 - s) + s / 2
    reduction : as for a loss; see `xent.core.reduced`

    Raises
    ------
    UsageError
        `label_smoothing` lies outside [0, 1] or `gamma` below 0.

    Notes
    -----
    Source: `keras.losses.BinaryFocalCrossentropy`; Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017.

    >>> metric = BinaryFocalCrossentropy()
    >>> metric.update_state([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]], sample_weight=[1, 3])
    >>> round(metric.result(), 7)
    0.236815
    """

    def __init__(
        self,
        name: str = "binary_focal_crossentropy",
        dtype: str | None = None,
        apply_class_balancing: bool = False,
        alpha: float | Sequence[float] = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0,
        *,
        reduction: str | None = MEAN,
    ) -> None:
        super().__init__(name, dtype, reduction)
        self.apply_class_balancing = apply_class_balancing
        self.alpha = alpha
        self.gamma = _checked_gamma(gamma)
        self.from_logits = from_logits
        self.label_smoothing = checked_smoothing(label_smoothing)
        self.lift = self._lift(exact=False)

    def _lift(self, exact: bool) -> LiftBy:
        return self.lifted(
            binary_focal_values,
            gamma=float(self.gamma),
            alpha=hashable_alpha(self.alpha) if self.apply_class_balancing else None,
            from_logits=self.from_logits,
            label_smoothing=float(self.label_smoothing),
            exact=exact,
        )

    def batch(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Batch:
        batch = super().batch(y_true, y_pred, sample_weight)
        require_same_shape(batch.y_true, batch.y_pred)
        return batch

    def health_lift(self) -> Lift:
        return LiftBy.make(_binary_health, from_logits=self.from_logits)

    def exact_lift(self) -> LiftBy:
        return self._lift(exact=True)


@metric(
    "categorical_focal_crossentropy",
    direction="lower",
    range="[0, inf)",
    inputs="categorical",
    formula="Σ α (1 - q)^γ · -y ln q, q = p / Σ p clipped to [1e-7, 1 - 1e-7]; logits: p = softmax(x)",
    source="keras.losses.categorical_focal_crossentropy",
)
class CategoricalFocalCrossentropy(LossMetric):
    """Mean focal cross-entropy between distributions over classes, in nats.

    The weighted mean over rows of `categorical_focal_crossentropy`. Keras has the function and the loss, and no metric class of
    this name.

    Parameters
    ----------
    alpha : α, one number, or one for each class
    gamma : γ, how little confident and right predictions count; 0 gives α times the cross-entropy
    from_logits : whether `y_pred` holds logits; they too are clipped, as probabilities
    label_smoothing : s in [0, 1]; labels become y (1 - s) + s / k
    axis : the axis of the classes
    reduction : as for a loss; see `xent.core.reduced`

    Raises
    ------
    UsageError
        `label_smoothing` lies outside [0, 1] or `gamma` below 0.

    Notes
    -----
    Source: `keras.losses.CategoricalFocalCrossentropy`; Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017.

    >>> metric = CategoricalFocalCrossentropy()
    >>> metric.update_state([[0, 1, 0], [0, 0, 1]], [[0.05, 0.95, 0], [0.1, 0.8, 0.1]])
    >>> round(metric.result(), 7)
    0.2331528
    """

    def __init__(
        self,
        name: str = "categorical_focal_crossentropy",
        dtype: str | None = None,
        alpha: float | Sequence[float] = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
        *,
        reduction: str | None = MEAN,
    ) -> None:
        super().__init__(name, dtype, reduction)
        self.alpha = alpha
        self.gamma = _checked_gamma(gamma)
        self.from_logits = from_logits
        self.label_smoothing = checked_smoothing(label_smoothing)
        self.axis = axis
        self.lift = self._lift(exact=False)

    def _lift(self, exact: bool) -> LiftBy:
        return self.lifted(
            categorical_focal_values,
            gamma=float(self.gamma),
            alpha=hashable_alpha(self.alpha),
            from_logits=self.from_logits,
            label_smoothing=float(self.label_smoothing),
            exact=exact,
        )

    def batch(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Batch:
        batch = super().batch(y_true, y_pred, sample_weight)
        require_same_shape(batch.y_true, batch.y_pred)
        return batch.replaced(classes_last(batch.y_true, self.axis), classes_last(batch.y_pred, self.axis))

    def health_lift(self) -> Lift:
        return LiftBy.make(_categorical_health, from_logits=self.from_logits, smoothed=self.label_smoothing > 0)

    def exact_lift(self) -> LiftBy:
        return self._lift(exact=True)


def _binary_health(batch: Batch, *, from_logits: bool) -> Health:
    return health.binary_health(batch.derive(event_probabilities, from_logits), convention_name="keras")


def _categorical_health(batch: Batch, *, from_logits: bool, smoothed: bool) -> Health:
    if not from_logits:
        return batch.derive(health.categorical_health, smoothed=smoothed, convention_name="keras")
    seen = batch.replaced(batch.y_true, batch.derive(derived.softmax))
    found = health.categorical_health(seen, smoothed=smoothed, convention_name="keras")
    # What softmax makes sums to 1 but for rounding, which says nothing about the predictions.
    return replace(found, renormalised=np.zeros_like(found.renormalised), max_sum_error=np.zeros_like(found.max_sum_error))
