"""The values of the cross-entropy family against other sources: the formulas in 40 digits, scikit-learn, PyTorch's formulas, Keras."""

import itertools
import warnings

import numpy as np
import pytest
from mpmath import exp, log, log1p, mp, mpf
from sklearn.metrics import log_loss

from xent import losses, metrics
from xent.core.batch import Batch
from xent.core.errors import DataError, DomainError, UnknownNameError, UsageError
from xent.core.tally import Tally

mp.dps = 40
EPSILON = mpf("1e-7")
KERAS, EXACT = EPSILON, None


def clipped(p, epsilon):
    return p if epsilon is None else min(max(p, epsilon), 1 - epsilon)


def times_log(y, p):
    return mpf(0) if y == 0 else (y * log(p) if p else mpf("-inf"))


def exactly(row):
    return [mpf(float(value)) for value in row]


def softmax(row):
    largest = max(row)
    powers = [exp(x - largest) for x in row]
    return [power / sum(powers) for power in powers]


def categorical(y, p, epsilon=KERAS, renormalise=True, smoothing=0.0, from_logits=False):
    """-Σ y ln q of one row, in 40 digits."""
    y, p, s = exactly(y), exactly(p), mpf(smoothing)
    y = [value * (1 - s) + s / len(y) for value in y]
    if from_logits:
        q = softmax(p)
    else:
        total = sum(p) if renormalise else 1
        q = [clipped(value / total, epsilon) for value in p]
    return -sum(times_log(label, value) for label, value in zip(y, q, strict=True))


def binary(y, p, epsilon=KERAS, smoothing=0.0, from_logits=False, least=None):
    """The mean over one row of -(y ln p + (1 - y) ln(1 - p)), in 40 digits."""
    y, p, s = exactly(y), exactly(p), mpf(smoothing)
    total = mpf(0)
    for label, value in zip(y, p, strict=True):
        label = label * (1 - s) + s / 2
        if from_logits:
            total += max(value, 0) - value * label + log1p(exp(-abs(value)))
        else:
            value = clipped(value, epsilon)
            if least is None:
                total -= times_log(label, value) + times_log(1 - label, 1 - value)
            else:
                logs = [max(log(part), least) if part else least for part in (value, 1 - value)]
                total -= label * logs[0] + (1 - label) * logs[1]
    return total / len(y)


RANDOM = np.random.default_rng(2)
ROWS = 40
SHARES = np.concatenate([RANDOM.dirichlet(np.full(5, 0.3), ROWS - 3), np.eye(5)[[1, 2]], [[0.0, 0.5, 0.0, 0.5, 0.0]]])
UNNORMALISED = SHARES * RANDOM.uniform(0.2, 3, (ROWS, 1))
HARD = np.eye(5)[RANDOM.integers(0, 5, ROWS)]
SOFT = RANDOM.dirichlet(np.ones(5), ROWS)
LOGITS = RANDOM.normal(0, 4, (ROWS, 5))
EVENTS = RANDOM.integers(0, 2, (ROWS, 5)).astype(float)
CHANCES = np.concatenate([RANDOM.random((ROWS - 2, 5)), [[0, 1, 1e-9, 1 - 1e-9, 0.5]], [[1, 0, 1e-7, 1 - 1e-7, 1e-300]]])
FAR = np.array([[1e4, -1e4, 0.0], [-1e4, 1e4, 1e4], [710.0, -710.0, 0.5], [1e-30, 0.0, -1e-30], [1e4, 1e4, 1e4]])


def one_value(metric, y, p, weight=None):
    metric.reset_state()
    metric.update_state(y, p, weight)
    return metric.result()


def assert_mean(metric, y, p, formula, rtol=1e-12, **options):
    """The metric is the mean of the formula, with and without weights; and the loss function gives its rows."""
    values = [formula(*row, **options) for row in zip(y, p, strict=True)]
    weight = np.random.default_rng(1).random(len(values))
    assert one_value(metric, y, p) == pytest.approx(float(sum(values) / len(values)), rel=rtol)
    exact_weight = exactly(weight)
    weighted = sum(value * w for value, w in zip(values, exact_weight, strict=True)) / sum(exact_weight)
    assert one_value(metric, y, p, weight) == pytest.approx(float(weighted), rel=rtol)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("labels", [HARD, SOFT], ids=["hard", "soft"])
def test_categorical_against_the_formula(labels, smoothing):
    for scores in (SHARES, UNNORMALISED):
        expected = [float(categorical(y, p, smoothing=smoothing)) for y, p in zip(labels, scores, strict=True)]
        found = losses.categorical_crossentropy(labels, scores, label_smoothing=smoothing)
        # The logarithm of 1 - 1e-7 has the absolute precision of 1 - 1e-7.
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-16)
        assert_mean(metrics.CategoricalCrossentropy(label_smoothing=smoothing), labels, scores, categorical, smoothing=smoothing)
    expected = [float(categorical(y, x, smoothing=smoothing, from_logits=True)) for y, x in zip(labels, LOGITS, strict=True)]
    found = losses.categorical_crossentropy(labels, LOGITS, from_logits=True, label_smoothing=smoothing)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("labels", [EVENTS, SOFT], ids=["hard", "soft"])
def test_binary_against_the_formula(labels, smoothing):
    expected = [float(binary(y, p, smoothing=smoothing)) for y, p in zip(labels, CHANCES, strict=True)]
    # 1 - p is rounded before its logarithm is taken, which p = 1 - 1e-7 shows in the 9th digit.
    np.testing.assert_allclose(losses.binary_crossentropy(labels, CHANCES, label_smoothing=smoothing), expected, rtol=1e-9)
    assert_mean(metrics.BinaryCrossentropy(label_smoothing=smoothing), labels, CHANCES, binary, rtol=1e-9, smoothing=smoothing)
    expected = [float(binary(y, x, smoothing=smoothing, from_logits=True)) for y, x in zip(labels, LOGITS, strict=True)]
    found = losses.binary_crossentropy(labels, LOGITS, from_logits=True, label_smoothing=smoothing)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("from_logits", [False, True])
def test_sparse_is_categorical_with_one_hot_labels_to_the_bit(from_logits):
    scores = LOGITS if from_logits else UNNORMALISED
    index = HARD.argmax(axis=1)
    found = losses.sparse_categorical_crossentropy(index, scores, from_logits=from_logits)
    assert found.tolist() == losses.categorical_crossentropy(HARD, scores, from_logits=from_logits).tolist()
    assert losses.sparse_categorical_crossentropy(index[:, None], scores, from_logits=from_logits).tolist() == found.tolist()
    expected = [float(categorical(y, p, from_logits=from_logits)) for y, p in zip(HARD, scores, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-16)


def test_logits_of_ten_thousand():
    for y in itertools.product([0.0, 1.0], repeat=3):
        labels = np.broadcast_to(y, FAR.shape)
        expected = [float(binary(row, x, from_logits=True)) for row, x in zip(labels, FAR, strict=True)]
        np.testing.assert_allclose(losses.binary_crossentropy(labels, FAR, from_logits=True), expected, rtol=1e-14, atol=1e-300)
    for index in range(3):
        labels = np.broadcast_to(np.eye(3)[index], FAR.shape)
        expected = [float(categorical(row, x, from_logits=True)) for row, x in zip(labels, FAR, strict=True)]
        np.testing.assert_allclose(losses.categorical_crossentropy(labels, FAR, from_logits=True), expected, rtol=1e-13)
        found = losses.sparse_categorical_crossentropy(np.full(len(FAR), index), FAR, from_logits=True)
        np.testing.assert_allclose(found, expected, rtol=1e-13)
    assert losses.categorical_crossentropy([[0.0, 1.0]], [[1e4, -1e4]], from_logits=True).tolist() == [20000.0]
    assert losses.binary_crossentropy([[0.0]], [[1e4]], from_logits=True).tolist() == [10000.0]


def test_the_worst_that_a_clip_lets_happen():
    """-ln 1e-7 in float64 (inventory, section 1.3)."""
    worst = float(-log(EPSILON))
    assert losses.categorical_crossentropy([[0, 1]], [[1, 0]])[0] == pytest.approx(worst, rel=1e-14)
    assert losses.binary_crossentropy([[1]], [[0]])[0] == pytest.approx(worst, rel=1e-14)
    # Unlike plain cross-entropy, the focal ones are clipped for logits too (inventory, section 1.9).
    assert losses.binary_focal_crossentropy([[1]], [[-1e4]], from_logits=True)[0] == pytest.approx(worst, rel=1e-12)
    focal = losses.categorical_focal_crossentropy([[0, 1]], [[1e4, -1e4]], alpha=1.0, gamma=0.0, from_logits=True)[0]
    assert focal == pytest.approx(worst, rel=1e-12)


def test_a_row_of_zeros_is_nan_as_in_keras():
    assert np.isnan(losses.categorical_crossentropy([[0, 1]], [[0, 0]])[0])


# Axis.


@pytest.mark.parametrize("axis", [0, 1, 2, -2, -3, -1])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_classes_may_stand_on_any_axis(axis, smoothing):
    shape = (3, 4, 5)
    scores = RANDOM.random(shape) + 0.01
    labels = RANDOM.random(shape)
    turned = np.moveaxis(labels, axis, -1), np.moveaxis(scores, axis, -1)
    rows = [row.reshape(-1, row.shape[-1]) for row in turned]
    for function, formula in ((losses.categorical_crossentropy, categorical), (losses.binary_crossentropy, binary)):
        found = function(labels, scores / 2, label_smoothing=smoothing, axis=axis)
        assert found.shape == turned[1].shape[:-1]
        expected = [float(formula(y, p / 2, smoothing=smoothing)) for y, p in zip(*rows, strict=True)]
        np.testing.assert_allclose(found.reshape(-1), expected, rtol=1e-11)


@pytest.mark.parametrize("axis", [1, -1, 2])
def test_sparse_labels_have_every_axis_but_that_of_the_classes(axis):
    scores = RANDOM.random((2, 4, 4)) + 0.01
    index = RANDOM.integers(0, 4, (2, 4))
    one_hot = np.moveaxis(np.eye(4)[index], -1, axis)
    expected = losses.categorical_crossentropy(one_hot, scores, axis=axis).tolist()
    assert losses.sparse_categorical_crossentropy(index, scores, axis=axis).tolist() == expected
    metric = metrics.SparseCategoricalCrossentropy(axis=axis)
    assert metric(index, scores) == pytest.approx(np.mean(expected), rel=1e-14)
    assert metrics.CategoricalCrossentropy(axis=axis)(one_hot, scores) == metric.result()


@pytest.mark.parametrize("axis", [2, -3, True])
def test_other_axes_are_refused(axis):
    for function in (losses.categorical_crossentropy, losses.binary_crossentropy, losses.categorical_focal_crossentropy):
        with pytest.raises(DataError, match="axis"):
            function([[0, 1]], [[0.5, 0.5]], axis=axis)
    with pytest.raises(DataError, match="axis"):
        losses.sparse_categorical_crossentropy([0], [[0.5, 0.5]], axis=axis)


# `ignore_class`.


def test_ignored_rows_never_count():
    """The documented example: Keras's metric gives 0.28917 without weights, which averages the zero of the ignored row in."""
    y, p = np.array([-1, 1, 0]), np.array([[0.2, 0.8], [0.4, 0.6], [0.3, 0.7]])
    expected = float((categorical([0, 1], p[1]) + categorical([1, 0], p[2])) / 2)
    loss = losses.SparseCategoricalCrossentropy(ignore_class=-1)
    assert loss(y, p) == pytest.approx(expected, rel=1e-14)
    metric = metrics.SparseCategoricalCrossentropy(ignore_class=-1)
    assert metric(y, p) == pytest.approx(expected, rel=1e-14)
    metric.reset_state()
    assert metric(y, p, np.ones(3)) == pytest.approx(expected, rel=1e-14)
    metric.reset_state()
    assert metric(y, p, np.array([100.0, 1.0, 3.0])) == pytest.approx(
        float((categorical([0, 1], p[1]) + 3 * categorical([1, 0], p[2])) / 4), rel=1e-14
    )
    assert losses.sparse_categorical_crossentropy(y, p, ignore_class=-1)[0] == 0.0
    with pytest.raises(DomainError, match="label -1 is not a class index from 0 to 1"):
        losses.sparse_categorical_crossentropy(y, p)


def test_ignored_pixels_of_kept_rows():
    """Rows count by what is left of them: 3 pixels of 4, one of them ignored in the first row and all in the third."""
    index = np.array([[0, 1, 255], [1, 1, 0], [255, 255, 255]])
    scores = RANDOM.dirichlet([1.0, 1.0], (3, 3))
    values = -np.log(np.take_along_axis(scores, np.where(index == 255, 0, index)[..., None], axis=-1)[..., 0])
    kept = index != 255
    assert metrics.SparseCategoricalCrossentropy(ignore_class=255)(index, scores) == pytest.approx(values[kept].mean(), rel=1e-14)
    assert losses.SparseCategoricalCrossentropy(ignore_class=255)(index, scores) == pytest.approx(values[kept].mean(), rel=1e-14)
    weight = np.array([1.0, 3.0, 5.0])
    weighted = (values * weight[:, None])[kept].sum() / (np.ones((3, 3)) * weight[:, None])[kept].sum()
    assert metrics.SparseCategoricalCrossentropy(ignore_class=255)(index, scores, weight) == pytest.approx(weighted, rel=1e-14)


def test_ignored_rows_are_not_said_to_be_treated():
    """Neither the 0 of the true class in an ignored row nor its sum of 1.75 counts; of the other row both would."""
    y, p = np.array([9, 1]), np.array([[0.0, 0.75, 1.0], [0.25, 0.25, 0.5]])
    for ignored, treated in ((9, (0, 0, 0.0)), (1, (1, 1, 0.75))):
        tally = Tally([metrics.SparseCategoricalCrossentropy(ignore_class=ignored)])
        tally.update(Batch(np.where(y == 9, 9 if ignored == 9 else 0, y), p))
        (result,) = tally.results()
        assert (result.health.clipped, result.health.renormalised, result.health.max_sum_error) == treated


def test_nothing_but_ignored_rows_has_no_mean():
    metric = metrics.SparseCategoricalCrossentropy(ignore_class=9)
    assert np.isnan(metric(np.array([9, 9]), np.array([[0.5, 0.5], [0.5, 0.5]])))


@pytest.mark.parametrize("bad", [3, -1, 0.5, np.inf, 1e30])
def test_labels_that_are_no_class(bad):
    with pytest.raises(DomainError, match="is not a class index from 0 to 2") as caught:
        losses.sparse_categorical_crossentropy(np.array([0, 2, bad]), np.full((3, 3), 1 / 3))
    assert (caught.value.role, caught.value.row, caught.value.column) == ("y_true", 2, 0)


def test_a_missing_label_makes_the_value_nan():
    values = losses.sparse_categorical_crossentropy(np.array([0, np.nan]), np.full((2, 3), 1 / 3))
    np.testing.assert_allclose(values, [np.log(3), np.nan], rtol=1e-14)


# Conventions.


def through_tally(metric, y, p, weight=None):
    """The way of the command line, where predictions keep the type they were stored as."""
    tally = Tally([metric])
    tally.update(Batch(y, p, weight))
    return tally.results()[0].value


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_convention_of_scikit_learn(dtype, weighted):
    random = np.random.default_rng(8)
    scores = random.dirichlet(np.ones(4), 60).astype(dtype)
    scores[:3] = np.eye(4, dtype=dtype)[[0, 1, 2]]
    index = random.integers(0, 4, 60)
    index[:3] = [1, 1, 3]
    weight = random.random(60) if weighted else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = log_loss(index, scores, labels=range(4), sample_weight=weight)
    tolerance = {np.float64: 1e-12, np.float32: 1e-6, np.float16: 1e-2}[dtype]
    for metric in (metrics.CategoricalCrossentropy(convention="sklearn"), metrics.SparseCategoricalCrossentropy(convention="sklearn")):
        assert through_tally(metric, index, scores, weight) == pytest.approx(expected, rel=tolerance)
    metric = metrics.CategoricalCrossentropy(convention="sklearn")
    assert metric(np.eye(4)[index], scores, weight) == pytest.approx(expected, rel=tolerance)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_convention_of_scikit_learn_for_events(dtype):
    random = np.random.default_rng(9)
    p = random.random(50).astype(dtype)
    p[:4] = [0, 1, 0, 1]
    y = random.integers(0, 2, 50)
    y[:4] = [1, 0, 0, 1]
    expected = log_loss(y, p, labels=[0, 1])
    tolerance = 1e-12 if dtype is np.float64 else 1e-6
    assert through_tally(metrics.BinaryCrossentropy(convention="sklearn"), y, p) == pytest.approx(expected, rel=tolerance)
    assert metrics.BinaryCrossentropy(convention="sklearn")(y, p) == pytest.approx(expected, rel=tolerance)


def test_the_conventions_of_pytorch():
    """`NLLLoss` of the logarithm, as it is; `BCELoss` with its logarithms stopped at -100 (documented there)."""
    inside = SHARES[:30]
    assert_mean(metrics.CategoricalCrossentropy(convention="torch"), HARD[:30], inside, categorical, epsilon=EXACT, renormalise=False)
    assert_mean(metrics.BinaryCrossentropy(convention="torch"), EVENTS, CHANCES, binary, rtol=1e-9, epsilon=EXACT, least=mpf(-100))
    assert metrics.BinaryCrossentropy(convention="torch")([[1.0]], [[0.0]]) == 100.0
    assert metrics.CategoricalCrossentropy(convention="torch")([[1.0, 0.0]], [[0.0, 1.0]]) == np.inf


def test_the_exact_convention():
    assert_mean(
        metrics.CategoricalCrossentropy(convention="exact"), HARD[:30], UNNORMALISED[:30], categorical, epsilon=EXACT, renormalise=False
    )
    assert_mean(metrics.BinaryCrossentropy(convention="exact"), EVENTS[:38], CHANCES[:38], binary, epsilon=EXACT)
    assert metrics.CategoricalCrossentropy(convention="exact")([[1.0, 0.0]], [[0.0, 1.0]]) == np.inf
    assert metrics.CategoricalCrossentropy(convention="exact")([[1.0, 0.0]], [[1.0, 0.0]]) == 0.0
    assert metrics.BinaryCrossentropy(convention="exact")([[1.0, 0.0]], [[1.0, 0.0]]) == 0.0
    assert metrics.BinaryCrossentropy(convention="exact")([[1.0]], [[0.0]]) == np.inf


@pytest.mark.parametrize("convention", ["keras", "exact", "sklearn", "torch"])
def test_logits_are_the_same_under_every_convention(convention):
    for cls in (metrics.CategoricalCrossentropy, metrics.BinaryCrossentropy):
        assert cls(from_logits=True, convention=convention)(HARD, LOGITS) == cls(from_logits=True)(HARD, LOGITS)


def test_other_options_are_refused():
    for cls in (metrics.CategoricalCrossentropy, metrics.BinaryCrossentropy, metrics.SparseCategoricalCrossentropy):
        with pytest.raises(UnknownNameError, match="unknown convention 'scikit'"):
            cls(convention="scikit")
    for cls in (
        metrics.CategoricalCrossentropy,
        metrics.BinaryCrossentropy,
        metrics.BinaryFocalCrossentropy,
        metrics.CategoricalFocalCrossentropy,
    ):
        with pytest.raises(UsageError, match="label_smoothing must lie in"):
            cls(label_smoothing=1.5)
    for cls in (metrics.BinaryFocalCrossentropy, metrics.CategoricalFocalCrossentropy):
        for gamma in (-1, float("nan")):
            with pytest.raises(UsageError, match="gamma must be at least 0"):
                cls(gamma=gamma)
    for cls in (metrics.KLDivergence, metrics.Poisson):
        with pytest.raises(UsageError, match="has no convention 'sklearn'; it has keras, exact, torch"):
            cls(convention="sklearn")


# Focal cross-entropy.


def binary_focal(y, p, alpha=None, gamma=2, smoothing=0.0, from_logits=False, epsilon=KERAS):
    y, p, s, gamma = exactly(y), exactly(p), mpf(smoothing), mpf(gamma)
    total = mpf(0)
    for place, (label, value) in enumerate(zip(y, p, strict=True)):
        label = label * (1 - s) + s / 2
        value = 1 / (1 + exp(-value)) if from_logits else value
        seen = clipped(value, epsilon)
        factor = (1 - (label * value + (1 - label) * (1 - value))) ** gamma
        if alpha is not None:
            share = mpf(np.broadcast_to(alpha, len(y))[place].item())
            factor *= label * share + (1 - label) * (1 - share)
        total -= factor * (times_log(label, seen) + times_log(1 - label, 1 - seen))
    return total / len(y)


def categorical_focal(y, p, alpha=0.25, gamma=2, smoothing=0.0, from_logits=False, epsilon=KERAS):
    y, p, s, gamma = exactly(y), exactly(p), mpf(smoothing), mpf(gamma)
    y = [value * (1 - s) + s / len(y) for value in y]
    p = softmax(p) if from_logits else p
    q = [clipped(value / sum(p), epsilon) for value in p]
    shares = [mpf(share) for share in np.broadcast_to(alpha, len(y)).tolist()]
    return -sum(share * (1 - value) ** gamma * times_log(label, value) for share, label, value in zip(shares, y, q, strict=True))


PER_CLASS = [0.1, 0.9, 0.5, 0.25, 0.0]


@pytest.mark.parametrize("gamma", [0, 0.5, 2, 5])
@pytest.mark.parametrize("alpha", [None, 0.25, PER_CLASS], ids=["none", "one", "each"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_binary_focal_against_the_formula(gamma, alpha, smoothing):
    options = {"gamma": gamma, "label_smoothing": smoothing, "apply_class_balancing": alpha is not None}
    options |= {} if alpha is None else {"alpha": alpha}
    for labels in (EVENTS, SOFT):
        for scores, from_logits, rtol in ((CHANCES, False, 1e-8), (LOGITS, True, 1e-11)):
            formula = {"alpha": alpha, "gamma": gamma, "smoothing": smoothing, "from_logits": from_logits}
            expected = [float(binary_focal(y, p, **formula)) for y, p in zip(labels, scores, strict=True)]
            found = losses.binary_focal_crossentropy(labels, scores, from_logits=from_logits, **options)
            np.testing.assert_allclose(found, expected, rtol=rtol, atol=1e-20)
            metric = metrics.BinaryFocalCrossentropy(from_logits=from_logits, **options)
            assert_mean(metric, labels, scores, binary_focal, rtol=rtol, **formula)
            loss = losses.BinaryFocalCrossentropy(from_logits=from_logits, reduction="sum", **options)
            assert loss(labels, scores) == pytest.approx(sum(expected), rel=rtol)


@pytest.mark.parametrize("gamma", [0, 0.5, 2, 5])
@pytest.mark.parametrize("alpha", [0.25, PER_CLASS], ids=["one", "each"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_categorical_focal_against_the_formula(gamma, alpha, smoothing):
    options = {"gamma": gamma, "label_smoothing": smoothing, "alpha": alpha}
    for labels in (HARD, SOFT):
        for scores, from_logits in ((UNNORMALISED, False), (LOGITS, True)):
            formula = {"alpha": alpha, "gamma": gamma, "smoothing": smoothing, "from_logits": from_logits}
            expected = [float(categorical_focal(y, p, **formula)) for y, p in zip(labels, scores, strict=True)]
            found = losses.categorical_focal_crossentropy(labels, scores, from_logits=from_logits, **options)
            # (1 - q)^5 of a q near 1 - 1e-7 has few digits, and no size.
            np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-16)
            assert_mean(
                metrics.CategoricalFocalCrossentropy(from_logits=from_logits, **options),
                labels,
                scores,
                categorical_focal,
                1e-10,
                **formula,
            )


@pytest.mark.parametrize("axis", [1, -1])
def test_the_shares_of_the_classes_stand_on_their_axis(axis):
    labels, scores = RANDOM.random((2, 5, 5)), RANDOM.random((2, 5, 5)) + 0.01
    turned = [np.moveaxis(array, axis, -1).reshape(-1, 5) for array in (labels, scores)]
    expected = [float(categorical_focal(y, p, alpha=PER_CLASS)) for y, p in zip(*turned, strict=True)]
    found = losses.categorical_focal_crossentropy(labels, scores, alpha=PER_CLASS, axis=axis)
    np.testing.assert_allclose(found.reshape(-1), expected, rtol=1e-11)


def test_the_shares_of_the_classes_of_one_sample():
    """As in Keras a vector is one distribution, here of the probability 1/2 for a class of the share 3/4."""
    expected = pytest.approx(0.75 * 0.25 * np.log(2.0), rel=1e-14)
    assert losses.categorical_focal_crossentropy([0.0, 1.0], [0.5, 0.5], alpha=[0.25, 0.75]) == expected
    with pytest.raises(DataError, match="alpha has 3 values, and there are 2 classes"):
        losses.categorical_focal_crossentropy([0.0, 1.0], [0.5, 0.5], alpha=[0.25, 0.5, 0.75])


@pytest.mark.parametrize("label", [0, [1.0, 0.0]])
def test_a_class_of_no_share_costs_nothing(label):
    """Not even where its probability is 0 and not clipped; a class of any share then costs without end."""
    for share, cost in ((0.0, 0.0), (0.5, np.inf)):
        tally = Tally([metrics.CategoricalFocalCrossentropy(alpha=[share, 1.0])])
        tally.update(Batch(np.array([label]), np.array([[0.0, 1.0]])))
        assert tally.results()[0].health.exact_value == cost


def test_shares_of_other_numbers_of_classes_are_refused():
    with pytest.raises(DataError, match="alpha has 3 values, and there are 5 classes"):
        losses.categorical_focal_crossentropy(HARD, SHARES, alpha=[0.1, 0.2, 0.3])
    with pytest.raises(DataError, match="alpha has 3 values, and there are 5 classes"):
        metrics.BinaryFocalCrossentropy(apply_class_balancing=True, alpha=[0.1, 0.2, 0.3]).update_state(EVENTS, CHANCES)


def test_rounding_above_one_is_no_nan():
    """float32 files hold probabilities of 1.0000001, and a fractional power of 1 - 1.0000001 would be NaN."""
    p = np.array([[1.0000001, 0.0]])
    assert losses.binary_focal_crossentropy([[1.0, 0.0]], p, gamma=2.5)[0] == 0.0
    assert metrics.CategoricalFocalCrossentropy(gamma=2.5)([[1.0, 0.0]], p) < 1e-20


def test_focal_without_focus_is_cross_entropy():
    np.testing.assert_allclose(
        losses.binary_focal_crossentropy(EVENTS, CHANCES, gamma=0), losses.binary_crossentropy(EVENTS, CHANCES), rtol=1e-14
    )
    np.testing.assert_allclose(
        losses.categorical_focal_crossentropy(HARD, SHARES, gamma=0, alpha=1.0), losses.categorical_crossentropy(HARD, SHARES), rtol=1e-14
    )


@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize("alpha", [0.25, PER_CLASS], ids=["one", "each"])
def test_index_labels_change_no_bit_of_the_focal_cross_entropy(from_logits, alpha):
    scores = LOGITS if from_logits else UNNORMALISED / 3
    metric = metrics.CategoricalFocalCrossentropy(from_logits=from_logits, alpha=alpha)
    one_hot = metric(HARD, scores)
    assert through_tally(metric, HARD.argmax(axis=1), scores) == one_hot
    assert through_tally(metric, HARD, scores) == one_hot


def test_what_the_focal_clip_hid():
    tally = Tally([metrics.BinaryFocalCrossentropy(from_logits=True), metrics.CategoricalFocalCrossentropy(from_logits=True)])
    tally.update(Batch(np.array([1, 0, 1]), np.array([[0.0, -50.0], [0.0, 1.0], [-30.0, 30.0]])))
    events, classes = tally.results()
    assert (events.health.clipped, classes.health.clipped) == (2, 2)
    assert classes.health.renormalised == 0
    assert classes.health.max_sum_error == 0.0
    exact = [
        float(categorical_focal(y, x, from_logits=True, epsilon=EXACT))
        for y, x in zip(np.eye(2)[[1, 0, 1]], [[0, -50], [0, 1], [-30, 30]], strict=True)
    ]
    assert classes.health.exact_value == pytest.approx(np.mean(exact), rel=1e-12)
    exact = [float(binary_focal([y], [x], from_logits=True, epsilon=EXACT)) for y, x in zip([1, 0, 1], [-50, 1, 60], strict=True)]
    assert events.health.exact_value == pytest.approx(np.mean(exact), rel=1e-12)


# Divergences.


def divergence(y, p, epsilon=KERAS):
    total = mpf(0)
    for label, value in zip(exactly(y), exactly(p), strict=True):
        if epsilon is not None:
            label, value = (min(max(part, epsilon), mpf(1)) for part in (label, value))
        total += times_log(label, label / value) if label else 0
    return total


def rate(y, p, shift=EPSILON):
    return sum(value - times_log(label, value + shift) for label, value in zip(exactly(y), exactly(p), strict=True)) / len(y)


@pytest.mark.parametrize("labels", [HARD, SOFT], ids=["hard", "soft"])
def test_divergence_against_the_formula(labels):
    for scores in (SHARES, UNNORMALISED):
        expected = [float(divergence(y, p)) for y, p in zip(labels, scores, strict=True)]
        np.testing.assert_allclose(losses.kl_divergence(labels, scores), expected, rtol=1e-11, atol=1e-15)
        assert_mean(metrics.KLDivergence(), labels, scores, divergence)
    assert_mean(metrics.KLDivergence(convention="exact"), labels[:30], SHARES[:30], divergence, epsilon=EXACT)
    # torch.nn.functional.kl_div(p.log(), y, reduction="batchmean")
    torch = np.where(labels > 0, labels * (np.log(np.where(labels > 0, labels, 1)) - np.log(SHARES + (SHARES == 0))), 0)[:30].sum() / 30
    assert metrics.KLDivergence(convention="torch")(labels[:30], SHARES[:30]) == pytest.approx(torch, rel=1e-12)


def test_divergence_at_the_ends():
    assert metrics.KLDivergence(convention="exact")([[1.0, 0.0]], [[0.0, 1.0]]) == np.inf
    assert metrics.KLDivergence(convention="exact")([[1.0, 0.0]], [[1.0, 0.0]]) == 0.0
    assert metrics.KLDivergence()([[1.0, 0.0]], [[0.0, 1.0]]) == pytest.approx(float(divergence([1, 0], [0, 1])), rel=1e-13)


def test_index_labels_change_no_bit_of_the_divergence():
    for convention in ("keras", "exact"):
        metric = metrics.KLDivergence(convention=convention)
        one_hot = metric(HARD, SHARES)
        assert repr(through_tally(metric, HARD.argmax(axis=1), SHARES)) == repr(one_hot)
        assert repr(through_tally(metric, HARD, SHARES)) == repr(one_hot)


def test_what_the_clip_of_the_divergence_hid():
    tally = Tally([metrics.KLDivergence()])
    tally.update(Batch(np.array([0, 1, 0]), np.array([[0.0, 1.0], [0.0, 1.0], [0.25, 0.5]])))
    (result,) = tally.results()
    assert (result.health.clipped, result.health.renormalised, result.health.max_sum_error) == (1, 0, 0.25)
    assert result.health.exact_value == np.inf


def test_what_is_clipped_is_the_share():
    """5e-8 of 0.25 is 2e-7, which is not."""
    for sum_, clipped_rows in ((0.25, 0), (1.0, 1)):
        tally = Tally([metrics.CategoricalCrossentropy()])
        tally.update(Batch(np.array([0]), np.array([[5e-8, sum_ - 5e-8]])))
        assert tally.results()[0].health.clipped == clipped_rows


def test_the_divergence_clips_what_is_below_epsilon_and_not_epsilon():
    for smallest, clipped_rows in ((1e-7, 0), (np.nextafter(1e-7, 0.0), 1)):
        tally = Tally([metrics.KLDivergence()])
        tally.update(Batch(np.array([0]), np.array([[smallest, 1.0]])))
        assert tally.results()[0].health.clipped == clipped_rows


@pytest.mark.parametrize(
    "cls", [metrics.CategoricalCrossentropy, metrics.CategoricalFocalCrossentropy, metrics.BinaryCrossentropy, metrics.KLDivergence]
)
@pytest.mark.parametrize("shape", [(3, 1), (2, 3), (1, 3), (3, 2)])
def test_labels_of_another_shape(cls, shape):
    """They are not stretched over the classes or the rows."""
    with pytest.raises(DataError, match="the same shape"):
        cls()(np.zeros(shape), np.full((3, 3), 0.25))


@pytest.mark.parametrize(("convention", "shift"), [("keras", EPSILON), ("torch", mpf("1e-8")), ("exact", mpf(0))])
def test_poisson_against_the_formula(convention, shift):
    """For torch: `torch.nn.PoissonNLLLoss(log_input=False)`, input - target ln(input + eps), eps = 1e-8."""
    counts = RANDOM.poisson(3, (ROWS, 4)).astype(float)
    rates = RANDOM.gamma(2, 2, (ROWS, 4))
    rates[0], counts[0] = 1e-12, 0
    assert_mean(metrics.Poisson(convention=convention), counts, rates, rate, shift=shift)
    if convention == "keras":
        expected = [float(rate(y, p)) for y, p in zip(counts, rates, strict=True)]
        np.testing.assert_allclose(losses.poisson(counts, rates), expected, rtol=1e-12, atol=1e-14)


def test_poisson_at_the_ends():
    assert metrics.Poisson(convention="exact")([[0.0]], [[0.0]]) == 0.0
    assert metrics.Poisson(convention="exact")([[1.0]], [[0.0]]) == np.inf
    assert np.isnan(losses.poisson([[1.0]], [[-1.0]])[0])


# Keras itself, which computes in float32.


def all_losses():
    smoothing = [{}, {"label_smoothing": 0.2}]
    for logits, smooth in itertools.product([False, True], smoothing):
        yield "binary_crossentropy", {"from_logits": logits, **smooth}
        yield "categorical_crossentropy", {"from_logits": logits, **smooth}
        for gamma in (0.5, 2.0):
            yield "binary_focal_crossentropy", {"from_logits": logits, "gamma": gamma, **smooth}
            yield (
                "binary_focal_crossentropy",
                {"from_logits": logits, "gamma": gamma, "apply_class_balancing": True, "alpha": 0.7, **smooth},
            )
            yield "categorical_focal_crossentropy", {"from_logits": logits, "gamma": gamma, "alpha": [0.1, 0.9, 0.5], **smooth}
    yield "kl_divergence", {}
    yield "poisson", {}


@pytest.mark.parametrize(("name", "options"), list(all_losses()), ids=str)
@pytest.mark.parametrize("shape", [(7, 3), (2, 4, 3), (2, 2, 2, 3)])
def test_keras_gives_these_values(keras, name, options, shape):
    random = np.random.default_rng(3)
    labels = random.dirichlet(np.ones(3), shape[:-1])
    scores = random.normal(0, 3, shape) if options.get("from_logits") else random.random(shape) * 0.98 + 0.01
    expected = getattr(keras.losses, name)(labels, scores, **options)
    np.testing.assert_allclose(getattr(losses, name)(labels, scores, **options), expected, rtol=2e-5, atol=2e-6)
    class_name = "KLDivergence" if name == "kl_divergence" else "".join(word.capitalize() for word in name.split("_"))
    for reduction in ("sum", "mean", "mean_with_sample_weight"):
        for weight in (None, random.random(shape[:-1])):
            theirs = getattr(keras.losses, class_name)(reduction=reduction, **options)(labels, scores, sample_weight=weight)
            ours = getattr(losses, class_name)(reduction=reduction, **options)(labels, scores, sample_weight=weight)
            np.testing.assert_allclose(ours, theirs, rtol=2e-5)
    if hasattr(keras.metrics, class_name):
        for weight in (None, random.random(shape[:1]), random.random(shape[:-1]), random.random((shape[0], 1))):
            ours, theirs = getattr(metrics, class_name)(**options), getattr(keras.metrics, class_name)(**options)
            for metric in (ours, theirs):
                metric.update_state(labels, scores, weight)
                metric.update_state(labels[:1], scores[:1], None if weight is None else weight[:1])
            np.testing.assert_allclose(ours.result(), theirs.result(), rtol=2e-5)


@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize("ignore", [None, 2])
@pytest.mark.parametrize("shape", [(9, 3), (4, 5, 3)])
def test_keras_gives_these_sparse_values(keras, request, from_logits, ignore, shape):
    random = np.random.default_rng(4)
    index = random.integers(0, 3, shape[:-1])
    scores = random.normal(0, 3, shape) if from_logits else random.random(shape) + 0.01
    options = {"from_logits": from_logits, "ignore_class": ignore}
    # Keras divides the scores of ignored rows, which it sets to zero, by their sum.
    numpy_warnings = np.seterr(invalid="ignore")
    request.addfinalizer(lambda: np.seterr(**numpy_warnings))
    expected = keras.losses.sparse_categorical_crossentropy(index, scores, **options)
    np.testing.assert_allclose(losses.sparse_categorical_crossentropy(index, scores, **options), expected, rtol=2e-5, atol=2e-6)
    for weight in (None, random.random(shape[:-1])):
        theirs = keras.losses.SparseCategoricalCrossentropy(**options)(index, scores, sample_weight=weight)
        np.testing.assert_allclose(losses.SparseCategoricalCrossentropy(**options)(index, scores, sample_weight=weight), theirs, rtol=2e-5)
    metric, theirs = metrics.SparseCategoricalCrossentropy(**options), keras.metrics.SparseCategoricalCrossentropy(**options)
    weight = random.random(shape[:-1])
    for one in (metric, theirs):
        one.update_state(index, scores, weight)
    np.testing.assert_allclose(metric.result(), theirs.result(), rtol=2e-5)
