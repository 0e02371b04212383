"""Intervals from folds: the jackknife by hand, the cluster-robust formula, and what rows, seeds and clusters have to do with folds."""

import math

import numpy as np
import pytest
import scipy.stats
from sklearn.metrics import f1_score, r2_score

from xent.core import states
from xent.core.folds import FOLDS, folds_of, variance

RANDOM = np.random.default_rng(41)
CLUSTERS = RANDOM.integers(0, 12, 300)
SHARED = RANDOM.normal(0, 1, 12)[CLUSTERS]
Y_PRED = RANDOM.normal(0, 1, 300) + SHARED
Y_TRUE = Y_PRED + RANDOM.normal(0, 1, 300) + SHARED
WEIGHTS = RANDOM.random(300) + 0.5


def without_each(function):
    """The value that all folds but one give, for each fold that has rows."""
    folds = folds_of(CLUSTERS)
    return np.array([function(folds != fold) for fold in np.unique(folds)])


def deleted(function):
    """The standard error and the reach of an interval by the delete-a-group jackknife."""
    left = without_each(function)
    groups = len(left)
    error = math.sqrt((groups - 1) / groups * ((left - left.mean()) ** 2).sum())
    return error, scipy.stats.t.ppf(0.975, groups - 1) * error


def splitmix64(state):
    """The next number of the generator by Steele, Lea and Flood, as in its public reference implementation."""
    state = (state + 0x9E3779B97F4A7C15) % 2**64
    state = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    state = (state ^ state >> 27) * 0x94D049BB133111EB % 2**64
    return state ^ state >> 31


def test_folds_are_the_first_bits_of_splitmix64():
    """So that they are the same in every version; the first number after the seed 0 is known."""
    assert splitmix64(0) == 0xE220A8397B1DCDAF
    keys = [0, 1, -1, 2**62, -(2**63), 123_456_789]
    assert folds_of(np.array(keys)).tolist() == [splitmix64(key) >> 57 for key in keys]
    later = [(key + 2 * 0x9E3779B97F4A7C15) % 2**64 for key in keys]
    assert folds_of(np.array(keys), seed=2).tolist() == [splitmix64(key) >> 57 for key in later]


VALUES = {
    "mean_squared_error": lambda at: np.average((Y_TRUE[at] - Y_PRED[at]) ** 2, weights=WEIGHTS[at]),
    "root_mean_squared_error": lambda at: math.sqrt(np.average((Y_TRUE[at] - Y_PRED[at]) ** 2, weights=WEIGHTS[at])),
    "r2_score": lambda at: r2_score(Y_TRUE[at], Y_PRED[at], sample_weight=WEIGHTS[at]),
}


@pytest.mark.parametrize("name", VALUES)
def test_a_jackknife_over_clusters(measured, name):
    found = measured(name, Y_TRUE, Y_PRED, WEIGHTS, CLUSTERS)
    error, reach = deleted(VALUES[name])
    assert found.ci.method == "jackknife"
    assert found.standard_error == pytest.approx(error, rel=1e-9)
    assert (found.ci.low, found.ci.high) == pytest.approx((max(-math.inf, found.value - reach), found.value + reach), rel=1e-9)


def test_a_jackknife_of_counts(measured):
    labels, predicted = (Y_TRUE > 0).astype(int), (Y_PRED > 0).astype(float)
    found = measured("f1_score", labels, predicted, WEIGHTS, CLUSTERS, threshold=0.5, average="macro")
    error, _ = deleted(lambda at: f1_score(labels[at], predicted[at] > 0.5, sample_weight=WEIGHTS[at], average="macro"))
    assert found.standard_error == pytest.approx(error, rel=1e-5)


def test_the_cluster_robust_formula(measured):
    """The sandwich for a weighted mean: √(Σ over clusters of (Σ w (v - m))²) / Σ w, which a jackknife meets to its order."""
    clusters = np.repeat(np.arange(60), 5)
    values = RANDOM.normal(0, 1, 300) + RANDOM.normal(0, 1, 60)[clusters]
    found = measured("mean", values, values, WEIGHTS, clusters)
    sums = np.bincount(clusters, WEIGHTS * (values - found.value))
    # Two clusters that meet in one fold are one, which changes the estimate of 60 by a few in a hundred.
    assert found.standard_error == pytest.approx(math.sqrt((sums**2).sum() * 60 / 59) / WEIGHTS.sum(), rel=0.15)
    fold = folds_of(clusters)
    sums = np.bincount(fold, WEIGHTS * (values - found.value))
    groups = len(np.unique(fold))
    assert found.standard_error == pytest.approx(math.sqrt((sums**2).sum() * groups / (groups - 1)) / WEIGHTS.sum(), rel=0.02)


def test_a_cluster_of_equal_rows_counts_once(measured):
    once = measured("mean_squared_error", Y_TRUE[:50], Y_PRED[:50], clusters=np.arange(50))
    often = measured("mean_squared_error", np.repeat(Y_TRUE[:50], 7), np.repeat(Y_PRED[:50], 7), clusters=np.repeat(np.arange(50), 7))
    assert often.value == pytest.approx(once.value, rel=1e-12)
    assert often.standard_error == pytest.approx(once.standard_error, rel=1e-9)


def test_equal_rows_share_a_fold_and_count_as_one(measured):
    once = measured("r2_score", Y_TRUE, Y_PRED)
    often = measured("r2_score", np.repeat(Y_TRUE, 7), np.repeat(Y_PRED, 7))
    assert often.standard_error == pytest.approx(once.standard_error, rel=1e-9)


def test_a_seed_deals_other_folds(measured):
    errors = {measured("r2_score", Y_TRUE, Y_PRED, seed=seed).standard_error for seed in range(5)}
    assert len(errors) == 5
    assert max(errors) / min(errors) < 2
    assert (
        measured("mean_squared_error", Y_TRUE, Y_PRED, seed=1).ci == measured("mean_squared_error", Y_TRUE, Y_PRED, seed=2).ci
    )  # Closed forms have no folds.


def test_folds_are_alike():
    for keys in (np.arange(200_000), np.arange(200_000) * 2**20, RANDOM.integers(-(2**63), 2**63, 200_000)):
        for seed in (0, 1, 2**40):
            sizes = np.bincount(folds_of(keys, seed), minlength=FOLDS)
            assert scipy.stats.chisquare(sizes).pvalue > 1e-4


def test_a_matrix_keeps_its_classes_whatever_is_left_out(measured):
    labels = np.where(np.arange(40) == 7, 2, np.arange(40) % 2)
    found = measured("confusion_matrix", labels, np.arange(40) // 3 % 2, clusters=np.arange(40) // 4)
    assert np.shape(found.standard_error) == np.shape(found.value) == (3, 3)
    assert np.isfinite(found.standard_error).all()


def test_every_part_of_a_value_varies_about_its_own_mean():
    assert variance(np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]])) == pytest.approx([4 / 3, 400 / 3], rel=1e-15)


@pytest.mark.parametrize("name", ["confusion_matrix", "cohen_kappa", "mean_io_u"])
def test_folds_put_together_anew_are_those_taken_away(measured, monkeypatch, name):
    """What is too large to be taken from the total gives the same; class 3 is in one fold alone, and stays a class without it."""
    true, predicted = np.arange(300) % 3, (np.arange(300) // 7) % 3
    true[CLUSTERS == 5] = 3
    options = {"num_classes": 4} if name == "mean_io_u" else {}
    one = measured(name, true, predicted, clusters=CLUSTERS, **options)
    monkeypatch.setattr(states, "_MOST_CELLS", -1)
    assert repr(measured(name, true, predicted, clusters=CLUSTERS, **options)) == repr(one)
    assert np.all(np.array(one.standard_error) >= 0)
