"""The confusion matrix and the numbers that sum it up: against scikit-learn with weights, by hand, in slices."""

import warnings

import numpy as np
import pytest
import sklearn.metrics

from xent.core.batch import Batch
from xent.core.errors import DataError, DomainError, NotProbabilityError, UsageError
from xent.core.groups import Groups
from xent.core.metrics.confusion_matrix import BalancedAccuracy, CohenKappa, ConfusionMatrix, MatthewsCorrelation
from xent.core.table import row_of
from xent.core.tally import Tally

RANDOM = np.random.default_rng(7)
TRUE = RANDOM.integers(0, 5, 300)
PREDICTED = np.where(RANDOM.random(300) < 0.5, TRUE, RANDOM.integers(0, 5, 300))
SCORES = np.eye(5)[PREDICTED] + 0.5 * RANDOM.random((300, 5))
WEIGHT = RANDOM.choice([0.0, 0.1, 1.0, 2.25], 300)

CASES = [
    (MatthewsCorrelation(), sklearn.metrics.matthews_corrcoef, {}),
    (CohenKappa(), sklearn.metrics.cohen_kappa_score, {}),
    (CohenKappa("linear"), sklearn.metrics.cohen_kappa_score, {"weights": "linear"}),
    (CohenKappa("quadratic"), sklearn.metrics.cohen_kappa_score, {"weights": "quadratic"}),
    (BalancedAccuracy(), sklearn.metrics.balanced_accuracy_score, {}),
    (BalancedAccuracy(adjusted=True), sklearn.metrics.balanced_accuracy_score, {"adjusted": True}),
    (ConfusionMatrix(), sklearn.metrics.confusion_matrix, {}),
    (ConfusionMatrix("true"), sklearn.metrics.confusion_matrix, {"normalize": "true"}),
    (ConfusionMatrix("pred"), sklearn.metrics.confusion_matrix, {"normalize": "pred"}),
    (ConfusionMatrix("all"), sklearn.metrics.confusion_matrix, {"normalize": "all"}),
]


@pytest.mark.parametrize(("metric", "reference", "options"), CASES, ids=lambda value: repr(value) if not callable(value) else "")
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["none", "rows"])
@pytest.mark.parametrize("y_pred", [PREDICTED, SCORES], ids=["numbers", "scores"])
def test_values_are_those_of_scikit_learn(metric, reference, options, weight, y_pred):
    metric = type(metric).from_config(metric.get_config())
    for rows in (slice(0, 50), slice(50, 51), slice(51, None)):
        metric.update_state(TRUE[rows], y_pred[rows], None if weight is None else weight[rows])
    expected = reference(TRUE, PREDICTED, sample_weight=weight, **options)
    assert np.asarray(metric.result()) == pytest.approx(np.asarray(expected), rel=1e-12)


def test_a_probability_decides_above_one_half():
    assert ConfusionMatrix()([0, 0, 1, 1], [0.5, 0.6, 0.5, 0.9]).tolist() == [[1.0, 1.0], [1.0, 1.0]]
    assert ConfusionMatrix()([0, 0, 1, 1], [[0.5], [0.6], [0.5], [0.9]]).tolist() == [[1.0, 1.0], [1.0, 1.0]]


def test_one_hot_labels_are_classes():
    assert MatthewsCorrelation()(np.eye(5)[TRUE], SCORES) == MatthewsCorrelation()(TRUE, SCORES)


def test_a_class_that_never_turns_up_has_its_row():
    assert ConfusionMatrix()([0, 1], [[0.9, 0.1, 0.0], [0.2, 0.8, 0.0]]).shape == (3, 3)
    assert ConfusionMatrix(num_classes=4)([0, 1], [0, 1]).tolist() == np.diag([1.0, 1.0, 0.0, 0.0]).tolist()
    with pytest.raises(DataError, match="a class 2 among 2 classes"):
        ConfusionMatrix(num_classes=2)([0, 2], [0, 1])
    with pytest.raises(DataError, match="a class 3 among 2 classes"):
        ConfusionMatrix(num_classes=2)([0, 1], [0, 3])


def test_the_matrix_grows_with_the_class_numbers():
    metric = ConfusionMatrix()
    metric.update_state([0], [1])
    assert metric.result().shape == (2, 2)
    metric.update_state([3], [0])
    assert metric.result().tolist() == [[0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]]


def test_chunks_of_other_class_numbers_make_one_state():
    whole, parts = CohenKappa(), CohenKappa()
    whole.update_state(TRUE, PREDICTED, WEIGHT)
    order = np.argsort(TRUE, kind="stable")
    for row in order:
        parts.update_state(TRUE[row : row + 1], PREDICTED[row : row + 1], WEIGHT[row : row + 1])
    assert parts.get_state() == whole.get_state()
    assert repr(parts.result()) == repr(whole.result())
    again = CohenKappa.from_state(whole.get_state())
    assert again.result() == whole.result()


def test_degenerate_matrices():
    assert MatthewsCorrelation()([0, 0], [0, 0]) == 0.0
    assert MatthewsCorrelation()([0, 1], [1, 1]) == 0.0
    assert MatthewsCorrelation()([0, 1], [0, 1]) == 1.0
    assert MatthewsCorrelation()([0, 1], [1, 0]) == -1.0
    assert np.isnan(CohenKappa()([0, 0], [0, 0]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = sklearn.metrics.balanced_accuracy_score([0, 0, 1], [0, 2, 1])
    assert BalancedAccuracy()([0, 0, 1], [0, 2, 1]) == expected == 0.75
    assert np.isnan(BalancedAccuracy()([0, 1], [0, 1], [0.0, 0.0]))
    assert np.isnan(BalancedAccuracy(adjusted=True)([0, 0], [0, 0]))


def test_numbers_that_cancel_keep_their_digits():
    # c s - Σ t p cancels to 1 of 10^16: in float64 nothing would be left.
    metric = MatthewsCorrelation()
    n = 10**8
    for true, predicted, weight in [(0, 0, n + 1), (0, 1, n), (1, 0, n), (1, 1, n)]:
        metric.update_state([true], [predicted], [float(weight)])
    row, column = 2 * n + 1, 2 * n
    assert metric.result() == pytest.approx(((n + 1) * n - n * n) / (row * column), rel=1e-14)


def test_nothing_is_no_number():
    for metric in (MatthewsCorrelation(), CohenKappa(), BalancedAccuracy(), ConfusionMatrix()):
        assert np.isnan(metric.result())
    assert np.isnan(ConfusionMatrix(num_classes=2).result()).tolist() == [[True, True], [True, True]]


def test_slices_have_matrices_of_their_own():
    codes = np.where(RANDOM.integers(0, 2, 300) == 1, 2, 0)
    tally = Tally([MatthewsCorrelation(), ConfusionMatrix()], groups=3)
    for rows in (slice(0, 10), slice(10, 300)):
        tally.update(Batch(TRUE[rows], SCORES[rows], WEIGHT[rows], Groups(codes[rows], 3)))
    for group in (0, 2):
        rows = codes == group
        correlation, matrix = (result.value for result in tally.results(group))
        assert correlation == MatthewsCorrelation()(TRUE[rows], SCORES[rows], WEIGHT[rows])
        assert matrix == ConfusionMatrix()(TRUE[rows], SCORES[rows], WEIGHT[rows]).tolist()
    assert np.isnan(tally.results(1)[0].value)


def test_logits_decide_as_they_are():
    tally = Tally([MatthewsCorrelation(), BalancedAccuracy()], from_logits=True)
    tally.update(Batch(TRUE, 50 * (SCORES - 0.5)))
    assert [result.value for result in tally.results()] == [MatthewsCorrelation()(TRUE, SCORES), BalancedAccuracy()(TRUE, SCORES)]


def test_all_share_one_matrix():
    tally = Tally([MatthewsCorrelation(), CohenKappa(), BalancedAccuracy(), ConfusionMatrix("true")])
    tally.update(Batch(TRUE, SCORES))
    assert len([need for need in tally.states if "crosstab" in repr(need.lift)]) == 1


def test_what_is_no_class_is_refused():
    with pytest.raises(DomainError, match="-1 is not the number of a class"):
        MatthewsCorrelation().update_state([0, -1], [0, 1])
    with pytest.raises(DomainError, match="is not a class index"):
        MatthewsCorrelation().update_state([0, 5], SCORES[:2])
    with pytest.raises(NotProbabilityError):
        MatthewsCorrelation().update_state([0, 1], [0.5, 3.0])


@pytest.mark.parametrize(
    ("cls", "options"),
    [(ConfusionMatrix, {"normalize": "rows"}), (ConfusionMatrix, {"num_classes": 0}), (CohenKappa, {"weights": "cubic"})],
)
def test_unusable_parameters_are_refused(cls, options):
    with pytest.raises(UsageError):
        cls(**options)


def test_names():
    names = {"mcc": "matthews_correlation", "cohen_kappa_score": "cohen_kappa", "balanced_accuracy_score": "balanced_accuracy"}
    assert {alias: row_of(alias).name for alias in names} == names


@pytest.mark.parametrize("weight", [None, RANDOM.random(2000)], ids=["none", "rows"])
def test_a_thousand_classes(weight):
    true, predicted = RANDOM.integers(0, 1000, 2000), RANDOM.integers(0, 1000, 2000)
    metric = CohenKappa("linear")
    for start in range(0, 2000, 250):
        rows = slice(start, start + 250)
        metric.update_state(true[rows], predicted[rows], None if weight is None else weight[rows])
    labels = np.arange(1000)
    expected = sklearn.metrics.cohen_kappa_score(true, predicted, weights="linear", labels=labels, sample_weight=weight)
    assert metric.result() == pytest.approx(expected, rel=1e-9)
