"""How much of the spread of the labels the predictions explain: R² and explained variance."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

from xent.core.arrays import mean_classes, sum_classes
from xent.core.errors import UsageError
from xent.core.lazy import np
from xent.core.metric import LiftBy, Metric
from xent.core.moments import UNIT, Moments, Spread, moments, quotient
from xent.core.table import metric

if TYPE_CHECKING:
    from xent.core.arrays import Array

__all__ = ["ExplainedVariance", "R2Score"]

_AGGREGATIONS = ("uniform_average", "variance_weighted_average", None)

_MULTIOUTPUT = ("uniform_average", "variance_weighted", "raw_values")


@metric(
    "r2_score",
    aliases=("r2",),
    direction="higher",
    range="(-inf, 1]",
    inputs="values",
    formula="1 - Σ (y - p)² / Σ (y - ȳ)², ȳ the mean of the labels",
    source="keras.metrics.R2Score",
    tasks=("regression",),
)
class R2Score(Metric):
    """Share of the variance of the labels that the predictions explain, the coefficient of determination.

    1 - Σ w (y - p)² / Σ w (y - ȳ)² for every output, ȳ the weighted mean of the labels, and then the average over outputs. Higher is
    better; 1 is perfect, 0 as good as the mean of the labels. As in Keras it is 0 where the labels are constant and NaN where the
    predictions then are perfect.

    Parameters
    ----------
    class_aggregation
        "uniform_average" is the mean over outputs, "variance_weighted_average" weights it by the variance of the labels, and None
        gives one value an output.
    num_regressors
        The number k of independent variables of the model; above 0 the result is adjusted, 1 - (1 - R²)(n - 1)/(n - k - 1), n the
        number of rows of a weight other than 0. Where n - 1 does not exceed k that is left undone, with a warning.

    Raises
    ------
    UsageError
        There is no such aggregation, or `num_regressors` is negative.

    Notes
    -----
    The sums are exact, so an offset of labels and predictions does not change the value; see `xent.core.moments`.

    Source: `keras.metrics.R2Score`.

    >>> metric = R2Score()
    >>> metric.update_state([[1.0], [4.0], [3.0]], [[2.0], [4.0], [4.0]])
    >>> round(metric.result(), 7)
    0.5714286
    """

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str = "r2_score",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, dtype)
        if class_aggregation not in _AGGREGATIONS:
            raise UsageError(f"class_aggregation must be one of {', '.join(map(repr, _AGGREGATIONS))}, not {class_aggregation!r}")
        if num_regressors < 0:
            raise UsageError(f"num_regressors must be at least 0, not {num_regressors!r}")
        self.class_aggregation = class_aggregation
        self.num_regressors = num_regressors
        self.lift = LiftBy(moments)

    def finish(self, state: Moments) -> Array:
        """The score of every group, shape (groups,), or (groups, outputs) without aggregation."""
        spreads = list(state.spreads())
        shape = (len(state.count), state.outputs)
        scores = np.array([_r2(spread) for spread in spreads]).reshape(shape)
        if self.class_aggregation == "variance_weighted_average":
            scores = _weighted(scores, np.array([_variance_sum(spread) for spread in spreads]).reshape(shape))
        elif self.class_aggregation == "uniform_average":
            scores = mean_classes(scores)
        return self._adjusted(scores, state.count)

    def _adjusted(self, scores: Array, count: Array) -> Array:
        if self.num_regressors == 0:
            return scores
        n = count.reshape(-1, *(1,) * (scores.ndim - 1)).astype(np.float64)
        left = n - self.num_regressors - 1.0
        if (left <= 0.0).any():
            warnings.warn("R² is not adjusted: there are no more rows than regressors and one", stacklevel=2)
        return np.where(left > 0.0, 1.0 - (1.0 - scores) * (n - 1.0) / np.where(left > 0.0, left, 1.0), scores)


def _r2(spread: Spread | None) -> float:
    if spread is None:
        return math.nan
    if spread.var_y == 0:
        # Keras makes 0 of the infinity here, but leaves 0/0.
        return 0.0 if spread.error else math.nan
    return quotient(spread.var_y - spread.error, spread.var_y)


def _variance_sum(spread: Spread | None) -> float:
    """Σ w (y - ȳ)²."""
    return math.nan if spread is None else quotient(spread.var_y, spread.weight * UNIT)


def _weighted(scores: Array, weights: Array) -> Array:
    with np.errstate(invalid="ignore"):
        return np.divide(sum_classes(scores * weights), sum_classes(weights))


@metric(
    "explained_variance",
    aliases=("explained_variance_score",),
    direction="higher",
    range="(-inf, 1]",
    inputs="values",
    formula="1 - var(y - p) / var(y)",
    source="sklearn.metrics.explained_variance_score",
)
class ExplainedVariance(Metric):
    """Share of the variance of the labels that the predictions explain, a constant error forgiven.

    1 - var(y - p) / var(y), weighted population variances, for every output, and then the average over outputs. Higher is better; it
    equals R² where the mean error is 0. Beyond Keras.

    Parameters
    ----------
    multioutput
        "uniform_average" is the mean over outputs, "variance_weighted" weights it by the variance of the labels, and "raw_values"
        gives one value an output.
    force_finite
        Whether constant labels give 1 for a constant error and 0 otherwise, instead of NaN and -inf.

    Raises
    ------
    UsageError
        There is no such `multioutput`.

    Notes
    -----
    The sums are exact, so no offset changes the value; see `xent.core.moments`.

    Source: `sklearn.metrics.explained_variance_score`.

    >>> metric = ExplainedVariance()
    >>> metric.update_state([3, -0.5, 2, 7], [2.5, 0.0, 2, 8])
    >>> round(metric.result(), 7)
    0.9571734
    """

    def __init__(
        self,
        name: str = "explained_variance",
        dtype: str | None = None,
        multioutput: str = "uniform_average",
        force_finite: bool = True,
    ) -> None:
        super().__init__(name, dtype)
        if multioutput not in _MULTIOUTPUT:
            raise UsageError(f"multioutput must be one of {', '.join(map(repr, _MULTIOUTPUT))}, not {multioutput!r}")
        self.multioutput = multioutput
        self.force_finite = force_finite
        self.lift = LiftBy(moments)

    def finish(self, state: Moments) -> Array:
        """The score of every group, shape (groups,), or (groups, outputs) for "raw_values"."""
        spreads = list(state.spreads())
        shape = (len(state.count), state.outputs)
        scores = np.array([self._score(spread) for spread in spreads]).reshape(shape)
        if self.multioutput == "raw_values":
            return scores
        if self.multioutput == "uniform_average":
            return mean_classes(scores)
        variances = np.array([_variance(spread) for spread in spreads]).reshape(shape)
        # Where all labels are constant nothing can be weighted, and scikit-learn takes the plain mean.
        return _weighted(scores, np.where((variances == 0.0).all(axis=1, keepdims=True), 1.0, variances))

    def _score(self, spread: Spread | None) -> float:
        if spread is None:
            return math.nan
        unexplained = spread.var_y - 2 * spread.cov + spread.var_p
        if spread.var_y == 0:
            if self.force_finite:
                return 0.0 if unexplained else 1.0
            return -math.inf if unexplained else math.nan
        return quotient(spread.var_y - unexplained, spread.var_y)


def _variance(spread: Spread | None) -> float:
    return math.nan if spread is None else quotient(spread.var_y, spread.weight**2)
