"""How often the prediction is right: exactly, at a threshold, by the largest score, among the k largest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xent.core.arrays import align, require_same_shape
from xent.core.batch import Batch
from xent.core.decisions import binary_hits, checked_k, class_hits, dense_batch, equal_values, index_batch, listed_hits, top_hits
from xent.core.metric import MeanMetric, MeanOf
from xent.core.precision import as_float
from xent.core.table import metric

if TYPE_CHECKING:
    from xent.core.arrays import Array

__all__ = [
    "Accuracy",
    "BinaryAccuracy",
    "CategoricalAccuracy",
    "SparseCategoricalAccuracy",
    "SparseTopKCategoricalAccuracy",
    "TopKCategoricalAccuracy",
    "binary_accuracy",
    "categorical_accuracy",
    "sparse_categorical_accuracy",
    "sparse_top_k_categorical_accuracy",
    "top_k_categorical_accuracy",
]


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Array:
    """1 where a probability lies on the side of the threshold that its label says, else 0.

    y = [p > t]. Higher is better.

    Parameters
    ----------
    y_true : any shape, 0 or 1; other values are never equal
    y_pred : the same shape
    threshold : t; a prediction equal to it is negative

    Returns
    -------
    The shape of `y_pred`.

    Raises
    ------
    DataError
        The shapes differ.

    Notes
    -----
    Source: `keras.metrics.binary_accuracy`.

    >>> binary_accuracy([[1], [1], [0], [0]], [[0.98], [1], [0], [0.6]]).tolist()
    [[1.0], [1.0], [1.0], [0.0]]
    """
    y_true, y_pred = align(as_float(y_true), as_float(y_pred))
    require_same_shape(y_true, y_pred)
    return as_float(binary_hits(Batch(y_true, y_pred), threshold=threshold))


def categorical_accuracy(y_true: Any, y_pred: Any) -> Array:
    """1 where the largest score is that of the true class, else 0.

    argmax y = argmax p; of equal values the first is the largest. Higher is better.

    Parameters
    ----------
    y_true : (..., k), one-hot rows or distributions
    y_pred : (..., k), scores, probabilities or logits

    Returns
    -------
    The shape of `y_pred` without the last axis.

    Raises
    ------
    DataError
        The shapes differ.

    Notes
    -----
    Source: `keras.metrics.categorical_accuracy`.

    >>> categorical_accuracy([[0, 0, 1], [0, 1, 0]], [[0.1, 0.9, 0.8], [0.05, 0.95, 0]]).tolist()
    [0.0, 1.0]
    """
    return class_hits(dense_batch(y_true, y_pred))


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Array:
    """1 where the label is the class with the largest score, else 0.

    y = argmax p; of equal scores the first is the largest. Higher is better.

    Parameters
    ----------
    y_true : (...) or (..., 1), integers from 0 to k - 1
    y_pred : (..., k), scores, probabilities or logits

    Returns
    -------
    The shape of `y_pred` without the last axis.

    Raises
    ------
    DataError
        The shapes do not fit.
    DomainError
        A label is not the index of a class. (Keras counts it as wrong.)

    Notes
    -----
    Source: `keras.metrics.sparse_categorical_accuracy`.

    >>> sparse_categorical_accuracy([2, 1], [[0.1, 0.9, 0.8], [0.05, 0.95, 0]]).tolist()
    [0.0, 1.0]
    """
    return class_hits(index_batch(y_true, y_pred))


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Array:
    """1 where the score of the true class is among the k largest, else 0.

    [fewer than k scores are larger than that of class argmax y], so equal scores help. Higher is better.

    Parameters
    ----------
    y_true : (..., c), one-hot rows or distributions
    y_pred : (..., c), scores, probabilities or logits
    k : how many of the largest scores count; with k > c all rows are right

    Returns
    -------
    The shape of `y_pred` without the last axis.

    Raises
    ------
    DataError
        The shapes differ.

    Notes
    -----
    Source: `keras.metrics.top_k_categorical_accuracy`.

    >>> top_k_categorical_accuracy([[0, 0, 1], [0, 1, 0]], [[0.1, 0.9, 0.8], [0.05, 0, 0.95]], k=2).tolist()
    [1.0, 0.0]
    """
    return top_hits(dense_batch(y_true, y_pred), k=k)


def sparse_top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False) -> Array:
    """1 where the label is among the k classes with the largest scores, else 0.

    [fewer than k scores are larger than that of class y], so equal scores help. Higher is better.

    Parameters
    ----------
    y_true : (...) or (..., 1), integers from 0 to c - 1
    y_pred : (..., c), scores; or with `from_sorted_ids` the numbers of classes, those with the largest scores first
    k : how many classes count
    from_sorted_ids : whether `y_pred` holds numbers of classes

    Returns
    -------
    The shape of `y_pred` without the last axis.

    Raises
    ------
    DataError
        The shapes do not fit.
    DomainError
        A label is not the index of a class.

    Notes
    -----
    Source: `keras.metrics.sparse_top_k_categorical_accuracy`.

    >>> sparse_top_k_categorical_accuracy([2, 1], [[0.1, 0.9, 0.8], [0.05, 0, 0.95]], k=2).tolist()
    [1.0, 0.0]
    >>> sparse_top_k_categorical_accuracy([2, 1], [[1, 2, 0], [2, 0, 1]], k=2, from_sorted_ids=True).tolist()
    [1.0, 0.0]
    """
    batch = index_batch(y_true, y_pred)
    return listed_hits(batch, k=k) if from_sorted_ids else top_hits(batch, k=k)


@metric(
    "accuracy",
    aliases=("acc", "accuracy_score"),
    direction="higher",
    range="[0, 1]",
    inputs="classes",
    formula="[y = p]",
    source="keras.metrics.Accuracy",
)
class Accuracy(MeanMetric):
    """The share of predictions that are right.

    In Python `y_pred` holds the predictions themselves, which are right where they equal `y_true`. In a file it resolves by shape, as
    Keras's string "accuracy" does: the class with the largest score, a single probability above one half, or the number of a class.

    Notes
    -----
    Source: `keras.metrics.Accuracy`.

    >>> metric = Accuracy()
    >>> metric.update_state([1, 2, 3, 4], [0, 2, 3, 4], sample_weight=[1, 1, 0, 0])
    >>> metric.result()
    0.5
    """

    def __init__(self, name: str = "accuracy", dtype: str | None = None) -> None:
        super().__init__(name, dtype)
        self.lift = MeanOf.make(equal_values)

    def batch(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Batch:
        batch = super().batch(y_true, y_pred, sample_weight)
        require_same_shape(batch.y_true, batch.y_pred)
        return batch


@metric(
    "binary_accuracy",
    direction="higher",
    range="[0, 1]",
    inputs="binary",
    formula="[y = [p > threshold]]",
    source="keras.metrics.BinaryAccuracy",
    tasks=("binary",),
)
class BinaryAccuracy(MeanMetric):
    """The share of probabilities that lie on the right side of a threshold.

    The weighted mean over rows of `binary_accuracy`; the row of several events is their mean.

    Parameters
    ----------
    threshold : predictions above it are positive; one equal to it is not

    Notes
    -----
    Source: `keras.metrics.BinaryAccuracy`.

    >>> metric = BinaryAccuracy()
    >>> metric.update_state([1, 1, 0, 0], [0.98, 1, 0, 0.6], sample_weight=[1, 0, 0, 1])
    >>> metric.result()
    0.5
    """

    def __init__(self, name: str = "binary_accuracy", dtype: str | None = None, threshold: float = 0.5) -> None:
        super().__init__(name, dtype)
        self.threshold = threshold
        self.lift = MeanOf.make(binary_hits, threshold=float(threshold))

    def batch(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Batch:
        batch = super().batch(y_true, y_pred, sample_weight)
        require_same_shape(batch.y_true, batch.y_pred)
        return batch


@metric(
    "categorical_accuracy",
    direction="higher",
    range="[0, 1]",
    inputs="decisions",
    formula="[argmax y = argmax p]",
    source="keras.metrics.CategoricalAccuracy",
    tasks=("multiclass",),
)
class CategoricalAccuracy(MeanMetric):
    """The share of rows whose largest score is that of the true class.

    The weighted mean over rows of `categorical_accuracy`.

    Notes
    -----
    Source: `keras.metrics.CategoricalAccuracy`.

    >>> metric = CategoricalAccuracy()
    >>> metric.update_state([[0, 0, 1], [0, 1, 0]], [[0.1, 0.9, 0.8], [0.05, 0.95, 0]], sample_weight=[0.7, 0.3])
    >>> round(metric.result(), 7)
    0.3
    """

    def __init__(self, name: str = "categorical_accuracy", dtype: str | None = None) -> None:
        super().__init__(name, dtype)
        self.lift = MeanOf.make(class_hits)

    def batch(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Batch:
        return dense_batch(y_true, y_pred, sample_weight)


@metric(
    "sparse_categorical_accuracy",
    direction="higher",
    range="[0, 1]",
    inputs="decisions",
    formula="[y = argmax p]",
    source="keras.metrics.SparseCategoricalAccuracy",
)
class SparseCategoricalAccuracy(MeanMetric):
    """The share of rows whose label is the class with the largest score.

    The weighted mean over rows of `sparse_categorical_accuracy`.

    Notes
    -----
    Source: `keras.metrics.SparseCategoricalAccuracy`.

    >>> metric = SparseCategoricalAccuracy()
    >>> metric.update_state([2, 1], [[0.1, 0.6, 0.3], [0.05, 0.95, 0]], sample_weight=[0.7, 0.3])
    >>> round(metric.result(), 7)
    0.3
    """

    def __init__(self, name: str = "sparse_categorical_accuracy", dtype: str | None = None) -> None:
        super().__init__(name, dtype)
        self.lift = MeanOf.make(class_hits)

    def batch(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Batch:
        return index_batch(y_true, y_pred, sample_weight)


@metric(
    "top_k_categorical_accuracy",
    direction="higher",
    range="[0, 1]",
    inputs="decisions",
    formula="[fewer than k scores are larger than that of the true class]",
    source="keras.metrics.TopKCategoricalAccuracy",
)
class TopKCategoricalAccuracy(MeanMetric):
    """The share of rows whose true class has one of the k largest scores.

    The weighted mean over rows of `top_k_categorical_accuracy`.

    Parameters
    ----------
    k : how many of the largest scores count

    Raises
    ------
    UsageError
        `k` is smaller than 1.

    Notes
    -----
    Source: `keras.metrics.TopKCategoricalAccuracy`.

    >>> metric = TopKCategoricalAccuracy(k=1)
    >>> metric.update_state([[0, 0, 1], [0, 1, 0]], [[0.1, 0.9, 0.8], [0.05, 0.95, 0]])
    >>> metric.result()
    0.5
    """

    def __init__(self, k: int = 5, name: str = "top_k_categorical_accuracy", dtype: str | None = None) -> None:
        super().__init__(name, dtype)
        self.k = checked_k(k)
        self.lift = MeanOf.make(top_hits, k=int(k))

    def batch(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Batch:
        return dense_batch(y_true, y_pred, sample_weight)


@metric(
    "sparse_top_k_categorical_accuracy",
    direction="higher",
    range="[0, 1]",
    inputs="decisions",
    formula="[fewer than k scores are larger than that of class y]",
    source="keras.metrics.SparseTopKCategoricalAccuracy",
)
class SparseTopKCategoricalAccuracy(MeanMetric):
    """The share of rows whose label is one of the k classes with the largest scores.

    The weighted mean over rows of `sparse_top_k_categorical_accuracy`.

    Parameters
    ----------
    k : how many classes count
    from_sorted_ids : whether the predictions are numbers of classes, those with the largest scores first

    Raises
    ------
    UsageError
        `k` is smaller than 1.

    Notes
    -----
    Source: `keras.metrics.SparseTopKCategoricalAccuracy`.

    >>> metric = SparseTopKCategoricalAccuracy(k=1)
    >>> metric.update_state([2, 1], [[0.1, 0.9, 0.8], [0.05, 0.95, 0]])
    >>> metric.result()
    0.5
    """

    def __init__(
        self, k: int = 5, name: str = "sparse_top_k_categorical_accuracy", dtype: str | None = None, from_sorted_ids: bool = False
    ) -> None:
        super().__init__(name, dtype)
        self.k = checked_k(k)
        self.from_sorted_ids = from_sorted_ids
        self.lift = MeanOf.make(listed_hits if from_sorted_ids else top_hits, k=int(k))

    def batch(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Batch:
        return index_batch(y_true, y_pred, sample_weight)
