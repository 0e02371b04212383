"""Curves, tables and best thresholds: against scikit-learn, and counts by hand."""

import math
from statistics import NormalDist

import numpy as np
import pytest
import sklearn.metrics
from sklearn.calibration import calibration_curve
from sklearn.isotonic import IsotonicRegression

from xent.core.batch import Batch
from xent.core.errors import DataError, UsageError
from xent.core.metrics.calibration import (
    ClasswiseCalibrationError,
    DebiasedCalibrationError,
    ExpectedCalibrationError,
    MaximumCalibrationError,
)
from xent.core.metrics.curves import BestThreshold, LiftCurve, PrecisionRecallCurve, RocCurve
from xent.core.metrics.reliability import ReliabilityCurve
from xent.core.metrics.threshold_table import ThresholdTable
from xent.core.tally import Tally

RANDOM = np.random.default_rng(23)
CHANCES = np.where(RANDOM.random(500) < 0.5, RANDOM.random(500), RANDOM.integers(0, 11, 500) / 10)
EVENTS = (RANDOM.random(500) < CHANCES**1.4).astype(int)
WEIGHT = RANDOM.choice([0.5, 1.0, 2.25], 500)
SCORES = RANDOM.dirichlet(np.ones(4), 500)
INDEX = np.array([RANDOM.choice(4, p=scores) for scores in SCORES])
ONE_HOT = np.eye(4)[INDEX]

every_weight = pytest.mark.parametrize("weight", [None, WEIGHT], ids=["none", "rows"])


def from_file(metric, y_true, y_pred, weight=None):
    tally = Tally([metric])
    tally.update(Batch(np.asarray(y_true), np.asarray(y_pred), weight))
    return np.array(tally.results()[0].value)


@every_weight
def test_roc(weight):
    rows = RocCurve(points=None)(EVENTS, CHANCES, weight)
    fpr, tpr, thresholds = sklearn.metrics.roc_curve(EVENTS, CHANCES, sample_weight=weight, drop_intermediate=False)
    assert rows[:, 1] == pytest.approx(fpr, abs=1e-14)
    assert rows[:, 2] == pytest.approx(tpr, abs=1e-14)
    assert rows[1:, 0].tolist() == thresholds[1:].tolist()
    assert rows[0, 0] == np.nextafter(thresholds[1], 2)
    assert (from_file(RocCurve(points=None), EVENTS, CHANCES, weight) == rows).all()


@every_weight
def test_precision_and_recall(weight):
    rows = PrecisionRecallCurve(points=None)(EVENTS, CHANCES, weight)
    precision, recall, thresholds = sklearn.metrics.precision_recall_curve(EVENTS, CHANCES, sample_weight=weight)
    assert rows[:, 1] == pytest.approx(precision[::-1], abs=1e-14)
    assert rows[:, 2] == pytest.approx(recall[::-1], abs=1e-14)
    assert rows[1:, 0].tolist() == thresholds[::-1].tolist()


@every_weight
def test_gain_and_lift(weight):
    w = np.ones(500) if weight is None else weight
    for threshold, share, gain, lift in LiftCurve(points=30)(EVENTS, CHANCES, weight):
        chosen = threshold <= CHANCES
        assert share == pytest.approx(w[chosen].sum() / w.sum(), rel=1e-13)
        assert gain == pytest.approx((w * EVENTS)[chosen].sum() / (w * EVENTS).sum(), rel=1e-13)
        assert lift == pytest.approx(gain / share, rel=1e-13)


@pytest.mark.parametrize("cls", [RocCurve, PrecisionRecallCurve, LiftCurve])
def test_fewer_points_are_points_of_the_whole_curve(cls):
    whole, few = cls(points=None)(EVENTS, CHANCES, WEIGHT).tolist(), cls(points=20)(EVENTS, CHANCES, WEIGHT).tolist()
    assert 15 <= len(few) <= 22 < len(whole)
    assert [row for row in whole if row in few] == few
    assert (few[0], few[-1]) == (whole[0], whole[-1]) or cls is LiftCurve
    assert cls(points=10**6)(EVENTS, CHANCES, WEIGHT).tolist() == whole


def test_one_of_several_classes():
    for cls in (RocCurve, PrecisionRecallCurve, LiftCurve):
        expected = cls(points=None)(ONE_HOT[:, 2], SCORES[:, 2])
        assert (cls(points=None, class_id=2)(ONE_HOT, SCORES) == expected).all()
        assert (from_file(cls(points=None, class_id=2), INDEX, SCORES) == expected).all()
        together = cls(points=None)(ONE_HOT.reshape(-1), SCORES.reshape(-1))
        assert (from_file(cls(points=None), INDEX, SCORES) == together).all()
        with pytest.raises(DataError, match="class_id 7 is out of range"):
            cls(class_id=7)(ONE_HOT, SCORES)
        with pytest.raises(DataError, match="class_id 0 is out of range"):
            cls(class_id=0)(EVENTS, CHANCES)
        assert (cls(class_id=1)(EVENTS, CHANCES) == cls()(EVENTS, CHANCES)).all()


def test_rates_of_no_rows_are_no_numbers():
    assert np.isnan(RocCurve()([0, 0], [0.25, 0.5])[:, 2]).all()
    assert math.isnan(RocCurve()([0, 1], [0.25, 0.5], [0.0, 0.0]))


@every_weight
def test_threshold_table(weight):
    thresholds = [0.0, 0.3, 0.5, 1.0]
    rows = ThresholdTable(thresholds, false_positive_cost=1.0, false_negative_cost=5.0)(EVENTS, CHANCES, weight)
    assert rows[:, 0].tolist() == thresholds
    w = np.ones(500) if weight is None else weight
    for threshold, *found in rows.tolist():
        chosen = threshold < CHANCES
        expected = [
            sklearn.metrics.precision_score(EVENTS, chosen, sample_weight=weight, zero_division=0),
            sklearn.metrics.recall_score(EVENTS, chosen, sample_weight=weight),
            sklearn.metrics.recall_score(1 - EVENTS, ~chosen, sample_weight=weight),
            sklearn.metrics.f1_score(EVENTS, chosen, sample_weight=weight, zero_division=0),
            sklearn.metrics.accuracy_score(EVENTS, chosen, sample_weight=weight),
            (w * (chosen & (EVENTS == 0)) + 5 * w * (~chosen & (EVENTS == 1))).sum() / w.sum(),
        ]
        assert found == pytest.approx(expected, rel=1e-13)
    assert ThresholdTable()(EVENTS, CHANCES, weight)[:, 0].tolist() == [step / 20 for step in range(21)]
    one = from_file(ThresholdTable([0.5], class_id=3), INDEX, SCORES, weight)
    assert one.tolist() == ThresholdTable([0.5])(ONE_HOT[:, 3], SCORES[:, 3], weight).tolist()


@every_weight
@pytest.mark.parametrize("of", ["f1", "accuracy", "youden", "mcc", "cost"])
def test_no_other_threshold_is_better(of, weight):
    def merit(threshold):
        chosen = threshold < CHANCES
        if of == "f1":
            return sklearn.metrics.f1_score(EVENTS, chosen, sample_weight=weight, zero_division=0)
        if of == "accuracy":
            return sklearn.metrics.accuracy_score(EVENTS, chosen, sample_weight=weight)
        if of == "youden":
            return sklearn.metrics.balanced_accuracy_score(EVENTS, chosen, sample_weight=weight)
        if of == "mcc":
            return sklearn.metrics.matthews_corrcoef(EVENTS, chosen, sample_weight=weight)
        w = np.ones(500) if weight is None else weight
        return -(w * (chosen & (EVENTS == 0)) + 3 * w * (~chosen & (EVENTS == 1))).sum()

    found = BestThreshold(of, false_negative_cost=3.0)(EVENTS, CHANCES, weight)
    best = max(merit(threshold) for threshold in [-1.0, *np.unique(CHANCES)])
    assert merit(found) == pytest.approx(best, rel=1e-12)
    assert not (found == CHANCES).any() or of == "cost"


def test_a_threshold_between_neighbours_parts_them():
    low = 0.5
    high = np.nextafter(low, 1)
    assert BestThreshold()([0, 1], [low, high]) == low
    assert BestThreshold("accuracy")([0, 0], [0.25, 0.5]) == 0.5
    assert BestThreshold("accuracy")([1, 1], [0.25, 0.5]) < 0.25
    assert math.isnan(BestThreshold("youden")([1, 1], [0.25, 0.5]))


@every_weight
@pytest.mark.parametrize("bins", [1, 5, 15])
def test_reliability_by_width(bins, weight):
    rows = ReliabilityCurve(bins=bins)(EVENTS, CHANCES, weight)
    w = np.ones(500) if weight is None else weight
    if weight is None:
        happened, claimed = calibration_curve(EVENTS, CHANCES, n_bins=bins)
        assert rows[:, 3] == pytest.approx(claimed, rel=1e-12)
        assert rows[:, 4] == pytest.approx(happened, rel=1e-12)
    for low, high, amount, claimed, happened, *_ in rows:
        inside = ((low < CHANCES) | ((low == 0) & (CHANCES == 0))) & (high >= CHANCES)
        assert amount == pytest.approx(w[inside].sum(), rel=1e-12)
        assert claimed == pytest.approx(np.average(CHANCES[inside], weights=w[inside]), rel=1e-12)
        assert happened == pytest.approx(np.average(EVENTS[inside], weights=w[inside]), rel=1e-12)
    error = ExpectedCalibrationError(bins)(EVENTS, CHANCES, weight)
    assert (rows[:, 2] * np.abs(rows[:, 4] - rows[:, 3])).sum() / rows[:, 2].sum() == pytest.approx(error, rel=1e-10)


@every_weight
def test_reliability_by_mass_and_isotonic(weight):
    w = np.ones(500) if weight is None else weight
    rows = ReliabilityCurve(bins=7, binning="mass")(EVENTS, CHANCES, weight)
    error = ExpectedCalibrationError(7, binning="mass")(EVENTS, CHANCES, weight)
    assert (rows[:, 2] * np.abs(rows[:, 4] - rows[:, 3])).sum() / w.sum() == pytest.approx(error, rel=1e-10)
    rows = ReliabilityCurve(binning="isotonic")(EVENTS, CHANCES, weight)
    fitted = IsotonicRegression().fit(CHANCES, EVENTS, sample_weight=w).predict(CHANCES)
    for low, high, amount, _, happened, *_ in rows:
        inside = (low <= CHANCES) & (high >= CHANCES)
        assert amount == pytest.approx(w[inside].sum(), rel=1e-12)
        assert fitted[inside] == pytest.approx(happened, rel=1e-12, abs=1e-15)
    assert rows[:, 2].sum() == pytest.approx(w.sum(), rel=1e-12)


@pytest.mark.parametrize("level", [0.5, 0.95])
def test_the_band_is_where_the_share_is_not_rejected(level):
    """At both ends of the interval of Wilson, the score test of the share just does not reject."""
    z = NormalDist().inv_cdf(0.5 + level / 2)
    for _, _, weight, _, happened, low, high in ReliabilityCurve(level=level)(EVENTS, CHANCES):
        for end in {low, high} - {0.0, 1.0}:
            assert abs(happened - end) / math.sqrt(end * (1 - end) / weight) == pytest.approx(z, rel=1e-9)
        assert low <= happened <= high


def test_reliability_of_the_predicted_class_and_of_one():
    right, confidence = (SCORES.argmax(axis=1) == INDEX).astype(int), SCORES.max(axis=1)
    for binning in ("width", "mass", "isotonic"):
        expected = ReliabilityCurve(binning=binning)(right, confidence)
        assert from_file(ReliabilityCurve(binning=binning), INDEX, SCORES) == pytest.approx(expected, rel=1e-12)
        expected = ReliabilityCurve(binning=binning)(ONE_HOT[:, 2], SCORES[:, 2])
        assert from_file(ReliabilityCurve(binning=binning, class_id=2), INDEX, SCORES) == pytest.approx(expected, rel=1e-12)
    with pytest.raises(DataError, match="class_id 4 is out of range"):
        ReliabilityCurve(class_id=4)(ONE_HOT, SCORES)


@every_weight
@pytest.mark.parametrize("binning", ["width", "mass"])
@pytest.mark.parametrize("norm", ["l1", "l2", "max"])
def test_classwise_error_is_the_mean_of_those_of_the_classes(norm, binning, weight):
    each = [ExpectedCalibrationError(10, norm, binning)(ONE_HOT[:, at], SCORES[:, at], weight) for at in range(4)]
    metric = ClasswiseCalibrationError(10, norm, binning)
    assert metric(ONE_HOT, SCORES, weight) == pytest.approx(np.mean(each), rel=1e-12)
    assert ClasswiseCalibrationError(10, norm, binning, average=None)(ONE_HOT, SCORES, weight) == pytest.approx(each, rel=1e-12)
    assert from_file(ClasswiseCalibrationError(10, norm, binning), INDEX, SCORES, weight) == pytest.approx(np.mean(each), rel=1e-12)


def test_maximum_error():
    for binning in ("width", "mass"):
        expected = ExpectedCalibrationError(15, "max", binning)(EVENTS, CHANCES)
        assert MaximumCalibrationError(binning=binning)(EVENTS, CHANCES) == expected


@pytest.mark.parametrize("binning", ["width", "mass"])
def test_debiased_error_is_its_definition(binning):
    rows = ReliabilityCurve(bins=15, binning=binning)(EVENTS, CHANCES)
    square = 0.0
    for _, _, weight, claimed, happened, *_ in rows:
        if weight >= 2:
            square += weight / 500 * ((claimed - happened) ** 2 - happened * (1 - happened) / (weight - 1))
    assert DebiasedCalibrationError(15, binning)(EVENTS, CHANCES) == pytest.approx(math.sqrt(max(0.0, square)), rel=1e-9)


def test_debiasing_takes_away_what_chance_adds():
    """Of calibrated predictions the plug-in error is far from 0, and the mean of the debiased squares is not."""
    squares, plugged = [], []
    for _ in range(60):
        p = RANDOM.random(300)
        y = (RANDOM.random(300) < p).astype(int)
        rows = ReliabilityCurve(bins=15, binning="mass")(y, p)
        plugged.append(ExpectedCalibrationError(15, "l2", "mass")(y, p))
        squares.append(DebiasedCalibrationError()(y, p))
        assert squares[-1] < plugged[-1]
        assert len(rows) == 15
    assert np.mean(squares) < 0.6 * np.mean(plugged)


@pytest.mark.parametrize(
    ("cls", "options"),
    [
        (ReliabilityCurve, {"level": 1.0}),
        (ReliabilityCurve, {"binning": "equal"}),
        (RocCurve, {"points": 1}),
        (BestThreshold, {"of": "auc"}),
        (BestThreshold, {"false_positive_cost": -1.0}),
        (ThresholdTable, {"thresholds": []}),
        (ThresholdTable, {"false_negative_cost": math.nan}),
        (ClasswiseCalibrationError, {"average": "micro"}),
        (DebiasedCalibrationError, {"binning": "isotonic"}),
        (MaximumCalibrationError, {"bins": 0}),
    ],
)
def test_unusable_parameters_are_refused(cls, options):
    with pytest.raises(UsageError):
        cls(**options)
