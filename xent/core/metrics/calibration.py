"""Whether probabilities are what they claim: the Brier score and the expected calibration error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xent.core import derived
from xent.core.arrays import require_same_shape, sum_classes, take_class
from xent.core.batch import Batch
from xent.core.cells import cells_of, ratio
from xent.core.decisions import known_class, predicted_class
from xent.core.errors import DomainError, UsageError
from xent.core.lazy import np
from xent.core.metric import LiftBy, MeanMetric, MeanOf, Metric
from xent.core.precision import as_float
from xent.core.scores import ScoreTables
from xent.core.states import CellCounts
from xent.core.table import metric

if TYPE_CHECKING:
    from xent.core.arrays import Array
    from xent.core.uncertainty import Spread

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


def gap_squares(batch: Batch, *, bins: int) -> CellCounts:
    """For every bin three cells: the sums of w² g², w² g and w², where g is how right a row is less its confidence."""
    confidence, right = batch.derive(_confidence)
    gap = right - confidence
    cell = 3 * bins_of(confidence, bins)
    squared = batch if batch.sample_weight is None else batch.weighted(batch.sample_weight.astype(np.float64) ** 2)
    sums = cells_of(squared, cell, 3 * bins, gap**2) + cells_of(squared, cell + 1, 3 * bins, gap)
    return CellCounts(sums + cells_of(squared, cell + 2, 3 * bins))


def confidence_tables(batch: Batch) -> ScoreTables:
    """The exact distributions of confidence, of what is not right and of what is: cells (right)."""
    confidence, right = batch.derive(_confidence)
    soft = (right != 0.0) & (right != 1.0) & ~np.isnan(right)
    if soft.any():
        raise DomainError(f"label {right[np.argmax(soft)].item()!r} is neither 0 nor 1", role="y_true", row=int(np.argmax(soft)))
    cells = (right == 1.0).astype(np.int64)
    groups = batch.groups
    if groups is not None:
        cells += 2 * groups.codes
    confidence = np.where(np.isnan(right), np.nan, confidence)
    return ScoreTables.of(cells, confidence, batch.sample_weight, 2, 1 if groups is None else groups.count)


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

    lift: LiftBy

    def __init__(self, bins: int = 15, norm: str = "l1", binning: str = "width", name: str | None = None, dtype: str | None = None) -> None:
        super().__init__(name, dtype)
        if bins < 1:
            raise UsageError(f"bins must be at least 1, not {bins!r}")
        if norm not in ("l1", "l2", "max"):
            raise UsageError(f"norm must be one of l1, l2 and max, not {norm!r}")
        if binning not in ("width", "mass"):
            raise UsageError(f"binning must be width or mass, not {binning!r}")
        self.bins = bins
        self.norm = norm
        self.binning = binning
        self.lift = LiftBy.make(calibration_cells, bins=int(bins)) if binning == "width" else LiftBy(confidence_tables)

    def batch(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Batch:
        return _two_classes(super().batch(y_true, y_pred, sample_weight))

    def spread(self, clustered: bool) -> Spread | None:
        if self.binning != "width" or self.norm != "l1":
            return super().spread(clustered)
        from xent.core.spread_of_bins import OfBins

        return OfBins(self.lift, None if clustered else LiftBy.make(gap_squares, bins=int(self.bins)))

    def finish(self, state: CellCounts | ScoreTables) -> Array:
        """The error of every group."""
        if isinstance(state, CellCounts):
            return state.measured(self._error)
        state = state.compact()
        return np.array([self._error_of_equal_masses(state, group) for group in range(state.groups)])

    def _error(self, cells: Array) -> Array:
        wrong, right, confidence, in_part = np.moveaxis(cells.reshape(len(cells), -1, 4), 2, 0)
        weight, right = wrong + right, right + in_part
        # The distance is taken of exact sums, for it is the small difference of two numbers that are close.
        distance = np.abs(ratio(right - confidence, weight))
        whole = weight.sum(axis=1, keepdims=True)
        return np.where(whole[:, 0] == 0, np.nan, self._normed(ratio(weight, whole), distance))

    def _error_of_equal_masses(self, state: ScoreTables, group: int) -> float:
        tables = [state.table(group, cell) for cell in (0, 1)]
        scores, place = np.unique(np.concatenate([table.scores for table in tables]), return_inverse=True)
        amounts = np.concatenate([table.amounts() for table in tables]).astype(np.float64)
        if state.missing[group] or not amounts.sum():
            return float("nan")
        rights = np.concatenate([np.zeros(len(tables[0].scores)), tables[1].amounts().astype(np.float64)])
        # One entry for every score, whose amounts are added in the order of the tables: the same for any order of the rows.
        weight, right = np.bincount(place, amounts), np.bincount(place, rights)
        below = np.cumsum(weight) - weight
        number = np.minimum(below * self.bins // weight.sum(), self.bins - 1).astype(np.intp)
        in_bins = [np.bincount(number, values, minlength=self.bins) for values in (weight, right, weight * scores)]
        distance = np.abs(ratio(in_bins[1] - in_bins[2], in_bins[0]))
        return float(self._normed(in_bins[0][None] / weight.sum(), distance[None])[0])

    def _normed(self, share: Array, distance: Array) -> Array:
        """The norm of the distances of the bins, shape (groups, bins) to (groups,)."""
        if self.norm == "max":
            return np.asarray(distance.max(axis=1))
        if self.norm == "l2":
            return np.asarray(np.sqrt((share * distance**2).sum(axis=1)))
        return np.asarray((share * distance).sum(axis=1))
