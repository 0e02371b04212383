"""Hinge losses against their formulas in fractions and against Keras, and the reading of labels 0 and 1."""

import itertools
import json
import math
from fractions import Fraction

import numpy as np
import pytest

from xent.core.batch import Batch
from xent.core.errors import DataError
from xent.core.groups import Groups
from xent.core.losses import hinge as losses
from xent.core.metrics import hinge as metrics
from xent.core.table import row_of
from xent.core.tally import Tally

KINDS = {"hinge": (losses.hinge, 1), "squared_hinge": (losses.squared_hinge, 2)}


def rows(seed=0, shape=(30, 2), labels=(-1.0, 1.0)):
    rng = np.random.default_rng(seed)
    return rng.choice(labels, shape), rng.normal(size=shape) * 2.0, rng.random(shape[0]) + 0.1


def value(metric, y, p, w=None):
    metric.update_state(y, p, w)
    return metric.result()


def exact(y, p, power, converted):
    """The hinge loss of one row, as a fraction."""
    y, p = ([Fraction(float(number)) for number in side] for side in (y, p))
    y = [2 * label - 1 if converted else label for label in y]
    return sum(max(1 - a * b, Fraction(0)) ** power for a, b in zip(y, p, strict=True)) / len(y)


def mean(values, w):
    w = [Fraction(number) for number in w.tolist()]
    return float(sum(a * b for a, b in zip(values, w, strict=True)) / sum(w))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("labels", "converted"), [((-1.0, 1.0), False), ((0.0, 1.0), True), ((-1.0, 0.0, 1.0), False), ((0.0, 0.5), False)]
)
def test_every_value_is_the_formula(kind, labels, converted):
    function, power = KINDS[kind]
    y, p, w = rows(labels=labels)
    expected = [exact(*row, power, converted) for row in zip(y, p, strict=True)]
    assert function(y, p) == pytest.approx([float(known) for known in expected], rel=1e-14, abs=1e-15)
    assert value(row_of(kind).cls(), y, p, w) == pytest.approx(mean(expected, w), rel=1e-14)


@pytest.mark.parametrize("kind", ["Hinge", "SquaredHinge", "CategoricalHinge"])
@pytest.mark.parametrize("labels", [(-1.0, 1.0), (0.0, 1.0), (-1.0, 0.0, 1.0)])
@pytest.mark.parametrize("shape", [(6, 1), (6, 4), (3, 4, 2)])
def test_metrics_and_losses_are_those_of_keras(keras, kind, labels, shape):
    y, p, w = rows(1, shape, labels)
    theirs, mine = getattr(keras.metrics, kind)(), getattr(metrics, kind)()
    theirs.update_state(y, p, w)
    assert value(mine, y, p, w) == pytest.approx(float(theirs.result()), rel=1e-5)
    for reduction in ("sum_over_batch_size", "sum", "mean_with_sample_weight", None):
        there, here = (getattr(side, kind)(reduction=reduction) for side in (keras.losses, losses))
        weights = np.broadcast_to(w.reshape(-1, *(1,) * (len(shape) - 2)), shape[:-1])
        assert here(y, p, weights) == pytest.approx(np.asarray(there(y, p, weights)), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("labels", [(-1.0, 1.0), (0.0, 1.0), (-1.0, 0.0, 1.0)])
def test_all_rows_decide_what_labels_mean(kind, labels):
    function, power = KINDS[kind]
    y, p, w = rows(2, (24, 1), labels)
    whole = value(row_of(kind).cls(), y, p, w)
    expected = [exact(*row, power, labels == (0.0, 1.0)) for row in zip(y, p, strict=True)]
    assert whole == pytest.approx(mean(expected, w), rel=1e-14)
    one_by_one, halves = row_of(kind).cls(), [row_of(kind).cls(), row_of(kind).cls()]
    for row in range(24):
        one_by_one.update_state(y[row : row + 1], p[row : row + 1], w[row : row + 1])
        halves[row % 2].update_state(y[row : row + 1], p[row : row + 1], w[row : row + 1])
    halves[1].merge_state([halves[0]])
    assert repr(one_by_one.result()) == repr(halves[1].result()) == repr(whole)
    assert function(y, p).mean() == pytest.approx(value(row_of(kind).cls(), y, p), rel=1e-14)


def test_a_label_of_weight_0_still_says_what_labels_mean():
    # As in Keras, where the labels of a call are looked at before its weights.
    assert value(metrics.Hinge(), [0.0, -1.0], [0.5, 0.5], [1.0, 0.0]) == 1.0
    assert value(metrics.Hinge(), [0.0, 1.0], [0.5, 0.5], [1.0, 0.0]) == 1.5


def test_vectors_and_columns_are_the_same_rows():
    y, p, w = (side.reshape(-1) for side in rows(3, (30, 1)))
    for kind in KINDS:
        found = {repr(value(row_of(kind).cls(), a, b, w)) for a, b in itertools.product((y, y[:, None]), (p, p[:, None]))}
        assert len(found) == 1
    # The functions make one sample of a vector, as those of Keras do.
    assert losses.hinge(y, p) == pytest.approx(float(losses.hinge(y[None], p[None])[0]), rel=1e-15)
    assert np.shape(losses.categorical_hinge([0.0, 1.0], [0.25, 0.5])) == ()
    assert float(losses.categorical_hinge([0.0, 1.0], [0.25, 0.5])) == 0.75


def test_unlike_shapes_are_refused():
    for function in (losses.hinge, losses.squared_hinge, losses.categorical_hinge):
        with pytest.raises(DataError, match="same shape"):
            function([[1, -1], [1, 1]], [[1, -1]])
    for kind in ("hinge", "squared_hinge", "categorical_hinge"):
        with pytest.raises(DataError, match="same shape"):
            value(row_of(kind).cls(), [[1, -1], [1, 1]], [[1, -1]])


def test_the_best_wrong_class():
    # The right class leads by 3 - 1 = 2, then by 0.5, then trails by 2.
    y, p = np.eye(3)[[0, 1, 2]], np.array([[3.0, 1.0, 0.0], [2.0, 2.5, -9.0], [4.0, 1.0, 2.0]])
    assert losses.categorical_hinge(y, p).tolist() == [0.0, 0.5, 3.0]
    # Scores that are all negative meet the 0 that the right class leaves.
    assert losses.categorical_hinge([[1.0, 0.0]], [[-2.0, -5.0]]).tolist() == [3.0]


@pytest.mark.parametrize("labels", ["index", "one-hot"])
def test_a_file_of_scores_over_classes(labels):
    rng = np.random.default_rng(4)
    index, scores, w = rng.integers(0, 4, 50), rng.normal(size=(50, 4)) * 5.0, rng.random(50)
    tally = Tally([metrics.CategoricalHinge()])
    tally.update(Batch(index if labels == "index" else np.eye(4)[index], scores, w))
    others = np.where(np.eye(4)[index] == 1.0, 0.0, scores).max(axis=1)
    expected = [
        max(Fraction(a) - Fraction(b) + 1, Fraction(0)) for a, b in zip(others.tolist(), scores[range(50), index].tolist(), strict=True)
    ]
    assert tally.results()[0].value == pytest.approx(mean(expected, w), rel=1e-14)
    with pytest.raises(DataError, match="one score for each class"):
        Tally([metrics.CategoricalHinge()]).update(Batch(index, np.arange(50)))


def test_slices_read_labels_for_themselves_and_states_survive_json():
    y, p = np.array([0.0, 1.0, -1.0, 1.0, 1.0, 0.0]), np.array([0.5, 0.25, 0.5, -2.0, 0.0, 1.0])
    codes = np.array([0, 0, 1, 1, 3, 3])
    tally = Tally([metrics.Hinge(), metrics.SquaredHinge()], groups=4)
    tally.update(Batch(y, p, None, Groups(codes, 4)))
    assert [tally.results(group)[0].value for group in (0, 1, 3)] == [1.125, 2.25, 1.5]
    assert math.isnan(tally.results(2)[0].value)
    metric = metrics.Hinge()
    metric.update_state(y[:2], p[:2])
    again = metrics.Hinge.from_state(json.loads(json.dumps(metric.get_state())))
    assert again.result() == metric.result() == 1.125
    again.update_state(y[2:4], p[2:4])
    whole = metrics.Hinge()
    whole.update_state(y[:4], p[:4])
    assert again.result() == whole.result()


def test_nothing_and_values_that_are_not_finite():
    for kind in (*KINDS, "categorical_hinge"):
        assert math.isnan(row_of(kind).cls().result())
        assert math.isnan(value(row_of(kind).cls(), [[1.0, 0.0]], [[1.0, 2.0]], [0.0]))
    assert value(metrics.Hinge(), [1.0, -1.0], [-math.inf, 3.0]) == math.inf
    assert value(metrics.SquaredHinge(), [-1.0, 1.0], [1e200, 3.0]) == math.inf
    # The true class does not count among the wrong ones, and infinitely often 0 is no number.
    assert math.isnan(value(metrics.CategoricalHinge(), [[0.0, 1.0]], [[0.5, math.inf]]))
    assert value(metrics.CategoricalHinge(), [[0.0, 1.0]], [[1e308, -1e308]]) == math.inf
    assert math.isnan(value(metrics.Hinge(), [1.0, 1.0], [math.nan, 3.0]))
