"""What docs/migration.md says of other libraries: every metric exists, and values are the same exactly where it says so."""

from __future__ import annotations

import csv
import importlib
import os
import re
from pathlib import Path

import numpy as np
import pytest

import xent
from xent.core.specs import parse_spec

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "migration.md").read_text(encoding="utf-8")


def rows(library):
    """The rows of the tables of a library, each with the heading that stands above its table."""
    section = re.search(rf"^## {re.escape(library)}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)[1]
    found, data = [], ""
    for line in section.splitlines():
        if line.startswith("### "):
            data = line.removeprefix("### ")
        elif line.startswith(("| `", "| any")):
            found.append((data, *(cell.strip() for cell in line.strip("|").split(" | "))))
    return found


def compared(library):
    return [pytest.param(*(cell.strip("`") for cell in row), id=f"{row[1]}={row[2]}") for row in rows(library)]


def column(name, *columns):
    with (ROOT / "sample_data" / name).open(encoding="utf-8", newline="") as lines:
        return [[row[column] for column in columns] for row in csv.DictReader(lines)]


CLASSES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def sample(data):
    """The file of the sample data, its labels, and its predictions, read by nothing of xent."""
    if data == "Several classes":
        read = column("digits.csv", "label", *(f"p_{name}" for name in CLASSES))
        return "digits.csv", np.array([CLASSES.index(row[0]) for row in read]), np.array([row[1:] for row in read], dtype=float)
    if data == "Two classes":
        read = np.array(column("breast_cancer.csv", "label", "score"), dtype=float)
        return "breast_cancer.csv", read[:, 0].astype(int), read[:, 1]
    read = np.array(column("diabetes.csv", "y_true", "y_pred"), dtype=float)
    return "diabetes.csv", read[:, 0], read[:, 1]


def check(file, spec, verdict, theirs, tolerance):
    """Whether the values are the same is what the row says."""
    assert re.fullmatch(r"same|same, the second of two\b.*|other: .+", verdict)
    (found,) = xent.evaluate(ROOT / "sample_data" / file, metrics=[spec]).metrics
    ours, theirs = np.ravel(np.asarray(found.value, dtype=float)), np.ravel(np.asarray(theirs, dtype=float))
    if "second of two" in verdict:
        ours = ours[1:]
    same = ours.shape == theirs.shape and np.allclose(ours, theirs, rtol=tolerance, atol=0)
    assert same == verdict.startswith("same"), f"{spec} is {ours}, theirs is {theirs}"


@pytest.mark.filterwarnings("ignore:The y_prob values do not sum to one")  # They do, to six digits.
@pytest.mark.parametrize(("data", "call", "spec", "verdict"), compared("scikit-learn"))
def test_scikit_learn(data, call, spec, verdict):
    import sklearn.metrics

    file, y, p = sample(data)
    names = {"y": y, "p": p, "P": p, "c": p.argmax(axis=1) if p.ndim == 2 else None}
    check(file, spec, verdict, eval(call, vars(sklearn.metrics), names), 1e-6)


@pytest.mark.filterwarnings("ignore:(invalid value|divide by zero) encountered")  # Keras divides by 0 where it then puts something else.
@pytest.mark.parametrize(("data", "call", "spec", "verdict"), compared("Keras"))
def test_keras(data, call, spec, verdict):
    os.environ["KERAS_BACKEND"] = "numpy"
    import keras

    file, y, p = sample(data)
    metric = eval(call, vars(keras.metrics))
    if data == "Several classes" and "Sparse" not in call and not call.startswith(("MeanIoU", "IoU")):
        y = np.eye(p.shape[1])[y]
    metric.update_state(y if p.ndim == 2 else y[:, np.newaxis], p if p.ndim == 2 else p[:, np.newaxis])
    check(file, spec, verdict, metric.result(), 5e-6)


@pytest.mark.parametrize(("data", "call", "spec", "verdict"), compared("torchmetrics"))
def test_torchmetrics(data, call, spec, verdict):
    torch = pytest.importorskip("torch")
    classification = pytest.importorskip("torchmetrics.classification")
    regression = importlib.import_module("torchmetrics.regression")

    file, y, p = sample(data)
    metric = eval(call, {**vars(classification), **vars(regression)}).set_dtype(torch.float64)
    metric.update(torch.tensor(p), torch.tensor(y))
    check(file, spec, verdict, metric.compute(), 1e-6)


def test_every_metric_of_keras_has_a_row():
    import keras

    bases = {"Metric", "MeanMetricWrapper", "Mean", "Sum"}
    public = {name for name in dir(keras.metrics) if isinstance(getattr(keras.metrics, name), type)}
    # `Accuracy` compares predicted classes, which no file of the sample data has.
    assert {call.partition("(")[0].strip("`") for _, call, _, _ in rows("Keras")} == public - bases - {"Accuracy"}


def test_every_metric_named_exists():
    """In all tables, those too whose values are not compared."""
    specs = [
        spec
        for library in ("scikit-learn", "Keras", "torchmetrics", "TensorFlow Model Analysis")
        for _, _, cell, *_ in rows(library)
        if not cell.startswith(("`--", "the ", "no metric"))
        for spec in re.findall(r"`([^`]+)`", cell)
    ]
    assert len(specs) > 100
    for spec in specs:
        assert parse_spec(spec).build().row.name in xent.core.table.table()
