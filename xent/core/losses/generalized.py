"""Generalized cross-entropy, which forgives wrong labels more than cross-entropy does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xent.core import derived
from xent.core.arrays import sum_classes
from xent.core.batch import Batch
from xent.core.errors import UsageError
from xent.core.lazy import np
from xent.core.loss import Loss
from xent.core.losses.crossentropy import index_labels
from xent.core.precision import as_float

if TYPE_CHECKING:
    from xent.core.arrays import Array

__all__ = ["CategoricalGeneralizedCrossEntropy", "categorical_generalized_cross_entropy"]


def generalized_values(batch: Batch, *, q: float) -> Array:
    """(1 - p^q) / q of the true class; its expectation where labels are distributions."""
    if batch.derive(derived.has_index_labels):
        return _costs(batch.derive(derived.true_score), q)
    return sum_classes(batch.derive(derived.labels) * _costs(batch.derive(derived.predictions), q))


def _costs(p: Array, q: float) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return (1.0 - p**q) / q


def checked_q(q: float) -> float:
    """An exponent between 0 and 1.

    Raises
    ------
    UsageError
        It lies outside, or on one of the ends.
    """
    if not 0.0 < q < 1.0:
        raise UsageError(f"q must lie in the interval (0, 1), not {q!r}")
    return q


def categorical_generalized_cross_entropy(y_true: Any, y_pred: Any, q: float) -> Array:
    """Generalized cross-entropy over classes where the label is the index of the class.

    (1 - p_y^q) / q. As q goes to 0 this becomes cross-entropy, as it goes to 1 the mean absolute error. Probabilities are neither
    clipped nor renormalised. Lower is better; in [0, 1/q].

    Parameters
    ----------
    y_true : (...) or (..., 1), integers from 0 to k - 1
    y_pred : (..., k), probabilities
    q : the exponent, in (0, 1]

    Returns
    -------
    The shape of `y_pred` without its last axis.

    Raises
    ------
    DataError
        The shapes do not fit.
    DomainError
        A label is not the index of a class.
    UsageError
        q is 0.

    Notes
    -----
    Source: `keras.losses.categorical_generalized_cross_entropy`, and Zhang and Sabuncu (2018), https://arxiv.org/abs/1805.07836.

    >>> categorical_generalized_cross_entropy([0, 1], [[0.81, 0.19], [0.75, 0.25]], q=0.5).round(6).tolist()
    [0.2, 1.0]
    """
    if q == 0:
        raise UsageError("q must not be 0; its limit there is sparse_categorical_crossentropy")
    scores = as_float(y_pred)
    return generalized_values(Batch(index_labels(y_true, scores), scores), q=q)


class CategoricalGeneralizedCrossEntropy(Loss):
    """Generalized cross-entropy over classes where the label is the index of the class, reduced.

    Formula, parameters and source: `categorical_generalized_cross_entropy` and `Loss`; q must lie in (0, 1).

    >>> float(CategoricalGeneralizedCrossEntropy()([0, 1], [[0.81, 0.19], [0.75, 0.25]]).round(6))
    0.6
    """

    def __init__(
        self,
        q: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_generalized_cross_entropy",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.q = checked_q(q)

    def call(self, y_true: Array, y_pred: Array) -> Array:
        return categorical_generalized_cross_entropy(y_true, y_pred, self.q)
