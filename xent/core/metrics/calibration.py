"""Whether probabilities are what they claim: the Brier score and the expected calibration error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xent.core import derived
from xent.core.arrays import require_same_shape, sum_classes, take_class
from xent.core.batch import Batch
from xent.core.cells import cells_of, ratio
from xent.core.decisions import known_class, predicted_class
from xent.core.errors import UsageError
from xent.core.lazy import np
from xent.core.metric import LiftBy, MeanMetric, MeanOf, Metric
from xent.core.precision import as_float
from xent.core.states import CellCounts
from xent.core.table import metric

if TYPE_CHECKING:
    from xent.core.arrays import Array

__all__ = ["BrierScore", "ExpectedCalibrationError"]


def squared_distance(batch: Batch, *, half: bool | None) -> Array:
    """Σ (y - p)² of every row; half of it where `half`, or where it is None and there are two classes."""
    gaps = batch.derive(derived.one_hot_or_dense) - batch.derive(derived.predictions)
    distance = sum_classes(np.square(gaps, out=gaps))
    return distance * 0.5 if half or (half is None and batch.y_pred.shape[-1] < 3) else distance


def _two_classes(batch: Batch) -> Batch:
    """One column of probabilities of class 1 as the two of both classes, with labels to match."""
    require_same_shape(batch.y_true, batch.y_pred)
    if batch.y_pred.shape[-1] != 1:
        return batch
    y_true, y_pred = (np.concatenate([1.0 - values, values], axis=-1) for values in (as_float(batch.y_true), batch.y_pred))
    return batch.replaced(y_true, y_pred)


@metric(
    "brier_score",
    aliases=("brier_score_loss", "brier"),
    direction="lower",
    range="[0, 2]",
    inputs="categorical",
    formula="Σ (y - p)², half of it for two classes",
    source="sklearn.metrics.brier_score_loss; Brier (1950), https://doi.org/10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2",
)
class BrierScore(MeanMetric):
    """The mean squared distance between probabilities over classes and what happened.

    Parameters
    ----------
    scale_by_half : whether half of the distance is taken; "auto" does so for two classes, so that their score lies in [0, 1]

    Raises
    ------
    UsageError
        `scale_by_half` is none of these.

    Notes
    -----
    Source: `sklearn.metrics.brier_score_loss`.

    >>> round(BrierScore()([0, 1, 1, 0], [0.1, 0.9, 0.8, 0.3]), 7)
    0.0375
    """

    def __init__(self, scale_by_half: bool | str = "auto", name: str | None = None, dtype: str | None = None) -> None:
        super().__init__(name, dtype)
        if scale_by_half not in (True, False, "auto"):
            raise UsageError(f"scale_by_half must be true, false or auto, not {scale_by_half!r}")
        self.scale_by_half = scale_by_half
        self.lift = MeanOf.make(squared_distance, half=None if scale_by_half == "auto" else bool(scale_by_half))

    def batch(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Batch:
        return _two_classes(super().batch(y_true, y_pred, sample_weight))


def calibration_cells(batch: Batch, *, bins: int) -> CellCounts:
    """For every bin of confidence four cells: the weight of what is not right, and of what is; the confidence; what is right in part."""
    confidence, right = batch.derive(_confidence)
    cell = 4 * bins_of(confidence, bins)
    confident = cells_of(batch, cell + 2, 4 * bins, confidence)
    hit = right == 1.0
    sums = confident + cells_of(batch, cell + hit, 4 * bins)
    in_part = (right != 0.0) & ~hit
    return CellCounts(sums + cells_of(batch, cell + 3, 4 * bins, right, in_part) if in_part.any() else sums)


def bins_of(values: Array, bins: int) -> Array:
    """Which of the bins (k / bins, (k + 1) / bins] every value lies in, the first and the last without end; NaN lies in the last.

    >>> bins_of(np.array([0.0, 0.2, 0.21, 1.0]), 5).tolist()
    [0, 0, 1, 4]
    """
    ends = np.arange(bins + 1) / bins
    ends[0], ends[-1] = -np.inf, np.inf
    product = np.multiply(values, bins, dtype=np.float64)
    np.fmin(product, bins, out=product)
    place = np.fmax(product, 0.0, out=product).astype(np.intp)
    # Rounding may have lifted the product to the next whole number: 0.2 * 15 is a little more than 3. It never lowers it below one,
    # so only the lower end needs to be looked at.
    place -= ~(values > ends.take(place))
    return place


def _confidence(batch: Batch) -> tuple[Array, Array]:
    """The probability that is claimed, and how right it was: of class 1 where there are two, else of the class with the largest."""
    scores = batch.derive(derived.predictions)
    index = batch.derive(derived.has_index_labels)
    if scores.shape[-1] == 2:
        return scores[..., 1], as_float(batch.derive(derived.true_class)) if index else batch.derive(derived.labels)[..., 1]
    chosen = batch.derive(predicted_class)
    right = as_float(batch.derive(known_class) == chosen) if index else take_class(batch.derive(derived.labels), chosen)
    return take_class(scores, chosen), right


@metric(
    "expected_calibration_error",
    aliases=("ece",),
    direction="lower",
    range="[0, 1]",
    inputs="categorical",
    formula="Σ over bins of w_b / w |right_b - confidence_b|, or the root of the mean square, or the largest",
    source="Naeini et al. (2015), https://doi.org/10.1609/aaai.v29i1.9602; Guo et al. (2017), https://arxiv.org/abs/1706.04599",
)
class ExpectedCalibrationError(Metric):
    """How far confidence is from the share of right predictions, over bins of equal width of confidence.

    Confidence is the largest probability of a row, and for two classes the probability of class 1.

    Parameters
    ----------
    bins : the number of bins between 0 and 1
    norm : "l1" gives the mean distance over bins by weight, "l2" the root of the mean square, "max" the largest distance

    Raises
    ------
    UsageError
        `bins` is smaller than 1, or `norm` is none of these.

    Notes
    -----
    A bin holds its upper end and not its lower one. Source: Guo et al. (2017), equation 3.

    >>> round(ExpectedCalibrationError(bins=2)([0, 1, 1, 0], [0.1, 0.9, 0.8, 0.3]), 7)
    0.175
    """

    lift: LiftBy

    def __init__(self, bins: int = 15, norm: str = "l1", name: str | None = None, dtype: str | None = None) -> None:
        super().__init__(name, dtype)
        if bins < 1:
            raise UsageError(f"bins must be at least 1, not {bins!r}")
        if norm not in ("l1", "l2", "max"):
            raise UsageError(f"norm must be one of l1, l2 and max, not {norm!r}")
        self.bins = bins
        self.norm = norm
        self.lift = LiftBy.make(calibration_cells, bins=int(bins))

    def batch(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Batch:
        return _two_classes(super().batch(y_true, y_pred, sample_weight))

    def finish(self, state: CellCounts) -> Array:
        """The error of every group."""
        return state.measured(self._error)

    def _error(self, cells: Array) -> Array:
        wrong, right, confidence, in_part = np.moveaxis(cells.reshape(len(cells), -1, 4), 2, 0)
        weight, right = wrong + right, right + in_part
        # The distance is taken of exact sums, for it is the small difference of two numbers that are close.
        distance = np.abs(ratio(right - confidence, weight))
        whole = weight.sum(axis=1, keepdims=True)
        share = ratio(weight, whole)
        error = {
            "l1": lambda: (share * distance).sum(axis=1),
            "l2": lambda: np.sqrt((share * distance**2).sum(axis=1)),
            "max": lambda: distance.max(axis=1),
        }[self.norm]()
        return np.where(whole[:, 0] == 0, np.nan, error)
