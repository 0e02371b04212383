"""Quantiles and intervals: pinball loss and coverage, beyond Keras."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xent.core import derived
from xent.core.batch import Batch
from xent.core.errors import DataError, DomainError, UsageError
from xent.core.lazy import np
from xent.core.losses.regression import errors, row_means
from xent.core.metric import MeanMetric, MeanOf
from xent.core.precision import as_float
from xent.core.table import metric

if TYPE_CHECKING:
    from xent.core.arrays import Array

__all__ = ["IntervalCoverage", "MeanPinballLoss"]


def pinball_errors(batch: Batch, *, alpha: float) -> Array:
    """alpha (y - p) where that is positive, else (1 - alpha)(p - y)."""
    e = batch.derive(errors)
    return np.maximum(e, 0.0) * (1.0 - alpha) + np.maximum(-e, 0.0) * alpha if 0.0 < alpha < 1.0 else _one_side(e, alpha)


def _one_side(e: Array, alpha: float) -> Array:
    # At the ends of [0, 1] one side costs nothing, even an infinite error, which 0 times infinity would not say.
    return np.maximum(-e if alpha else e, 0.0)


@metric(
    "mean_pinball_loss",
    aliases=("pinball", "pinball_loss", "quantile_loss"),
    direction="lower",
    range="[0, inf)",
    inputs="values",
    formula="alpha max(y - p, 0) + (1 - alpha) max(p - y, 0)",
    source="sklearn.metrics.mean_pinball_loss",
)
class MeanPinballLoss(MeanMetric):
    """Mean pinball loss of a predicted quantile.

    The weighted mean over rows of alpha max(y - p, 0) + (1 - alpha) max(p - y, 0), which is least in expectation where p is the
    alpha quantile of y. For alpha 0.5 it is half the mean absolute error. Beyond Keras.

    Parameters
    ----------
    alpha : the level of the quantile, in [0, 1]

    Raises
    ------
    UsageError
        `alpha` lies outside [0, 1].

    Notes
    -----
    Source: `sklearn.metrics.mean_pinball_loss`; Koenker and Bassett (1978), "Regression quantiles".

    >>> metric = MeanPinballLoss(alpha=0.9)
    >>> metric.update_state([1, 2, 3], [0, 2, 4])
    >>> round(metric.result(), 7)
    0.3333333
    """

    def __init__(self, name: str = "mean_pinball_loss", dtype: str | None = None, alpha: float = 0.5) -> None:
        super().__init__(name, dtype)
        if not 0.0 <= alpha <= 1.0:
            raise UsageError(f"alpha must lie in [0, 1], not {alpha!r}")
        self.alpha = alpha
        self.lift = MeanOf.make(row_means, elements=pinball_errors, alpha=float(alpha))


def covered(batch: Batch) -> Array:
    """1 where the label lies in the predicted interval, else 0.

    Raises
    ------
    DataError
        There are not two predictions for every label.
    DomainError
        The low end of an interval lies above its high end.
    """
    y, p = batch.derive(derived.labels), batch.derive(derived.predictions)
    if p.ndim == y.ndim and y.shape[-1:] == (1,):
        y = y[..., 0]
    if p.shape != (*y.shape, 2):
        raise DataError(f"an interval is two predictions, low and high, for one label; the shapes are {p.shape} and {y.shape}")
    low, high = p[..., 0], p[..., 1]
    if (low > high).any():
        place = int(np.argmax(low > high))
        ends = low.reshape(-1)[place].item(), high.reshape(-1)[place].item()
        row, column = divmod(place, low.size // len(low))
        raise DomainError(f"the low end {ends[0]!r} of an interval lies above its high end {ends[1]!r}", row=row, column=2 * column)
    missing = np.isnan(y) | np.isnan(low) | np.isnan(high)
    return np.where(missing, np.nan, (low <= y) & (y <= high))


@metric(
    "interval_coverage",
    aliases=("coverage",),
    direction="none",
    range="[0, 1]",
    inputs="intervals",
    formula="1 where low <= y <= high, else 0",
    source="prediction interval coverage probability (PICP); Khosravi et al. (2011), doi:10.1109/TNN.2011.2162110",
)
class IntervalCoverage(MeanMetric):
    """Share of labels inside their predicted interval, ends included.

    The weighted mean over rows of 1 where low <= y <= high and 0 elsewhere. `y_pred` holds two columns, low and high; compare the
    value with the level the intervals claim. Beyond Keras.

    Notes
    -----
    Source: prediction interval coverage probability; Khosravi et al. (2011), doi:10.1109/TNN.2011.2162110.

    >>> metric = IntervalCoverage()
    >>> metric.update_state([1, 2, 3, 4], [[0, 2], [2, 3], [4, 5], [3, 4]])
    >>> metric.result()
    0.75
    """

    def __init__(self, name: str = "interval_coverage", dtype: str | None = None) -> None:
        super().__init__(name, dtype)
        self.lift = MeanOf.make(covered)

    def batch(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Batch:
        return Batch(as_float(y_true), as_float(y_pred), None if sample_weight is None else as_float(sample_weight))
