"""What is measured, for every contender alike: the metrics of a task, and how its numbers follow from sums.

The contenders are programs of their own, `python benchmarks/contenders/NAME.py FOLDER TASK`, which print one number a metric. They import
this file because it lies beside them; it imports nothing but the standard library, so that nobody pays for it.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from pathlib import Path

EPSILON = 1e-7
"""Keras clips probabilities to [EPSILON, 1 - EPSILON]."""

THRESHOLDS = 200
"""Thresholds of the AUC; a score lies in cell ceil(199 p) - 1, of which there are 199."""

FOUR = ("binary_crossentropy", "brier_score", "auc", "binary_accuracy")

METRICS = {
    "multiclass": ("categorical_crossentropy",),
    "binary": ("binary_crossentropy",),
    "binary-4": FOUR,
    "binary-10": (
        *FOUR,
        "binary_focal_crossentropy",
        "mean_absolute_error",
        "precision",
        "recall",
        "balanced_accuracy",
        "matthews_correlation",
    ),
    "regression": ("mean_squared_error",),
}
"""The metrics of every task, in the order in which they are printed."""

CLASSES = [f"p_{k}" for k in range(10)]
"""Prediction columns of the files of ten classes."""

SUMS = ("weight", "bce", "brier", "focal", "mae", "tp", "fp", "fn", "tn")
"""Weighted sums over the rows that the binary metrics follow from; `focal` and `mae` only for ten metrics."""


def run(evaluate: Callable[[Path, str], Iterable[float]]) -> None:
    """Prints the numbers of the task and data set that the command line names."""
    for value in evaluate(Path(sys.argv[1]), sys.argv[2]):
        print(repr(float(value)))


def sources(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def binary_values(task: str, sums: Mapping[str, float], positives: Sequence[float], negatives: Sequence[float]) -> list[float]:
    """The metrics of a binary task from weighted sums, and from the weights of both labels in every cell of the score."""
    s = sums
    values = {
        "binary_crossentropy": lambda: s["bce"] / s["weight"],
        "brier_score": lambda: s["brier"] / s["weight"],
        "auc": lambda: area(positives, negatives),
        "binary_accuracy": lambda: (s["tp"] + s["tn"]) / s["weight"],
        "binary_focal_crossentropy": lambda: s["focal"] / s["weight"],
        "mean_absolute_error": lambda: s["mae"] / s["weight"],
        "precision": lambda: s["tp"] / (s["tp"] + s["fp"]),
        "recall": lambda: s["tp"] / (s["tp"] + s["fn"]),
        "balanced_accuracy": lambda: (s["tp"] / (s["tp"] + s["fn"]) + s["tn"] / (s["tn"] + s["fp"])) / 2,
        "matthews_correlation": lambda: (
            (s["tp"] * s["tn"] - s["fp"] * s["fn"])
            / math.sqrt((s["tp"] + s["fp"]) * (s["tp"] + s["fn"]) * (s["tn"] + s["fp"]) * (s["tn"] + s["fn"]))
        ),
    }
    return [values[name]() for name in METRICS[task]]


def area(positives: Sequence[float], negatives: Sequence[float]) -> float:
    """The area under the ROC curve by trapezoids: from the highest threshold down, one point a cell."""
    tp = [0.0, *accumulate(reversed(positives))]
    fp = [0.0, *accumulate(reversed(negatives))]
    doubled = sum((fp[i + 1] - fp[i]) * (tp[i + 1] + tp[i]) for i in range(len(positives)))
    return doubled / (2 * tp[-1] * fp[-1])
