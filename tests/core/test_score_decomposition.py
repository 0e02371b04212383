"""The terms of the Brier score and of the logarithmic loss: against isotonic regression by scikit-learn, and model-diagnostics."""

import math
import warnings

import numpy as np
import pytest
from model_diagnostics import scoring
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import brier_score_loss, log_loss

from xent.core.batch import Batch
from xent.core.errors import DomainError, UsageError
from xent.core.labelled_scores import LabelledScores, isotonic_blocks
from xent.core.metrics.calibration import BrierScore
from xent.core.metrics.crossentropy import BinaryCrossentropy
from xent.core.metrics.score_decomposition import (
    BrierDiscrimination,
    BrierMiscalibration,
    BrierUncertainty,
    LogLossDiscrimination,
    LogLossMiscalibration,
    LogLossUncertainty,
)
from xent.core.tally import Tally

RANDOM = np.random.default_rng(15)
CHANCES = np.where(RANDOM.random(600) < 0.5, RANDOM.random(600), RANDOM.integers(1, 20, 600) / 20).clip(0.01, 0.99)
EVENTS = (RANDOM.random(600) < CHANCES**1.5).astype(int)
WEIGHT = RANDOM.choice([0.5, 1.0, 2.25], 600)
SCORES = RANDOM.dirichlet(np.ones(4), 600)
INDEX = np.array([RANDOM.choice(4, p=scores) for scores in SCORES])

BRIER = (BrierMiscalibration, BrierDiscrimination, BrierUncertainty)
LOG = (LogLossMiscalibration, LogLossDiscrimination, LogLossUncertainty)

every_weight = pytest.mark.parametrize("weight", [None, WEIGHT], ids=["none", "rows"])


def recalibrated(y, p, weight, binning):
    if binning == "isotonic":
        return IsotonicRegression(y_min=0, y_max=1).fit(p, y, sample_weight=weight).predict(p)
    place = np.ceil(p * 15).astype(int)
    shares = {at: np.average(y[place == at], weights=weight[place == at]) for at in np.unique(place)}
    return np.array([shares[at] for at in place])


@every_weight
@pytest.mark.parametrize("binning", ["isotonic", "width"])
@pytest.mark.parametrize(("classes", "score"), [(BRIER, brier_score_loss), (LOG, log_loss)], ids=["brier", "log"])
def test_terms_are_differences_of_scores(classes, score, binning, weight):
    w = np.ones(600) if weight is None else weight
    better = recalibrated(EVENTS, CHANCES, w, binning)
    constant = np.full(600, np.average(EVENTS, weights=w))
    of, recal, const = (score(EVENTS, p, sample_weight=w) for p in (CHANCES, better, constant))
    # scikit-learn clips a recalibrated probability of 0 or 1 to 2.2e-16 from it, which is worth no more here.
    for cls, expected in zip(classes, (of - recal, const - recal, const), strict=True):
        metric = cls() if binning == "isotonic" else cls(binning=binning)
        for part in np.array_split(RANDOM.permutation(600), 5):
            metric.update_state(EVENTS[part], CHANCES[part], None if weight is None else weight[part])
        assert metric.result() == pytest.approx(expected, rel=1e-10, abs=1e-13)


@every_weight
@pytest.mark.parametrize("name", ["SquaredError", "LogLoss"])
def test_corp_is_that_of_model_diagnostics(name, weight):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        terms = scoring.decompose(EVENTS, CHANCES, weights=weight, scoring_function=getattr(scoring, name)())
    for cls, column in zip(BRIER if name == "SquaredError" else LOG, ("miscalibration", "discrimination", "uncertainty"), strict=True):
        assert cls()(EVENTS, CHANCES, weight) == pytest.approx(terms[column][0], rel=1e-10)


@every_weight
@pytest.mark.parametrize("binning", ["isotonic", "width", "mass"])
def test_the_terms_add_up_to_the_score(binning, weight):
    terms = [cls(binning=binning)(EVENTS, CHANCES, weight) for cls in BRIER]
    assert terms[0] - terms[1] + terms[2] == pytest.approx(BrierScore()(EVENTS, CHANCES, weight), rel=1e-13)
    terms = [cls(binning=binning)(EVENTS, CHANCES, weight) for cls in LOG]
    assert terms[0] - terms[1] + terms[2] == pytest.approx(BinaryCrossentropy()(EVENTS, CHANCES, weight), rel=1e-13)


@every_weight
def test_terms_over_classes_add_up_to_the_score_over_classes(weight):
    one_hot = np.eye(4)[INDEX]
    terms = [cls()(one_hot, SCORES, weight) for cls in BRIER]
    assert terms[0] - terms[1] + terms[2] == pytest.approx(BrierScore()(one_hot, SCORES, weight), rel=1e-13)
    for cls in (*BRIER, *LOG):
        each = [cls()(one_hot[:, at], SCORES[:, at], weight) for at in range(4)]
        assert cls()(one_hot, SCORES, weight) == pytest.approx(sum(each), rel=1e-13)


def test_over_confidence_is_the_predicted_class_alone():
    right, confidence = SCORES.argmax(axis=1) == INDEX, SCORES.max(axis=1)
    for cls in (*BRIER, *LOG):
        assert cls(over="confidence")(np.eye(4)[INDEX], SCORES) == pytest.approx(cls()(right.astype(int), confidence), rel=1e-13)
        assert cls(over="confidence")(EVENTS, CHANCES) == cls()(EVENTS, CHANCES)


def test_what_is_calibrated_has_no_miscalibration():
    y, p = [0, 1, 0, 0, 0, 1], [0.5, 0.5, 0.25, 0.25, 0.25, 0.25]
    assert BrierMiscalibration()(y, p) == 0.0
    assert LogLossMiscalibration()(y, p) == pytest.approx(0.0, abs=1e-16)


def test_certainty_that_is_wrong():
    assert LogLossMiscalibration(convention="exact")([0, 1], [1.0, 1.0]) == math.inf
    assert LogLossMiscalibration()([0, 1], [1.0, 1.0]) == pytest.approx(-math.log(1e-7) / 2 - math.log(2), rel=1e-6)
    assert LogLossUncertainty()([1, 1], [0.5, 0.25]) == 0.0


def test_nothing_is_no_number():
    for cls in (*BRIER, *LOG):
        assert math.isnan(cls()([0, 1], [0.1, 0.9], [0.0, 0.0]))
        assert math.isnan(cls()([0, 1], [np.nan, 0.9]))
        with pytest.raises(DomainError, match=r"label 0\.5 is neither 0 nor 1") as caught:
            cls()([1.0, 0.0, 0.5], [0.25, 0.25, 0.25])
        assert caught.value.row == 2


@pytest.mark.parametrize("options", [{"binning": "equal"}, {"bins": 0}, {"over": "rows"}])
def test_unusable_parameters_are_refused(options):
    with pytest.raises(UsageError):
        BrierMiscalibration(**options)
    with pytest.raises(UsageError):
        LogLossMiscalibration(convention="torch")


@pytest.mark.parametrize("kind", ["events", "rising", "falling", "one outlier", "ties"])
def test_blocks_are_those_of_isotonic_regression(kind):
    for count in (1, 2, 3, 10, 500, 3000):
        weights = RANDOM.integers(1, 5, count).astype(float)
        shares = {
            "events": RANDOM.integers(0, 2, count).astype(float),
            "rising": np.arange(count) / count,
            "falling": 1 - np.arange(count) / count,
            "one outlier": np.append(np.arange(count - 1) / count + 0.5 / count, 0.0),
            "ties": RANDOM.integers(0, 3, count) / 2,
        }[kind]
        number = isotonic_blocks(LabelledScores(np.arange(count, dtype=float), weights, weights * shares))
        fitted = IsotonicRegression().fit(np.arange(count), shares, sample_weight=weights).predict(np.arange(count))
        pooled = np.bincount(number, weights * shares) / np.bincount(number, weights)
        assert pooled[number] == pytest.approx(fitted, abs=1e-12)
        assert (np.diff(pooled) > 0).all()


def test_slices_and_files_have_the_same_terms():
    for cls in (*BRIER, *LOG):
        tally = Tally([cls()])
        tally.update(Batch(EVENTS, CHANCES, WEIGHT))
        assert tally.results()[0].value == cls()(EVENTS, CHANCES, WEIGHT)
