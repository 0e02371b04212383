"""Mean errors, R², explained variance, the largest and the median error: against 40 digits, fractions, Keras and scikit-learn."""

import itertools
import json
import math
import warnings
from fractions import Fraction

import numpy as np
import pytest
import sklearn.metrics
from mpmath import mp, mpf

from xent.core.batch import Batch
from xent.core.errors import DataError, UsageError
from xent.core.groups import Groups
from xent.core.losses import regression as losses
from xent.core.metrics import extremes, regression
from xent.core.metrics.determination import ExplainedVariance, R2Score
from xent.core.metrics.extremes import MaxError, MedianAbsoluteError
from xent.core.metrics.means import Mean, MeanMetricWrapper, Sum
from xent.core.metrics.regression import Huber, MeanRelativeError, RootMeanSquaredError
from xent.core.moments import two_product
from xent.core.table import row_of
from xent.core.tally import Tally

mp.dps = 40

EPSILON = mpf("1e-7")


def numbers(seed=0, shape=(60,), offset=0.0):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=shape) * 3.0 + offset
    return y, y + rng.normal(size=shape), rng.random(shape[0]) + 0.1


def value(metric, y, p, w=None):
    metric.update_state(y, p, w)
    return metric.result()


def mpf_abs_percentage(y, p):
    return 100 * abs(p - y) / max(abs(y), EPSILON)


def mpf_squared_logs(y, p):
    return (mp.log(1 + max(p, EPSILON)) - mp.log(1 + max(y, EPSILON))) ** 2


def mpf_huber(y, p, delta=1):
    e = abs(p - y)
    return e * e / 2 if e <= delta else delta * e - mpf(delta) ** 2 / 2


FORMULAS = {
    "mean_squared_error": lambda y, p: (p - y) ** 2,
    "mean_absolute_error": lambda y, p: abs(p - y),
    "mean_absolute_percentage_error": mpf_abs_percentage,
    "mean_squared_logarithmic_error": mpf_squared_logs,
    "log_cosh_error": lambda y, p: mp.log(mp.cosh(p - y)),
    "huber": mpf_huber,
    "mean_relative_error": lambda y, p: abs(p - y) / abs(y) if y else mpf(0),
}

FUNCTIONS = {
    "mean_squared_error": losses.mean_squared_error,
    "mean_absolute_error": losses.mean_absolute_error,
    "mean_absolute_percentage_error": losses.mean_absolute_percentage_error,
    "mean_squared_logarithmic_error": losses.mean_squared_logarithmic_error,
    "log_cosh_error": losses.log_cosh,
    "huber": losses.huber,
}

AWKWARD = [(0.0, 1.0), (1e-9, -2e-9), (5.0, 5.0), (-3.0, 3.0), (2.0, 2.0 + 1e-7), (1e-8, 0.0), (0.0, 720.0), (-1.0, 0.0), (2.0, 3.0)]
"""Labels and predictions at the ends of the formulas: zeros, floors, tiny errors, errors at a bend, and ones whose cosh overflows."""


@pytest.mark.parametrize("name", FORMULAS)
def test_every_value_is_the_formula(name):
    y, p, w = numbers()
    rows = [*zip(y.tolist(), p.tolist(), strict=True), *AWKWARD]
    expected = [FORMULAS[name](mpf(label), mpf(prediction)) for label, prediction in rows]
    y, p = (np.array(side) for side in zip(*rows, strict=True))
    for label, prediction, known in zip(y, p, expected, strict=True):
        assert value(row_of(name).cls(), [label], [prediction]) == pytest.approx(float(known), rel=1e-13, abs=1e-30)
    w = np.resize(w, len(y))
    weights = [mpf(weight) for weight in w.tolist()]
    mean = sum(weight * known for weight, known in zip(weights, expected, strict=True)) / sum(weights)
    assert value(row_of(name).cls(), y, p, w) == pytest.approx(float(mean), rel=1e-13)
    if name in FUNCTIONS:
        assert FUNCTIONS[name](y[:, None], p[:, None]) == pytest.approx([float(known) for known in expected], rel=1e-13, abs=1e-30)
        assert float(FUNCTIONS[name](y, p)) == pytest.approx(float(sum(expected) / len(expected)), rel=1e-13)


@pytest.mark.parametrize(
    ("name", "keras_name"),
    [(name, "LogCoshError" if name == "log_cosh_error" else row_of(name).cls.__name__) for name in FORMULAS if "relative" not in name],
)
@pytest.mark.parametrize("shape", [(7, 1), (7, 3), (4, 3, 2)])
def test_metrics_and_losses_are_those_of_keras(keras, name, keras_name, shape):
    y, p, w = numbers(3, shape)
    mine = row_of(name).cls()
    loss_name = "LogCosh" if name == "log_cosh_error" else keras_name
    for weight in (None, w):
        if name != "huber":
            theirs = getattr(keras.metrics, keras_name)()
            theirs.update_state(y, p, weight)
            mine.reset_state()
            assert value(mine, y, p, weight) == pytest.approx(float(theirs.result()), rel=1e-5)
        for reduction in ("sum_over_batch_size", "sum", "none"):
            there, here = (getattr(side, loss_name)(reduction=reduction) for side in (keras.losses, losses))
            weights = None if weight is None else weight.reshape(-1, *(1,) * (len(shape) - 2))
            assert here(y, p, weights) == pytest.approx(np.asarray(there(y, p, weights)), rel=1e-5, abs=1e-6)


def test_the_root_of_the_mean_squared_error(keras):
    y, p, _ = numbers(1, (6, 4))
    for w in (None, np.arange(6.0), np.arange(24.0).reshape(6, 4), 2.0):
        theirs = keras.metrics.RootMeanSquaredError()
        theirs.update_state(y, p, w)
        assert value(RootMeanSquaredError(), y, p, w) == pytest.approx(float(theirs.result()), rel=1e-6)


def test_vectors_and_columns_are_the_same_rows():
    y, p, w = numbers(2)
    for name in (*FORMULAS, "root_mean_squared_error", "r2_score", "explained_variance", "max_error", "median_absolute_error"):
        results = {
            repr(value(row_of(name).cls(), labels, predictions, w))
            for labels, predictions in itertools.product((y, y[:, None]), (p, p[:, None]))
        }
        assert len(results) == 1, name


def test_log_cosh_keeps_the_digits_of_small_errors_and_does_not_overflow():
    assert value(regression.LogCoshError(), [0.0], [1e-9]) == pytest.approx(5e-19, rel=1e-15)
    assert value(regression.LogCoshError(), [0.0], [-1e6]) == pytest.approx(1e6 - math.log(2.0), rel=1e-15)
    assert value(regression.LogCoshError(), [0.0], [math.inf]) == math.inf


@pytest.mark.parametrize("delta", [0.25, 1, 3.5])
def test_huber_bends_at_delta(delta):
    y, p, _ = numbers(4)
    expected = sum(mpf_huber(mpf(a), mpf(b), delta) for a, b in zip(y.tolist(), p.tolist(), strict=True)) / len(y)
    assert value(Huber(delta=delta), y, p) == pytest.approx(float(expected), rel=1e-13)
    assert float(losses.Huber(delta)(y, p)) == pytest.approx(float(expected), rel=1e-13)
    for wrong in (0, -1.0, math.nan):
        with pytest.raises(UsageError, match="delta"):
            Huber(delta=wrong)


def test_errors_too_large_to_square_are_infinite_without_a_warning():
    assert value(regression.MeanSquaredError(), [-1e200], [1e200]) == math.inf
    assert value(Huber(), [-1e200], [1e200]) == 2e200
    assert math.isnan(value(R2Score(), [-1e200, 1.0], [1e200, 1.0]))


def test_relative_errors_have_the_normalizer_of_tf_keras():
    # The example in the documentation of tf.keras.metrics.MeanRelativeError.
    assert value(MeanRelativeError(normalizer=[1, 3, 2, 3]), [1, 3, 2, 3], [2, 4, 6, 8]) == 1.25
    assert value(MeanRelativeError(normalizer=2), [1, 3], [2, 5]) == 0.75
    assert value(MeanRelativeError([2, 0]), [[1, 3]], [[2, 5]]) == 0.25
    with pytest.raises(DataError, match=r"\(3,\)"):
        value(MeanRelativeError([1, 2, 3]), [1, 2], [1, 2])
    tally = Tally([MeanRelativeError([1, 2])])
    with pytest.raises(DataError, match=r"\(2,\)"):
        tally.update(Batch(np.array([1.0, 2.0]), np.array([1.0, 2.0])))
    kept = MeanRelativeError([[1.0], [2.0]])
    kept.update_state([1, 2], [2, 4])
    assert MeanRelativeError.from_state(json.loads(json.dumps(kept.get_state()))).result() == kept.result() == 1.0


def test_unlike_shapes_are_refused():
    for name in (*FORMULAS, "root_mean_squared_error", "r2_score", "max_error", "median_absolute_error"):
        with pytest.raises(DataError, match="same shape"):
            value(row_of(name).cls(), [[1, 2], [3, 4]], [[1, 2]])
    with pytest.raises(DataError, match="scalars"):
        losses.mean_squared_error(1.0, 2.0)


# R² and explained variance.


def exact_r2(y, p, w):
    y, p, w = ([Fraction(number) for number in side.tolist()] for side in (y, p, w))
    mean = sum(a * b for a, b in zip(w, y, strict=True)) / sum(w)
    total = sum(a * (b - mean) ** 2 for a, b in zip(w, y, strict=True))
    return float(1 - sum(a * (b - c) ** 2 for a, b, c in zip(w, y, p, strict=True)) / total)


def exact_explained(y, p, w):
    y, p, w = ([Fraction(number) for number in side.tolist()] for side in (y, p, w))

    def variance(x):
        mean = sum(a * b for a, b in zip(w, x, strict=True)) / sum(w)
        return sum(a * (b - mean) ** 2 for a, b in zip(w, x, strict=True)) / sum(w)

    return float(1 - variance([a - b for a, b in zip(y, p, strict=True)]) / variance(y))


@pytest.mark.parametrize("offset", [0.0, 1e9, -1e15, 1e-120])
@pytest.mark.parametrize("weighted", [False, True])
def test_r2_and_explained_variance_are_rounded_once(offset, weighted):
    y, p, w = numbers(5, offset=offset)
    w = w if weighted else None
    ones = np.ones(len(y)) if w is None else w
    assert repr(value(R2Score(), y, p, w)) == repr(exact_r2(y, p, ones))
    assert repr(value(ExplainedVariance(), y, p, w)) == repr(exact_explained(y, p, ones))


def test_a_product_and_its_rest_are_exact():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=500) * 10.0 ** rng.integers(-60, 60, 500), rng.normal(size=500)
    for one, other, high, low in zip(a.tolist(), b.tolist(), *map(np.ndarray.tolist, two_product(a, b)), strict=True):
        assert Fraction(high) + Fraction(low) == Fraction(one) * Fraction(other)


@pytest.mark.parametrize("aggregation", ["uniform_average", "variance_weighted_average", None])
def test_r2_of_several_outputs(keras, aggregation):
    y, p, w = numbers(6, (9, 3))
    matrix = np.random.default_rng(1).random((9, 3))
    matrix[4] = 0.0
    sk = {"variance_weighted_average": "variance_weighted", None: "raw_values"}.get(aggregation, aggregation)
    for weight in (None, w):
        expected = sklearn.metrics.r2_score(y, p, sample_weight=weight, multioutput=sk)
        assert value(R2Score(aggregation), y, p, weight) == pytest.approx(expected, rel=1e-12)
        expected = sklearn.metrics.explained_variance_score(y, p, sample_weight=weight, multioutput=sk)
        assert value(ExplainedVariance(multioutput=sk), y, p, weight) == pytest.approx(expected, rel=1e-12)
    for weight in (w[:, None], matrix, 0.5):
        theirs = keras.metrics.R2Score(aggregation)
        theirs.update_state(y, p, weight)
        assert value(R2Score(aggregation), y, p, weight) == pytest.approx(np.asarray(theirs.result()), rel=1e-4)


def test_adjusted_r2(keras):
    y, p, w = numbers(7, (9, 1))
    theirs = keras.metrics.R2Score(num_regressors=3)
    theirs.update_state(y, p)
    assert value(R2Score(num_regressors=3), y, p) == pytest.approx(float(theirs.result()), rel=1e-5)
    # Rows of weight 0 are no samples.
    w[:2] = 0.0
    plain = exact_r2(y[:, 0], p[:, 0], w)
    assert value(R2Score(num_regressors=3), y, p, w) == pytest.approx(1 - (1 - plain) * 6 / 3, rel=1e-12)
    metric = R2Score(num_regressors=8)
    metric.update_state(y, p)
    with pytest.warns(UserWarning, match="not adjusted"):
        assert metric.result() == value(R2Score(), y, p)


def test_r2_of_constant_labels_is_what_keras_says():
    assert value(R2Score(), [2.0, 2.0], [1.0, 2.0]) == 0.0
    assert math.isnan(value(R2Score(), [2.0, 2.0], [2.0, 2.0]))
    assert math.isnan(R2Score().result())
    assert math.isnan(value(R2Score(), [1.0, 2.0], [1.0, 2.0], [0.0, 0.0]))
    assert value(R2Score(), [0.1, 0.2, 0.3], [0.1, 0.2, 0.3]) == 1.0


@pytest.mark.parametrize("force_finite", [True, False])
@pytest.mark.parametrize("p", [[2.0, 2.0], [1.0, 1.0], [1.0, 2.0]])
def test_explained_variance_of_constant_labels_is_what_scikit_learn_says(p, force_finite):
    with np.errstate(all="ignore"):
        expected = sklearn.metrics.explained_variance_score([2.0, 2.0], p, force_finite=force_finite)
    assert value(ExplainedVariance(force_finite=force_finite), [2.0, 2.0], p) == pytest.approx(expected, nan_ok=True)


def test_constant_labels_of_one_slice_do_not_touch_another():
    """The scores 1 and 0.75 of the first slice weigh 4 to 1; in the second no label varies, and both outputs count alike."""
    y = np.array([[0.0, 0.0], [4.0, 2.0], [3.0, 3.0], [3.0, 3.0]])
    p = np.array([[0.0, 0.5], [4.0, 1.5], [3.0, 1.0], [3.0, 2.0]])
    metric = ExplainedVariance(multioutput="variance_weighted")
    state = metric.lift(Batch(y, p, groups=Groups(np.array([0, 0, 1, 1]), 2)))
    assert metric.finish(state) == pytest.approx([(4 * 1.0 + 1 * 0.75) / 5, 0.5], rel=1e-14)
    for rows, found in ((slice(0, 2), 0.95), (slice(2, 4), 0.5)):
        assert sklearn.metrics.explained_variance_score(y[rows], p[rows], multioutput="variance_weighted") == pytest.approx(found)


def test_medians_of_equal_errors_that_come_again_and_again():
    metric = MedianAbsoluteError()
    for errors in ([1.0, 1.0, 1.0], [1.0, 1.0], [2.0, 3.0, 4.0, 5.0], [6.0, 7.0]):
        metric.update_state(np.zeros(len(errors)), errors)
    assert metric.result() == 2.0  # The sixth of 11.


def test_medians_of_slices_that_are_put_together():
    random = np.random.default_rng(14)
    y, p, codes = random.normal(size=(60, 2)), random.normal(size=(60, 2)), random.integers(0, 3, 60)
    metric, places = MedianAbsoluteError(), np.array([1, 0, 1])
    state = metric.lift(Batch(y, p, groups=Groups(codes, 3))).regrouped(places, 2)
    expected = [np.median(np.abs(y - p)[places[codes] == group], axis=0).mean() for group in range(2)]
    assert metric.finish(state) == pytest.approx(expected, rel=1e-14)


def test_wrong_options_are_refused():
    for make in (lambda: R2Score("mean"), lambda: R2Score(num_regressors=-1), lambda: ExplainedVariance(multioutput="mean")):
        with pytest.raises(UsageError):
            make()
    with pytest.raises(DataError, match="one column per output"):
        value(R2Score(), np.zeros((2, 3, 4)), np.zeros((2, 3, 4)))
    with pytest.raises(DataError, match="broadcast"):
        value(R2Score(), [1, 2, 3], [1, 2, 3], [1, 2])
    one, three = R2Score(), R2Score()
    one.update_state([1, 2], [1, 3])
    three.update_state([[1, 2, 3]], [[1, 2, 4]])
    with pytest.raises(DataError, match="1 and of 3 outputs"):
        one.merge_state([three])


# The largest and the median error.


def test_the_largest_error_is_that_of_scikit_learn():
    y, p, w = numbers(8)
    assert value(MaxError(), y, p) == sklearn.metrics.max_error(y, p)
    w[np.argmax(np.abs(p - y))] = 0.0
    assert value(MaxError(), y, p, w) == sklearn.metrics.max_error(y[w > 0], p[w > 0])
    assert math.isnan(MaxError().result())
    assert math.isnan(value(MaxError(), [1.0], [2.0], [0.0]))
    assert value(MaxError(), [1.0, 2.0], [1.0, 2.0]) == 0.0
    assert math.isnan(value(MaxError(), [1.0, 2.0], [math.nan, 5.0]))


@pytest.mark.parametrize("count", [1, 2, 3, 10, 61])
@pytest.mark.parametrize("weights", [None, "equal", "random", "halves", "zeros"])
def test_the_median_error_is_that_of_scikit_learn(count, weights):
    rng = np.random.default_rng(count)
    for width in (1, 3):
        # Errors that repeat, so that entries of one error and several weights occur.
        y, p = np.zeros((count, width)), rng.integers(-6, 7, (count, width)) / 4.0
        w = {
            "equal": np.full(count, 0.75),
            "random": rng.random(count) + 0.1,
            "halves": rng.integers(1, 4, count) / 2.0,
            "zeros": np.append(rng.integers(0, 3, count - 1), 1.0),
        }.get(weights)
        expected = sklearn.metrics.median_absolute_error(y, p, sample_weight=w)
        assert value(MedianAbsoluteError(), y, p, w) == pytest.approx(expected, rel=1e-15)


def test_half_of_the_weight_is_found_without_rounding():
    # Ten times 0.7 are not 7 to float64, and then half of the sum is no partial sum.
    assert value(MedianAbsoluteError(), np.zeros(10), np.arange(10.0), np.full(10, 0.7)) == 4.5
    assert value(MedianAbsoluteError(), np.zeros(5), np.arange(5.0), [1, 2, 0, 2, 1]) == 2.0
    # With different weights too: here the first value tips the scale by less than a float64 of the sum can say.
    assert value(MedianAbsoluteError(), np.zeros(3), np.arange(3.0), [2.0**-60, 1.0, 1.0]) == 1.0


def test_degenerate_medians():
    assert math.isnan(MedianAbsoluteError().result())
    assert math.isnan(value(MedianAbsoluteError(), [1.0], [2.0], [0.0]))
    assert math.isnan(value(MedianAbsoluteError(), [1.0, 2.0], [math.nan, 2.0]))
    assert value(MedianAbsoluteError(), [0.0, 0.0], [math.inf, 1.0]) == math.inf
    assert value(MedianAbsoluteError(), [0.0, 0.0], [1.7e308, 1.7e308]) == 1.7e308


def test_a_median_remembers_distinct_errors_only():
    metric = MedianAbsoluteError()
    for _ in range(20):
        metric.update_state(np.zeros(500), np.arange(500) % 5)
    assert sum(len(run.counts) for run in metric._state.runs) == 5
    assert metric._state.rows.tolist() == [[10000]]


def test_runs_of_a_median_stay_few():
    rng = np.random.default_rng(0)
    metric = MedianAbsoluteError()
    for _ in range(200):
        metric.update_state(np.zeros(10), rng.random(10))
    sizes = [len(run.counts) for run in metric._state.runs]
    assert sum(sizes) == 2000
    assert all(2 * small <= large for small, large in itertools.pairwise(sizes))


# Means of anything.


def test_mean_and_sum_take_values_of_any_shape():
    assert (Mean()([1.0, 2.0, 6.0]), Sum()([1.0, 2.0, 6.0])) == (3.0, 9.0)
    assert (Mean()(4.0), Sum()(4.0, 0.5)) == (4.0, 2.0)
    assert Mean()([[1.0, 3.0], [5.0, 7.0]], [1.0, 3.0]) == 5.0
    assert Sum()([[1.0, 3.0], [5.0, 7.0]], [1.0, 3.0]) == 40.0
    assert math.isnan(Mean().result())
    assert Sum().result() == 0.0
    assert Sum()([1e16, 1.0, -1e16]) == 1.0
    for metric in (Mean(), Sum()):
        with pytest.raises(DataError, match="broadcast"):
            metric.update_state([1.0, 2.0], [1.0, 2.0, 3.0])


def test_mean_and_sum_of_a_file_are_those_of_the_predictions():
    tally = Tally([Mean(), Sum()])
    tally.update(Batch(np.array([1, 0, 1]), np.array([0.5, 0.25, 0.75]), np.array([1.0, 1.0, 2.0])))
    assert [result.value for result in tally.results()] == [0.5625, 2.25]


def test_the_mean_of_any_function():
    def gaps(y_true, y_pred, scale):
        return scale * np.abs(y_true - y_pred).max(axis=-1)

    metric = MeanMetricWrapper(gaps, scale=2.0)
    assert value(metric, [[1, 2], [3, 4]], [[1, 5], [3, 3]], [1, 3]) == 3.0
    assert (metric.name, repr(metric)) == ("gaps", "MeanMetricWrapper(gaps, scale=2.0)")
    assert MeanMetricWrapper.from_config(metric.get_config()).lift == metric.lift
    known = MeanMetricWrapper(losses.huber, name="robust", delta=2.0)
    known.update_state([0, 0], [1, 4])
    again = MeanMetricWrapper.from_state(json.loads(json.dumps(known.get_state())))
    assert (again.name, again.fn, again.result()) == ("robust", losses.huber, 3.25)
    with pytest.raises(UsageError, match="no_such"):
        MeanMetricWrapper("no_such")
    with pytest.raises(DataError, match="one value a row"):
        value(MeanMetricWrapper(lambda y_true, y_pred: y_pred[:1]), [1, 2], [1, 2])


# Chunks, merges, order and slices.

EVERYTHING = [
    *FORMULAS,
    "root_mean_squared_error",
    "r2_score",
    "explained_variance",
    "max_error",
    "median_absolute_error",
    "mean",
    "sum",
]


def tally_of(y, p, w, codes=None, groups=1, nan="error"):
    tally = Tally([row_of(name).cls() for name in EVERYTHING], groups=groups, nan=nan)
    tally.update(Batch(y, p, w, None if codes is None else Groups(codes, groups)))
    return tally


@pytest.mark.parametrize("shape", [(90,), (90, 3)])
@pytest.mark.parametrize("weighted", [False, True])
def test_chunks_merges_and_order_change_no_bit(shape, weighted):
    y, p, w = numbers(9, shape, offset=1e9)
    w = w if weighted else None
    whole = repr([result.value for result in tally_of(y, p, w).results()])
    order = np.random.default_rng(0).permutation(90)
    for size in (1, 7, 40):
        parts = []
        for start in range(0, 90, size):
            at = order[start : start + size]
            parts.append(tally_of(y[at], p[at], None if w is None else w[at]))
        while len(parts) > 1:
            # A tree of merges, lopsided wherever the number of parts is odd.
            for one, other in zip(parts[::2], parts[1::2], strict=False):
                one.merge(other)
            parts = parts[::2]
        assert repr([result.value for result in parts[0].results()]) == whole


def test_slices_are_what_their_rows_give_alone():
    y, p, w = numbers(10, (80, 2))
    codes = np.random.default_rng(3).integers(0, 4, 80)
    codes[codes == 2] = 1
    tally = tally_of(y, p, w, codes, groups=4)
    for group in (0, 1, 3):
        at = codes == group
        alone = tally_of(y[at], p[at], w[at]).results()
        assert repr([result.value for result in tally.results(group)]) == repr([result.value for result in alone])
    empty = {result.name: result.value for result in tally.results(2)}
    assert empty.pop("sum") == 0.0
    assert all(math.isnan(number) for number in empty.values())


@pytest.mark.parametrize("name", EVERYTHING)
def test_states_survive_json_and_can_be_taken_apart(name):
    y, p, w = numbers(11, (40, 2))
    codes = np.arange(40) % 3
    tally = Tally([row_of(name).cls()], groups=3)
    tally.update(Batch(y, p, w, Groups(codes, 3)))
    metric = tally.metrics[0]
    state = next(iter(tally.states.values()))
    again = type(state).from_json(json.loads(json.dumps(state.to_json())))
    for group in range(3):
        expected = repr(tally.results(group)[0].value)
        assert repr(metric.finish(again)[group].item()) == expected
        assert repr(metric.finish(again.take(group))[0].item()) == expected


def test_nothing_warns_of_missing_and_infinite_values():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for y, p in itertools.product((math.nan, math.inf, -math.inf, 0.0, 1e-320), repeat=2):
            results = tally_of(np.array([y, 1.0]), np.array([p, 2.0]), np.array([0.0, 1.0]), nan="propagate").results()
            assert len(results) == len(EVERYTHING)


def test_extremes_keep_no_rows():
    assert row_of("median_absolute_error").memory == "distinct errors"
    assert row_of("max_error").memory == "constant"
    assert extremes.LargestError.largest == {"value"}


def test_the_set_for_regression():
    names = ("mean_squared_error", "root_mean_squared_error", "mean_absolute_error", "r2_score", "huber", "mean_relative_error")
    assert [name for name in names if "regression" in row_of(name).tasks] == list(names[:4])
    aliases = {"mse", "mae", "mape", "msle", "rmse", "logcosh", "log_cosh", "LogCosh", "r2", "huber_loss", "MeanRelativeError", "medae"}
    assert {row_of(alias).name for alias in aliases} <= set(EVERYTHING)
