"""The residual curve: how far off predictions are, and how much that varies, by what is predicted."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from xent.core.errors import UsageError
from xent.core.lazy import np
from xent.core.metric import LiftBy, Metric
from xent.core.moments import NOISE, quotient
from xent.core.residual_cells import ResidualCells, residual_cells
from xent.core.table import metric

if TYPE_CHECKING:
    from xent.core.arrays import Array
    from xent.core.uncertainty import Spread

__all__ = ["ResidualCurve"]


@metric(
    "residual_curve",
    aliases=("residuals",),
    direction="none",
    range="(-inf, inf)",
    inputs="values",
    formula="for every bin of predictions: low end, high end, weight, mean prediction, mean residual y - p, and that ∓ its deviation",
    source="sklearn.metrics.PredictionErrorDisplay; Cook and Weisberg (1982), Residuals and Influence in Regression",
)
class ResidualCurve(Metric):
    """For every bin of predictions, how far off they are on average, and how much that varies: rows of seven numbers.

    The numbers are the low and the high end of the bin, the weight of its values, their mean prediction, the mean residual, and that less
    and plus the standard deviation of the residuals in the bin. Residuals are y - p: above 0 where the prediction is too low.

    Parameters
    ----------
    bins : the number of bins, which hold equal weights

    Raises
    ------
    UsageError
        `bins` is smaller than 1.

    Notes
    -----
    Where a mean differs from 0 by more than chance, the model is biased for such predictions; where the deviation grows with them, errors
    are not of one size. A deviation is the root of the mean squared distance from the mean of the bin.

    Predictions are counted in at most 4,096 cells of neighbouring numbers (`xent.core.residual_cells`), and a value lies in bin number
    floor(bins b / w), where b of the weight w of all lies in cells below its own. Up to as many distinct predictions each has a cell; with
    more, the weights of bins differ by what a cell holds, and their ends are those of cells. All sums are exact. Of rows with several
    outputs each value counts by itself. Weights are numbers of rows. Source: `sklearn.metrics.PredictionErrorDisplay`, which draws
    every residual as a point; "residual_vs_predicted".

    >>> ResidualCurve(bins=2)([1.0, 3.0, 2.0, 2.0], [1.0, 2.0, 4.0, 3.0]).tolist()
    [[1.0, 2.0, 2.0, 1.5, 0.5, 0.0, 1.0], [3.0, 4.0, 2.0, 3.5, -1.5, -2.0, -1.0]]
    """

    def __init__(self, bins: int = 15, name: str | None = None, dtype: str | None = None) -> None:
        super().__init__(name, dtype)
        if bins < 1:
            raise UsageError(f"bins must be at least 1, not {bins!r}")
        self.bins = bins
        self.lift = LiftBy.make(residual_cells)

    def spread(self, clustered: bool) -> Spread | None:
        # Without some of the rows the bins are others.
        return None

    def finish(self, state: ResidualCells) -> Array:
        """The rows of every group: an array of arrays, since groups differ in their bins."""
        values = np.empty(len(state.level), dtype=object)
        for group in range(len(values)):
            values[group] = self._of_cells(state.take(group))
        return values

    def _of_cells(self, cells: ResidualCells) -> Array:
        if cells.missing[0] or not len(cells.key):
            return np.asarray(np.nan)
        weights = cells.sums[0].units
        below = np.cumsum(weights) - weights
        number = np.minimum(below * int(self.bins) // weights.sum(), int(self.bins) - 1).astype(np.intp)
        starts = np.flatnonzero(np.diff(number, prepend=-1))
        weight, prediction, residual, square = (total.added_up(starts) for total in cells.sums)
        low, high = cells.ends()
        mean = residual / weight
        apart = np.array([_deviation(*units) for units in zip(weight.units, residual.units, square.units, strict=True)])
        last = np.append(starts[1:], len(number)) - 1
        return np.stack([low[starts], high[last], weight.to_float(), prediction / weight, mean, mean - apart, mean + apart], axis=1)


def _deviation(weight: int, total: int, squares: int) -> float:
    """The standard deviation of which these are the weight, the sum and the sum of squares, in one unit."""
    spread = squares * weight - total * total
    if spread <= 0 or quotient(spread, squares * weight) < NOISE:
        return 0.0
    return math.sqrt(quotient(spread, weight * weight))
