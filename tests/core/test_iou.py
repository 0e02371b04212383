"""Intersection over union: against Keras in floating point and scikit-learn's Jaccard score, and at the edges."""

import numpy as np
import pytest
import sklearn.metrics

from xent.core.batch import Batch
from xent.core.errors import DataError, UsageError
from xent.core.metrics.iou import BinaryIoU, IoU, MeanIoU, OneHotIoU, OneHotMeanIoU
from xent.core.tally import Tally

RANDOM = np.random.default_rng(5)
TRUE = RANDOM.integers(0, 4, 300)
PREDICTED = np.where(RANDOM.random(300) < 0.6, TRUE, RANDOM.integers(0, 4, 300))
SCORES = np.eye(4)[PREDICTED] + 0.3 * RANDOM.random((300, 4))
ONE_HOT = np.eye(4)[TRUE]
EVENTS = RANDOM.integers(0, 2, 300)
CHANCES = RANDOM.random(300)
WEIGHT = RANDOM.choice([0.0, 0.25, 1.0, 2.5], 300)

CASES = [
    (IoU, {"num_classes": 4, "target_class_ids": [0, 2]}, TRUE, PREDICTED),
    (IoU, {"num_classes": 4, "target_class_ids": [1], "ignore_class": 2}, TRUE, PREDICTED),
    (IoU, {"num_classes": 3, "target_class_ids": [1, 2]}, TRUE, PREDICTED),
    (IoU, {"num_classes": 4, "target_class_ids": [1], "sparse_y_true": False, "sparse_y_pred": False}, ONE_HOT, SCORES),
    (IoU, {"num_classes": 4, "target_class_ids": [3], "sparse_y_pred": False}, TRUE, SCORES),
    (MeanIoU, {"num_classes": 4}, TRUE.reshape(30, 10), PREDICTED.reshape(30, 10)),
    (MeanIoU, {"num_classes": 9}, TRUE, PREDICTED),
    (BinaryIoU, {"threshold": 0.3}, EVENTS, CHANCES),
    (BinaryIoU, {"target_class_ids": [1]}, EVENTS.reshape(30, 10), CHANCES.reshape(30, 10)),
    (OneHotIoU, {"num_classes": 4, "target_class_ids": [0, 3]}, ONE_HOT, SCORES),
    (OneHotIoU, {"num_classes": 4, "target_class_ids": [0, 3], "sparse_y_pred": True}, ONE_HOT, PREDICTED),
    (OneHotMeanIoU, {"num_classes": 4, "ignore_class": 0}, ONE_HOT, SCORES),
]


@pytest.mark.parametrize(("cls", "options", "y_true", "y_pred"), CASES)
@pytest.mark.parametrize("weighted", [False, True])
def test_values_are_those_of_keras_in_floating_point(keras, cls, options, y_true, y_pred, weighted):
    weight = WEIGHT.reshape(
        y_true.shape[:-1] if cls.__name__.startswith("OneHot") or options.get("sparse_y_true") is False else y_true.shape
    )
    weight = weight if weighted else None
    # With Keras's own default, int32, the weights of 0.25 would be 0.
    reference = getattr(keras.metrics, cls.__name__)(**options, dtype="float32")
    reference.update_state(y_true, y_pred, weight)
    metric = cls(**options)
    for rows in (slice(0, 10), slice(10, 11), slice(11, None)):
        metric.update_state(y_true[rows], y_pred[rows], None if weight is None else weight[rows])
    assert metric.result() == pytest.approx(float(reference.result()), rel=1e-6)


def test_mean_is_nearly_the_jaccard_score():
    expected = sklearn.metrics.jaccard_score(TRUE, PREDICTED, average="macro", sample_weight=WEIGHT)
    assert MeanIoU(num_classes=4)(TRUE, PREDICTED, WEIGHT) == pytest.approx(expected, rel=1e-7)


def test_the_example_of_the_documentation_with_fractional_weights():
    # Keras's documentation says 0.2381, and its default dtype makes 0 of it.
    weight = [0.3, 0.3, 0.3, 0.1]
    assert MeanIoU(num_classes=2)([0, 0, 1, 1], [0, 1, 0, 1], weight) == pytest.approx((0.3 / 0.9 + 0.1 / 0.7) / 2, rel=1e-6)


def test_a_prediction_on_the_threshold_is_positive():
    assert BinaryIoU(target_class_ids=[1])([1, 1], [0.5, 0.5]) == pytest.approx(1.0, rel=1e-6)


def test_what_is_out_of_range_or_ignored_never_counts():
    metric = MeanIoU(num_classes=2, ignore_class=255)
    assert metric([0, 1, 255, -1, 0], [0, 1, 0, 0, 7]) == pytest.approx(1.0, rel=1e-6)


def test_nothing_left_is_0_and_nothing_seen_no_number():
    metric = MeanIoU(num_classes=2, ignore_class=255)
    assert np.isnan(metric.result())
    assert metric([255, 255], [0, 1]) == 0.0
    assert MeanIoU(num_classes=2)([0, 1], [0, 1], [0.0, 0.0]) == 0.0


def test_one_class_is_enough():
    assert MeanIoU(num_classes=1)([0, 0], [0, 0]) == pytest.approx(1.0, rel=1e-6)
    with pytest.raises(UsageError, match="at least 1, not 0"):
        MeanIoU(num_classes=0)


def test_targets_must_be_classes():
    for targets in ([4], [-1], []):
        with pytest.raises(UsageError, match="target_class_ids"):
            IoU(num_classes=4, target_class_ids=targets)
    with pytest.raises(UsageError, match="num_classes"):
        MeanIoU(num_classes=0)


def test_weights_and_predictions_must_fit():
    with pytest.raises(DataError, match="as many elements"):
        MeanIoU(num_classes=2).update_state([0, 1], [0, 1, 1])
    with pytest.raises(DataError, match="sample_weight"):
        MeanIoU(num_classes=2).update_state([0, 1], [0, 1], [1.0, 2.0, 3.0])


def test_one_weight_holds_for_all():
    metric, plain = MeanIoU(num_classes=4), MeanIoU(num_classes=4)
    assert metric(TRUE, PREDICTED, 3.0) == pytest.approx(plain(TRUE, PREDICTED), rel=1e-7)


def test_the_classes_may_stand_on_any_axis():
    first = np.moveaxis(SCORES.reshape(30, 10, 4), -1, 1)
    labels = np.moveaxis(ONE_HOT.reshape(30, 10, 4), -1, 1)
    assert OneHotMeanIoU(num_classes=4, axis=1)(labels, first) == OneHotMeanIoU(num_classes=4)(ONE_HOT, SCORES)


@pytest.mark.parametrize("y_true", [TRUE, ONE_HOT], ids=["index", "one-hot"])
@pytest.mark.parametrize("y_pred", [PREDICTED, SCORES], ids=["numbers", "scores"])
def test_a_file_may_hold_numbers_or_scores(y_true, y_pred):
    tally = Tally([MeanIoU(num_classes=4), OneHotMeanIoU(num_classes=4)])
    tally.update(Batch(y_true, y_pred, WEIGHT))
    expected = MeanIoU(num_classes=4)(TRUE, PREDICTED, WEIGHT)
    assert [result.value for result in tally.results()] == [expected, expected]


def test_a_file_may_hold_labels_to_ignore():
    tally = Tally([MeanIoU(num_classes=2, ignore_class=255)])
    tally.update(Batch(np.array([0, 1, 255]), np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]])))
    assert tally.results()[0].value == pytest.approx(1.0, rel=1e-6)
