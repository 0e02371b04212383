"""Deviances, pinball loss and interval coverage: against 40 digits and scikit-learn, and the ends of their domains."""

import itertools
import json
import math

import numpy as np
import pytest
import sklearn.metrics
from mpmath import mp, mpf

from xent.core.batch import Batch
from xent.core.errors import DataError, DomainError, UsageError
from xent.core.groups import Groups
from xent.core.metrics.deviance import MeanGammaDeviance, MeanPoissonDeviance, MeanTweedieDeviance
from xent.core.metrics.intervals import IntervalCoverage, MeanPinballLoss
from xent.core.table import row_of
from xent.core.tally import Tally

mp.dps = 60

POWERS = [-1.5, -1, 0, 1, 1.2, 1.9, 2, 2.5, 3]


def amounts(seed=0, count=50, zeros=False):
    rng = np.random.default_rng(seed)
    y, p = rng.gamma(1.0, 3.0, count) + 1e-3, rng.gamma(1.0, 3.0, count) + 1e-3
    if zeros:
        y[::5] = 0.0
    return y, p, rng.random(count) + 0.1


def value(metric, y, p, w=None):
    metric.update_state(y, p, w)
    return metric.result()


def deviance(y, p, power):
    y, p = mpf(float(y)), mpf(float(p))
    if power == 0:
        return (y - p) ** 2
    if power == 1:
        return 2 * ((y * mp.log(y / p) if y else 0) - y + p)
    if power == 2:
        return 2 * (mp.log(p / y) + y / p - 1)
    q = mpf(power)
    return 2 * (max(y, mpf(0)) ** (2 - q) / ((1 - q) * (2 - q)) - y * p ** (1 - q) / (1 - q) + p ** (2 - q) / (2 - q))


def mean(values, w):
    w = [mpf(weight) for weight in w.tolist()]
    return float(sum(a * b for a, b in zip(values, w, strict=True)) / sum(w))


@pytest.mark.parametrize("power", POWERS)
@pytest.mark.parametrize("weighted", [False, True])
def test_deviances_are_the_formula_and_those_of_scikit_learn(power, weighted):
    y, p, w = amounts(zeros=power < 2)
    y = y - 2.0 if power <= 0 else y
    w = w if weighted else None
    found = value(MeanTweedieDeviance(power=power), y, p, w)
    expected = [deviance(a, b, power) for a, b in zip(y, p, strict=True)]
    assert found == pytest.approx(mean(expected, np.ones(50) if w is None else w), rel=1e-12)
    assert found == pytest.approx(sklearn.metrics.mean_tweedie_deviance(y, p, power=power, sample_weight=w), rel=1e-10)


def test_poisson_and_gamma_are_tweedie():
    y, p, w = amounts(1)
    assert value(MeanPoissonDeviance(), y, p, w) == value(MeanTweedieDeviance(power=1), y, p, w)
    assert value(MeanPoissonDeviance(), y, p, w) == pytest.approx(sklearn.metrics.mean_poisson_deviance(y, p, sample_weight=w), rel=1e-13)
    assert value(MeanGammaDeviance(), y, p, w) == value(MeanTweedieDeviance(power=2), y, p, w)
    assert value(MeanGammaDeviance(), y, p, w) == pytest.approx(sklearn.metrics.mean_gamma_deviance(y, p, sample_weight=w), rel=1e-13)
    assert MeanTweedieDeviance().lift == MeanTweedieDeviance(power=0.0).lift


@pytest.mark.parametrize("cls", [MeanPoissonDeviance, MeanGammaDeviance])
@pytest.mark.parametrize("ratio", [1e-9, 1e-4, 0.05, 0.0999, 0.1001, 0.5, -1e-9, -0.05, -0.0999, -0.1001, -0.9, 1e6])
@pytest.mark.parametrize("scale", [1e-5, 3.7, 1e9])
def test_deviances_keep_the_digits_of_good_predictions(cls, ratio, scale):
    # Where y is near p, the terms of the textbook formula cancel down to rounding errors.
    y, p = scale, scale * (1.0 + ratio)
    expected = float(deviance(y, p, 1 if cls is MeanPoissonDeviance else 2))
    assert value(cls(), [y], [p]) == pytest.approx(expected, rel=1e-13)


def test_perfect_predictions_cost_nothing():
    y, _, w = amounts(2)
    assert value(MeanPoissonDeviance(), y, y, w) == value(MeanGammaDeviance(), y, y, w) == 0.0
    assert value(MeanTweedieDeviance(power=1.5), y, y, w) == pytest.approx(0.0, abs=1e-14)
    assert all(value(MeanTweedieDeviance(power=power), [label], [label]) >= 0.0 for power in (1.3, 2.7, -0.5) for label in y.tolist())


def test_ends_of_the_floating_range():
    assert value(MeanPoissonDeviance(), [0.0], [1e-300]) == 2e-300
    assert value(MeanGammaDeviance(), [1e-300], [1e300]) == pytest.approx(2 * (600 * math.log(10) - 1), rel=1e-15)
    assert value(MeanPoissonDeviance(), [5e-324], [1.0]) == pytest.approx(2.0, rel=1e-15)


@pytest.mark.parametrize(
    ("power", "y", "p", "role", "words"),
    [
        (1, -1.0, 1.0, "y_true", "label -1.0 is negative"),
        (1, 1.0, 0.0, "y_pred", "prediction 0.0 is not above 0"),
        (1.5, -0.5, 1.0, "y_true", "label -0.5 is negative"),
        (1.5, 0.5, -1.0, "y_pred", "prediction -1.0 is not above 0"),
        (2, 0.0, 1.0, "y_true", "label 0.0 is not above 0"),
        (2, 1.0, 0.0, "y_pred", "prediction 0.0 is not above 0"),
        (2.5, 0.0, 1.0, "y_true", "label 0.0 is not above 0"),
        (3, 0.0, 1.0, "y_true", "label 0.0 is not above 0"),
        (-1, -4.0, 0.0, "y_pred", "prediction 0.0 is not above 0"),
    ],
)
def test_values_outside_the_domain_are_named(power, y, p, role, words):
    labels, predictions = np.ones((6, 2)), np.ones((6, 2))
    labels[4, 1], predictions[4, 1] = y, p
    with pytest.raises(DomainError, match=words) as caught:
        value(MeanTweedieDeviance(power=power), labels, predictions)
    assert (caught.value.role, caught.value.row, caught.value.column) == (role, 4, 1)
    with pytest.raises(ValueError, match="only be used on"):
        sklearn.metrics.mean_tweedie_deviance([1.0, y], [1.0, p], power=power)
    # In a run the row is that of the source, whatever was skipped before it.
    labels[0, 0] = np.nan
    tally = Tally([MeanTweedieDeviance(power=power)], nan="skip")
    with pytest.raises(DomainError) as caught:
        tally.update(Batch(labels, predictions, origin=(2, 1000)))
    assert (caught.value.source, caught.value.row) == (2, 1004)


def test_what_a_domain_allows():
    assert value(MeanTweedieDeviance(power=-1), [-4.0], [1.0]) == pytest.approx(float(deviance(-4, 1, -1)), rel=1e-14)
    assert value(MeanTweedieDeviance(power=0), [-4.0], [-1.0]) == 9.0
    assert value(MeanTweedieDeviance(power=1.5), [0.0], [4.0]) == 8.0
    for power in (0.5, 1e-9, math.nan, math.inf):
        with pytest.raises(UsageError, match="power"):
            MeanTweedieDeviance(power=power)


# Quantiles and intervals.


@pytest.mark.parametrize("alpha", [0, 0.05, 0.5, 0.9, 1])
def test_the_pinball_loss_is_that_of_scikit_learn(alpha):
    y, p, w = amounts(3)
    for weight in (None, w):
        expected = sklearn.metrics.mean_pinball_loss(y, p, alpha=alpha, sample_weight=weight)
        assert value(MeanPinballLoss(alpha=alpha), y, p, weight) == pytest.approx(expected, rel=1e-13)
    several = y.reshape(25, 2), p.reshape(25, 2)
    assert value(MeanPinballLoss(alpha=alpha), *several) == pytest.approx(
        sklearn.metrics.mean_pinball_loss(*several, alpha=alpha), rel=1e-13
    )


def test_the_pinball_loss_at_its_ends():
    assert value(MeanPinballLoss(alpha=0), [math.inf], [1.0]) == 0.0
    assert value(MeanPinballLoss(alpha=1), [1.0], [math.inf]) == 0.0
    assert math.isnan(value(MeanPinballLoss(), [math.nan], [1.0]))
    for alpha in (-0.1, 1.1, math.nan):
        with pytest.raises(UsageError, match="alpha"):
            MeanPinballLoss(alpha=alpha)


def test_coverage_counts_both_ends():
    y, p = [1.0, 1.0, 1.0, 1.0, 1.0], [[1, 2], [0, 1], [1, 1], [1.5, 2], [-1, 0]]
    assert value(IntervalCoverage(), y, p) == 0.6
    assert value(IntervalCoverage(), y, p, [1, 1, 1, 5, 0]) == 0.375
    assert value(IntervalCoverage(), np.array(y)[:, None], p) == 0.6
    assert value(IntervalCoverage(), [1.0], [[-math.inf, math.inf]]) == 1.0
    assert math.isnan(value(IntervalCoverage(), [math.nan], [[0.0, 1.0]]))
    assert math.isnan(IntervalCoverage().result())


def test_intervals_that_are_none():
    for p in ([[1.0], [2.0]], [1.0, 2.0], [[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]):
        with pytest.raises(DataError, match="two predictions"):
            value(IntervalCoverage(), [1.0, 2.0], p)
    with pytest.raises(DomainError, match=r"low end 3\.0 of an interval lies above its high end 2\.0") as caught:
        value(IntervalCoverage(), [1.0, 2.0], [[1.0, 2.0], [3.0, 2.0]])
    assert (caught.value.role, caught.value.row, caught.value.column) == ("y_pred", 1, 0)


@pytest.mark.parametrize("labels", [np.array([3.5, 2.5, 9.0]), np.array([3, 2, 9])])
def test_coverage_of_a_file(labels):
    tally = Tally([IntervalCoverage()])
    tally.update(Batch(labels, np.array([[3.0, 4.0], [-1.0, 2.25], [8.0, 12.0]]), np.array([1.0, 2.0, 1.0])))
    assert tally.results()[0].value == (1.0 if labels.dtype.kind == "i" else 0.5)


# Chunks, merges, order and slices.

NAMES = ("mean_poisson_deviance", "mean_gamma_deviance", "mean_pinball_loss")


def tally_of(y, p, w, codes=None, groups=1):
    tally = Tally([*(row_of(name).cls() for name in NAMES), MeanTweedieDeviance(power=1.5), MeanPinballLoss(alpha=0.9)], groups=groups)
    tally.update(Batch(y, p, w, None if codes is None else Groups(codes, groups)))
    return tally


@pytest.mark.parametrize("width", [None, 2])
def test_chunks_merges_and_order_change_no_bit(width):
    y, p, w = amounts(4, 120)
    y, p, w = (y, p, w) if width is None else (y.reshape(-1, width), p.reshape(-1, width), w[: 120 // width])
    whole, order = [result.value for result in tally_of(y, p, w).results()], np.random.default_rng(0).permutation(len(y))
    for size in (1, 7, 50):
        total = None
        for start in range(0, len(y), size):
            at = order[start : start + size]
            part = tally_of(y[at], p[at], w[at])
            if total is not None:
                part.merge(total)
            total = part
        assert repr([result.value for result in total.results()]) == repr(whole)


def test_slices_are_what_their_rows_give_alone():
    y, p, w = amounts(5)
    codes = np.arange(50) % 3
    tally = tally_of(y, p, w, codes, 3)
    for group in range(3):
        at = codes == group
        alone = tally_of(y[at], p[at], w[at]).results()
        assert repr([result.value for result in tally.results(group)]) == repr([result.value for result in alone])


def test_states_survive_json():
    y, p, w = amounts(6)
    for metric in (MeanTweedieDeviance(power=1.7), MeanPinballLoss(alpha=0.3), MeanGammaDeviance()):
        metric.update_state(y, p, w)
        again = type(metric).from_state(json.loads(json.dumps(metric.get_state())))
        assert again.result() == metric.result()


def test_names():
    aliases = ("poisson_deviance", "gamma_deviance", "tweedie_deviance", "pinball", "coverage")
    expected = (MeanPoissonDeviance, MeanGammaDeviance, MeanTweedieDeviance, MeanPinballLoss, IntervalCoverage)
    assert tuple(row_of(alias).cls for alias in aliases) == expected
    assert all(row_of(one).name != row_of(other).name for one, other in itertools.pairwise(aliases))
