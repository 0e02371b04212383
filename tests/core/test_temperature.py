"""The best temperature and what it recovers: against the root of the slope over all rows, by SciPy."""

import math

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import log_softmax, logsumexp, softmax

from xent.core.batch import Batch
from xent.core.metrics.temperature import RecoverableNats, Temperature
from xent.core.tally import Tally

RANDOM = np.random.default_rng(17)


def rows(count, classes, sharpness):
    """Logits whose labels are drawn as if they were sharper than they are."""
    logits = RANDOM.normal(0, 2, (count, classes))
    chances = np.exp(log_softmax(logits * sharpness, axis=1))
    return np.array([RANDOM.choice(classes, p=chance) for chance in chances]), logits


def by_solving(y, logits, weight):
    def loss(x):
        scaled = logits * math.exp(x)
        return np.average(logsumexp(scaled, axis=1) - scaled[np.arange(len(y)), y], weights=weight)

    def slope(x):
        return np.average((softmax(logits * math.exp(x), axis=1) * logits).sum(axis=1) - logits[np.arange(len(y)), y], weights=weight)

    best = brentq(slope, -2.7, 2.7, xtol=1e-15)
    return math.exp(-best), loss(0.0) - loss(best)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("sharpness", [0.1, 0.4, 0.8, 1.0, 1.37, 3.0])
def test_it_is_the_minimum(classes, sharpness, weighted):
    y, logits = rows(800, classes, sharpness)
    weight = RANDOM.choice([0.5, 1.0, 2.5], 800) if weighted else None
    temperature, gain = by_solving(y, logits, weight)
    one_hot = np.eye(classes)[y]
    assert Temperature(from_logits=True)(one_hot, logits, weight) == pytest.approx(temperature, rel=1e-9)
    assert RecoverableNats(from_logits=True)(one_hot, logits, weight) == pytest.approx(gain, rel=1e-9, abs=1e-11)
    probabilities = np.exp(log_softmax(logits, axis=1))
    if probabilities.min() > 1e-7:
        assert Temperature()(one_hot, probabilities, weight) == pytest.approx(temperature, rel=1e-9)


def test_events():
    """Three of four are right, with odds e²: the best are 3 to 1."""
    y, x = np.array([1, 1, 1, 0]), np.full(4, 2.0)
    assert Temperature(from_logits=True)(y, x) == pytest.approx(2 / math.log(3), rel=1e-10)
    gain = math.log1p(math.exp(-2)) + 0.25 * 2 - (2 * math.log(2) - 0.75 * math.log(3))
    assert RecoverableNats(from_logits=True)(y, x) == pytest.approx(gain, rel=1e-10)
    p = 1 / (1 + np.exp(-x))
    assert Temperature()(y, p) == pytest.approx(2 / math.log(3), rel=1e-10)
    tally = Tally([Temperature(from_logits=True), RecoverableNats(from_logits=True)], from_logits=True)
    tally.update(Batch(y, x))
    assert [found.value for found in tally.results()] == pytest.approx([2 / math.log(3), gain], rel=1e-10)
    assert len(tally.states) == 1


def test_soft_labels():
    labels, logits = np.array([[0.75, 0.25]]), np.array([[2.0, 0.0]])
    assert Temperature(from_logits=True)(labels, logits) == pytest.approx(2 / math.log(3), rel=1e-10)


def test_beyond_the_grid_its_end_is_told():
    _, logits = rows(50, 3, 1.0)
    right = np.eye(3)[logits.argmax(axis=1)]
    assert Temperature(from_logits=True)(right, logits) == pytest.approx(1 / 16, rel=1e-12)
    wrong = np.eye(3)[logits.argmin(axis=1)]
    assert Temperature(from_logits=True)(wrong, logits) == pytest.approx(16, rel=1e-12)


def test_what_no_temperature_changes():
    assert Temperature(from_logits=True)(np.eye(3), np.zeros((3, 3))) == 1.0
    assert RecoverableNats(from_logits=True)(np.eye(3), np.zeros((3, 3))) == 0.0


def test_nothing_is_no_number():
    for cls in (Temperature, RecoverableNats):
        assert math.isnan(cls().result())
        assert math.isnan(cls()([0, 1], [0.25, 0.5], [0.0, 0.0]))
        assert math.isnan(cls()([0, 1], [np.nan, 0.5]))
