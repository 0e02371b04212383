"""Binary and categorical focal cross-entropy: cross-entropy in which confident, right predictions count for little."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from xent.core import derived
from xent.core.arrays import align, classes_last, mean_classes, require_same_shape, sum_classes
from xent.core.batch import Batch
from xent.core.errors import DataError
from xent.core.lazy import np
from xent.core.loss import Loss
from xent.core.losses.crossentropy import binary_elements, smooth_binary_labels, smooth_labels
from xent.core.losses.regression import absolute_errors
from xent.core.precision import EPSILON, as_float

if TYPE_CHECKING:
    from xent.core.arrays import Array

__all__ = [
    "BinaryFocalCrossentropy",
    "CategoricalFocalCrossentropy",
    "binary_focal_crossentropy",
    "categorical_focal_crossentropy",
]

Alpha = float | tuple[float, ...]
"""A factor for all classes, or one for each."""


def hashable_alpha(alpha: float | Sequence[float]) -> Alpha:
    """`alpha` as a number or as a tuple of them, which can be a key."""
    values: Any = np.asarray(alpha, dtype=np.float64).tolist()
    return tuple(values) if isinstance(values, list) else values


# Kernels: a block in, one value per sample out. The functions below and the metrics call the same ones.


def binary_focal_values(
    batch: Batch, *, gamma: float, alpha: Alpha | None, from_logits: bool, label_smoothing: float, exact: bool
) -> Array:
    """Binary focal cross-entropy, averaged over the last axis; `alpha` is None where the classes are not balanced."""
    # Where nothing is clipped both are one, and so is all that is made of it.
    exact = exact or (not from_logits and batch.derive(derived.lie_within, EPSILON))
    values = batch.derive(binary_focal_elements, gamma, alpha, from_logits, label_smoothing, exact)
    return values if values.ndim == 1 else mean_classes(values)


def binary_focal_elements(batch: Batch, gamma: float, alpha: Alpha | None, from_logits: bool, label_smoothing: float, exact: bool) -> Array:
    """Binary focal cross-entropy of every element; `exact` takes the logarithms of what was predicted, unclipped."""
    seen = batch.derive(event_probabilities, from_logits)
    y, p = seen.derive(smooth_binary_labels, label_smoothing), seen.derive(derived.predictions)
    if exact and from_logits:
        cross_entropy = batch.derive(binary_elements, True, label_smoothing, "exact")
    else:
        cross_entropy = seen.derive(binary_elements, False, label_smoothing, "exact" if exact else "keras")
    # Keras clips for the logarithms alone. Rounding may have put p a little above 1, where a fractional power is NaN.
    if seen.derive(derived.lie_in_unit_interval) and not label_smoothing and seen.derive(derived.has_hard_labels):
        missed = seen.derive(absolute_errors)
    else:
        missed = np.maximum(y * (1.0 - p) + (1.0 - y) * p, 0.0)
    values: Array = np.power(missed, gamma)
    values *= cross_entropy
    if alpha is None:
        return values
    share = _per_class(alpha, batch.y_pred.shape[-1] if batch.y_pred.ndim > 1 else 1)
    balanced: Array = (y * share + (1.0 - y) * (1.0 - share)) * values
    return balanced


def event_probabilities(batch: Batch, from_logits: bool) -> Batch:
    """The rows with the probabilities of single events that their predictions stand for."""
    return batch.replaced(batch.y_true, batch.derive(derived.sigmoid)) if from_logits else batch


def categorical_focal_values(batch: Batch, *, gamma: float, alpha: Alpha, from_logits: bool, label_smoothing: float, exact: bool) -> Array:
    """Focal cross-entropy over classes; labels are class indices or distributions."""
    if batch.derive(derived.has_index_labels) and not label_smoothing:
        share = _per_class(alpha, batch.y_pred.shape[-1])
        if share.ndim:
            share = share[batch.derive(derived.true_class)]
        q, log = _probability_and_log(batch, True, from_logits, exact)
        return _focused(q, log, gamma, share)
    q, log = _probability_and_log(batch, False, from_logits, exact)
    y = batch.derive(smooth_labels, label_smoothing)
    terms = _focused(q, log, gamma, _per_class(alpha, batch.y_pred.shape[-1]))
    with np.errstate(invalid="ignore"):
        return sum_classes(np.where((y == 0.0) & np.isposinf(terms), 0.0, terms * y))


def _probability_and_log(batch: Batch, of_true_class: bool, from_logits: bool, exact: bool) -> tuple[Array, Array]:
    """The probability after Keras's treatment, or without any, and its logarithm: of the true class, or of all."""
    if from_logits:
        log = batch.derive(derived.true_log_probability if of_true_class else derived.log_probabilities, True, "exact")
        q = np.exp(log)
        if exact:
            return q, log
        q = derived.clip(q, EPSILON)
    else:
        p = batch.derive(derived.true_score if of_true_class else derived.predictions)
        sums = batch.derive(derived.probability_sums)
        q = derived.treated(batch, p, sums if of_true_class else sums[..., None], "exact" if exact else "keras")
    with np.errstate(divide="ignore", invalid="ignore"):
        return q, np.log(q)


def _focused(q: Array, log: Array, gamma: float, share: Array) -> Array:
    """α (1 - q)^γ · -ln q."""
    factor = np.power(np.maximum(1.0 - q, 0.0), gamma) * share
    with np.errstate(invalid="ignore"):
        # A class of no weight costs nothing, whatever was predicted for it.
        return np.where((factor == 0.0) & np.isneginf(log), 0.0, factor * -log)


def _per_class(alpha: Alpha, classes: int) -> Array:
    share = as_float(alpha)
    if share.shape not in ((), (classes,)):
        raise DataError(f"alpha has {share.size} values, and there are {classes} classes")
    return share


# The Keras API.


def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float | Sequence[float] = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Array:
    """Focal cross-entropy of events that happen or not, in nats, averaged over `axis`.

    mean over axis of (1 - p_t)^γ · -(y ln q + (1 - y) ln(1 - q)), p_t = y p + (1 - y)(1 - p), q = p clipped to [1e-7, 1 - 1e-7];
    for logits x, p = 1 / (1 + exp(-x)). Lower is better; at least 0.

    Parameters
    ----------
    y_true : (..., k), in [0, 1]
    y_pred : (..., k), probabilities, or logits if `from_logits`
    apply_class_balancing : whether values are multiplied by y α + (1 - y)(1 - α)
    alpha : α, the weight of events that happen; one number, or one for each of the k events
    gamma : γ, how little confident and right predictions count; 0 gives the cross-entropy
    from_logits : whether `y_pred` holds logits; unlike the plain cross-entropy, this one is clipped for them too
    label_smoothing : s in [0, 1]; labels become y (1 - s) + s / 2
    axis : the axis to average over

    Returns
    -------
    The shape of `y_pred` without `axis`.

    Raises
    ------
    DataError
        The shapes differ, or `alpha` has another number of values than there are events.

    Notes
    -----
    Source: `keras.losses.binary_focal_crossentropy`; Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017.

    >>> binary_focal_crossentropy([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]]).round(6).tolist()
    [0.329865, 0.205798]
    """
    y_true, y_pred = align(as_float(y_true), as_float(y_pred))
    require_same_shape(y_true, y_pred)
    batch = Batch(classes_last(y_true, axis), classes_last(y_pred, axis))
    balance = hashable_alpha(alpha) if apply_class_balancing else None
    return mean_classes(binary_focal_elements(batch, float(gamma), balance, from_logits, label_smoothing, False))


def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: float | Sequence[float] = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Array:
    """Focal cross-entropy between distributions over classes, in nats.

    Σ α (1 - q)^γ · -y ln q with q = p / Σ p, clipped to [1e-7, 1 - 1e-7]; for logits x, p = softmax(x). Lower is better; at least 0.

    Parameters
    ----------
    y_true : (..., k), one-hot rows or distributions; never renormalised
    y_pred : (..., k), probabilities, or logits if `from_logits`
    alpha : α, one number, or one for each of the k classes
    gamma : γ, how little confident and right predictions count; 0 gives α times the cross-entropy
    from_logits : whether `y_pred` holds logits; unlike the plain cross-entropy, this one is clipped for them too
    label_smoothing : s in [0, 1]; labels become y (1 - s) + s / k
    axis : the axis of the classes

    Returns
    -------
    The shape of `y_pred` without `axis`. NaN for a row of zeros.

    Raises
    ------
    DataError
        The shapes differ, or `alpha` has another number of values than there are classes.

    Notes
    -----
    Several values of `alpha` belong to the classes, on whatever axis these are. (Keras lays them along the last axis.)

    Source: `keras.losses.categorical_focal_crossentropy`; Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017.

    >>> categorical_focal_crossentropy([[0, 1, 0], [0, 0, 1]], [[0.05, 0.95, 0], [0.1, 0.8, 0.1]]).round(6).tolist()
    [3.2e-05, 0.466273]
    """
    y_true, y_pred = align(as_float(y_true), as_float(y_pred))
    require_same_shape(y_true, y_pred)
    batch = Batch(classes_last(y_true, axis), classes_last(y_pred, axis))
    return categorical_focal_values(
        batch, gamma=float(gamma), alpha=hashable_alpha(alpha), from_logits=from_logits, label_smoothing=label_smoothing, exact=False
    )


class BinaryFocalCrossentropy(Loss):
    """Focal cross-entropy of events that happen or not, in nats, averaged over `axis` and reduced.

    Formula, parameters and source: `binary_focal_crossentropy` and `Loss`.

    >>> loss = BinaryFocalCrossentropy(gamma=3, from_logits=True)
    >>> float(loss([[0, 1], [0, 0]], [[-18.6, 0.51], [2.94, -12.8]]).round(6))
    0.646995
    """

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float | Sequence[float] = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "binary_focal_crossentropy",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.apply_class_balancing = apply_class_balancing
        self.alpha = alpha
        self.gamma = gamma
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis

    def call(self, y_true: Array, y_pred: Array) -> Array:
        return binary_focal_crossentropy(
            y_true, y_pred, self.apply_class_balancing, self.alpha, self.gamma, self.from_logits, self.label_smoothing, self.axis
        )


class CategoricalFocalCrossentropy(Loss):
    """Focal cross-entropy between distributions over classes, in nats, reduced.

    Formula, parameters and source: `categorical_focal_crossentropy` and `Loss`.

    >>> loss = CategoricalFocalCrossentropy()
    >>> float(loss([[0, 1, 0], [0, 0, 1]], [[0.05, 0.95, 0], [0.1, 0.8, 0.1]]).round(6))
    0.233153
    """

    def __init__(
        self,
        alpha: float | Sequence[float] = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_focal_crossentropy",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.alpha = alpha
        self.gamma = gamma
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis

    def call(self, y_true: Array, y_pred: Array) -> Array:
        return categorical_focal_crossentropy(y_true, y_pred, self.alpha, self.gamma, self.from_logits, self.label_smoothing, self.axis)
