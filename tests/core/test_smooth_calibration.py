"""The smooth calibration error: against its definition by quadrature."""

import math

import numpy as np
import pytest

from xent.core.metrics.smooth_calibration import SmoothCalibrationError

RANDOM = np.random.default_rng(31)


def events(count, power):
    p = RANDOM.random(count)
    return (RANDOM.random(count) < p**power).astype(int), p


def by_definition(y, p, weight, width, points=20_001):
    """∫ |Σ w (y - p) K(t, p)| dt / Σ w with the kernel as a sum over mirror images, by the trapezoidal rule."""
    t = np.linspace(0, 1, points)
    total = np.zeros(points)
    for image in range(-3, 4):
        for mirrored in (p + 2 * image, 2 * image - p):
            for at, gap in zip(mirrored, weight * (y - p), strict=True):
                total += gap * np.exp(-0.5 * ((t - at) / width) ** 2)
    return float(np.trapezoid(np.abs(total), t)) / (width * math.sqrt(2 * math.pi) * weight.sum())


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("count", "power"), [(4, 1.0), (60, 1.0), (60, 3.0), (200, 1.2)])
def test_it_is_the_bandwidth_that_equals_the_error(count, power, weighted):
    y, p = events(count, power)
    weight = RANDOM.choice([0.5, 1.0, 3.0], count) if weighted else np.ones(count)
    found = SmoothCalibrationError()(y, p, weight if weighted else None)
    assert by_definition(y, p, weight, found) == pytest.approx(found, rel=1e-6)


def test_one_claim_of_one_event():
    # Far from both ends of [0, 1] nothing is mirrored, and smoothing leaves the size of the one gap, which is more than any bandwidth.
    assert SmoothCalibrationError()([1, 0], [0.5, 0.5]) == pytest.approx(0.0, abs=1e-12)
    assert SmoothCalibrationError()([1, 1], [0.75, 0.75]) == pytest.approx(0.25, rel=1e-9)


def test_certainty_that_is_right_has_no_error():
    assert SmoothCalibrationError()([0, 1, 1], [0.0, 1.0, 1.0]) == 0.0


def test_certainty_that_is_wrong_is_all_wrong():
    assert SmoothCalibrationError()([1, 1], [0.0, 0.0]) == pytest.approx(1.0, rel=1e-9)


def test_nothing_is_no_number():
    assert math.isnan(SmoothCalibrationError()([0, 1], [0.1, 0.9], [0.0, 0.0]))
    assert math.isnan(SmoothCalibrationError()([0, 1], [np.nan, 0.9]))


def test_small_changes_of_probabilities_change_it_by_little():
    y, p = events(500, 1.3)
    p = np.round(p, 1)
    moved = np.clip(p + RANDOM.normal(0, 1e-6, 500), 0, 1)
    assert SmoothCalibrationError()(y, moved) == pytest.approx(SmoothCalibrationError()(y, p), abs=1e-5)
