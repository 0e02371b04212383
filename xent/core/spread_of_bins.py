"""The spread of calibration errors over bins, whose value is too large by an amount that can be estimated.

A bin that is calibrated still shows a gap, by chance, and the gaps of all bins are added by their size. So the error of a sample is larger
than that of the population, by several standard errors where the model is good. The interval is therefore one around the error that is
left when each bin's gap is brought down to the gap that would show, on average, what is seen; and it reaches down to 0 wherever a
calibrated model would show as much.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from xent.core.cells import to_float
from xent.core.distributions import normal_cdf, normal_quantile, t_quantile
from xent.core.folds import Folded, InFolds, variance
from xent.core.labelled_scores import events_of, parts_of
from xent.core.lazy import np
from xent.core.states import CellCounts
from xent.core.uncertainty import Estimate, OfFolds, around, unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xent.core.arrays import Array
    from xent.core.metric import Lift
    from xent.core.scores import ScoreTables

_HALVINGS = 60


class Gaps(NamedTuple):
    """The weight of every bin of every column, and its gap, the sum of w (right - claimed): shapes (..., columns, bins)."""

    weights: Array
    sums: Array

    def less(self, others: Gaps) -> Gaps:
        """What is left without others."""
        return Gaps(self.weights - others.weights, self.sums - others.sums)

    def means(self) -> Array:
        """The mean gap of every bin."""
        return np.divide(self.sums, self.weights, out=np.zeros_like(self.sums), where=self.weights > 0.0)

    def errors(self, power: int = 1) -> Array:
        """Σ |gap|^power over bins by weight, shape (..., columns)."""
        return np.asarray((self.weights * np.abs(self.means()) ** power).sum(axis=-1) / self.weights.sum(axis=-1))


@dataclass(frozen=True, slots=True)
class OfBins:
    """The spread of Σ |gap of a bin| / Σ w, where gaps are sums over rows that lie in bins, or of its mean over columns of bins.

    Parameters
    ----------
    state : lifts the state of the metric
    squares : lifts for one column of bins three cells of each: the sums of w² g², w² g and w² over its rows, whose gaps are w g; None
        where folds tell, as they do of clusters, of bins that are made at the end, and of columns, which are not independent

    Source: the bias of the mean of |gap| is that of a folded normal variable, Leone et al. (1961), "The folded normal distribution".
    """

    state: Lift
    squares: Lift | None

    @property
    def lift(self) -> Lift:
        return InFolds(self.state) if self.squares is None else self.squares

    def estimate(self, metric: Any, state: Any, extra: Any, level: float, seed: int) -> Estimate:
        value = metric.finish(state)[0]
        if np.isnan(value).any() or (not isinstance(extra, Folded) and extra.cells.compact().not_finite().any()):
            return unknown(value, "debiased")
        averaged = _itself if np.ndim(value) else np.mean
        gaps, folds = gaps_of(metric, state, extra if isinstance(extra, Folded) else None)
        total = gaps.weights.sum(axis=-1)
        if folds is not None:
            variances, df = _variances_over_folds(gaps, folds), len(folds.sums) - 1.0
            # The gaps of columns are not independent: what is to be right in one is wrong in others.
            replicates = gaps.less(folds).errors()
            error: Any = np.sqrt(variance(replicates if np.ndim(value) else replicates.mean(axis=-1)))
        else:
            variances, error, df = _from_squares(gaps, extra)
        deviations = np.sqrt(np.maximum(variances, 0.0))
        middle = averaged(_without_chance(np.abs(gaps.sums), deviations).sum(axis=-1) / total)
        by_chance = averaged(deviations.sum(axis=-1) / total) * math.sqrt(2.0 / math.pi)
        spread: Any = np.sqrt((deviations**2).sum(axis=-1) * (1.0 - 2.0 / math.pi)) / total
        if not np.ndim(value):
            together = float(np.sqrt((spread**2).sum())) / len(spread)
            spread = together if len(spread) == 1 else max(together, float(error) * math.sqrt(1.0 - 2.0 / math.pi))
        calibrated = value <= by_chance + normal_quantile(0.5 + level / 2.0) * spread
        reach = t_quantile(0.5 + level / 2.0, df) * error if df > 0 else math.nan
        return Estimate(error, np.where(calibrated, 0.0, middle - reach)[()], middle + reach, "debiased")


@dataclass(frozen=True, slots=True)
class OfSquaredBins(OfFolds):
    """The spread of the root of Σ gap² over bins by weight, of one column of bins or of each: that of its square, less what is chance."""

    def estimate(self, metric: Any, state: Any, extra: Folded, level: float, seed: int) -> Estimate:
        value = metric.finish(state)[0]
        gaps, folds = gaps_of(metric, state, extra)
        if folds is None or len(folds.sums) < 2 or np.isnan(value).any():
            return unknown(value, "debiased")
        variances = _variances_over_folds(gaps, folds)
        chance = np.divide(variances, gaps.weights, out=np.zeros_like(variances), where=gaps.weights > 0.0).sum(axis=-1)
        square = gaps.errors(2) - chance / gaps.weights.sum(axis=-1)
        error = np.sqrt(variance(gaps.less(folds).errors(2)))
        if not np.ndim(value):
            square, error = square[0], error[0]
        return _rooted(around(square, error, len(folds.sums) - 1, level, "debiased"), level)


@dataclass(frozen=True, slots=True)
class OfSquare(OfFolds):
    """The spread of the root of an estimate that is negative as often as not where there is nothing: that of `metric.square`.

    The jackknife gives an interval around the square, and the ends are the roots of its ends; so where the value is 0 because the square
    is negative, the interval still says how much there may be. The standard error is that of a normal variable of equal interval.
    """

    def estimate(self, metric: Any, state: Any, extra: Folded, level: float, seed: int) -> Estimate:
        replicates = extra.replicates(metric.square)
        if len(replicates) < 2:
            return unknown(math.nan, "jackknife")
        square = around(float(metric.square(state)[0]), math.sqrt(float(variance(replicates))), len(replicates) - 1, level, "jackknife")
        return _rooted(square, level)


def _itself(values: Array) -> Array:
    return values


def _rooted(square: Estimate, level: float) -> Estimate:
    """The interval of a root, from that of its square."""
    low, high = (np.sqrt(np.maximum(0.0, end)) for end in (square.low, square.high))
    return Estimate((high - low) / (2.0 * normal_quantile(0.5 + level / 2.0)), low, high, square.method)


def gaps_of(metric: Any, state: Any, extra: Folded | None) -> tuple[Gaps, Gaps | None]:
    """The gaps in the bins of the metric, of all rows and of every fold that has rows, in the very same bins."""
    kept = None if extra is None else np.flatnonzero(extra.rows)
    if isinstance(state, CellCounts):
        gaps = _in_cells(state, metric.bins)
        whole = Gaps(gaps.weights[0], gaps.sums[0])
        if extra is None:
            return whole, None
        folds = _in_cells(extra.inner, metric.bins)
        return whole, Gaps(folds.weights[kept], folds.sums[kept])
    state = state.compact()
    events = [events_of(state, 0, column) for column in range(state.size // 2)]
    starts = [one.scores[np.flatnonzero(np.diff(parts_of(one, "mass", metric.bins), prepend=-1))] for one in events if one is not None]
    whole = _in_tables(state, [0], starts, metric.bins)
    assert extra is not None
    assert kept is not None
    inner: Any = extra.inner
    return Gaps(whole.weights[0], whole.sums[0]), _in_tables(inner.compact(), kept.tolist(), starts, metric.bins)


def _in_cells(state: Any, bins: int) -> Gaps:
    """The gaps of every group in bins of equal width."""
    cells = to_float(state.cells.dense()).reshape(state.cells.groups, -1, bins, 4)
    wrong, right, confidence, in_part = np.moveaxis(cells, 3, 0)
    return Gaps(wrong + right, right + in_part - confidence)


def _in_tables(state: ScoreTables, groups: Sequence[int], starts: Sequence[Array], bins: int) -> Gaps:
    """The gaps of groups in bins that begin at these scores."""
    weights, sums = np.zeros((2, len(groups), len(starts), bins))
    for at, group in enumerate(groups):
        for column, first in enumerate(starts):
            found = events_of(state, group, column)
            if found is not None:
                number = np.searchsorted(first, found.scores, side="right") - 1
                weights[at, column] = np.bincount(number, found.weights, minlength=bins)
                sums[at, column] = np.bincount(number, found.rights - found.weights * found.scores, minlength=bins)
    return Gaps(weights, sums)


def _variances_over_folds(gaps: Gaps, folds: Gaps) -> Array:
    """The variance of the gap of every bin, from its gaps in the folds."""
    residues = folds.sums - gaps.means() * folds.weights
    count = len(residues)
    return np.asarray((residues**2).sum(axis=0) * count / max(1, count - 1))


def _from_squares(gaps: Gaps, extra: CellCounts) -> tuple[Array, float, float]:
    """The variances of the gaps of one column, the standard error of their sum, and its degrees of freedom, from sums over rows."""
    squares, products, ones = np.moveaxis(to_float(extra.cells.dense()).reshape(1, -1, 3), 2, 0)
    means, signs, value = gaps.means(), np.sign(gaps.sums), float(gaps.errors()[0])
    total = float(gaps.weights.sum())
    error = math.sqrt(max(0.0, float((squares - 2.0 * value * signs * products + value**2 * ones).sum()))) / total
    return squares - 2.0 * means * products + means**2 * ones, error, total**2 / float(ones.sum()) - 1.0


def _without_chance(sizes: Array, deviations: Array) -> Array:
    """The sizes of the gaps whose folded normal variables have the means `sizes`; 0 where chance alone would give more.

    >>> _without_chance(np.array([1.0, 10.0]), np.array([2.0, 1.0])).round(4).tolist()
    [0.0, 10.0]
    """
    low, high = np.zeros_like(sizes), sizes.copy()
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        short = _folded_mean(middle, deviations) < sizes
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    return low


def _folded_mean(mean: Array, deviation: Array) -> Array:
    """E |x| of a normal x."""
    scaled = np.divide(mean, deviation, out=np.full_like(mean, 40.0), where=deviation > 0.0)
    below = np.array([normal_cdf(-one) for one in scaled.reshape(-1).tolist()]).reshape(scaled.shape)
    return np.asarray(deviation * math.sqrt(2.0 / math.pi) * np.exp(-0.5 * np.minimum(scaled, 40.0) ** 2) + mean * (1.0 - 2.0 * below))
