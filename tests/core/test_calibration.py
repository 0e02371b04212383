"""Brier score, expected calibration error and perplexity: against scikit-learn and the definitions."""

from fractions import Fraction

import numpy as np
import pytest
import sklearn.metrics

from xent.core.batch import Batch
from xent.core.errors import UsageError
from xent.core.metrics.calibration import BrierScore, DebiasedCalibrationError, ExpectedCalibrationError, MaximumCalibrationError
from xent.core.metrics.crossentropy import SparseCategoricalCrossentropy
from xent.core.metrics.perplexity import Perplexity
from xent.core.tally import Confidence, Tally

RANDOM = np.random.default_rng(8)
EVENTS = RANDOM.integers(0, 2, 400)
CHANCES = np.where(RANDOM.random(400) < 0.5, RANDOM.random(400), RANDOM.integers(0, 11, 400) / 10)
INDEX = RANDOM.integers(0, 4, 400)
SCORES = RANDOM.dirichlet(np.ones(4), 400)
WEIGHT = RANDOM.choice([0.0, 0.5, 1.0, 2.25], 400)


def from_file(metric, y_true, y_pred, weight=None, from_logits=False):
    tally = Tally([metric], from_logits=from_logits)
    tally.update(Batch(np.asarray(y_true), np.asarray(y_pred), weight))
    return tally.results()[0].value


@pytest.mark.parametrize("half", ["auto", True, False])
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["none", "rows"])
def test_brier_is_that_of_scikit_learn(half, weight):
    reference = sklearn.metrics.brier_score_loss
    expected = reference(EVENTS, CHANCES, sample_weight=weight, scale_by_half=half)
    assert BrierScore(half)(EVENTS, CHANCES, weight) == pytest.approx(expected, rel=1e-12)
    assert from_file(BrierScore(half), EVENTS, CHANCES, weight) == pytest.approx(expected, rel=1e-12)
    expected = reference(INDEX, SCORES, sample_weight=weight, scale_by_half=half, labels=range(4))
    assert BrierScore(half)(np.eye(4)[INDEX], SCORES, weight) == pytest.approx(expected, rel=1e-12)
    assert from_file(BrierScore(half), INDEX, SCORES, weight) == pytest.approx(expected, rel=1e-12)


def test_two_classes_alone_count_half():
    assert BrierScore()([[1, 0]], [[0.5, 0.5]]) == 0.25
    assert BrierScore()([[1, 0, 0]], [[0.5, 0.25, 0.25]]) == 0.375


def error_by_hand(claimed, right, weight, bins, norm):
    """The definition, in fractions; a bin holds its upper end, as `sklearn.calibration.calibration_curve` has it."""
    weight = [Fraction(value) for value in weight]
    whole, gaps = sum(weight), []
    edges = [k / bins for k in range(1, bins)]
    place = [sum(edge < value for edge in edges) for value in claimed]
    for bin_ in range(bins):
        rows = [row for row in range(len(claimed)) if place[row] == bin_]
        size = sum((weight[row] for row in rows), Fraction(0))
        if size:
            gap = sum(weight[row] * (Fraction(float(right[row])) - Fraction(float(claimed[row]))) for row in rows) / size
            gaps.append((size / whole, abs(gap)))
    if norm == "max":
        return float(max(gap for _, gap in gaps))
    if norm == "l2":
        return float(sum(share * gap**2 for share, gap in gaps)) ** 0.5
    return float(sum(share * gap for share, gap in gaps))


@pytest.mark.parametrize("norm", ["l1", "l2", "max"])
@pytest.mark.parametrize("bins", [1, 10, 15])
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["none", "rows"])
def test_calibration_error_is_its_definition(norm, bins, weight):
    weights = np.ones(400) if weight is None else weight
    expected = error_by_hand(CHANCES, EVENTS, weights, bins, norm)
    metric = ExpectedCalibrationError(bins, norm)
    for rows in (slice(0, 100), slice(100, 101), slice(101, None)):
        metric.update_state(EVENTS[rows], CHANCES[rows], None if weight is None else weight[rows])
    assert metric.result() == pytest.approx(expected, rel=1e-13)
    assert from_file(ExpectedCalibrationError(bins, norm), EVENTS, CHANCES, weight) == pytest.approx(expected, rel=1e-13)
    expected = error_by_hand(SCORES.max(axis=1), SCORES.argmax(axis=1) == INDEX, weights, bins, norm)
    assert from_file(ExpectedCalibrationError(bins, norm), INDEX, SCORES, weight) == pytest.approx(expected, rel=1e-13)
    assert ExpectedCalibrationError(bins, norm)(np.eye(4)[INDEX], SCORES, weight) == pytest.approx(expected, rel=1e-13)


def test_a_bin_holds_its_upper_end():
    # 0.2 is the end of the third of fifteen bins, though 0.2 * 15 is more than 3. With 0.15 in one bin, the two gaps cancel.
    assert ExpectedCalibrationError(15)([1, 0], [0.2, 0.15]) == pytest.approx(abs(0.8 - 0.15) / 2, rel=1e-14)


def test_certainty_that_is_right_has_no_error():
    assert ExpectedCalibrationError()([0, 1, 1], [0.0, 1.0, 1.0]) == 0.0


def test_logits_over_classes_are_softened():
    logits = np.log(SCORES)
    for metric in (ExpectedCalibrationError(), BrierScore()):
        assert from_file(metric, INDEX, logits, None, True) == pytest.approx(from_file(metric, INDEX, SCORES), rel=1e-12)


def test_nothing_is_no_number():
    for metric in (ExpectedCalibrationError(), BrierScore(), Perplexity()):
        assert np.isnan(metric.result())
    assert np.isnan(ExpectedCalibrationError()([0, 1], [0.1, 0.9], [0.0, 0.0]))
    assert np.isnan(ExpectedCalibrationError()([0, 1], [np.nan, 0.9]))


@pytest.mark.parametrize(
    ("cls", "options"),
    [(ExpectedCalibrationError, {"bins": 0}), (ExpectedCalibrationError, {"norm": "l3"}), (BrierScore, {"scale_by_half": "yes"})],
)
def test_unusable_parameters_are_refused(cls, options):
    with pytest.raises(UsageError):
        cls(**options)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["none", "rows"])
def test_perplexity_is_the_exponential_of_the_mean(weight):
    expected = np.exp(sklearn.metrics.log_loss(INDEX, SCORES, sample_weight=weight, labels=range(4)))
    metric = Perplexity()
    metric.update_state(INDEX[:7], SCORES[:7], None if weight is None else weight[:7])
    metric.update_state(INDEX[7:], SCORES[7:], None if weight is None else weight[7:])
    assert metric.result() == pytest.approx(expected, rel=1e-6)
    assert Perplexity(convention="exact")(INDEX, SCORES, weight) == pytest.approx(expected, rel=1e-12)


def test_perplexity_of_guessing_is_the_number_of_classes():
    assert Perplexity(from_logits=True)(INDEX, np.zeros((400, 4))) == pytest.approx(4.0, rel=1e-14)
    assert Perplexity(ignore_class=-1)([-1, 2, 0], np.full((3, 4), 0.25)) == pytest.approx(4.0, rel=1e-14)


def test_perplexity_shares_the_state_of_the_crossentropy():
    assert Perplexity().lift == SparseCategoricalCrossentropy().lift


def test_perplexity_of_the_impossible_is_infinite():
    assert Perplexity(convention="exact")([1], [[1.0, 0.0]]) == np.inf


def by_equal_masses(right, confidence, weight, bins):
    """Sorts the rows, gives each the bin of the weight before it, and compares means bin by bin."""
    below = np.array([weight[confidence < value].sum() for value in confidence])
    number = np.minimum(np.floor(bins * below / weight.sum()), bins - 1)
    distances = [
        (weight[number == bin_].sum(), abs(np.average(right[number == bin_], weights=weight[number == bin_])
        - np.average(confidence[number == bin_], weights=weight[number == bin_])))
        for bin_ in np.unique(number)
    ]  # fmt: skip
    return np.array(distances).T


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ties", [False, True])
def test_bins_of_equal_mass(weighted, ties):
    rng = np.random.default_rng(8)
    p = np.round(rng.random(200), 1) if ties else rng.random(200)
    y = (rng.random(200) < p**2).astype(int)
    weight = rng.integers(1, 5, 200).astype(float) if weighted else np.ones(200)
    share, distance = by_equal_masses(y, p, weight, 10)
    share = share / share.sum()
    for norm, expected in (("l1", share @ distance), ("l2", np.sqrt(share @ distance**2)), ("max", distance.max())):
        metric = ExpectedCalibrationError(bins=10, norm=norm, binning="mass")
        for part in np.array_split(rng.permutation(200), 7):
            metric.update_state(y[part], p[part], weight[part] if weighted else None)
        assert metric.result() == pytest.approx(expected, rel=1e-12)


def test_bins_of_equal_mass_hold_equally_many():
    """Ten rows in five bins: two in each, whatever their confidence."""
    p = np.array([0.001, 0.002, 0.01, 0.02, 0.1, 0.2, 0.5, 0.6, 0.9, 0.95])
    metric = ExpectedCalibrationError(bins=5, binning="mass")
    pairs = p.reshape(5, 2).mean(axis=1)
    assert metric(np.zeros(10), p) == pytest.approx(pairs.mean(), rel=1e-14)
    with pytest.raises(UsageError, match="binning"):
        ExpectedCalibrationError(binning="quantile")


def test_the_interval_of_the_debiased_error_covers_it():
    """Of predictions that are calibrated, and of some that are not by 0.1 everywhere, most intervals hold the error."""
    rng = np.random.default_rng(12)
    for off, least in ((0.0, 0.85), (0.1, 0.85)):
        held = []
        for _ in range(60):
            p = rng.random(400) * 0.8
            y = (rng.random(400) < p + off).astype(int)
            tally = Tally([DebiasedCalibrationError(10)], confidence=Confidence(0.95))
            tally.update(Batch(y, p))
            found = tally.results()[0]
            assert found.ci.low <= found.value <= found.ci.high
            assert found.ci.high > 0.0
            held.append(found.ci.low <= off <= found.ci.high)
        assert np.mean(held) >= least


def test_the_largest_error_has_no_interval():
    tally = Tally([MaximumCalibrationError()], confidence=Confidence(0.95))
    tally.update(Batch(EVENTS, CHANCES))
    assert tally.results()[0].ci is None
