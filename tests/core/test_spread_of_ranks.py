"""The spread of medians by counting ranks one by one."""

import math

import numpy as np
import pytest
import scipy.stats

from xent.core.folds import folds_of

RANDOM = np.random.default_rng(31)
ERRORS = RANDOM.standard_cauchy(201)


def woodruff(errors, weights, reach):
    """The errors at which the weight of those that are no larger passes a half, less and more what it may be off."""
    order = np.argsort(errors)
    total, below = weights.sum(), 0.0
    ends = {}
    for row in order:
        below += weights[row]
        for name, share in (("low", total / 2 - reach), ("high", total / 2 + reach)):
            if below >= share and name not in ends:
                ends[name] = errors[row]
    return ends["low"], ends["high"]


@pytest.mark.parametrize("weights", [np.ones(201), RANDOM.integers(1, 5, 201) / 2], ids=["unweighted", "weighted"])
def test_woodruff(measured, weights):
    found = measured("median_absolute_error", ERRORS, np.zeros(201), weights)
    z = scipy.stats.norm.ppf(0.975)
    low, high = woodruff(np.abs(ERRORS), weights, z * math.sqrt((weights**2).sum()) / 2)
    assert (found.ci.low, found.ci.high) == (low, high)
    assert found.ci.low <= found.value <= found.ci.high
    assert found.standard_error == pytest.approx((high - low) / (2 * z), rel=1e-12)


def test_the_order_statistics_of_a_median(measured):
    """The exact interval of a median is between two order statistics whose ranks are quantiles of a binomial variable."""
    found = measured("median_absolute_error", ERRORS, np.zeros(201))
    ordered = np.sort(np.abs(ERRORS))
    low, high = scipy.stats.binom.ppf([0.025, 0.975], 201, 0.5).astype(int)
    assert abs(np.searchsorted(ordered, found.ci.low) - low) <= 1
    assert abs(np.searchsorted(ordered, found.ci.high) - high) <= 1


def test_clusters(measured):
    """The weight below the median varies as the sums over folds of clusters do, and Student's t has their number less 1."""
    clusters = np.arange(201) // 25
    found = measured("median_absolute_error", ERRORS, np.zeros(201), clusters=clusters)
    _, folds = np.unique(folds_of(clusters), return_inverse=True)
    sums, count = np.bincount(folds, np.where(np.abs(ERRORS) <= found.value, 0.5, -0.5)), folds.max() + 1
    spread = math.sqrt(((sums - sums.mean()) ** 2).sum() * count / (count - 1))
    assert (found.ci.low, found.ci.high) == woodruff(np.abs(ERRORS), np.ones(201), scipy.stats.t.ppf(0.975, count - 1) * spread)


def test_outputs_are_averaged(measured):
    errors = np.stack([ERRORS, RANDOM.normal(0, 1, 201)], axis=1)
    both = measured("median_absolute_error", errors, np.zeros((201, 2)))
    ends = [measured("median_absolute_error", one, np.zeros(201)).ci for one in errors.T]
    assert both.ci.low == pytest.approx(np.mean([one.low for one in ends]), rel=1e-12)
    assert both.ci.high == pytest.approx(np.mean([one.high for one in ends]), rel=1e-12)
