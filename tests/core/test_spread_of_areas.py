"""The spread of areas: a published example, DeLong's formula pair by pair, and derivatives of scikit-learn's values."""

import math
from fractions import Fraction

import numpy as np
import pytest
import scipy.stats
from sklearn.metrics import average_precision_score, roc_auc_score

from xent.core.folds import folds_of

RANDOM = np.random.default_rng(21)
LABELS = RANDOM.integers(0, 2, 90)
SCORES = (0.4 * LABELS + 0.6 * RANDOM.random(90)).round(1)
WEIGHTS = RANDOM.choice([0.5, 1.0, 2.5], 90)


def test_the_radiographs_of_hanley_and_mcneil(measured):
    """Ratings of 109 images. Stata's manual gives for `roctab`, which follows DeLong: 0.8932, 0.0307 and 0.83295 to 0.95339."""
    ratings = {0: [33, 6, 6, 11, 2], 1: [3, 2, 2, 11, 33]}
    labels = np.repeat([0, 1], [sum(counts) for counts in ratings.values()])
    scores = np.concatenate([np.repeat([1, 2, 3, 4, 5], counts) for counts in ratings.values()]) / 5
    found = measured("roc_auc", labels, scores)
    assert round(found.value, 4) == 0.8932
    assert round(found.standard_error, 4) == 0.0307
    assert (round(found.ci.low, 5), round(found.ci.high, 5)) == (0.83295, 0.95339)


def delong(labels, scores):
    """The standard error, from every pair of a positive and a negative, in fractions."""
    positive, negative = scores[labels == 1].tolist(), scores[labels == 0].tolist()
    wins = [[Fraction((x > y) * 2 + (x == y), 2) for y in negative] for x in positive]
    m, n = len(positive), len(negative)
    of_positive = [sum(row) / n for row in wins]
    of_negative = [sum(column) / m for column in zip(*wins, strict=True)]
    area = sum(of_positive) / m
    square = sum((one - area) ** 2 for one in of_positive) / (m * (m - 1)) + sum((one - area) ** 2 for one in of_negative) / (n * (n - 1))
    return math.sqrt(square)


@pytest.mark.parametrize("scores", [SCORES, RANDOM.random(90), np.ones(90)], ids=["ties", "none", "all equal"])
def test_delong(measured, scores):
    found = measured("roc_auc", LABELS, scores)
    assert found.standard_error == pytest.approx(delong(LABELS, scores), rel=1e-10)
    assert found.ci.high - found.value == pytest.approx(1.959963984540054 * found.standard_error, rel=1e-10)


def slopes(function, weights):
    """The derivative of a value by the weight of every row, by central differences."""
    step = 1e-5
    moves = np.eye(len(weights)) * step
    return np.array([(function(weights + move) - function(weights - move)) / (2 * step) for move in moves])


VALUES = {
    "roc_auc": lambda weights: roc_auc_score(LABELS, SCORES, sample_weight=weights),
    "average_precision": lambda weights: average_precision_score(LABELS, SCORES, sample_weight=weights),
}


@pytest.mark.parametrize("weights", [np.ones(90), WEIGHTS], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("name", VALUES)
def test_the_influence_of_rows(measured, name, weights):
    found = measured(name, LABELS, SCORES, weights)
    assert found.value == pytest.approx(VALUES[name](weights), rel=1e-9)
    squares = (weights * slopes(VALUES[name], weights)) ** 2
    total = 0.0
    for label in (0, 1):
        mine = weights[LABELS == label]
        rows = mine.sum() ** 2 / (mine**2).sum()
        total += squares[LABELS == label].sum() * rows / (rows - 1)
    assert found.standard_error == pytest.approx(math.sqrt(total), rel=1e-5)


@pytest.mark.parametrize("name", VALUES)
def test_clusters(measured, name):
    """The influences of a fold of clusters are added before they are squared."""
    clusters = np.arange(90) // 9
    found = measured(name, LABELS, SCORES, WEIGHTS, clusters)
    assert found.standard_error == pytest.approx(of_folds(clusters, WEIGHTS * slopes(VALUES[name], WEIGHTS)), rel=1e-5)


def of_folds(clusters, influences):
    _, folds = np.unique(folds_of(clusters), return_inverse=True)
    sums, count = np.bincount(folds, influences), folds.max() + 1
    return math.sqrt((sums**2).sum() * count / (count - 1))


@pytest.mark.parametrize("average", [None, "macro", "weighted"])
@pytest.mark.parametrize("name", VALUES)
def test_columns(measured, name, average):
    """With a column for each class, rows count by what they do to the average."""
    random = np.random.default_rng(4)
    labels = random.integers(0, 3, 300)
    scores = random.dirichlet(np.ones(3), 300) + 0.3 * np.eye(3)[labels]
    function = {"roc_auc": roc_auc_score, "average_precision": average_precision_score}[name]

    def value(weights):
        return function(np.eye(3)[labels], scores, sample_weight=weights, average=average)

    clusters = np.arange(300) // 10
    found = measured(name, labels, scores, np.ones(300), clusters, average=average)
    expected = [of_folds(clusters, column) for column in np.atleast_2d(slopes(value, np.ones(300)).T)]
    assert np.ravel(found.standard_error) == pytest.approx(expected, rel=1e-5)


def test_two_positives_of_one_weight_tell_nothing(measured):
    assert measured("roc_auc", [1, 1, 0, 0, 0], [0.9, 0.2, 0.5, 0.4, 0.3], [1.0, 0.0, 1.0, 1.0, 1.0]).ci is None


@pytest.mark.parametrize("name", VALUES)
def test_a_perfect_order_of_few_rows_is_not_certain(measured, name):
    found = measured(name, [1, 1, 1, 0, 0, 0, 0, 0], [0.9, 0.8, 0.7, 0.5, 0.4, 0.3, 0.2, 0.1])
    assert found.value == found.ci.high == 1.0
    assert found.ci.low == pytest.approx(3 / (3 + 1.959963984540054**2), rel=1e-9)


def test_the_interval_has_one_degree_of_freedom_less_than_folds(measured):
    clusters = np.arange(90) % 7
    found = measured("roc_auc", LABELS, SCORES, clusters=clusters)
    folds = len(set(folds_of(clusters).tolist()))
    assert folds < 9
    reach = scipy.stats.t.ppf(0.975, folds - 1) * found.standard_error
    assert found.ci.low == pytest.approx(found.value - reach, rel=1e-9)


def test_a_column_of_one_class_leaves_no_interval(measured):
    """Of areas that are not averaged, one of which is no number."""
    labels = np.stack([LABELS, np.zeros(90, dtype=int)], axis=1)
    found = measured("roc_auc", labels, np.stack([SCORES, SCORES], axis=1), average=None)
    assert found.value == pytest.approx([roc_auc_score(LABELS, SCORES), math.nan], nan_ok=True)
    assert np.isnan([found.standard_error, found.ci.low, found.ci.high]).all()
