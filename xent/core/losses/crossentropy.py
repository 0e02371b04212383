"""Binary, categorical and sparse categorical cross-entropy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xent.core import derived
from xent.core.arrays import align, classes_last, mean_classes, put_class, require_same_shape, sum_classes
from xent.core.batch import Batch
from xent.core.conventions import convention as convention_of
from xent.core.errors import DataError
from xent.core.lazy import np
from xent.core.loss import Loss
from xent.core.precision import as_float

if TYPE_CHECKING:
    from xent.core.arrays import Array

__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "SparseCategoricalCrossentropy",
    "binary_crossentropy",
    "categorical_crossentropy",
    "sparse_categorical_crossentropy",
]


# Kernels: a block in, one value per sample out. The functions below and the metrics call the same ones.


def binary_values(batch: Batch, *, from_logits: bool, label_smoothing: float, convention: str) -> Array:
    """Binary cross-entropy, averaged over the last axis."""
    elements = binary_elements(batch, from_logits, label_smoothing, convention)
    return elements if elements.ndim == 1 else mean_classes(elements)


def binary_elements(batch: Batch, from_logits: bool, label_smoothing: float, convention: str) -> Array:
    """Binary cross-entropy of every element."""
    if from_logits:
        y, x = batch.derive(smooth_binary_labels, label_smoothing), batch.derive(derived.predictions)
        # max(x, 0) - x y + ln(1 + e^-|x|) overflows for no x.
        return np.asarray(np.maximum(x, 0.0) - x * y + np.log1p(np.exp(-np.abs(x))))
    rules = convention_of(convention)
    epsilon: float | None = rules.epsilon(batch.stored) or 0.0
    if batch.derive(derived.lie_within, epsilon or 0.0):
        # Conventions that change nothing here share one array, and so all that is made of it.
        epsilon = None
    return batch.derive(_elements, epsilon, label_smoothing, rules.least_log)


def _elements(batch: Batch, epsilon: float | None, label_smoothing: float, least_log: float | None) -> Array:
    y, p = batch.derive(smooth_binary_labels, label_smoothing), batch.derive(derived.predictions)
    if epsilon is not None:
        p = derived.clip(p, epsilon)
    if not label_smoothing and batch.derive(derived.has_hard_labels):
        # |p - (1 - y)| is p where y = 1 and 1 - p where y = 0: one logarithm instead of two.
        likelihood = np.subtract(y, 1.0)
        likelihood += p
        log = _log(np.abs(likelihood, out=likelihood), least_log)
        return np.negative(log, out=log)
    return -(_times_log(y, p, least_log) + _times_log(1.0 - y, 1.0 - p, least_log))


def smooth_binary_labels(batch: Batch, label_smoothing: float) -> Array:
    """Labels drawn towards one half: y (1 - s) + s / 2."""
    y = batch.derive(derived.labels)
    return y * (1.0 - label_smoothing) + 0.5 * label_smoothing if label_smoothing else y


def _log(p: Array, least: float | None) -> Array:
    """ln p, in place, at least `least`."""
    with np.errstate(divide="ignore", invalid="ignore"):
        log = np.log(p, out=p)
    return log if least is None else np.maximum(log, least, out=log)


def _times_log(weight: Array, p: Array, least: float | None) -> Array:
    """weight ln p, which is 0 where the weight is."""
    with np.errstate(invalid="ignore"):
        product = weight * _log(p.copy(), least)
    return np.where(weight == 0.0, 0.0, product) if np.isnan(product).any() else product


def categorical_values(batch: Batch, *, from_logits: bool, label_smoothing: float, convention: str) -> Array:
    """Cross-entropy over classes; labels are class indices or distributions."""
    if batch.derive(derived.has_index_labels):
        log = batch.derive(derived.true_log_probability, from_logits, convention)
        if not label_smoothing:
            return -log
        # The very products that smoothed one-hot labels would give, so that it makes no difference which of the two a block holds.
        share = label_smoothing / batch.y_pred.shape[-1]
        products = batch.derive(derived.log_probabilities, from_logits, convention) * share
        put_class(products, batch.derive(derived.true_class), (1.0 - label_smoothing + share) * log)
        return -sum_classes(products)
    y = batch.derive(smooth_labels, label_smoothing)
    return -sum_classes(_zero_where(y == 0.0, y, batch.derive(derived.log_probabilities, from_logits, convention)))


def smooth_labels(batch: Batch, label_smoothing: float) -> Array:
    """Distributions drawn towards the uniform one: y (1 - s) + s / k."""
    y = batch.derive(derived.one_hot_or_dense)
    return y * (1.0 - label_smoothing) + label_smoothing / y.shape[-1] if label_smoothing else y


def _zero_where(nothing: Array, y: Array, logs: Array) -> Array:
    """y times logs, with 0 where y is 0 even beside an infinite logarithm. A NaN stays one."""
    with np.errstate(invalid="ignore"):
        product = y * logs
    return np.where(nothing & np.isneginf(logs), 0.0, product) if np.isneginf(logs).any() else product


def sparse_values(batch: Batch, *, from_logits: bool, ignore_class: int | None, convention: str) -> Array:
    """Cross-entropy over classes for index labels; 0 where the label is `ignore_class`."""
    if ignore_class is None:
        return categorical_values(batch, from_logits=from_logits, label_smoothing=0.0, convention=convention)
    if not batch.derive(derived.has_index_labels):
        raise DataError("ignore_class needs labels that are class indices, not distributions")
    ignored = batch.y_true == ignore_class
    kept = Batch(np.where(ignored, 0, batch.y_true), batch.y_pred, stored=batch.stored)
    values = categorical_values(kept, from_logits=from_logits, label_smoothing=0.0, convention=convention)
    return np.where(ignored, 0.0, values)


def index_labels(y_true: Any, y_pred: Array) -> Array:
    """Labels with one axis fewer than the scores, a trailing axis of 1 dropped.

    Raises
    ------
    DataError
        The shapes do not fit.
    """
    labels = np.asarray(y_true)
    if 0 < labels.ndim == y_pred.ndim and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if y_pred.ndim == 0 or labels.shape != y_pred.shape[:-1]:
        raise DataError(
            f"y_true must hold one class index for each row of scores. Received: y_true.shape={np.shape(y_true)}, "
            f"y_pred.shape={y_pred.shape}"
        )
    return labels


# The Keras API.


def binary_crossentropy(y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1) -> Array:
    """Cross-entropy of events that happen or not, in nats, averaged over `axis`.

    mean over axis of -(y ln p + (1 - y) ln(1 - p)), p clipped to [1e-7, 1 - 1e-7]; for logits x,
    mean of max(x, 0) - x y + ln(1 + exp(-|x|)), unclipped. Lower is better; at least 0.

    Parameters
    ----------
    y_true : (..., k), in [0, 1]
    y_pred : (..., k), probabilities, or logits if `from_logits`
    from_logits : whether `y_pred` holds logits
    label_smoothing : s in [0, 1]; labels become y (1 - s) + s / 2
    axis : the axis to average over

    Returns
    -------
    The shape of `y_pred` without `axis`.

    Raises
    ------
    DataError
        The shapes differ.

    Notes
    -----
    Source: `keras.losses.binary_crossentropy`.

    >>> binary_crossentropy([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]]).round(6).tolist()
    [0.916291, 0.713558]
    """
    y_true, y_pred = align(as_float(y_true), as_float(y_pred))
    require_same_shape(y_true, y_pred)
    batch = Batch(classes_last(y_true, axis), classes_last(y_pred, axis))
    return mean_classes(binary_elements(batch, from_logits, label_smoothing, "keras"))


def categorical_crossentropy(y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1) -> Array:
    """Cross-entropy between distributions over classes, in nats.

    -Σ y ln q with q = p / Σ p, clipped to [1e-7, 1 - 1e-7]; for logits x, q = softmax(x), unclipped. Lower is better; at least 0.

    Parameters
    ----------
    y_true : (..., k), one-hot rows or distributions; never renormalised
    y_pred : (..., k), probabilities, or logits if `from_logits`
    from_logits : whether `y_pred` holds logits
    label_smoothing : s in [0, 1]; labels become y (1 - s) + s / k
    axis : the axis of the classes

    Returns
    -------
    The shape of `y_pred` without `axis`. NaN for a row of zeros.

    Raises
    ------
    DataError
        The shapes differ.

    Notes
    -----
    Source: `keras.losses.categorical_crossentropy`.

    >>> categorical_crossentropy([[0, 1, 0], [0, 0, 1]], [[0.05, 0.95, 0], [0.1, 0.8, 0.1]]).round(6).tolist()
    [0.051293, 2.302585]
    """
    y_true, y_pred = align(as_float(y_true), as_float(y_pred))
    require_same_shape(y_true, y_pred)
    batch = Batch(classes_last(y_true, axis), classes_last(y_pred, axis))
    return categorical_values(batch, from_logits=from_logits, label_smoothing=label_smoothing, convention="keras")


def sparse_categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> Array:
    """Cross-entropy over classes where the label is the index of the class, in nats.

    -ln q_y with q = p / Σ p, clipped to [1e-7, 1 - 1e-7]; for logits x, q = softmax(x), unclipped. Lower is better; at least 0.

    Parameters
    ----------
    y_true : (...) or (..., 1), integers from 0 to k - 1
    y_pred : (..., k), probabilities, or logits if `from_logits`
    from_logits : whether `y_pred` holds logits
    ignore_class : rows with this label get 0; it may lie out of range
    axis : the axis of the classes

    Returns
    -------
    The shape of `y_pred` without `axis`.

    Raises
    ------
    DataError
        The shapes do not fit.
    DomainError
        A label is not the index of a class.

    Notes
    -----
    Source: `keras.losses.sparse_categorical_crossentropy`.

    >>> sparse_categorical_crossentropy([1, 2], [[0.05, 0.95, 0], [0.1, 0.8, 0.1]]).round(6).tolist()
    [0.051293, 2.302585]
    """
    scores = classes_last(as_float(y_pred), axis)
    batch = Batch(index_labels(y_true, scores), scores)
    return sparse_values(batch, from_logits=from_logits, ignore_class=ignore_class, convention="keras")


class BinaryCrossentropy(Loss):
    """Cross-entropy of events that happen or not, in nats, averaged over `axis` and reduced.

    Formula, parameters and source: `binary_crossentropy` and `Loss`.

    >>> float(BinaryCrossentropy(from_logits=True)([[0, 1], [0, 0]], [[-18.6, 0.51], [2.94, -12.8]]).round(6))
    0.865458
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "binary_crossentropy",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis

    def call(self, y_true: Array, y_pred: Array) -> Array:
        return binary_crossentropy(y_true, y_pred, self.from_logits, self.label_smoothing, self.axis)


class CategoricalCrossentropy(Loss):
    """Cross-entropy between distributions over classes, in nats, reduced.

    Formula, parameters and source: `categorical_crossentropy` and `Loss`.

    >>> loss = CategoricalCrossentropy()
    >>> float(loss([[0, 1, 0], [0, 0, 1]], [[0.05, 0.95, 0], [0.1, 0.8, 0.1]], sample_weight=[0.3, 0.7]).round(6))
    0.813599
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_crossentropy",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis

    def call(self, y_true: Array, y_pred: Array) -> Array:
        return categorical_crossentropy(y_true, y_pred, self.from_logits, self.label_smoothing, self.axis)


class SparseCategoricalCrossentropy(Loss):
    """Cross-entropy over classes where the label is the index of the class, in nats, reduced.

    Rows whose label is `ignore_class` count neither in the sum nor in the divisor.
    Formula, parameters and source: `sparse_categorical_crossentropy` and `Loss`.

    >>> import numpy as np
    >>> scores = np.array([[0.05, 0.95, 0], [0.1, 0.8, 0.1]])
    >>> SparseCategoricalCrossentropy(reduction="none")(np.array([1, 2]), scores).round(6).tolist()
    [0.051293, 2.302585]
    """

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str = "sparse_categorical_crossentropy",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.from_logits = from_logits
        self.ignore_class = ignore_class
        self.axis = axis

    def call(self, y_true: Array, y_pred: Array) -> Array:
        return sparse_categorical_crossentropy(y_true, y_pred, self.from_logits, self.ignore_class, self.axis)

    def mask(self, y_true: Array, values: Array) -> Array | None:
        return None if self.ignore_class is None else y_true.reshape(values.shape) != self.ignore_class
