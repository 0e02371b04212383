"""One label and one prediction, as plain numbers: Keras's value where Keras has one, else that of one row, or an error of ours."""

from __future__ import annotations

import os

os.environ["KERAS_BACKEND"] = "numpy"

import warnings

import keras
import numpy as np
import pytest

import xent.losses
import xent.metrics
from xent.core.errors import DataError
from xent.core.loss import LOSSES
from xent.core.table import table

OPTIONS = {
    "MeanIoU": {"num_classes": 2},
    "IoU": {"num_classes": 2, "target_class_ids": [0]},
    "OneHotIoU": {"num_classes": 2, "target_class_ids": [0]},
    "OneHotMeanIoU": {"num_classes": 2},
    "PrecisionAtRecall": {"recall": 0.5},
    "RecallAtPrecision": {"precision": 0.5},
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "SpecificityAtSensitivity": {"sensitivity": 0.5},
}
PAIRS = [(1.0, 0.25), (0.0, 0.75), (1, 1.0)]


def of_keras(call):
    """What Keras says, None where it raises something; it warns of predictions of one class."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return np.asarray(call())
        except Exception:  # noqa: BLE001  # It has no error of its own for scalars.
            return None


def of_rows(metric, y_true, y_pred):
    metric.update_state(y_true, y_pred)
    return np.asarray(metric.result())


@pytest.mark.parametrize(("y_true", "y_pred"), PAIRS)
@pytest.mark.parametrize("name", sorted(table()))
def test_a_metric(name, y_true, y_pred):
    kind = table()[name].cls
    options = OPTIONS.get(kind.__name__, {})
    theirs = getattr(keras.metrics, kind.__name__, None)
    expected = None if theirs is None else of_keras(lambda: of_rows(theirs(**options), y_true, y_pred))
    try:
        found = of_rows(kind(**options), y_true, y_pred)
    except DataError:
        assert expected is None
        return
    if expected is not None:
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(found, of_rows(kind(**options), [[y_true]], [[y_pred]]))


@pytest.mark.parametrize(("y_true", "y_pred"), PAIRS)
@pytest.mark.parametrize("name", sorted(LOSSES))
def test_a_loss(name, y_true, y_pred):
    theirs = getattr(keras.losses, name, None)
    expected = None if theirs is None else of_keras(lambda: theirs()(y_true, y_pred))
    try:
        found = LOSSES[name]()(y_true, y_pred)
    except DataError:
        assert expected is None
        return
    assert np.shape(found) == ()
    if expected is not None:
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


NO_LOSSES = ("get", "serialize", "deserialize", "annotations")
FUNCTIONS = [name for name in dir(xent.losses) if name.islower() and name[0] != "_" and name not in NO_LOSSES]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function(name):
    options = {"q": 0.5} if name == "categorical_generalized_cross_entropy" else {}
    theirs = getattr(keras.losses, name, None)
    expected = None if theirs is None else of_keras(lambda: theirs(1.0, 0.25, **options))
    try:
        found = getattr(xent.losses, name)(1.0, 0.25, **options)
    except DataError:
        assert expected is None
        return
    assert expected is not None
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("name", ["SparseCategoricalAccuracy", "SparseCategoricalCrossentropy", "SparseTopKCategoricalAccuracy"])
@pytest.mark.parametrize("y_true", [1, [1]])
def test_a_vector_of_scores_is_one_row(name, y_true):
    kind = getattr(xent.metrics, name)
    assert of_rows(kind(), y_true, [0.1, 0.9]) == of_rows(kind(), [1], [[0.1, 0.9]])
    # Keras takes it so in the accuracy, and gives up in the others.
    expected = of_keras(lambda: of_rows(getattr(keras.metrics, name)(), y_true, [0.1, 0.9]))
    assert (expected is not None) == (name == "SparseCategoricalAccuracy")
    assert expected in (None, of_rows(kind(), y_true, [0.1, 0.9]))
