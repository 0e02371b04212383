"""Keras on its NumPy backend, fed with batches."""

import os

os.environ["KERAS_BACKEND"] = "numpy"

from collections.abc import Iterable
from pathlib import Path

import keras
from batches import batches
from tasks import METRICS, run


def evaluate(folder: Path, task: str) -> Iterable[float]:
    if task == "multiclass":
        return streamed(folder, [keras.metrics.SparseCategoricalCrossentropy()], ("label", "probs"))
    if task == "regression":
        return streamed(folder, [keras.metrics.MeanSquaredError()], ("y_true", "y_pred"))
    classes = {
        "binary_crossentropy": keras.metrics.BinaryCrossentropy,
        "brier_score": keras.metrics.MeanSquaredError,
        "auc": keras.metrics.AUC,
        "binary_accuracy": keras.metrics.BinaryAccuracy,
    }
    return streamed(folder, [classes[name]() for name in METRICS[task]], ("label", "score", "weight"))


def streamed(folder: Path, metrics: list[keras.metrics.Metric], names: tuple[str, ...]) -> Iterable[float]:
    for batch in batches(folder):
        # One sample a row: Keras would take a vector for a single one.
        y_true, y_pred, *weight = (batch[name] if batch[name].ndim == 2 else batch[name].reshape(-1, 1) for name in names)
        for metric in metrics:
            metric.update_state(y_true, y_pred, sample_weight=weight[0].reshape(-1) if weight else None)
    return [metric.result() for metric in metrics]


run(evaluate)
