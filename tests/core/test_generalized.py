"""Generalized cross-entropy against its formula in 50 digits, as a loss, as a metric and in a run over a file."""

import mpmath
import numpy as np
import pytest

from xent.core.batch import Batch
from xent.core.errors import DataError, DomainError, UsageError
from xent.core.losses.crossentropy import sparse_categorical_crossentropy
from xent.core.losses.generalized import CategoricalGeneralizedCrossEntropy, categorical_generalized_cross_entropy
from xent.core.metrics.generalized import CategoricalGeneralizedCrossEntropy as Metric
from xent.core.table import row_of
from xent.core.tally import Tally


def exact(p, q):
    with mpmath.workdps(50):
        return float((1 - mpmath.mpf(float(p)) ** mpmath.mpf(q)) / mpmath.mpf(q))


def rows(seed=0, count=40, width=5):
    rng = np.random.default_rng(seed)
    return rng.integers(0, width, count), rng.dirichlet(np.ones(width), count), rng.random(count)


@pytest.mark.parametrize("q", [0.1, 0.5, 0.7, 0.99])
def test_every_value_is_the_formula(q):
    y, p, w = rows()
    expected = [exact(row[label], q) for label, row in zip(y, p, strict=True)]
    assert categorical_generalized_cross_entropy(y, p, q) == pytest.approx(expected, rel=1e-12)
    assert categorical_generalized_cross_entropy(y[:, None], p, q) == pytest.approx(expected, rel=1e-12)
    assert float(CategoricalGeneralizedCrossEntropy(q)(y, p, w)) == pytest.approx(np.dot(w, expected) / 40, rel=1e-12)
    metric = Metric(q=q)
    for start in range(0, 40, 7):
        part = slice(start, start + 7)
        metric.update_state(y[part], p[part], w[part])
    assert metric.result() == pytest.approx(np.dot(w, expected) / w.sum(), rel=1e-12)
    whole = Metric(q=q)
    whole.update_state(y, p, w)
    assert repr(metric.result()) == repr(whole.result())


def test_the_ends_are_known_losses():
    y, p, _ = rows()
    assert categorical_generalized_cross_entropy(y, p, 1.0) == pytest.approx(1.0 - p[np.arange(40), y], rel=1e-12)
    cross_entropy = sparse_categorical_crossentropy(y, p)
    assert categorical_generalized_cross_entropy(y, p, 1e-7) == pytest.approx(cross_entropy, rel=1e-5)


def test_probabilities_of_zero_and_one_are_not_clipped():
    values = categorical_generalized_cross_entropy([0, 1], [[1.0, 0.0], [1.0, 0.0]], 0.25)
    assert values.tolist() == [0.0, 4.0]


@pytest.mark.parametrize("q", [0, 1, -0.5, 2.0, float("nan")])
def test_q_lies_between_0_and_1(q):
    with pytest.raises(UsageError, match=r"interval \(0, 1\)"):
        CategoricalGeneralizedCrossEntropy(q)
    with pytest.raises(UsageError, match=r"interval \(0, 1\)"):
        Metric(q=q)


def test_what_cannot_be_used_is_refused():
    with pytest.raises(UsageError, match="sparse_categorical_crossentropy"):
        categorical_generalized_cross_entropy([0], [[0.5, 0.5]], 0)
    with pytest.raises(DomainError, match="label 2 "):
        categorical_generalized_cross_entropy([2], [[0.5, 0.5]], 0.5)
    with pytest.raises(DataError, match=r"y_true\.shape=\(3,\)"):
        categorical_generalized_cross_entropy([0, 1, 1], [[0.5, 0.5]], 0.5)


def test_a_run_reads_indices_one_hot_rows_and_distributions():
    y, p, w = rows(1)

    def value(labels, predictions=p, from_logits=False):
        tally = Tally([row_of("categorical_generalized_cross_entropy").cls(q=0.3)], from_logits=from_logits)
        tally.update(Batch(labels, predictions, w))
        return tally.results()[0].value

    expected = np.dot(w, [exact(row[label], 0.3) for label, row in zip(y, p, strict=True)]) / w.sum()
    assert value(y) == pytest.approx(expected, rel=1e-12)
    assert value(np.eye(5)[y]) == value(y)
    assert value(y, np.log(p) + 3.0, from_logits=True) == pytest.approx(expected, rel=1e-9)
    soft = 0.8 * np.eye(5)[y] + 0.04
    by_row = [sum(s * exact(x, 0.3) for s, x in zip(a, b, strict=True)) for a, b in zip(soft, p, strict=True)]
    assert value(soft) == pytest.approx(np.dot(w, by_row) / w.sum(), rel=1e-12)
