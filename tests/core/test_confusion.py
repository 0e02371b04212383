"""Counts at thresholds and what follows from them: against Keras and scikit-learn, by hand, at the edges."""

import numpy as np
import pytest
import sklearn.metrics

from xent.core.batch import Batch
from xent.core.errors import DataError, UsageError
from xent.core.metrics.confusion import FalseNegatives, FalsePositives, Precision, Recall, Specificity, TrueNegatives, TruePositives
from xent.core.metrics.operating_points import PrecisionAtRecall, RecallAtPrecision, SensitivityAtSpecificity, SpecificityAtSensitivity
from xent.core.tally import Tally
from xent.core.thresholds import Scale, scale_of

RANDOM = np.random.default_rng(2)
Y = RANDOM.integers(0, 2, (300, 4))
P = RANDOM.random((300, 4))
ROWS = RANDOM.choice([0.0, 0.5, 1.0, 2.25], 300)
ELEMENTS = RANDOM.choice([0.0, 0.5, 1.0, 2.25], (300, 4))

COUNTS = [TruePositives, FalsePositives, TrueNegatives, FalseNegatives]
THRESHOLDS = [None, 0.3, [0.7], [0.9, 0.1], [0.0, 0.25, 0.5, 0.75, 1.0], [0.0, 0.2, 0.6]]
POINTS = [
    (SensitivityAtSpecificity, 0.6),
    (SpecificityAtSensitivity, 0.6),
    (PrecisionAtRecall, 0.6),
    (RecallAtPrecision, 0.51),
]


def from_file(metric, y_true, y_pred, weight=None, from_logits=False):
    tally = Tally([metric], from_logits=from_logits)
    tally.update(Batch(np.asarray(y_true), np.asarray(y_pred), weight))
    return tally.results()[0].value


def assert_like_keras(keras, cls, arguments, options, *data):
    reference = getattr(keras.metrics, cls.__name__)(*arguments, **options)
    reference.update_state(*data)
    metric = cls(*arguments, **options)
    for rows in (slice(0, 50), slice(50, 51), slice(51, None)):
        metric.update_state(*(None if values is None else values[rows] for values in data))
    # Keras's NumPy backend divides by 0 first and takes the 0 after.
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = np.asarray(reference.result())
    assert np.shape(metric.result()) == expected.shape
    assert np.asarray(metric.result()) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("cls", [*COUNTS, Precision, Recall])
@pytest.mark.parametrize("thresholds", THRESHOLDS, ids=str)
@pytest.mark.parametrize("weight", [None, ROWS, ROWS[:, None], ELEMENTS], ids=["none", "rows", "column", "elements"])
def test_values_are_those_of_keras(keras, cls, thresholds, weight):
    assert_like_keras(keras, cls, (), {"thresholds": thresholds}, Y, P, weight)


@pytest.mark.parametrize("cls", [Precision, Recall])
@pytest.mark.parametrize(
    "options", [{"top_k": 2}, {"class_id": 1}, {"top_k": 2, "class_id": 3}, {"top_k": 3, "thresholds": [0.2, 0.6]}], ids=str
)
@pytest.mark.parametrize("weight", [None, ROWS], ids=["none", "rows"])
def test_values_of_some_classes_are_those_of_keras(keras, cls, options, weight):
    assert_like_keras(keras, cls, (), options, Y, P, weight)


@pytest.mark.parametrize(("cls", "value"), POINTS)
@pytest.mark.parametrize("options", [{}, {"num_thresholds": 1}, {"num_thresholds": 2}, {"num_thresholds": 11, "class_id": 2}], ids=str)
@pytest.mark.parametrize("weight", [None, ROWS], ids=["none", "rows"])
def test_operating_points_are_those_of_keras(keras, cls, value, options, weight):
    assert_like_keras(keras, cls, (value,), options, Y, P, weight)


def test_vectors_and_columns_are_those_of_keras(keras):
    assert_like_keras(keras, Precision, (), {}, Y[:, 0], P[:, :1], ROWS)
    assert_like_keras(keras, FalsePositives, (), {"thresholds": [0.2, 0.8]}, Y[:, 0], P[:, 0], ROWS)


def test_shares_are_those_of_scikit_learn():
    y, p, decided = Y[:, 0], P[:, 0], P[:, 0] > 0.5
    for metric, expected in [
        (Precision(), sklearn.metrics.precision_score(y, decided, sample_weight=ROWS)),
        (Recall(), sklearn.metrics.recall_score(y, decided, sample_weight=ROWS)),
        (Specificity(), sklearn.metrics.recall_score(y, decided, sample_weight=ROWS, pos_label=0)),
    ]:
        assert metric(y, p, ROWS) == pytest.approx(expected, rel=1e-14)


def test_a_score_on_the_threshold_is_negative():
    assert TruePositives()([1, 1], [0.5, 0.5000001]) == 1.0
    assert TruePositives(thresholds=[0.3, 0.7])([1], [0.3]).tolist() == [0.0, 0.0]
    # By cells too: of 0, 0.25, ..., 1, a score of 0.25 is above 0 alone, and one of 0 above nothing.
    assert TruePositives(thresholds=[0.0, 0.25, 0.5, 0.75, 1.0])([1, 1], [0.25, 0.0]).tolist() == [1.0, 0.0, 0.0, 0.0, 0.0]


def test_scores_outside_0_and_1_act_as_the_ends_of_even_thresholds():
    assert TruePositives(thresholds=[0.0, 0.5, 1.0])([1, 1], [7.0, -7.0]).tolist() == [1.0, 1.0, 0.0]
    assert TruePositives(thresholds=[0.0, 1.0])([1, 1], [7.0, -7.0]).tolist() == [1.0, 1.0]


@pytest.mark.parametrize("thresholds", [None, [0.1, 0.2], [0.0, 0.5, 1.0]], ids=str)
def test_a_missing_score_is_negative(thresholds):
    assert np.sum(TruePositives(thresholds)([1], [np.nan])) == 0.0
    assert np.min(FalseNegatives(thresholds)([1], [np.nan])) == 1.0


def test_any_label_but_0_is_positive():
    assert TruePositives()([0.3, 2.0, 0.0, -1.0], [0.9] * 4) == 3.0


def test_nothing_predicted_positive_is_a_precision_of_0():
    assert Precision()([1, 0], [0.1, 0.1]) == 0.0
    assert Recall()([0, 0], [0.9, 0.1]) == 0.0
    assert Specificity()([1, 1], [0.9, 0.1]) == 0.0
    assert Precision()([1, 0], [0.9, 0.9], [0.0, 0.0]) == 0.0


def test_of_equal_scores_the_first_are_the_top():
    assert Precision(top_k=2)([[0, 0, 1, 1]], [[1, 1, 1, 1]]) == 0.0
    assert Precision(top_k=2)([[1, 0, 0, 1]], [[1, 1, 1, 1]]) == 0.5
    # Short rows are sorted in a way that keeps the order whether it is asked to or not.
    among_many = np.zeros((1, 1000))
    among_many[0, :600:2] = 1
    assert Precision(top_k=300)(among_many, np.tile([0.75, 0.625], 500)[None]) == 1.0


@pytest.mark.parametrize("shape", [(3, 1), (1, 3), (2, 3)])
def test_labels_of_another_shape_are_not_stretched(shape):
    for cls in (TruePositives, Precision, Recall):
        with pytest.raises(DataError, match="same shape"):
            cls()(np.ones(shape), np.full((3, 3), 0.75))


def test_classes_are_not_counted_from_the_end():
    with pytest.raises(DataError, match="class_id -1 is out of range for predictions of 3 classes"):
        Precision(class_id=-1)(np.eye(3), np.eye(3))


def test_no_rows_have_no_value_of_the_right_shape():
    assert np.isnan(Precision().result())
    assert np.isnan(Precision(thresholds=[0.2, 0.7]).result()).tolist() == [True, True]
    assert np.isnan(SensitivityAtSpecificity(0.5).result())


def test_an_empty_batch_changes_nothing():
    metric = Precision(thresholds=[0.2, 0.7])
    metric.update_state(np.zeros((0, 1)), np.zeros((0, 1)))
    assert np.isnan(metric.result()).tolist() == [True, True]


def test_a_weight_that_is_not_finite_leaves_no_value():
    assert np.isnan(Recall()([1, 0], [0.9, 0.1], [np.nan, 1.0]))
    assert np.isnan(TruePositives()([1, 0], [0.9, 0.1], [np.inf, 1.0]))


def test_weights_are_added_exactly():
    assert TruePositives()([1, 1, 1], [0.9] * 3, [1e16, 1.0, 1.0]) == 1e16 + 2.0
    metric = TruePositives()
    metric.update_state([1], [0.9], [0.1])
    metric.update_state([1, 1], [0.9, 0.9])
    assert metric.result() == 2.1


@pytest.mark.parametrize("thresholds", [-0.1, 1.5, [0.2, 7.0], []], ids=str)
def test_thresholds_lie_between_0_and_1(thresholds):
    with pytest.raises(UsageError, match=r"in \[0, 1\]"):
        Precision(thresholds)


@pytest.mark.parametrize(("arguments", "options"), [((1.1,), {}), ((-0.1,), {}), ((0.5,), {"num_thresholds": 0})])
def test_operating_points_refuse_what_keras_refuses(arguments, options):
    with pytest.raises(UsageError):
        RecallAtPrecision(*arguments, **options)


def test_a_class_must_be_there():
    with pytest.raises(DataError, match="class_id 4 is out of range"):
        Precision(class_id=4)(Y, P)
    with pytest.raises(DataError, match="class_id needs predictions for several classes"):
        Precision(class_id=0)([0, 1], [0.1, 0.2])
    with pytest.raises(UsageError, match="top_k must be at least 1"):
        Recall(top_k=0)


def test_weights_that_do_not_fit_are_refused():
    with pytest.raises(DataError, match="sample_weight cannot be broadcast"):
        Precision()(Y, P, np.ones(7))


def test_states_are_shared():
    assert Precision().lift == Recall().lift == TruePositives(0.5).lift == Specificity([0.5]).lift
    assert SensitivityAtSpecificity(0.5).lift == RecallAtPrecision(0.9).lift
    assert Precision(class_id=1).lift != Precision().lift
    tally = Tally([Precision(), Recall(), FalsePositives(), Recall(0.3)])
    tally.update(Batch(Y[:, 0], P[:, 0]))
    assert len([need for need in tally.states if "threshold_counts" in repr(need.lift)]) == 2


def test_even_thresholds_are_known():
    assert scale_of((0.0, 0.5, 1.0)) == Scale(steps=2)
    assert scale_of((0.0, 0.5000004, 1.0)) == Scale(steps=2)
    assert scale_of((1.0, 0.5, 0.0)) == Scale(thresholds=(0.0, 0.5, 1.0))
    assert scale_of((0.0, 1.0)) == Scale(thresholds=(0.0, 1.0))


class TestAFile:
    INDEX = RANDOM.integers(0, 3, 120)
    SCORES = RANDOM.dirichlet(np.ones(3), 120)

    def test_each_of_several_classes_is_an_event(self):
        one_hot = np.eye(3)[self.INDEX]
        assert from_file(Precision(), self.INDEX, self.SCORES) == Precision()(one_hot, self.SCORES)
        assert from_file(Precision(class_id=2), self.INDEX, self.SCORES) == Precision(class_id=2)(one_hot, self.SCORES)
        decided = self.SCORES.argmax(axis=1)
        expected = sklearn.metrics.accuracy_score(self.INDEX, decided)
        assert from_file(Recall(top_k=1), self.INDEX, self.SCORES) == pytest.approx(expected, rel=1e-14)

    def test_two_columns_are_one_event(self):
        y, p = Y[:, 0], np.stack([1.0 - P[:, 0], P[:, 0]], axis=1)
        assert from_file(Precision(), y, p) == Precision()(y, P[:, 0])

    def test_one_column_has_two_classes_to_choose_from(self):
        y, p = Y[:, 0], P[:, 0]
        assert from_file(Recall(class_id=1), y, p) == Recall()(y, p)
        assert from_file(Recall(class_id=0), y, p) == Recall()(1 - y, 1.0 - p)

    def test_logits_become_probabilities(self):
        logits = np.log(self.SCORES)
        assert from_file(Recall(), self.INDEX, logits, from_logits=True) == from_file(Recall(), self.INDEX, self.SCORES)
        y, x = Y[:, 0], RANDOM.normal(0, 4, 300)
        assert from_file(Recall(), y, x, from_logits=True) == Recall()(y, (x > 0).astype(float))

    def test_slices_are_counted_apart(self):
        from xent.core.groups import Groups

        codes = RANDOM.integers(0, 3, 300)
        codes[codes == 1] = 2
        tally = Tally([Precision(), TruePositives([0.2, 0.8])], groups=3)
        tally.update(Batch(Y, P, ROWS, Groups(codes, 3)))
        for group in (0, 2):
            rows = codes == group
            precision, positives = (result.value for result in tally.results(group))
            assert precision == Precision()(Y[rows], P[rows], ROWS[rows])
            assert positives == TruePositives([0.2, 0.8])(Y[rows], P[rows], ROWS[rows]).tolist()
        assert np.isnan(tally.results(1)[0].value)
