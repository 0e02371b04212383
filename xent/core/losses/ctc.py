"""Connectionist temporal classification: how likely a sequence of frames spells a label, however its symbols are spread over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xent.core import derived
from xent.core.batch import Batch
from xent.core.errors import DataError, DomainError
from xent.core.lazy import np
from xent.core.loss import Loss
from xent.core.precision import as_float

if TYPE_CHECKING:
    from xent.core.arrays import Array

__all__ = ["CTC", "ctc"]

_BLANK = 0

_VALUES = 1 << 20
"""Scores that are worked on at a time: so many sequences that their arrays stay small beside the batch."""


def ctc(y_true: Any, y_pred: Any) -> Array:
    """CTC loss of every sequence, in nats.

    -ln P(y), P(y) = Σ Π softmax(x_t)[a_t] over the alignments a, which give one class to each frame and become y when repetitions are
    merged and blanks dropped. The blank is class 0. Lower is better; at least 0.

    Parameters
    ----------
    y_true : (n, l), integers from 0 to k - 1; a label is the first s entries of its row, s the number that are not 0
    y_pred : (n, t, k), logits, not normalised

    Returns
    -------
    Shape (n,). Infinity where the frames are too few for any alignment.

    Raises
    ------
    DataError
        The shapes do not fit.
    DomainError
        A label is not the index of a class.

    Notes
    -----
    The sum is that of the forward algorithm, with logarithms. Keras gives about 1e5 where there is no alignment.

    Source: `keras.losses.ctc`, and Graves et al. (2006), "Connectionist temporal classification", section 4.1.

    The alignments "a-" and "-a" and "aa" of 4 that are equally likely:

    >>> ctc([[1]], [[[0.0, 0.0], [0.0, 0.0]]]).round(6).tolist()
    [0.287682]
    """
    labels, scores = np.asarray(y_true), as_float(y_pred)
    if labels.ndim != 2 or scores.ndim != 3 or len(labels) != len(scores):
        raise DataError(
            "y_true must have shape (n, length) and y_pred shape (n, frames, classes). "
            f"Received: y_true.shape={labels.shape}, y_pred.shape={scores.shape}"
        )
    labels = _class_indices(labels, scores.shape[2])
    values = np.empty(len(scores), dtype=scores.dtype)
    width = max(1, scores.shape[1] * max(scores.shape[2], labels.shape[1]))
    step = max(1, _VALUES // width)
    for start in range(0, len(scores), step):
        rows = slice(start, start + step)
        values[rows] = _negative_log_likelihood(labels[rows], scores[rows])
    return values


def _class_indices(labels: Array, classes: int) -> Array:
    with np.errstate(invalid="ignore"):
        index = labels.astype(np.intp)
    bad = (index != labels) | (index < 0) | (index >= classes)
    if bad.any():
        row, column = (int(place) for place in np.unravel_index(np.argmax(bad), bad.shape))
        message = f"label {labels[row, column].item()!r} is not a class index from 0 to {classes - 1}"
        raise DomainError(message, role="y_true", row=row, column=column)
    return index


def _negative_log_likelihood(labels: Array, scores: Array) -> Array:
    """The forward algorithm over all sequences at once.

    `emit[:, i]` is the logarithm of the probability of all beginnings of an alignment that end in symbol i, and `blank[:, i]` of those
    that end in a blank before symbol i.
    """
    sequences, length = labels.shape
    logs = Batch(labels, scores).derive(derived.log_probabilities, True, "exact")
    logs_of_blank = np.moveaxis(logs[:, :, _BLANK, None], 1, 0)
    logs_of_labels = np.ascontiguousarray(np.moveaxis(np.take_along_axis(logs, labels[:, None, :], axis=2), 1, 0))
    # A repetition would merge with its neighbour, so a blank must stand between the two; a symbol may follow any other directly.
    repeats = np.zeros(labels.shape, dtype=bool)
    repeats[:, 1:] = labels[:, 1:] == labels[:, :-1]
    # Before the first frame there is one beginning: the empty one, which is as good as a blank.
    blank = np.full((sequences, length + 1), -np.inf, dtype=logs.dtype)
    blank[:, 0] = 0.0
    emit = np.full((sequences, length), -np.inf, dtype=logs.dtype)
    for log_of_blank, log_of_labels in zip(logs_of_blank, logs_of_labels, strict=True):
        before = _past(blank, emit)
        emit = np.logaddexp(emit, np.where(repeats, blank[:, :-1], before[:, :-1])) + log_of_labels
        blank = before + log_of_blank
    ends = np.count_nonzero(labels != _BLANK, axis=1)[:, None]
    return -np.take_along_axis(_past(blank, emit), ends, axis=1)[:, 0]


def _past(blank: Array, emit: Array) -> Array:
    """Beginnings that end in symbol i - 1 or in the blank after it: all that the blank before symbol i may follow."""
    past = blank.copy()
    np.logaddexp(blank[:, 1:], emit, out=past[:, 1:])
    return past


class CTC(Loss):
    """CTC loss of every sequence, in nats, reduced.

    Formula, parameters and source: `ctc` and `Loss`.

    >>> import numpy as np
    >>> float(CTC()([[1, 0], [1, 2]], np.zeros((2, 2, 3))).round(6))
    1.647918
    """

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str = "ctc", dtype: str | None = None) -> None:
        super().__init__(name, reduction, dtype)

    def call(self, y_true: Array, y_pred: Array) -> Array:
        return ctc(y_true, y_pred)
