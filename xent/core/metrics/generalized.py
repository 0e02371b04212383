"""Generalized cross-entropy as a metric."""

from __future__ import annotations

from typing import Any

from xent.core.batch import Batch
from xent.core.decisions import index_batch
from xent.core.losses.generalized import categorical_generalized_cross_entropy, checked_q, generalized_values
from xent.core.metric import MeanMetric, MeanOf
from xent.core.table import metric

__all__ = ["CategoricalGeneralizedCrossEntropy", "categorical_generalized_cross_entropy"]


@metric(
    "categorical_generalized_cross_entropy",
    direction="lower",
    range="[0, 1/q]",
    inputs="categorical",
    formula="(1 - p_y^q) / q",
    source="keras.losses.CategoricalGeneralizedCrossEntropy; Zhang and Sabuncu (2018), https://arxiv.org/abs/1805.07836",
)
class CategoricalGeneralizedCrossEntropy(MeanMetric):
    """Mean generalized cross-entropy over classes, which forgives wrong labels more than cross-entropy does.

    The weighted mean over rows of `categorical_generalized_cross_entropy`. Where the labels of a file are distributions, the value of
    a row is the expectation over them. (Keras has the loss, but no metric.)

    Parameters
    ----------
    q : the exponent, in (0, 1): near 0 it is cross-entropy, near 1 the mean absolute error

    Raises
    ------
    UsageError
        `q` lies outside (0, 1).

    Notes
    -----
    Source: `keras.losses.CategoricalGeneralizedCrossEntropy`.

    >>> metric = CategoricalGeneralizedCrossEntropy()
    >>> metric.update_state([0, 1], [[0.81, 0.19], [0.75, 0.25]], sample_weight=[3, 1])
    >>> round(metric.result(), 7)
    0.4
    """

    def __init__(self, name: str = "categorical_generalized_cross_entropy", dtype: str | None = None, q: float = 0.5) -> None:
        super().__init__(name, dtype)
        self.q = checked_q(q)
        self.lift = MeanOf.make(generalized_values, q=float(q))

    def batch(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Batch:
        return index_batch(y_true, y_pred, sample_weight)
