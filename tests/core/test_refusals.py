"""Parameters and shapes that metrics and losses cannot take, each with what is said; and the values at the edges of what they can."""

import math

import numpy as np
import pytest
import sklearn.metrics

import xent.losses
from xent.core.batch import Batch
from xent.core.errors import DataError, XentError
from xent.core.metrics.extremes import ErrorCounts
from xent.core.moments import quotient
from xent.core.specs import parse_spec
from xent.core.states import State
from xent.core.tally import Tally

Y, P = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.5, 2.0, 2.0, 5.0])
SEVERAL = np.stack([Y, P], axis=1)
PIXEL = np.array([[0]]), np.array([[[0.5, 0.5]]])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("r2_score:class_aggregation=median", "class_aggregation must be one of"),
        ("r2_score:num_regressors=-1", "num_regressors must be at least 0, not -1"),
        ("explained_variance:multioutput=median", "multioutput must be one of"),
        ("roc_auc:average=median", "average must be one of None, macro, weighted and micro, not 'median'"),
        ("ndcg:k=0", "k must be at least 1, or None for all documents, not 0"),
        ("mse:reduction=median", "mean_squared_error has no parameter 'reduction'"),
        ("huber:delta=0", "delta must be above 0, not 0"),
        ("huber:delta=1,delta=2", "sets 'delta' twice"),
        ("huber:delta", "cannot read 'delta' in the metric 'huber:delta'; parameters are written key=value"),
        ("huber:width=2", "has no parameter 'width'"),
        ("precision_at_recall", "needs the parameter 'recall', as in"),
    ],
)
def test_parameters(text, said):
    with pytest.raises(XentError) as refused:
        parse_spec(text).build()
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            lambda: xent.losses.dice(SEVERAL, SEVERAL, axis=(0, 2)),
            "axis (0, 2) does not name different axes of predictions of shape",
        ),
        (lambda: xent.losses.dice(SEVERAL, SEVERAL, axis=(0, -2)), "axis (0, -2) does not name different axes"),
        (
            lambda: xent.losses.lovasz_softmax(*PIXEL, classes=[2]),
            "classes must be indices from 0 to 1, not [2]",
        ),
        (
            lambda: xent.losses.lovasz_softmax(*PIXEL, classes=[]),
            "classes must be indices from 0 to 1, not []",
        ),
        (
            lambda: xent.losses.lovasz_softmax(*PIXEL, classes="some"),
            "classes must be 'present', 'all' or a list of class indices, not 'some'",
        ),
        (lambda: xent.metrics.Mean().update_state(np.ones((2, 3)), np.ones(5)), "sample_weight cannot be broadcast"),
        (lambda: xent.metrics.Sum().update_state(np.ones((2, 3)), np.ones(5)), "sample_weight cannot be broadcast"),
        (lambda: xent.metrics.NDCG().update_state(np.ones((2, 1)), np.ones((2, 1))), "a row is a query with several documents"),
        (lambda: xent.metrics.MeanMetricWrapper("nothing_of_xent"), "'nothing_of_xent' is no function of xent; give the function itself"),
        (
            lambda: xent.metrics.MeanMetricWrapper(lambda y_true, y_pred: np.ones(7)).update_state(Y, P),
            "the function must return one value a row, 4 of them, not an array of shape (7,)",
        ),
        (lambda: xent.losses.mean_squared_error(1.0, 2.0), "must be arrays, not scalars"),
    ],
)
def test_shapes(call, said):
    with pytest.raises(XentError) as refused:
        call()
    assert said in str(refused.value)


def state_of(name, y_true, y_pred):
    tally = Tally([parse_spec(name).build()])
    tally.update(Batch(y_true, y_pred))
    return tally.metrics[0].lift(Batch(y_true, y_pred))


@pytest.mark.parametrize(
    ("name", "other"),
    [("median_absolute_error", (SEVERAL, SEVERAL)), ("explained_variance", (SEVERAL, SEVERAL)), ("max_error", None)],
)
def test_states_of_unlike_data_do_not_merge(name, other):
    mine = state_of(name, Y, P)
    theirs = state_of("mse", Y, P) if other is None else state_of(name, *other)
    with pytest.raises(DataError, match="cannot merge"):
        mine.merge(theirs)
    assert isinstance(mine, State | ErrorCounts)


@pytest.mark.parametrize(
    ("numerator", "denominator", "value"),
    [(10**400, 1, math.inf), (-(10**400), 1, -math.inf), (10**400, -1, -math.inf), (10**400, 10**399, 10.0), (1, 0, math.nan)],
)
def test_quotients_of_any_integers(numerator, denominator, value):
    assert repr(quotient(numerator, denominator)) == repr(value)


@pytest.mark.parametrize("force_finite", [True, False])
@pytest.mark.parametrize("multioutput", ["raw_values", "uniform_average", "variance_weighted"])
@pytest.mark.parametrize("constant", ["missed", "hit"])
def test_explained_variance_of_labels_that_do_not_vary(multioutput, force_finite, constant):
    """One output varies, and of the other's labels, which are all the same, the predictions are right or not: scikit-learn's values."""
    y_true, y_pred = SEVERAL.copy(), SEVERAL[::-1] + 0.25 * SEVERAL**2
    y_true[:, 1] = 2.0
    if constant == "hit":
        y_pred[:, 1] = 2.0
    metric = xent.metrics.ExplainedVariance(multioutput=multioutput, force_finite=force_finite)
    metric.update_state(y_true, y_pred)
    with np.errstate(all="ignore"):
        expected = sklearn.metrics.explained_variance_score(y_true, y_pred, multioutput=multioutput, force_finite=force_finite)
    np.testing.assert_allclose(metric.result(), expected, rtol=1e-13)


def test_adjusted_r2_of_too_few_rows_is_not_adjusted():
    metric = xent.metrics.R2Score(num_regressors=3)
    metric.update_state(Y[:, None], P[:, None])
    with pytest.warns(UserWarning, match="R² is not adjusted"):
        value = metric.result()
    assert value == pytest.approx(sklearn.metrics.r2_score(Y, P), rel=1e-14)


@pytest.mark.parametrize("average", [None, "macro", "weighted", "micro"])
def test_averages_of_areas(average):
    rng = np.random.default_rng(4)
    y_true, y_score = rng.integers(0, 2, (40, 3)), rng.random((40, 3)).round(1)
    metric = xent.metrics.RocAuc(average=average)
    metric.update_state(y_true, y_score)
    np.testing.assert_allclose(metric.result(), sklearn.metrics.roc_auc_score(y_true, y_score, average=average), rtol=1e-13)


def test_called_metrics_add_and_tell():
    mean, total = xent.metrics.Mean(), xent.metrics.Sum()
    assert [mean([1.0, 3.0]), mean([5.0]), total([1.0, 3.0]), total([5.0], [0.5])] == [2.0, 3.0, 4.0, 6.5]


def test_a_wrapped_function_is_made_again_from_its_name():
    metric = xent.metrics.MeanMetricWrapper(xent.losses.huber, delta=0.5)
    again = type(metric).from_config(metric.get_config())
    assert metric.get_config()["fn"] == "huber"
    assert "huber, delta=0.5" in repr(metric)
    for one in (metric, again):
        one.update_state(Y[:, None], P[:, None])
    # |0.5|, 0, |1|, |1| with delta 0.5: 0.125, 0, 0.375, 0.375.
    assert metric.result() == again.result() == 0.21875
