"""The smooth calibration error: a calibration error without bins."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from xent.core.batch import Batch
from xent.core.calibration_events import event_tables, two_classes
from xent.core.labelled_scores import LabelledScores, events_of
from xent.core.lazy import np
from xent.core.metric import LiftBy, Metric
from xent.core.table import metric

if TYPE_CHECKING:
    from xent.core.arrays import Array
    from xent.core.scores import ScoreTables

__all__ = ["SmoothCalibrationError"]

_GRID = 1 << 15
"""Cells of [0, 1] that what is over- and underclaimed is smoothed on."""

_CLOSE = 1e-13
"""How near the bandwidth is found."""


def smooth_calibration_error(events: LabelledScores) -> float:
    """The bandwidth σ at which the smoothed error is σ itself.

    Over- and underclaims are put on a grid, each parted between the two nearest cells in proportion, and smoothed with the reflected
    Gaussian kernel of width σ, which multiplies the k-th cosine coefficient by exp(-(πkσ)² / 2).
    """
    gaps = (events.rights - events.weights * events.scores) / events.weights.sum()
    place = np.clip(events.scores, 0.0, 1.0) * _GRID - 0.5
    left = np.floor(place).astype(np.intp)
    above = place - left
    cells = np.bincount(np.clip(left, 0, _GRID - 1), gaps * (1.0 - above), minlength=_GRID)
    cells += np.bincount(np.clip(left + 1, 0, _GRID - 1), gaps * above, minlength=_GRID)
    # Mirrored at both ends, the cells are one period of an even function: no claim leaves [0, 1].
    coefficients = np.fft.rfft(np.concatenate([cells, cells[::-1]]))
    falls = -0.5 * (math.pi * np.arange(_GRID + 1)) ** 2

    def excess(width: float) -> float:
        smooth = np.fft.irfft(coefficients * np.exp(falls * width**2))[:_GRID]
        return float(np.abs(smooth).sum()) - width

    return _root(excess, 1.0)


def _root(falling: Callable[[float], float], high: float) -> float:
    """Where a falling function is zero, between 0 and `high`, where it is not above; by false position, the Illinois way."""
    low, at_low, at_high = 0.0, falling(0.0), falling(high)
    if at_low <= 0.0:
        return 0.0
    side = 0
    while high - low > _CLOSE and at_high < 0.0:
        middle = (low * at_high - high * at_low) / (at_high - at_low)
        if not low < middle < high:
            break
        value = falling(middle)
        if value > 0.0:
            low, at_low = middle, value
            at_high *= 0.5 if side == 1 else 1.0
            side = 1
        else:
            high, at_high = middle, value
            at_low *= 0.5 if side == -1 else 1.0
            side = -1
        if abs(value) < _CLOSE:
            return middle
    return high


@metric(
    "smooth_calibration_error",
    aliases=("smooth_ece", "smece"),
    direction="lower",
    range="[0, 1]",
    inputs="categorical",
    formula="σ with ∫ |Σ w (right - confidence) K_σ(t, confidence)| dt / Σ w = σ, K_σ the reflected Gaussian kernel on [0, 1]",
    source="Błasiok and Nakkiran (2023), https://arxiv.org/abs/2309.12236",
    memory="the distinct confidences",
)
class SmoothCalibrationError(Metric):
    """The calibration error after smoothing, with the one bandwidth that is as large as the error itself.

    Confidence is the largest probability of a row, and for two classes the probability of class 1.

    Raises
    ------
    DomainError
        A label is neither 0 nor 1.

    Notes
    -----
    Small changes of the probabilities change it by little, as they do not the errors over bins. Smoothing is done on a grid of step
    δ = 2⁻¹⁵, which moves the smoothed error by at most 0.121 δ² / σ² times the mean of |right - confidence|: 1e-6 where σ is 0.01.
    Source: Błasiok and Nakkiran, "Smooth ECE: principled reliability diagrams via kernel smoothing", ICLR 2024, definition of smECE.

    >>> round(SmoothCalibrationError()([0, 1, 1, 0], [0.1, 0.9, 0.8, 0.3]), 4)
    0.1597
    """

    lift: LiftBy

    def __init__(self, name: str | None = None, dtype: str | None = None) -> None:
        super().__init__(name, dtype)
        self.lift = LiftBy.make(event_tables, of="confidence")

    def batch(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Batch:
        return two_classes(super().batch(y_true, y_pred, sample_weight))

    def finish(self, state: ScoreTables) -> Array:
        """The error of every group."""
        state = state.compact()
        found = (events_of(state, group) for group in range(state.groups))
        return np.array([math.nan if events is None else smooth_calibration_error(events) for events in found])
