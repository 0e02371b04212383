"""Keras's AUC: every parameter against Keras, and by hand where Keras only has float32."""

import numpy as np
import pytest

from xent.core.batch import Batch
from xent.core.errors import DataError, UsageError
from xent.core.metrics.auc import AUC
from xent.core.metrics.operating_points import PrecisionAtRecall
from xent.core.tally import Tally

RANDOM = np.random.default_rng(3)
Y = RANDOM.integers(0, 2, (300, 4))
# Better than chance, so that areas differ; no score lies on a threshold, where float32 and float64 part.
P = 0.6 * RANDOM.random((300, 4)) + 0.39 * Y * RANDOM.random((300, 4)) + 0.0037
ROWS = RANDOM.choice([0.0, 0.5, 1.0, 2.25], 300)
ELEMENTS = RANDOM.choice([0.5, 1.0, 2.25], (300, 4))
CURVES = ["ROC", "PR", "PRGAIN"]
METHODS = ["interpolation", "minoring", "majoring"]


def assert_like_keras(keras, options, y_true, y_pred, weight=None, rel=2e-5):
    reference = keras.metrics.AUC(**options)
    reference.update_state(y_true, y_pred, weight)
    metric = AUC(**options)
    for rows in (slice(0, 50), slice(50, 51), slice(51, None)):
        metric.update_state(y_true[rows], y_pred[rows], None if weight is None else weight[rows])
    # Keras's NumPy backend divides by 0 first and takes the 0 after.
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = float(reference.result())
    assert metric.result() == pytest.approx(expected, rel=rel)


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("weight", [None, ROWS, ELEMENTS], ids=["none", "rows", "elements"])
@pytest.mark.parametrize("options", [{}, {"num_thresholds": 3}, {"num_thresholds": 2}, {"multi_label": True}], ids=str)
def test_values_are_those_of_keras(keras, curve, method, weight, options):
    if weight is ELEMENTS and options.get("multi_label"):
        options = {**options, "num_labels": 4}
    assert_like_keras(keras, {"curve": curve, "summation_method": method, **options}, Y, P, weight)


@pytest.mark.parametrize("thresholds", [[0.5], [0.3], [0.25, 0.5, 0.75], [0.9, 0.1, 0.35]], ids=str)
@pytest.mark.parametrize("curve", CURVES)
def test_thresholds_of_ones_own_are_those_of_keras(keras, thresholds, curve):
    assert_like_keras(keras, {"thresholds": thresholds, "curve": curve}, Y, P, ROWS)


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("options", [{}, {"multi_label": True}, {"multi_label": True, "num_labels": 4}], ids=str)
def test_label_weights_are_those_of_keras(keras, curve, options):
    assert_like_keras(keras, {"curve": curve, "label_weights": [0.1, 0.0, 2.0, 1.0], **options}, Y, P, ROWS)


def test_logits_are_those_of_keras(keras):
    assert_like_keras(keras, {"from_logits": True}, Y, np.log(P) - np.log1p(-P), ROWS)


def test_a_vector_is_that_of_keras(keras):
    assert_like_keras(keras, {}, Y[:, 0], P[:, 0], ROWS)
    assert_like_keras(keras, {"num_thresholds": 20}, Y[:, :1], P[:, 0])


def test_the_example_of_the_documentation():
    # tp = [2, 1, 0] and fp = [2, 0, 0] at -ε, 0.5 and 1 + ε.
    assert AUC(num_thresholds=3)([0, 0, 1, 1], [0, 0.5, 0.3, 0.9]) == 0.75
    assert AUC(num_thresholds=3, summation_method="minoring")([0, 0, 1, 1], [0, 0.5, 0.3, 0.9]) == 0.5
    assert AUC(num_thresholds=3, summation_method="majoring")([0, 0, 1, 1], [0, 0.5, 0.3, 0.9]) == 1.0


def test_the_interpolated_precision_by_hand():
    # Two thresholds within: precision 1/1 at recall 1/2, then 2/3 at recall 1. With tp growing from 1 to 2 while tp + fp grows from
    # 1 to 3, the slope is 1/2 and the intercept 1/2, so the area is 1/2 (1 + 1/2 ln 3) / 2, and 1/2 before.
    area = AUC(num_thresholds=3, curve="PR")([1, 1, 0], [0.9, 0.2, 0.3])
    assert area == pytest.approx(0.5 + 0.25 * (1 + 0.5 * np.log(3)), rel=1e-15)


@pytest.mark.parametrize("curve", ["ROC", "PR"])
def test_one_class_alone_has_no_area(curve):
    assert AUC(curve=curve)([0, 0, 0], [0.1, 0.5, 0.9]) == 0.0
    assert AUC()([1, 1, 1], [0.1, 0.5, 0.9]) == 0.0


def test_zero_is_above_the_first_threshold_and_a_missing_score_is_not():
    assert AUC(num_thresholds=3)([1, 1, 0], [0.9, 0.9, 0.0]) == 1.0
    # At -ε half of the positives are found, for NaN is above nothing; the step from (1, 1/2) to (0, 1/2) leaves the area 1/2.
    assert AUC(num_thresholds=3)([1, 1, 0], [0.9, np.nan, 0.0]) == 0.5


def test_nothing_is_no_number():
    assert np.isnan(AUC().result())
    assert AUC()([0, 1], [0.1, 0.9], [0.0, 0.0]) == 0.0


@pytest.mark.parametrize(
    "options",
    [
        {"curve": "lift"},
        {"summation_method": "simpson"},
        {"num_thresholds": 1},
        {"num_labels": 3},
    ],
    ids=str,
)
def test_unusable_parameters_are_refused(options):
    with pytest.raises(UsageError):
        AUC(**options)


def test_labels_must_fit():
    with pytest.raises(DataError, match="there must be 3 labels"):
        AUC(multi_label=True, num_labels=3).update_state(Y, P)
    with pytest.raises(DataError, match="one column for each label"):
        AUC(multi_label=True).update_state(Y[:, 0], P[:, 0])
    with pytest.raises(DataError, match="2 label weights"):
        AUC(label_weights=[1.0, 2.0]).update_state(Y, P)
    with pytest.raises(DataError, match="2 label weights for 4 labels"):
        AUC(multi_label=True, label_weights=[1.0, 2.0])(Y, P)


def test_case_does_not_matter():
    assert AUC(curve="pr", summation_method="Minoring").get_config()["curve"] == "PR"


def test_the_histogram_is_shared_with_other_metrics():
    assert AUC().lift == AUC(curve="PR").lift == PrecisionAtRecall(0.5).lift
    assert AUC(num_thresholds=50).lift != AUC().lift


def test_a_file_of_classes_is_one_sample_of_events_or_many():
    index = RANDOM.integers(0, 3, 100)
    scores = RANDOM.dirichlet(np.ones(3), 100)
    one_hot = np.eye(3)[index]
    for options in ({}, {"multi_label": True}):
        tally = Tally([AUC(**options)])
        tally.update(Batch(index, scores))
        assert tally.results()[0].value == AUC(**options)(one_hot, scores)
