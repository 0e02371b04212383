"""Accuracies: against Keras and scikit-learn, by hand, and as a file sees them."""

from fractions import Fraction

import numpy as np
import pytest
import sklearn.metrics

from xent.core.batch import Batch
from xent.core.errors import DataError, DomainError, NotProbabilityError, UsageError
from xent.core.metrics.accuracy import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)
from xent.core.table import row_of
from xent.core.tally import Tally

RANDOM = np.random.default_rng(1)
INDEX = RANDOM.integers(0, 7, 200)
SCORES = RANDOM.random((200, 7))
ONE_HOT = np.eye(7)[INDEX]
WEIGHT = RANDOM.choice([0.0, 0.5, 1.0, 2.25], 200)
EVENTS = RANDOM.integers(0, 2, (200, 3)).astype(float)
CHANCES = RANDOM.random((200, 3))


def from_file(metric, y_true, y_pred, weight=None, from_logits=False):
    tally = Tally([metric], from_logits=from_logits)
    tally.update(Batch(np.asarray(y_true), np.asarray(y_pred), weight))
    return tally.results()[0].value


PAIRS = [
    (Accuracy, {}, INDEX[:, None], RANDOM.integers(0, 7, (200, 1))),
    (Accuracy, {}, EVENTS, RANDOM.integers(0, 2, (200, 3)).astype(float)),
    (BinaryAccuracy, {}, EVENTS, CHANCES),
    (BinaryAccuracy, {"threshold": 0.3}, EVENTS, CHANCES),
    (CategoricalAccuracy, {}, ONE_HOT, SCORES),
    (SparseCategoricalAccuracy, {}, INDEX[:, None], SCORES),
    (SparseCategoricalAccuracy, {}, INDEX, SCORES),
    (TopKCategoricalAccuracy, {}, ONE_HOT, SCORES),
    (TopKCategoricalAccuracy, {"k": 2}, ONE_HOT, SCORES),
    (SparseTopKCategoricalAccuracy, {"k": 3}, INDEX, SCORES),
    (SparseTopKCategoricalAccuracy, {"k": 3, "from_sorted_ids": True}, INDEX, SCORES.argsort(axis=1)[:, ::-1]),
    (CategoricalAccuracy, {}, ONE_HOT.reshape(40, 5, 7), SCORES.reshape(40, 5, 7)),
    (SparseCategoricalAccuracy, {}, INDEX.reshape(40, 5), SCORES.reshape(40, 5, 7)),
]


@pytest.mark.parametrize(("cls", "options", "y_true", "y_pred"), PAIRS)
@pytest.mark.parametrize("weighted", [False, True])
def test_values_are_those_of_keras(keras, cls, options, y_true, y_pred, weighted):
    weight = WEIGHT[: len(y_true)] if weighted else None
    reference = getattr(keras.metrics, cls.__name__)(**options)
    reference.update_state(y_true, y_pred, weight)
    metric = cls(**options)
    metric.update_state(y_true[:17], y_pred[:17], None if weight is None else weight[:17])
    metric.update_state(y_true[17:], y_pred[17:], None if weight is None else weight[17:])
    assert metric.result() == pytest.approx(float(reference.result()), rel=1e-6)


@pytest.mark.parametrize(
    ("function", "options", "y_true", "y_pred"),
    [
        (binary_accuracy, {"threshold": 0.4}, EVENTS, CHANCES),
        (binary_accuracy, {}, EVENTS[:, 0], CHANCES[:, :1]),
        (categorical_accuracy, {}, ONE_HOT, SCORES),
        (sparse_categorical_accuracy, {}, INDEX, SCORES),
        (sparse_categorical_accuracy, {}, INDEX[:, None], SCORES),
        (top_k_categorical_accuracy, {"k": 3}, ONE_HOT, SCORES),
        (top_k_categorical_accuracy, {"k": 2}, ONE_HOT.reshape(40, 5, 7), SCORES.reshape(40, 5, 7)),
        (sparse_top_k_categorical_accuracy, {"k": 3}, INDEX, SCORES),
    ],
)
def test_functions_are_those_of_keras(keras, function, options, y_true, y_pred):
    expected = np.asarray(getattr(keras.metrics, function.__name__)(y_true, y_pred, **options))
    found = function(y_true, y_pred, **options)
    assert found.shape == expected.shape
    assert found.dtype == np.float64
    assert found.tolist() == expected.tolist()


def test_events_side_by_side_are_two_classes_each():
    """Of 6 events, in 3 rows of 2, 4 are as the score says: 1 where it is above 1/2."""
    y_true, y_pred = np.array([[1, 0], [0, 0], [1, 1]]), np.array([[0.75, 0.25], [0.75, 0.25], [0.25, 0.75]])
    tally = Tally([SparseCategoricalAccuracy()])
    tally.update(Batch(y_true, y_pred[..., None]))
    assert tally.results()[0].value == pytest.approx(4 / 6)


def test_a_column_of_weights_is_a_vector_of_them():
    """1 and 2 of a weight of 8 are right."""
    for weight in ([1.0, 2.0, 5.0], [[1.0], [2.0], [5.0]]):
        assert Accuracy()([0.0, 1.0, 1.0], [0.0, 1.0, 0.0], weight) == 3 / 8


def test_top_k_is_that_of_scikit_learn():
    expected = sklearn.metrics.top_k_accuracy_score(INDEX, SCORES, k=3, sample_weight=WEIGHT)
    assert SparseTopKCategoricalAccuracy(k=3)(INDEX, SCORES, WEIGHT) == pytest.approx(expected, rel=1e-14)


def test_the_weighted_mean_is_rounded_once():
    weight = [0.1, 0.2, 0.3]
    right, whole = Fraction(0.1) + Fraction(0.3), sum(map(Fraction, weight))
    assert BinaryAccuracy()([1, 0, 0], [0.9, 0.9, 0.1], weight) == float(right / whole)


def test_a_prediction_on_the_threshold_is_negative():
    assert binary_accuracy([0.0, 1.0], [0.5, 0.5]).tolist() == [1.0, 0.0]
    assert binary_accuracy([0.0, 1.0], [0.3, 0.3], threshold=0.3).tolist() == [1.0, 0.0]


def test_a_soft_label_is_never_equal():
    assert binary_accuracy([0.9, 0.1], [0.9, 0.1]).tolist() == [0.0, 0.0]


def test_of_equal_scores_the_first_is_the_largest():
    assert sparse_categorical_accuracy([0, 1], [[0.4, 0.4, 0.2], [0.4, 0.4, 0.2]]).tolist() == [1.0, 0.0]


def test_equal_scores_help_among_the_top():
    scores = [[0.5, 0.25, 0.25]]
    assert sparse_top_k_categorical_accuracy([2], scores, k=2).tolist() == [1.0]
    assert sparse_top_k_categorical_accuracy([2], scores, k=1).tolist() == [0.0]


def test_more_than_all_classes_are_always_right():
    assert sparse_top_k_categorical_accuracy([2, 0], [[0.5, 0.3, 0.2]] * 2, k=9).tolist() == [1.0, 1.0]


def test_a_listed_class_counts_once():
    assert SparseTopKCategoricalAccuracy(k=3, from_sorted_ids=True)([4, 4], [[4, 4, 1], [1, 2, 3]]) == 0.5


@pytest.mark.parametrize("label", [-1, 3, 0.5])
def test_a_label_that_is_no_class_is_refused(label):
    with pytest.raises(DomainError, match="is not a class index from 0 to 2"):
        SparseCategoricalAccuracy()([0, label], [[0.5, 0.3, 0.2]] * 2)


@pytest.mark.parametrize("cls", [Accuracy, BinaryAccuracy, CategoricalAccuracy])
def test_unlike_shapes_are_refused(cls):
    with pytest.raises(DataError, match="shape"):
        cls().update_state(np.zeros((3, 2)), np.zeros((3, 4)))


@pytest.mark.parametrize("cls", [TopKCategoricalAccuracy, SparseTopKCategoricalAccuracy])
def test_k_is_at_least_1(cls):
    with pytest.raises(UsageError, match="at least 1"):
        cls(k=0)


@pytest.mark.parametrize("cls", [Accuracy, BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy, TopKCategoricalAccuracy])
def test_nothing_has_no_accuracy(cls):
    assert np.isnan(cls().result())


def test_names():
    assert [row_of(name).name for name in ("acc", "Accuracy", "accuracy_score")] == ["accuracy"] * 3


class TestAFile:
    """`accuracy` resolves by shape, as Keras's string does."""

    def test_scores_decide_for_the_largest(self):
        expected = sklearn.metrics.accuracy_score(INDEX, SCORES.argmax(axis=1), sample_weight=WEIGHT)
        assert from_file(Accuracy(), INDEX, SCORES, WEIGHT) == pytest.approx(expected, rel=1e-14)
        assert from_file(Accuracy(), ONE_HOT, SCORES, WEIGHT) == pytest.approx(expected, rel=1e-14)

    def test_a_probability_decides_at_one_half(self):
        assert from_file(Accuracy(), [0, 1, 1, 0], [0.5, 0.5, 0.6, 0.1]) == 0.75
        assert from_file(Accuracy(), [0, 1, 1, 0], [[0.5], [0.5], [0.6], [0.1]]) == 0.75

    def test_a_logit_decides_at_zero(self):
        assert from_file(Accuracy(), [0, 1, 1, 0], [0.0, 0.4, 30.0, -2.0], from_logits=True) == 1.0

    def test_class_numbers_are_compared(self):
        assert from_file(Accuracy(), [0, 1, 2, 2], [0, 2, 2, 2]) == 0.75
        assert from_file(CategoricalAccuracy(), [0, 1, 2, 2], [0, 2, 2, 2]) == 0.75

    def test_logits_need_no_softmax_to_decide(self):
        # The softmax of both is 1.0 for class 0 and class 1 alike, to the last bit.
        logits = [[1.0, 1.0 + 2e-16 * 2, -9.0]]
        for metric in (Accuracy(), CategoricalAccuracy(), SparseCategoricalAccuracy(), SparseTopKCategoricalAccuracy(k=1)):
            assert from_file(metric, [1], logits, from_logits=True) == 1.0

    def test_scores_of_several_classes_need_not_be_probabilities(self):
        assert from_file(CategoricalAccuracy(), [1, 0], [[-3.0, 4.0, 0.0], [12.0, 1.0, 1.0]]) == 1.0

    def test_one_column_that_is_no_probability_is_refused(self):
        with pytest.raises(NotProbabilityError, match=r"prediction 1\.5 lies outside"):
            from_file(Accuracy(), [1, 0], [0.5, 1.5])

    def test_class_numbers_have_no_top(self):
        with pytest.raises(DataError, match="a score for every class"):
            from_file(TopKCategoricalAccuracy(), [0, 1], [0, 1])

    def test_a_label_among_too_few_classes_is_refused(self):
        with pytest.raises(DomainError, match="label 5 is not a class index from 0 to 2"):
            from_file(Accuracy(), [0, 5], [[0.5, 0.3, 0.2]] * 2)
