"""Cosine similarity, Pearson's correlation and Lin's concordance, of the numbers of a row or over the rows."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING

from xent.core.arrays import as_rows, mean_classes
from xent.core.errors import UsageError
from xent.core.lazy import np
from xent.core.losses.correlation import (
    axes_of,
    checked_axis,
    concordance_correlation,
    concordance_values,
    cosine_values,
    pearson_correlation,
    pearson_values,
)
from xent.core.metric import LiftBy, Metric
from xent.core.moments import UNIT, Moments, Spread, moments, quotient
from xent.core.precision import EPSILON
from xent.core.reduction import weighted_sum
from xent.core.states import WeightedSum
from xent.core.table import metric

if TYPE_CHECKING:
    from xent.core.arrays import Array
    from xent.core.batch import Batch
    from xent.core.losses.correlation import Axis

__all__ = ["ConcordanceCorrelation", "CosineSimilarity", "PearsonCorrelation", "concordance_correlation", "pearson_correlation"]


def along(batch: Batch, *, axis: Axis, kernel: Callable[..., Array], one_number: bool) -> WeightedSum | Moments:
    """The mean of a kernel over rows, or the moments of the columns where the vectors run along the rows.

    They do for axis 0, and also where `one_number` is False and a row has one number only, of which a kernel could make nothing.

    Raises
    ------
    UsageError
        The axes are the rows and others.
    """
    rows = batch.replaced(as_rows(batch.y_true), as_rows(batch.y_pred)) if batch.y_pred.ndim == 1 else batch
    axes = axes_of(axis, rows.y_pred.ndim)
    if axes == [0] or (not one_number and rows.y_pred.ndim == 2 and rows.y_pred.shape[1] == 1):
        return batch.derive(moments)
    if 0 in axes:
        raise UsageError(f"axis {axis!r} joins the axis of the rows with others; take one or the other")
    return weighted_sum(rows, kernel(rows, axis=axis))


class _Directional(Metric):
    """A metric of vectors, which stand in the rows, or are the columns."""

    def finish(self, state: WeightedSum | Moments) -> Array:
        """The mean over rows, or over columns, of every group."""
        if isinstance(state, WeightedSum):
            return state.mean()
        values = [math.nan if spread is None else self._of_column(spread) for spread in state.spreads()]
        return mean_classes(np.array(values).reshape(len(state.count), state.outputs))

    def _of_column(self, spread: Spread) -> float:
        raise NotImplementedError


@metric(
    "cosine_similarity",
    aliases=("cosine",),
    direction="higher",
    range="[-1, 1]",
    inputs="values",
    formula="Σ y p / (|y| |p|) over the numbers of a row, each norm at least 1e-7",
    source="keras.metrics.CosineSimilarity",
)
class CosineSimilarity(_Directional):
    """Mean cosine of the angle between labels and predictions.

    The weighted mean over rows of Σ y p / (|y| |p|); the loss of this name has the other sign. Higher is better; 0 beside a row of
    zeros. A row of one number is a vector of one, whose cosine is a sign.

    Parameters
    ----------
    axis
        The axis, or the axes, of the vectors. 0 takes every column for one vector over all rows, weighted by row, and averages over
        columns.

    Raises
    ------
    UsageError
        `axis` joins 0 with other axes; found when rows are added.

    Notes
    -----
    Source: `keras.metrics.CosineSimilarity`.

    >>> metric = CosineSimilarity()
    >>> metric.update_state([[0.0, 1.0], [1.0, 1.0]], [[1.0, 0.0], [1.0, 1.0]], sample_weight=[0.3, 0.7])
    >>> round(metric.result(), 7)
    0.7
    """

    def __init__(self, name: str = "cosine_similarity", dtype: str | None = None, axis: Axis = -1) -> None:
        super().__init__(name, dtype)
        self.axis = checked_axis(axis)
        self.lift = LiftBy.make(along, axis=self.axis, kernel=cosine_values, one_number=True)

    def _of_column(self, spread: Spread) -> float:
        least = int(Fraction(EPSILON) ** 2 * UNIT)
        return _over_root(spread.yp, max(spread.yy, least), max(spread.pp, least))


@metric(
    "pearson_correlation",
    aliases=("pearson",),
    direction="higher",
    range="[-1, 1]",
    inputs="values",
    formula="cov(y, p) / (sd y sd p), over the numbers of a row; over all rows where a row has one number",
    source="keras.metrics.PearsonCorrelation",
)
class PearsonCorrelation(_Directional):
    """Pearson's correlation between labels and predictions.

    cov(y, p) / (sd y sd p) of the numbers of every row, and the weighted mean of that over rows. Rows of one number are not
    correlated one by one, which would be NaN, but with each other: the weighted correlation over all rows. (Keras says NaN for (n, 1)
    and the mean over batches for (n,).) Higher is better; NaN where labels or predictions are constant.

    Parameters
    ----------
    axis
        The axis, or the axes, of the numbers that are correlated. 0 correlates every column over all rows and averages over columns.

    Raises
    ------
    UsageError
        `axis` joins 0 with other axes; found when rows are added.

    Notes
    -----
    Source: `keras.metrics.PearsonCorrelation`.

    >>> metric = PearsonCorrelation()
    >>> metric.update_state([[0, 1, 0.5], [1, 1, 0.2]], [[0.1, 0.9, 0.5], [1, 0.9, 0.2]])
    >>> round(metric.result(), 6)
    0.9967
    >>> metric = PearsonCorrelation()
    >>> metric.update_state([1, 2, 3, 4], [1, 2, 3, 5])
    >>> round(metric.result(), 6)
    0.982708
    """

    def __init__(self, name: str = "pearson_correlation", dtype: str | None = None, axis: Axis = -1) -> None:
        super().__init__(name, dtype)
        self.axis = checked_axis(axis)
        self.lift = LiftBy.make(along, axis=self.axis, kernel=pearson_values, one_number=False)

    def _of_column(self, spread: Spread) -> float:
        return _over_root(spread.cov, spread.var_y, spread.var_p)


@metric(
    "concordance_correlation",
    aliases=("ccc",),
    direction="higher",
    range="[-1, 1]",
    inputs="values",
    formula="2 cov(y, p) / (var y + var p + (ȳ - p̄)² + 1e-7), over the numbers of a row; over all rows where a row has one number",
    source="keras.metrics.ConcordanceCorrelation",
)
class ConcordanceCorrelation(_Directional):
    """Lin's concordance between labels and predictions: correlation that also asks for the same mean and spread.

    2 cov(y, p) / (var y + var p + (ȳ - p̄)² + 1e-7) of the numbers of every row, and the weighted mean of that over rows. Rows of one
    number are correlated with each other, as by `PearsonCorrelation`. (Keras says 0 for (n, 1).) Higher is better.

    Parameters
    ----------
    axis
        The axis, or the axes, of the numbers that are correlated. 0 correlates every column over all rows and averages over columns.

    Raises
    ------
    UsageError
        `axis` joins 0 with other axes; found when rows are added.

    Notes
    -----
    Source: `keras.metrics.ConcordanceCorrelation`; Lin (1989), "A concordance correlation coefficient to evaluate reproducibility".

    >>> metric = ConcordanceCorrelation()
    >>> metric.update_state([[0, 1, 0.5], [1, 1, 0.2]], [[0.1, 0.9, 0.5], [1, 0.9, 0.2]])
    >>> round(metric.result(), 6)
    0.981632
    """

    def __init__(self, name: str = "concordance_correlation", dtype: str | None = None, axis: Axis = -1) -> None:
        super().__init__(name, dtype)
        self.axis = checked_axis(axis)
        self.lift = LiftBy.make(along, axis=self.axis, kernel=concordance_values, one_number=False)

    def _of_column(self, spread: Spread) -> float:
        epsilon = Fraction(EPSILON)
        spreads = (spread.var_y + spread.var_p + spread.gap) * epsilon.denominator + epsilon.numerator * spread.weight**2
        return quotient(2 * spread.cov * epsilon.denominator, spreads)


def _over_root(numerator: int, one: int, other: int) -> float:
    """numerator / sqrt(one other): the square is a quotient of integers, so only it and its root are rounded."""
    size = math.sqrt(quotient(numerator**2, one * other))
    return -size if numerator < 0 else size
