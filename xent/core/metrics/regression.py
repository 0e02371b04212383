"""Mean errors between plain numbers: squared, absolute, relative, logarithmic, Huber and log-cosh."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xent.core import derived
from xent.core.batch import Batch
from xent.core.errors import DataError
from xent.core.lazy import np
from xent.core.losses.regression import (
    absolute_errors,
    checked_delta,
    huber,
    huber_errors,
    log_cosh,
    log_cosh_errors,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    percentage_errors,
    row_means,
    squared_errors,
    squared_logarithmic_errors,
)
from xent.core.metric import MeanMetric, MeanOf
from xent.core.metrics.determination import R2Score
from xent.core.table import metric

if TYPE_CHECKING:
    from xent.core.arrays import Array
    from xent.core.states import WeightedSum

__all__ = [
    "Huber",
    "LogCoshError",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanRelativeError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "R2Score",
    "RootMeanSquaredError",
    "huber",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
]


@metric(
    "mean_squared_error",
    aliases=("mse",),
    direction="lower",
    range="[0, inf)",
    inputs="values",
    formula="(p - y)²",
    source="keras.metrics.MeanSquaredError",
    tasks=("regression",),
)
class MeanSquaredError(MeanMetric):
    """Mean squared error.

    The weighted mean over rows of `mean_squared_error`; the error of a row of several values is their mean.

    Notes
    -----
    Source: `keras.metrics.MeanSquaredError`.

    >>> metric = MeanSquaredError()
    >>> metric.update_state([[0, 1], [0, 0]], [[1, 1], [0, 0]], sample_weight=[1, 0])
    >>> metric.result()
    0.5
    """

    def __init__(self, name: str = "mean_squared_error", dtype: str | None = None) -> None:
        super().__init__(name, dtype)
        self.lift = MeanOf.make(row_means, elements=squared_errors)


@metric(
    "root_mean_squared_error",
    aliases=("rmse",),
    direction="lower",
    range="[0, inf)",
    inputs="values",
    formula="sqrt of the mean of (p - y)²",
    source="keras.metrics.RootMeanSquaredError",
    tasks=("regression",),
)
class RootMeanSquaredError(MeanMetric):
    """Square root of the mean squared error, in the unit of the labels.

    The root of the weighted mean over rows of (p - y)². Weights may have the shape of the values; each value then has its own.

    Notes
    -----
    Source: `keras.metrics.RootMeanSquaredError`.

    >>> metric = RootMeanSquaredError()
    >>> metric.update_state([[0, 1], [0, 0]], [[1, 1], [0, 0]])
    >>> metric.result()
    0.5
    """

    def __init__(self, name: str = "root_mean_squared_error", dtype: str | None = None) -> None:
        super().__init__(name, dtype)
        self.lift = MeanOf.make(squared_errors)

    def finish(self, state: WeightedSum) -> Array:
        return np.sqrt(state.mean())


@metric(
    "mean_absolute_error",
    aliases=("mae",),
    direction="lower",
    range="[0, inf)",
    inputs="values",
    formula="|p - y|",
    source="keras.metrics.MeanAbsoluteError",
    tasks=("regression",),
)
class MeanAbsoluteError(MeanMetric):
    """Mean absolute error, in the unit of the labels.

    The weighted mean over rows of `mean_absolute_error`.

    Notes
    -----
    Source: `keras.metrics.MeanAbsoluteError`.

    >>> metric = MeanAbsoluteError()
    >>> metric.update_state([[0, 1], [0, 0]], [[1, 1], [0, 0]], sample_weight=[1, 0])
    >>> metric.result()
    0.5
    """

    def __init__(self, name: str = "mean_absolute_error", dtype: str | None = None) -> None:
        super().__init__(name, dtype)
        self.lift = MeanOf.make(row_means, elements=absolute_errors)


@metric(
    "mean_absolute_percentage_error",
    aliases=("mape",),
    direction="lower",
    range="[0, inf)",
    inputs="values",
    formula="100 |p - y| / max(|y|, 1e-7)",
    source="keras.metrics.MeanAbsolutePercentageError",
)
class MeanAbsolutePercentageError(MeanMetric):
    """Mean absolute error in percent of the label.

    The weighted mean over rows of `mean_absolute_percentage_error`. A label of 0 costs 1e9 for every unit of error.

    Notes
    -----
    Source: `keras.metrics.MeanAbsolutePercentageError`.

    >>> metric = MeanAbsolutePercentageError()
    >>> metric.update_state([2, 4], [1, 5])
    >>> metric.result()
    37.5
    """

    def __init__(self, name: str = "mean_absolute_percentage_error", dtype: str | None = None) -> None:
        super().__init__(name, dtype)
        self.lift = MeanOf.make(row_means, elements=percentage_errors)


@metric(
    "mean_squared_logarithmic_error",
    aliases=("msle",),
    direction="lower",
    range="[0, inf)",
    inputs="values",
    formula="(ln(1 + max(p, 1e-7)) - ln(1 + max(y, 1e-7)))²",
    source="keras.metrics.MeanSquaredLogarithmicError",
)
class MeanSquaredLogarithmicError(MeanMetric):
    """Mean squared difference of the logarithms of one more than the values.

    The weighted mean over rows of `mean_squared_logarithmic_error`. Negative values count as 1e-7.

    Notes
    -----
    Source: `keras.metrics.MeanSquaredLogarithmicError`.

    >>> metric = MeanSquaredLogarithmicError()
    >>> metric.update_state([1, 3], [3, 1])
    >>> round(metric.result(), 6)
    0.480453
    """

    def __init__(self, name: str = "mean_squared_logarithmic_error", dtype: str | None = None) -> None:
        super().__init__(name, dtype)
        self.lift = MeanOf.make(row_means, elements=squared_logarithmic_errors)


@metric(
    "log_cosh_error",
    aliases=("logcosh", "log_cosh"),
    direction="lower",
    range="[0, inf)",
    inputs="values",
    formula="ln cosh(p - y)",
    source="keras.metrics.LogCoshError",
)
class LogCoshError(MeanMetric):
    """Mean logarithm of the hyperbolic cosine of the error.

    The weighted mean over rows of `log_cosh`: about e² / 2 for small errors, |e| - ln 2 for large ones.

    Notes
    -----
    Source: `keras.metrics.LogCoshError`.

    >>> metric = LogCoshError()
    >>> metric.update_state([[0, 1], [0, 0]], [[1, 1], [0, 0]])
    >>> round(metric.result(), 7)
    0.1084452
    """

    def __init__(self, name: str = "logcosh", dtype: str | None = None) -> None:
        super().__init__(name, dtype)
        self.lift = MeanOf.make(row_means, elements=log_cosh_errors)


@metric(
    "huber",
    aliases=("huber_loss",),
    direction="lower",
    range="[0, inf)",
    inputs="values",
    formula="e² / 2 where |e| <= delta, else delta |e| - delta² / 2; e = p - y",
    source="keras.losses.Huber",
)
class Huber(MeanMetric):
    """Mean of the squared error of small errors and the absolute error of large ones.

    The weighted mean over rows of `huber`. (Keras has the loss, but no metric.)

    Parameters
    ----------
    delta : the error from which on the loss is linear; above 0

    Raises
    ------
    UsageError
        `delta` is not above 0.

    Notes
    -----
    Source: `keras.losses.Huber`.

    >>> metric = Huber()
    >>> metric.update_state([0, 0], [0.5, 3])
    >>> metric.result()
    1.3125
    """

    def __init__(self, name: str = "huber", dtype: str | None = None, delta: float = 1.0) -> None:
        super().__init__(name, dtype)
        self.delta = checked_delta(delta)
        self.lift = MeanOf.make(row_means, elements=huber_errors, delta=float(delta))


@metric(
    "mean_relative_error",
    aliases=("mre",),
    direction="lower",
    range="[0, inf)",
    inputs="values",
    formula="|p - y| / normalizer, 0 where the normalizer is; without one, |p - y| / |y|",
    source="tf.keras.metrics.MeanRelativeError (tf.keras 2)",
)
class MeanRelativeError(MeanMetric):
    """Mean absolute error relative to a normalizer.

    The weighted mean over rows of |p - y| / normalizer, which is 0 where the normalizer is 0.

    Parameters
    ----------
    normalizer
        A number, one number an output, or an array that is broadcast to the predictions of every update; the magnitudes of the
        labels where it is None.

    Notes
    -----
    Source: `tf.keras.metrics.MeanRelativeError` of tf.keras 2, where the normalizer must be given; Keras 3 has it no more.

    >>> metric = MeanRelativeError(normalizer=[1, 3, 2, 3])
    >>> metric.update_state([1, 3, 2, 3], [2, 4, 6, 8])
    >>> metric.result()
    1.25
    """

    def __init__(self, normalizer: Any = None, name: str = "mean_relative_error", dtype: str | None = None) -> None:
        super().__init__(name, dtype)
        self.normalizer = None if normalizer is None else np.asarray(normalizer, dtype=np.float64).tolist()
        self.lift = MeanOf.make(row_means, elements=relative_errors, normalizer=_frozen(self.normalizer))


def _frozen(values: Any) -> Any:
    """Lists as tuples, which can be looked up."""
    return tuple(map(_frozen, values)) if isinstance(values, list) else values


def relative_errors(batch: Batch, *, normalizer: Any) -> Array:
    """|p - y| / normalizer, and 0 where the normalizer is."""
    size = batch.derive(absolute_errors)
    norm = np.abs(batch.derive(derived.labels)) if normalizer is None else _spread(np.array(normalizer), size)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.where(norm == 0.0, 0.0, size / norm)


def _spread(norm: Array, size: Array) -> Array:
    """The normalizer in the shape of the errors."""
    message = f"normalizer of shape {norm.shape} cannot be broadcast to predictions of shape {size.shape}"
    if size.ndim == 1 and norm.size != 1:
        # The rows of a file come in blocks, and a vector meant for all of them would meet every block anew.
        raise DataError(message)
    if norm.ndim == 1 and size.ndim == 2 and size.shape[1] == 1:
        norm = norm[:, None]
    try:
        return np.broadcast_to(norm.reshape(()) if norm.size == 1 else norm, size.shape)
    except ValueError:
        raise DataError(message) from None
