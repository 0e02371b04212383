"""Which class a row of scores decides for, and whether that is right: what accuracies and confusion matrices start from."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from xent.core import derived
from xent.core.arrays import as_matrix, require_same_shape, take_class
from xent.core.batch import Batch
from xent.core.cells import Cells, cells_of
from xent.core.errors import DataError, DomainError, UsageError
from xent.core.groups import regrouped
from xent.core.lazy import np
from xent.core.losses.crossentropy import index_labels
from xent.core.precision import as_float
from xent.core.reduction import row_counts
from xent.core.states import CellCounts, Crosstab
from xent.core.thresholds import Scale, threshold_counts

if TYPE_CHECKING:
    from xent.core.arrays import Array

_CLASSES = 1 << 20
"""More classes than a confusion matrix may have."""

_HALF = Scale(thresholds=(0.5,))
"""Where one of two classes becomes the more probable one."""


def dense_batch(y_true: Any, y_pred: Any, sample_weight: Any = None) -> Batch:
    """Scores over classes with labels of the same shape."""
    y_true, y_pred = as_float(y_true), as_float(y_pred)
    require_same_shape(y_true, y_pred)
    return Batch(y_true, y_pred, None if sample_weight is None else as_float(sample_weight))


def index_batch(y_true: Any, y_pred: Any, sample_weight: Any = None) -> Batch:
    """Scores over classes with labels of one axis fewer; a vector of scores is one row."""
    scores = np.atleast_2d(as_float(y_pred))
    return Batch(index_labels(y_true, scores), scores, None if sample_weight is None else as_float(sample_weight))


def checked_k(k: int) -> int:
    """A number of classes of at least 1.

    Raises
    ------
    UsageError
        It is smaller.
    """
    if k < 1:
        raise UsageError(f"k must be at least 1, not {k!r}")
    return k


def predicted_class(batch: Batch) -> Array:
    """The class with the largest score; the first of them where several are as large."""
    scores = batch.y_pred
    if scores.shape[-1] == 2 and not math.isnan(batch.derive(derived.extremes)[0]):
        # NumPy's argmax of short rows costs many times a comparison of two columns.
        return (scores[..., 1] > scores[..., 0]).astype(np.intp)
    return np.asarray(scores.argmax(axis=-1))


def known_class(batch: Batch) -> Array:
    """The class of the label: the index itself, or the first of the largest shares of a distribution."""
    if batch.derive(derived.has_index_labels):
        return batch.derive(derived.true_class)
    return np.asarray(batch.y_true.argmax(axis=-1))


def equal_values(batch: Batch) -> Array:
    """1 where the prediction is the label."""
    return as_float(batch.y_true == batch.y_pred)


def binary_hits(batch: Batch, *, threshold: float) -> Array:
    """Whether the prediction lies on the side of the threshold that the label, 0 or 1, says."""
    said = batch.derive(derived.positives if batch.derive(derived.has_hard_labels) else derived.labels)
    return np.asarray(said == batch.derive(derived.above, threshold))


def class_hits(batch: Batch) -> Array:
    """1 where the predicted class is the true one."""
    if batch.y_pred.ndim == 1:
        return equal_values(batch)
    return as_float(batch.derive(known_class) == batch.derive(predicted_class))


def top_hits(batch: Batch, *, k: int) -> Array:
    """1 where fewer than k scores are larger than that of the true class."""
    _need_scores(batch)
    true = batch.derive(known_class)
    return as_float(np.count_nonzero(batch.y_pred > take_class(batch.y_pred, true)[..., None], axis=-1) < k)


def listed_hits(batch: Batch, *, k: int) -> Array:
    """1 where the label is among the first k classes that the row lists."""
    _need_scores(batch)
    return as_float((batch.y_true[..., None] == batch.y_pred[..., :k]).any(axis=-1))


def _need_scores(batch: Batch) -> None:
    if batch.y_pred.ndim == 1:
        raise DataError("the metric needs a score for every class, and there are only the numbers of the predicted classes")


def crosstab(batch: Batch) -> Crosstab:
    """The confusion matrix of the rows; `y_pred` holds scores over classes, or the numbers of the predicted classes if it is a vector."""
    groups = batch.groups
    if batch.y_pred.ndim == 1:
        true, predicted = _class_numbers(batch.y_true, "y_true"), _class_numbers(batch.y_pred, "y_pred")
        numbers = np.maximum(true, predicted) + 1
        width = int(numbers.max(initial=0))
        # Every slice has the classes of its own rows: which others they were read beside must not show.
        classes = np.array([width]) if groups is None else regrouped(numbers, groups.codes, groups.count, largest=True)
        cells = cells_of(batch, true * width + predicted, width * width, _known(batch))
    else:
        width = batch.y_pred.shape[-1]
        classes = np.where(batch.original.derive(row_counts) > 0, width, 0)
        cells = _cells_of_scores(batch, width)
    # Numbered within these rows the cells are few, and a table with a place for each counts them fastest.
    cells = cells.renumbered(lambda pair: pair // max(1, width) * _CLASSES + pair % max(1, width), _CLASSES**2)
    return Crosstab(cells, classes)


def _cells_of_scores(batch: Batch, width: int) -> Cells:
    """The confusion matrix of scores over so many classes, as cells (true class, predicted class)."""
    if batch.events is not None and batch.events.derive(_are_decided_at_half):
        counts: CellCounts = batch.events.derive(threshold_counts, scale=_HALF)
        return counts.cells
    true, predicted = batch.derive(known_class), batch.derive(predicted_class)
    return cells_of(batch, true * width + predicted, width * width, _known(batch))


def _are_decided_at_half(events: Batch) -> bool:
    """Whether the larger of p and 1 - p is that of the class above or below one half, which thresholds count as well."""
    return events.derive(derived.lie_in_unit_interval) and events.derive(derived.has_hard_labels)


def _known(batch: Batch) -> Array | None:
    """Shares of the weights that make those of rows NaN that lack a label or a prediction; None where no row does."""
    # NaN shows in the extremes, which are known already.
    labelled = batch.y_true.dtype.kind != "f" or not np.isnan(batch.y_true).any()
    if labelled and not math.isnan(batch.derive(derived.extremes)[0]):
        return None
    lost = np.isnan(as_matrix(batch.y_true)).any(axis=1) | np.isnan(as_matrix(batch.y_pred)).any(axis=1)
    return np.where(lost, np.nan, 1.0)


def _class_numbers(values: Array, role: str) -> Array:
    if values.dtype.kind == "f":
        # A row without a class makes the value NaN, whatever it is counted as.
        values = np.where(np.isnan(values), 0.0, values)
    with np.errstate(invalid="ignore"):
        numbers = values.astype(np.int64)
    bad = (numbers != values) | (numbers < 0) | (numbers >= _CLASSES)
    if bad.any():
        row = int(np.argmax(bad))
        raise DomainError(f"{values[row].item()!r} is not the number of a class", role=role, row=row)
    return numbers


def confusion_matrix_of(state: Crosstab, group: int) -> tuple[Array, Array, Array]:
    """The cells of one group that are not empty: true classes, predicted classes, and exact amounts (`Run.amounts`)."""
    run = state.cells.take(group).compact()
    true, predicted = np.divmod(run.codes, _CLASSES)
    return true, predicted, run.amounts()
