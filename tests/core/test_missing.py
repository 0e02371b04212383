"""`--nan propagate`: one missing label, prediction or weight leaves no metric of the table a number, nor a slice but its own."""

import inspect

import numpy as np
import pytest

from xent.core.batch import Batch
from xent.core.errors import DataError
from xent.core.groups import Groups
from xent.core.metrics.confusion_matrix import CohenKappa, MatthewsCorrelation
from xent.core.metrics.extremes import MaxError, MedianAbsoluteError
from xent.core.metrics.ranking import AveragePrecision, RocAuc
from xent.core.slices import SlicedTally
from xent.core.table import table
from xent.core.tally import Tally

RANDOM = np.random.default_rng(30)
ROWS = 10
SLICES = np.arange(ROWS) % 2
EVENTS = RANDOM.permutation(np.arange(ROWS) % 2)
CLASSES = RANDOM.permutation(np.arange(ROWS) % 3)
POSITIVE = RANDOM.random((ROWS, 2)) + 0.5

KINDS = {
    "events": (EVENTS, RANDOM.random(ROWS)),
    "classes": (CLASSES, RANDOM.dirichlet(np.ones(3), ROWS)),
    "one-hot": (np.eye(3)[CLASSES], RANDOM.dirichlet(np.ones(3), ROWS)),
    "class numbers": (CLASSES, RANDOM.integers(0, 3, ROWS)),
    "numbers": (POSITIVE[:, 0], POSITIVE[:, 1]),
    "several numbers": (POSITIVE, POSITIVE[::-1].copy()),
    "intervals": (POSITIVE[:, 0], np.sort(POSITIVE, axis=1)),
}

PARAMETERS = {"num_classes": 3, "target_class_ids": [0, 1], "specificity": 0.5, "sensitivity": 0.5, "precision": 0.5, "recall": 0.5}
"""Values for the parameters that have no default."""


def made(row):
    needed = [name for name, default in row.parameters.items() if default is inspect.Parameter.empty]
    return row.cls(**{name: PARAMETERS[name] for name in needed})


def kinds_taken(row):
    """The kinds of rows that a metric takes where nothing is missing, with the values of its slices."""
    taken = {}
    for kind, (y, p) in KINDS.items():
        try:
            taken[kind] = values_of(row, y, p, np.ones(ROWS))
        except DataError:
            continue
    return taken


def values_of(row, y, p, weight):
    tally = Tally([made(row)], groups=2, nan="propagate")
    tally.update(Batch(y, p, weight, Groups(SLICES, 2)))
    assert (tally.rows, tally.rows_dropped, tally.counts.tolist()) == (ROWS, 0, [5, 5])
    return [np.asarray(tally.results(group)[0].value, dtype=np.float64) for group in range(2)]


@pytest.mark.parametrize("row", table().values(), ids=lambda row: row.name)
def test_one_missing_value_leaves_no_number(row):
    taken = kinds_taken(row)
    assert taken, f"{row.name} takes none of the rows here: add rows of its kind to KINDS"
    for kind, whole in taken.items():
        assert not any(np.isnan(value).all() for value in whole), (row.name, kind)
        for role in ("label", "prediction", "weight"):
            y, p, weight = (np.array(values, dtype=np.float64) for values in (*KINDS[kind], np.ones(ROWS)))
            if kind == "class numbers":
                if role == "prediction":
                    continue  # Only integers are numbers of classes, and none of them is NaN.
                p = KINDS[kind][1]
            {"label": y, "prediction": p, "weight": weight}[role].reshape(ROWS, -1)[4, 0] = np.nan
            found = values_of(row, y, p, weight)
            assert np.isnan(found[0]).all(), f"{row.name} of {kind} with one missing {role} is {found[0]}"
            assert found[1] == pytest.approx(whole[1], rel=1e-14, nan_ok=True), (
                f"{row.name} of {kind}: the other slice has no missing {role}"
            )


def test_what_is_missing_does_not_change_the_weight_that_is_reported():
    tally = Tally([table()["accuracy"].cls()], nan="propagate")
    tally.update(Batch(np.array([0.0, np.nan]), np.array([[0.5, 0.5], [0.5, 0.5]])))
    assert np.isnan(tally.results()[0].value)
    assert tally.weights.to_float().tolist() == [2.0]


@pytest.mark.parametrize("cls", [RocAuc, AveragePrecision])
def test_areas_of_missing_labels_are_no_numbers_in_python_either(cls):
    assert np.isnan(cls()([0.0, 1.0, np.nan], [0.1, 0.2, 0.3]))


@pytest.mark.parametrize("cls", [MaxError, MedianAbsoluteError])
def test_extremes_of_missing_weights_are_no_numbers_in_python_either(cls):
    assert np.isnan(cls()([0.0, 1.0], [0.5, 0.2], [1.0, np.nan]))


@pytest.mark.parametrize("cls", [CohenKappa, MatthewsCorrelation])
@pytest.mark.parametrize("p", [[0, 1, 1], [[0.9, 0.1], [0.2, 0.8], [0.1, 0.9]]])
def test_agreement_with_missing_labels_is_no_number_in_python_either(cls, p):
    metric = cls()
    metric.update_state([0.0, np.nan, 1.0], p)
    assert np.isnan(metric.result())


def test_slices_are_marked_too():
    """The slices of a run are discovered while rows stream by; a missing value must not look like a low score in them either."""
    tally = SlicedTally([table()["auc"].cls()], nan="propagate", ways=1)
    groups = Groups(np.array([0, 0, 1, 1]), 2, (np.array([0, 1]),))
    tally.update(Batch(np.array([1, 0, 1, 0]), np.array([0.5, np.nan, 0.2, 0.1]), groups=groups))
    values = [tally.slices[0].results(group)[0].value for group in range(2)]
    assert np.isnan(values[0])
    assert values[1] == 1.0
    assert np.isnan(tally.total().results()[0].value)
    assert float(tally.total().weights.to_float()[0]) == 4.0
