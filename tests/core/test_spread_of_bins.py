"""The spread of calibration errors against what it is in samples of a known population."""

import math

import numpy as np
import pytest
import scipy.stats

from xent.core.spread_of_bins import _folded_mean, _without_chance


def test_the_mean_of_a_folded_normal_variable():
    for mean, deviation in [(0.0, 1.0), (0.3, 2.0), (5.0, 1.0), (3.0, 0.01), (1.0, 0.0)]:
        expected = scipy.stats.foldnorm.mean(mean / deviation, scale=deviation) if deviation else mean
        assert _folded_mean(np.array([mean]), np.array([deviation]))[0] == pytest.approx(expected, rel=1e-9)


def test_what_chance_adds_is_taken_away():
    mean, deviation = np.array([0.7, 2.0, 9.0]), np.array([1.0, 0.5, 3.0])
    seen = np.array([scipy.stats.foldnorm.mean(m / d, scale=d) for m, d in zip(mean, deviation, strict=True)])
    assert _without_chance(seen, deviation) == pytest.approx(mean, rel=1e-6)
    assert _without_chance(np.array([0.79]), np.array([1.0])).tolist() == [0.0]  # √(2/π) = 0.798 is chance alone.


def drawn(random, count, temperature):
    logits = random.normal(0.0, 2.0, count)
    labels = (random.random(count) < 1 / (1 + np.exp(-logits / temperature))).astype(np.int64)
    return labels, 1 / (1 + np.exp(-logits))


def test_the_standard_error_is_that_of_many_samples(measured):
    random = np.random.default_rng(8)
    found = [measured("expected_calibration_error", *drawn(random, 2000, 2.0)) for _ in range(150)]
    errors, values = np.array([one.standard_error for one in found]), np.array([one.value for one in found])
    assert errors.mean() == pytest.approx(values.std(ddof=1), rel=4 / math.sqrt(2 * 149))


def test_the_standard_error_is_that_of_the_influences_of_rows(measured):
    """What a row of gap g in a bin of sign s moves the error by is w (s g - error) / Σ w."""
    random = np.random.default_rng(12)
    labels, scores = drawn(random, 500, 2.0)
    weights = random.choice([0.25, 1.0, 3.0], 500)
    found = measured("expected_calibration_error", labels, scores, weights, bins=5)
    gaps, bins = labels - scores, np.ceil(scores * 5).astype(int)
    signs = np.sign(np.bincount(bins, weights * gaps))[bins]
    assert found.value == pytest.approx((weights * signs * gaps).sum() / weights.sum(), rel=1e-12)
    moved = weights * (signs * gaps - found.value) / weights.sum()
    assert found.standard_error == pytest.approx(math.sqrt((moved**2).sum()), rel=1e-9)


def test_the_interval_of_a_calibrated_model_reaches_to_nothing(measured):
    random = np.random.default_rng(9)
    found = [measured("expected_calibration_error", *drawn(random, 1000, 1.0)) for _ in range(100)]
    assert np.mean([one.ci.low for one in found]) < 0.01 < np.mean([one.value for one in found])
    assert sum(one.ci.low == 0.0 for one in found) >= 90


def test_clusters_and_rows_agree_where_every_row_is_a_cluster(measured):
    labels, scores = drawn(np.random.default_rng(10), 20_000, 2.0)
    one = measured("expected_calibration_error", labels, scores)
    other = measured("expected_calibration_error", labels, scores, clusters=np.arange(20_000))
    assert other.standard_error == pytest.approx(one.standard_error, rel=4 / math.sqrt(2 * 127))
    assert (other.ci.low + other.ci.high) / 2 == pytest.approx((one.ci.low + one.ci.high) / 2, rel=0.02)


def test_a_row_twice_in_a_cluster_is_one(measured):
    labels, scores = drawn(np.random.default_rng(11), 3000, 2.0)
    one = measured("expected_calibration_error", labels, scores, clusters=np.arange(3000))
    other = measured("expected_calibration_error", np.tile(labels, 2), np.tile(scores, 2), clusters=np.tile(np.arange(3000), 2))
    assert other.standard_error == pytest.approx(one.standard_error, rel=1e-9)


def of_three(random, count, temperature):
    logits = random.normal(0.0, 1.5, (count, 3))
    chance = -np.log(-np.log(random.random((count, 3))))
    scores = np.exp(logits)
    return (logits / temperature + chance).argmax(axis=1), scores / scores.sum(axis=1, keepdims=True)


OTHERS = [
    ("expected_calibration_error", {"binning": "mass"}, drawn),
    ("expected_calibration_error", {"norm": "l2"}, drawn),
    ("classwise_calibration_error", {}, of_three),
    ("classwise_calibration_error", {"binning": "mass"}, of_three),
]


@pytest.mark.parametrize(("metric", "parameters", "draw"), OTHERS)
def test_other_errors_have_intervals_that_hold_them(measured, metric, parameters, draw):
    """Of a model that is off, whose error is known from many rows; and the standard error is that of samples."""
    random = np.random.default_rng(12)
    true = measured(metric, *draw(random, 300_000, 2.0), **parameters).value
    found = [measured(metric, *draw(random, 1000, 2.0), **parameters) for _ in range(80)]
    errors, values = np.array([one.standard_error for one in found]), np.array([one.value for one in found])
    assert errors.mean() == pytest.approx(values.std(ddof=1), rel=4 / math.sqrt(2 * 79))
    # Fewer than 70 of 80 have a probability of 1 in 2,000 where each holds it with 95 %.
    assert sum(one.ci.low <= true <= one.ci.high for one in found) >= 70
    assert {one.ci.method for one in found} == {"debiased"}


@pytest.mark.parametrize(("metric", "parameters", "draw"), OTHERS)
def test_other_errors_of_a_calibrated_model_reach_to_nothing(measured, metric, parameters, draw):
    random = np.random.default_rng(13)
    found = [measured(metric, *draw(random, 1000, 1.0), **parameters) for _ in range(40)]
    assert sum(one.ci.low == 0.0 for one in found) >= 35


def test_every_class_has_an_interval_of_its_own(measured):
    labels, scores = of_three(np.random.default_rng(14), 3000, 2.0)
    for norm in ("l1", "l2"):
        each = measured("classwise_calibration_error", labels, scores, average=None, norm=norm)
        alone = [measured("expected_calibration_error", labels == k, scores[:, k], clusters=np.arange(3000), norm=norm) for k in range(3)]
        assert each.value == pytest.approx([one.value for one in alone], rel=1e-12)
        # Other folds: those of clusters and those of rows.
        middles = [(one.ci.low + one.ci.high) / 2 for one in alone]
        assert (np.array(each.ci.low) + np.array(each.ci.high)) / 2 == pytest.approx(middles, rel=0.05)


@pytest.mark.parametrize(("metric", "norm"), [("expected_calibration_error", "max"), ("classwise_calibration_error", "l2")])
def test_where_nothing_is_known_there_is_none(measured, metric, norm):
    labels, scores = of_three(np.random.default_rng(15), 500, 2.0)
    assert measured(metric, labels, scores, norm=norm).ci is None
