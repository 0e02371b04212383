"""The spread of medians, read off the values themselves."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from xent.core.distributions import t_quantile
from xent.core.folds import FOLDS, Folded, InFolds
from xent.core.lazy import np
from xent.core.uncertainty import Estimate, unknown

if TYPE_CHECKING:
    from xent.core.arrays import Array
    from xent.core.metric import Lift, Metric
    from xent.core.metrics.extremes import ErrorCounts


@dataclass(frozen=True, slots=True)
class OfRanks:
    """The values between whose ranks a median lies: those that half of the weight does not exceed, give or take its standard error.

    The standard error of that half is √(Σ w²) / (2 Σ w), or comes from folds where rows come in clusters. The ends of the mean of several
    medians are the means of their ends, which is the widest that it can be.

    Source: Woodruff (1952), "Confidence intervals for medians and other position measures".
    """

    errors: Lift
    clustered: bool

    @property
    def lift(self) -> Lift | None:
        return InFolds(self.errors) if self.clustered else None

    def estimate(self, metric: Metric, state: ErrorCounts, extra: Folded | None, level: float, seed: int) -> Estimate:
        value = float(metric.finish(state)[0])
        folds = math.inf if extra is None else np.count_nonzero(extra.rows)
        if folds < 2:
            return unknown(value, "ranks")
        run = state.settled()
        outputs = state.rows.shape[1]
        z = t_quantile(0.5 + level / 2.0, folds - 1.0)
        bounds = np.searchsorted(run.cells, np.arange(outputs + 1))
        ends = np.array([self._ends(state, extra, output, slice(*at), z) for output, at in enumerate(pairwise(bounds.tolist()))])
        low, high = ends.mean(axis=0).tolist()
        return Estimate((high - low) / (2.0 * z), min(low, value), max(high, value), "ranks")

    def _ends(self, state: ErrorCounts, extra: Folded | None, output: int, at: slice, z: float) -> tuple[float, float]:
        run = state.settled()
        errors, weights, counts = run.errors[at].view(np.float64), run.weights[at].view(np.float64), run.counts[at]
        if not len(errors) or np.isnan(errors[-1]) or np.isnan(weights).any():
            return math.nan, math.nan
        amounts = weights * counts
        below = np.cumsum(amounts)
        if extra is None:
            spread = math.sqrt(float((amounts * weights).sum())) / 2.0
        else:
            spread = _spread_over_folds(extra, output, float(errors[np.searchsorted(below, below[-1] / 2.0)]))
        places = np.searchsorted(below, [below[-1] / 2.0 - z * spread, below[-1] / 2.0 + z * spread])
        return tuple(errors[np.minimum(places, len(errors) - 1)].tolist())


def _spread_over_folds(extra: Folded, output: int, median: float) -> float:
    """The standard error of the weight below the median, from how much of it lies in each fold."""
    inner: Any = extra.inner
    run, outputs = inner.settled(), inner.rows.shape[1]
    mine = run.cells % outputs == output
    signs = np.where(run.errors[mine].view(np.float64) <= median, 0.5, -0.5)
    sums: Array = np.bincount(run.cells[mine] // outputs, signs * run.weights[mine].view(np.float64) * run.counts[mine], minlength=FOLDS)
    sums = sums[extra.rows > 0]
    return math.sqrt(float(((sums - sums.mean()) ** 2).sum()) * len(sums) / (len(sums) - 1))
