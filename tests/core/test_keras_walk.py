"""A walk over every public name of the installed Keras, comparing each with xent's on random and on degenerate inputs.

Keras computes in float64 here, as it does on TensorFlow: its other backends fold float64 to float32, and that is switched off, so
that values can be compared to nine digits. Where xent means to differ, the reason stands in a table below or beside the reference
that is compared with instead, and for the reader in docs/keras-differences.md.

The tables and the walks are longer than a module should be, and stay in one because each name must be found in exactly one of them.
"""

import inspect
import itertools
import os
import re
import zlib

os.environ["KERAS_BACKEND"] = "numpy"

import keras
import numpy as np
import pytest
from keras.src.backend.common import dtypes

import xent.losses
import xent.metrics
from xent.core.loss import REDUCTIONS, snake_case

LIBRARIES = {"losses": (keras.losses, xent.losses), "metrics": (keras.metrics, xent.metrics)}

DEVIATIONS: dict[str, str] = {}
"""Names of Keras that xent does not have, each with the reason. It has them all."""

OTHER_SIGNATURES = {
    "metrics.Metric": "the base takes name before dtype like every other class; Keras has the two exchanged in this one",
}
"""Names whose parameters are not Keras's, each with the reason."""

LOOK_UPS = ("get", "serialize", "deserialize")
ABSTRACT = ("Loss", "Metric")


def public(library, classes):
    theirs = LIBRARIES[library][0]
    names = (name for name in dir(theirs) if not name.startswith("_") and callable(getattr(theirs, name)))
    return sorted(name for name in names if inspect.isclass(getattr(theirs, name)) == classes)


CLASSES = [(library, name) for library in LIBRARIES for name in public(library, classes=True)]
FUNCTIONS = [(library, name) for library in LIBRARIES for name in public(library, classes=False)]


def walks(pairs):
    kept = [(library, name) for library, name in pairs if f"{library}.{name}" not in DEVIATIONS]
    return pytest.mark.parametrize(("library", "name"), kept, ids=[f"{library}.{name}" for library, name in kept])


@pytest.fixture(autouse=True)
def keras_in_float64(monkeypatch):
    monkeypatch.delitem(dtypes.BIT64_TO_BIT32_DTYPE, "float64")
    keras.config.set_floatx("float64")
    yield
    keras.config.set_floatx("float32")


def ask(function, *args, **options):
    """What Keras says. It warns of the divisions by zero that degenerate values make; xent may not, and is never asked in here."""
    with np.errstate(all="ignore"):
        return np.asarray(function(*args, **options))


def feed(metric, *rows):
    """Updates a metric of Keras, which is allowed the same."""
    with np.errstate(all="ignore"):
        metric.update_state(*rows)


def assert_near(mine, theirs, context, rtol=1e-9, atol=1e-12):
    mine = np.asarray(mine)
    assert mine.shape == theirs.shape, context
    np.testing.assert_allclose(mine, theirs, rtol=rtol, atol=atol, err_msg=repr(context))


def random_for(*key):
    return np.random.default_rng(zlib.crc32(repr(key).encode()))


# Inputs. Every kind makes labels, and predictions of the shape it is given.


def values(rng, shape):
    return rng.standard_normal(shape) * 3, rng.standard_normal(shape) * 3


def amounts(rng, shape):
    return rng.gamma(1.0, 2.0, shape), rng.gamma(1.0, 2.0, shape)


def numbers(rng, shape):
    return rng.integers(0, 3, shape).astype(float), rng.integers(0, 3, shape).astype(float)


def signs(rng, shape):
    return rng.choice([-1.0, 1.0], shape), rng.standard_normal(shape) * 2


def bits(rng, shape):
    return rng.integers(0, 2, shape), rng.standard_normal(shape) * 2


def events(rng, shape):
    certain = rng.random(shape) < 0.2
    return rng.integers(0, 2, shape).astype(float), np.where(certain, rng.integers(0, 2, shape), rng.random(shape))


def soft_events(rng, shape):
    return rng.random(shape), rng.random(shape)


def event_logits(rng, shape):
    # Moderate ones: on its NumPy backend Keras clips the probabilities that logits stand for, on all others it does not.
    return rng.integers(0, 2, shape).astype(float), rng.uniform(-5, 5, shape)


def indices(rng, shape):
    """Class indices beside probabilities of which some are 0 and most rows do not sum to 1."""
    p = np.where(rng.random(shape) < 0.2, 0.0, rng.random(shape))
    p[..., -1] += 0.1
    return rng.integers(0, shape[-1], shape[:-1]), p


def index_columns(rng, shape):
    y, p = indices(rng, shape)
    return y[..., None], p


def index_logits(rng, shape):
    return rng.integers(0, shape[-1], shape[:-1]), rng.standard_normal(shape) * 4


def ignored_indices(rng, shape):
    y, p = indices(rng, shape)
    y = np.where(rng.random(y.shape) < 0.3, -1, y)
    y.flat[0] = 0
    return y, p


def sorted_ids(rng, shape):
    return rng.integers(0, shape[-1], shape[:-1]), np.argsort(rng.random(shape), axis=-1)


def one_hot(rng, shape):
    y, p = indices(rng, shape)
    return np.eye(shape[-1])[y], p


def one_hot_logits(rng, shape):
    y, p = index_logits(rng, shape)
    return np.eye(shape[-1])[y], p


def distributions(rng, shape):
    return rng.dirichlet(np.ones(shape[-1]), shape[:-1]), rng.dirichlet(np.ones(shape[-1]), shape[:-1])


def embeddings(rng, shape):
    """Labels, of which the first stands alone, beside vectors of length 1."""
    y, p = rng.integers(0, 2, shape[0]), rng.standard_normal(shape)
    y[0] = 2
    return y, p / np.linalg.norm(p, axis=-1, keepdims=True)


def sequences(rng, shape):
    return rng.integers(0, shape[2], (shape[0], 3)), rng.standard_normal(shape) * 3


OVER_CLASSES = (indices, index_columns, index_logits, ignored_indices, sorted_ids, one_hot, one_hot_logits, distributions)
SHAPES = {
    embeddings: [(8, 3), (12, 2)],
    sequences: [(7, 9, 4), (3, 8, 6)],
    **{kind: [(5, 4), (3, 4, 5), (2, 3, 4, 6)] for kind in OVER_CLASSES},
}
ANY_RANK = [(6,), (5, 1), (5, 4), (3, 4, 5), (2, 3, 4, 5)]

CONSTANTS = [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0), (1.0, 0.5), (0.0, 0.5), (0.5, 1e-9)]
"""Labels and predictions that are the same everywhere."""

CASES = {
    "mean_squared_error": [(values, {})],
    "mean_absolute_error": [(values, {})],
    "mean_absolute_percentage_error": [(values, {}), (numbers, {})],
    "mean_squared_logarithmic_error": [(values, {}), (amounts, {})],
    "cosine_similarity": [(values, {}), (values, {"axis": -2}), (values, {"axis": 1})],
    "huber": [(values, {}), (values, {"delta": 0.3}), (values, {"delta": 4.0})],
    "log_cosh": [(values, {})],
    "hinge": [(signs, {}), (bits, {}), (values, {})],
    "squared_hinge": [(signs, {}), (bits, {}), (values, {})],
    "categorical_hinge": [(one_hot, {}), (one_hot_logits, {}), (signs, {})],
    "kl_divergence": [(distributions, {}), (events, {}), (values, {})],
    "poisson": [(amounts, {}), (numbers, {})],
    "binary_crossentropy": [
        (events, {}),
        (soft_events, {"label_smoothing": 0.2}),
        (event_logits, {"from_logits": True}),
        (event_logits, {"from_logits": True, "label_smoothing": 0.1}),
        (soft_events, {"axis": 0}),
        (soft_events, {"axis": -2}),
    ],
    "binary_focal_crossentropy": [
        (events, {}),
        (soft_events, {"gamma": 1.5, "label_smoothing": 0.2}),
        (soft_events, {"apply_class_balancing": True, "alpha": 0.4}),
        (event_logits, {"from_logits": True, "apply_class_balancing": True}),
        (soft_events, {"axis": 0}),
    ],
    "categorical_crossentropy": [
        (one_hot, {}),
        (distributions, {"label_smoothing": 0.3}),
        (one_hot_logits, {"from_logits": True}),
        (one_hot_logits, {"from_logits": True, "label_smoothing": 0.1}),
        (distributions, {"axis": 1, "label_smoothing": 0.1}),
    ],
    "categorical_focal_crossentropy": [
        (one_hot, {}),
        (distributions, {"alpha": 0.5, "gamma": 1.0, "label_smoothing": 0.2}),
        (one_hot_logits, {"from_logits": True}),
        (distributions, {"axis": 1}),
    ],
    "sparse_categorical_crossentropy": [
        (indices, {}),
        (index_columns, {}),
        (index_logits, {"from_logits": True}),
        (ignored_indices, {"ignore_class": -1}),
        (indices, {"axis": 1}),
    ],
    "categorical_generalized_cross_entropy": [(indices, {"q": 0.5}), (index_columns, {"q": 0.9})],
    "ctc": [(sequences, {})],
    "dice": [(events, {}), (soft_events, {"axis": -1}), (soft_events, {"axis": 0}), (soft_events, {"axis": (0, -1)})],
    "tversky": [(events, {}), (soft_events, {"axis": -1}), (soft_events, {"alpha": 0.2, "beta": 0.9, "axis": (0, -1)})],
    "circle": [(embeddings, {"gamma": 80.0}), (embeddings, {"gamma": 2.0, "margin": 0.1, "remove_diagonal": False})],
    "binary_accuracy": [(events, {}), (events, {"threshold": 0.3})],
    "categorical_accuracy": [(one_hot, {}), (one_hot_logits, {})],
    "sparse_categorical_accuracy": [(indices, {}), (index_columns, {}), (index_logits, {})],
    "top_k_categorical_accuracy": [(one_hot_logits, {"k": 1}), (one_hot_logits, {"k": 3})],
    "sparse_top_k_categorical_accuracy": [
        (index_logits, {"k": 1}),
        (index_logits, {"k": 3}),
        (sorted_ids, {"k": 2, "from_sorted_ids": True}),
    ],
    "pearson_correlation": [(values, {}), (values, {"axis": 1}), (values, {"axis": (-2, -1)})],
    "concordance_correlation": [(values, {}), (values, {"axis": 1}), (values, {"axis": (-2, -1)})],
    "accuracy": [(numbers, {})],
    "root_mean_squared_error": [(values, {})],
}
"""The inputs and options on which a function, the loss of it and the metric of it are compared; the last two are metrics alone."""

FUNCTION_OF = {"LogCosh": "log_cosh", "LogCoshError": "log_cosh"}
"""The functions that are not the snake case of the class."""

BY_ELEMENT = ("BinaryAccuracy", "Accuracy", "RootMeanSquaredError")
"""Metrics with a value for every prediction; all others of their kind have one for what the last axis or `axis` holds."""

CORRELATIONS = ("PearsonCorrelation", "ConcordanceCorrelation")

ALIGNING = ("mean_", "huber", "log_cosh", "cosine_similarity", "binary_accuracy", "pearson", "concordance")
"""The beginnings of the names of functions that align ranks."""

TURNED = ("cosine_similarity", "categorical_crossentropy", "categorical_focal_crossentropy", "sparse_categorical_crossentropy")
"""Functions that Keras 3.15.1 computes wrongly, or not at all, unless `axis` is the last one; so it gets that axis moved there."""


def function_of(name):
    return FUNCTION_OF.get(name, snake_case(name))


def shapes_for(kind, options, largest=None):
    axes = options.get("axis", -1)
    axes = axes if isinstance(axes, tuple) else (axes,)
    for shape in SHAPES.get(kind, ANY_RANK):
        rank = len(shape)
        if all(-rank <= axis < rank for axis in axes) and len({axis % rank for axis in axes}) == len(axes):
            yield shape


def for_keras(name, y, p, options):
    """The arguments with which Keras 3.15.1 gives the value of the reference, where its own answer to the same ones is another."""
    options = dict(options)
    function = function_of(name)
    if function in TURNED and "axis" in options:
        axis = options.pop("axis")
        y = np.moveaxis(y, axis, -1) if y.ndim == p.ndim else y
        p = np.moveaxis(p, axis, -1)
    if function == "tversky":
        # Up to 3.15 alpha weighed false negatives, beta false positives, unlike the documentation.
        options["alpha"], options["beta"] = options.get("beta", 0.5), options.get("alpha", 0.5)
    if function == "categorical_generalized_cross_entropy" and y.ndim == p.ndim:
        # Keras documents labels of shape [B, 1] and broadcasts them to [B, B].
        y = y[..., 0]
    return y, p, options


def made(kind, rng, shape, name, options):
    """Labels and predictions; where Keras needs the axis moved, they are made with it at the end and xent gets it where it belongs."""
    if function_of(name) not in TURNED or "axis" not in options:
        return kind(rng, shape)
    axis = options["axis"]
    y, p = kind(rng, shape)
    return np.moveaxis(y, -1, axis) if y.ndim == p.ndim else y, np.moveaxis(p, -1, axis)


# Names, signatures, configurations.


@pytest.mark.parametrize(("library", "name"), CLASSES + FUNCTIONS)
def test_every_name_exists(library, name):
    assert (name in dir(LIBRARIES[library][1])) != (f"{library}.{name}" in DEVIATIONS)


def test_every_name_is_compared():
    compared = {*LOOK_UPS, *ABSTRACT, *OVER_COUNTS, "Mean", "Sum", "MeanMetricWrapper"}
    assert {name for _, name in FUNCTIONS} - compared <= set(CASES)
    assert {function_of(name) for _, name in CLASSES if name not in compared} <= set(CASES)


@walks(CLASSES + FUNCTIONS)
def test_signatures_are_those_of_keras(library, name):
    if f"{library}.{name}" in OTHER_SIGNATURES:
        pytest.skip(OTHER_SIGNATURES[f"{library}.{name}"])
    theirs, mine = (list(inspect.signature(getattr(side, name)).parameters.values()) for side in LIBRARIES[library])
    own = [parameter for parameter in mine if parameter.name not in {parameter.name for parameter in theirs}]
    assert all(parameter.kind is parameter.KEYWORD_ONLY for parameter in own)
    shared = [parameter for parameter in mine if parameter not in own]
    assert [(each.name, each.default, each.kind) for each in shared] == [(each.name, each.default, each.kind) for each in theirs]


REQUIRED = {
    "IoU": {"num_classes": 3, "target_class_ids": [0, 2]},
    "MeanIoU": {"num_classes": 3},
    "OneHotIoU": {"num_classes": 3, "target_class_ids": [0, 2]},
    "OneHotMeanIoU": {"num_classes": 3},
    "PrecisionAtRecall": {"recall": 0.5},
    "RecallAtPrecision": {"precision": 0.5},
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "SpecificityAtSensitivity": {"sensitivity": 0.5},
}
"""Parameters that have no default."""


@walks([pair for pair in CLASSES if pair[1] not in (*ABSTRACT, "MeanMetricWrapper")])
def test_names_and_configurations_are_those_of_keras(library, name):
    theirs, mine = (getattr(side, name)(**REQUIRED.get(name, {})) for side in LIBRARIES[library])
    # Keras counts the unnamed: auc, auc_1, auc_2.
    automatic = inspect.signature(type(theirs)).parameters["name"].default is None
    assert mine.name == (re.sub(r"_\d+$", "", theirs.name) if automatic else theirs.name)
    config = mine.get_config()
    assert set(theirs.get_config()) - {"dtype"} <= set(config)
    assert type(mine).from_config(config).get_config() == config


# Functions.


@walks([pair for pair in FUNCTIONS if pair[1] not in LOOK_UPS])
def test_functions(library, name):
    theirs, mine = (getattr(side, name) for side in LIBRARIES[library])
    for kind, options in CASES[name]:
        for shape, stored in itertools.product(shapes_for(kind, options), ("float64", "float32")):
            y, p = made(kind, random_for(name, shape), shape, name, options)
            p = p.astype(stored)
            y_keras, p_keras, their_options = for_keras(name, y, p.astype(float), options)
            expected = ask(theirs, y_keras, p_keras, **their_options)
            if len(shape) == 1 and name == "cosine_similarity":
                expected = expected.reshape(())  # The NumPy backend alone gives a rank-1 input one axis too many.
            assert_near(mine(y, p, **options), expected, (kind.__name__, options, shape, stored))


@walks([pair for pair in FUNCTIONS if any(kind not in (*OVER_CLASSES, embeddings, sequences) for kind, _ in CASES.get(pair[1], []))])
def test_functions_of_constants(library, name):
    theirs, mine = (getattr(side, name) for side in LIBRARIES[library])
    for y, p in CONSTANTS:
        if name == "cosine_similarity" and p == 1e-9:
            continue  # The NumPy backend alone divides by norms below 1e-7.
        y, p = np.full((3, 2), y), np.full((3, 2), p)
        assert_near(mine(y, p), ask(theirs, y, p), (y[0, 0], p[0, 0]))


@walks([pair for pair in FUNCTIONS if pair[1].startswith(ALIGNING)])
def test_functions_align_ranks(library, name):
    theirs, mine = (getattr(side, name) for side in LIBRARIES[library])
    for left, right in [((5,), (5, 1)), ((5, 1), (5,)), ((3, 4, 1), (3, 4)), ((3, 4), (3, 4, 1))]:
        y, p = random_for(name).random(left), random_for(name, "p").random(right)
        assert_near(mine(y, p), ask(theirs, y, p), (left, right))


# Losses.


def loss_weights(rng, shape, masked):
    """Weights of every shape that Keras takes beside values of this one."""
    yield None
    if masked:
        yield some_weights(rng, shape)
        return
    yield np.array(0.7)
    forms = [shape, (*shape, 1)] if shape else [(1,), (4,)]
    if len(shape) >= 2:
        forms += [(shape[0], *[1] * (len(shape) - 1)), (1, *shape[1:])]
    for form in forms:
        yield some_weights(rng, form)


def some_weights(rng, shape):
    weights = np.where(rng.random(shape) < 0.2, 0.0, rng.random(shape) + 0.1)
    weights.flat[0] = 0.5
    return weights


@walks([pair for pair in CLASSES if pair[0] == "losses" and pair[1] not in ABSTRACT])
def test_losses(library, name):
    theirs, mine = (getattr(side, name) for side in LIBRARIES[library])
    for kind, options in CASES[function_of(name)]:
        for shape in shapes_for(kind, options):
            rng = random_for(name, shape)
            y, p = made(kind, rng, shape, name, options)
            y_keras, p_keras, their_options = for_keras(name, y, p, options)
            if len(shape) == 1:
                # A vector is a column to xent; Keras makes one number of it, to which weights and reduction mean nothing.
                y_keras, p_keras = y_keras[:, None], p_keras[:, None]
            form = ask(theirs(reduction=None, **their_options), y_keras, p_keras).shape
            masked = "ignore_class" in options or name == "Circle"
            for reduction, weights in itertools.product(REDUCTIONS, loss_weights(rng, form, masked)):
                w_keras = weights
                if (
                    form
                    and weights is not None
                    and (weights.ndim == 0 or reduction == "mean_with_sample_weight")
                    and weights.ndim <= len(form)
                ):
                    # Keras divides by the sum of the weights before they are broadcast, so that a scalar one gives a sum, and for a
                    # single value neither divides nor keeps the axis.
                    w_keras = np.broadcast_to(weights, form)
                expected = ask(theirs(reduction=reduction, **their_options), y_keras, p_keras, w_keras)
                context = (kind.__name__, options, shape, reduction, np.shape(weights))
                assert_near(mine(reduction=reduction, **options)(y, p, weights), expected, context)


@walks([pair for pair in CLASSES if pair[0] == "losses" and pair[1] not in ABSTRACT])
def test_losses_in_float32(library, name):
    theirs, mine = (getattr(side, name) for side in LIBRARIES[library])
    kind, options = CASES[function_of(name)][0]
    shape = SHAPES.get(kind, ANY_RANK[2:])[0]
    y, p = kind(random_for(name), shape)
    found = mine(dtype="float32", **options)(y, p)
    assert found.dtype == np.float32
    assert_near(found, ask(theirs(dtype="float32", **options), y, p), name, rtol=1e-4)


# Metrics that are means.


def metric_weights(rng, form):
    """The shapes that `keras.metrics.Mean` takes beside values of this one."""
    forms = {form[:1], form, (*form, 1), form[:2], (form[0], *[1] * (len(form) - 1))}
    return [None, (), *sorted(forms)]


MEANS = [(library, name) for library, name in CLASSES if library == "metrics" and function_of(name) in CASES and name not in ABSTRACT]


@walks(MEANS)
def test_means(library, name):
    theirs, mine = (getattr(side, name) for side in LIBRARIES[library])
    parameters = inspect.signature(theirs).parameters
    for kind, options in CASES[function_of(name)]:
        if not set(options) <= set(parameters):
            continue
        for shape in shapes_for(kind, options):
            turned = function_of(name) in TURNED and "axis" in options
            if turned or isinstance(options.get("axis"), tuple):
                axes = np.atleast_1d(options["axis"]).tolist()
                if 0 in {axis % len(shape) for axis in axes}:
                    continue  # The first axis counts the rows.
            probe = random_for(name, shape)
            _, p = made(kind, probe, shape, name, options)
            form = value_shape(name, p.shape, options)
            for weighing in metric_weights(probe, form):
                compare_updates(theirs, mine, name, kind, options, shape, weighing)


def value_shape(name, shape, options):
    if name in BY_ELEMENT:
        return shape
    if len(shape) == 1:
        return shape  # A column, one value a row.
    axes = options.get("axis", -1)
    gone = {axis % len(shape) for axis in (axes if isinstance(axes, tuple) else (axes,))}
    return tuple(size for axis, size in enumerate(shape) if axis not in gone)


def compare_updates(theirs, mine, name, kind, options, shape, weighing):
    _, _, their_options = for_keras(name, np.zeros(shape), np.zeros(shape), options)
    # The cosine metric is the loss with the sign turned, so `for_keras` suits both.
    there, here = theirs(**their_options), mine(**options)
    rng, seen = random_for(name, kind.__name__, shape, weighing), []
    for rows in (4, 1, 3):
        y, p = made(kind, rng, (rows, *shape[1:]), name, options)
        form = value_shape(name, p.shape, options)
        weights = None
        if weighing is not None:
            # The same form for another number of rows.
            weights = some_weights(rng, (rows, *weighing[1:]) if weighing else ())
        here.update_state(y, p, weights)
        seen.append((y, p))
        if name in CORRELATIONS and (len(shape) == 1 or shape[1:] == (1,)):
            # Keras correlates each number with itself alone, or the numbers of each batch; xent all rows seen so far.
            if weights is None:
                y, p = (np.concatenate(side).reshape(-1) for side in zip(*seen, strict=True))
                expected = ask(getattr(keras.metrics, function_of(name)), y, p)
                assert_near(here.result(), expected, (kind.__name__, options, shape, rows))
            continue
        y_keras, p_keras, _ = for_keras(name, y, p, options)
        if len(shape) == 1 and name not in BY_ELEMENT:
            # Keras makes one value of a vector, so that every batch counts as one row.
            y_keras, p_keras = y_keras[:, None], p_keras[:, None]
        w_keras = weights
        if weighing == ():
            # Keras makes one row of a batch with a scalar weight.
            w_keras = np.full(rows, weights)
        if "ignore_class" in options:
            # Keras leaves ignored rows out of a metric only where weights are given, and these must have the full shape.
            w_keras = np.ones(form) if weights is None else np.broadcast_to(w_keras.reshape(spread(w_keras, form)), form)
        feed(there, y_keras, p_keras, w_keras)
        assert_near(here.result(), ask(there.result), (kind.__name__, options, shape, weighing, rows))


def spread(weights, form):
    shape = weights.shape[: len(form)]
    return (*shape, *[1] * (len(form) - len(shape)))


@walks(MEANS)
def test_a_mean_of_nothing_is_nan(library, name):
    # Keras says 0, which cannot be told from a value.
    mine = getattr(LIBRARIES[library][1], name)()
    assert np.isnan(mine.result())
    kind, _ = CASES[function_of(name)][0]
    y, p = kind(random_for(name), (5, 4))
    mine.update_state(y, p, np.zeros(5))
    assert np.isnan(mine.result())


@walks(MEANS)
def test_means_in_float32(library, name):
    theirs, mine = (getattr(side, name) for side in LIBRARIES[library])
    kind, options = CASES[function_of(name)][0]
    options = {key: value for key, value in options.items() if key in inspect.signature(theirs).parameters}
    y, p = kind(random_for(name), (5, 4))
    here, there = mine(dtype="float32", **options), theirs(dtype="float32", **options)
    here.update_state(y, p)
    feed(there, y.astype(np.float32), p.astype(np.float32))
    assert_near(here.result(), ask(there.result), name, rtol=1e-4)


@pytest.mark.parametrize("name", ["Hinge", "SquaredHinge"])
def test_hinge_sees_all_rows_as_one_batch(name):
    # Keras turns labels of 0 and 1 to -1 and 1 where a batch holds no others, so its value depends on the batches.
    y, p = np.array([[0.0, 1.0], [1.0, 0.0], [-1.0, 1.0]]), random_for(name).standard_normal((3, 2))
    here, there = getattr(xent.metrics, name)(), getattr(keras.metrics, name)()
    for row in range(3):
        here.update_state(y[row : row + 1], p[row : row + 1])
    feed(there, y, p)
    assert_near(here.result(), ask(there.result), name)


@pytest.mark.parametrize("name", ["Mean", "Sum"])
@pytest.mark.parametrize("shape", [(6,), (5, 4), (3, 4, 5)])
def test_mean_and_sum(name, shape):
    for weighing in metric_weights(None, shape):
        here, there = getattr(xent.metrics, name)(), getattr(keras.metrics, name)()
        rng = random_for(name, shape, weighing)
        for rows in (4, 1, 3):
            found = rng.standard_normal((rows, *shape[1:]))
            weights = None if weighing is None else some_weights(rng, (rows, *weighing[1:]) if weighing else ())
            here.update_state(found, weights)
            there.update_state(found, np.full(rows, weights) if weighing == () else weights)
            assert_near(here.result(), ask(there.result), (weighing, rows))


def test_mean_metric_wrapper():
    here = xent.metrics.MeanMetricWrapper(xent.losses.huber, name="robust", delta=0.5)
    there = keras.metrics.MeanMetricWrapper(keras.losses.huber, name="robust", delta=0.5)
    assert here.name == there.name
    for seed in range(3):
        rng = np.random.default_rng(seed)
        y, p = values(rng, (4, 3))
        for metric in (here, there):
            metric.update_state(y, p, np.arange(1.0, 5.0))
        assert_near(here.result(), ask(there.result), seed)


# Metrics over counts of what was confused with what.

THRESHOLDS = [{}, {"thresholds": 0.3}, {"thresholds": [0.2, 0.7]}, {"thresholds": [0.0, 0.5, 1.0]}, {"thresholds": 0.0}]
PICKED = [{"top_k": 2}, {"class_id": 1}, {"top_k": 1, "class_id": 2}, {"top_k": 2, "thresholds": 0.4}]
CONSTRAINED = [{}, {"num_thresholds": 1}, {"num_thresholds": 7}, {"class_id": 1}]
CURVES = [
    {"curve": curve, "summation_method": method, **more}
    for curve in ("ROC", "PR", "PRGAIN")
    for method in ("interpolation", "minoring", "majoring")
    for more in ({}, {"num_thresholds": 5}, {"thresholds": [0.3]}, {"thresholds": [0.5]}, {"thresholds": [0.1, 0.15, 0.9]})
]
AVERAGES = [{"average": average, "threshold": limit} for average in (None, "micro", "macro", "weighted") for limit in (None, 0.4)]
TARGETS = {"num_classes": 4, "target_class_ids": [0, 2]}


def flat(rng, shape):
    """Indices of four classes beside indices."""
    return rng.integers(0, 4, shape), rng.integers(0, 4, shape)


def with_options(kind, listed, shapes, weights):
    return [(kind, options, shape, weights) for options in listed for shape in shapes]


WHOLE = ((), "B", "full")

OVER_COUNTS = {
    **{
        name: with_options(events, THRESHOLDS, [(7,), (7, 3), (7, 4, 2)], WHOLE)
        for name in ("TruePositives", "FalsePositives", "TrueNegatives", "FalseNegatives")
    },
    **{
        name: with_options(events, THRESHOLDS, [(7,), (7, 3), (7, 4, 2)], WHOLE) + with_options(soft_events, PICKED, [(7, 3)], ((), "B"))
        for name in ("Precision", "Recall")
    },
    **{
        name: [
            case
            for limit in (0.2, 0.5, 0.8)
            for more in CONSTRAINED
            for case in with_options(events, [{**more, parameter: limit}], [(7, 3)] if more.get("class_id") else [(7,), (7, 3)], ((), "B"))
        ]
        for name, parameter in (
            ("SensitivityAtSpecificity", "specificity"),
            ("SpecificityAtSensitivity", "sensitivity"),
            ("PrecisionAtRecall", "recall"),
            ("RecallAtPrecision", "precision"),
        )
    },
    "AUC": with_options(events, CURVES, [(7,), (7, 3)], ((), "B"))
    + with_options(event_logits, [{"from_logits": True}, {"from_logits": True, "curve": "PR"}], [(7,)], ((), "B"))
    + with_options(
        events,
        [
            {"multi_label": True, "num_labels": 3},
            {"multi_label": True, "curve": "PR"},
            {"multi_label": True, "label_weights": [0.2, 1.0, 0.5]},
            {"label_weights": [0.2, 1.0, 0.5]},
        ],
        [(7, 3)],
        ((), "B"),
    ),
    "F1Score": with_options(one_hot, AVERAGES, [(7, 4)], ("B",)) + with_options(events, AVERAGES, [(7, 3)], ("B",)),
    "FBetaScore": with_options(one_hot, [{**each, "beta": 0.5} for each in AVERAGES], [(7, 4)], ("B",)),
    "R2Score": with_options(
        values,
        [{"class_aggregation": each} for each in ("uniform_average", "variance_weighted_average", None)],
        [(7, 1), (7, 3)],
        ((), "B", "full"),
    )
    # Keras 3.15.1 counts every output as a sample, also those of weight 0, so only one output without weights can be compared.
    + with_options(values, [{"num_regressors": 2}], [(7, 1)], ()),
    "IoU": with_options(flat, [TARGETS, {**TARGETS, "ignore_class": 2}], [(7,), (7, 3)], ("full",))
    + with_options(one_hot, [{**TARGETS, "sparse_y_true": False, "sparse_y_pred": False}], [(7, 4)], ("B",)),
    "MeanIoU": with_options(flat, [{"num_classes": 4}, {"num_classes": 5, "ignore_class": 0}], [(7,), (7, 3)], ("full",)),
    "OneHotIoU": with_options(one_hot, [TARGETS, {**TARGETS, "ignore_class": 1}], [(7, 4)], ("B",))
    + with_options(
        lambda rng, shape: (one_hot(rng, shape)[0], rng.integers(0, 4, shape[0])), [{**TARGETS, "sparse_y_pred": True}], [(7, 4)], ("B",)
    ),
    "OneHotMeanIoU": with_options(one_hot, [{"num_classes": 4}], [(7, 4)], ("B",)),
    "BinaryIoU": with_options(
        events, [{}, {"threshold": 0.3}, {"target_class_ids": [1]}, {"target_class_ids": [0]}], [(7,), (7, 3)], ("full",)
    ),
}
"""Cases of the metrics that are no means: inputs, options, shape of the predictions, and forms of weights."""


@walks([pair for pair in CLASSES if pair[1] in OVER_COUNTS])
def test_over_counts(library, name):
    theirs, mine = (getattr(side, name) for side in LIBRARIES[library])
    # Keras keeps the matrices of this family as integers, where weights below 1 vanish.
    exact = {"dtype": "float64"} if name.endswith("IoU") else {}
    for kind, options, shape, forms in OVER_COUNTS[name]:
        for form in (None, *forms):
            here, there = mine(**options), theirs(**options, **exact)
            rng = random_for(name, shape, form)
            for rows in (7, 1, 4):
                y, p = kind(rng, (rows, *shape[1:]))
                weights = None if form is None else some_weights(rng, {(): (), "B": y.shape[: max(1, y.ndim - 1)], "full": y.shape}[form])
                here.update_state(y, p, weights)
                feed(there, y, p, weights)
                # Keras ends in float32 here and there, and adds an epsilon of 1e-7 which float32 then rounds away.
                assert_near(here.result(), ask(there.result), (options, shape, form, rows), rtol=1e-6, atol=1e-7)


# Looking up by name.


@pytest.mark.parametrize("library", LIBRARIES)
def test_get_knows_what_keras_knows(library):
    theirs, mine = LIBRARIES[library]
    needy = {*REQUIRED, *ABSTRACT, "MeanMetricWrapper", "LossFunctionWrapper"}
    known = set(theirs.get.__globals__["ALL_OBJECTS_DICT"]) - needy - {snake_case(name) for name in needy}
    assert {"MSE", "mse"} <= known
    for name in known:
        assert what(mine.get(name)) == what(theirs.get(name)), name
    assert mine.get(None) is None
    with pytest.raises(ValueError, match="no_such_name"):
        mine.get("no_such_name")


def what(found):
    """The function or the class of the instance that a look-up gave."""
    return f"function {found.__name__}" if inspect.isfunction(found) else f"instance of {type(found).__name__}"


@pytest.mark.parametrize(("library", "name"), [("losses", "Huber"), ("metrics", "SparseTopKCategoricalAccuracy")])
def test_serialised_objects_come_back(library, name):
    mine = LIBRARIES[library][1]
    plain = mine.serialize(getattr(mine, name)(name="mine"))
    assert plain["class_name"] == name
    assert mine.deserialize(plain).get_config() == getattr(mine, name)(name="mine").get_config()
