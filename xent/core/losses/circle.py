"""Circle loss: embeddings of one class together, those of different classes apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xent.core.errors import DataError
from xent.core.lazy import np
from xent.core.loss import Loss
from xent.core.precision import as_float

if TYPE_CHECKING:
    from xent.core.arrays import Array

__all__ = ["Circle", "circle"]

_PAIRS = 1 << 22
"""Pairs of embeddings that are compared at a time, so that memory grows with the embeddings and not with their square."""


def circle(
    y_true: Any,
    y_pred: Any,
    ref_labels: Any = None,
    ref_embeddings: Any = None,
    remove_diagonal: bool = True,
    gamma: float = 80,
    margin: float = 0.4,
) -> Array:
    """Circle loss of every embedding against the reference embeddings.

    softplus(P + N) with d = max(1 - cosine, 0), P = logsumexp of -γ (m + d)(m - d) over the positives, which have the same label, and
    N = logsumexp of γ max(1 + m - d, 0) (1 - m - d) over the negatives, which have another. Lower is better; at least 0.

    Parameters
    ----------
    y_true : (n,) or (n, 1), integer labels
    y_pred : (n, d), embeddings of length 1
    ref_labels : (r,) or (r, 1), the labels of the reference embeddings; `y_true` where it is None
    ref_embeddings : (r, d), embeddings of length 1; `y_pred` where it is None
    remove_diagonal : whether the i-th reference is no positive of the i-th embedding, being the same one
    gamma : γ, the scale
    margin : m, the distance below which negatives weigh more and positives less

    Returns
    -------
    Shape (n,). 0 for an embedding without a positive or without a negative.

    Raises
    ------
    DataError
        The shapes do not fit.

    Notes
    -----
    Source: `keras.losses.circle`, and Sun et al. (2020), "Circle loss", https://arxiv.org/abs/2002.10857.

    >>> circle([0, 0, 1], [[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]], gamma=1.0).round(6).tolist()
    [0.616344, 0.961675, 0.0]
    """
    queries, query_labels = _embeddings(y_true, y_pred)
    references, reference_labels = _embeddings(
        y_true if ref_labels is None else ref_labels, y_pred if ref_embeddings is None else ref_embeddings
    )
    if queries.shape[1] != references.shape[1]:
        raise DataError(f"embeddings of length {queries.shape[1]} cannot be compared with references of length {references.shape[1]}")
    values = np.empty(len(queries), dtype=queries.dtype)
    step = max(1, _PAIRS // max(1, len(references)))
    for start in range(0, len(queries), step):
        rows = slice(start, start + step)
        distances = np.maximum(1.0 - queries[rows] @ references.T, 0.0)
        negatives = query_labels[rows, None] != reference_labels
        positives = ~negatives
        if remove_diagonal:
            positives &= np.arange(start, start + len(positives))[:, None] != np.arange(len(references))
        towards = -gamma * (margin + distances) * (margin - distances)
        apart = gamma * np.maximum(1.0 + margin - distances, 0.0) * (1.0 - margin - distances)
        # softplus(x) = ln(e^0 + e^x); an empty set makes x -inf and the value 0.
        values[rows] = np.logaddexp(0.0, _logsumexp(towards, positives) + _logsumexp(apart, negatives))
    return values


def _embeddings(labels: Any, embeddings: Any) -> tuple[Array, Array]:
    embeddings, labels = as_float(embeddings), np.asarray(labels)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if embeddings.ndim != 2 or labels.shape != embeddings.shape[:1]:
        raise DataError(
            f"there must be one label for each embedding. Received: labels of shape {labels.shape}, embeddings of shape {embeddings.shape}"
        )
    return embeddings, labels


def _logsumexp(values: Array, members: Array) -> Array:
    """The logarithm of Σ e^value over the members of every row; -inf where there are none."""
    values = np.where(members, values, -np.inf)
    largest = np.max(values, axis=1, initial=-np.inf)
    shift = np.where(np.isneginf(largest), 0.0, largest)
    with np.errstate(divide="ignore"):
        result: Array = shift + np.log(np.sum(np.exp(values - shift[:, None]), axis=1))
    return result


class Circle(Loss):
    """Circle loss of every embedding against all others of the batch, reduced.

    Embeddings without a positive or without a negative have the value 0 and count neither in the sum nor in the divisor.
    Formula, parameters and source: `circle` and `Loss`.

    >>> float(Circle(gamma=1.0)([0, 0, 1], [[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]]).round(6))
    0.789009
    """

    def __init__(
        self,
        gamma: float = 80.0,
        margin: float = 0.4,
        remove_diagonal: bool = True,
        reduction: str | None = "sum_over_batch_size",
        name: str = "circle",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.gamma = gamma
        self.margin = margin
        self.remove_diagonal = remove_diagonal

    def call(self, y_true: Array, y_pred: Array) -> Array:
        return circle(y_true, y_pred, None, None, self.remove_diagonal, self.gamma, self.margin)

    def mask(self, y_true: Array, values: Array) -> Array | None:
        return values > 0.0
