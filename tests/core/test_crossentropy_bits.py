"""Cross-entropy in other units: the definition in 40 digits, one state for all units."""

import numpy as np
import pytest
from mpmath import log, mp, mpf

from xent.core.batch import Batch
from xent.core.errors import UsageError
from xent.core.metrics.crossentropy import BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy
from xent.core.specs import parse_spec
from xent.core.tally import Tally

mp.dps = 40

# Binary fractions, so that the probabilities of a row sum to exactly 1 and nothing is renormalised or clipped.
P = np.array([[0.25, 0.5, 0.25], [0.125, 0.125, 0.75], [0.0625, 0.3125, 0.625]])
Y = np.array([1, 0, 2])
W = np.array([0.5, 2.0, 1.25])
EVENTS = np.array([1, 0, 1])
CHANCE = np.array([0.75, 0.125, 0.3125])


def in_base(probabilities, base, weight):
    """Σ w log_base(1 / p) / Σ w."""
    terms = [-mpf(w) * log(mpf(p)) / log(mpf(base)) for p, w in zip(probabilities.tolist(), weight.tolist(), strict=True)]
    return float(sum(terms) / sum(mpf(w) for w in weight.tolist()))


CASES = [
    (BinaryCrossentropy, EVENTS, CHANCE, np.where(EVENTS == 1, CHANCE, 1 - CHANCE)),
    (CategoricalCrossentropy, np.eye(3)[Y], P, P[np.arange(3), Y]),
    (SparseCategoricalCrossentropy, Y, P, P[np.arange(3), Y]),
]
every_metric = pytest.mark.parametrize(("cls", "y_true", "y_pred", "likely"), CASES)


@every_metric
@pytest.mark.parametrize("base", [2, 10, 1.5, 2.0**40, 1 + 2**-30])
@pytest.mark.parametrize("weight", [None, W], ids=["none", "rows"])
def test_the_unit_is_the_base_of_the_logarithm(cls, y_true, y_pred, likely, base, weight):
    expected = in_base(likely, base, np.ones(3) if weight is None else weight)
    assert cls(base=base)(y_true, y_pred, weight) == pytest.approx(expected, rel=1e-15 if base in (2, 10) else 1e-14)


@every_metric
@pytest.mark.parametrize("reduction", ["sum", "sum_over_batch_size", "none"])
def test_every_reduction_has_the_unit(cls, y_true, y_pred, likely, reduction):
    rows = [in_base(likely[row : row + 1], 2, np.ones(1)) for row in range(3)]
    expected = {"sum": sum(rows), "sum_over_batch_size": sum(rows) / 3, "none": rows}[reduction]
    assert cls(base=2, reduction=reduction)(y_true, y_pred) == pytest.approx(expected, rel=1e-14)


def test_nats_are_the_default():
    assert SparseCategoricalCrossentropy()(Y, P) == SparseCategoricalCrossentropy(base=None)(Y, P)
    assert SparseCategoricalCrossentropy()(Y, P) == pytest.approx(in_base(P[np.arange(3), Y], mp.e, np.ones(3)), rel=1e-15)


def test_units_share_a_state_and_its_health():
    metrics = [cls(base=base) for cls in (CategoricalCrossentropy, SparseCategoricalCrossentropy) for base in (None, 2, 10)]
    tally = Tally(metrics)
    sure = np.array([[1.0, 0.0, 0.0]])
    tally.update(Batch(np.array([1]), sure))
    # One for the value, one for the value under the exact convention, one for what was clipped.
    assert len(tally.states) == 3
    nats, bits, hartleys = tally.results()[:3]
    assert nats.value == pytest.approx(float(-log(mpf("1e-7"))), rel=1e-15)
    assert bits.value == pytest.approx(float(-log(mpf("1e-7"), 2)), rel=1e-15)
    assert hartleys.value == pytest.approx(7.0, rel=1e-15)
    assert bits.health.exact_value == float("inf")
    assert len({result.signature for result in tally.results()}) == 6


def test_the_unit_stands_in_the_configuration():
    metric = parse_spec("bits=scce:base=2").build()
    assert (metric.name, metric.parameters()["base"]) == ("bits", 2)
    assert SparseCategoricalCrossentropy.from_config(metric.get_config()).get_config() == metric.get_config()
    assert "base" not in parse_spec("perplexity").row.parameters


@pytest.mark.parametrize("base", [1, 0, 0.5, -2, float("inf"), float("nan")])
def test_what_is_no_unit_is_refused(base):
    with pytest.raises(UsageError, match="base must be a number greater than 1"):
        BinaryCrossentropy(base=base)
