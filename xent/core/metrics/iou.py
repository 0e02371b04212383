"""Intersection over union: how far the predicted and the true members of a class overlap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from xent.core.arrays import classes_last
from xent.core.batch import Batch
from xent.core.cells import cells_of, to_float
from xent.core.decisions import predicted_class
from xent.core.errors import DataError, UsageError
from xent.core.lazy import np
from xent.core.metric import LiftBy, Metric
from xent.core.precision import EPSILON, as_float
from xent.core.states import CellCounts
from xent.core.table import metric

if TYPE_CHECKING:
    from xent.core.arrays import Array
    from xent.core.uncertainty import Spread

__all__ = ["BinaryIoU", "IoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU"]

_LEAST = 1e-9
"""Classes whose union weighs no more are left out of the mean."""


def class_matrix(batch: Batch, *, classes: int, ignore_class: int | None = None) -> CellCounts:
    """The confusion matrix, row by row, and one more cell for what is ignored or out of range.

    `y_pred` is a vector of class numbers, or scores over classes.
    """
    if batch.y_pred.ndim == 1:
        true, predicted = batch.y_true, batch.y_pred
    else:
        predicted = batch.derive(predicted_class)
        true = batch.y_true if batch.y_true.ndim == predicted.ndim else batch.y_true.argmax(axis=-1)
    return _matrix(batch, true, predicted, classes, ignore_class)


def binary_matrix(batch: Batch, *, threshold: float) -> CellCounts:
    """The confusion matrix of labels, 0 or 1, and predictions of at least a threshold."""
    scores = as_float(batch.y_pred)
    return _matrix(batch, batch.y_true, scores >= threshold, 2, None)


def _matrix(batch: Batch, true: Array, predicted: Array, classes: int, ignore_class: int | None) -> CellCounts:
    kept = (true >= 0) & (true < classes) & (predicted >= 0) & (predicted < classes)
    if ignore_class is not None:
        kept &= true != ignore_class
    # Numbers are truncated to integers, as in Keras.
    pair = np.where(kept, true, 0).astype(np.int64) * classes + np.where(kept, predicted, 0).astype(np.int64)
    return CellCounts(cells_of(batch, np.where(kept, pair, classes * classes), classes * classes + 1))


class _IoU(Metric):
    """What the metrics of this family have in common."""

    lift: LiftBy

    def __init__(self, num_classes: int, target_class_ids: Sequence[int], name: str | None, dtype: str | None) -> None:
        super().__init__(name, dtype)
        if num_classes < 1:
            raise UsageError(f"num_classes must be at least 1, not {num_classes!r}")
        if not target_class_ids or not all(0 <= target < num_classes for target in target_class_ids):
            raise UsageError(f"target_class_ids must be classes from 0 to {num_classes - 1}, not {target_class_ids!r}")
        self._classes = num_classes
        self._targets = [int(target) for target in target_class_ids]

    def spread(self, clustered: bool) -> Spread | None:
        if clustered:
            return super().spread(clustered)
        from xent.core.uncertainty import OfCells

        return OfCells(self.lift)

    def finish(self, state: CellCounts) -> Array:
        """The mean over the target classes that occur; 0 where none does."""
        return state.measured(self._mean)

    def _mean(self, cells: Array) -> Array:
        matrix = cells[:, : self._classes**2].reshape(-1, self._classes, self._classes)
        hit = np.diagonal(matrix, axis1=1, axis2=2)[:, self._targets]
        union = matrix.sum(axis=2)[:, self._targets] + matrix.sum(axis=1)[:, self._targets] - hit
        true_positives, size = to_float(hit), to_float(union)
        occurs = size > _LEAST
        shares = np.where(occurs, true_positives / (size + EPSILON), 0.0)
        return np.asarray(shares.sum(axis=1) / (occurs.sum(axis=1) + EPSILON))


class _OverClasses(_IoU):
    """What those over any number of classes have in common: labels and predictions as numbers of classes, or as scores."""

    _sparse: tuple[bool, bool]

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None,
        dtype: str | None,
        ignore_class: int | None,
        sparse: tuple[bool, bool],
        axis: int,
    ) -> None:
        super().__init__(num_classes, target_class_ids, name, dtype)
        self.num_classes = num_classes
        self.ignore_class = ignore_class
        self.axis = axis
        self._sparse = sparse
        options = {} if ignore_class is None else {"ignore_class": int(ignore_class)}
        self.lift = LiftBy.make(class_matrix, classes=int(num_classes), **options)

    def batch(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Batch:
        true, predicted = (
            (np.asarray(values) if sparse else classes_last(np.asarray(values), self.axis).argmax(axis=-1)).reshape(-1)
            for values, sparse in zip((y_true, y_pred), self._sparse, strict=True)
        )
        return _flat_batch(true, predicted, sample_weight)


def _flat_batch(true: Array, predicted: Array, sample_weight: Any) -> Batch:
    """A batch of vectors, with weights for every element or one for all."""
    if true.shape != predicted.shape:
        raise DataError(f"y_true and y_pred must have as many elements. Received: {true.size} and {predicted.size}")
    if sample_weight is None:
        return Batch(true, predicted)
    weight = as_float(sample_weight)
    weight = np.full(true.shape, weight) if weight.size == 1 else weight.reshape(-1)
    if weight.shape != true.shape:
        raise DataError(f"sample_weight must have as many elements as y_true. Received: {weight.size} and {true.size}")
    return Batch(true, predicted, weight)


@metric(
    "io_u",
    direction="higher",
    range="[0, 1]",
    inputs="decisions",
    formula="mean over target classes of TP / (TP + FP + FN + ε), ε = 1e-7",
    source="keras.metrics.IoU",
)
class IoU(_OverClasses):
    """The mean intersection over union of some classes.

    In a file the classes are numbers, or those with the largest of several scores, whatever `sparse_y_true` and `sparse_y_pred` say.

    Parameters
    ----------
    num_classes : the number of classes
    target_class_ids : the classes whose mean is taken; those that do not occur are left out
    ignore_class : the label of elements to leave out
    sparse_y_true : whether labels are numbers of classes; else the largest along `axis` is taken
    sparse_y_pred : the same for predictions
    axis : the axis of the classes

    Raises
    ------
    UsageError
        A target is not a class.

    Notes
    -----
    Labels and predictions outside [0, num_classes) never count. Weights are kept as they are (Keras truncates them to integers unless
    a `dtype` is given). Source: `keras.metrics.IoU`.

    >>> round(IoU(num_classes=2, target_class_ids=[0])([0, 0, 1, 1], [0, 1, 0, 1]), 6)
    0.333333
    >>> round(IoU(num_classes=2, target_class_ids=[0])([0, 0, 1, 1], [0, 1, 0, 1], sample_weight=[0.3, 0.3, 0.3, 0.1]), 6)
    0.333333
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: str | None = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, target_class_ids, name, dtype, ignore_class, (sparse_y_true, sparse_y_pred), axis)
        self.target_class_ids = target_class_ids
        self.sparse_y_true = sparse_y_true
        self.sparse_y_pred = sparse_y_pred


@metric(
    "binary_io_u",
    aliases=("binary_iou",),
    direction="higher",
    range="[0, 1]",
    inputs="binary",
    formula="mean over target classes of TP / (TP + FP + FN + ε) with the prediction [p ≥ threshold], ε = 1e-7",
    source="keras.metrics.BinaryIoU",
)
class BinaryIoU(_IoU):
    """The mean intersection over union of the two classes of probabilities of events.

    Parameters
    ----------
    target_class_ids : 0, 1 or both
    threshold : predictions of at least this are of class 1

    Raises
    ------
    UsageError
        A target is neither 0 nor 1.

    Notes
    -----
    Weights are kept as they are (Keras truncates them to integers unless a `dtype` is given). Source: `keras.metrics.BinaryIoU`.

    >>> round(BinaryIoU(target_class_ids=[0, 1], threshold=0.3)([0, 1, 0, 1], [0.1, 0.2, 0.4, 0.7]), 6)
    0.333333
    """

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(2, target_class_ids, name, dtype)
        self.target_class_ids = target_class_ids
        self.threshold = threshold
        self.lift = LiftBy.make(binary_matrix, threshold=float(threshold))

    def batch(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Batch:
        return _flat_batch(np.asarray(y_true).reshape(-1), as_float(y_pred).reshape(-1), sample_weight)


@metric(
    "mean_io_u",
    aliases=("mean_iou",),
    direction="higher",
    range="[0, 1]",
    inputs="decisions",
    formula="mean over classes of TP / (TP + FP + FN + ε), ε = 1e-7",
    source="keras.metrics.MeanIoU",
)
class MeanIoU(_OverClasses):
    """The mean intersection over union of all classes.

    In a file the classes are numbers, or those with the largest of several scores, whatever `sparse_y_true` and `sparse_y_pred` say.

    Parameters
    ----------
    num_classes : the number of classes
    ignore_class : the label of elements to leave out
    sparse_y_true : whether labels are numbers of classes; else the largest along `axis` is taken
    sparse_y_pred : the same for predictions
    axis : the axis of the classes

    Notes
    -----
    Classes that do not occur are left out of the mean. Weights are kept as they are (Keras truncates them to integers unless a `dtype`
    is given). Source: `keras.metrics.MeanIoU`.

    >>> round(MeanIoU(num_classes=2)([0, 0, 1, 1], [0, 1, 0, 1], sample_weight=[0.3, 0.3, 0.3, 0.1]), 6)
    0.238095
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: str | None = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, range(num_classes), name, dtype, ignore_class, (sparse_y_true, sparse_y_pred), axis)
        self.sparse_y_true = sparse_y_true
        self.sparse_y_pred = sparse_y_pred


@metric(
    "one_hot_io_u",
    aliases=("one_hot_iou",),
    direction="higher",
    range="[0, 1]",
    inputs="decisions",
    formula="mean over target classes of TP / (TP + FP + FN + ε), ε = 1e-7",
    source="keras.metrics.OneHotIoU",
)
class OneHotIoU(_OverClasses):
    """The mean intersection over union of some classes, for one-hot labels.

    Parameters
    ----------
    num_classes : the number of classes
    target_class_ids : the classes whose mean is taken; those that do not occur are left out
    ignore_class : the label of elements to leave out
    sparse_y_pred : whether predictions are numbers of classes; else the largest along `axis` is taken
    axis : the axis of the classes

    Raises
    ------
    UsageError
        A target is not a class.

    Notes
    -----
    Weights are kept as they are (Keras truncates them to integers unless a `dtype` is given). Source: `keras.metrics.OneHotIoU`.

    >>> metric = OneHotIoU(num_classes=3, target_class_ids=[0, 2])
    >>> y_true = [[0, 0, 1], [1, 0, 0], [0, 1, 0], [1, 0, 0]]
    >>> y_pred = [[0.2, 0.3, 0.5], [0.1, 0.2, 0.7], [0.5, 0.3, 0.1], [0.1, 0.4, 0.5]]
    >>> round(metric(y_true, y_pred, sample_weight=[0.1, 0.2, 0.3, 0.4]), 6)
    0.071429
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: str | None = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, target_class_ids, name, dtype, ignore_class, (False, sparse_y_pred), axis)
        self.target_class_ids = target_class_ids
        self.sparse_y_pred = sparse_y_pred


@metric(
    "one_hot_mean_io_u",
    aliases=("one_hot_mean_iou",),
    direction="higher",
    range="[0, 1]",
    inputs="decisions",
    formula="mean over classes of TP / (TP + FP + FN + ε), ε = 1e-7",
    source="keras.metrics.OneHotMeanIoU",
)
class OneHotMeanIoU(_OverClasses):
    """The mean intersection over union of all classes, for one-hot labels.

    Parameters
    ----------
    num_classes : the number of classes
    ignore_class : the label of elements to leave out
    sparse_y_pred : whether predictions are numbers of classes; else the largest along `axis` is taken
    axis : the axis of the classes

    Notes
    -----
    Weights are kept as they are (Keras truncates them to integers unless a `dtype` is given). Source: `keras.metrics.OneHotMeanIoU`.

    >>> metric = OneHotMeanIoU(num_classes=3)
    >>> y_true = [[0, 0, 1], [1, 0, 0], [0, 1, 0], [1, 0, 0]]
    >>> y_pred = [[0.2, 0.3, 0.5], [0.1, 0.2, 0.7], [0.5, 0.3, 0.1], [0.1, 0.4, 0.5]]
    >>> round(metric(y_true, y_pred, sample_weight=[0.1, 0.2, 0.3, 0.4]), 6)
    0.047619
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: str | None = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, range(num_classes), name, dtype, ignore_class, (False, sparse_y_pred), axis)
        self.sparse_y_pred = sparse_y_pred
