"""Losses between plain numbers: squared, absolute, relative and logarithmic errors, Huber and log-cosh."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from xent.core import derived
from xent.core.arrays import align, mean_classes, require_same_shape
from xent.core.batch import Batch
from xent.core.errors import DataError, UsageError
from xent.core.lazy import np
from xent.core.loss import Loss
from xent.core.precision import EPSILON, as_float

if TYPE_CHECKING:
    from xent.core.arrays import Array

__all__ = [
    "Huber",
    "LogCosh",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "huber",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
]


# Kernels: a block in, one value for every element out. The functions below and the metrics call the same ones.


def row_means(batch: Batch, *, elements: Callable[..., Array], **options: Any) -> Array:
    """The mean of an element-wise kernel over the last axis; a vector has one element a row, which is its mean."""
    values = batch.derive(elements, **options)
    # The very same array for a vector, so that the sum of it is shared with metrics of the elements.
    return values if values.ndim == 1 else mean_classes(values)


def errors(batch: Batch) -> Array:
    """y_pred - y_true."""
    require_same_shape(batch.y_true, batch.y_pred)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(batch.derive(derived.predictions) - batch.derive(derived.labels))


def absolute_errors(batch: Batch) -> Array:
    """|p - y|."""
    return np.asarray(np.abs(batch.derive(errors)))


def squared_errors(batch: Batch) -> Array:
    """(p - y)²."""
    with np.errstate(over="ignore"):
        return np.asarray(np.square(batch.derive(errors)))


def percentage_errors(batch: Batch) -> Array:
    """100 |p - y| / max(|y|, 1e-7)."""
    with np.errstate(over="ignore", invalid="ignore"):
        share = batch.derive(absolute_errors) / np.maximum(np.abs(batch.derive(derived.labels)), EPSILON)
        return np.asarray(100.0 * share)


def squared_logarithmic_errors(batch: Batch) -> Array:
    """(ln(1 + max(p, 1e-7)) - ln(1 + max(y, 1e-7)))²."""
    require_same_shape(batch.y_true, batch.y_pred)
    y, p = (np.maximum(values, EPSILON) for values in (batch.derive(derived.labels), batch.derive(derived.predictions)))
    small, large = np.minimum(y, p), np.maximum(y, p)
    # One logarithm, of the quotient, keeps the digits that the difference of two would lose where y and p are close.
    with np.errstate(invalid="ignore"):
        return np.asarray(np.square(np.log1p((large - small) / (1.0 + small))))


def huber_errors(batch: Batch, *, delta: float) -> Array:
    """e² / 2 up to |e| = delta, and the tangent from there on."""
    size = batch.derive(absolute_errors)
    # The square is taken of what it is used for only, so it cannot overflow where it is not used.
    return np.where(size <= delta, 0.5 * np.square(np.minimum(size, delta)), delta * size - 0.5 * delta * delta)


def log_cosh_errors(batch: Batch) -> Array:
    """ln cosh(p - y)."""
    size = batch.derive(absolute_errors)
    # cosh a = 1 + 2 sinh²(a/2) keeps the digits of small errors, a + ln((1 + e^-2a) / 2) does not overflow for large ones.
    near = np.log1p(2.0 * np.square(np.sinh(0.5 * np.minimum(size, 1.0))))
    return np.where(size < 1.0, near, size + np.log1p(np.exp(-2.0 * size)) - math.log(2.0))


def paired(y_true: Any, y_pred: Any) -> Batch:
    """Labels and predictions of one shape, aligned as Keras aligns them.

    Raises
    ------
    DataError
        The shapes differ, or are those of scalars.
    """
    y_true, y_pred = align(as_float(y_true), as_float(y_pred))
    require_same_shape(y_true, y_pred)
    if y_pred.ndim == 0:
        raise DataError("y_true and y_pred must be arrays, not scalars")
    return Batch(y_true, y_pred)


# The Keras API.


def mean_squared_error(y_true: Any, y_pred: Any) -> Array:
    """Squared error, averaged over the last axis.

    mean (p - y)². Lower is better; at least 0.

    Parameters
    ----------
    y_true : (..., k)
    y_pred : (..., k)

    Returns
    -------
    The shape of `y_pred` without its last axis.

    Raises
    ------
    DataError
        The shapes differ. (Keras broadcasts them.)

    Notes
    -----
    Source: `keras.losses.mean_squared_error`.

    >>> mean_squared_error([[0, 1], [0, 0]], [[1, 1], [1, 0]]).tolist()
    [0.5, 0.5]
    """
    return mean_classes(squared_errors(paired(y_true, y_pred)))


def mean_absolute_error(y_true: Any, y_pred: Any) -> Array:
    """Absolute error, averaged over the last axis.

    mean |p - y|. Lower is better; at least 0.

    Parameters, returns and errors as of `mean_squared_error`.

    Notes
    -----
    Source: `keras.losses.mean_absolute_error`.

    >>> mean_absolute_error([[0, 1], [0, 0]], [[3, 1], [1, 0]]).tolist()
    [1.5, 0.5]
    """
    return mean_classes(absolute_errors(paired(y_true, y_pred)))


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Array:
    """Absolute error in percent of the label, averaged over the last axis.

    100 mean |p - y| / max(|y|, 1e-7). Lower is better; at least 0. A label of 0 costs 1e9 for every unit of error.

    Parameters, returns and errors as of `mean_squared_error`.

    Notes
    -----
    Source: `keras.losses.mean_absolute_percentage_error`.

    >>> mean_absolute_percentage_error([[2, 4]], [[1, 5]]).tolist()
    [37.5]
    """
    return mean_classes(percentage_errors(paired(y_true, y_pred)))


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Array:
    """Squared difference of the logarithms of one more than the values, averaged over the last axis.

    mean (ln(1 + max(p, 1e-7)) - ln(1 + max(y, 1e-7)))². Lower is better; at least 0. Negative values count as 1e-7.

    Parameters, returns and errors as of `mean_squared_error`.

    Notes
    -----
    Source: `keras.losses.mean_squared_logarithmic_error`.

    >>> mean_squared_logarithmic_error([[1, 3]], [[3, 1]]).round(6).tolist()
    [0.480453]
    """
    return mean_classes(squared_logarithmic_errors(paired(y_true, y_pred)))


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Array:
    """Squared error of small errors and absolute error of large ones, averaged over the last axis.

    mean of e² / 2 where |e| <= delta, else delta |e| - delta² / 2, with e = p - y. Lower is better; at least 0.

    Parameters
    ----------
    y_true : (..., k)
    y_pred : (..., k)
    delta : the error from which on the loss is linear; above 0

    Returns
    -------
    The shape of `y_pred` without its last axis.

    Raises
    ------
    DataError
        The shapes differ.
    UsageError
        `delta` is not above 0.

    Notes
    -----
    Source: `keras.losses.huber`; Huber (1964), "Robust estimation of a location parameter".

    >>> huber([[0, 0]], [[0.5, 3]]).tolist()
    [1.3125]
    """
    return mean_classes(huber_errors(paired(y_true, y_pred), delta=checked_delta(delta)))


def checked_delta(delta: float) -> float:
    """A bound between small and large errors, above 0.

    Raises
    ------
    UsageError
        It is not.
    """
    if not delta > 0.0:
        raise UsageError(f"delta must be above 0, not {delta!r}")
    return delta


def log_cosh(y_true: Any, y_pred: Any) -> Array:
    """Logarithm of the hyperbolic cosine of the error, averaged over the last axis.

    mean ln cosh(p - y): about e² / 2 for small errors and |e| - ln 2 for large ones. Lower is better; at least 0.

    Parameters, returns and errors as of `mean_squared_error`.

    Notes
    -----
    Source: `keras.losses.log_cosh`.

    >>> log_cosh([[0, 0]], [[1, 1000]]).round(6).tolist()
    [499.870317]
    """
    return mean_classes(log_cosh_errors(paired(y_true, y_pred)))


class MeanSquaredError(Loss):
    """Squared error, averaged over the last axis and reduced.

    Formula and source: `mean_squared_error`; parameters: `Loss`.

    >>> float(MeanSquaredError()([[0, 1], [0, 0]], [[1, 1], [1, 0]], sample_weight=[0.7, 0.3]))
    0.25
    """

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str = "mean_squared_error", dtype: str | None = None) -> None:
        super().__init__(name, reduction, dtype)

    def call(self, y_true: Array, y_pred: Array) -> Array:
        return mean_squared_error(y_true, y_pred)


class MeanAbsoluteError(Loss):
    """Absolute error, averaged over the last axis and reduced.

    Formula and source: `mean_absolute_error`; parameters: `Loss`.

    >>> float(MeanAbsoluteError()([[0, 1], [0, 0]], [[3, 1], [1, 0]]))
    1.0
    """

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str = "mean_absolute_error", dtype: str | None = None) -> None:
        super().__init__(name, reduction, dtype)

    def call(self, y_true: Array, y_pred: Array) -> Array:
        return mean_absolute_error(y_true, y_pred)


class MeanAbsolutePercentageError(Loss):
    """Absolute error in percent of the label, averaged over the last axis and reduced.

    Formula and source: `mean_absolute_percentage_error`; parameters: `Loss`.

    >>> float(MeanAbsolutePercentageError()([[2, 4]], [[1, 5]]))
    37.5
    """

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "mean_absolute_percentage_error", dtype: str | None = None
    ) -> None:
        super().__init__(name, reduction, dtype)

    def call(self, y_true: Array, y_pred: Array) -> Array:
        return mean_absolute_percentage_error(y_true, y_pred)


class MeanSquaredLogarithmicError(Loss):
    """Squared difference of the logarithms of one more than the values, averaged over the last axis and reduced.

    Formula and source: `mean_squared_logarithmic_error`; parameters: `Loss`.

    >>> float(MeanSquaredLogarithmicError()([[1, 3]], [[3, 1]]).round(6))
    0.480453
    """

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "mean_squared_logarithmic_error", dtype: str | None = None
    ) -> None:
        super().__init__(name, reduction, dtype)

    def call(self, y_true: Array, y_pred: Array) -> Array:
        return mean_squared_logarithmic_error(y_true, y_pred)


class Huber(Loss):
    """Squared error of small errors and absolute error of large ones, averaged over the last axis and reduced.

    Formula, parameters and source: `huber` and `Loss`.

    >>> float(Huber(delta=2)([[0, 0]], [[0.5, 3]]))
    2.0625
    """

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str = "huber_loss",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.delta = checked_delta(delta)

    def call(self, y_true: Array, y_pred: Array) -> Array:
        return huber(y_true, y_pred, self.delta)


class LogCosh(Loss):
    """Logarithm of the hyperbolic cosine of the error, averaged over the last axis and reduced.

    Formula and source: `log_cosh`; parameters: `Loss`.

    >>> float(LogCosh()([[0, 0]], [[1, 1000]]).round(6))
    499.870317
    """

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str = "log_cosh", dtype: str | None = None) -> None:
        super().__init__(name, reduction, dtype)

    def call(self, y_true: Array, y_pred: Array) -> Array:
        return log_cosh(y_true, y_pred)
