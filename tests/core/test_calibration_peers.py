"""Calibration beside libraries that measure it too: scikit-learn, netcal and relplot. (model-diagnostics is asked for the terms of scores.)

None of them takes weights here, but a weight is a number of equal rows.

netcal imports torch, which is too much to install for two numbers, so what it says stands here. It was computed by netcal 1.4.0 with torch
2.13.0 for CPUs and NumPy 2.4.6, by `ECE(bins).measure(p, y)` and `MCE(bins).measure(p, y)` on the very arrays below, which are made of
integers so that they are the same everywhere. Where netcal is installed (`--group calibration-peers`), it is asked again.
"""

import warnings

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from xent.core.metrics.calibration import ExpectedCalibrationError, MaximumCalibrationError
from xent.core.metrics.reliability import ReliabilityCurve
from xent.core.metrics.smooth_calibration import SmoothCalibrationError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import relplot

NUMBER = np.arange(2000)
CHANCES = (NUMBER * 7919 % 2003) / 2003
EVENTS = (NUMBER * 104729 % 1999 / 1999 < CHANCES**1.3).astype(int)
# No confidence lies on the edge of a bin: such a one is in the bin below for xent and scikit-learn, and in the one above for netcal.
SHARES = np.stack([NUMBER * (3 + 2 * column) * 7907 % 1009 + 0.37 for column in range(4)], axis=1)
SCORES = SHARES / SHARES.sum(axis=1, keepdims=True)
INDEX = np.where(NUMBER % 2 == 0, SCORES.argmax(axis=1), (NUMBER * 31 + NUMBER**2 % 7) % 4)
ONE_HOT = np.eye(4)[INDEX]
TIMES = 1 + NUMBER % 3
"""Weights, as numbers of rows."""

NETCAL = {
    5: [
        0.06309935097353975,
        0.09396503748118468,
        0.21183079625752074,
        0.2743287773479456,
        0.06348391890783474,
        0.09374313529705447,
        0.209058228072056,
        0.26811957933335917,
    ],
    15: [
        0.0635017473789316,
        0.14719711477559771,
        0.21246618969033804,
        0.3611454478323898,
        0.06348391890783484,
        0.15080178240102526,
        0.20905822807205654,
        0.35101507214611155,
    ],
}
"""By the number of bins: ECE and MCE of two classes, of four, and of two and of four where every row stands there `TIMES` times."""


def cases():
    repeated = np.repeat(NUMBER, TIMES)
    return [
        (CHANCES, EVENTS, EVENTS, None),
        (SCORES, INDEX, ONE_HOT, None),
        (CHANCES[repeated], EVENTS[repeated], EVENTS, TIMES),
        (SCORES[repeated], INDEX[repeated], ONE_HOT, TIMES),
    ]


@pytest.mark.parametrize("bins", NETCAL)
def test_errors_are_those_that_netcal_gave(bins):
    found = []
    for scores, _, y_true, weight in cases():
        y_pred = scores if weight is None else (CHANCES if scores.ndim == 1 else SCORES)
        found += [cls(bins)(y_true, y_pred, weight) for cls in (ExpectedCalibrationError, MaximumCalibrationError)]
    assert found == pytest.approx(NETCAL[bins], rel=2e-14)


@pytest.mark.parametrize("bins", NETCAL)
def test_netcal_gives_them_still(bins):
    netcal = pytest.importorskip("netcal.metrics.confidence", exc_type=ImportError)
    found = [cls(bins).measure(scores, index) for scores, index, _, _ in cases() for cls in (netcal.ECE, netcal.MCE)]
    assert found == pytest.approx(NETCAL[bins], rel=2e-14)


@pytest.mark.parametrize("bins", [5, 15, 100])
@pytest.mark.parametrize("weight", [None, TIMES], ids=["none", "rows"])
def test_the_curve_is_that_of_scikit_learn(bins, weight):
    repeated = NUMBER if weight is None else np.repeat(NUMBER, weight)
    happened, claimed = calibration_curve(EVENTS[repeated], CHANCES[repeated], n_bins=bins)
    rows = ReliabilityCurve(bins)(EVENTS, CHANCES, weight)
    assert rows[:, 3] == pytest.approx(claimed, rel=1e-13)
    assert rows[:, 4] == pytest.approx(happened, rel=1e-13)


@pytest.mark.parametrize("weight", [None, TIMES], ids=["none", "rows"])
def test_the_smooth_error_is_that_of_relplot(weight, monkeypatch):
    repeated = NUMBER if weight is None else np.repeat(NUMBER, weight)
    for power in (0.7, 1.5, 3.0):
        y = (NUMBER * 104729 % 1999 / 1999 < CHANCES**power).astype(int)
        found = SmoothCalibrationError()(y, CHANCES, weight)
        # relplot looks for the bandwidth in steps of 0.001, and smooths on 200 points.
        assert found == pytest.approx(relplot.smECE(CHANCES[repeated], y[repeated]), abs=0.002)
        # At the same bandwidth, and on as many points as make no difference, what is left is its interpolation.
        with monkeypatch.context() as patch:
            patch.setattr(relplot.config, "smECE_mesh_pts", 20_001)
            assert found == pytest.approx(relplot.smECE_sigma(CHANCES[repeated], y[repeated], found), rel=1e-3)
