"""Hinge losses: of labels -1 and 1, and of the best wrong class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xent.core import derived
from xent.core.arrays import mean_classes, require_same_shape, sum_classes
from xent.core.batch import Batch
from xent.core.errors import DataError
from xent.core.lazy import np
from xent.core.loss import Loss
from xent.core.losses.regression import paired

if TYPE_CHECKING:
    from xent.core.arrays import Array

__all__ = ["CategoricalHinge", "Hinge", "SquaredHinge", "categorical_hinge", "hinge", "squared_hinge"]


# Kernels: a block in, one value per sample out. The functions below and the metrics call the same ones.


def hinge_values(batch: Batch, *, converted: bool, squared: bool) -> Array:
    """Hinge loss averaged over the last axis; `converted` reads labels 0 and 1 as -1 and 1."""
    require_same_shape(batch.y_true, batch.y_pred)
    y, p = batch.derive(derived.labels), batch.derive(derived.predictions)
    if converted:
        y = 2.0 * y - 1.0
    with np.errstate(over="ignore", invalid="ignore"):
        values = np.maximum(1.0 - y * p, 0.0)
        if squared:
            values *= values
    return values if values.ndim == 1 else mean_classes(values)


def other_labels(batch: Batch) -> Array:
    """Where a label is neither 0 nor 1."""
    y = batch.derive(derived.labels)
    return np.asarray((y != 0.0) & (y != 1.0))


def categorical_hinge_values(batch: Batch) -> Array:
    """How far the best wrong class comes within 1 of the true one.

    Raises
    ------
    DataError
        A row has one score only.
    """
    if batch.y_pred.ndim < 2:
        raise DataError("a categorical hinge needs one score for each class of every row, and there is one score a row")
    y, p = batch.derive(derived.one_hot_or_dense), batch.derive(derived.predictions)
    with np.errstate(over="ignore", invalid="ignore"):
        wrong = np.maximum.reduce((1.0 - y) * p, axis=-1)
        return np.asarray(np.maximum(wrong - sum_classes(y * p) + 1.0, 0.0))


# The Keras API.


def hinge(y_true: Any, y_pred: Any) -> Array:
    """Hinge loss of signed scores, averaged over the last axis.

    mean max(1 - y p, 0). Labels are -1 or 1; where all of them are 0 or 1 they become 2 y - 1. Lower is better; at least 0.

    Parameters
    ----------
    y_true : (..., k), -1 or 1, or 0 or 1
    y_pred : (..., k), scores

    Returns
    -------
    The shape of `y_pred` without its last axis.

    Raises
    ------
    DataError
        The shapes differ. (Keras broadcasts them.)

    Notes
    -----
    Source: `keras.losses.hinge`.

    >>> hinge([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]]).round(6).tolist()
    [1.1, 1.5]
    """
    return _hinge(y_true, y_pred, squared=False)


def squared_hinge(y_true: Any, y_pred: Any) -> Array:
    """Squared hinge loss of signed scores, averaged over the last axis.

    mean max(1 - y p, 0)². Labels, parameters, returns and errors as of `hinge`.

    Notes
    -----
    Source: `keras.losses.squared_hinge`.

    >>> squared_hinge([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]]).round(6).tolist()
    [1.46, 2.26]
    """
    return _hinge(y_true, y_pred, squared=True)


def _hinge(y_true: Any, y_pred: Any, *, squared: bool) -> Array:
    batch = paired(y_true, y_pred)
    # One vector is one sample, as for all functions over the last axis.
    rows = Batch(np.atleast_2d(batch.y_true), np.atleast_2d(batch.y_pred))
    values = hinge_values(rows, converted=not other_labels(rows).any(), squared=squared)
    return values.reshape(batch.y_pred.shape[:-1])


def categorical_hinge(y_true: Any, y_pred: Any) -> Array:
    """Hinge loss of scores over classes: how far the best wrong class comes within 1 of the true one.

    max(max((1 - y) p) - Σ y p + 1, 0). The inner maximum is at least 0 for one-hot labels, since it includes the true class's 0.
    Lower is better; at least 0.

    Parameters
    ----------
    y_true : (..., k), one-hot rows
    y_pred : (..., k), scores

    Returns
    -------
    The shape of `y_pred` without its last axis.

    Raises
    ------
    DataError
        The shapes differ. (Keras broadcasts them.)

    Notes
    -----
    Source: `keras.losses.categorical_hinge`.

    >>> categorical_hinge([[0, 1], [1, 0]], [[0.6, 0.4], [0.4, 0.6]]).round(6).tolist()
    [1.2, 1.2]
    """
    # Keras takes scalars here, as a score of one class.
    batch = paired(np.atleast_1d(y_true), np.atleast_1d(y_pred))
    rows = Batch(np.atleast_2d(batch.y_true), np.atleast_2d(batch.y_pred))
    return categorical_hinge_values(rows).reshape(batch.y_pred.shape[:-1])


class Hinge(Loss):
    """Hinge loss of signed scores, averaged over the last axis and reduced.

    Formula and source: `hinge`; parameters: `Loss`.

    >>> float(Hinge()([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]]).round(6))
    1.3
    """

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str = "hinge", dtype: str | None = None) -> None:
        super().__init__(name, reduction, dtype)

    def call(self, y_true: Array, y_pred: Array) -> Array:
        return hinge(y_true, y_pred)


class SquaredHinge(Loss):
    """Squared hinge loss of signed scores, averaged over the last axis and reduced.

    Formula and source: `squared_hinge`; parameters: `Loss`.

    >>> float(SquaredHinge()([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]]).round(6))
    1.86
    """

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str = "squared_hinge", dtype: str | None = None) -> None:
        super().__init__(name, reduction, dtype)

    def call(self, y_true: Array, y_pred: Array) -> Array:
        return squared_hinge(y_true, y_pred)


class CategoricalHinge(Loss):
    """Hinge loss of scores over classes, reduced.

    Formula and source: `categorical_hinge`; parameters: `Loss`.

    >>> float(CategoricalHinge()([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]]).round(6))
    1.4
    """

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str = "categorical_hinge", dtype: str | None = None) -> None:
        super().__init__(name, reduction, dtype)

    def call(self, y_true: Array, y_pred: Array) -> Array:
        return categorical_hinge(y_true, y_pred)
