"""The losses API: the worked numbers of the Keras documentation, reductions, weights, types, ranks, and look-up by name."""

import json

import numpy as np
import pytest
from mpmath import mp, mpf

from xent import losses, metrics
from xent.core.errors import DataError, UnknownNameError, UsageError

mp.dps = 40

ONE_HOT, INDEX, OVER_CLASSES = [[0, 1, 0], [0, 0, 1]], np.array([1, 2]), np.array([[0.05, 0.95, 0], [0.1, 0.8, 0.1]])
EVENTS, CHANCES = [[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]]
FLAT, FLAT_LOGITS = [0, 1, 0, 0], [-18.6, 0.51, 2.94, -12.8]
SQUARE, SQUARE_LOGITS = [[0, 1], [0, 0]], [[-18.6, 0.51], [2.94, -12.8]]


def binary(**options):
    return losses.BinaryCrossentropy(from_logits=True, **options)


def focal(**options):
    return losses.BinaryFocalCrossentropy(from_logits=True, **options)


def balanced(**options):
    return focal(apply_class_balancing=True, **options)


# Keras's documentation, computed in float64 (`keras-inventory`, section 13): the number of the row, the call, the value.
WORKED = [
    (1, metrics.CategoricalCrossentropy(), ONE_HOT, OVER_CLASSES, None, 1.1769391937),
    (2, metrics.CategoricalCrossentropy(), ONE_HOT, OVER_CLASSES, [0.3, 0.7], 1.6271975534),
    (3, metrics.SparseCategoricalCrossentropy(), INDEX, OVER_CLASSES, None, 1.1769391937),
    (4, metrics.SparseCategoricalCrossentropy(), INDEX, OVER_CLASSES, [0.3, 0.7], 1.6271975534),
    (5, metrics.BinaryCrossentropy(), EVENTS, CHANCES, None, 0.8149244548),
    (6, metrics.BinaryCrossentropy(), EVENTS, CHANCES, [1, 0], 0.9162907319),
    (7, binary(), FLAT, FLAT_LOGITS, None, 0.8654579498),
    (8, binary(), SQUARE, SQUARE_LOGITS, None, 0.8654579498),
    (9, binary(), SQUARE, SQUARE_LOGITS, [0.8, 0.2], 0.2436385889),
    (10, binary(reduction="sum"), SQUARE, SQUARE_LOGITS, None, 1.7309158996),
    (11, binary(reduction=None), SQUARE, SQUARE_LOGITS, None, [0.2351566632, 1.4957592364]),
    (12, losses.BinaryCrossentropy(), FLAT, [0.6, 0.3, 0.2, 0.8], None, 0.9882112500),
    (13, focal(gamma=2), FLAT, FLAT_LOGITS, None, 0.6912120758),
    (14, balanced(gamma=2), FLAT, FLAT_LOGITS, None, 0.5101332955),
    (15, focal(gamma=3), SQUARE, SQUARE_LOGITS, None, 0.6469950119),
    (16, balanced(gamma=3), SQUARE, SQUARE_LOGITS, None, 0.4821412468),
    (17, focal(gamma=3), SQUARE, SQUARE_LOGITS, [0.8, 0.2], 0.1331250169),
    (18, balanced(gamma=3), SQUARE, SQUARE_LOGITS, [0.8, 0.2], 0.0973597530),
    (19, focal(gamma=4, reduction="sum"), SQUARE, SQUARE_LOGITS, None, 1.2218806370),
    (20, balanced(gamma=4, reduction="sum"), SQUARE, SQUARE_LOGITS, None, 0.9140805169),
    (21, focal(gamma=5, reduction=None), SQUARE, SQUARE_LOGITS, None, [0.0017483725, 1.1561025134]),
    (22, balanced(gamma=5, reduction=None), SQUARE, SQUARE_LOGITS, None, [0.0004370931, 0.8670768850]),
    (23, losses.CategoricalCrossentropy(), ONE_HOT, OVER_CLASSES, None, 1.1769391937),
    (24, losses.CategoricalCrossentropy(), ONE_HOT, OVER_CLASSES, [0.3, 0.7], 0.8135987767),
    (25, losses.CategoricalCrossentropy(reduction="sum"), ONE_HOT, OVER_CLASSES, None, 2.3538783874),
    (26, losses.CategoricalCrossentropy(reduction=None), ONE_HOT, OVER_CLASSES, None, [0.0512932944, 2.3025850930]),
    (27, losses.CategoricalFocalCrossentropy(), ONE_HOT, OVER_CLASSES, None, 0.2331527698),
    (28, losses.CategoricalFocalCrossentropy(), ONE_HOT, OVER_CLASSES, [0.3, 0.7], 0.1632005272),
    (29, losses.CategoricalFocalCrossentropy(reduction="sum"), ONE_HOT, OVER_CLASSES, None, 0.4663055396),
    (30, losses.CategoricalFocalCrossentropy(reduction=None), ONE_HOT, OVER_CLASSES, None, [3.2058308992e-05, 0.4662734813]),
    (31, losses.SparseCategoricalCrossentropy(), INDEX, OVER_CLASSES, None, 1.1769391937),
    (32, losses.SparseCategoricalCrossentropy(), INDEX, OVER_CLASSES, [0.3, 0.7], 0.8135987767),
    (33, losses.SparseCategoricalCrossentropy(reduction="sum"), INDEX, OVER_CLASSES, None, 2.3538783874),
    (34, losses.SparseCategoricalCrossentropy(reduction=None), INDEX, OVER_CLASSES, None, [0.0512932944, 2.3025850930]),
    (35, losses.binary_crossentropy, EVENTS, CHANCES, None, [0.9162907319, 0.7135581778]),
    (36, losses.categorical_crossentropy, ONE_HOT, OVER_CLASSES, None, [0.0512932944, 2.3025850930]),
    (37, losses.sparse_categorical_crossentropy, INDEX, OVER_CLASSES, None, [0.0512932944, 2.3025850930]),
]


@pytest.mark.parametrize(("number", "compute", "y_true", "y_pred", "weight", "value"), WORKED, ids=[f"row-{row[0]}" for row in WORKED])
def test_the_worked_numbers_of_the_documentation(number, compute, y_true, y_pred, weight, value):
    if isinstance(compute, metrics.Metric):
        compute.reset_state()
    found = compute(y_true, y_pred) if weight is None else compute(y_true, y_pred, sample_weight=np.array(weight))
    np.testing.assert_allclose(found, value, rtol=3e-10, atol=5e-11)


def test_the_worked_poisson_and_divergence():
    """Rows 38 and 39 of the same list give properties of random data in place of numbers."""
    random = np.random.default_rng(5)
    y, p = random.random((2, 3)), random.random((2, 3))
    shifted = p + 1e-7
    np.testing.assert_allclose(losses.poisson(y, p), np.mean(shifted - y * np.log(shifted), axis=-1), atol=1e-5)
    clipped_y, clipped_p = np.clip(y, 1e-7, 1), np.clip(p, 1e-7, 1)
    np.testing.assert_allclose(losses.kl_divergence(y, p), np.sum(clipped_y * np.log(clipped_y / clipped_p), axis=-1), rtol=1e-12)


# Reductions, by hand: values 1, 2, 3 of three rows, made by a loss that returns its predictions.


class Itself(losses.Loss):
    def call(self, y_true, y_pred):
        return y_pred[..., 0]


class Masked(Itself):
    def mask(self, y_true, values):
        return y_true[..., 0] >= 0


ROWS, NOTHING = np.array([[1.0], [2.0], [3.0]]), np.zeros((3, 1))


@pytest.mark.parametrize(
    ("reduction", "weight", "value"),
    [
        ("sum_over_batch_size", None, 2.0),
        ("mean", None, 2.0),
        ("mean_with_sample_weight", None, 2.0),
        ("sum", None, 6.0),
        ("sum_over_batch_size", [1, 0, 2], 7 / 3),
        ("mean", [1, 0, 2], 7 / 3),
        ("mean_with_sample_weight", [1, 0, 2], 7 / 3),
        ("mean_with_sample_weight", [1, 0, 1], 2.0),
        ("mean_with_sample_weight", [0, 0, 0], 0.0),
        ("sum_over_batch_size", 0.5, 1.0),
        ("sum", [1, 0, 2], 7.0),
        ("sum", [[1], [0], [2]], 7.0),
        ("mean_with_sample_weight", 0.5, 2.0),
    ],
)
def test_reductions(reduction, weight, value):
    assert Itself(reduction=reduction)(NOTHING, ROWS, sample_weight=weight) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize("reduction", [None, "none"])
def test_no_reduction_returns_the_weighted_values(reduction):
    loss = Itself(reduction=reduction)
    assert loss(NOTHING, ROWS).tolist() == [1.0, 2.0, 3.0]
    assert loss(NOTHING, ROWS, sample_weight=[1, 0, 2]).tolist() == [1.0, 0.0, 6.0]


@pytest.mark.parametrize("reduction", ["auto", "SUM", "average", 3, ""])
def test_other_reductions_are_refused(reduction):
    with pytest.raises(UsageError, match="reduction must be one of 'sum_over_batch_size', 'sum'"):
        losses.BinaryCrossentropy(reduction=reduction)
    with pytest.raises(ValueError, match="reduction must be one of"):
        losses.Loss(reduction=reduction)


@pytest.mark.parametrize(
    ("reduction", "weight", "value"),
    [
        ("sum_over_batch_size", None, 2.0),
        ("mean", [1, 5, 3], 5.0),
        ("sum", None, 4.0),
        ("sum", [1, 5, 3], 10.0),
        ("mean_with_sample_weight", [1, 5, 3], 10 / 4),
        ("mean_with_sample_weight", None, 2.0),
        ("none", [1, 5, 3], [1.0, 0.0, 9.0]),
    ],
)
def test_masked_values_count_neither_in_the_sum_nor_in_the_divisor(reduction, weight, value):
    labels = np.array([[0.0], [-1.0], [0.0]])
    np.testing.assert_allclose(Masked(reduction=reduction)(labels, ROWS, sample_weight=weight), value, rtol=1e-15)


def test_nothing_but_masked_values_is_zero_as_in_keras():
    assert Masked()(np.full((3, 1), -1.0), ROWS) == 0.0


def test_an_empty_batch_is_an_empty_array_as_in_keras():
    assert losses.CategoricalCrossentropy()(np.zeros((0, 3)), np.zeros((0, 3))).shape == (0,)


# Weights: values of shape (2, 3) from predictions of shape (2, 3, 4).

RANDOM = np.random.default_rng(11)
DEEP_TRUE = np.eye(4)[RANDOM.integers(0, 4, (2, 3))]
DEEP_PRED = RANDOM.dirichlet(np.ones(4), (2, 3))
DEEP_VALUES = -np.log((DEEP_TRUE * DEEP_PRED).sum(axis=-1))


@pytest.mark.parametrize("shape", [(), (2, 1), (2, 3), (2, 3, 1), (1, 3)])
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight", "none"])
def test_weights_of_every_legal_shape(shape, reduction):
    weight = RANDOM.random(shape)
    full = np.broadcast_to(weight[..., 0] if len(shape) == 3 else weight, (2, 3))
    product = DEEP_VALUES * full
    expected = {
        "sum_over_batch_size": product.sum() / 6,
        "sum": product.sum(),
        # Keras divides by the weights before they are broadcast; what it means is this.
        "mean_with_sample_weight": product.sum() / full.sum(),
        "none": product,
    }[reduction]
    loss = losses.CategoricalCrossentropy(reduction=reduction)
    np.testing.assert_allclose(loss(DEEP_TRUE, DEEP_PRED, sample_weight=weight), expected, rtol=1e-13)
    np.testing.assert_allclose(
        losses.SparseCategoricalCrossentropy(reduction=reduction)(DEEP_TRUE.argmax(axis=-1), DEEP_PRED, sample_weight=weight),
        expected,
        rtol=1e-13,
    )


@pytest.mark.parametrize("shape", [(2,), (3,), (6,), (3, 2), (2, 4), (2, 3, 4), (2, 1, 1, 1)])
def test_weights_of_other_shapes_are_refused(shape):
    with pytest.raises(DataError, match="sample_weight"):
        losses.CategoricalCrossentropy()(DEEP_TRUE, DEEP_PRED, sample_weight=np.ones(shape))


def test_an_infinite_value_of_weight_zero_is_nan_without_a_warning():
    assert np.isnan(Itself()(np.zeros((2, 1)), np.array([[np.inf], [1.0]]), sample_weight=[0, 1]))


# Types.


def test_float32_sees_its_own_one_minus_epsilon():
    """A wrong certain prediction costs 15.942 in float32, where 1 - 1e-7 is 0.99999988, and -ln 1e-7 in float64."""
    narrow = losses.BinaryCrossentropy(dtype="float32")([[0.0]], [[1.0]])
    assert narrow.dtype == np.float32
    assert float(narrow) == pytest.approx(15.942385, abs=2e-6)
    assert losses.BinaryCrossentropy()([[0.0]], [[1.0]]) == pytest.approx(float(-mp.log(mpf("1e-7"))), rel=1e-8)


@pytest.mark.parametrize("reduction", ["sum", "none", "sum_over_batch_size"])
@pytest.mark.parametrize("name", ["BinaryCrossentropy", "CategoricalCrossentropy", "BinaryFocalCrossentropy", "KLDivergence", "Poisson"])
def test_the_type_of_the_loss_is_the_one_asked_for(name, reduction):
    for dtype in ("float16", "float32", "float64", None):
        loss = getattr(losses, name)(dtype=dtype, reduction=reduction)
        assert loss([[0.0, 1.0]], [[0.25, 0.75]]).dtype == np.dtype(dtype or "float64")


@pytest.mark.parametrize("dtype", ["int32", "float8", "complex64", object])
def test_types_that_are_not_floating_point_are_refused(dtype):
    with pytest.raises(UsageError, match="dtype must be float16, float32 or float64"):
        losses.Poisson(dtype=dtype)


def test_integer_predictions_do_not_truncate_labels():
    """Keras casts labels to the type of the predictions; here 2.5 stays 2.5: 2 - 2.5 ln 2."""
    assert losses.poisson([[2.5]], np.array([[2]]))[0] == pytest.approx(2 - 2.5 * np.log(2 + 1e-7), rel=1e-14)


# Ranks.


@pytest.mark.parametrize("rank", [1, 2, 3, 4])
@pytest.mark.parametrize(
    "name", ["binary_crossentropy", "categorical_crossentropy", "binary_focal_crossentropy", "kl_divergence", "poisson"]
)
def test_functions_reduce_the_last_axis_of_any_rank(name, rank):
    shape = (2, 3, 4, 5)[4 - rank :]
    y = np.eye(5)[RANDOM.integers(0, 5, shape[:-1])]
    p = RANDOM.dirichlet(np.ones(5), shape[:-1])
    function = getattr(losses, name)
    found = function(y, p)
    assert found.shape == shape[:-1]
    one_by_one = [function(label[None], row[None])[0] for label, row in zip(y.reshape(-1, 5), p.reshape(-1, 5), strict=True)]
    assert np.asarray(found).reshape(-1).tolist() == one_by_one


@pytest.mark.parametrize(
    "name",
    [
        "binary_crossentropy",
        "categorical_crossentropy",
        "binary_focal_crossentropy",
        "categorical_focal_crossentropy",
        "kl_divergence",
        "poisson",
    ],
)
def test_a_vector_beside_a_column_is_a_column(name):
    """Keras pairs every value with every other, or raises (inventory, trap 12)."""
    y, p = np.array([1.0, 0.0, 1.0]), np.array([[0.2], [0.3], [0.9]])
    function = getattr(losses, name)
    expected = function(y[:, None], p).tolist()
    assert len(expected) == 3
    assert function(y, p).tolist() == expected
    assert function(y[:, None], p[:, 0]).tolist() == expected
    metric = metrics.get(name)
    assert metric(y, p) == metric.__class__()(y[:, None], p)
    assert metric.__class__()(y, p) == pytest.approx(np.mean(expected))
    if name not in ("categorical_crossentropy", "categorical_focal_crossentropy"):
        assert metric.__class__()(y, p[:, 0]) == pytest.approx(np.mean(expected))


@pytest.mark.parametrize(
    "name", ["binary_crossentropy", "categorical_crossentropy", "kl_divergence", "poisson", "binary_focal_crossentropy"]
)
@pytest.mark.parametrize(("one", "other"), [((2, 3), (2, 4)), ((2, 3), (3, 3)), ((3,), (2, 3)), ((2, 3), (1, 3))])
def test_unlike_shapes_are_refused(name, one, other):
    with pytest.raises(DataError, match="must have the same shape"):
        getattr(losses, name)(np.full(one, 0.5), np.full(other, 0.5))
    with pytest.raises(DataError, match="must have the same shape"):
        metrics.get(name).update_state(np.full(one, 0.5), np.full(other, 0.5))


def test_a_vector_is_one_value_a_sample():
    loss = losses.BinaryCrossentropy(reduction="none")
    expected = [-np.log(0.4), -np.log(0.3)]
    assert loss([0, 1], [0.6, 0.3]).tolist() == pytest.approx(expected)
    assert losses.BinaryCrossentropy()([0, 1], [0.6, 0.3], sample_weight=[1, 3]) == pytest.approx((expected[0] + 3 * expected[1]) / 2)


# By name (inventory, section 9).


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("binary_crossentropy", "binary_crossentropy"),
        ("bce", "binary_crossentropy"),
        ("BCE", "binary_crossentropy"),
        ("kld", "kl_divergence"),
        ("KLD", "kl_divergence"),
        ("poisson", "poisson"),
        ("categorical_focal_crossentropy", "categorical_focal_crossentropy"),
    ],
)
def test_names_of_functions_and_aliases_give_functions(name, function):
    assert losses.get(name) is getattr(losses, function)


def loss_classes():
    return [
        value for value in vars(losses).values() if isinstance(value, type) and issubclass(value, losses.Loss) and value is not losses.Loss
    ]


def public(module):
    """The public functions of a family: what its modules list that is no class."""
    return [
        value
        for value in vars(module).values()
        if getattr(value, "__module__", "").startswith("xent.core.losses.") and not isinstance(value, type)
    ]


@pytest.mark.parametrize("cls", loss_classes(), ids=lambda cls: cls.__name__)
def test_class_names_give_instances_that_survive_a_round_trip(cls):
    loss = losses.get(cls.__name__)
    assert type(loss) is cls
    plain = json.loads(json.dumps(losses.serialize(loss)))
    assert set(plain) == {"class_name", "config"}
    again = losses.deserialize(plain)
    assert type(again) is cls
    assert again.get_config() == loss.get_config()
    assert type(losses.get(plain)) is cls
    assert type(losses.get(cls)) is cls
    assert losses.get(loss) is loss


@pytest.mark.parametrize("function", public(losses), ids=lambda function: function.__name__)
def test_functions_survive_a_round_trip(function):
    assert losses.get(function.__name__) is function
    assert losses.deserialize(losses.serialize(function)) is function


def test_options_survive_a_round_trip():
    loss = losses.CategoricalFocalCrossentropy(alpha=[0.1, 0.2, 0.7], gamma=3, reduction="sum", name="mine", dtype="float32")
    again = losses.deserialize(json.loads(json.dumps(losses.serialize(loss))))
    assert again.get_config() == loss.get_config()
    assert again(ONE_HOT, OVER_CLASSES) == loss(ONE_HOT, OVER_CLASSES)


def test_what_is_no_loss():
    assert losses.get(None) is None
    with pytest.raises(UnknownNameError, match="unknown loss 'binary_crosentropy'; did you mean 'binary_crossentropy'"):
        losses.get("binary_crosentropy")
    with pytest.raises(ValueError, match="this is no loss"):
        losses.get(3)
    with pytest.raises(UsageError, match="this describes no loss"):
        losses.deserialize({"config": {}})
    with pytest.raises(UsageError, match="no loss"):
        losses.serialize(3)
    for name in ("get", "serialize", "Any", "np"):
        with pytest.raises(UnknownNameError):
            losses.get(name)


def test_losses_of_ones_own():
    plain = losses.serialize(Itself(reduction="sum"))
    assert isinstance(losses.deserialize(plain, {"Itself": Itself}), Itself)
    assert losses.deserialize("Itself", {"Itself": Itself}) is Itself
    with pytest.raises(UnknownNameError):
        losses.deserialize(plain)
    assert losses.get(len) is len
