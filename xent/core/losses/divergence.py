"""Kullback-Leibler divergence and Poisson loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xent.core import derived
from xent.core.arrays import mean_classes, sum_classes
from xent.core.batch import Batch
from xent.core.lazy import np
from xent.core.loss import Loss
from xent.core.losses.regression import paired
from xent.core.precision import EPSILON

if TYPE_CHECKING:
    from xent.core.arrays import Array

__all__ = ["KLDivergence", "Poisson", "kl_divergence", "poisson"]


# Kernels: a block in, one value per sample out. The functions below and the metrics call the same ones.


def kl_values(batch: Batch, *, clips: bool) -> Array:
    """Kullback-Leibler divergence over classes; `clips` moves labels and predictions into [1e-7, 1] first."""
    y, p = batch.derive(derived.one_hot_or_dense), batch.derive(derived.predictions)
    if clips:
        y, p = (np.minimum(np.maximum(values, EPSILON), 1.0) for values in (y, p))
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = y * np.log(y / p)
    # Nothing is lost on a class that the labels give no probability, whatever was predicted for it.
    return sum_classes(np.where((y == 0.0) & ~np.isnan(p), 0.0, terms))


def poisson_values(batch: Batch, *, shift: float) -> Array:
    """Poisson loss, averaged over the last axis."""
    values = batch.derive(poisson_elements, shift)
    return mean_classes(values[:, None] if values.ndim == 1 else values)


def poisson_elements(batch: Batch, shift: float) -> Array:
    """Poisson loss of every element; `shift` is added to the rate inside the logarithm."""
    y, p = batch.derive(derived.labels), batch.derive(derived.predictions)
    with np.errstate(divide="ignore", invalid="ignore"):
        log = np.log(p + shift)
        return p - np.where((y == 0.0) & np.isneginf(log), 0.0, y * log)


# The Keras API.


def kl_divergence(y_true: Any, y_pred: Any) -> Array:
    """Kullback-Leibler divergence of a predicted distribution from the true one, in nats.

    Σ y ln(y / p) over the last axis, y and p both clipped to [1e-7, 1], neither renormalised. Lower is better; at least 0 (but for the
    clip) where both sum to 1.

    Parameters
    ----------
    y_true : (..., k), distributions
    y_pred : (..., k), probabilities

    Returns
    -------
    The shape of `y_pred` without the last axis.

    Raises
    ------
    DataError
        The shapes differ.

    Notes
    -----
    Source: `keras.losses.kl_divergence`; Kullback and Leibler, "On Information and Sufficiency", Annals of Mathematical Statistics
    22 (1951). Unlike Keras's function it aligns a vector with a column instead of pairing every value with every other.

    >>> kl_divergence([[0.5, 0.5], [0.0, 1.0]], [[0.25, 0.75], [0.5, 0.5]]).round(6).tolist()
    [0.143841, 0.693146]
    """
    # Keras takes scalars here, and sums over nothing.
    return kl_values(paired(np.atleast_1d(y_true), np.atleast_1d(y_pred)), clips=True)


def poisson(y_true: Any, y_pred: Any) -> Array:
    """Poisson loss of predicted rates: the negative log-likelihood of counts, without the term that only they determine.

    Mean over the last axis of p - y ln(p + 1e-7). Lower is better.

    Parameters
    ----------
    y_true : (..., k), counts
    y_pred : (..., k), rates; NaN comes of one below -1e-7

    Returns
    -------
    The shape of `y_pred` without the last axis.

    Raises
    ------
    DataError
        The shapes differ.

    Notes
    -----
    Source: `keras.losses.poisson`. Unlike Keras's function it aligns a vector with a column instead of pairing every value with
    every other.

    >>> poisson([[1.0, 4.0], [0.0, 2.0]], [[2.0, 4.0], [1.0, 0.5]]).round(6).tolist()
    [-0.119162, 1.443147]
    """
    return mean_classes(poisson_elements(paired(y_true, y_pred), EPSILON))


class KLDivergence(Loss):
    """Kullback-Leibler divergence of predicted distributions from the true ones, in nats, reduced.

    Formula, parameters and source: `kl_divergence` and `Loss`.

    >>> float(KLDivergence()([[0.5, 0.5], [0.0, 1.0]], [[0.25, 0.75], [0.5, 0.5]]).round(6))
    0.418493
    """

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str = "kl_divergence", dtype: str | None = None) -> None:
        super().__init__(name, reduction, dtype)

    def call(self, y_true: Array, y_pred: Array) -> Array:
        return kl_divergence(y_true, y_pred)


class Poisson(Loss):
    """Poisson loss of predicted rates, reduced.

    Formula, parameters and source: `poisson` and `Loss`.

    >>> float(Poisson()([[1.0, 4.0], [0.0, 2.0]], [[2.0, 4.0], [1.0, 0.5]]).round(6))
    0.661992
    """

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str = "poisson", dtype: str | None = None) -> None:
        super().__init__(name, reduction, dtype)

    def call(self, y_true: Array, y_pred: Array) -> Array:
        return poisson(y_true, y_pred)
