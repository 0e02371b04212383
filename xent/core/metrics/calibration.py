"""Whether probabilities are what they claim: the Brier score, and calibration errors over bins of confidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xent.core import derived
from xent.core.arrays import sum_classes
from xent.core.batch import Batch
from xent.core.calibration_events import calibration_cells, event_tables, gap_squares, two_classes
from xent.core.cells import ratio, to_float
from xent.core.errors import UsageError
from xent.core.grids import lowest_bit
from xent.core.labelled_scores import checked_binning, events_of, parts_of, pooled, shares
from xent.core.lazy import np
from xent.core.losses.regression import squared_errors
from xent.core.metric import LiftBy, MeanMetric, MeanOf, Metric
from xent.core.scores import ScoreTables
from xent.core.states import CellCounts
from xent.core.table import metric

if TYPE_CHECKING:
    from xent.core.arrays import Array
    from xent.core.uncertainty import Spread

__all__ = ["BrierScore", "ClasswiseCalibrationError", "DebiasedCalibrationError", "ExpectedCalibrationError", "MaximumCalibrationError"]


def squared_distance(batch: Batch, *, half: bool | None) -> Array:
    """Σ (y - p)² of every row; half of it where `half`, or where it is None and there are two classes."""
    if half is not False and batch.events is not None and batch.events.derive(_are_as_far_off):
        return batch.events.derive(squared_errors)
    gaps = batch.derive(derived.one_hot_or_dense) - batch.derive(derived.predictions)
    distance = sum_classes(np.square(gaps, out=gaps))
    return distance * 0.5 if half or (half is None and batch.y_pred.shape[-1] < 3) else distance


def _are_as_far_off(events: Batch) -> bool:
    """Whether both outcomes of every event are off by the very same: where 1 - p is not rounded, 1 - y - (1 - p) is p - y."""
    if not (events.derive(derived.lie_in_unit_interval) and events.derive(derived.has_hard_labels)):
        return False
    return lowest_bit(events.y_pred, events.derive(derived.extremes)[0]) >= -53


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
        return two_classes(super().batch(y_true, y_pred, sample_weight))


class _CalibrationError(Metric):
    """What the calibration errors have in common: bins of probabilities, and a number from what they claim and what happened.

    Bins of equal width are counted as rows come; those of equal mass are made at the end, of every distinct probability.
    """

    lift: LiftBy
    norm: str = "max"
    average: str | None = "macro"

    def __init__(self, bins: int, binning: str, of: str, name: str | None, dtype: str | None) -> None:
        super().__init__(name, dtype)
        checked_binning(bins, binning, ("width", "mass"))
        self.bins = bins
        self.binning = binning
        self.lift = LiftBy.make(calibration_cells, bins=int(bins), of=of) if binning == "width" else LiftBy.make(event_tables, of=of)

    def batch(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Batch:
        return two_classes(super().batch(y_true, y_pred, sample_weight))

    def spread(self, clustered: bool) -> Spread | None:
        from xent.core.spread_of_bins import OfBins, OfSquaredBins

        if self.norm == "l1":
            return OfBins(self.lift, self._squares(clustered))
        # Which bin is farthest off is largely chance, and the rows that are left without some say nothing of it.
        return OfSquaredBins(self.lift) if self.norm == "l2" else None

    def _squares(self, clustered: bool) -> LiftBy | None:
        """What is lifted beside the state where one column of bins is fixed and rows are independent."""
        return None

    def finish(self, state: CellCounts | ScoreTables) -> Array:
        """The error of every group."""
        if isinstance(state, CellCounts):
            return state.measured(lambda cells: self._averaged(self._of_cells(cells)))
        state = state.compact()
        errors = [[self._of_table(state, group, column) for column in range(state.size // 2)] for group in range(state.groups)]
        return self._averaged(np.array(errors))

    def _averaged(self, errors: Array) -> Array:
        """The error of every group from those of its columns, shape (groups, columns)."""
        if errors.shape[1] == 1:
            return errors[:, 0]
        return errors if self.average is None else np.asarray(errors.mean(axis=1))

    def _of_cells(self, cells: Array) -> Array:
        wrong, right, confidence, in_part = np.moveaxis(cells.reshape(len(cells), -1, self.bins, 4), 3, 0)
        weight, right = wrong + right, right + in_part
        # The distance is taken of exact sums, for it is the small difference of two numbers that are close.
        distance = np.abs(ratio(right - confidence, weight))
        whole = np.asarray(weight.sum(axis=-1, keepdims=True))
        return np.where(whole[..., 0] == 0, np.nan, self.value(ratio(weight, whole), distance, to_float(weight), ratio(right, weight)))

    def _of_table(self, state: ScoreTables, group: int, column: int) -> float:
        events = events_of(state, group, column)
        if events is None:
            return float("nan")
        pool = pooled(events, parts_of(events, "mass", self.bins))
        share, _, happened = shares(pool)
        distance = np.abs(ratio(pool.rights - pool.claims, pool.weights))
        return float(self.value(share[None], distance[None], pool.weights[None], happened[None])[0])

    def value(self, share: Array, distance: Array, weight: Array, happened: Array) -> Array:
        """The error from the bins, all of shape (..., bins): their shares of the weight, the distances in them, their weights, and the
        shares of events that happened.
        """
        raise NotImplementedError


def normed(norm: str, share: Array, distance: Array) -> Array:
    """The norm of the distances of bins, shape (..., bins) to (...)."""
    if norm == "max":
        return np.asarray(distance.max(axis=-1))
    if norm == "l2":
        return np.asarray(np.sqrt((share * distance**2).sum(axis=-1)))
    return np.asarray((share * distance).sum(axis=-1))


def _checked_norm(norm: str) -> str:
    if norm not in ("l1", "l2", "max"):
        raise UsageError(f"norm must be one of l1, l2 and max, not {norm!r}")
    return norm


@metric(
    "expected_calibration_error",
    aliases=("ece",),
    direction="lower",
    range="[0, 1]",
    inputs="categorical",
    formula="Σ over bins of w_b / w |right_b - confidence_b|, or the root of the mean square, or the largest",
    source="Naeini et al. (2015), https://doi.org/10.1609/aaai.v29i1.9602; Guo et al. (2017), https://arxiv.org/abs/1706.04599",
)
class ExpectedCalibrationError(_CalibrationError):
    """How far confidence is from the share of right predictions, over bins of confidence.

    Confidence is the largest probability of a row, and for two classes the probability of class 1.

    Parameters
    ----------
    bins : the number of bins between 0 and 1
    norm : "l1" gives the mean distance over bins by weight, "l2" the root of the mean square, "max" the largest distance
    binning : "width" makes bins of equal width, "mass" bins that hold equal weights; the latter keeps every distinct confidence

    Raises
    ------
    UsageError
        `bins` is smaller than 1, or `norm` or `binning` is none of these.
    DomainError
        `binning` is "mass" and a label is neither 0 nor 1.

    Notes
    -----
    A bin of equal width holds its upper end and not its lower one. Of bins of equal mass, a row lies in number floor(bins b / w), where
    b of the weight w of all rows has less confidence; rows of equal confidence are never parted. Source: Guo et al. (2017), equation
    3; Nixon et al., "Measuring Calibration in Deep Learning", CVPR Workshops 2019.

    >>> round(ExpectedCalibrationError(bins=2)([0, 1, 1, 0], [0.1, 0.9, 0.8, 0.3]), 7)
    0.175
    """

    def __init__(self, bins: int = 15, norm: str = "l1", binning: str = "width", name: str | None = None, dtype: str | None = None) -> None:
        super().__init__(bins, binning, "confidence", name, dtype)
        self.norm = _checked_norm(norm)

    def _squares(self, clustered: bool) -> LiftBy | None:
        return None if clustered or self.binning != "width" else LiftBy.make(gap_squares, bins=int(self.bins))

    def value(self, share: Array, distance: Array, weight: Array, happened: Array) -> Array:
        return normed(self.norm, share, distance)


@metric(
    "maximum_calibration_error",
    aliases=("mce",),
    direction="lower",
    range="[0, 1]",
    inputs="categorical",
    formula="max over bins of |right_b - confidence_b|",
    source="Naeini et al. (2015), https://doi.org/10.1609/aaai.v29i1.9602",
)
class MaximumCalibrationError(_CalibrationError):
    """How far confidence is from the share of right predictions in the bin where it is farthest.

    Confidence is the largest probability of a row, and for two classes the probability of class 1.

    Parameters
    ----------
    bins : the number of bins between 0 and 1
    binning : "width" makes bins of equal width, "mass" bins that hold equal weights; the latter keeps every distinct confidence

    Raises
    ------
    UsageError
        `bins` is smaller than 1, or `binning` is none of these.
    DomainError
        `binning` is "mass" and a label is neither 0 nor 1.

    Notes
    -----
    The bins are those of `expected_calibration_error`, with which it shares the state. A bin of few rows is far off by chance alone.
    Source: Naeini et al. (2015).

    >>> round(MaximumCalibrationError(bins=2)([0, 1, 1, 0], [0.1, 0.9, 0.8, 0.3]), 7)
    0.2
    """

    def __init__(self, bins: int = 15, binning: str = "width", name: str | None = None, dtype: str | None = None) -> None:
        super().__init__(bins, binning, "confidence", name, dtype)

    def value(self, share: Array, distance: Array, weight: Array, happened: Array) -> Array:
        return normed(self.norm, share, distance)


@metric(
    "classwise_calibration_error",
    aliases=("classwise_ece", "static_calibration_error"),
    direction="lower",
    range="[0, 1]",
    inputs="categorical",
    formula="mean over classes of Σ over bins of w_b / w |share_b - probability_b|, each class against the rest",
    source="Kull et al. (2019), https://arxiv.org/abs/1910.12656; Nixon et al. (2019), https://arxiv.org/abs/1904.01685",
)
class ClasswiseCalibrationError(_CalibrationError):
    """How far the probability of a class is from the share of its rows, over bins, for every class.

    Of two classes the second is looked at alone, since the first says the same.

    Parameters
    ----------
    bins : the number of bins between 0 and 1
    norm : "l1" gives the mean distance over bins by weight, "l2" the root of the mean square, "max" the largest distance
    binning : "width" makes bins of equal width, "mass" bins that hold equal weights; the latter keeps every distinct probability
    average : "macro" is the mean over classes, None gives the error of each

    Raises
    ------
    UsageError
        `bins` is smaller than 1, or `norm`, `binning` or `average` is none of these.
    DomainError
        `binning` is "mass" and a label is neither 0 nor 1.

    Notes
    -----
    The bins are those of `expected_calibration_error`. Source: Kull et al. (2019), equation 4, where bins have equal width.

    >>> round(ClasswiseCalibrationError(bins=2)([[1, 0, 0], [0, 1, 0]], [[0.75, 0.125, 0.125], [0.25, 0.5, 0.25]]), 7)
    0.2083333
    """

    def __init__(
        self,
        bins: int = 15,
        norm: str = "l1",
        binning: str = "width",
        average: str | None = "macro",
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(bins, binning, "classes", name, dtype)
        if average not in ("macro", None):
            raise UsageError(f"average must be macro or None, not {average!r}")
        self.norm = _checked_norm(norm)
        self.average = average

    def spread(self, clustered: bool) -> Spread | None:
        # A mean of roots has no such square.
        return None if self.norm == "l2" and self.average is not None else super().spread(clustered)

    def value(self, share: Array, distance: Array, weight: Array, happened: Array) -> Array:
        return normed(self.norm, share, distance)


@metric(
    "debiased_calibration_error",
    direction="lower",
    range="[0, 1]",
    inputs="categorical",
    formula="sqrt(max(0, Σ over bins of w_b / w ((right_b - confidence_b)² - right_b (1 - right_b) / (w_b - 1))))",
    source="Kumar, Liang and Ma (2019), https://arxiv.org/abs/1909.10155",
)
class DebiasedCalibrationError(_CalibrationError):
    """The root of the mean square calibration error, less what chance alone adds to it.

    Confidence is the largest probability of a row, and for two classes the probability of class 1.

    Parameters
    ----------
    bins : the number of bins
    binning : "mass" makes bins that hold equal weights and keeps every distinct confidence, "width" bins of equal width

    Raises
    ------
    UsageError
        `bins` is smaller than 1, or `binning` is none of these.
    DomainError
        `binning` is "mass" and a label is neither 0 nor 1.

    Notes
    -----
    The plug-in estimate is too large, by the variance of the share of right predictions in each bin; here that is taken away. A bin of
    weight up to 1 tells nothing and adds nothing. Weights are numbers of rows: scaled, they give another value. The estimate of the
    square may be negative; then the error is 0. Source: Kumar, Liang and Ma, "Verified uncertainty calibration", NeurIPS 2019, section
    4, the estimator that they call debiased.

    >>> round(DebiasedCalibrationError(bins=1)([0, 1, 1, 1], [0.25, 0.25, 0.25, 0.25]), 7)
    0.4330127
    """

    def __init__(self, bins: int = 15, binning: str = "mass", name: str | None = None, dtype: str | None = None) -> None:
        super().__init__(bins, binning, "confidence", name, dtype)

    def spread(self, clustered: bool) -> Spread | None:
        from xent.core.spread_of_bins import OfSquare

        return OfSquare(self.lift)

    def finish(self, state: CellCounts | ScoreTables) -> Array:
        """The error of every group."""
        return np.asarray(np.sqrt(np.maximum(0.0, self.square(state))))

    def square(self, state: CellCounts | ScoreTables) -> Array:
        """The estimate of the square of the error of every group, which may be negative."""
        return super().finish(state)

    def value(self, share: Array, distance: Array, weight: Array, happened: Array) -> Array:
        telling = weight > 1.0
        chance = np.divide(happened * (1.0 - happened), weight - 1.0, out=np.zeros(weight.shape), where=telling)
        return np.asarray((share * telling * (distance**2 - chance)).sum(axis=-1))
