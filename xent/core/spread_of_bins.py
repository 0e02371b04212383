"""The spread of the expected calibration error, whose value is too large by an amount that can be estimated.

A bin that is calibrated still shows a gap, by chance, and the gaps of all bins are added by their size. So the error of a sample is larger
than that of the population, by several standard errors where the model is good. The interval is therefore one around the error that is
left when each bin's gap is brought down to the gap that would show, on average, what is seen; and it reaches down to 0 wherever a
calibrated model would show as much.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xent.core.cells import to_float
from xent.core.distributions import normal_cdf, normal_quantile, t_quantile
from xent.core.folds import Folded, InFolds, variance
from xent.core.lazy import np
from xent.core.uncertainty import Estimate, OfFolds, around, unknown

if TYPE_CHECKING:
    from xent.core.arrays import Array
    from xent.core.metric import Lift, Metric
    from xent.core.states import CellCounts

_HALVINGS = 60


@dataclass(frozen=True, slots=True)
class OfBins:
    """The spread of Σ |gap of a bin| / Σ w, where gaps are sums over rows that lie in bins.

    Parameters
    ----------
    cells : lifts four cells of every bin: the weight that is not right, and that is; the confidence; what is right in part
    squares : lifts three: the sums of w² g², w² g and w² over its rows, whose gaps are w g; None where rows come in clusters

    Source: the bias of the mean of |gap| is that of a folded normal variable, Leone et al. (1961), "The folded normal distribution".
    """

    cells: Lift
    squares: Lift | None

    @property
    def lift(self) -> Lift:
        return InFolds(self.cells) if self.squares is None else self.squares

    def estimate(self, metric: Metric, state: CellCounts, extra: Any, level: float) -> Estimate:
        value = float(metric.finish(state)[0])
        if math.isnan(value) or (not isinstance(extra, Folded) and extra.cells.compact().not_finite().any()):
            return unknown(value, "debiased")
        weights, gaps = _weights_and_gaps(state)
        weights, gaps = weights[0], gaps[0]
        total = weights.sum()
        means = np.divide(gaps, weights, out=np.zeros_like(gaps), where=weights > 0.0)
        if isinstance(extra, Folded):
            error = math.sqrt(float(variance(extra.replicates(metric.finish))))
            variances, df = _variances_over_folds(extra, means), np.count_nonzero(extra.rows) - 1
        else:
            squares, products, ones = np.moveaxis(to_float(extra.cells.dense()).reshape(-1, 3), 1, 0)
            variances = squares - 2.0 * means * products + means**2 * ones
            signs = np.sign(gaps)
            error = math.sqrt(max(0.0, float((squares - 2.0 * value * signs * products + value**2 * ones).sum()))) / float(total)
            df = total**2 / ones.sum() - 1.0
        deviations = np.sqrt(np.maximum(variances, 0.0))
        middle = float(_without_chance(np.abs(gaps), deviations).sum() / total)
        reach = t_quantile(0.5 + level / 2.0, df) * error if df > 0 else math.nan
        by_chance = float(deviations.sum() / total) * math.sqrt(2.0 / math.pi)
        spread = math.sqrt(float((deviations**2).sum()) * (1.0 - 2.0 / math.pi)) / float(total)
        calibrated = value <= by_chance + normal_quantile(0.5 + level / 2.0) * spread
        return Estimate(error, 0.0 if calibrated else middle - reach, middle + reach, "debiased")


@dataclass(frozen=True, slots=True)
class OfSquare(OfFolds):
    """The spread of the root of an estimate that is negative as often as not where there is nothing: that of `metric.square`.

    The jackknife gives an interval around the square, and the ends are the roots of its ends; so where the value is 0 because the square
    is negative, the interval still says how much there may be. The standard error is that of a normal variable of equal interval.
    """

    def estimate(self, metric: Any, state: Any, extra: Folded, level: float) -> Estimate:
        replicates = extra.replicates(metric.square)
        if len(replicates) < 2:
            return unknown(math.nan, "jackknife")
        square = around(float(metric.square(state)[0]), math.sqrt(float(variance(replicates))), len(replicates) - 1, level, "jackknife")
        low, high = (math.sqrt(max(0.0, end)) for end in (square.low, square.high))
        return Estimate((high - low) / (2.0 * normal_quantile(0.5 + level / 2.0)), low, high, "jackknife")


def _weights_and_gaps(state: CellCounts) -> tuple[Array, Array]:
    """The weight and the gap of every bin of every group, shapes (groups, bins)."""
    wrong, right, confidence, in_part = np.moveaxis(to_float(state.cells.dense()).reshape(state.cells.groups, -1, 4), 2, 0)
    return wrong + right, right + in_part - confidence


def _variances_over_folds(extra: Folded, means: Array) -> Array:
    """The variance of the gap of every bin, from its gaps in the folds."""
    inner: Any = extra.inner
    weights, gaps = _weights_and_gaps(inner)
    residues = (gaps - means * weights)[extra.rows > 0]
    folds = len(residues)
    return np.asarray((residues**2).sum(axis=0) * folds / max(1, folds - 1))


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
    below = np.array([normal_cdf(-one) for one in scaled.tolist()])
    return np.asarray(deviation * math.sqrt(2.0 / math.pi) * np.exp(-0.5 * np.minimum(scaled, 40.0) ** 2) + mean * (1.0 - 2.0 * below))
