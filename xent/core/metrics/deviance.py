"""Deviances of the Poisson, gamma and Tweedie distributions, beyond Keras."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xent.core import derived
from xent.core.arrays import require_same_shape
from xent.core.batch import Batch
from xent.core.errors import DomainError, UsageError
from xent.core.lazy import np
from xent.core.losses.regression import row_means, squared_errors
from xent.core.metric import MeanMetric, MeanOf
from xent.core.table import metric

if TYPE_CHECKING:
    from xent.core.arrays import Array

__all__ = ["MeanGammaDeviance", "MeanPoissonDeviance", "MeanTweedieDeviance"]

_NEAR = 0.1
"""Up to this relative difference x - ln(1 + x) is taken from a series."""


def poisson_deviances(batch: Batch) -> Array:
    """2 (y ln(y / p) - y + p)."""
    y, p = _checked(batch, positive_labels=False)
    with np.errstate(all="ignore"):
        # For y near p the terms cancel; with d = p/y - 1 the deviance is 2 y (d - ln(1 + d)), which does not.
        d = (p - y) / y
        far = np.where(y == 0.0, 0.0, y * np.log(y / p)) - y + p
        return 2.0 * np.where(np.abs(d) <= _NEAR, y * _less_its_log(d), np.maximum(far, 0.0))


def gamma_deviances(batch: Batch) -> Array:
    """2 (ln(p / y) + y / p - 1)."""
    y, p = _checked(batch, positive_labels=True)
    with np.errstate(all="ignore"):
        d = (y - p) / p
        ratio = y / p
        # The quotient of a tiny label and a huge prediction is 0, but the difference of their logarithms is not infinite.
        far = ratio - 1.0 - np.where(ratio > 0.0, np.log(ratio), np.log(y) - np.log(p))
        return 2.0 * np.where(np.abs(d) <= _NEAR, _less_its_log(d), np.maximum(far, 0.0))


def tweedie_deviances(batch: Batch, *, power: float) -> Array:
    """2 (max(y, 0)^(2 - power) / ((1 - power)(2 - power)) - y p^(1 - power) / (1 - power) + p^(2 - power) / (2 - power))."""
    y, p = _checked(batch, positive_labels=power >= 2.0, any_labels=power < 0.0)
    one, two = 1.0 - power, 2.0 - power
    with np.errstate(all="ignore"):
        values = 2.0 * (np.power(np.maximum(y, 0.0), two) / (one * two) - y * np.power(p, one) / one + np.power(p, two) / two)
    # A deviance is at least 0; rounding alone can bring a sum of such terms below.
    return np.maximum(values, 0.0)


def _less_its_log(x: Array) -> Array:
    """x - ln(1 + x) for small x, to full precision.

    With s = x / (2 + x), ln(1 + x) = 2 (s + s³/3 + s⁵/5 + ...) and x - 2 s = s x.
    """
    s = x / (2.0 + x)
    square = s * s
    series = np.zeros_like(s)
    for odd in range(17, 1, -2):
        series = series * square + 1.0 / odd
    return s * (x - 2.0 * square * series)


def _checked(batch: Batch, *, positive_labels: bool, any_labels: bool = False) -> tuple[Array, Array]:
    """Labels and predictions, inside the domain of a deviance.

    Raises
    ------
    DomainError
        A prediction is not above 0, or a label is too small.
    """
    require_same_shape(batch.y_true, batch.y_pred)
    y, p = batch.derive(derived.labels), batch.derive(derived.predictions)
    _refuse(p, p <= 0.0, "prediction {!r} is not above 0, as this deviance needs it", "y_pred")
    if positive_labels:
        _refuse(y, y <= 0.0, "label {!r} is not above 0, as this deviance needs it", "y_true")
    elif not any_labels:
        _refuse(y, y < 0.0, "label {!r} is negative, which this deviance does not allow", "y_true")
    return y, p


def _refuse(values: Array, bad: Array, message: str, role: str) -> None:
    if bad.any():
        place = int(np.argmax(bad))
        row, column = divmod(place, bad.size // len(bad))
        raise DomainError(message.format(values.reshape(-1)[place].item()), role=role, row=row, column=column)


@metric(
    "mean_poisson_deviance",
    aliases=("poisson_deviance",),
    direction="lower",
    range="[0, inf)",
    inputs="values",
    formula="2 (y ln(y / p) - y + p)",
    source="sklearn.metrics.mean_poisson_deviance",
)
class MeanPoissonDeviance(MeanMetric):
    """Mean deviance of the Poisson distribution, for counts.

    The weighted mean over rows of 2 (y ln(y / p) - y + p), y at least 0 and p above 0. Lower is better; 0 is perfect. Beyond Keras.

    Notes
    -----
    Source: `sklearn.metrics.mean_poisson_deviance`.

    >>> metric = MeanPoissonDeviance()
    >>> metric.update_state([2, 0, 1, 4], [0.5, 0.5, 2.0, 2.0])
    >>> round(metric.result(), 7)
    1.4260151
    """

    def __init__(self, name: str = "mean_poisson_deviance", dtype: str | None = None) -> None:
        super().__init__(name, dtype)
        self.lift = MeanOf.make(row_means, elements=poisson_deviances)


@metric(
    "mean_gamma_deviance",
    aliases=("gamma_deviance",),
    direction="lower",
    range="[0, inf)",
    inputs="values",
    formula="2 (ln(p / y) + y / p - 1)",
    source="sklearn.metrics.mean_gamma_deviance",
)
class MeanGammaDeviance(MeanMetric):
    """Mean deviance of the gamma distribution, for positive amounts.

    The weighted mean over rows of 2 (ln(p / y) + y / p - 1), y and p above 0. It does not change with the unit. Lower is better; 0 is
    perfect. Beyond Keras.

    Notes
    -----
    Source: `sklearn.metrics.mean_gamma_deviance`.

    >>> metric = MeanGammaDeviance()
    >>> metric.update_state([2, 0.5, 1, 4], [0.5, 0.5, 2.0, 2.0])
    >>> round(metric.result(), 7)
    1.0568528
    """

    def __init__(self, name: str = "mean_gamma_deviance", dtype: str | None = None) -> None:
        super().__init__(name, dtype)
        self.lift = MeanOf.make(row_means, elements=gamma_deviances)


@metric(
    "mean_tweedie_deviance",
    aliases=("tweedie_deviance",),
    direction="lower",
    range="[0, inf)",
    inputs="values",
    formula="2 (max(y, 0)^(2 - q) / ((1 - q)(2 - q)) - y p^(1 - q) / (1 - q) + p^(2 - q) / (2 - q)), q = power",
    source="sklearn.metrics.mean_tweedie_deviance",
)
class MeanTweedieDeviance(MeanMetric):
    """Mean deviance of the Tweedie distribution of a power.

    The weighted mean over rows of the deviance, with q = `power`:
    2 (max(y, 0)^(2 - q) / ((1 - q)(2 - q)) - y p^(1 - q) / (1 - q) + p^(2 - q) / (2 - q)). Lower is better; 0 is perfect. Beyond
    Keras.

    Parameters
    ----------
    power
        How fast the variance grows with the mean: 0 is the squared error; 1 Poisson; in (1, 2) Poisson sums of gammas, labels at
        least 0; 2 gamma; above 2 labels above 0; below 0 any labels. Except for 0, predictions are above 0.

    Raises
    ------
    UsageError
        `power` lies in (0, 1), where there is no such distribution.

    Notes
    -----
    Source: `sklearn.metrics.mean_tweedie_deviance`.

    >>> metric = MeanTweedieDeviance(power=1.5)
    >>> metric.update_state([2, 0, 1, 4], [0.5, 0.5, 2.0, 2.0])
    >>> round(metric.result(), 7)
    1.7781746
    """

    def __init__(self, name: str = "mean_tweedie_deviance", dtype: str | None = None, power: float = 0) -> None:
        super().__init__(name, dtype)
        if not (power <= 0.0 or power >= 1.0) or abs(power) == float("inf"):
            raise UsageError(f"power must be finite and not lie between 0 and 1, not {power!r}")
        self.power = power
        named = {0.0: squared_errors, 1.0: poisson_deviances, 2.0: gamma_deviances}
        if power in named:
            self.lift = MeanOf.make(row_means, elements=named[power])
        else:
            self.lift = MeanOf.make(row_means, elements=tweedie_deviances, power=float(power))
