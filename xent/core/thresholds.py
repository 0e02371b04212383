"""Scores against thresholds: one histogram of the scores by label, from which every count at every threshold is a sum.

A score is put into a cell once, whatever the number of thresholds and of metrics; `Counts` at a threshold are what lies above it and
what does not. Metrics with equal thresholds share the histogram, and so do an AUC and a precision at recall with equally many.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xent.core import derived
from xent.core.cells import cells_of
from xent.core.errors import DataError
from xent.core.lazy import np
from xent.core.precision import EPSILON, as_float
from xent.core.states import CellCounts

if TYPE_CHECKING:
    from xent.core.arrays import Array
    from xent.core.batch import Batch

NOT_KEPT = -1e10
"""What Keras sets scores to that are not among the `top_k` of their row."""


@dataclass(frozen=True, slots=True)
class Scale:
    """The cells that scores are put into.

    Either `steps` equal ones between 0 and 1, each without its lower and with its upper end, with one more for scores of at most 0; or
    one on either side of each of `thresholds`, which are in ascending order. A score that is NaN goes into cell 0, above nothing.
    """

    steps: int = 0
    thresholds: tuple[float, ...] = ()

    @property
    def size(self) -> int:
        """The number of cells."""
        return self.steps + 2 if self.steps else len(self.thresholds) + 1

    def cells(self, scores: Array, bounded: bool = False) -> Array:
        """The cell of every score; `bounded` says that all lie between 0 and 1."""
        if len(self.thresholds) == 1:
            return (scores > self.thresholds[0]).astype(np.int32)
        if self.steps:
            within = scores if bounded else np.minimum(np.maximum(scores, 0.0), 1.0)
            places = within * self.steps
            np.ceil(places, out=places)
            places += 1.0
        else:
            places = np.searchsorted(np.array(self.thresholds), scores, side="left")
        if not bounded:
            places[np.isnan(scores)] = 0
        return places.astype(np.int32)

    def first_above(self, thresholds: tuple[float, ...]) -> Array:
        """The first cell above each of `thresholds`, which must be those of the scale; those of an even one count from 0 to 1."""
        if self.steps:
            return np.arange(self.steps + 1) + 2
        return np.searchsorted(np.array(self.thresholds), np.array(thresholds), side="left") + 1


def scale_of(thresholds: tuple[float, ...]) -> Scale:
    """The scale of some thresholds, which need not be in order.

    >>> scale_of((0.0, 0.5, 1.0)), scale_of((0.7, 0.5))
    (Scale(steps=2, thresholds=()), Scale(steps=0, thresholds=(0.5, 0.7)))
    """
    if is_even(thresholds):
        return Scale(steps=len(thresholds) - 1)
    return Scale(thresholds=tuple(sorted(set(thresholds))))


def is_even(thresholds: tuple[float, ...]) -> bool:
    """Whether thresholds are 0, 1/(n-1), ..., 1, for which Keras computes cells instead of comparing."""
    count = len(thresholds)
    return count >= 3 and bool(np.allclose(thresholds, np.arange(count) / (count - 1), atol=EPSILON))


@dataclass(frozen=True, slots=True)
class Counts:
    """Exact amounts (`xent.core.cells.Run.amounts`) at thresholds, shape (groups, ..., thresholds)."""

    true_positives: Array
    false_positives: Array
    false_negatives: Array
    true_negatives: Array


def counts_above(cells: Array, first: Array, size: int) -> Counts:
    """Counts from dense cells, shape (groups, ... x 2 x size); `first` holds the first cell above each threshold.

    >>> counts = counts_above(np.array([[5, 1, 0, 3]]), np.array([1]), 2)
    >>> [int(counts.false_positives[0, 0]), int(counts.true_positives[0, 0])]
    [1, 3]
    """
    cells = cells.reshape(len(cells), -1, 2, size)
    above = np.cumsum(cells[..., ::-1], axis=-1)[..., ::-1]
    total = above[..., :1]
    above = np.concatenate([above, np.zeros_like(total)], axis=-1)[..., first]
    below = total - above
    if above.shape[1] == 1:
        above, below = above[:, 0], below[:, 0]
    return Counts(above[..., 1, :], above[..., 0, :], below[..., 1, :], below[..., 0, :])


def threshold_counts(
    batch: Batch,
    *,
    scale: Scale,
    class_id: int | None = None,
    top_k: int | None = None,
    from_logits: bool = False,
    by_label: bool = False,
    label_weights: tuple[float, ...] | None = None,
) -> CellCounts:
    """The histogram of the scores by label: cells (label, positive, cell), `label` being 0 unless `by_label`."""
    cell = batch.derive_values(_cells, scale, class_id, top_k, from_logits)
    labels = 1
    if by_label:
        if cell.ndim != 2:
            raise DataError(f"multi_label needs one column for each label, and there are predictions of shape {cell.shape}")
        labels = cell.shape[1]
        cell = cell + np.arange(labels) * (2 * scale.size)
    shares = None
    if label_weights is not None:
        if cell.shape[1:] != (len(label_weights),):
            raise DataError(f"there are {len(label_weights)} label weights for labels of shape {cell.shape[1:]} a row")
        shares = np.broadcast_to(as_float(label_weights), cell.shape)
    return CellCounts(cells_of(batch, cell, labels * 2 * scale.size, shares))


def _cells(batch: Batch, scale: Scale, class_id: int | None, top_k: int | None, from_logits: bool) -> Array:
    """The cell of every element, with the positives in the second half."""
    positive, scores = batch.derive(_elements, class_id, top_k, from_logits)
    # What is chosen or made of the predictions lies where they do.
    bounded = not from_logits and top_k is None and batch.derive(derived.lie_in_unit_interval)
    cell: Array = scale.cells(scores, bounded)
    cell += positive * np.int32(scale.size)
    return cell


def _elements(batch: Batch, class_id: int | None, top_k: int | None, from_logits: bool) -> tuple[Array, Array]:
    """Which elements are positive, and their scores."""
    positive = batch.derive(derived.one_hot_or_dense) != 0 if batch.derive(derived.has_index_labels) else batch.derive(derived.positives)
    scores = batch.derive(derived.sigmoid) if from_logits else batch.derive(derived.predictions)
    if scores.ndim == 1 and not (class_id is None and top_k is None):
        # Only the rows of a file come as vectors: one event, whose two outcomes are the classes.
        positive, scores = np.stack([~positive, positive], axis=-1), np.stack([1.0 - scores, scores], axis=-1)
    if top_k is not None:
        scores = np.where(_largest(scores, top_k), scores, np.float64(NOT_KEPT))
    if class_id is not None:
        if not 0 <= class_id < scores.shape[-1]:
            raise DataError(f"class_id {class_id} is out of range for predictions of {scores.shape[-1]} classes")
        positive, scores = positive[..., class_id], scores[..., class_id]
    return positive, scores


def _largest(scores: Array, k: int) -> Array:
    """Which elements are among the k largest of their row; of equal ones, the first are."""
    order = np.argsort(-scores, axis=-1, kind="stable")[..., :k]
    kept = np.zeros(scores.shape, dtype=bool)
    np.put_along_axis(kept, order, True, axis=-1)
    return kept


def as_thresholds(thresholds: Any, default: float) -> tuple[float, ...]:
    """One number or several as a tuple."""
    if thresholds is None:
        return (default,)
    return tuple(float(value) for value in (thresholds if np.ndim(thresholds) else [thresholds]))
