"""F-scores: against Keras and scikit-learn, ties, soft labels and weights of every shape."""

import numpy as np
import pytest
import sklearn.metrics

from xent.core.batch import Batch
from xent.core.errors import DataError, UsageError
from xent.core.metrics.fscore import F1Score, FBetaScore
from xent.core.tally import Tally

RANDOM = np.random.default_rng(4)
INDEX = RANDOM.integers(0, 4, 200)
ONE_HOT = np.eye(4)[INDEX]
MANY = RANDOM.integers(0, 2, (200, 4)).astype(float)
SOFT = RANDOM.random((200, 4)).round(1)
P = RANDOM.dirichlet(np.ones(4), 200)
WEIGHT = RANDOM.choice([0.0, 0.5, 1.0, 2.25], 200)


@pytest.mark.parametrize("average", [None, "micro", "macro", "weighted"])
@pytest.mark.parametrize("threshold", [None, 0.3])
@pytest.mark.parametrize("y_true", [ONE_HOT, MANY, SOFT], ids=["one-hot", "many", "soft"])
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["none", "rows"])
def test_values_are_those_of_keras(keras, average, threshold, y_true, weight):
    for name, options in [("F1Score", {}), ("FBetaScore", {"beta": 2.0}), ("FBetaScore", {"beta": 0.5})]:
        options = {"average": average, "threshold": threshold, **options}
        reference = getattr(keras.metrics, name)(**options)
        reference.update_state(y_true, P, weight)
        metric = {"F1Score": F1Score, "FBetaScore": FBetaScore}[name](**options)
        for rows in (slice(0, 50), slice(50, 51), slice(51, None)):
            metric.update_state(y_true[rows], P[rows], None if weight is None else weight[rows])
        assert np.shape(metric.result()) == np.shape(reference.result())
        assert np.asarray(metric.result()) == pytest.approx(np.asarray(reference.result()), rel=1e-5)


@pytest.mark.parametrize("average", [None, "micro", "macro", "weighted"])
def test_values_are_nearly_those_of_scikit_learn(average):
    # Keras's three epsilons move the score by some 1e-7.
    expected = sklearn.metrics.fbeta_score(INDEX, P.argmax(axis=1), beta=2, average=average, sample_weight=WEIGHT)
    assert np.asarray(FBetaScore(average, beta=2)(ONE_HOT, P, WEIGHT)) == pytest.approx(np.asarray(expected), rel=1e-6)


def test_perfection_is_not_quite_1():
    # P = R = 1 / (1 + ε) for one row, F = 2 P R / (P + R + ε).
    share = 1 / (1 + 1e-7)
    assert F1Score(average="macro")([[1, 0], [0, 1]], [[1, 0], [0, 1]]) == pytest.approx(2 * share**2 / (2 * share + 1e-7), rel=1e-15)


def test_ties_are_all_predicted_and_zeros_never():
    # Class 0: found, and nothing else. Class 1: predicted by the tie, wrongly.
    score = F1Score()([[1, 0], [1, 0]], [[0.5, 0.5], [0.0, 0.0]])
    assert score[0] == pytest.approx(2 / 3, rel=1e-6)
    assert score[1] == 0.0


def test_weights_of_every_shape():
    whole = F1Score(threshold=0.3)(MANY, P, 2.0)
    assert whole == pytest.approx(F1Score(threshold=0.3)(np.tile(MANY, (2, 1)), np.tile(P, (2, 1))), abs=0)
    column = F1Score(threshold=0.3)(MANY, P, WEIGHT[:, None])
    assert column.tolist() == F1Score(threshold=0.3)(MANY, P, WEIGHT).tolist()
    elements = np.broadcast_to(WEIGHT[:, None], P.shape).copy()
    assert F1Score(threshold=0.3)(MANY, P, elements).tolist() == column.tolist()
    elements[:, 0] = 0.0
    assert F1Score(threshold=0.3)(MANY, P, elements)[0] == 0.0


def test_soft_and_hard_blocks_make_one_state():
    labels = np.concatenate([ONE_HOT[:100], SOFT[:100]])
    scores = P
    whole = F1Score()
    whole.update_state(labels, scores)
    parts = F1Score()
    parts.update_state(labels[:100], scores[:100])
    for row in range(100, 200):
        parts.update_state(labels[row : row + 1], scores[row : row + 1])
    assert parts.get_state() == whole.get_state()
    assert parts.result().tolist() == whole.result().tolist()


def test_one_rank_only():
    with pytest.raises(DataError, match="a column for each class"):
        F1Score().update_state([0, 1], [0.2, 0.7])


def test_nothing_lies_above_a_threshold_of_1():
    assert F1Score(threshold=1.0)([[1.0, 0.0]], [[1.0, 0.5]]).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("options", [{"average": "samples"}, {"beta": 0.0}, {"threshold": 0.0}, {"threshold": 1.5}], ids=str)
def test_unusable_parameters_are_refused(options):
    with pytest.raises(UsageError):
        FBetaScore(**options)


def test_nothing_is_no_number():
    assert np.isnan(F1Score(average="macro").result())


class TestAFile:
    def value(self, metric, y_true, y_pred, from_logits=False):
        tally = Tally([metric], from_logits=from_logits)
        tally.update(Batch(np.asarray(y_true), np.asarray(y_pred)))
        return tally.results()[0].value

    def test_index_labels_are_one_hot(self):
        assert self.value(F1Score(), INDEX, P) == F1Score()(ONE_HOT, P).tolist()

    def test_one_column_has_two_classes(self):
        y, p = INDEX % 2, P[:, 0]
        expected = sklearn.metrics.f1_score(y, p > 0.5, average=None)
        assert self.value(F1Score(), y, p) == pytest.approx(expected.tolist(), rel=1e-6)

    def test_several_labels_at_a_time_stay_several(self):
        assert self.value(F1Score(threshold=0.3), MANY, P) == F1Score(threshold=0.3)(MANY, P).tolist()

    def test_logits_of_one_label_are_softened_together_and_of_many_apart(self):
        logits = RANDOM.normal(0, 3, (200, 4))
        soft = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        assert self.value(F1Score(threshold=0.4), INDEX, logits, True) == F1Score(threshold=0.4)(ONE_HOT, soft).tolist()
        apart = 1 / (1 + np.exp(-logits))
        assert self.value(F1Score(threshold=0.4), MANY, logits, True) == F1Score(threshold=0.4)(MANY, apart).tolist()
