"""The area under a curve through a fixed number of thresholds, as Keras approximates it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xent.core.arrays import require_same_shape
from xent.core.cells import to_float
from xent.core.errors import DataError, UsageError
from xent.core.lazy import np
from xent.core.metric import LiftBy, Metric
from xent.core.metrics.confusion import lift_options
from xent.core.precision import EPSILON
from xent.core.table import metric
from xent.core.thresholds import Counts, Scale, as_thresholds, counts_above, is_even, threshold_counts

if TYPE_CHECKING:
    from xent.core.arrays import Array
    from xent.core.batch import Batch
    from xent.core.states import CellCounts
    from xent.core.uncertainty import Spread

__all__ = ["AUC"]

_CURVES = ("ROC", "PR", "PRGAIN")
_METHODS = ("interpolation", "minoring", "majoring")


@metric(
    "auc",
    direction="higher",
    range="[0, 1]",
    inputs="events",
    formula="area under the ROC, precision-recall or precision-recall-gain curve through num_thresholds points",
    source="keras.metrics.AUC; Davis and Goadrich (2006), https://doi.org/10.1145/1143844.1143874 for the interpolation of PR",
    tasks=("binary",),
)
class AUC(Metric):
    """The area under the ROC or precision-recall curve, approximated at a number of thresholds.

    ROC: x = FP / (FP + TN), y = TP / (TP + FN). PR: x = TP / (TP + FN), y = TP / (TP + FP).
    PRGAIN: x = 1 - k FN / TP, y = 1 - k FP / TP with k = (TP + FN) / (TN + FP). The exact area under the first two is
    `roc_auc` and `average_precision`.

    Parameters
    ----------
    num_thresholds : how many thresholds there are, at least 2: evenly spaced from 0 to 1, the ends moved outwards by 1e-7
    curve : "ROC", "PR" or "PRGAIN"
    summation_method : "interpolation": trapezoids, and for PR the curve of Davis and Goadrich; "minoring" and "majoring": the lower or
        the higher end of each step
    thresholds : thresholds of your own between the ends; `num_thresholds` then is their number plus 2
    multi_label : whether every column is a label with an AUC of its own, of which the mean is taken; else all elements are one sample
    num_labels : the number of labels that `multi_label` data must have
    label_weights : a weight for each label: of its elements, or of its AUC where `multi_label`
    from_logits : whether the predictions are logits

    Raises
    ------
    UsageError
        A parameter has a value that it cannot take.

    Notes
    -----
    Source: `keras.metrics.AUC`.

    >>> AUC(num_thresholds=3)([0, 0, 1, 1], [0, 0.5, 0.3, 0.9])
    0.75
    >>> AUC(num_thresholds=3)([0, 0, 1, 1], [0, 0.5, 0.3, 0.9], sample_weight=[1, 0, 0, 1])
    1.0
    """

    lift: LiftBy

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: str | None = None,
        thresholds: list[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: list[float] | None = None,
        from_logits: bool = False,
    ) -> None:
        super().__init__(name, dtype)
        self.curve = _one_of("curve", curve.upper(), _CURVES)
        self.summation_method = _one_of("summation_method", summation_method.lower(), _METHODS)
        if num_labels is not None and not multi_label:
            raise UsageError("num_labels needs multi_label")
        self.multi_label = multi_label
        self.num_labels = num_labels
        self.label_weights = label_weights
        self.from_logits = from_logits
        self.thresholds = thresholds
        self.num_thresholds = num_thresholds if thresholds is None else len(as_thresholds(thresholds, 0.5)) + 2
        if self.num_thresholds < 2:
            raise UsageError(f"num_thresholds must be at least 2, not {num_thresholds!r}")
        self._label_weights = None if label_weights is None else tuple(float(weight) for weight in label_weights)
        self._scale, self._thresholds = _scale_of(self.num_thresholds, thresholds)
        self.lift = LiftBy.make(
            threshold_counts,
            **lift_options(
                scale=self._scale,
                from_logits=from_logits or None,
                by_label=multi_label or None,
                label_weights=None if multi_label else self._label_weights,
            ),
        )

    def batch(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Batch:
        batch = super().batch(y_true, y_pred, sample_weight)
        require_same_shape(batch.y_true, batch.y_pred)
        if self.multi_label and np.ndim(y_pred) != 2:
            raise DataError(f"multi_label needs one column for each label. Received: y_pred.shape={np.shape(y_pred)}")
        if self.num_labels not in (None, batch.y_pred.shape[-1]):
            raise DataError(f"there must be {self.num_labels} labels. Received: y_pred.shape={np.shape(y_pred)}")
        return batch

    def spread(self, clustered: bool) -> Spread | None:
        if clustered:
            return super().spread(clustered)
        from xent.core.uncertainty import OfCells

        return OfCells(self.lift, events=True)

    def finish(self, state: CellCounts) -> Array:
        """The area of every group, 0 where there is only one class."""
        return state.measured(self._area)

    def _area(self, cells: Array) -> Array:
        labels = cells.shape[1] // (2 * self._scale.size)
        if self.num_labels not in (None, labels):
            raise DataError(f"there must be {self.num_labels} labels, and there are {labels}")
        if self.multi_label and self._label_weights is not None and len(self._label_weights) != labels:
            raise DataError(f"there are {len(self._label_weights)} label weights for {labels} labels")
        # The first cells above each threshold. If they are even, the first one lies below 0, so that a score of 0 too is above it.
        ends = self._thresholds
        first = np.r_[1, 3 : self.num_thresholds + 2] if ends is None else self._scale.first_above(ends)
        counts = counts_above(cells, first, self._scale.size)
        area = area_under(self.curve, self.summation_method, counts)
        if area.ndim == 1:
            return area
        if self._label_weights is None:
            return np.asarray(area.mean(axis=1))
        weights = np.array(self._label_weights)
        return np.asarray(_over((area * weights).sum(axis=1), weights.sum()))


def _one_of(name: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise UsageError(f"{name} must be one of {', '.join(known)}, not {value!r}")
    return value


def _scale_of(count: int, thresholds: Any) -> tuple[Scale, tuple[float, ...] | None]:
    """A scale, and the thresholds, whose ends lie outside [0, 1]; None if they are even."""
    inner = None if thresholds is None else sorted(as_thresholds(thresholds, 0.5))
    if inner is None or is_even((0.0, *inner, 1.0)):
        return Scale(steps=count - 1), None
    ends = (-EPSILON, *inner, 1.0 + EPSILON)
    return Scale(thresholds=tuple(sorted(set(ends)))), ends


def area_under(curve: str, method: str, counts: Counts) -> Array:
    """The area under a curve through counts at ascending thresholds, shape (..., thresholds) to (...)."""
    tp, fp, fn, tn = (
        to_float(amounts) for amounts in (counts.true_positives, counts.false_positives, counts.false_negatives, counts.true_negatives)
    )
    if curve == "PR" and method == "interpolation":
        return _interpolated_precision(tp, fp, fn)
    if curve == "ROC":
        x, y = _over(fp, fp + tn), _over(tp, tp + fn)
    elif curve == "PR":
        x, y = _over(tp, tp + fn), _over(tp, tp + fp)
    else:
        k = _over(tp + fn, tn + fp)
        x = np.where(tp == 0.0, 0.0, np.maximum(1.0 - k * _over(fn, tp), 0.0))
        y = np.where(tp == 0.0, 1.0, 1.0 - k * _over(fp, tp))
    left, right = y[..., :-1], y[..., 1:]
    height = {"interpolation": (left + right) / 2.0, "minoring": np.minimum(left, right), "majoring": np.maximum(left, right)}[method]
    return np.asarray(((x[..., :-1] - x[..., 1:]) * height).sum(axis=-1))


def _interpolated_precision(tp: Array, fp: Array, fn: Array) -> Array:
    """The curve of Davis and Goadrich, on which true and false positives grow together between two thresholds."""
    positive = tp + fp
    step = tp[..., :-1] - tp[..., 1:]
    slope = _over(step, np.maximum(positive[..., :-1] - positive[..., 1:], 0.0))
    intercept = tp[..., 1:] - slope * positive[..., 1:]
    both = (positive[..., :-1] > 0.0) & (positive[..., 1:] > 0.0)
    growth = np.where(both, _over(positive[..., :-1], positive[..., 1:]), 1.0)
    pieces = _over(slope * (step + intercept * np.log(growth)), np.maximum(tp[..., 1:] + fn[..., 1:], 0.0))
    return np.asarray(pieces.sum(axis=-1))


def _over(numerator: Array, denominator: Array) -> Array:
    """The quotient, 0 where the denominator is 0."""
    result = np.zeros(np.broadcast_shapes(np.shape(numerator), np.shape(denominator)))
    return np.divide(numerator, denominator, out=result, where=np.asarray(denominator != 0.0))
