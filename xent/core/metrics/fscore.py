"""F-scores: the weighted harmonic mean of precision and recall, by class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xent.core import derived
from xent.core.arrays import require_same_shape
from xent.core.batch import Batch
from xent.core.cells import Cells, cells_of, to_float
from xent.core.errors import DataError, UsageError
from xent.core.lazy import np
from xent.core.metric import LiftBy, Metric
from xent.core.precision import EPSILON, as_float
from xent.core.states import CellCounts
from xent.core.table import metric

if TYPE_CHECKING:
    from xent.core.arrays import Array

__all__ = ["F1Score", "FBetaScore"]

_AVERAGES = (None, "micro", "macro", "weighted")
_LEAST = 1e-9
"""A score no farther from 0 is not predicted, even where it is the largest of its row: a row of zeros predicts nothing."""

_FEW = 4
"""Up to so many classes rows are counted by all of their labels and predictions together."""


def class_counts(batch: Batch, *, threshold: float | None) -> CellCounts:
    """Labels against predictions for every class: cells (class, label, prediction). Soft labels are a part of each label."""
    predicted = _predicted(batch.derive(derived.predictions), threshold)
    classes = predicted.shape[-1]
    by_row = batch.sample_weight is None or batch.sample_weight.ndim < 2
    if classes <= _FEW and predicted.ndim == 2 and by_row and batch.derive(has_hard_labels):
        return CellCounts(_outcomes(batch, predicted).moved(_cells_of_outcomes(classes), 4 * classes))
    labels = batch.derive(derived.one_hot_or_dense)
    cell = np.arange(classes) * 4 + predicted
    if ((labels == 0.0) | (labels == 1.0)).all():
        return CellCounts(cells_of(batch, cell + 2 * (labels == 1.0), 4 * classes))
    # Only what a label has a part in gets into a cell, so that the cells do not depend on how the rows came in blocks.
    positive = cells_of(batch, cell + 2, 4 * classes, labels, labels != 0.0)
    return CellCounts(positive + cells_of(batch, cell, 4 * classes, 1.0 - labels, labels != 1.0))


def _predicted(scores: Array, threshold: float | None) -> Array:
    """Which classes are predicted."""
    if threshold is not None:
        return np.asarray(scores > threshold)
    largest = np.maximum.reduce(scores, axis=-1, keepdims=True)
    return np.asarray((scores >= largest) & (np.abs(scores) > _LEAST))


def has_hard_labels(batch: Batch) -> bool:
    """Whether every label is the number of a class, or 0 or 1 for each."""
    return batch.derive(derived.has_index_labels) or batch.derive(derived.has_hard_labels)


def _outcomes(batch: Batch, predicted: Array) -> Cells:
    """Rows by what they say of all classes: two bits for each class, the label and the prediction. One count a row, not one a class."""
    index = batch.derive(derived.true_class) if batch.derive(derived.has_index_labels) else None
    outcome = np.zeros(len(predicted), dtype=np.intp)
    for number in range(predicted.shape[1]):
        label = batch.y_true[:, number] == 1 if index is None else index == number
        outcome <<= 1
        outcome |= label
        outcome <<= 1
        outcome |= predicted[:, number]
    return cells_of(batch, outcome, 4 ** predicted.shape[1])


def _cells_of_outcomes(classes: int) -> Array:
    """The cells (class, label, prediction) of every outcome, shape (outcomes, classes)."""
    outcomes, numbers = np.arange(4**classes)[:, None], np.arange(classes)
    return np.asarray(numbers * 4 + (outcomes >> (2 * (classes - 1 - numbers)) & 3))


class _FScore(Metric):
    """What the F-scores have in common."""

    lift: LiftBy

    def __init__(self, average: str | None, beta: float, threshold: float | None, name: str, dtype: str | None) -> None:
        super().__init__(name, dtype)
        if average not in _AVERAGES:
            raise UsageError(f"average must be one of None, micro, macro and weighted, not {average!r}")
        if beta <= 0.0:
            raise UsageError(f"beta must be larger than 0, not {beta!r}")
        if threshold is not None and not 0.0 < threshold <= 1.0:
            raise UsageError(f"threshold must lie in (0, 1], not {threshold!r}")
        self.average = average
        self.threshold = threshold
        self._beta = float(beta)
        self.lift = LiftBy.make(class_counts, threshold=None if threshold is None else float(threshold))

    def batch(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Batch:
        y_true, y_pred = as_float(y_true), as_float(y_pred)
        if y_pred.ndim != 2:
            raise DataError(f"an F-score needs a column for each class. Received: y_true.shape={y_true.shape}, y_pred.shape={y_pred.shape}")
        require_same_shape(y_true, y_pred)
        return Batch(y_true, y_pred, None if sample_weight is None else as_float(sample_weight))

    def finish(self, state: CellCounts) -> Array:
        """The score of every class, shape (groups, k), or their average."""
        return state.measured(self._score)

    def _score(self, cells: Array) -> Array:
        cells = cells.reshape(len(cells), -1, 2, 2)
        if self.average == "micro":
            cells = cells.sum(axis=1, keepdims=True)
        true_positives, false_positives, false_negatives = (to_float(cells[..., y, p]) for y, p in ((1, 1), (0, 1), (1, 0)))
        actual = to_float(cells[..., 1, 0] + cells[..., 1, 1])
        precision = true_positives / (true_positives + false_positives + EPSILON)
        recall = true_positives / (true_positives + false_negatives + EPSILON)
        square = self._beta**2
        score = (1.0 + square) * (precision * recall / (square * precision + recall + EPSILON))
        if self.average is None:
            return score
        if self.average == "weighted":
            share = actual / (actual.sum(axis=1, keepdims=True) + EPSILON)
            return np.asarray((score * share).sum(axis=1))
        return np.asarray(score.mean(axis=1))


@metric(
    "fbeta_score",
    aliases=("f_beta_score",),
    direction="higher",
    range="[0, 1]",
    inputs="classwise",
    formula="(1 + β²) P R / (β² P + R + ε), P = TP / (TP + FP + ε), R = TP / (TP + FN + ε), ε = 1e-7",
    source="keras.metrics.FBetaScore",
)
class FBetaScore(_FScore):
    """The weighted harmonic mean of precision and recall, in which recall counts β times as much.

    Parameters
    ----------
    average : None gives the score of every class; "macro" their mean, "weighted" their mean by the weight of the class, "micro" the
        score of all counts together
    beta : β, larger than 0
    threshold : scores above it are predicted, in (0, 1]; None predicts the largest of the row, and all of several as large

    Raises
    ------
    UsageError
        A parameter has a value that it cannot take.

    Notes
    -----
    Labels may be several at a time, and soft. Source: `keras.metrics.FBetaScore`.

    >>> metric = FBetaScore(beta=2.0, threshold=0.5)
    >>> metric([[1, 1, 1], [1, 0, 0], [1, 1, 0]], [[0.2, 0.6, 0.7], [0.2, 0.6, 0.6], [0.6, 0.8, 0]]).round(6).tolist()
    [0.384615, 0.909091, 0.833333]
    """

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str = "fbeta_score",
        dtype: str | None = None,
    ) -> None:
        super().__init__(average, beta, threshold, name, dtype)
        self.beta = beta


@metric(
    "f1_score",
    aliases=("f1",),
    direction="higher",
    range="[0, 1]",
    inputs="classwise",
    formula="2 P R / (P + R + ε), P = TP / (TP + FP + ε), R = TP / (TP + FN + ε), ε = 1e-7",
    source="keras.metrics.F1Score",
)
class F1Score(_FScore):
    """The harmonic mean of precision and recall.

    Parameters
    ----------
    average : None gives the score of every class; "macro" their mean, "weighted" their mean by the weight of the class, "micro" the
        score of all counts together
    threshold : scores above it are predicted, in (0, 1]; None predicts the largest of the row, and all of several as large

    Raises
    ------
    UsageError
        A parameter has a value that it cannot take.

    Notes
    -----
    Labels may be several at a time, and soft. Source: `keras.metrics.F1Score`.

    >>> metric = F1Score(threshold=0.5)
    >>> metric([[1, 1, 1], [1, 0, 0], [1, 1, 0]], [[0.2, 0.6, 0.7], [0.2, 0.6, 0.6], [0.6, 0.8, 0]]).round(6).tolist()
    [0.5, 0.8, 0.666667]
    """

    def __init__(
        self, average: str | None = None, threshold: float | None = None, name: str = "f1_score", dtype: str | None = None
    ) -> None:
        super().__init__(average, 1.0, threshold, name, dtype)
