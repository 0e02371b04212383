"""Intervals against SciPy, formulas in fractions, and jackknives done row by row with scikit-learn and Keras's own formulas."""

import math
from fractions import Fraction

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics

from xent.core.table import table


def binary(random, count):
    """Events and scores with ties."""
    y_true = random.integers(0, 2, count)
    return y_true, (0.3 * y_true + 0.7 * random.random(count)).round(2)


RANDOM = np.random.default_rng(11)
NUMBERS = RANDOM.normal(5.0, 2.0, 40)
LABELS = NUMBERS + RANDOM.standard_t(4, 40)


def test_the_mean_is_that_of_a_t_test(measured):
    found = measured("mean", NUMBERS, NUMBERS, level=0.9)
    other = scipy.stats.ttest_1samp(NUMBERS, 0.0).confidence_interval(0.9)
    assert found.ci.method == "t"
    assert (found.ci.low, found.ci.high) == pytest.approx(tuple(other), rel=1e-12)
    assert found.standard_error == pytest.approx(scipy.stats.sem(NUMBERS), rel=1e-12)


@pytest.mark.parametrize(("right", "count"), [(1, 3), (0, 7), (7, 7), (66, 100), (999, 1000)])
@pytest.mark.parametrize("level", [0.5, 0.95, 0.999])
def test_a_share_of_rows_has_wilsons_interval(measured, right, count, level):
    y_true = np.arange(count) < right
    found = measured("binary_accuracy", y_true.astype(int), np.ones(count), level=level)
    other = scipy.stats.binomtest(right, count).proportion_ci(level, method="wilson")
    assert found.ci.method == "wilson"
    assert (found.ci.low, found.ci.high) == pytest.approx((other.low, other.high), rel=1e-12, abs=1e-15)


def test_a_weighted_share_has_the_interval_of_as_many_trials(measured):
    weight = RANDOM.choice([0.5, 1.0, 4.0], 60)
    right = RANDOM.random(60) < 0.8
    found = measured("binary_accuracy", right.astype(int), np.ones(60), weight)
    error, effective = ratio_error(right * weight, weight)
    assert found.standard_error == pytest.approx(error, rel=1e-6)
    trials = found.value * (1 - found.value) / error**2 * effective / (effective - 1)
    z = scipy.stats.norm.ppf(0.975)
    for end in found.ci[1:3]:
        # The ends of Wilson's interval are the shares from which the one found lies z of their own standard errors away.
        assert abs(found.value - end) == pytest.approx(z * math.sqrt(end * (1 - end) / trials), rel=1e-6)
    sure = measured("binary_accuracy", np.ones(60, dtype=int), np.ones(60), weight)
    assert (sure.ci.low, sure.ci.high) == (pytest.approx(effective / (effective + z**2), rel=1e-6), 1.0)


def ratio_error(a, b):
    """The standard error of Σ a / Σ b in fractions, with Kish's effective number of rows in the place of their number."""
    a, b = ([Fraction(float(one)) for one in many] for many in (a, b))
    mean = sum(a) / sum(b)
    effective = sum(b) ** 2 / sum(one**2 for one in b)
    square = sum((x - mean * y) ** 2 for x, y in zip(a, b, strict=True)) / sum(b) ** 2 * effective / (effective - 1)
    return math.sqrt(square), float(effective)


@pytest.mark.parametrize("shift", [0.0, 1e6])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_weighted_mean_is_a_ratio(measured, shift, dtype):
    weight = RANDOM.lognormal(0.0, 1.0, 40).astype(dtype)
    weight[3] = 0.0
    found = measured("mean", NUMBERS, NUMBERS + shift, weight)
    error, effective = ratio_error((NUMBERS + shift) * weight.astype(float), weight)
    # The squares of weights have 24 bits; and from a variance of 4 about a mean of 1e6, squares of 53 bits leave a part in 10,000.
    error = pytest.approx(error, rel=1e-6 if not shift else 5e-4)
    assert found.standard_error == error
    assert (found.ci.high - found.value) / scipy.stats.t.ppf(0.975, effective - 1) == error
    assert (found.value - found.ci.low) / scipy.stats.t.ppf(0.975, effective - 1) == error


@pytest.mark.parametrize("scale", [1e-60, 1e-30, 1e30, 1e60])
def test_the_unit_of_weights_does_not_matter(measured, scale):
    weight = RANDOM.random(40)
    one, other = (measured("mean_squared_error", LABELS, NUMBERS, weight * unit) for unit in (1.0, scale))
    assert other.standard_error == pytest.approx(one.standard_error, rel=1e-6)
    assert other.ci[1:3] == pytest.approx(one.ci[1:3], rel=1e-6)


def test_weights_of_one_and_none_are_the_same_to_the_bit(measured):
    for name in ("mean_squared_error", "root_mean_squared_error", "r2_score", "median_absolute_error"):
        assert repr(measured(name, LABELS, NUMBERS, np.ones(40))) == repr(measured(name, LABELS, NUMBERS))


def test_the_root_and_the_exponential_of_a_mean(measured):
    squares = (LABELS - NUMBERS) ** 2
    inside = scipy.stats.ttest_1samp(squares, 0.0).confidence_interval(0.95)
    found = measured("root_mean_squared_error", LABELS, NUMBERS)
    assert (found.ci.low, found.ci.high) == pytest.approx((math.sqrt(inside.low), math.sqrt(inside.high)), rel=1e-12)
    # The delta method: the derivative of the root is 1 / (2 root).
    assert found.standard_error == pytest.approx(scipy.stats.sem(squares) / (2 * found.value), rel=0.02)
    labels = RANDOM.integers(0, 3, 50)
    scores = RANDOM.dirichlet(np.ones(3), 50)
    losses = -np.log(scores[np.arange(50), labels])
    inside = scipy.stats.ttest_1samp(losses, 0.0).confidence_interval(0.95)
    found = measured("perplexity", labels, scores)
    assert (found.ci.low, found.ci.high) == pytest.approx((math.exp(inside.low), math.exp(inside.high)), rel=1e-6)


def test_reductions_of_a_loss(measured):
    weight, scores = RANDOM.random(40) + 0.5, RANDOM.random(40)
    labels = RANDOM.integers(0, 2, 40)
    terms = -weight * np.log(np.where(labels == 1, scores, 1 - scores))
    mean = measured("binary_crossentropy", labels, scores, weight, reduction="sum_over_batch_size")
    assert mean.standard_error == pytest.approx(scipy.stats.sem(terms), rel=1e-6)
    total = measured("binary_crossentropy", labels, scores, weight, reduction="sum")
    assert total.standard_error == pytest.approx(40 * scipy.stats.sem(terms), rel=1e-6)
    reach = scipy.stats.t.ppf(0.975, 39) * 40 * scipy.stats.sem(terms)
    assert total.ci.high - total.value == pytest.approx(reach, rel=1e-6)
    assert measured("binary_crossentropy", labels, scores, reduction="none").ci is None


def jackknifed(function, *columns):
    """The standard error that leaving out every row in turn gives, by a function of the columns."""
    count = len(columns[0])
    left = np.array([function(*(np.delete(column, row, axis=0) for column in columns)) for row in range(count)])
    return np.sqrt((count - 1) / count * ((left - left.mean(axis=0)) ** 2).sum(axis=0))


EVENTS, SCORES = binary(np.random.default_rng(5), 400)
THIRDS = np.random.default_rng(6).integers(0, 3, 400)
CHOSEN = np.where(np.random.default_rng(7).random(400) < 0.5, THIRDS, np.random.default_rng(8).integers(0, 3, 400))


def keras_auc(y_true, y_pred):
    """The area under the ROC curve at Keras's 200 thresholds, by the trapezoidal rule."""
    thresholds = np.linspace(0, 1, 200)
    above = y_pred[:, None] > np.concatenate([[-1e-7], thresholds[1:-1], [1 + 1e-7]])
    found, mistaken = (above[y_true == label].mean(axis=0) for label in (1, 0))
    return ((found[:-1] + found[1:]) / 2 * (mistaken[:-1] - mistaken[1:])).sum()


ROWWISE = {
    "precision": (EVENTS, SCORES, {}, lambda y, p: sklearn.metrics.precision_score(y, p > 0.5)),
    "recall": (EVENTS, SCORES, {}, lambda y, p: sklearn.metrics.recall_score(y, p > 0.5)),
    "specificity": (EVENTS, SCORES, {}, lambda y, p: sklearn.metrics.recall_score(y, p > 0.5, pos_label=0)),
    "auc": (EVENTS, SCORES, {}, keras_auc),
    "binary_io_u": (EVENTS, SCORES, {}, lambda y, p: sklearn.metrics.jaccard_score(y, p >= 0.5, average="macro")),
    "mean_io_u": (THIRDS, CHOSEN, {"num_classes": 3}, lambda y, p: sklearn.metrics.jaccard_score(y, p, average="macro")),
    "matthews_correlation": (THIRDS, CHOSEN, {}, sklearn.metrics.matthews_corrcoef),
    "cohen_kappa": (THIRDS, CHOSEN, {}, sklearn.metrics.cohen_kappa_score),
    "balanced_accuracy": (THIRDS, CHOSEN, {}, sklearn.metrics.balanced_accuracy_score),
}


@pytest.mark.parametrize("name", ROWWISE)
def test_counts_have_the_spread_of_a_jackknife(measured, name):
    y_true, y_pred, parameters, function = ROWWISE[name]
    found = measured(name, y_true, y_pred, **parameters)
    assert found.value == pytest.approx(function(y_true, y_pred), abs=1e-6)
    assert found.ci.method == ("wilson" if name in ("precision", "recall", "specificity") else "infinitesimal jackknife")
    # The derivative by a row and what one row changes differ by a share of 1 / n.
    assert found.standard_error == pytest.approx(jackknifed(function, y_true, y_pred), rel=0.01)
    assert (found.ci.high - found.ci.low) / 2 == pytest.approx(1.96 * found.standard_error, rel=0.01)


@pytest.mark.parametrize(("hits", "misses"), [(2, 0), (0, 3), (7, 1), (40, 20)])
def test_shares_of_some_rows_have_wilsons_interval(measured, hits, misses):
    """Precision is a share of the predicted positives, however many other rows there are. Half a row is a step of the derivative."""
    labels = np.repeat([1, 0, 0, 1], [hits, misses, 100, 30])
    scores = np.repeat([0.9, 0.9, 0.1, 0.1], [hits, misses, 100, 30])
    other = scipy.stats.binomtest(hits, hits + misses).proportion_ci(0.95, method="wilson")
    found = measured("precision", labels, scores)
    assert (found.ci.low, found.ci.high) == pytest.approx((other.low, other.high), rel=5e-3, abs=1e-12)
    swapped = measured("specificity", 1 - labels, 1 - scores)
    recall = scipy.stats.binomtest(hits, hits + 30).proportion_ci(0.95, method="wilson")
    assert (swapped.ci.low, swapped.ci.high) == pytest.approx((recall.low, recall.high), rel=5e-3, abs=1e-12)
    several = measured("precision", labels, scores, thresholds=[0.5, 0.95])
    assert several.ci.low[0] == pytest.approx(other.low, rel=5e-3, abs=1e-12)
    assert math.isnan(several.ci.low[1])  # Nothing is predicted, so there is nothing to be a share of.


@pytest.mark.parametrize("name", ["precision", "matthews_correlation", "mean_io_u", "cohen_kappa", "auc"])
def test_a_weight_of_two_is_one_row_of_twice_the_size(measured, name):
    """The derivative by the weight of a row, times the weight, squared and added up, by finite differences."""
    y_true, y_pred, parameters, _ = ROWWISE[name]
    y_true, y_pred = y_true[:60], y_pred[:60]
    weight = np.random.default_rng(9).choice([0.5, 1.0, 3.0], 60)

    def value(weights):
        return measured(name, y_true, y_pred, weights, **parameters).value

    step = 1e-4
    moves = [np.where(np.arange(60) == row, step, 0.0) for row in range(60)]
    slopes = np.array([(value(weight + move) - value(weight - move)) / (2 * step) for move in moves])
    expected = math.sqrt((weight**2 * slopes**2).sum())
    found = measured(name, y_true, y_pred, weight, **parameters)
    assert found.standard_error == pytest.approx(expected, rel=0.02)
    # Weights that add up to 1 are parts of a row.
    shares = weight / weight.sum()
    for clusters in (None, np.arange(60)):
        one, other = (measured(name, y_true, y_pred, each, clusters, **parameters).standard_error for each in (weight, shares))
        assert other == pytest.approx(one, rel=1e-4)


def test_the_f_score_is_near_a_jackknife_over_rows(measured):
    """Its folds are groups of rows, so the estimate has an error of its own of 1 / √(2 · 127), twice which is allowed."""
    y_true, y_pred = binary(np.random.default_rng(3), 3000)
    y_pred = y_pred + np.random.default_rng(4).random(3000) / 1e6
    found = measured("f1_score", y_true, y_pred, threshold=0.5, average="macro")
    rows = jackknifed(lambda y, p: sklearn.metrics.f1_score(y, p, average="macro"), y_true[:600], y_pred[:600] > 0.5)
    assert found.ci.method in ("jackknife", "infinitesimal jackknife")
    assert found.standard_error == pytest.approx(rows / math.sqrt(5), rel=0.2)


def test_a_count_spreads_as_a_binomial_variable(measured):
    found = measured("true_positives", EVENTS, SCORES)
    share = found.value / 400
    assert found.standard_error == pytest.approx(math.sqrt(400 * share * (1 - share)), rel=0.01)
    matrix = measured("confusion_matrix", THIRDS, CHOSEN)
    shares = np.array(matrix.value) / 400
    assert np.array(matrix.standard_error) == pytest.approx(np.sqrt(400 * shares * (1 - shares)), rel=0.01)


def test_a_sum_over_folds_spreads_as_its_rows(measured):
    values = np.random.default_rng(1).normal(3.0, 1.0, 20_000)
    found = measured("sum", values, values)
    assert found.standard_error == pytest.approx(math.sqrt(20_000), rel=0.2)


def test_values_that_move_in_steps_are_drawn_anew(measured):
    y_true, y_pred = binary(np.random.default_rng(2), 1000)
    found = measured("sensitivity_at_specificity", y_true, y_pred, specificity=0.8)
    assert found.ci.method == "bootstrap"
    assert found.ci.low <= found.value <= found.ci.high
    random = np.random.default_rng(0)
    rows = [random.integers(0, 1000, 1000) for _ in range(500)]
    drawn = [measured("sensitivity_at_specificity", y_true[at], y_pred[at], specificity=0.8).value for at in rows]
    assert found.standard_error == pytest.approx(np.std(drawn, ddof=1), rel=0.15)
    assert (found.ci.low, found.ci.high) == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.02)


def rows_of(name):
    """Forty rows that a metric takes."""
    row = table()[name]
    parameters = {"num_classes": 3, "target_class_ids": [0, 1], "specificity": 0.5, "sensitivity": 0.5, "precision": 0.5, "recall": 0.5}
    required = {key: value for key, value in parameters.items() if row.parameters.get(key, 0) is not None and key in row.parameters}
    required = {
        key: value for key, value in required.items() if row.parameters[key] is not None and not isinstance(row.parameters[key], int)
    }
    random = np.random.default_rng(4)
    if row.inputs in ("values", "intervals", "queries"):
        y_pred = np.exp(random.normal(0, 1, 40))
        y_true = y_pred * np.exp(random.normal(0, 1, 40))
        if row.inputs == "intervals":
            return y_true, np.sort(np.stack([y_pred, y_pred[::-1]], axis=1), axis=1), required
        if row.inputs == "queries":
            return random.integers(0, 2, (40, 3)), random.random((40, 3)), required
        return y_true, y_pred, required
    if row.inputs in ("binary", "events", "rankings"):
        return *binary(random, 40), required
    return random.integers(0, 3, 40), random.dirichlet(np.ones(3), 40), required


@pytest.mark.parametrize("name", table())
def test_no_interval_where_there_is_nothing_to_tell(measured, name):
    """One row, one row over and over, one cluster, weights of 0: no interval, or one that holds the value, and never a warning."""
    y_true, y_pred, parameters = rows_of(name)
    again, alone = np.zeros(40, dtype=int), np.where(np.arange(40) == 3, 1.0, 0.0)
    # The product of the weights of two rows, which areas are made of, must still be a number.
    huge, tiny = np.full(40, 1e150), np.full(40, 1e-150)
    cases = {
        "one row": (y_true[:1], y_pred[:1]),
        "no weight": (y_true, y_pred, np.zeros(40)),
        "no weight, clusters": (y_true, y_pred, np.zeros(40), np.arange(40)),
        "one cluster": (y_true, y_pred, None, again),
        "huge weights": (y_true, y_pred, huge),
        "tiny weights, clusters": (y_true, y_pred, tiny, np.arange(40)),
        "equal rows": (y_true[again], y_pred[again]),
        "one weight": (y_true, y_pred, alone),
        "large weights": (y_true, y_pred, np.full(40, 1e60)),
        "small weights, clusters": (y_true, y_pred, np.full(40, 1e-60), np.arange(40)),
    }
    found = {case: measured(name, *rows, **parameters) for case, rows in cases.items()}
    for case in list(cases)[:6]:
        assert says_nothing(found[case]), case
    for case, one in found.items():
        if one.ci is not None:
            low, value, high = (np.array(part, dtype=float) for part in (one.ci.low, one.value, one.ci.high))
            assert (~(low > value + 1e-12) & ~(high < value - 1e-12)).all(), case


def says_nothing(found):
    """Whether there is no interval; or that of a share, or of a value that is 0 whatever the rows are."""
    if found.ci is None or found.ci.method == "wilson":
        return True
    ends = [np.ravel(part) for part in (found.ci.low, found.value, found.ci.high)]
    return all(math.isnan(low) or low == value == high for low, value, high in zip(*ends, strict=True))


@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize("clustered", [False, True])
@pytest.mark.parametrize("name", ["roc_auc", "average_precision", "auc", "matthews_correlation", "precision", "expected_calibration_error"])
def test_one_class(measured, name, label, clustered):
    clusters = np.arange(40) // 2 if clustered else None
    found = measured(name, np.full(40, label), np.random.default_rng(0).random(40), clusters=clusters)
    if name == "roc_auc":
        assert found.ci is None
    if found.ci is not None:
        assert found.ci.low <= found.value <= found.ci.high


def test_infinite_values_have_no_interval(measured):
    found = measured("binary_crossentropy", [1, 0, 1], [0.0, 0.5, 0.5], convention="exact")
    assert found.value == math.inf
    assert found.ci is None
    assert found.standard_error is None


def test_intervals_do_not_leave_the_values_a_metric_can_take(measured):
    y_true, y_pred = np.array([1, 1, 1, 1, 1, 0, 0]), np.array([0.9, 0.8, 0.9, 0.7, 0.6, 0.65, 0.1])
    for name in ("precision", "roc_auc", "average_precision", "auc"):
        found = measured(name, y_true, y_pred, level=0.999)
        assert 0.0 <= found.ci.low <= found.value <= found.ci.high <= 1.0
    assert measured("r2_score", LABELS, NUMBERS, level=0.999999).ci.high <= 1.0
    assert measured("mean_squared_error", LABELS, NUMBERS, level=0.999999).ci.low >= 0.0


@pytest.mark.parametrize("clustered", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", table())
def test_a_slice_is_a_file_of_its_own(measured, sliced, name, weighted, clustered):
    y_true, y_pred, parameters = rows_of(name)
    random = np.random.default_rng(12)
    codes = random.integers(0, 2, 40)
    weight = random.random(40) if weighted else None
    clusters = random.integers(0, 9, 40) if clustered else None
    for code, found in enumerate(sliced(name, y_true, y_pred, codes, weight, clusters, **parameters)):
        at = codes == code
        own = measured(name, y_true[at], y_pred[at], *(None if one is None else one[at] for one in (weight, clusters)), **parameters)
        assert repr(found) == repr(own)


def test_a_matrix_of_many_cells_is_like_its_jackknife(measured):
    """Cohen's kappa of 60 classes, left out row by row; more cells than there are directions to move them in, which are drawn."""
    random = np.random.default_rng(21)
    true = random.integers(0, 60, 20_000)
    predicted = np.where(random.random(20_000) < 0.5, true, random.integers(0, 60, 20_000))
    table = np.zeros((60, 60))
    np.add.at(table, (true, predicted), 1)

    def kappa(table):
        shares = table / table.sum()
        chance = shares.sum(axis=0) @ shares.sum(axis=1)
        return (np.trace(shares) - chance) / (1 - chance)

    cells = np.argwhere(table > 0)
    assert len(cells) > 512
    counts = table[table > 0]
    left = np.array([kappa(table - (np.arange(3600).reshape(60, 60) == 60 * i + j)) for i, j in cells])
    mean = np.average(left, weights=counts)
    expected = math.sqrt((20_000 - 1) / 20_000 * (counts * (left - mean) ** 2).sum())
    assert measured("cohen_kappa", true, predicted).standard_error == pytest.approx(expected, rel=4 * math.sqrt(2 / 512))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("recall_at_precision", {"precision": 0.7}),
        ("auc", {}),
        ("matthews_correlation", {}),
        ("roc_auc", {}),
    ],
)
def test_cells_of_small_weights_are_as_certain(measured, name, options):
    """Weights of another unit, a power of two, change nothing, as all of it is exact."""
    random = np.random.default_rng(22)
    y_true, y_pred = binary(random, 200)
    weights = random.choice([0.0, 0.5, 1.0, 3.0], 200)
    one, other = (measured(name, y_true, y_pred, weights * unit, **options) for unit in (1.0, 2.0**-10))
    assert (other.value, other.standard_error) == pytest.approx((one.value, one.standard_error), rel=1e-12)
    assert (other.ci.low, other.ci.high) == pytest.approx((one.ci.low, one.ci.high), rel=1e-12)
