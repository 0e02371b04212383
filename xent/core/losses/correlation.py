"""Cosine similarity and correlation between the numbers of a row; both look at directions, not at distances."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from xent.core import derived
from xent.core.arrays import mean_classes, require_same_shape, sum_classes
from xent.core.batch import Batch
from xent.core.errors import DataError
from xent.core.lazy import np
from xent.core.loss import Loss
from xent.core.losses.regression import paired
from xent.core.precision import EPSILON

if TYPE_CHECKING:
    from xent.core.arrays import Array

    Axis = int | tuple[int, ...]

__all__ = ["CosineSimilarity", "cosine_similarity"]  # Keras has the correlations among the metrics only.


# Kernels: a block in, one value per vector out. The functions below and the metrics call the same ones.


def vectors(batch: Batch, axis: Axis) -> tuple[Array, Array]:
    """Labels and predictions with `axis`, one or several, flattened into the last.

    Raises
    ------
    DataError
        The shapes differ, or there is no such axis.
    """
    require_same_shape(batch.y_true, batch.y_pred)
    return _last(batch.derive(derived.labels), axis), _last(batch.derive(derived.predictions), axis)


def _last(values: Array, axis: Axis) -> Array:
    moved = axes_of(axis, values.ndim)
    kept = [place for place in range(values.ndim) if place not in moved]
    shape = [values.shape[place] for place in kept]
    width = math.prod(values.shape[place] for place in moved)
    return values.transpose(*kept, *moved).reshape(*shape, width)


def axes_of(axis: Axis, rank: int) -> list[int]:
    """The axes that are meant, counted from the first.

    Raises
    ------
    DataError
        One of them does not exist, or is named twice.
    """
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    places = sorted(place % rank for place in axes if not isinstance(place, bool) and -rank <= place < rank)
    if not axes or len(set(places)) != len(axes):
        raise DataError(f"axis {axis!r} is out of range for predictions of {rank} axes")
    return places


def cosine_values(batch: Batch, *, axis: Axis) -> Array:
    """The cosine between labels and predictions along `axis`."""
    y, p = vectors(batch, axis)
    # Rounding may leave the interval by one unit of the last place.
    return _within_one(sum_classes(_unit(y) * _unit(p)))


def _within_one(values: Array) -> Array:
    return np.minimum(np.maximum(values, -1.0), 1.0)


def _unit(x: Array) -> Array:
    with np.errstate(over="ignore", invalid="ignore"):
        return x / np.sqrt(np.maximum(sum_classes(np.square(x)), EPSILON**2))[..., None]


def pearson_values(batch: Batch, *, axis: Axis) -> Array:
    """The correlation between labels and predictions along `axis`; NaN where one of them is constant."""
    y, p = (_scaled(_centred(values)) for values in vectors(batch, axis))
    with np.errstate(invalid="ignore", divide="ignore"):
        return _within_one(sum_classes(y * p) / np.sqrt(sum_classes(np.square(y)) * sum_classes(np.square(p))))


def _centred(x: Array) -> Array:
    """`x` less its mean; exactly 0 where it is constant."""
    with np.errstate(over="ignore", invalid="ignore"):
        rest = x - mean_classes(x)[..., None]
        # The mean of large values is rounded coarsely. What that leaves is small, so a second round takes it away.
        rest -= mean_classes(rest)[..., None]
    constant = np.maximum.reduce(x, axis=-1, keepdims=True, initial=-np.inf) == np.minimum.reduce(x, axis=-1, keepdims=True, initial=np.inf)
    return np.where(constant, 0.0, rest)


def _scaled(x: Array) -> Array:
    """`x` over its largest magnitude, so that squares neither overflow nor vanish."""
    largest = np.maximum.reduce(np.abs(x), axis=-1, keepdims=True, initial=0.0)
    with np.errstate(invalid="ignore"):
        return x / np.where(largest == 0.0, 1.0, largest)


def concordance_values(batch: Batch, *, axis: Axis) -> Array:
    """The concordance between labels and predictions along `axis`."""
    y, p = vectors(batch, axis)
    y_rest, p_rest = _centred(y), _centred(p)
    with np.errstate(over="ignore", invalid="ignore"):
        gap = mean_classes(y - p)
        spread = mean_classes(np.square(y_rest)) + mean_classes(np.square(p_rest)) + np.square(gap) + EPSILON
        return 2.0 * mean_classes(y_rest * p_rest) / spread


def checked_axis(axis: Any) -> Axis:
    """One axis as a number, several as a tuple, also where JSON made a list of them."""
    return axis if isinstance(axis, int) else tuple(axis)


# The Keras API.


def cosine_similarity(y_true: Any, y_pred: Any, axis: Axis = -1) -> Array:
    """Negative cosine of the angle between labels and predictions.

    -Σ y p / (|y| |p|) along `axis`, each norm at least 1e-7. Lower is better; -1 for one direction, 0 beside a vector of zeros.

    Parameters
    ----------
    y_true : (..., k)
    y_pred : (..., k)
    axis : the axis, or the axes, of the vectors

    Returns
    -------
    The shape of `y_pred` without `axis`.

    Raises
    ------
    DataError
        The shapes differ, or there is no such axis.

    Notes
    -----
    Source: `keras.losses.cosine_similarity`.

    >>> cosine_similarity([[0, 1], [1, 1]], [[1, 0], [1, 1]]).round(6).tolist()
    [-0.0, -1.0]
    """
    return -cosine_values(paired(y_true, y_pred), axis=axis)


def pearson_correlation(y_true: Any, y_pred: Any, axis: Axis = -1) -> Array:
    """Pearson's correlation between labels and predictions.

    Σ (y - ȳ)(p - p̄) / sqrt(Σ (y - ȳ)² Σ (p - p̄)²) along `axis`. Higher is better; in [-1, 1]; NaN where one of them is constant.

    Parameters
    ----------
    y_true : (..., k)
    y_pred : (..., k)
    axis : the axis, or the axes, of the values that are correlated

    Returns
    -------
    The shape of `y_pred` without `axis`.

    Raises
    ------
    DataError
        The shapes differ, or there is no such axis.

    Notes
    -----
    Source: `keras.metrics.pearson_correlation`.

    >>> pearson_correlation([[0, 1, 0.5], [1, 1, 0.2]], [[0.1, 0.9, 0.5], [1, 0.9, 0.2]]).round(6).tolist()
    [1.0, 0.993399]
    """
    return pearson_values(paired(y_true, y_pred), axis=axis)


def concordance_correlation(y_true: Any, y_pred: Any, axis: Axis = -1) -> Array:
    """Lin's concordance between labels and predictions: correlation that also asks for the same mean and spread.

    2 cov(y, p) / (var y + var p + (ȳ - p̄)² + 1e-7) along `axis`, moments over all values. Higher is better; in [-1, 1].

    Parameters
    ----------
    y_true : (..., k)
    y_pred : (..., k)
    axis : the axis, or the axes, of the values that are correlated

    Returns
    -------
    The shape of `y_pred` without `axis`.

    Raises
    ------
    DataError
        The shapes differ, or there is no such axis.

    Notes
    -----
    Source: `keras.metrics.concordance_correlation`; Lin (1989), "A concordance correlation coefficient to evaluate reproducibility".

    >>> concordance_correlation([[0, 1, 0.5], [1, 1, 0.2]], [[0.1, 0.9, 0.5], [1, 0.9, 0.2]]).round(6).tolist()
    [0.975609, 0.987654]
    """
    return concordance_values(paired(y_true, y_pred), axis=axis)


class CosineSimilarity(Loss):
    """Negative cosine of the angle between labels and predictions, reduced.

    Formula, parameters and source: `cosine_similarity` and `Loss`. The metric of this name has the other sign.

    >>> float(CosineSimilarity()([[0, 1], [1, 1]], [[1, 0], [1, 1]]).round(6))
    -0.5
    """

    def __init__(
        self,
        axis: Axis = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "cosine_similarity",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.axis = checked_axis(axis)

    def call(self, y_true: Array, y_pred: Array) -> Array:
        return cosine_similarity(y_true, y_pred, self.axis)
