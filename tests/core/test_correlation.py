"""Cosine similarity and correlations: against 40 digits, fractions, Keras, SciPy and scikit-learn, in rows and over rows."""

import itertools
import json
import math
from fractions import Fraction

import numpy as np
import pytest
import scipy.stats
from mpmath import mp, mpf

from xent.core.batch import Batch
from xent.core.errors import DataError, UsageError
from xent.core.groups import Groups
from xent.core.losses import correlation as functions
from xent.core.metrics.correlation import ConcordanceCorrelation, CosineSimilarity, PearsonCorrelation
from xent.core.table import row_of
from xent.core.tally import Tally

mp.dps = 40

METRICS = (CosineSimilarity, PearsonCorrelation, ConcordanceCorrelation)


def numbers(seed=0, shape=(12, 5), offset=0.0):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=shape)
    return y + offset, 0.5 * y + rng.normal(size=shape) + offset, rng.random(shape[0]) + 0.1


def value(metric, y, p, w=None):
    metric.update_state(y, p, w)
    return metric.result()


def moments(y, p, w):
    """Weighted means, variances and covariance, in 40 digits."""
    y, p, w = ([mpf(number) for number in np.asarray(side, dtype=float).tolist()] for side in (y, p, w))
    total = sum(w)
    y_mean, p_mean = (sum(a * b for a, b in zip(w, side, strict=True)) / total for side in (y, p))
    y, p = [a - y_mean for a in y], [a - p_mean for a in p]

    def product(one, other):
        return sum(a * b * c for a, b, c in zip(w, one, other, strict=True)) / total

    return y_mean, p_mean, product(y, y), product(p, p), product(y, p)


def pearson(y, p, w):
    _, _, var_y, var_p, cov = moments(y, p, w)
    return cov / mp.sqrt(var_y * var_p)


def concordance(y, p, w):
    y_mean, p_mean, var_y, var_p, cov = moments(y, p, w)
    return 2 * cov / (var_y + var_p + (y_mean - p_mean) ** 2 + mpf("1e-7"))


def cosine(y, p, w):
    y, p, w = ([mpf(number) for number in np.asarray(side, dtype=float).tolist()] for side in (y, p, w))
    yy, pp, yp = (sum(a * b * c for a, b, c in zip(w, *pair, strict=True)) for pair in ((y, y), (p, p), (y, p)))
    return yp / mp.sqrt(max(yy, mpf("1e-14")) * max(pp, mpf("1e-14")))


FORMULAS = {CosineSimilarity: cosine, PearsonCorrelation: pearson, ConcordanceCorrelation: concordance}
FUNCTIONS = {
    CosineSimilarity: lambda y, p: -functions.cosine_similarity(y, p),
    PearsonCorrelation: functions.pearson_correlation,
    ConcordanceCorrelation: functions.concordance_correlation,
}


@pytest.mark.parametrize("cls", METRICS)
@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_rows_are_the_formula(cls, offset):
    y, p, w = numbers(offset=offset)
    expected = [FORMULAS[cls](a, b, np.ones(5)) for a, b in zip(y, p, strict=True)]
    assert FUNCTIONS[cls](y, p) == pytest.approx([float(known) for known in expected], rel=1e-9)
    mean = sum(mpf(a) * b for a, b in zip(w.tolist(), expected, strict=True)) / sum(map(mpf, w.tolist()))
    assert value(cls(), y, p, w) == pytest.approx(float(mean), rel=1e-9)


@pytest.mark.parametrize("cls", METRICS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("offset", [0.0, 1e9, -1e15])
def test_columns_are_the_formula_to_the_last_bit_or_two(cls, weighted, offset):
    y, p, w = numbers(1, (40, 2), offset)
    weight = w if weighted else None
    expected = [float(FORMULAS[cls](y[:, k], p[:, k], w if weighted else np.ones(40))) for k in range(2)]
    assert value(cls(axis=0), y, p, weight) == pytest.approx(sum(expected) / 2, rel=5e-16)
    for k, known in enumerate(expected):
        assert value(cls(axis=0), y[:, k], p[:, k], weight) == pytest.approx(known, rel=3e-16)


@pytest.mark.parametrize("cls", [PearsonCorrelation, ConcordanceCorrelation])
@pytest.mark.parametrize("axis", [-1, 0, -2])
def test_rows_of_one_number_are_correlated_with_each_other(cls, axis):
    y, p, w = (side.reshape(-1) for side in numbers(2, (30, 1)))
    expected = float(FORMULAS[cls](y, p, w))
    for a, b in itertools.product((y, y[:, None]), (p, p[:, None])):
        assert value(cls(axis=axis), a, b, w) == pytest.approx(expected, rel=3e-16)
    if axis == -1:
        # What Keras's functions say of a vector.
        assert float(FUNCTIONS[cls](y, p)) == pytest.approx(float(FORMULAS[cls](y, p, np.ones(30))), rel=1e-13)


def test_correlation_over_rows_is_that_of_scipy():
    y, p, _ = numbers(3, (50,))
    assert value(PearsonCorrelation(), y, p) == pytest.approx(scipy.stats.pearsonr(y, p).statistic, rel=1e-13)


def test_a_row_of_one_number_has_a_cosine_of_its_own():
    assert value(CosineSimilarity(), [1.0, -2.0, 3.0, 0.0], [5.0, 5.0, 5.0, 5.0]) == 0.25


@pytest.mark.parametrize("cls", METRICS)
@pytest.mark.parametrize(("shape", "axis"), [((6, 4), -1), ((3, 4, 5), -1), ((3, 4, 5), (1, 2))])
def test_metrics_are_those_of_keras(keras, cls, shape, axis):
    y, p, w = numbers(4, shape)
    if cls is CosineSimilarity and axis != -1:
        # Keras takes several axes for the cosine too, but its NumPy backend does not; the axes are one vector.
        theirs = keras.metrics.CosineSimilarity()
        theirs.update_state(y.reshape(3, -1), p.reshape(3, -1), w)
    else:
        theirs = getattr(keras.metrics, cls.__name__)(axis=axis)
        theirs.update_state(y, p, w)
    assert value(cls(axis=axis), y, p, w) == pytest.approx(float(theirs.result()), rel=1e-5)


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight", None])
def test_the_cosine_loss_is_that_of_keras_with_its_sign(keras, reduction):
    y, p, w = numbers(5, (6, 4))
    theirs = keras.losses.CosineSimilarity(reduction=reduction)(y, p, w)
    assert functions.CosineSimilarity(reduction=reduction)(y, p, w) == pytest.approx(np.asarray(theirs), rel=1e-5)
    assert functions.CosineSimilarity(axis=0, reduction=None)(y, p) == pytest.approx(
        [-float(cosine(*c, np.ones(6))) for c in zip(y.T, p.T, strict=True)]
    )


def test_vectors_of_zeros_and_shorter_than_the_floor():
    assert functions.cosine_similarity([[0.0, 0.0]], [[1.0, 2.0]]).tolist() == [0.0]
    # Norms below 1e-7 are divided by 1e-7: 1e-8 1e-8 / 1e-14.
    assert functions.cosine_similarity([[1e-8]], [[1e-8]]).tolist() == pytest.approx([-0.01])
    assert value(CosineSimilarity(axis=0), [1e-8, 0.0], [1e-8, 0.0]) == pytest.approx(0.01)


@pytest.mark.parametrize("offset", [0.0, 0.1, 1e9])
def test_constant_numbers_have_no_correlation_and_a_concordance_of_0(offset):
    y, p = np.full((2, 3), offset), np.array([[1.0, 2.0, 3.0], [3.0, 1.0, 2.0]])
    for a, b in ((y, p), (p, y), (y, y)):
        assert np.isnan(functions.pearson_correlation(a, b)).all()
        for axis in (-1, 0):
            assert math.isnan(value(PearsonCorrelation(axis=axis), a, b))
            assert value(ConcordanceCorrelation(axis=axis), a, b) == 0.0


def test_perfect_correlation_is_1_exactly_over_rows():
    y = np.random.default_rng(6).normal(size=1000)
    assert value(PearsonCorrelation(), y, 2.0 * y) == 1.0
    assert value(PearsonCorrelation(), y, -y) == -1.0
    assert all(abs(functions.pearson_correlation(y.reshape(-1, 4), 3.0 * y.reshape(-1, 4))) <= 1.0)
    assert functions.pearson_correlation(y.reshape(1, -1) * 1e-200, y.reshape(1, -1) * 1e200) == pytest.approx(1.0, rel=1e-15)


@pytest.mark.parametrize("offset", [1e9, 1e15])
def test_correlations_of_rows_survive_a_mean_far_from_0(offset):
    # At 1e15 the mean itself is rounded by a good part of the spread.
    y, p, _ = numbers(7, (8, 6), offset)
    for cls in (PearsonCorrelation, ConcordanceCorrelation):
        expected = [float(FORMULAS[cls](a, b, np.ones(6))) for a, b in zip(y, p, strict=True)]
        assert FUNCTIONS[cls](y, p) == pytest.approx(expected, rel=1e-12)


def test_axes_that_make_no_sense_are_refused():
    y, p, _ = numbers(8, (3, 4, 2))
    for cls in METRICS:
        with pytest.raises(UsageError, match="joins the axis of the rows"):
            value(cls(axis=(0, 1)), y, p)
        with pytest.raises(DataError, match="out of range"):
            value(cls(axis=3), y, p)
        with pytest.raises(DataError, match="out of range"):
            value(cls(axis=(1, -2)), y, p)
    with pytest.raises(DataError, match="same shape"):
        functions.pearson_correlation([[1, 2]], [[1, 2, 3]])


def test_nothing_is_nan():
    for cls, axis in itertools.product(METRICS, (-1, 0)):
        assert math.isnan(cls(axis=axis).result())
        assert math.isnan(value(cls(axis=axis), [[1.0, 2.0]], [[2.0, 1.0]], [0.0]))
        assert math.isnan(value(cls(axis=axis), [[math.nan, 2.0]], [[2.0, 1.0]]))


def test_an_axis_of_several_survives_json():
    metric = PearsonCorrelation(axis=(1, 2))
    y, p, w = numbers(9, (5, 3, 2))
    metric.update_state(y, p, w)
    again = PearsonCorrelation.from_state(json.loads(json.dumps(metric.get_state())))
    assert again.axis == (1, 2)
    assert again.result() == metric.result()
    again.merge_state([metric])
    over_rows = ConcordanceCorrelation()
    over_rows.update_state(y[:, 0, 0], p[:, 0, 0], w)
    assert ConcordanceCorrelation.from_state(json.loads(json.dumps(over_rows.get_state()))).result() == over_rows.result()


@pytest.mark.parametrize("shape", [(90,), (90, 1), (90, 4)])
@pytest.mark.parametrize("axis", [-1, 0])
@pytest.mark.parametrize("weighted", [False, True])
def test_chunks_merges_and_order_change_no_bit(shape, axis, weighted):
    y, p, w = numbers(10, shape, 1e9)
    w = w if weighted else None

    def tally_of(at):
        tally = Tally([cls(axis=axis) for cls in METRICS])
        tally.update(Batch(y[at], p[at], None if w is None else w[at]))
        return tally

    def answers(tally):
        return repr([result.value for result in tally.results()])

    whole, order = answers(tally_of(slice(None))), np.random.default_rng(0).permutation(90)
    for size in (1, 7, 40):
        parts = [tally_of(order[start : start + size]) for start in range(0, 90, size)]
        while len(parts) > 1:
            for one, other in zip(parts[::2], parts[1::2], strict=False):
                one.merge(other)
            parts = parts[::2]
        assert answers(parts[0]) == whole


def test_slices_are_what_their_rows_give_alone():
    for shape in ((60,), (60, 3)):
        y, p, w = numbers(11, shape)
        codes = np.arange(60) % 2 * 2
        tally = Tally([cls() for cls in METRICS], groups=3)
        tally.update(Batch(y, p, w, Groups(codes, 3)))
        for group in (0, 2):
            at = codes == group
            alone = Tally([cls() for cls in METRICS])
            alone.update(Batch(y[at], p[at], w[at]))
            assert repr([r.value for r in tally.results(group)]) == repr([r.value for r in alone.results()])
        assert all(math.isnan(result.value) for result in tally.results(1))


def test_concordance_over_rows_is_rounded_once():
    y, p, _ = numbers(12, (25,), 1e9)
    a, b = ([Fraction(number) for number in side.tolist()] for side in (y, p))
    y_mean, p_mean = sum(a) / 25, sum(b) / 25
    cov = sum((c - y_mean) * (d - p_mean) for c, d in zip(a, b, strict=True)) / 25
    spread = sum((c - y_mean) ** 2 for c in a) / 25 + sum((d - p_mean) ** 2 for d in b) / 25
    expected = float(2 * cov / (spread + (y_mean - p_mean) ** 2 + Fraction(1e-7)))
    assert repr(value(ConcordanceCorrelation(), y, p)) == repr(expected)


def test_names():
    assert [row_of(name).cls for name in ("cosine", "pearson", "ccc")] == list(METRICS)
