"""The best temperature: how much too sure or too unsure predictions are all together, and what it costs.

Dividing all logits by a temperature T makes them less sure (T > 1) or surer (T < 1) and leaves every decision as it is. The loss is convex
in 1 / T. In one pass the loss, its slope and its curvature are summed, exactly, on a grid of temperatures, three to the octave; between
two of them stands the polynomial of degree eleven that has all twelve values of the four nearest. With x = ln T and h = (ln 2) / 3 that
differs from the loss by at most (9/16)³ h¹² / 12! max |d¹² loss / dx¹²|, or 9e-18 of the twelfth derivative; of logits of two classes
this is below 1e-10 of the loss.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from xent.core import derived
from xent.core.arrays import require_same_shape, sum_classes, take_class
from xent.core.batch import Batch
from xent.core.exact import ExactSum
from xent.core.groups import Groups, regrouped
from xent.core.lazy import np
from xent.core.metric import LiftBy, Metric
from xent.core.precision import as_float
from xent.core.reduction import row_counts, total_weight
from xent.core.states import State
from xent.core.table import metric

if TYPE_CHECKING:
    from xent.core.arrays import Array

__all__ = ["RecoverableNats", "Temperature"]

_STEP = math.log(2.0) / 3.0
_HALF = 12
_POINTS = 2 * _HALF + 1
"""Points of the grid, from 1 / 16 to 16; the one in the middle is 1."""

_NEAREST = 4
"""Points of the grid that the loss between two of them is found from."""


@dataclass(frozen=True, slots=True, eq=False)
class LossesByTemperature(State):
    """The exact sums of loss, slope and curvature at every point of the grid, those of one group side by side."""

    count: Array
    weight: ExactSum
    sums: ExactSum

    @property
    def _width(self) -> int:
        return len(self.sums) // max(1, len(self.count))

    def take(self, group: int, count: int = 1) -> Self:
        sums = self.sums.take(group * self._width, count * self._width)
        return type(self)(self.count[group : group + count], self.weight.take(group, count), sums)

    def regrouped(self, places: Array, count: int) -> Self:
        cells = (places[:, None] * self._width + np.arange(self._width)).reshape(-1)
        sums = self.sums.regrouped(cells, count * self._width)
        return type(self)(regrouped(self.count, places, count), self.weight.regrouped(places, count), sums)

    def means(self) -> Array:
        """Loss, slope and curvature, shape (groups, 3, points)."""
        each = self.weight.at(np.repeat(np.arange(len(self.weight)), self._width))
        return (self.sums / each).reshape(len(self.count), 3, _POINTS)


def losses_by_temperature(batch: Batch, *, from_logits: bool) -> LossesByTemperature:
    """The cross-entropy of every row at every temperature of the grid, with its derivatives in the logarithm of 1 / T."""
    scores = batch.derive(derived.log_probabilities, from_logits, "keras")
    scores = scores - np.maximum.reduce(scores, axis=-1)[..., None]
    if batch.derive(derived.has_index_labels):
        true = take_class(scores, batch.derive(derived.true_class))
        if batch.y_true.dtype.kind == "f":
            true = np.where(np.isnan(batch.y_true), np.nan, true)
    else:
        true = sum_classes(batch.derive(derived.labels) * scores)
    values = np.empty((3, _POINTS, len(batch)))
    for point in range(_POINTS):
        values[:, point] = _at(math.exp((point - _HALF) * _STEP), scores, true)
    if batch.sample_weight is not None:
        values *= batch.sample_weight
    counts = batch.derive(row_counts)
    weight = ExactSum.of_integers(counts) if batch.sample_weight is None else batch.derive(total_weight)
    return LossesByTemperature(counts, weight, _sums(values.reshape(3 * _POINTS, len(batch)), batch.groups))


def _at(sharpness: float, scores: Array, true: Array) -> tuple[Array, Array, Array]:
    """Loss, slope and curvature of every row; `scores` have the largest of each row at 0."""
    likely = np.exp(scores * sharpness)
    whole = sum_classes(likely)
    likely *= scores
    mean = sum_classes(likely) / whole
    likely *= scores
    spread = sum_classes(likely) / whole - mean * mean
    slope = sharpness * (mean - true)
    return np.log(whole) - sharpness * true, slope, slope + sharpness * sharpness * spread


def _sums(values: Array, groups: Groups | None) -> ExactSum:
    """The exact sums of every line of values in every group, those of one group side by side."""
    first, *others = (ExactSum.of(line, groups) for line in values)
    return first.beside(*others).at(np.arange(len(values) * len(first)).reshape(len(values), -1).T.reshape(-1))


def best_sharpness(means: Array) -> tuple[float, float]:
    """ln(1 / T) where the loss is smallest, and how far that is below the loss at T = 1; `means` has shape (3, points)."""
    losses, slopes = means[:2]
    if not np.isfinite(losses).all():
        return math.nan, math.nan
    if not slopes.any():
        # All classes are equally likely everywhere, and at any temperature.
        return 0.0, 0.0
    rising = np.flatnonzero(slopes >= 0.0)
    right = int(rising[0]) if len(rising) else _POINTS
    if right in (0, _POINTS):
        # Smallest beyond the grid: its end is told.
        end = min(right, _POINTS - 1)
        return (end - _HALF) * _STEP, float(losses[_HALF] - losses[end])
    first = min(max(right - _NEAREST // 2, 0), _POINTS - _NEAREST)
    near = means[:, first : first + _NEAREST] * np.array([[1.0], [_STEP], [_STEP**2]])
    between = _through(near)
    place = _turn(between, float(right - 1 - first))
    loss = float(np.polynomial.polynomial.polyval(place, between))
    return (first + place - _HALF) * _STEP, max(0.0, float(losses[_HALF]) - loss)


def _through(near: Array) -> Array:
    """The coefficients, from the lowest, of the polynomial with given values, slopes and curvatures, shape (3, n), at 0, 1, ..., n - 1.

    Source: Newton's divided differences, every place standing three times.
    """
    places = np.repeat(np.arange(near.shape[1], dtype=np.float64), 3)
    differences = near[0].repeat(3)
    coefficients, factor = np.zeros(len(places)), np.ones(1)
    for order in range(len(places)):
        if order:
            gaps = places[order:] - places[:-order]
            # Of equal places the difference is a derivative, divided by the factorial of its order.
            known = near[min(order, 2), places[order:].astype(np.intp)] / math.factorial(min(order, 2))
            rises = np.diff(differences)
            differences = np.where(gaps == 0.0, known, rises / np.where(gaps == 0.0, 1.0, gaps))
        coefficients[: len(factor)] += differences[0] * factor
        factor = np.polynomial.polynomial.polymul(factor, (-places[order], 1.0))
    return coefficients


def _turn(coefficients: Array, low: float) -> float:
    """Where, from `low` to 1 above it, a polynomial that falls before and rises after has no slope."""
    slope = np.polynomial.polynomial.polyder(coefficients)
    high = low + 1.0
    while low < (middle := (low + high) / 2.0) < high:
        if np.polynomial.polynomial.polyval(middle, slope) < 0.0:
            low = middle
        else:
            high = middle
    return high


class _Tempered(Metric):
    """What both metrics have in common; they share the state."""

    lift: LiftBy

    def __init__(self, from_logits: bool, name: str | None, dtype: str | None) -> None:
        super().__init__(name, dtype)
        self.from_logits = from_logits
        self.lift = LiftBy.make(losses_by_temperature, from_logits=from_logits)

    def batch(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Batch:
        batch = super().batch(y_true, y_pred, sample_weight)
        require_same_shape(batch.y_true, batch.y_pred)
        if batch.y_pred.shape[-1] != 1:
            return batch
        labels, scores = as_float(batch.y_true), batch.y_pred
        others = np.zeros(scores.shape) if self.from_logits else 1.0 - scores
        return batch.replaced(np.concatenate([1.0 - labels, labels], axis=-1), np.concatenate([others, scores], axis=-1))

    def finish(self, state: LossesByTemperature) -> Array:
        """The value of every group."""
        return np.array([self.value(*best_sharpness(means)) for means in state.means()])

    def value(self, sharpness: float, gain: float) -> float:
        """The value from ln(1 / T) and the loss that it recovers."""
        raise NotImplementedError


@metric(
    "temperature",
    direction="none",
    range="[0.0625, 16]",
    inputs="categorical",
    formula="argmin over T of the mean of -ln softmax(x / T)_y, x the logits or the logarithms of the probabilities",
    source="Guo et al. (2017), https://arxiv.org/abs/1706.04599, section 4.2",
)
class Temperature(_Tempered):
    """The temperature that the logits would best be divided by: above 1 where predictions are too sure, below where they are too unsure.

    Parameters
    ----------
    from_logits : whether `y_pred` holds logits

    Notes
    -----
    Found in one pass, by interpolation between temperatures, three to the octave from 1/16 to 16, at which the loss, its slope and its
    curvature are exact sums: to about twelve digits for two classes, nine for a thousand. Beyond 1/16 and 16 the nearest of these is
    given. Probabilities are clipped as in `categorical_crossentropy`. Source: Guo, Pleiss, Sun and Weinberger, "On calibration of modern
    neural networks", ICML 2017.

    >>> round(Temperature(from_logits=True)([[0, 1], [0, 1], [0, 1], [1, 0]], [[0.0, 2.0]] * 4), 4)
    1.8205
    """

    def __init__(self, from_logits: bool = False, name: str | None = None, dtype: str | None = None) -> None:
        super().__init__(from_logits, name, dtype)

    def value(self, sharpness: float, gain: float) -> float:
        return math.exp(-sharpness)


@metric(
    "recoverable_nats",
    aliases=("temperature_gain",),
    direction="lower",
    range="[0, inf)",
    inputs="categorical",
    formula="mean of -ln softmax(x)_y, less its minimum over T of the mean of -ln softmax(x / T)_y",
    source="Guo et al. (2017), https://arxiv.org/abs/1706.04599, section 4.2",
)
class RecoverableNats(_Tempered):
    """By how many nats the best temperature would lower the cross-entropy.

    Parameters
    ----------
    from_logits : whether `y_pred` holds logits

    Notes
    -----
    The temperature is that of `temperature`, with which it shares the state, found on the same rows: of few rows, some of the gain is
    chance. Source: Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", ICML 2017.

    >>> round(RecoverableNats(from_logits=True)([[0, 1], [0, 1], [0, 1], [1, 0]], [[0.0, 2.0]] * 4), 4)
    0.0646
    """

    def __init__(self, from_logits: bool = False, name: str | None = None, dtype: str | None = None) -> None:
        super().__init__(from_logits, name, dtype)

    def value(self, sharpness: float, gain: float) -> float:
        return gain
