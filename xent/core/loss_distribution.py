"""The distribution of the losses of rows: quantiles and a histogram of stated accuracy, and how much of the whole the worst rows carry.

Every loss is counted in a bin whose ends are in the ratio (1 + α) / (1 - α), so that the middle of its bin is within the share α of it.
That is the sketch of Masson, Rim and Lee, "DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees", PVLDB 12
(2019), with bins for all of float64's range, none of which is ever given up: counts and sums are exact, so it merges exactly too. Memory
is that of the bins that occur, some thousands at most.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xent.core.cells import cells_of, to_float
from xent.core.lazy import np
from xent.core.row_values import row_values
from xent.core.states import CellCounts

if TYPE_CHECKING:
    from xent.core.arrays import Array
    from xent.core.batch import Batch
    from xent.core.metric import LiftBy

ACCURACY = 0.005
"""The largest relative error α of a quantile."""

_STEP = math.log((1.0 + ACCURACY) / (1.0 - ACCURACY))
_REACH = math.ceil(746.0 / _STEP)
"""Bins on either side of 1 that reach from the smallest float64 to the largest."""

_ZERO = 2 * _REACH + 1
_BINS = 2 * _ZERO + 2
"""Bins of the negative numbers, of zero, of the positive ones, and one for what is infinite or no number."""


def loss_cells(batch: Batch, *, lift: LiftBy) -> CellCounts:
    """For every bin of losses two cells: the weight of its rows, and the sum of weight times loss."""
    losses, weights = row_values(batch, lift)
    bins = bins_of(losses)
    finite = bins < _BINS - 1
    counts = weights > 0.0
    weighted = weighted_by(batch, weights, counts)
    return CellCounts(
        cells_of(weighted, 2 * bins, 2 * _BINS, kept=counts) + cells_of(weighted, 2 * bins + 1, 2 * _BINS, losses, kept=finite & counts)
    )


def weighted_by(batch: Batch, weights: Array, kept: Array) -> Batch:
    """The rows with weights, of which those count where `kept` holds."""
    # Whether a row is counted or has the weight 1 makes no difference, and counting costs less.
    return batch.weighted(None if (weights[kept] == 1.0).all() else weights)


def bins_of(losses: Array) -> Array:
    """The bin of every loss, ascending with it.

    >>> (np.diff(bins_of(np.array([-1.0, 0.0, 1e-300, 1.0, 1.02, np.inf]))) > 0).all().item()
    True
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        places = np.ceil(np.log(np.abs(losses)) / _STEP) + _REACH
    bins = np.where(losses == 0.0, float(_ZERO), np.where(losses > 0.0, _ZERO + places, _ZERO - places))
    return np.where(np.isfinite(losses), bins, float(_BINS - 1)).astype(np.int64)


def _end(bin_: int) -> float:
    """The end of a bin that is farther from zero."""
    if bin_ == _ZERO:
        return 0.0
    size = math.exp(min((abs(bin_ - _ZERO) - _REACH) * _STEP, 709.78))
    return size if bin_ > _ZERO else -size


@dataclass(frozen=True, slots=True)
class LossDistribution:
    """The bins that occur, in ascending order, with the weight and the summed loss of each."""

    bins: tuple[int, ...]
    weights: tuple[float, ...]
    sums: tuple[float, ...]

    @classmethod
    def of(cls, state: CellCounts, group: int = 0) -> LossDistribution:
        """The distribution of one group."""
        run = state.cells.take(group).compact()
        amounts = to_float(run.amounts()) if run.weights is not None else run.amounts().astype(np.float64)
        is_weight = run.codes % 2 == 0
        sums = dict(zip((run.codes[~is_weight] // 2).tolist(), amounts[~is_weight].tolist(), strict=True))
        bins = (run.codes[is_weight] // 2).tolist()
        return cls(tuple(bins), tuple(amounts[is_weight].tolist()), tuple(math.inf if b == _BINS - 1 else sums.get(b, 0.0) for b in bins))

    def quantile(self, q: float) -> float:
        """A loss that a share of at least `q` of the weight does not exceed, to a relative error of `ACCURACY`; NaN of nothing."""
        wanted, seen = q * math.fsum(self.weights), 0.0
        for bin_, weight in zip(self.bins, self.weights, strict=True):
            seen += weight
            if seen >= wanted:
                return self._middle(bin_)
        return self._middle(self.bins[-1]) if self.bins else math.nan

    def _middle(self, bin_: int) -> float:
        """The number whose relative distance to both ends of a bin is `ACCURACY`."""
        return math.inf if bin_ == _BINS - 1 else _end(bin_) * (1.0 - ACCURACY)

    def share_of_worst(self, share: float = 0.01) -> float:
        """The share of the summed loss that the rows of the largest losses carry, `share` of the weight.

        Of the one bin that is cut in two, its mean loss is taken: that is off by at most 2 `ACCURACY` of what that bin contributes.
        """
        total = math.fsum(self.sums)
        left = share * math.fsum(self.weights)
        carried = 0.0
        for weight, loss in zip(reversed(self.weights), reversed(self.sums), strict=True):
            if left <= 0.0:
                break
            carried += loss if weight <= left else loss * (left / weight)
            left -= weight
        return carried / total if math.isfinite(total) and total > 0.0 else math.nan

    def histogram(self, bars: int = 40) -> list[tuple[float, float, float]]:
        """At most about so many bars: low end, high end and weight, of widths that are equal on a logarithmic scale.

        Zero has a bar of its own, and so has what is infinite.
        """
        finite = [bin_ for bin_ in self.bins if bin_ not in (_ZERO, _BINS - 1)]
        width = max(1, math.ceil((finite[-1] - finite[0] + 1) / bars)) if finite else 1
        heights: dict[tuple[float, float], float] = {}
        for bin_, weight in zip(self.bins, self.weights, strict=True):
            ends = self._bar(bin_, width)
            heights[ends] = heights.get(ends, 0.0) + weight
        return [(*ends, weight) for ends, weight in heights.items()]

    @staticmethod
    def _bar(bin_: int, width: int) -> tuple[float, float]:
        if bin_ == _BINS - 1:
            return math.inf, math.inf
        if bin_ == _ZERO:
            return 0.0, 0.0
        size = abs(bin_ - _ZERO) - 1
        near, far = (_end(_ZERO + max(1, size // width * width + step)) for step in (0, width))
        return (near, far) if bin_ > _ZERO else (-far, -near)
