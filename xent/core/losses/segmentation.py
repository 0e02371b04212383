"""Losses over the overlap of two masks: Dice, Tversky, and the Lovász extension of the Jaccard loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from xent.core import derived
from xent.core.arrays import align, require_same_shape
from xent.core.batch import Batch
from xent.core.errors import DataError, UsageError
from xent.core.lazy import np
from xent.core.loss import Loss
from xent.core.losses.crossentropy import index_labels
from xent.core.precision import EPSILON, as_float

if TYPE_CHECKING:
    from xent.core.arrays import Array

__all__ = ["Dice", "LovaszSoftmax", "Tversky", "dice", "lovasz_softmax", "tversky"]

Axis = int | tuple[int, ...] | None
Classes = Literal["present", "all"] | Sequence[int]


def dice(y_true: Any, y_pred: Any, axis: Axis = None) -> Array:
    """Dice loss: one minus twice the overlap of two masks over the sum of their sizes.

    1 - 2 Σ y p / (Σ y + Σ p + 1e-7), the sums over `axis`. Lower is better; in [0, 1] for masks in [0, 1].

    Parameters
    ----------
    y_true : any shape, in [0, 1]
    y_pred : the shape of `y_true`, in [0, 1]
    axis : the axis or axes of one mask; None for all of them

    Returns
    -------
    The shape of `y_pred` without `axis`; a scalar where `axis` is None. Two empty masks give 1, the worst value.

    Raises
    ------
    DataError
        The shapes differ, or an axis is out of range.

    Notes
    -----
    Source: `keras.losses.dice`.

    >>> y_true = [[[[1.0], [1.0]], [[0.0], [0.0]]], [[[1.0], [1.0]], [[0.0], [0.0]]]]
    >>> y_pred = [[[[0.0], [1.0]], [[0.0], [1.0]]], [[[0.4], [0.0]], [[0.0], [0.9]]]]
    >>> dice(y_true, y_pred, axis=(1, 2, 3)).round(6).tolist()
    [0.5, 0.757576]
    """
    y_true, y_pred, axis = _masks(y_true, y_pred, axis)
    overlap = np.sum(y_true * y_pred, axis=axis)
    loss: Array = 1.0 - 2.0 * overlap / (np.sum(y_true, axis=axis) + np.sum(y_pred, axis=axis) + EPSILON)
    return loss


def tversky(y_true: Any, y_pred: Any, alpha: float = 0.5, beta: float = 0.5, axis: Axis = None) -> Array:
    """Tversky loss: a Dice loss that weighs false positives and false negatives apart.

    1 - I / (I + α FP + β FN + 1e-7) with I = Σ y p, FP = Σ (1 - y) p, FN = Σ y (1 - p), the sums over `axis`. Lower is better; in
    [0, 1] for masks in [0, 1].

    Parameters
    ----------
    y_true : any shape, in [0, 1]
    y_pred : the shape of `y_true`, in [0, 1]
    alpha : the weight of false positives
    beta : the weight of false negatives
    axis : the axis or axes of one mask; None for all of them

    Returns
    -------
    The shape of `y_pred` without `axis`; a scalar where `axis` is None. Two empty masks give 1, the worst value.

    Raises
    ------
    DataError
        The shapes differ, or an axis is out of range.

    Notes
    -----
    Source: `keras.losses.tversky`, and Salehi, Erdogmus and Gholipour (2017), https://arxiv.org/abs/1706.05721. Keras up to 3.15 let
    α weigh the false negatives and β the false positives.

    One pixel is missed and none is claimed wrongly, so only β counts:

    >>> float(tversky([1.0, 1.0, 0.0], [1.0, 0.0, 0.0], alpha=0.9, beta=0.25).round(6))
    0.2
    """
    y_true, y_pred, axis = _masks(y_true, y_pred, axis)
    overlap = np.sum(y_true * y_pred, axis=axis)
    false_positives = np.sum((1.0 - y_true) * y_pred, axis=axis)
    false_negatives = np.sum(y_true * (1.0 - y_pred), axis=axis)
    loss: Array = 1.0 - overlap / (overlap + alpha * false_positives + beta * false_negatives + EPSILON)
    return loss


def _masks(y_true: Any, y_pred: Any, axis: Any) -> tuple[Array, Array, Axis]:
    y_true, y_pred = align(as_float(y_true), as_float(y_pred))
    require_same_shape(y_true, y_pred)
    if axis is None:
        return y_true, y_pred, None
    axes = (axis,) if np.ndim(axis) == 0 else tuple(axis)
    places = {one % y_pred.ndim for one in axes if not isinstance(one, bool) and -y_pred.ndim <= one < y_pred.ndim}
    if len(places) != len(axes):
        raise DataError(f"axis {axis!r} does not name different axes of predictions of shape {y_pred.shape}")
    return y_true, y_pred, axes


def lovasz_softmax(y_true: Any, y_pred: Any, classes: Classes = "present", per_image: bool = False, ignore: int | None = None) -> Array:
    """Lovász-Softmax loss: the Jaccard loss of a segmentation, extended from hard masks to probabilities.

    For each class the errors |[y = c] - p_c| of the pixels are sorted, largest first, and multiplied by what each pixel adds to the
    Jaccard loss of the class when its prediction turns wrong after those before it; the sum is averaged over the classes. At
    probabilities of 0 and 1 this is one minus the mean intersection over union. Lower is better; in [0, 1].

    Parameters
    ----------
    y_true : (n, ...) or (n, ..., 1), class indices from 0 to k - 1
    y_pred : (n, ..., k), probabilities
    classes : the classes to average over: "present" for those that occur in `y_true`, "all", or a list of indices
    per_image : whether to give one loss for each entry of the first axis, rather than one for all pixels together
    ignore : pixels with this label do not count; it may lie out of range

    Returns
    -------
    A scalar, or shape (n,) if `per_image`. NaN where no pixel counts.

    Raises
    ------
    DataError
        The shapes do not fit.
    DomainError
        A label is not the index of a class.
    UsageError
        `classes` is neither of the two words nor a list of class indices.

    Notes
    -----
    Not in Keras. Source: Berman, Triki and Blaschko (2018), "The Lovász-Softmax loss", https://arxiv.org/abs/1705.08790, algorithm 1
    and equations 8 to 12.

    >>> float(lovasz_softmax([[0, 1]], [[[0.75, 0.25], [0.5, 0.5]]]))
    0.4375
    """
    scores = as_float(y_pred)
    labels = index_labels(y_true, scores)
    kept = np.ones(labels.shape, dtype=bool) if ignore is None else labels != ignore
    batch = Batch(np.where(kept, labels, 0), scores)
    images = len(labels) if per_image else 1
    index = batch.derive(derived.true_class).reshape(images, -1)
    kept, scores = kept.reshape(images, -1), scores.reshape(images, index.shape[1], scores.shape[-1])
    totals, counts = np.zeros(images, dtype=scores.dtype), np.zeros(images, dtype=np.int64)
    for number in _chosen(classes, scores.shape[-1]):
        members = (index == number) & kept
        # An ignored pixel is one without error: it sorts behind all that matter, where it is multiplied by 0.
        errors = np.where(kept, np.abs(members - scores[..., number]), 0.0)
        counted = members.any(axis=1) if classes == "present" else kept.any(axis=1)
        totals += np.where(counted, _jaccard_extension(errors, members), 0.0)
        counts += counted
    with np.errstate(invalid="ignore"):
        losses = totals / counts
    return losses if per_image else losses[0]


def _chosen(classes: Any, width: int) -> range | list[int]:
    if isinstance(classes, str):
        if classes not in ("present", "all"):
            raise UsageError(f"classes must be 'present', 'all' or a list of class indices, not {classes!r}")
        return range(width)
    chosen = list(classes)
    if not chosen or any(number not in range(width) for number in chosen):
        raise UsageError(f"classes must be indices from 0 to {width - 1}, not {classes!r}")
    return chosen


def _jaccard_extension(errors: Array, members: Array) -> Array:
    """The Lovász extension of the Jaccard loss of one class; both of shape (images, pixels), the result (images,)."""
    order = np.argsort(-errors, axis=1, kind="stable")
    errors, members = np.take_along_axis(errors, order, axis=1), np.take_along_axis(members, order, axis=1)
    size = np.count_nonzero(members, axis=1)[:, None]
    intersection = size - np.cumsum(members, axis=1)
    union = size + np.cumsum(~members, axis=1)
    losses = 1.0 - intersection / union
    steps = np.diff(losses, axis=1, prepend=0.0)
    extension: Array = np.sum(errors * steps, axis=1)
    return extension


class Dice(Loss):
    """One minus twice the overlap of two masks over the sum of their sizes, reduced.

    Without `axis` the loss is one number, which no `reduction` changes.
    Formula, parameters and source: `dice` and `Loss`.

    >>> float(Dice()([[1.0, 1.0, 0.0]], [[0.5, 0.5, 1.0]]).round(6))
    0.5
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "dice",
        axis: Axis = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.axis = axis

    def call(self, y_true: Array, y_pred: Array) -> Array:
        return dice(y_true, y_pred, self.axis)


class Tversky(Loss):
    """A Dice loss that weighs false positives and false negatives apart, reduced.

    Without `axis` the loss is one number, which no `reduction` changes.
    Formula, parameters and source: `tversky` and `Loss`.

    >>> float(Tversky(alpha=0.25, beta=0.75)([[1.0, 1.0, 0.0]], [[1.0, 1.0, 1.0]]).round(6))
    0.111111
    """

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str = "tversky",
        axis: Axis = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.alpha = alpha
        self.beta = beta
        self.axis = axis

    def call(self, y_true: Array, y_pred: Array) -> Array:
        return tversky(y_true, y_pred, self.alpha, self.beta, self.axis)


class LovaszSoftmax(Loss):
    """The Jaccard loss of a segmentation, extended from hard masks to probabilities, reduced.

    With `per_image` the reduction runs over the images that have a pixel that counts; without it the loss is one number.
    Formula, parameters and source: `lovasz_softmax` and `Loss`.

    >>> float(LovaszSoftmax()([[0, 1]], [[[0.75, 0.25], [0.5, 0.5]]]))
    0.4375
    """

    def __init__(
        self,
        classes: Classes = "present",
        per_image: bool = False,
        ignore: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        name: str = "lovasz_softmax",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.classes = classes
        self.per_image = per_image
        self.ignore = ignore

    def call(self, y_true: Array, y_pred: Array) -> Array:
        values = lovasz_softmax(y_true, y_pred, self.classes, self.per_image, self.ignore)
        mask = self.mask(y_true, values)
        return values if mask is None else np.where(mask, values, 0.0)

    def mask(self, y_true: Array, values: Array) -> Array | None:
        if self.ignore is None or not self.per_image:
            return None
        kept: Array = (y_true != self.ignore).reshape(len(y_true), -1).any(axis=1)
        return kept
